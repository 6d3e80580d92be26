//! How a release takes over from the one before.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use crate::intent::Weight;
use crate::shape;
use crate::shape::{Decode, Schemas, Shape, Spanned, Whole};
use crate::yaml::{Node, Value};

shape! {
    /// How a release takes over. A word alone takes the strategy as it comes.
    pub enum Strategy {
        /// Instances are replaced a few at a time.
        Rolling(Rolling) = "rolling",
        /// A full set is started beside the old one, then all traffic moves at once.
        BlueGreen(BlueGreen) = "blue-green",
        /// Traffic moves by measured steps; what hurts users is taken back at once.
        Canary(Canary) = "canary",
        /// Instances are replaced in stages, each of which somebody approves.
        Staged(Staged) = "staged",
    }
}

shape! {
    /// Instances are replaced a few at a time.
    pub struct Rolling {
        /// How many may run beyond the wanted number: a number or a share.
        max_surge: Amount = "25%",
        /// How many of the wanted number may be missing: a number or a share.
        max_unavailable: Amount = "0",
    }
}

shape! {
    /// A full set is started beside the old one, then all traffic moves at once.
    #[short = "bake"]
    pub struct BlueGreen {
        /// How long the old set stays ready to take the traffic back.
        bake: SignedDuration = "10m",
    }
}

shape! {
    /// Traffic moves by measured steps.
    #[short = "steps"]
    pub struct Canary {
        /// The steps on the way to all traffic, which is the last one, said or not.
        steps: Vec<CanaryStep> = "[5%, 25%, 50%]",
    }
}

shape! {
    /// A step of a canary. A share alone is its weight.
    #[short = "weight"]
    pub struct CanaryStep {
        /// The share of traffic that the new release has.
        weight: Spanned<Weight>,
        /// How long it is held at least.
        hold: SignedDuration = "10m",
    }
}

shape! {
    /// Instances are replaced in stages.
    #[short = "stages"]
    pub struct Staged {
        /// The stages on the way to all instances, which is the last one, said or not.
        stages: Vec<Stage> = "[10%, 50%]",
    }
}

shape! {
    /// A stage. A share alone is how many instances.
    #[short = "share"]
    pub struct Stage {
        /// The share of instances that run the new release.
        share: Spanned<Weight>,
        /// How long it is held at least.
        hold: SignedDuration = "1h",
        /// Whether somebody must say that it may go on.
        approval: bool = "true",
    }
}

/// A number of instances, or a share of those that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    Count(u32),
    Share(Weight),
}

impl Amount {
    pub fn is_none(self) -> bool {
        matches!(self, Self::Count(0) | Self::Share(Weight::NONE))
    }
}

impl Shape for Amount {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match &node.value {
            Value::String(_) => Weight::decode(node, cx).map(Self::Share),
            Value::Int(_) => {
                Whole::<0, 1000>::decode(node, cx).map(|count| Self::Count(count.get()))
            }
            _ => {
                cx.expected("a number from 0 to 1000 or a share such as `25%`", node, None);
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        json!({ "anyOf": [Whole::<0, 1000>::schema(schemas), Weight::schema(schemas)] })
    }
}

//! How a release takes over from the one before.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use crate::intent::Weight;
use crate::shape;
use crate::shape::{Decode, Schemas, Shape, Spanned, Whole};
use crate::source::{Finding, Span};
use crate::yaml::{Node, Value};

shape! {
    /// How a release takes over. A word alone takes the strategy as it comes.
    #[check = leads_on]
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

fn leads_on(strategy: &Strategy, place: Span, cx: &mut Decode) {
    match strategy {
        Strategy::Rolling(rolling) => {
            if rolling.max_surge.is_none() && rolling.max_unavailable.is_none() {
                let message =
                    "a rolling update with neither surge nor unavailable instances never begins";
                cx.report(
                    Finding::error("never-begins", message, place)
                        .label("both are 0")
                        .hint("set `max_surge` or `max_unavailable` to at least 1"),
                );
            }
        }
        Strategy::BlueGreen(_) => {}
        Strategy::Canary(canary) => {
            rising("canary", canary.steps.iter().map(|step| step.weight), place, cx);
        }
        Strategy::Staged(staged) => {
            rising("staged", staged.stages.iter().map(|stage| stage.share), place, cx);
        }
    }
}

/// Shares must grow from more than nothing.
fn rising(
    name: &str,
    shares: impl ExactSizeIterator<Item = Spanned<Weight>>,
    place: Span,
    cx: &mut Decode,
) {
    const MOST: usize = 99;
    if shares.len() > MOST {
        let message = format!("{} steps of a {name} rollout are too many", shares.len());
        cx.report(
            Finding::error("too-many-steps", message, place).label(format!("at most {MOST}")),
        );
    }
    let mut before: Option<Spanned<Weight>> = None;
    for share in shares {
        if share.value == Weight::NONE {
            let message = format!("a step of a {name} rollout must be more than 0 %");
            cx.report(
                Finding::error("steps-must-rise", message, share.span)
                    .label("nothing would happen"),
            );
        }
        if let Some(before) = before.filter(|before| share.value <= before.value) {
            let message = format!(
                "the steps of a {name} rollout must rise: {} comes after {}",
                share.value, before.value
            );
            cx.report(
                Finding::error("steps-must-rise", message, share.span)
                    .label("not more than the step before")
                    .also(before.span, "the step before"),
            );
        }
        before = Some(share);
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

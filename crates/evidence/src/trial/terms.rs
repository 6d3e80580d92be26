//! What is tolerated, what has to be ruled out, and how often a verdict may be wrong.

use serde::{Deserialize, Serialize};

/// Terms as somebody asks for them. [`Terms`] are those that can be judged by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asked {
    /// The candidate may be this many times as bad as the baseline: 1 is "no worse".
    pub tolerated: f64,
    /// The chance that a candidate within what is tolerated is ever found harmful.
    pub alpha: f64,
    /// Being this many times as bad as the baseline has to be ruled out before a candidate is clear.
    pub ruled_out: f64,
    /// The chance that a candidate that is as bad as that, or worse, is ever cleared.
    pub beta: f64,
}

impl Default for Asked {
    fn default() -> Self {
        Self { tolerated: 1.0, alpha: 0.01, ruled_out: 2.0, beta: 0.05 }
    }
}

/// Terms that make sense.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Asked", into = "Asked")]
pub struct Terms(Asked);

impl Terms {
    pub fn tolerated(&self) -> f64 {
        self.0.tolerated
    }

    pub fn alpha(&self) -> f64 {
        self.0.alpha
    }

    pub fn ruled_out(&self) -> f64 {
        self.0.ruled_out
    }

    pub fn beta(&self) -> f64 {
        self.0.beta
    }
}

impl From<Terms> for Asked {
    fn from(terms: Terms) -> Self {
        terms.0
    }
}

const LEAST_TOLERATED: f64 = 0.5;
const MOST_TOLERATED: f64 = 10.0;
const MOST_RULED_OUT: f64 = 50.0;
/// What is ruled out is at least this many times what is tolerated: nothing tells closer ones apart.
const LEAST_APART: f64 = 1.25;
const LEAST_CHANCE: f64 = 1e-9;
const MOST_CHANCE: f64 = 0.5;

impl TryFrom<Asked> for Terms {
    type Error = BadTerms;

    fn try_from(asked: Asked) -> Result<Self, BadTerms> {
        let Asked { tolerated, alpha, ruled_out, beta } = asked;
        // A number that is none is in no range.
        if !(LEAST_TOLERATED..=MOST_TOLERATED).contains(&tolerated) {
            return Err(BadTerms::Tolerated(tolerated));
        }
        if !(LEAST_APART * tolerated..=MOST_RULED_OUT).contains(&ruled_out) {
            return Err(BadTerms::RuledOut { ruled_out, least: LEAST_APART * tolerated });
        }
        for (name, chance) in [("alpha", alpha), ("beta", beta)] {
            if !(LEAST_CHANCE..=MOST_CHANCE).contains(&chance) {
                return Err(BadTerms::Chance { name, chance });
            }
        }
        Ok(Self(asked))
    }
}

/// Why nothing can be judged by the terms asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadTerms {
    #[error(
        "tolerated ratio {0}: must be from {LEAST_TOLERATED} to {MOST_TOLERATED}; 1 is \"no worse \
         than the baseline\""
    )]
    Tolerated(f64),
    #[error(
        "ratio to be ruled out {ruled_out}: must be from {least} ({LEAST_APART} times what is \
         tolerated) to {MOST_RULED_OUT}"
    )]
    RuledOut { ruled_out: f64, least: f64 },
    #[error("chance {name} {chance}: must be from {LEAST_CHANCE} to {MOST_CHANCE}; 0.01 is 1 %")]
    Chance { name: &'static str, chance: f64 },
}

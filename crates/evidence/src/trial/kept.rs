//! A trial at rest.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::{MOST, Question, RATIOS, RESERVE, Tally, Terms, Trial};
use crate::exact::Exact;

/// A trial as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    terms: Terms,
    tally: Tally,
    wealth: [Exact; RATIOS],
    reserve: Exact,
    peak: Exact,
}

impl<Q: Question> From<Trial<Q>> for Kept {
    fn from(trial: Trial<Q>) -> Self {
        Self {
            terms: trial.terms,
            tally: trial.tally,
            wealth: trial.wealth.map(Exact),
            reserve: Exact(trial.reserve),
            peak: Exact(trial.peak),
        }
    }
}

impl<Q: Question> TryFrom<Kept> for Trial<Q> {
    type Error = BadTrial;

    fn try_from(kept: Kept) -> Result<Self, BadTrial> {
        let wealth = kept.wealth.map(|Exact(wealth)| wealth);
        let Exact(reserve) = kept.reserve;
        let Exact(peak) = kept.peak;
        let is_sound = wealth.iter().all(|wealth| (0.0..=MOST).contains(wealth))
            && (0.0..=RESERVE).contains(&reserve)
            && peak.is_finite()
            && peak >= 1.0;
        if !is_sound {
            return Err(BadTrial);
        }
        Ok(Self {
            terms: kept.terms,
            tally: kept.tally,
            wealth,
            reserve,
            peak,
            question: PhantomData,
        })
    }
}

/// A trial that was written down and does not add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the evidence of a trial is out of range: it was not written by a trial")]
pub struct BadTrial;

//! What the status functions of an `if` tell: how the jobs before it have ended.

use std::cell::RefCell;

use model::pipeline::{Conclusion, Progress, Stage};
use workflow::expression::Special;

use super::Turn;
use super::place::Map;

/// How all have ended that had to be over before a job, directly or not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) success: bool,
    failure: bool,
    cancelled: bool,
}

/// What a job and all before it come to. What is over stays so, hence it is found out once for a
/// decision.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    success: bool,
    failure: bool,
}

/// The verdicts that were found out, by the jobs' places in the run.
#[derive(Debug, Default)]
pub(super) struct Verdicts(RefCell<Vec<Option<Verdict>>>);

impl Before {
    /// What a status function tells; nothing if it is another one.
    pub(super) fn tell(self, function: Special) -> Option<bool> {
        match function {
            Special::Success => Some(self.success),
            Special::Failure => Some(self.failure),
            Special::Cancelled => Some(self.cancelled),
            Special::Always => Some(true),
            Special::HashFiles => None,
        }
    }
}

impl Turn {
    pub(super) fn before(&self, index: usize) -> Before {
        let sheet = self.next.sheet.clone();
        let map = Map::of(&sheet, &self.next);
        let mut verdicts = self.verdicts.0.borrow_mut();
        verdicts.resize(self.next.jobs.len(), None);
        let needed = map.needed_by(index).map(|job| self.verdict(job, map, &mut verdicts));
        let Verdict { success, failure } = needed.fold(Verdict::GOOD, Verdict::and);
        let cancelled = matches!(self.next.stage, Stage::Cancelling { .. });
        Before { success: success && !cancelled, failure, cancelled }
    }

    /// Goes back as far as it must, without recursion: chains may be long.
    fn verdict(&self, job: usize, map: Map<'_, '_>, verdicts: &mut [Option<Verdict>]) -> Verdict {
        let mut ahead = vec![job];
        while let Some(&job) = ahead.last() {
            if verdicts[job].is_some() {
                ahead.pop();
                continue;
            }
            let own = self.own_verdict(job);
            // Without a condition it began because all before it had succeeded.
            let is_settled = own.success && map.sheet_of(job).condition.is_empty();
            let known = ahead.len();
            if !is_settled {
                ahead.extend(map.needed_by(job).filter(|need| verdicts[*need].is_none()));
            }
            if ahead.len() == known {
                let before = map.needed_by(job).filter(|_| !is_settled);
                let before = before.filter_map(|need| verdicts[need]);
                verdicts[job] = Some(before.fold(own, Verdict::and));
            }
        }
        verdicts[job].unwrap_or(Verdict::GOOD)
    }

    fn own_verdict(&self, job: usize) -> Verdict {
        match &self.next.jobs[job].progress {
            Progress::Over(result) => Verdict {
                success: result.counted() == Conclusion::Success,
                failure: result.counted() == Conclusion::Failure,
            },
            _ => Verdict::GOOD,
        }
    }
}

impl Verdict {
    const GOOD: Self = Self { success: true, failure: false };

    fn and(self, other: Self) -> Self {
        Self { success: self.success && other.success, failure: self.failure || other.failure }
    }
}

//! How jobs end, and what many of them come to together.

use model::fact::RunJobEnded;
use model::intent::Intent;
use model::persisted::Part;
use model::pipeline::{Calling, Conclusion, Job, JobResult, Progress, Stage};

use super::Turn;
use super::limits::shorten;
use super::place::Map;

impl Turn {
    /// A job is over by itself.
    pub(super) fn finish(&mut self, index: usize, mut result: JobResult) {
        if result.conclusion == Conclusion::Failure {
            match self.is_tolerated(index) {
                Ok(tolerated) => result.tolerated = tolerated,
                Err(why) => result.why = Some(shorten(&why)),
            }
        }
        let failed = result.counted() == Conclusion::Failure;
        self.stand(index, result);
        if failed {
            self.fail_fast(index);
        }
    }

    /// A job is over, with this result.
    pub(super) fn stand(&mut self, index: usize, result: JobResult) {
        self.leave_groups(index);
        self.next.jobs[index].edit().progress = Progress::Over(result);
        self.make_others_due(index);
    }

    /// A job fails although nobody has executed it to its end.
    pub(super) fn fail(&mut self, index: usize, why: String) {
        self.end_unexecuted(index, Conclusion::Failure, Some(why));
    }

    /// A job is over although nobody has executed it to its end.
    pub(super) fn end_unexecuted(
        &mut self,
        index: usize,
        conclusion: Conclusion,
        why: Option<String>,
    ) {
        let job = &self.next.jobs[index];
        let attempt = match job.progress {
            Progress::Ordered { job, .. } => Some(job),
            _ => None,
        };
        let why = why.map(|why| shorten(&why));
        let ended = RunJobEnded {
            job: attempt,
            name: job.name.clone(),
            conclusion,
            why: why.clone(),
            runner: None,
            seconds: None,
            again: false,
        };
        self.facts.push(ended.into());
        self.finish(index, JobResult { job: attempt, ..JobResult::without(conclusion, why) });
    }

    /// Tells a job to end. What runs stays what it is until its report comes.
    pub(super) fn halt(&mut self, index: usize, why: Option<String>) {
        match self.next.jobs[index].progress {
            Progress::Ordered { job, stopping: false, .. } => {
                if let Progress::Ordered { stopping, .. } =
                    &mut self.next.jobs[index].edit().progress
                {
                    *stopping = true;
                }
                self.intents.push(Intent::Halt(job));
            }
            Progress::Waiting | Progress::Queued { .. } | Progress::Held(_) => {
                self.end_unexecuted(index, Conclusion::Cancelled, why);
            }
            _ => {}
        }
    }

    /// Ends a job and all that belongs to it.
    pub(super) fn end_whole(&mut self, index: usize, why: &str) {
        let below = match &self.next.jobs[index].progress {
            Progress::Over(_) => return,
            Progress::Spread(spread) => spread.first..spread.first + spread.cells,
            Progress::Calling(Calling { first, .. }) => {
                let (first, sheet) = (*first, self.next.sheet.clone());
                first..first + Map::of(&sheet, &self.next).call_of(index).sheet.jobs.len()
            }
            _ => return self.halt(index, Some(why.to_owned())),
        };
        for job in below {
            self.end_whole(job, why);
        }
    }

    /// One cell's failure ends the others, unless the file says otherwise.
    fn fail_fast(&mut self, index: usize) {
        let Some(cell) = &self.next.jobs[index].cell else { return };
        let Progress::Spread(spread) = self.next.jobs[cell.of].progress else { return };
        if !spread.fail_fast {
            return;
        }
        let why = format!("{} failed", self.next.jobs[index].name);
        for other in spread.first..spread.first + spread.cells {
            self.end_whole(other, &why);
        }
    }
}

/// What jobs come to together; `None` while one of them is not over.
pub(super) fn fold(jobs: &[Part<Job>], stage: Stage) -> Option<Conclusion> {
    let mut seen = [false; 4];
    for job in jobs {
        let Progress::Over(result) = &job.progress else { return None };
        seen[result.counted() as usize] = true;
    }
    let has = |conclusion| seen[conclusion as usize];
    let folded = if has(Conclusion::Failure) {
        Conclusion::Failure
    } else if has(Conclusion::Cancelled) || matches!(stage, Stage::Cancelling { .. }) {
        Conclusion::Cancelled
    } else if has(Conclusion::Success) || jobs.is_empty() {
        Conclusion::Success
    } else {
        Conclusion::Skipped
    };
    Some(folded)
}

//! What may be said to a run: end it, and let jobs enter environments or not.

use model::fact::{Actor, RunApproved, RunCancelling, RunRejected, WordRefused};
use model::pipeline::{Conclusion, Gate, Progress, Stage};
use serde::{Deserialize, Serialize};

use super::Turn;
use super::limits::shorten;
use super::place::Map;
use crate::decision::{Reason, Told};

/// What may be said to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// End it. What is to run always goes on and is still begun; by force, not even that.
    Cancel { force: bool },
    /// Let the jobs that wait for it enter an environment.
    Approve { environment: String },
    /// Do not let them.
    Reject { environment: String },
}

impl Word {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Cancel { .. } => "cancel",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
        }
    }
}

impl Turn {
    pub(super) fn obey(&mut self, told: Told<Word>) -> Reason {
        let Told { word, by } = told;
        let name = word.name();
        let obeyed = match word {
            _ if matches!(self.next.stage, Stage::Over(_)) => Err("it is over".to_owned()),
            Word::Cancel { force } => self.cancel(force),
            Word::Approve { environment } => self.approve(&environment, &by),
            Word::Reject { environment } => self.reject(&environment),
        };
        match obeyed {
            Ok(text) => Reason::new(text),
            Err(why) => {
                let why = shorten(&why);
                self.facts.push(WordRefused { word: name.to_owned(), why: why.clone() }.into());
                Reason::refusal(why)
            }
        }
    }

    /// As upstream: what has begun is asked again whether it is wanted, and only what always runs
    /// still is.
    fn cancel(&mut self, force: bool) -> Result<&'static str, String> {
        match self.next.stage {
            Stage::Cancelling { force: true } => {
                return Err("it is being cancelled by force already".to_owned());
            }
            Stage::Cancelling { .. } if !force => {
                return Err("it is being cancelled already".to_owned());
            }
            _ => {}
        }
        self.begin_to_cancel(force);
        Ok("what runs is told to stop")
    }

    pub(super) fn begin_to_cancel(&mut self, force: bool) {
        let was_held_back = self.is_held_back();
        self.next.stage = Stage::Cancelling { force };
        self.facts.push(RunCancelling { force }.into());
        if was_held_back {
            return self.end_before_its_place(None);
        }
        for index in 0..self.next.jobs.len() {
            match self.next.jobs[index].progress {
                Progress::Waiting => {
                    self.due.insert(index);
                }
                Progress::Ordered { .. } | Progress::Held(_) | Progress::Queued { .. }
                    if !self.is_still_wanted(index) =>
                {
                    self.halt(index, None);
                }
                _ => {}
            }
        }
    }

    /// Whether a job that was wanted once is wanted although the run is being cancelled.
    pub(super) fn is_still_wanted(&self, index: usize) -> bool {
        let sheet = self.next.sheet.clone();
        let whole = self.next.jobs[index].cell.as_ref().map_or(index, |cell| cell.of);
        let condition = &Map::of(&sheet, &self.next).sheet_of(whole).condition;
        self.is_wanted(whole, condition).unwrap_or(false)
    }

    fn approve(&mut self, environment: &str, by: &Actor) -> Result<&'static str, String> {
        let waiting = self.waiting_for(environment)?;
        if self.next.request.began_by.as_ref() == Some(by) {
            return Err(format!("{by} began this run: somebody else has to approve"));
        }
        let has_approved = |index: &usize| match &self.next.jobs[*index].progress {
            Progress::Held(gate) => gate.approved_by.contains(by),
            _ => true,
        };
        if waiting.iter().all(has_approved) {
            return Err(format!("{by} has approved already: somebody else has to"));
        }
        for index in waiting {
            let job = self.next.jobs[index].edit();
            let Progress::Held(gate) = &mut job.progress else { continue };
            if gate.approved_by.contains(by) {
                continue;
            }
            gate.approved_by.push(by.clone());
            let (name, environment) = (job.name.clone(), gate.environment.clone());
            self.facts.push(RunApproved { name, environment, missing: gate.missing() }.into());
            self.due.insert(index);
        }
        Ok("the approval counts")
    }

    fn reject(&mut self, environment: &str) -> Result<&'static str, String> {
        for index in self.waiting_for(environment)? {
            let job = &self.next.jobs[index];
            let Progress::Held(Gate { environment, .. }) = &job.progress else { continue };
            let (name, environment) = (job.name.clone(), environment.clone());
            let why = format!("it may not enter {environment}");
            self.facts.push(RunRejected { name, environment }.into());
            self.end_unexecuted(index, Conclusion::Failure, Some(why));
        }
        Ok("the jobs that waited are not executed")
    }

    /// The jobs that wait for consent to enter an environment, whose case does not count.
    fn waiting_for(&self, environment: &str) -> Result<Vec<usize>, String> {
        let waits = |index: &usize| match &self.next.jobs[*index].progress {
            Progress::Held(gate) => gate.environment.eq_ignore_ascii_case(environment),
            _ => false,
        };
        let waiting: Vec<_> = (0..self.next.jobs.len()).filter(waits).collect();
        if waiting.is_empty() {
            return Err(format!("no job waits to enter {environment}"));
        }
        Ok(waiting)
    }
}

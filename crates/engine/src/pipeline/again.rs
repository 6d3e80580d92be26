//! Doing a run again, or only what of it failed: which results stand, and which jobs do not.

use std::collections::BTreeMap;
use std::fmt;

use model::pipeline::{
    Conclusion, Job, JobPath, JobResult, Progress, Request, Resume, Run, Stage, Work,
};

use super::place::Map;

/// What of a run is to be done again. A job is named as it is shown, or by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again<'a> {
    All,
    /// What failed or was cancelled.
    Failed,
    Job(&'a str),
    /// A job from one of its steps on, counted from 0, in the workspace as it was.
    Step {
        job: &'a str,
        step: usize,
    },
}

/// Why a run cannot be done again so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAgain {
    StillGoing,
    NothingFailed,
    NoSuchJob(String),
    SeveralJobs(String),
    NotExecuted(String),
    NoSuchStep { job: String, steps: usize },
}

impl fmt::Display for NotAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StillGoing => f.write_str("the run is not over"),
            Self::NothingFailed => f.write_str("nothing of the run failed"),
            Self::NoSuchJob(job) => write!(f, "the run has no job `{job}`"),
            Self::SeveralJobs(job) => {
                write!(f, "several jobs are called `{job}`: name one by its path, as `build[2]`")
            }
            Self::NotExecuted(job) => write!(f, "`{job}` was not executed, so it has no step"),
            Self::NoSuchStep { job, steps } => write!(f, "`{job}` has {steps} steps"),
        }
    }
}

impl std::error::Error for NotAgain {}

/// The request for a run that does again what is asked for, and after it everything that needs it.
/// What else was executed keeps its result.
pub fn again(run: &Run, what: Again<'_>) -> Result<Request, NotAgain> {
    if !matches!(run.stage, Stage::Over(_)) {
        return Err(NotAgain::StillGoing);
    }
    let mut anew = Anew::new(run);
    let mut resume = None;
    match what {
        Again::All => anew.all(),
        Again::Failed => anew.failed()?,
        Again::Job(name) => anew.mark_whole(anew.find(name)?),
        Again::Step { job, step } => {
            let index = anew.find(job)?;
            resume = Some((anew.map.path_of(index), anew.resume(index, job, step)?));
            anew.mark_whole(index);
        }
    }
    Ok(Request { kept: anew.kept(), resume, ..(*run.request).clone() })
}

/// Which jobs of a run that is over are executed anew.
struct Anew<'r> {
    run: &'r Run,
    map: Map<'r, 'r>,
    /// All of the job.
    whole: Vec<bool>,
    /// The job or a part of it: whatever needs it comes after it.
    touched: Vec<bool>,
    /// The cells of each job, and the jobs of the workflow that it called.
    parts: Vec<Vec<usize>>,
    /// The jobs that need each job.
    needing: Vec<Vec<usize>>,
}

impl<'r> Anew<'r> {
    fn new(run: &'r Run) -> Self {
        let map = Map::of(&run.sheet, run);
        let mut parts = vec![Vec::new(); run.jobs.len()];
        let mut needing = vec![Vec::new(); run.jobs.len()];
        let places = run.jobs.iter().enumerate().filter(|(_, job)| job.cell.is_none());
        let places = places.map(|(index, job)| ((job.caller, job.index), index));
        let places: BTreeMap<_, _> = places.collect();
        for (index, job) in run.jobs.iter().enumerate() {
            match (&job.cell, job.caller) {
                (Some(cell), _) => parts[cell.of].push(index),
                (None, caller) => {
                    for need in &map.sheet_of(index).needs {
                        needing[places[&(caller, *need)]].push(index);
                    }
                    if let Some(caller) = caller {
                        parts[caller].push(index);
                    }
                }
            }
        }
        let none = vec![false; run.jobs.len()];
        Self { run, map, whole: none.clone(), touched: none, parts, needing }
    }

    fn all(&mut self) {
        self.whole.fill(true);
    }

    fn failed(&mut self) -> Result<(), NotAgain> {
        // Parts stand behind what they are parts of, so whose parts failed is touched already.
        for index in (0..self.run.jobs.len()).rev() {
            let Progress::Over(result) = &self.run.jobs[index].progress else { continue };
            let failed = matches!(result.conclusion, Conclusion::Failure | Conclusion::Cancelled);
            if failed && !self.touched[index] {
                self.mark_whole(index);
            }
        }
        if self.touched.contains(&true) { Ok(()) } else { Err(NotAgain::NothingFailed) }
    }

    fn find(&self, name: &str) -> Result<usize, NotAgain> {
        let path = |index: &usize| self.map.path_of(*index).to_string() == name;
        if let Some(index) = (0..self.run.jobs.len()).find(path) {
            return Ok(index);
        }
        let mut found = self.run.jobs.iter().enumerate().filter(|(_, job)| job.name == name);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            (None, _) => Err(NotAgain::NoSuchJob(name.to_owned())),
            (Some(_), Some(_)) => Err(NotAgain::SeveralJobs(name.to_owned())),
        }
    }

    fn resume(&self, index: usize, name: &str, step: usize) -> Result<Resume, NotAgain> {
        let steps = match &self.map.sheet_of(index).work {
            Work::Steps(steps) => steps.steps.len(),
            Work::Call(_) => 0,
        };
        let of = result(&self.run.jobs[index]).and_then(|result| result.job);
        let of = of.ok_or_else(|| NotAgain::NotExecuted(name.to_owned()))?;
        if step >= steps {
            return Err(NotAgain::NoSuchStep { job: name.to_owned(), steps });
        }
        Ok(Resume { of, step })
    }

    /// Marks a job with all its parts, and what comes after it.
    fn mark_whole(&mut self, index: usize) {
        let mut ahead = vec![index];
        while let Some(index) = ahead.pop() {
            if std::mem::replace(&mut self.whole[index], true) {
                continue;
            }
            ahead.extend(&self.parts[index]);
            let mut touched = Some(index);
            while let Some(index) = touched.filter(|index| !self.touched[*index]) {
                self.touched[index] = true;
                ahead.extend(&self.needing[index]);
                let job = &self.run.jobs[index];
                touched = job.cell.as_ref().map(|cell| cell.of).or(job.caller);
            }
        }
    }

    fn kept(&self) -> BTreeMap<JobPath, JobResult> {
        let jobs = self.run.jobs.iter().enumerate().filter(|(index, _)| !self.whole[*index]);
        let executed = jobs.filter_map(|(index, job)| {
            let result = result(job).filter(|result| result.job.is_some())?;
            Some((self.map.path_of(index), result.clone()))
        });
        executed.collect()
    }
}

fn result(job: &Job) -> Option<&JobResult> {
    match &job.progress {
        Progress::Over(result) => Some(result),
        _ => None,
    }
}

//! The run: one execution of a workflow, and how far it has come.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Conclusion, Resume, Sheet};
use crate::fact::Actor;
use crate::id::{JobId, RunId};
use crate::name::ServiceName;
use crate::persisted::{Part, is_default, versions};

/// One execution of one workflow: what was asked for, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub service: ServiceName,
    pub request: Part<Request>,
    pub sheet: Part<Sheet>,
    /// Every job there is so far: first those of the file in its order, then, as they become known,
    /// the cells of a matrix and the jobs of called workflows, each in one stretch.
    pub jobs: Vec<Part<Job>>,
    pub stage: Stage,
    pub began_at: Timestamp,
    /// How many jobs were begun again because their runner was lost.
    pub retries: u32,
    /// What the file says of the run as a whole: its jobs begin once it has its place.
    #[serde(default, skip_serializing_if = "is_default")]
    pub seat: Option<Seat>,
}

impl Run {
    /// A run that has not begun: the first decision sets it out.
    pub fn new(
        id: RunId,
        service: ServiceName,
        request: impl Into<Part<Request>>,
        sheet: impl Into<Part<Sheet>>,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            service,
            request: request.into(),
            sheet: sheet.into(),
            jobs: Vec::new(),
            stage: Stage::Going,
            began_at: now,
            retries: 0,
            seat: None,
        }
    }

    /// The id of an attempt at a job: always the same one, because a decision draws no lots.
    pub fn job_id(&self, job: usize, attempt: u32, at: Timestamp) -> JobId {
        let digest = Sha256::digest(format!("{}/{job}/{attempt}", self.id));
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        JobId::new(at, random)
    }
}

/// What a run was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Request {
    /// The `github` context but for what belongs to a job.
    pub github: Values,
    pub inputs: Values,
    pub vars: Values,
    /// Who may not approve it.
    pub began_by: Option<Actor>,
    /// It comes from somebody who may not see secrets.
    pub untrusted: bool,
    /// Only the cells with these values.
    pub cells: Vec<(String, String)>,
    /// Environments that jobs enter only with somebody's consent.
    pub protected: Vec<Protection>,
    /// Results of an earlier run that stand.
    pub kept: BTreeMap<JobPath, JobResult>,
    /// The job that goes on where an earlier one stopped.
    pub resume: Option<(JobPath, Resume)>,
}

/// Where a job stands, the same in every run of a workflow: its key with the number of its cell,
/// below those of the jobs that called its workflow, as in `build`, `test[2]` or `deploy/verify`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobPath(String);

impl JobPath {
    pub fn new(above: Option<&Self>, key: &str, cell: Option<usize>) -> Self {
        let above = above.map(|above| format!("{above}/")).unwrap_or_default();
        let cell = cell.map(|cell| format!("[{cell}]")).unwrap_or_default();
        Self(format!("{above}{key}{cell}"))
    }
}

impl fmt::Display for JobPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Named values, as contexts hold them.
pub type Values = serde_json::Map<String, serde_json::Value>;

/// How many people must consent before a job enters an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protection {
    pub environment: String,
    pub approvals: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Going,
    /// Somebody ended it: what runs is told to stop, and only what always runs still begins; by
    /// force, not even that.
    Cancelling {
        force: bool,
    },
    Over(Conclusion),
}

/// One job in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its place in its workflow: the index in the sheet's list.
    pub index: usize,
    /// The job in the run that called its workflow.
    #[serde(default, skip_serializing_if = "is_default")]
    pub caller: Option<usize>,
    /// What it is called: the name in the file once that is evaluated, its key before.
    pub name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub cell: Option<Cell>,
    /// The groups that it must be in, which it enters one after the other.
    #[serde(default, skip_serializing_if = "is_default")]
    pub seats: Vec<Seat>,
    pub progress: Progress,
}

/// A place in a concurrency group, wanted or taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    pub group: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub cancels: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub queues: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_taken: bool,
}

/// One combination of a matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The job in the run that it is a cell of.
    pub of: usize,
    pub index: usize,
    pub values: Values,
}

/// How far a job has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// For the jobs that it needs, or for room among the cells.
    Waiting,
    /// For its turn in its groups.
    Queued {
        since: Timestamp,
    },
    /// For people's consent.
    Held(Gate),
    /// With a runner, or with the queue for one.
    Ordered {
        job: JobId,
        attempt: u32,
        at: Timestamp,
        /// It was told to end.
        stopping: bool,
    },
    /// It is what its cells come to.
    Spread(Spread),
    /// It is what the jobs of the workflow that it calls come to.
    Calling(Calling),
    Over(JobResult),
}

/// What a matrix's cells have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Where they begin in the run's list of jobs.
    pub first: usize,
    pub cells: usize,
    pub fail_fast: bool,
    pub max_parallel: Option<u32>,
}

/// A workflow that is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calling {
    /// Where its jobs begin in the run's list, in the order of its sheet.
    pub first: usize,
    pub inputs: Values,
}

/// What a job waits for before it may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub environment: String,
    pub since: Timestamp,
    pub approvals: u32,
    pub approved_by: Vec<Actor>,
}

impl Gate {
    /// How many have yet to consent.
    pub fn missing(&self) -> u32 {
        let given = u32::try_from(self.approved_by.len()).unwrap_or(u32::MAX);
        self.approvals.saturating_sub(given)
    }
}

/// What a job came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    pub conclusion: Conclusion,
    /// It failed, and the workflow says that this does not matter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tolerated: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub outputs: Vec<(String, String)>,
    /// The attempt that it came of, if it was executed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub job: Option<JobId>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub why: Option<String>,
}

impl JobResult {
    /// For a job that was not executed.
    pub fn without(conclusion: Conclusion, why: Option<String>) -> Self {
        Self { conclusion, tolerated: false, outputs: Vec::new(), job: None, why }
    }

    /// What counts for the jobs that need it, and for the run: a failure that does not matter is
    /// none.
    pub fn counted(&self) -> Conclusion {
        if self.tolerated { Conclusion::Success } else { self.conclusion }
    }
}

versions! {
    /// Every released form of a run at rest.
    StoredRun for Run { V1(Run) }
}

//! The order: all that a worker has to know to execute one job.

use serde::{Deserialize, Serialize};

use super::{CacheMode, Defaults, Environment, StepSheet, Template, Tree, Values};
use crate::id::{JobId, RunId};
use crate::name::ServiceName;
use crate::persisted::is_default;

/// One attempt at one job. Secrets are named in it, never written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub job: JobId,
    pub run: RunId,
    pub service: ServiceName,
    /// What people call it, with its cell: `test (ubuntu-latest, 20)`.
    pub name: String,
    /// Its key in the file, below the keys of the jobs that called its workflow: `deploy/verify`.
    pub key: String,
    /// The file that its steps are in, relative to the repository.
    pub path: String,
    /// What a runner must offer.
    pub labels: Vec<String>,
    /// The contexts that are known before it begins: `github`, `inputs`, `vars`, `needs`,
    /// `matrix`, `strategy`.
    pub contexts: Values,
    /// The variables of the workflow, then those of the job.
    pub env: Vec<Tree>,
    pub defaults: Defaults,
    pub timeout_seconds: u64,
    /// How long steps may go on that want to run although the job was cancelled: a number of
    /// minutes, or an expression.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cancel_timeout_minutes: Option<Tree>,
    /// `None` where nobody says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cache_mode: Option<CacheMode>,
    pub permissions: Option<Tree>,
    pub environment: Option<Environment>,
    pub container: Option<Tree>,
    pub services: Option<Tree>,
    pub outputs: Vec<(String, Template)>,
    pub steps: Vec<StepSheet>,
    pub secrets: Secrets,
    pub resume: Option<Resume>,
}

/// Which of the service's secrets a job sees, and under which names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secrets {
    /// Runs from forks see none.
    None,
    /// All of the service and of the job's environment.
    All,
    /// These, made of what the caller sees: its secrets, and its contexts.
    Named { names: Vec<(String, Template)>, contexts: Values, of: Box<Secrets> },
}

/// An earlier attempt whose workspace and results this one takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    pub of: JobId,
    /// The first step to execute again, counted from 0.
    pub step: usize,
}

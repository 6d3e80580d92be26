//! The report: what came of a job.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What came of one attempt at one job. Secrets are masked in all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReport {
    pub ending: Ending,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    /// The runner that executed it.
    pub runner: String,
    pub outputs: Vec<(String, String)>,
    pub environment_url: Option<String>,
    pub steps: Vec<StepReport>,
    /// The first of them; how many there were is told in the log.
    pub annotations: Vec<Annotation>,
}

impl JobReport {
    /// Of a job that no worker has told of.
    pub fn unexecuted(ending: Ending, runner: impl Into<String>, at: Timestamp) -> Self {
        Self {
            ending,
            started_at: at,
            ended_at: at,
            runner: runner.into(),
            outputs: Vec::new(),
            environment_url: None,
            steps: Vec::new(),
            annotations: Vec::new(),
        }
    }
}

/// How an attempt at a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Success,
    /// A step failed; which one is in the steps.
    Failure,
    /// It could not be executed at all, and why: no retry would help.
    Invalid(String),
    TimedOut,
    Cancelled,
    /// Its runner was lost with it, and why: nobody knows how far it came.
    Lost(String),
}

impl Ending {
    /// The word that `needs.<job>.result` and status functions know it by.
    pub fn conclusion(&self) -> Conclusion {
        match self {
            Self::Success => Conclusion::Success,
            Self::Failure | Self::Invalid(_) | Self::TimedOut | Self::Lost(_) => {
                Conclusion::Failure
            }
            Self::Cancelled => Conclusion::Cancelled,
        }
    }
}

/// How a job, a step or a run ended, in the four words that workflows know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    Success,
    Failure,
    Cancelled,
    Skipped,
}

impl Conclusion {
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    pub name: String,
    /// What it came to by itself.
    pub outcome: Conclusion,
    /// What it counts as, after `continue-on-error`.
    pub conclusion: Conclusion,
    pub milliseconds: u64,
    /// Why it failed, in a sentence's fragment.
    pub why: Option<String>,
}

/// A remark on a place in a file, or on the job at large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    pub level: Level,
    pub message: String,
    pub title: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    pub end_line: Option<u32>,
    pub column: Option<u32>,
    pub end_column: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Notice,
    Warning,
    Error,
}

//! What a worker tells while it executes a job.

use std::path::PathBuf;

use jiff::Timestamp;
use model::id::JobId;
use model::pipeline::{Annotation, JobReport, StepReport};
use serde::{Deserialize, Serialize};

/// Something that happened. Secrets are masked in all of it but [`Event::Stuck`].
///
/// Steps have the numbers that the log has. The first belong to the steps of the order, in its
/// sequence; what the job executes besides has numbers behind them, in the sequence in which it
/// begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    Began {
        job: JobId,
        at: Timestamp,
    },
    StepBegan {
        step: u32,
        name: String,
        at: Timestamp,
    },
    StepEnded {
        step: u32,
        at: Timestamp,
        report: StepReport,
    },
    Annotated {
        step: u32,
        annotation: Annotation,
    },
    /// Markdown that a step wrote for people.
    Summary {
        step: u32,
        markdown: String,
    },
    /// A step has failed, and the job stays there until it is told to go on.
    Stuck {
        step: u32,
        folder: PathBuf,
        /// As the step had it, with its secrets: for a person on the worker's own machine, and to
        /// be kept nowhere.
        environment: Vec<(String, String)>,
    },
    /// The last that is told.
    Ended(JobReport),
}

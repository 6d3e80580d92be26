//! A workflow as it is written: every part typed, every part with its place.
//!
//! Where a file has mistakes, what could be read is here and the rest is missing; the mistakes are
//! told apart from it. So other checks need not wait until every mistake is mended.

mod event;
mod job;
mod permissions;
mod step;

use std::sync::Arc;

use model::source::{Source, Span};

pub use event::{
    Call as WorkflowCall, Dispatch, Event, Filter, Filters, Input, InputKind, Kind, Output,
    Schedule, Secret,
};
pub use job::{
    Call, Condition, Container, Credentials, Environment, Job, RunsOn, Secrets, Services, Snapshot,
    Steps, Strategy, Work,
};
pub use permissions::{Access, Permissions, Scope};
pub use step::{Id, Step, StepWork, WaitFor};

pub use ::model::pipeline::CacheMode;

use super::call::Repository;
use super::node::{At, Given, Node, Text};

/// One workflow file.
#[derive(Debug, Clone)]
pub struct Workflow {
    pub source: Arc<Source>,
    /// The repository that it is in, at its commit where that is known; nothing for the one at
    /// hand.
    pub home: Option<Repository>,
    pub name: Option<Text>,
    pub description: Option<Text>,
    pub run_name: Option<Text>,
    pub on: Vec<Event>,
    pub permissions: Option<At<Permissions>>,
    pub cache_mode: Option<At<CacheMode>>,
    /// A mapping of texts; its keys and values, or the whole, may be expressions.
    pub env: Option<Node>,
    pub defaults: Defaults,
    pub concurrency: Option<Concurrency>,
    /// In the order of the file.
    pub jobs: Vec<Job>,
    /// All of it as plain values.
    pub tree: Node,
}

/// `defaults.run`.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    pub shell: Option<Text>,
    pub working_directory: Option<Text>,
}

#[derive(Debug, Clone)]
pub struct Concurrency {
    pub span: Span,
    pub group: Option<Text>,
    pub cancel_in_progress: Option<Given<At<bool>>>,
    pub queue: Option<Given<At<Queue>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// One waits; who comes later takes its place.
    Single,
    /// All wait in turn.
    Max,
}

impl Workflow {
    pub fn event(&self, name: &str) -> Option<&Event> {
        self.on.iter().find(|event| event.name.value == name)
    }

    /// A job by its id, whose case does not count.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id.value.eq_ignore_ascii_case(id))
    }

    /// What the file offers to workflows that call it.
    pub fn call(&self) -> Option<&WorkflowCall> {
        self.on.iter().find_map(|event| match &event.kind {
            Kind::Call(call) => Some(call),
            _ => None,
        })
    }
}

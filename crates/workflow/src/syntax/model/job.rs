//! Jobs.

use std::sync::Arc;

use model::source::Span;

use super::super::node::{At, Given, Node, Text};
use super::{CacheMode, Concurrency, Defaults, Permissions, Step, Workflow};
use crate::expression;

#[derive(Debug, Clone)]
pub struct Job {
    pub id: At<String>,
    /// The whole of it, without its id.
    pub span: Span,
    pub name: Option<Text>,
    pub needs: Vec<At<String>>,
    pub condition: Option<Condition>,
    pub permissions: Option<At<Permissions>>,
    pub cache_mode: Option<At<CacheMode>>,
    pub concurrency: Option<Concurrency>,
    pub strategy: Option<Given<Strategy>>,
    pub work: Work,
}

#[derive(Debug, Clone)]
pub enum Work {
    Steps(Box<Steps>),
    Call(Box<Call>),
}

/// What a runner executes.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    pub runs_on: Option<Given<RunsOn>>,
    pub environment: Option<Given<Environment>>,
    pub env: Option<Node>,
    pub defaults: Defaults,
    pub outputs: Vec<(At<String>, Text)>,
    pub continue_on_error: Option<Given<At<bool>>>,
    pub timeout_minutes: Option<Given<At<f64>>>,
    pub cancel_timeout_minutes: Option<Given<At<f64>>>,
    pub container: Option<Given<Container>>,
    pub services: Option<Given<Services>>,
    pub snapshot: Option<Given<Snapshot>>,
    /// Where `steps:` is written.
    pub steps_span: Option<Span>,
    pub steps: Vec<Step>,
}

/// Containers beside a job, by their names.
pub type Services = Vec<(Text, Given<Container>)>;

/// Another workflow in place of steps.
#[derive(Debug, Clone)]
pub struct Call {
    /// `owner/repository/path@ref`, or a path that begins with `./`.
    pub uses: Option<At<String>>,
    /// What it calls, if its files were read too and it was there.
    pub workflow: Option<Arc<Workflow>>,
    pub with: Option<Node>,
    pub secrets: Secrets,
}

#[derive(Debug, Clone)]
pub enum Secrets {
    None,
    /// All that the caller has.
    Inherit(Span),
    /// A mapping, or an expression that makes it.
    Named(Node),
}

/// What stands after `if:`, with `${{ }}` or without.
#[derive(Debug, Clone)]
pub struct Condition {
    pub text: Text,
    /// Nothing if it is no expression, which has been told.
    pub read: Option<expression::Condition>,
}

#[derive(Debug, Clone)]
pub struct Strategy {
    pub span: Span,
    /// A mapping of axes with `include` and `exclude`; any part, or the whole, may be an
    /// expression.
    pub matrix: Option<Node>,
    pub fail_fast: Option<Given<At<bool>>>,
    pub max_parallel: Option<Given<At<f64>>>,
}

#[derive(Debug, Clone)]
pub struct RunsOn {
    pub span: Span,
    pub group: Option<Text>,
    pub labels: Given<Vec<Text>>,
}

#[derive(Debug, Clone)]
pub struct Environment {
    pub span: Span,
    pub name: Option<Text>,
    pub url: Option<Text>,
    /// Whether jobs in it count as deployments.
    pub deployment: Option<Given<At<bool>>>,
}

#[derive(Debug, Clone)]
pub struct Container {
    pub span: Span,
    pub image: Option<Text>,
    pub credentials: Option<Given<Credentials>>,
    pub env: Option<Node>,
    pub ports: Option<Given<Vec<Text>>>,
    pub volumes: Option<Given<Vec<Text>>>,
    pub options: Option<Text>,
    /// Services only.
    pub entrypoint: Option<Text>,
    pub command: Option<Text>,
}

#[derive(Debug, Clone, Default)]
pub struct Credentials {
    pub username: Option<Text>,
    pub password: Option<Text>,
}

/// An image that is made of the machine after the job.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub span: Span,
    pub image_name: Option<Text>,
    pub version: Option<Text>,
    pub condition: Option<Condition>,
}

impl Job {
    pub fn steps(&self) -> &[Step] {
        match &self.work {
            Work::Steps(work) => &work.steps,
            Work::Call(_) => &[],
        }
    }
}

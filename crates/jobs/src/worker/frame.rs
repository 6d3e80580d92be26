//! Where a step stands: among the steps of the job, or among those of an action.

use std::sync::Arc;

use workflow::expression::Value;

use crate::context::Pairs;

/// What the steps of one list have in common.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Actions within actions; 0 for the job's own steps.
    pub(super) depth: usize,
    /// Whose `steps` context it is; empty for the job.
    pub(super) scope: Arc<str>,
    pub(super) inputs: Value,
    /// What the steps around have in their `env`.
    pub(super) env: Pairs,
    /// What the `github` context holds in particular.
    pub(super) own: Vec<(&'static str, Value)>,
}

impl Frame {
    pub(super) fn of_job(inputs: Value) -> Self {
        Self { depth: 0, scope: "".into(), inputs, env: Pairs::new(), own: Vec::new() }
    }

    pub(super) fn is_job(&self) -> bool {
        self.depth == 0
    }
}

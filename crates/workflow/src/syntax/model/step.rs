//! Steps.

use model::source::Span;

use super::super::node::{At, Given, Node, Text};
use super::Condition;

#[derive(Debug, Clone)]
pub struct Step {
    pub span: Span,
    pub id: Id,
    pub name: Option<Text>,
    pub condition: Option<Condition>,
    pub env: Option<Node>,
    pub continue_on_error: Option<Given<At<bool>>>,
    pub timeout_minutes: Option<Given<At<f64>>>,
    /// The next step does not wait for it.
    pub background: Option<At<bool>>,
    pub work: StepWork,
}

/// A step's name in contexts and logs; unique in its job, whatever the case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    pub text: String,
    /// Where it is written; nothing if it was made up of what the step does.
    pub span: Option<Span>,
}

#[derive(Debug, Clone)]
pub enum StepWork {
    Run {
        script: Text,
        shell: Option<Text>,
        working_directory: Option<Text>,
    },
    Uses {
        action: At<String>,
        /// A mapping of texts, or an expression that makes it.
        with: Option<Node>,
    },
    Wait(WaitFor),
    /// Ends a step in the background.
    Cancel(At<String>),
    /// All at once, and then on when all are over.
    Parallel(Vec<Step>),
    /// It says neither `run` nor `uses` nor another of these, which has been told.
    Missing,
}

/// Which steps in the background must be over.
#[derive(Debug, Clone, PartialEq)]
pub enum WaitFor {
    These(Vec<At<String>>),
    All,
}

impl Id {
    /// The id, if somebody wrote it.
    pub fn written(&self) -> Option<&str> {
        self.span.map(|_| self.text.as_str())
    }
}

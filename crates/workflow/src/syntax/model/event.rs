//! What starts a workflow: events, their filters, and what is given with them.

use model::source::Span;

use super::super::node::{At, Node, Text};

#[derive(Debug, Clone)]
pub struct Event {
    pub name: At<String>,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// Any other event, with what it is narrowed to.
    Filtered(Box<Filters>),
    /// `schedule`
    Schedule(Vec<Schedule>),
    /// `workflow_dispatch`
    Dispatch(Dispatch),
    /// `workflow_call`
    Call(Call),
}

/// An event counts only if it passes each filter that is there.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    pub types: Option<Filter>,
    pub branches: Option<Filter>,
    pub branches_ignore: Option<Filter>,
    pub tags: Option<Filter>,
    pub tags_ignore: Option<Filter>,
    pub paths: Option<Filter>,
    pub paths_ignore: Option<Filter>,
    /// `workflow_run`: names of workflows.
    pub workflows: Option<Filter>,
    /// `image_version`: names and versions of images.
    pub names: Option<Filter>,
    pub versions: Option<Filter>,
}

#[derive(Debug, Clone)]
pub struct Filter {
    /// Its key.
    pub span: Span,
    pub patterns: Vec<At<String>>,
}

#[derive(Debug, Clone)]
pub struct Schedule {
    pub span: Span,
    pub cron: Option<At<String>>,
    pub timezone: Option<At<String>>,
}

#[derive(Debug, Clone, Default)]
pub struct Dispatch {
    pub inputs: Vec<Input>,
}

#[derive(Debug, Clone, Default)]
pub struct Call {
    pub inputs: Vec<Input>,
    pub outputs: Vec<Output>,
    pub secrets: Vec<Secret>,
}

#[derive(Debug, Clone)]
pub struct Input {
    pub name: At<String>,
    /// A text where nothing is said.
    pub kind: Option<At<InputKind>>,
    pub description: Option<At<String>>,
    pub required: Option<At<bool>>,
    pub default: Option<Node>,
    pub options: Option<At<Vec<At<String>>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    String,
    Boolean,
    Number,
    Choice,
    Environment,
}

#[derive(Debug, Clone)]
pub struct Output {
    pub name: At<String>,
    pub description: Option<At<String>>,
    pub value: Option<Text>,
}

#[derive(Debug, Clone)]
pub struct Secret {
    pub name: At<String>,
    pub description: Option<At<String>>,
    pub required: Option<At<bool>>,
}

impl Input {
    pub fn kind(&self) -> InputKind {
        self.kind.as_ref().map_or(InputKind::String, |kind| kind.value)
    }

    pub fn is_required(&self) -> bool {
        self.required.as_ref().is_some_and(|required| required.value)
    }
}

impl Secret {
    pub fn is_required(&self) -> bool {
        self.required.as_ref().is_some_and(|required| required.value)
    }
}

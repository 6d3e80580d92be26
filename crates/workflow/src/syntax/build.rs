//! The second step: from values to the typed workflow, and what is wrong with what they mean.
//!
//! Values of the wrong kind have been told by the first step, and are left out without a word.

mod event;
mod id;
mod job;
mod matrix;
mod needs;
mod step;

use std::fmt::Display;
use std::sync::Arc;

use model::source::{Severity, Source, Span};

use super::model::{
    Access, CacheMode, Concurrency, Condition, Defaults, Permissions, Queue, Scope, Workflow,
};
use super::node::{At, Entry, Given, Node, OPEN, Text, Value};
use super::problem::{ProblemKind, Stage};
use super::problems::Problems;
use super::read::utf16_length;
use crate::expression::{self, Names};

/// Names of groups beyond this are refused, in UTF-16 units.
const LONGEST_GROUP: usize = 400;

pub(super) fn build(source: Arc<Source>, tree: Node, problems: &mut Problems) -> Workflow {
    let mut workflow = Workflow {
        source,
        home: None,
        name: None,
        description: None,
        run_name: None,
        on: Vec::new(),
        permissions: None,
        cache_mode: None,
        env: None,
        defaults: Defaults::default(),
        concurrency: None,
        jobs: Vec::new(),
        tree: Node { span: tree.span, value: Value::Null },
    };
    let mut builder = Builder { problems };
    for (key, value) in entries(&tree) {
        match key {
            "name" => workflow.name = text(value),
            "description" => workflow.description = text(value),
            "run-name" => workflow.run_name = text(value),
            "on" => workflow.on = builder.events(value),
            "permissions" => workflow.permissions = permissions(value),
            "cache-mode" => workflow.cache_mode = cache_mode(value),
            "env" => workflow.env = Some(value.clone()),
            "defaults" => workflow.defaults = defaults(value),
            "concurrency" => workflow.concurrency = builder.concurrency(value, "concurrency"),
            "jobs" => workflow.jobs = builder.jobs(value),
            _ => {}
        }
    }
    workflow.tree = tree;
    workflow
}

struct Builder<'a> {
    problems: &'a mut Problems,
}

impl Builder<'_> {
    fn tell(&mut self, span: Span, path: impl Display, kind: ProblemKind) {
        self.problems.add(Severity::Error, Stage::Meaning, span, path.to_string(), kind);
    }

    fn warn(&mut self, span: Span, path: impl Display, kind: ProblemKind) {
        self.problems.add(Severity::Warning, Stage::Meaning, span, path.to_string(), kind);
    }

    fn concurrency(&mut self, node: &Node, path: impl Display) -> Option<Concurrency> {
        let mut concurrency =
            Concurrency { span: node.span, group: None, cancel_in_progress: None, queue: None };
        match &node.value {
            Value::Text(group) => concurrency.group = Some(group.clone()),
            Value::Mapping(_) => {
                for (key, value) in entries(node) {
                    match key {
                        "group" => concurrency.group = text(value),
                        "cancel-in-progress" => concurrency.cancel_in_progress = boolean(value),
                        "queue" => concurrency.queue = queue(value),
                        _ => {}
                    }
                }
            }
            _ => return None,
        }
        let group = concurrency.group.as_ref().and_then(Text::literal).unwrap_or_default();
        if utf16_length(group) > LONGEST_GROUP {
            self.tell(node.span, path, ProblemKind::GroupTooLong { limit: LONGEST_GROUP });
        }
        Some(concurrency)
    }

    fn condition(
        &mut self,
        node: &Node,
        names: &'static Names<'static>,
        path: impl Display,
    ) -> Option<Condition> {
        let text = text(node)?;
        // Its expressions have been read with the rest, and refused.
        if text.raw().contains(OPEN) && text.template().is_none() && is_plain(&text) {
            return Some(Condition { text, read: None });
        }
        match expression::condition_with(text.raw(), names) {
            Ok(read) => Some(Condition { text, read: Some(read) }),
            Err(error) => {
                let (raw, errors) = (text.raw().into(), vec![error]);
                let kind = ProblemKind::Template { raw, errors, names };
                self.tell(node.span, path, kind);
                Some(Condition { text, read: None })
            }
        }
    }
}

fn is_plain(text: &Text) -> bool {
    text.literal() == Some(text.raw())
}

/// The entries whose keys are written out.
fn entries(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries: &[Entry] = node.as_mapping().unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.literal()?, &entry.value)))
}

fn items(node: &Node) -> &[Node] {
    node.as_list().unwrap_or_default()
}

fn text(node: &Node) -> Option<Text> {
    node.as_text().cloned()
}

/// A text that no expression may change.
fn word(node: &Node) -> Option<At<String>> {
    let text = node.as_text()?;
    Some(At { value: text.literal()?.to_owned(), span: node.span })
}

/// One text, or a list of texts.
fn words(node: &Node) -> Vec<At<String>> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(word).collect(),
        _ => word(node).into_iter().collect(),
    }
}

fn texts(node: &Node) -> Vec<Text> {
    items(node).iter().filter_map(text).collect()
}

/// A value that is written out, or the expression in its place.
fn given<T>(node: &Node, fixed: impl FnOnce(&Node) -> Option<T>) -> Option<Given<T>> {
    match &node.value {
        Value::Text(text) if text.literal().is_none() => Some(Given::Computed(text.clone())),
        _ => fixed(node).map(Given::Fixed),
    }
}

fn boolean(node: &Node) -> Option<Given<At<bool>>> {
    given(node, fixed_boolean)
}

fn fixed_boolean(node: &Node) -> Option<At<bool>> {
    match node.value {
        Value::Bool(value) => Some(At { value, span: node.span }),
        _ => None,
    }
}

fn number(node: &Node) -> Option<Given<At<f64>>> {
    given(node, |node| match node.value {
        Value::Number(value) => Some(At { value, span: node.span }),
        _ => None,
    })
}

fn queue(node: &Node) -> Option<Given<At<Queue>>> {
    given(node, |node| {
        let word = word(node)?;
        let value = match word.value.as_str() {
            "single" => Queue::Single,
            "max" => Queue::Max,
            _ => return None,
        };
        Some(At { value, span: word.span })
    })
}

fn defaults(node: &Node) -> Defaults {
    let mut defaults = Defaults::default();
    let run = entries(node).find(|(key, _)| *key == "run");
    for (key, value) in run.into_iter().flat_map(|(_, run)| entries(run)) {
        match key {
            "shell" => defaults.shell = text(value),
            "working-directory" => defaults.working_directory = text(value),
            _ => {}
        }
    }
    defaults
}

fn cache_mode(node: &Node) -> Option<At<CacheMode>> {
    let word = word(node)?;
    Some(At { value: CacheMode::named(&word.value)?, span: word.span })
}

fn permissions(node: &Node) -> Option<At<Permissions>> {
    let value = match &node.value {
        Value::Text(text) => match text.literal()? {
            "read-all" => Permissions::ReadAll,
            "write-all" => Permissions::WriteAll,
            _ => return None,
        },
        Value::Mapping(entries) => Permissions::Named(
            entries
                .iter()
                .filter_map(|entry| {
                    let scope = Scope::named(entry.key.literal()?)?;
                    let access = Access::named(entry.value.as_text()?.literal()?)?;
                    Some((scope, access, entry.key.span()))
                })
                .collect(),
        ),
        _ => return None,
    };
    Some(At { value, span: node.span })
}

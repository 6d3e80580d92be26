//! From a workflow that was read to the sheet by which it is executed. Texts with `${{ }}` stay as
//! they are written.

mod job;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use model::pipeline::{
    CacheMode, Concurrency, Defaults, Input, InputKind, Interface, Sheet, Template, Tree,
};
use model::source::{Source, Span};

use crate::syntax::model::{self as written, Access, Kind, Permissions, Queue, Workflow};
use crate::syntax::{At, Entry, Given, Node, Reading, Text, Value};

/// The sheet of a workflow and of all that it calls. There is none where reading found errors, or
/// where calls were not followed.
pub fn sheet(reading: &Reading) -> Option<Sheet> {
    let workflow = reading.workflow.as_ref().filter(|_| !reading.has_errors())?;
    of_workflow(workflow, None)
}

/// `left` is what the callers let it do with caches.
fn of_workflow(workflow: &Workflow, left: Option<CacheMode>) -> Option<Sheet> {
    let mut places = BTreeMap::new();
    for (place, job) in workflow.jobs.iter().enumerate() {
        places.insert(job.id.value.to_ascii_lowercase(), place);
    }
    let jobs = workflow.jobs.iter().map(|job| job::of_job(job, workflow, &places, left));
    Some(Sheet {
        path: workflow.source.name().to_owned(),
        commit: workflow.home.as_ref().map(|home| home.reference.clone()),
        name: workflow.name.as_ref().map(raw),
        run_name: workflow.run_name.as_ref().map(raw),
        interface: interface(workflow),
        env: workflow.env.as_ref().map_or(Tree::Null, tree),
        defaults: defaults(&workflow.defaults),
        concurrency: workflow.concurrency.as_ref().and_then(concurrency),
        permissions: workflow.permissions.as_ref().map(permissions),
        jobs: jobs.collect::<Option<_>>()?,
    })
}

fn interface(workflow: &Workflow) -> Interface {
    let mut interface = Interface::default();
    let mut named = BTreeSet::new();
    for event in &workflow.on {
        let inputs = match &event.kind {
            Kind::Dispatch(dispatch) => &dispatch.inputs,
            Kind::Call(call) => {
                let secrets = call.secrets.iter();
                let secret =
                    |secret: &written::Secret| (secret.name.value.clone(), secret.is_required());
                interface.secrets.extend(secrets.map(secret));
                let outputs = call.outputs.iter();
                interface.outputs.extend(outputs.filter_map(|output| {
                    Some((output.name.value.clone(), raw(output.value.as_ref()?)))
                }));
                &call.inputs
            }
            Kind::Filtered(_) | Kind::Schedule(_) => continue,
        };
        for input in inputs {
            // What both a person and a caller may give is one input.
            if named.insert(input.name.value.to_ascii_lowercase()) {
                interface.inputs.push(of_input(input));
            }
        }
    }
    interface
}

fn of_input(input: &written::Input) -> Input {
    let options = input.options.iter().flat_map(|options| &options.value);
    Input {
        name: input.name.value.clone(),
        kind: match input.kind() {
            written::InputKind::String => InputKind::String,
            written::InputKind::Boolean => InputKind::Boolean,
            written::InputKind::Number => InputKind::Number,
            written::InputKind::Choice => InputKind::Choice,
            written::InputKind::Environment => InputKind::Environment,
        },
        required: input.is_required(),
        default: input.default.as_ref().map(tree),
        options: options.map(|option| option.value.clone()).collect(),
        description: input.description.as_ref().map(|description| description.value.clone()),
    }
}

fn defaults(defaults: &written::Defaults) -> Defaults {
    Defaults {
        shell: defaults.shell.as_ref().map(raw),
        working_directory: defaults.working_directory.as_ref().map(raw),
    }
}

fn concurrency(concurrency: &written::Concurrency) -> Option<Concurrency> {
    let group = concurrency.group.as_ref().map(raw).filter(|group| !group.is_empty())?;
    let queue = concurrency.queue.as_ref().and_then(Given::fixed);
    Some(Concurrency {
        group,
        cancel_in_progress: boolean(concurrency.cancel_in_progress.as_ref())
            .unwrap_or(Tree::Bool(false)),
        queue_all: queue.is_some_and(|queue| queue.value == Queue::Max),
    })
}

fn permissions(permissions: &At<Permissions>) -> Tree {
    match &permissions.value {
        Permissions::ReadAll => "read-all".into(),
        Permissions::WriteAll => "write-all".into(),
        Permissions::Named(named) => {
            let granted = named.iter().filter(|(_, access, _)| *access != Access::None);
            granted
                .map(|(scope, access, _)| (scope.name().to_owned(), Tree::from(access.name())))
                .collect()
        }
    }
}

fn raw(text: &Text) -> Template {
    text.raw().to_owned()
}

fn boolean(given: Option<&Given<At<bool>>>) -> Option<Tree> {
    given.map(|given| match given {
        Given::Fixed(value) => value.value.into(),
        Given::Computed(text) => text.raw().into(),
    })
}

fn number(given: Option<&Given<At<f64>>>) -> Option<Tree> {
    given.map(|given| match given {
        Given::Fixed(value) => of_number(value.value),
        Given::Computed(text) => text.raw().into(),
    })
}

/// A value as JSON, with its texts as they are written.
fn tree(node: &Node) -> Tree {
    match &node.value {
        Value::Null => Tree::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(value) => of_number(*value),
        Value::Text(text) => text.raw().into(),
        Value::List(items) => items.iter().map(tree).collect(),
        Value::Mapping(entries) => {
            entries.iter().map(|Entry { key, value }| (key.raw().to_owned(), tree(value))).collect()
        }
    }
}

/// JSON has no infinity, but expressions have.
fn of_number(value: f64) -> Tree {
    if value.is_finite() {
        crate::expression::Value::Number(value).to_json()
    } else {
        let word = crate::expression::Value::Number(value);
        format!("${{{{ {} }}}}", word.to_text()).into()
    }
}

/// The line in which something begins.
fn line(source: &Source, span: Span) -> u32 {
    u32::try_from(source.position(span.start).line).unwrap_or(u32::MAX)
}

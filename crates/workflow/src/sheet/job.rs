//! Jobs.

use std::collections::{BTreeMap, BTreeSet};

use model::pipeline::{
    CacheMode, Call, Environment, JobSheet, Matrix, PassedSecrets, RunsOn, Steps, Strategy, Tree,
    Work,
};

use super::{boolean, concurrency, defaults, line, number, permissions, raw, step, tree};
use crate::syntax::model::{self as written, Secrets, Workflow};
use crate::syntax::{Given, Node, Text};

/// `places` are those of all jobs, by their ids in lower case.
pub(super) fn of_job(
    job: &written::Job,
    workflow: &Workflow,
    places: &BTreeMap<String, usize>,
    left: Option<CacheMode>,
) -> Option<JobSheet> {
    // A job may be named twice.
    let needs: BTreeSet<usize> = job
        .needs
        .iter()
        .filter_map(|need| places.get(&need.value.to_ascii_lowercase()).copied())
        .collect();
    let caches = caches(job, workflow, left);
    let (work, continue_on_error) = match &job.work {
        written::Work::Steps(steps) => {
            let work = Work::Steps(Box::new(of_steps(steps, workflow, caches)));
            (work, boolean(steps.continue_on_error.as_ref()))
        }
        written::Work::Call(call) => (Work::Call(Box::new(of_call(call, caches)?)), None),
    };
    Some(JobSheet {
        key: job.id.value.clone(),
        line: line(&workflow.source, job.id.span),
        name: job.name.as_ref().map(raw),
        needs: needs.into_iter().collect(),
        condition: condition(job.condition.as_ref()),
        permissions: job.permissions.as_ref().map(permissions),
        concurrency: job.concurrency.as_ref().and_then(concurrency),
        strategy: job.strategy.as_ref().map(strategy).unwrap_or_default(),
        continue_on_error,
        work,
    })
}

/// What the job may do with caches: what is written nearest to it, and no more than its callers
/// have left it.
fn caches(job: &written::Job, workflow: &Workflow, left: Option<CacheMode>) -> Option<CacheMode> {
    let own = job.cache_mode.as_ref().or(workflow.cache_mode.as_ref()).map(|mode| mode.value);
    match (own, left) {
        (Some(own), Some(left)) => Some(own.within(left)),
        (own, left) => own.or(left),
    }
}

pub(super) fn condition(condition: Option<&written::Condition>) -> String {
    condition.map(|condition| raw(&condition.text)).unwrap_or_default()
}

fn strategy(strategy: &Given<written::Strategy>) -> Strategy {
    match strategy {
        Given::Fixed(strategy) => Strategy {
            matrix: strategy.matrix.as_ref().map(|matrix| Matrix(tree(matrix))),
            fail_fast: boolean(strategy.fail_fast.as_ref()),
            max_parallel: number(strategy.max_parallel.as_ref()),
        },
        Given::Computed(text) => computed_strategy(text),
    }
}

/// Each part asks the expression for the whole.
fn computed_strategy(text: &Text) -> Strategy {
    let Some(whole) = text.template().and_then(|template| template.as_expression()) else {
        return Strategy::default();
    };
    let whole = whole.text();
    let computed = |expression: String| Tree::from(format!("${{{{ {expression} }}}}"));
    Strategy {
        matrix: Some(Matrix(computed(format!("({whole}).matrix")))),
        fail_fast: Some(computed(format!("toJSON(({whole})['fail-fast']) != 'false'"))),
        max_parallel: Some(computed(format!("({whole})['max-parallel'] || {NO_LIMIT}"))),
    }
}

/// No matrix has more cells.
const NO_LIMIT: u32 = 256;

fn of_steps(steps: &written::Steps, workflow: &Workflow, cache_mode: Option<CacheMode>) -> Steps {
    let outputs = steps.outputs.iter();
    Steps {
        runs_on: steps.runs_on.as_ref().map_or_else(runs_nowhere, runs_on),
        environment: steps.environment.as_ref().and_then(environment),
        env: steps.env.as_ref().map_or(Tree::Null, tree),
        defaults: defaults(&steps.defaults),
        timeout_minutes: number(steps.timeout_minutes.as_ref()),
        cancel_timeout_minutes: number(steps.cancel_timeout_minutes.as_ref()),
        cache_mode,
        container: steps.container.as_ref().map(|given| part(given, container)),
        services: steps.services.as_ref().map(|given| {
            part(given, |services| {
                let service = |(name, given): &(Text, _)| (raw(name), part(given, container));
                services.iter().map(service).collect()
            })
        }),
        outputs: outputs.map(|(name, value)| (name.value.clone(), raw(value))).collect(),
        steps: step::of_steps(&steps.steps, workflow),
    }
}

fn runs_on(given: &Given<written::RunsOn>) -> RunsOn {
    match given {
        Given::Computed(text) => RunsOn { group: None, labels: text.raw().into() },
        Given::Fixed(runs_on) => {
            RunsOn { group: runs_on.group.as_ref().map(raw), labels: texts(&runs_on.labels) }
        }
    }
}

/// Reading has refused it.
fn runs_nowhere() -> RunsOn {
    RunsOn { group: None, labels: Tree::Array(Vec::new()) }
}

fn environment(given: &Given<written::Environment>) -> Option<Environment> {
    let environment = match given {
        Given::Computed(text) => Environment { name: raw(text), url: None, deployment: None },
        Given::Fixed(environment) => Environment {
            name: environment.name.as_ref().map(raw)?,
            url: environment.url.as_ref().map(raw),
            deployment: boolean(environment.deployment.as_ref()),
        },
    };
    // An empty name is how a job says that it wants none.
    (!environment.name.is_empty()).then_some(environment)
}

/// What is written out, as a tree, or the expression in its place.
fn part<T>(given: &Given<T>, fixed: impl FnOnce(&T) -> Tree) -> Tree {
    match given {
        Given::Fixed(value) => fixed(value),
        Given::Computed(text) => text.raw().into(),
    }
}

fn texts(given: &Given<Vec<Text>>) -> Tree {
    part(given, |texts| texts.iter().map(Text::raw).collect())
}

fn container(container: &written::Container) -> Tree {
    let credentials = |credentials: &written::Credentials| {
        let fields = [("username", &credentials.username), ("password", &credentials.password)];
        fields
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), Tree::from(value.as_ref()?.raw()))))
            .collect()
    };
    let text = |text: &Option<Text>| text.as_ref().map(|text| Tree::from(text.raw()));
    let fields = [
        ("image", text(&container.image)),
        ("credentials", container.credentials.as_ref().map(|given| part(given, credentials))),
        ("env", container.env.as_ref().map(tree)),
        ("ports", container.ports.as_ref().map(texts)),
        ("volumes", container.volumes.as_ref().map(texts)),
        ("options", text(&container.options)),
        ("entrypoint", text(&container.entrypoint)),
        ("command", text(&container.command)),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
}

fn of_call(call: &written::Call, caches: Option<CacheMode>) -> Option<Call> {
    let with = entries(call.with.as_ref());
    Some(Call {
        sheet: super::of_workflow(call.workflow.as_ref()?, caches)?,
        with: with.map(|(name, value)| (name, tree(value))).collect(),
        secrets: match &call.secrets {
            Secrets::Inherit(_) => PassedSecrets::Inherit,
            Secrets::None => PassedSecrets::Named(Vec::new()),
            Secrets::Named(named) => PassedSecrets::Named(
                entries(Some(named)).map(|(name, value)| (name, template(value))).collect(),
            ),
        },
    })
}

fn entries(mapping: Option<&Node>) -> impl Iterator<Item = (String, &Node)> {
    let entries = mapping.and_then(Node::as_mapping).unwrap_or_default();
    entries.iter().map(|entry| (raw(&entry.key), &entry.value))
}

/// A scalar as text.
fn template(node: &Node) -> String {
    match tree(node) {
        Tree::String(text) => text,
        other => other.to_string(),
    }
}

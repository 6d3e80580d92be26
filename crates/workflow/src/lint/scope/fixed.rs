//! The contexts that are the same for every workflow, or nearly.

use super::super::shape::{Holder, Reason, Shape};
use crate::syntax::model::{Kind, Workflow};

/// What becomes of jobs and steps.
pub(in super::super) const RESULTS: &[&str] = &["success", "failure", "cancelled", "skipped"];

pub(super) fn words_of(words: &[&str]) -> Shape {
    Shape::words(words, Reason::Enumerated)
}

/// The texts of `github`, those without documentation too.
const GITHUB_TEXTS: &[&str] = &[
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "actor",
    "actor_id",
    "api_url",
    "artifacts",
    "artifacts_list",
    "base_ref",
    "env",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "output",
    "path",
    "ref",
    "ref_name",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repository_visibility",
    "repositoryUrl",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "secret_source",
    "server_url",
    "sha",
    "state",
    "step_summary",
    "token",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
];

pub(super) fn github(workflow: &Workflow) -> Shape {
    let mut properties = texts(GITHUB_TEXTS);
    let mut put = |name: &str, shape| properties.push((name.to_owned(), shape));
    put("artifact_cache_size_limit", Shape::Number);
    put("ref_protected", Shape::boolean());
    put("ref_type", words_of(&["branch", "tag"]));
    put("event", event(workflow));
    put("event_name", event_name(workflow));
    Shape::closed(Holder::Context("github"), properties)
}

/// What a workflow sees that is only ever called, and says which secrets it takes. Any other sees
/// those of the repository, which nobody lists.
pub(super) fn secrets(workflow: &Workflow) -> Shape {
    let taken = match workflow.on.as_slice() {
        [only] => match &only.kind {
            Kind::Call(call) => call.secrets.as_slice(),
            _ => &[],
        },
        _ => &[],
    };
    if taken.is_empty() {
        return Shape::open(Holder::Context("secrets"), Vec::new(), Shape::Text);
    }
    let mut names = vec!["GITHUB_TOKEN", "ACTIONS_STEP_DEBUG", "ACTIONS_RUNNER_DEBUG"];
    names.extend(taken.iter().map(|secret| secret.name.value.as_str()));
    Shape::closed(Holder::Secrets, texts(&names))
}

/// A called workflow has the event of its caller, and so any.
fn event_name(workflow: &Workflow) -> Shape {
    if workflow.call().is_some() || workflow.on.is_empty() {
        return Shape::Text;
    }
    let names: Vec<&str> = workflow.on.iter().map(|event| event.name.value.as_str()).collect();
    Shape::words(&names, Reason::Event)
}

fn event(workflow: &Workflow) -> Shape {
    let dispatch = workflow.on.iter().find_map(|event| match &event.kind {
        Kind::Dispatch(dispatch) => Some(dispatch),
        _ => None,
    });
    match dispatch {
        Some(dispatch) if workflow.call().is_none() => {
            let inputs = dispatch.inputs.iter().map(|input| input.name.value.as_str());
            let inputs = texts(&inputs.collect::<Vec<_>>());
            let inputs = ("inputs".to_owned(), Shape::closed(Holder::Inputs, inputs));
            Shape::open(Holder::Context("github.event"), vec![inputs], Shape::Any)
        }
        _ => Shape::open(Holder::Context("github.event"), Vec::new(), Shape::Any),
    }
}

pub(super) fn job(services: Shape, guarded: bool) -> Shape {
    let mut properties =
        texts(&["workflow_ref", "workflow_sha", "workflow_repository", "workflow_file_path"]);
    // Without a container there is nothing, which people ask for too.
    let container = Shape::optional(Holder::Context("job.container"), texts(&["id", "network"]));
    let status = if guarded {
        Shape::words(&["success"], Reason::Success)
    } else {
        words_of(&["success", "failure", "cancelled"])
    };
    let mut put = |name: &str, shape| properties.push((name.to_owned(), shape));
    put("check_run_id", Shape::Number);
    put("container", container);
    put("services", services);
    put("status", status);
    Shape::closed(Holder::Context("job"), properties)
}

pub(super) fn service() -> Shape {
    let mut properties = texts(&["id", "network"]);
    properties.push(("ports".to_owned(), Shape::Any));
    Shape::closed(Holder::Context("job.services.<id>"), properties)
}

pub(super) fn runner() -> Shape {
    let mut properties = texts(&["name", "temp", "tool_cache", "workspace", "debug"]);
    let mut put = |name: &str, words: &[&str]| properties.push((name.to_owned(), words_of(words)));
    put("os", &["Linux", "Windows", "macOS"]);
    put("arch", &["X64", "ARM64", "X86", "ARM"]);
    put("environment", &["github-hosted", "self-hosted"]);
    Shape::closed(Holder::Context("runner"), properties)
}

pub(super) fn strategy() -> Shape {
    let number = |name: &str| (name.to_owned(), Shape::Number);
    let properties = vec![
        ("fail-fast".to_owned(), Shape::boolean()),
        number("job-index"),
        number("job-total"),
        number("max-parallel"),
    ];
    Shape::closed(Holder::Context("strategy"), properties)
}

fn texts(names: &[&str]) -> Vec<(String, Shape)> {
    names.iter().map(|name| ((*name).to_owned(), Shape::Text)).collect()
}

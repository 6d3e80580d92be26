//! A property that is not there, told in the words of whose property it would be.

use model::source::{Finding, Severity, Span, nearest, quoted};

use super::super::scope::JobScope;
use super::super::shape::{Holder, Object};

/// How many names are looked through for the one that was meant.
const MOST_NAMES: usize = 256;

/// How many names are told.
const MOST_SHOWN: usize = 12;

pub(super) fn finding(object: &Object, name: &str, span: Span, job: Option<&JobScope>) -> Finding {
    let shown = quoted(name);
    let later = job.is_some_and(|job| job.comes_later(name));
    let (code, message, label) = match &object.holder {
        Holder::Context(context) => {
            ("unknown-property", format!("`{context}` has no property {shown}"), "always empty")
        }
        Holder::Value => {
            ("unknown-property", format!("there is no property {shown}"), "always empty")
        }
        Holder::Inputs if object.is_empty() => {
            ("unknown-input", format!("the workflow has no input {shown}"), "it declares none")
        }
        Holder::Inputs => {
            ("unknown-input", format!("the workflow has no input {shown}"), "not declared")
        }
        Holder::Secrets => (
            "undeclared-secret",
            format!("the workflow does not say that it takes the secret {shown}"),
            "empty, unless the caller says `secrets: inherit`",
        ),
        Holder::Matrix if object.is_empty() => (
            "unknown-matrix-key",
            format!("the matrix has no key {shown}"),
            "the job has no matrix",
        ),
        Holder::Matrix => {
            ("unknown-matrix-key", format!("the matrix has no key {shown}"), "always empty")
        }
        Holder::Needs => {
            ("not-needed", format!("the job does not need {shown}"), "not among its `needs`")
        }
        Holder::JobOutputs(job) => (
            "unknown-output",
            format!("the job {} has no output {shown}", quoted(job)),
            "not among its `outputs`",
        ),
        Holder::StepOutputs(step) => (
            "unknown-output",
            format!("the step {} has no output {shown}", quoted(step)),
            "its action does not set it",
        ),
        Holder::Job(job) => (
            "unknown-property",
            format!("of the job {} there is no {shown}", quoted(job)),
            "always empty",
        ),
        Holder::Jobs => {
            ("unknown-job", format!("there is no job {shown} in the workflow"), "unknown job")
        }
        Holder::Steps if later => {
            ("step-comes-later", format!("the step {shown} has not run yet"), "it comes later")
        }
        Holder::Steps => {
            ("unknown-step", format!("no step of the job has the id {shown}"), "unknown step")
        }
        Holder::Step(step) => (
            "unknown-property",
            format!("of the step {} there is no {shown}", quoted(step)),
            "always empty",
        ),
        Holder::Services => {
            ("unknown-service", format!("the job has no service {shown}"), "not among its services")
        }
    };
    let mut finding = Finding::warning(code, message, span).label(label);
    if object.holder == Holder::Secrets {
        finding.severity = Severity::Advice;
    }
    match hint(object, name, later) {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

fn hint(object: &Object, name: &str, later: bool) -> Option<String> {
    if object.holder == Holder::Steps && later {
        return Some("move this behind that step".to_owned());
    }
    if let Some(near) = nearest(name, object.names().take(MOST_NAMES)) {
        return Some(format!("did you mean `{near}`?"));
    }
    let known: Vec<String> = object.names().take(MOST_SHOWN + 1).map(quoted).collect();
    match &object.holder {
        Holder::Secrets => Some(format!("add {} under `on.workflow_call.secrets`", quoted(name))),
        Holder::Needs => Some(format!("add {} to the `needs` of the job", quoted(name))),
        Holder::Step(_) if matches!(name, "output" | "result" | "status") => None,
        Holder::Step(_) | Holder::Job(_) => {
            Some("write `outputs.` before the name of an output".to_owned())
        }
        Holder::JobOutputs(_) if known.is_empty() => {
            Some(format!("declare it: `outputs: {{ {name}: … }}`"))
        }
        _ if known.is_empty() || known.len() > MOST_SHOWN => None,
        _ => Some(format!("there is {}", known.join(", "))),
    }
}

//! Jobs: what they may do, where they deploy to, and whom they hold up or let pass.

use std::collections::BTreeMap;

use model::source::{Finding, Span, nearest, quoted};

use super::action::flat;
use super::expression::path;
use super::{Options, Report};
use crate::expression::{Condition, Node as Part};
use crate::syntax::model::{
    CacheMode, Concurrency, Job, Permissions, Step, StepWork, Steps, Work, Workflow,
};
use crate::syntax::{At, Given, Node, Text};

pub(super) fn check(workflow: &Workflow, options: &Options<'_>, report: &mut Report<'_>) {
    permissions(workflow.permissions.as_ref(), report);
    strangers_caches(workflow, workflow.cache_mode.as_ref(), report);
    concurrency(workflow, workflow.concurrency.as_ref(), None, report);
    variables(workflow.env.as_ref(), report);
    for job in &workflow.jobs {
        permissions(job.permissions.as_ref(), report);
        strangers_caches(workflow, job.cache_mode.as_ref(), report);
        concurrency(workflow, job.concurrency.as_ref(), Some(job), report);
        repeated_need(job, report);
        if let Some(Given::Fixed(strategy)) = &job.strategy {
            positive("max-parallel", strategy.max_parallel.as_ref(), report);
            whole("max-parallel", strategy.max_parallel.as_ref(), report);
        }
        let Work::Steps(steps) = &job.work else { continue };
        positive("timeout-minutes", steps.timeout_minutes.as_ref(), report);
        environment(steps, options, report);
        variables(steps.env.as_ref(), report);
        for step in flat(&steps.steps) {
            variables(step.env.as_ref(), report);
            positive("timeout-minutes", step.timeout_minutes.as_ref(), report);
        }
        unreachable(&steps.steps, report);
        open_gate(workflow, job, steps, report);
        strangers_code(workflow, job, steps, report);
    }
}

fn permissions(permissions: Option<&At<Permissions>>, report: &mut Report<'_>) {
    if let Some(At { value: Permissions::WriteAll, span }) = permissions {
        let message = "`write-all` lets every step do everything to the repository";
        report.tell(
            Finding::advice("write-all", message, *span)
                .label("more than any job needs")
                .hint("name what is needed, as in `contents: read`"),
        );
    }
}

fn environment(steps: &Steps, options: &Options<'_>, report: &mut Report<'_>) {
    let (Some(Given::Fixed(environment)), Some(known)) = (&steps.environment, options.environments)
    else {
        return;
    };
    let Some((name, span)) =
        environment.name.as_ref().and_then(|name| Some((name.literal()?, name.span())))
    else {
        return;
    };
    if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return;
    }
    let message = format!("`highroad.yaml` has no environment {}", quoted(name));
    let finding = Finding::warning("unknown-environment", message, span).label("unknown");
    report.tell(match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => finding.hint(format!("did you mean `{near}`?")),
        None => finding.hint("add it there, or correct the name"),
    });
}

fn repeated_need(job: &Job, report: &mut Report<'_>) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for need in &job.needs {
        let Some(first) = seen.insert(need.value.to_lowercase(), need.span) else { continue };
        let message = format!("{} is needed twice", quoted(&need.value));
        report.tell(
            Finding::advice("repeated-need", message, need.span)
                .label("again")
                .also(first, "first here")
                .hint("remove one of them"),
        );
    }
}

fn positive(key: &str, number: Option<&Given<At<f64>>>, report: &mut Report<'_>) {
    let Some(Given::Fixed(At { value, span })) = number else { return };
    // No jobs at once is how some write that there is no limit.
    let least = if key == "max-parallel" { 0.0 } else { f64::MIN_POSITIVE };
    if *value < least {
        let message = format!("`{key}` must be more than 0");
        report.tell(Finding::warning("not-positive", message, *span).label("not positive"));
    }
}

fn whole(key: &str, number: Option<&Given<At<f64>>>, report: &mut Report<'_>) {
    let Some(Given::Fixed(At { value, span })) = number else { return };
    if value.fract() != 0.0 {
        let message = format!("`{key}` must be a whole number");
        report.tell(Finding::warning("not-whole", message, *span).label("a part of a job"));
    }
}

/// What runs may save that strangers start, those find that have more to lose.
fn strangers_caches(workflow: &Workflow, mode: Option<&At<CacheMode>>, report: &mut Report<'_>) {
    let Some(mode) = mode.filter(|mode| mode.value.saves()) else { return };
    let Some(event) = STRANGERS.iter().find_map(|name| workflow.event(name)) else { return };
    let message = format!(
        "what strangers start by {} can save caches of the default branch",
        quoted(&event.name.value)
    );
    report.tell(
        Finding::warning("cache-poisoning", message, mode.span)
            .label("later runs restore what these leave")
            .also(event.name.span, "anybody can cause it")
            .hint("write `cache-mode: read`, or leave it out"),
    );
}

/// Events that anybody can cause, whose runs are in the name of the default branch.
const STRANGERS: &[&str] = &[
    "discussion",
    "discussion_comment",
    "fork",
    "issue_comment",
    "issues",
    "pull_request_comment",
    "pull_request_target",
    "watch",
    "workflow_run",
];

/// Names that no shell can read.
fn variables(env: Option<&Node>, report: &mut Report<'_>) {
    for entry in env.and_then(Node::as_mapping).unwrap_or_default() {
        let Some(name) = entry.key.literal() else { continue };
        if name.contains(|c: char| c == '=' || c.is_whitespace()) {
            let message = format!("{} cannot be the name of a variable", quoted(name));
            let finding = Finding::warning("variable-name", message, entry.key.span());
            report.tell(finding.label("no script can read it"));
        }
    }
}

/// Steps behind one that does nothing but fail.
fn unreachable(steps: &[Step], report: &mut Report<'_>) {
    let fails = |step: &Step| match &step.work {
        StepWork::Run { script, .. } => {
            let code = script.raw().trim().strip_prefix("exit ").map(str::trim);
            let failure =
                code.and_then(|code| code.parse::<u8>().ok()).is_some_and(|code| code > 0);
            failure && step.condition.is_none() && step.continue_on_error.is_none()
        }
        _ => false,
    };
    let Some(at) = steps.iter().position(fails) else { return };
    let after_success = |step: &&Step| match &step.condition {
        None => true,
        Some(condition) => condition.read.as_ref().is_some_and(Condition::is_guarded),
    };
    if let Some(step) = steps[at + 1..].iter().find(after_success) {
        let start = |step: &Step| Span::new(step.span.start, step.span.start);
        report.tell(
            Finding::warning("unreachable-step", "this step is never reached", start(step))
                .label("never runs")
                .also(start(&steps[at]), "this always fails")
                .hint("put it first, or write `if: always()`"),
        );
    }
}

/// A job whose failure is let pass, before one that deploys.
fn open_gate(workflow: &Workflow, job: &Job, steps: &Steps, report: &mut Report<'_>) {
    let Some(Given::Fixed(At { value: true, span })) = &steps.continue_on_error else { return };
    for other in &workflow.jobs {
        let needs = other.needs.iter().any(|need| need.value.eq_ignore_ascii_case(&job.id.value));
        let Work::Steps(theirs) = &other.work else { continue };
        // One that looks at results itself knows what it does.
        let looks = other
            .condition
            .as_ref()
            .is_some_and(|condition| condition.text.raw().contains("needs"));
        if needs && theirs.environment.is_some() && !looks {
            let (job, other_id) = (quoted(&job.id.value), quoted(&other.id.value));
            let message = format!("{other_id} deploys even where {job} failed");
            report.tell(
                Finding::warning("open-gate", message, *span)
                    .label("lets its failure pass")
                    .also(other.id.span, "needs it, and deploys")
                    .hint("remove `continue-on-error`, or the need"),
            );
            return;
        }
    }
}

/// Runs that cancel one another although they have nothing to do with one another.
fn concurrency(
    workflow: &Workflow,
    concurrency: Option<&Concurrency>,
    job: Option<&Job>,
    report: &mut Report<'_>,
) {
    let Some(Concurrency { group: Some(group), cancel_in_progress, .. }) = concurrency else {
        return;
    };
    let Some(Given::Fixed(At { value: true, .. })) = cancel_in_progress else { return };
    let Some(names) = names(group) else { return };
    let matrix = job.is_some_and(|job| job.strategy.is_some());
    let of_matrix = |name: &String| name.starts_with("matrix") || name.starts_with("strategy");
    if matrix && !names.iter().any(of_matrix) {
        return report.tell(
            Finding::warning(
                "cancels-others",
                "the jobs of the matrix cancel one another",
                group.span(),
            )
            .label("the same for all of them")
            .hint("put a key of the matrix into the group"),
        );
    }
    let requested = ["pull_request", "pull_request_target"];
    let event = workflow.on.iter().find(|event| requested.contains(&event.name.value.as_str()));
    if let Some(event) = event
        && names.iter().all(|name| COMMON.contains(&name.as_str()))
    {
        report.tell(
            Finding::warning("cancels-others", "pull requests cancel one another", group.span())
                .label("the same for all of them")
                .also(event.name.span, "each of them starts it")
                .hint("put `${{ github.ref }}` into the group"),
        );
    }
}

/// What is the same in all runs of a workflow for pull requests.
const COMMON: &[&str] = &[
    "github.base_ref",
    "github.event_name",
    "github.job",
    "github.repository",
    "github.repository_owner",
    "github.workflow",
];

/// The paths that a text names; `None` where it names more than can be told.
fn names(text: &Text) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for (expression, _) in text.expressions() {
        if !gather(expression.root(), &mut names) {
            return None;
        }
    }
    Some(names)
}

fn gather(part: &Part, names: &mut Vec<String>) -> bool {
    match part {
        Part::Context { .. } | Part::Index { .. } => match path(part) {
            Some(path) => {
                names.push(path.join("."));
                true
            }
            None => false,
        },
        other => other.children().into_iter().all(|child| gather(child, names)),
    }
}

/// A stranger's code is fetched and executed, with the secrets of the repository at hand.
fn strangers_code(workflow: &Workflow, job: &Job, steps: &Steps, report: &mut Report<'_>) {
    if workflow.event("pull_request_target").is_none()
        || job.condition.is_some()
        || steps.environment.is_some()
    {
        return;
    }
    let steps = flat(&steps.steps);
    let Some((at, span)) = steps.iter().enumerate().find_map(|(at, step)| {
        // A condition may let in only whom one knows.
        if step.condition.is_some() { None } else { Some((at, fetches(step)?)) }
    }) else {
        return;
    };
    let executes = |step: &&&Step| match &step.work {
        StepWork::Run { .. } => true,
        StepWork::Uses { action, .. } => action.value.starts_with("./"),
        _ => false,
    };
    if let Some(step) = steps[at + 1..].iter().find(executes) {
        let message =
            "code of a stranger's pull request is executed, with the repository's secrets at hand";
        let first = Span::new(step.span.start, step.span.start);
        report.tell(
            Finding::warning("strangers-code", message, span)
                .label("fetches what the stranger wrote")
                .also(first, "from here on it can be executed")
                .hint("use `on: pull_request`, which has no secrets, or do not check this out"),
        );
    }
}

/// Where a step asks for the head of a pull request.
fn fetches(step: &Step) -> Option<Span> {
    let StepWork::Uses { action, with: Some(with) } = &step.work else { return None };
    if !action.value.to_lowercase().starts_with("actions/checkout@") {
        return None;
    }
    let reference = with.get("ref")?.as_text()?;
    let names = names(reference)?;
    let head = |name: &String| {
        name == "github.head_ref" || name.starts_with("github.event.pull_request.head.")
    };
    names.iter().any(head).then(|| reference.span())
}

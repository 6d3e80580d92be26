//! Actions: whether they are there, what they take, and which of them are no more.

mod local;
mod pin;
mod table;

use model::source::{Finding, Span, nearest, quoted};

use self::table::Known;
use super::Report;
use super::shape::{Holder, Shape};
use crate::syntax::model::{Step, StepWork, Workflow};
use crate::syntax::{At, Node};

pub(super) use local::Actions;

/// What is named by `uses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uses<'a> {
    /// A folder of the workspace, without `./`.
    Local(&'a str),
    /// A folder of the repository that the file is in, without `$/`.
    Own(&'a str),
    Docker,
    /// `owner/repository`, perhaps with a path, and the version.
    Remote {
        name: &'a str,
        version: &'a str,
    },
}

impl<'a> Uses<'a> {
    fn read(action: &'a str) -> Option<Self> {
        if let Some(path) = action.strip_prefix("./") {
            return Some(Self::Local(path.trim_end_matches('/')));
        }
        if let Some(path) = action.strip_prefix("$/") {
            return Some(Self::Own(path.trim_end_matches('/')));
        }
        if action.starts_with("docker://") {
            return Some(Self::Docker);
        }
        let (name, version) = action.split_once('@')?;
        Some(Self::Remote { name, version })
    }
}

/// An input that takes a script.
pub(super) fn script_input(action: &str) -> Option<&'static str> {
    let Some(Uses::Remote { name, .. }) = Uses::read(action) else { return None };
    let known = table::SCRIPTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, input)| *input)
}

/// The outputs of a step.
pub(super) fn outputs(step: &Step, actions: &Actions<'_>) -> Shape {
    let holder = Holder::StepOutputs(step.id.text.clone());
    let text = |name: &str| (name.to_owned(), Shape::Text);
    let names: Option<Vec<(String, Shape)>> = match &step.work {
        StepWork::Uses { action, .. } => match Uses::read(&action.value) {
            Some(Uses::Remote { name, .. }) => Known::named(name)
                .and_then(|known| known.outputs)
                .map(|outputs| outputs.iter().map(|name| text(name)).collect()),
            Some(Uses::Local(path) | Uses::Own(path)) => {
                let found = actions.find(path);
                let outputs = found.action().and_then(|action| action.outputs.as_ref());
                outputs.map(|outputs| outputs.iter().map(|name| text(name)).collect())
            }
            Some(Uses::Docker) | None => None,
        },
        _ => None,
    };
    match names {
        Some(names) => Shape::closed(holder, names),
        None => Shape::open(holder, Vec::new(), Shape::Text),
    }
}

pub(super) fn check(workflow: &Workflow, actions: &Actions<'_>, report: &mut Report<'_>) {
    let mut pins = pin::Pins::default();
    for job in &workflow.jobs {
        let mut passed = local::Passed::default();
        for step in flat(job.steps()) {
            let before = passed;
            passed.see(step);
            if let StepWork::Uses { action, with } = &step.work {
                match Uses::read(&action.value) {
                    Some(Uses::Local(path)) => {
                        local::check(path, action, with.as_ref(), (actions, before), report);
                    }
                    Some(Uses::Own(path)) => {
                        local::check_own(path, action, with.as_ref(), actions, report);
                    }
                    Some(Uses::Remote { name, version }) => {
                        let known = Known::named(name);
                        if let Some(finding) = known.and_then(|known| old(known, version, action)) {
                            report.tell(finding);
                            continue;
                        }
                        pins.see(name, version, action);
                        if let Some(known) = known {
                            check_known(known, version, action, with.as_ref(), report);
                        }
                    }
                    Some(Uses::Docker) => image(action, report),
                    None => {}
                }
            }
        }
    }
    pins.tell(report);
}

/// An image whose tag is not there.
fn image(action: &At<String>, report: &mut Report<'_>) {
    if action.value.ends_with(':') {
        let message = format!("{} ends where a tag should be", quoted(&action.value));
        report.tell(
            Finding::error("image", message, action.span)
                .label("no tag behind the `:`")
                .hint("write a tag, or better a digest: `docker://image@sha256:…`"),
        );
    }
}

/// Steps in their order, those that run side by side one after the other.
pub(super) fn flat(steps: &[Step]) -> Vec<&Step> {
    let mut all = Vec::new();
    for step in steps {
        match &step.work {
            StepWork::Parallel(inner) => all.extend(flat(inner)),
            _ => all.push(step),
        }
    }
    all
}

fn check_known(
    known: &Known,
    version: &str,
    action: &At<String>,
    with: Option<&Node>,
    report: &mut Report<'_>,
) {
    let Some(inputs) = known.inputs else { return };
    let names: Vec<&str> = inputs.iter().map(|(name, _)| *name).collect();
    let required: Vec<&str> =
        inputs.iter().filter(|(_, required)| *required).map(|(name, _)| *name).collect();
    // A version that is not known may take what no known one does.
    let all = major(version).is_some_and(|version| version <= major_of(known.newest));
    let inputs = Inputs { names: &names, required: &required, all };
    check_inputs(known.name, &inputs, action.span, with, report);
}

/// What an action takes.
struct Inputs<'a> {
    names: &'a [&'a str],
    required: &'a [&'a str],
    /// There are no others.
    all: bool,
}

/// What an action is given, held against what it takes.
fn check_inputs(
    action: &str,
    inputs: &Inputs<'_>,
    place: Span,
    with: Option<&Node>,
    report: &mut Report<'_>,
) {
    let entries = match with {
        None => &[][..],
        Some(with) => match with.as_mapping() {
            Some(entries) => entries,
            None => return,
        },
    };
    let mut given = Vec::new();
    for entry in entries {
        let Some(key) = entry.key.literal() else { return };
        given.push((key, entry.key.span()));
    }
    let names = inputs.names;
    let known = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    for (key, span) in &given {
        if known(key) {
            continue;
        }
        let message = format!("{} has no input {}", quoted(action), quoted(key));
        let finding =
            Finding::warning("unknown-action-input", message, *span).label("has no effect");
        match nearest(key, names.iter().copied()) {
            Some(near) => report.tell(finding.hint(format!("did you mean `{near}`?"))),
            None if inputs.all => report.tell(finding),
            None => {}
        }
    }
    for name in inputs.required {
        if !given.iter().any(|(key, _)| key.eq_ignore_ascii_case(name)) {
            let message = format!("{} needs the input {}", quoted(action), quoted(name));
            report.tell(
                Finding::error("missing-action-input", message, place)
                    .label(format!("without `{name}`"))
                    .hint(format!("add `{name}:` under `with`")),
            );
        }
    }
}

/// Versions that GitHub refuses, and versions made for a Node.js that runners no longer have.
fn old(known: &Known, version: &str, action: &At<String>) -> Option<Finding> {
    let major = major(version)?;
    let hint = if major < major_of(known.newest) {
        format!("write `{}@{}`", known.name, known.newest)
    } else {
        "nobody maintains it any more; use another action, or a script".to_owned()
    };
    if major < known.refused_before {
        let message = format!("GitHub refuses to run {}", quoted(&action.value));
        let finding = Finding::error("refused-action", message, action.span);
        return Some(finding.label("this fails before it starts").hint(hint));
    }
    if major < known.old_before {
        let message =
            format!("{} was made for a Node.js that runners no longer have", quoted(&action.value));
        let finding = Finding::warning("old-action", message, action.span);
        return Some(finding.label("no longer maintained").hint(hint));
    }
    None
}

fn major_of(newest: &str) -> u32 {
    major(newest).unwrap_or(0)
}

/// 4 of `v4`, `v4.1.2` and `4`.
fn major(version: &str) -> Option<u32> {
    let digits = version.strip_prefix('v').unwrap_or(version);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let whole = matches!(digits.as_bytes().get(end), None | Some(b'.'));
    // A commit may begin with digits too.
    (whole && end <= 4).then(|| digits[..end].parse().ok()).flatten()
}

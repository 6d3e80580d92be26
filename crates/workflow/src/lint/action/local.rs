//! Actions in the repository itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use model::source::{Finding, Span, quoted};
use model::yaml::{self, Value};

use super::super::Report;
use super::{Inputs, Uses, check_inputs};
use crate::syntax::model::{Step, StepWork};
use crate::syntax::{At, Files, Node, Place};

/// The oldest Node.js that runners have.
const OLDEST_NODE: u32 = 20;

/// Looks actions up, each once.
pub(crate) struct Actions<'a> {
    files: Option<&'a dyn Files>,
    found: RefCell<BTreeMap<String, Rc<Found>>>,
}

/// What is in the folder of an action.
pub(super) enum Found {
    /// There is nobody to ask, or it cannot be read.
    Unknown,
    Missing,
    Action(Action),
}

pub(super) struct Action {
    /// Each with whether it must be given.
    inputs: Vec<(String, bool)>,
    /// Inputs that are going, each with what its author says of it.
    going: Vec<(String, String)>,
    /// All of them, where the file says so.
    pub(super) outputs: Option<Vec<String>>,
    /// What it is made for: `composite`, `node24`, `docker`.
    using: String,
    /// A script that it names and that is not there.
    lost: Option<String>,
}

impl Found {
    pub(super) fn action(&self) -> Option<&Action> {
        match self {
            Self::Action(action) => Some(action),
            Self::Unknown | Self::Missing => None,
        }
    }
}

impl<'a> Actions<'a> {
    pub(crate) fn new(files: Option<&'a dyn Files>) -> Self {
        Self { files, found: RefCell::default() }
    }

    pub(super) fn find(&self, path: &str) -> Rc<Found> {
        if let Some(found) = self.found.borrow().get(path) {
            return found.clone();
        }
        let found = Rc::new(self.look(path));
        self.found.borrow_mut().insert(path.to_owned(), found.clone());
        found
    }

    fn look(&self, folder: &str) -> Found {
        let Some(files) = self.files else { return Found::Unknown };
        if folder.split('/').any(|part| part == "..") {
            return Found::Unknown;
        }
        let within = |name: &str| {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            files.read(&Place { repository: None, path }).ok()
        };
        match within("action.yml").or_else(|| within("action.yaml")) {
            Some(bytes) => read(&bytes).map_or(Found::Unknown, |(mut action, scripts)| {
                let is_lost = |script: &String| !script.contains("..") && within(script).is_none();
                action.lost = scripts.into_iter().find(is_lost);
                Found::Action(action)
            }),
            None if within("Dockerfile").or_else(|| within("dockerfile")).is_some() => {
                Found::Unknown
            }
            None => Found::Missing,
        }
    }
}

/// What an action says of itself, and the scripts that it names.
fn read(bytes: &[u8]) -> Option<(Action, Vec<String>)> {
    let root = yaml::read("action.yml", bytes, &yaml::Options::default()).root?;
    let root = root.as_mapping()?;
    let entries = |key: &str| {
        let mapping = root.get(key).and_then(yaml::Node::as_mapping);
        mapping.map(|mapping| mapping.entries.as_slice()).unwrap_or_default()
    };
    let inputs = entries("inputs").iter().map(|entry| {
        let says = |key: &str| entry.value.as_mapping().and_then(|input| input.get(key));
        let required = match says("required").map(|required| &required.value) {
            Some(Value::Bool(required)) => *required,
            Some(Value::String(text)) => text == "true",
            _ => false,
        };
        (entry.key.text.clone(), required && says("default").is_none())
    });
    let going = entries("inputs").iter().filter_map(|entry| {
        let message = entry.value.as_mapping()?.get("deprecationMessage")?.text()?;
        Some((entry.key.text.clone(), message.to_owned()))
    });
    let runs = root.get("runs").and_then(yaml::Node::as_mapping)?;
    let using = runs.get("using").and_then(yaml::Node::text);
    // Other kinds may set outputs that they do not declare.
    let composite = using == Some("composite");
    let container = ["args", "entrypoint"].map(|name| (name.to_owned(), false));
    let container = container.into_iter().filter(|_| using == Some("docker"));
    let outputs = entries("outputs").iter().map(|entry| entry.key.text.clone());
    let is_script = using.is_some_and(|using| using.starts_with("node"));
    let scripts = ["pre", "main", "post"].into_iter().filter(|_| is_script);
    let scripts = scripts.filter_map(|key| runs.get(key)?.text().map(str::to_owned)).collect();
    let action = Action {
        inputs: inputs.chain(container).collect(),
        going: going.collect(),
        outputs: composite.then(|| outputs.collect()),
        using: using.unwrap_or_default().to_owned(),
        lost: None,
    };
    Some((action, scripts))
}

/// What the steps before may have put into the workspace.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Passed {
    /// The repository is there.
    checked_out: bool,
    /// Perhaps another one, or another state of it.
    elsewhere: bool,
    /// Something else may be there as well.
    other: bool,
}

impl Passed {
    pub(super) fn see(&mut self, step: &Step) {
        match &step.work {
            StepWork::Uses { action, with } => {
                let name = match Uses::read(&action.value) {
                    Some(Uses::Remote { name, .. }) => name.to_lowercase(),
                    _ => String::new(),
                };
                let elsewhere = with.as_ref().is_some_and(|with| {
                    with.as_mapping().is_none()
                        || ["path", "repository", "ref"].iter().any(|key| with.get(key).is_some())
                });
                if name.contains("checkout") {
                    self.checked_out = true;
                    self.elsewhere |= elsewhere;
                } else if name.starts_with("actions/setup-") {
                    // These put nothing there.
                } else {
                    self.other = true;
                }
            }
            StepWork::Run { .. } => self.other = true,
            _ => {}
        }
    }
}

pub(super) fn check(
    path: &str,
    action: &At<String>,
    with: Option<&Node>,
    (actions, passed): (&Actions<'_>, Passed),
    report: &mut Report<'_>,
) {
    if !passed.checked_out && !passed.other {
        let message =
            format!("{} is looked for before the repository is checked out", quoted(&action.value));
        report.tell(
            Finding::error("action-before-checkout", message, action.span)
                .label("the workspace is empty here")
                .hint("put a step with `uses: actions/checkout` before it"),
        );
    }
    match &*actions.find(path) {
        Found::Unknown => {}
        // What steps make, they hardly put beside the workflows.
        Found::Missing if passed.elsewhere || (passed.other && !path.starts_with(".github/")) => {}
        Found::Missing => report.tell(missing(path, action.span)),
        Found::Action(found) => {
            check_found(found, action, with, report);
            // What steps make is not in the repository.
            if !passed.other {
                lost(found, action, report);
            }
        }
    }
}

/// An action at the commit that runs: no step can have put it there, and none need to.
pub(super) fn check_own(
    path: &str,
    action: &At<String>,
    with: Option<&Node>,
    actions: &Actions<'_>,
    report: &mut Report<'_>,
) {
    match &*actions.find(path) {
        Found::Unknown => {}
        Found::Missing => report.tell(missing(path, action.span)),
        Found::Action(found) => {
            check_found(found, action, with, report);
            lost(found, action, report);
        }
    }
}

fn check_found(found: &Action, action: &At<String>, with: Option<&Node>, report: &mut Report<'_>) {
    if let Some(finding) = old_node(found, action) {
        report.tell(finding);
    }
    let names: Vec<&str> = found.inputs.iter().map(|(name, _)| name.as_str()).collect();
    let inputs = Inputs { names: &names, required: &[], all: true };
    check_inputs(&action.value, &inputs, action.span, with, report);
    require(found, action, with, report);
    going(found, action, with, report);
    unknown_kind(found, action, report);
}

/// Inputs that are given although they are going.
fn going(found: &Action, action: &At<String>, with: Option<&Node>, report: &mut Report<'_>) {
    for entry in with.and_then(Node::as_mapping).unwrap_or_default() {
        let Some(key) = entry.key.literal() else { continue };
        let Some((_, says)) = found.going.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))
        else {
            continue;
        };
        let message = format!("{} wants no {} any more", quoted(&action.value), quoted(key));
        let says = says.trim().chars().take(LONGEST).collect::<String>();
        report.tell(Finding::warning("deprecated-input", message, entry.key.span()).label(says));
    }
}

/// More of what an author says is not shown.
const LONGEST: usize = 200;

/// What nothing executes.
fn unknown_kind(found: &Action, action: &At<String>, report: &mut Report<'_>) {
    let using = found.using.as_str();
    let is_node = using.strip_prefix("node").is_some_and(|version| version.parse::<u32>().is_ok());
    if !is_node && !matches!(using, "composite" | "docker") {
        let message = format!(
            "{} says `using:` {}, which there is not",
            quoted(&action.value),
            quoted(using)
        );
        report.tell(
            Finding::error("broken-action", message, action.span)
                .label("no kind of action")
                .hint("write `composite`, `docker` or `node24` in its `action.yml`"),
        );
    }
}

/// A script that is not there.
fn lost(found: &Action, action: &At<String>, report: &mut Report<'_>) {
    if let Some(script) = &found.lost {
        let message = format!(
            "{} names the script {}, which is not there",
            quoted(&action.value),
            quoted(script)
        );
        report.tell(
            Finding::error("broken-action", message, action.span)
                .label("no such file in its folder")
                .hint("correct `runs` in its `action.yml`, or commit what its build makes"),
        );
    }
}

fn missing(path: &str, span: Span) -> Finding {
    let message = format!("there is no action in `{path}`");
    Finding::error("action-not-found", message, span)
        .label("no `action.yml` there")
        .hint("the path begins at the top of the repository, not at the workflow")
}

fn old_node(found: &Action, action: &At<String>) -> Option<Finding> {
    let version: u32 = found.using.strip_prefix("node")?.parse().ok()?;
    let message = format!(
        "{} is made for Node.js {version}, which runners no longer have",
        quoted(&action.value)
    );
    (version < OLDEST_NODE).then(|| {
        Finding::warning("old-action", message, action.span)
            .label(format!("`using: {}`", found.using))
            .hint("write `using: node24` in its `action.yml`")
    })
}

/// Runners do not insist on what an action of the repository requires; the action most likely does.
fn require(found: &Action, action: &At<String>, with: Option<&Node>, report: &mut Report<'_>) {
    let entries = match with.map(Node::as_mapping) {
        None => &[][..],
        Some(Some(entries)) if entries.iter().all(|entry| entry.key.literal().is_some()) => entries,
        Some(_) => return,
    };
    for (name, _) in found.inputs.iter().filter(|(_, required)| *required) {
        let given = |key: Option<&str>| key.is_some_and(|key| key.eq_ignore_ascii_case(name));
        if !entries.iter().any(|entry| given(entry.key.literal())) {
            let message = format!("{} needs the input {}", quoted(&action.value), quoted(name));
            report.tell(
                Finding::warning("missing-action-input", message, action.span)
                    .label(format!("without `{name}`"))
                    .hint(format!("add `{name}:` under `with`")),
            );
        }
    }
}

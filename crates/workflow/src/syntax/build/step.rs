//! `steps`.

use std::collections::BTreeSet;
use std::fmt::Display;

use model::source::Span;

use super::super::grammar;
use super::super::model::{Id, Step, StepWork, WaitFor};
use super::super::node::{At, Node, Text, Value};
use super::super::problem::{ProblemKind, TargetWrong, near};
use super::id::{Ids, RESERVED};
use super::{Builder, boolean, entries, fixed_boolean, items, number, text, word, words};

/// What is known of a step while its keys are read.
#[derive(Default)]
struct Draft<'a> {
    id: Option<At<String>>,
    condition: Option<&'a Node>,
    run: Option<Text>,
    shell: Option<Text>,
    working_directory: Option<Text>,
    uses: Option<At<String>>,
    with: Option<Node>,
    wait: Option<WaitFor>,
    cancel: Option<At<String>>,
    parallel: Option<Vec<Step>>,
}

impl Builder<'_> {
    pub(super) fn steps(&mut self, node: &Node, path: &dyn Display) -> Vec<Step> {
        let mut ids = Ids::default();
        let mut known = BTreeSet::new();
        let mut steps = Vec::with_capacity(items(node).len());
        for (index, item) in items(node).iter().enumerate() {
            if item.as_mapping().is_some() {
                let at = format!("{path}[{index}]");
                steps.push(self.step(item, &at, &mut ids, &mut known));
            }
        }
        // Made ids give way to those that are written.
        for step in steps.iter_mut().filter(|step| step.id.text.is_empty()) {
            step.id.text = ids.make(&made_of(&step.work));
        }
        steps
    }

    fn step(&mut self, node: &Node, at: &str, ids: &mut Ids, known: &mut BTreeSet<String>) -> Step {
        let mut draft = Draft::default();
        let mut step = Step {
            span: node.span,
            id: Id { text: String::new(), span: None },
            name: None,
            condition: None,
            env: None,
            continue_on_error: None,
            timeout_minutes: None,
            background: None,
            work: StepWork::Missing,
        };
        for (key, value) in entries(node) {
            match key {
                "id" => {
                    draft.id = word(value).filter(|id| !id.value.is_empty());
                    if let Some(id) = &draft.id {
                        self.id(id, at, ids, known);
                    }
                }
                "name" => step.name = text(value),
                "if" => draft.condition = Some(value),
                "env" => step.env = Some(value.clone()),
                "continue-on-error" => step.continue_on_error = boolean(value),
                "timeout-minutes" => step.timeout_minutes = number(value),
                "background" => step.background = fixed_boolean(value),
                "run" => draft.run = text(value),
                "shell" => draft.shell = text(value),
                "working-directory" => draft.working_directory = text(value),
                "uses" => draft.uses = word(value),
                "with" => draft.with = Some(value.clone()),
                "wait" => {
                    let targets = words(value);
                    for target in &targets {
                        self.target(target, draft.id.as_ref(), at, known);
                    }
                    draft.wait = Some(WaitFor::These(targets));
                }
                "wait-all" => {
                    if matches!(value.value, Value::Bool(false)) {
                        let path = format_args!("{at}.wait-all");
                        self.tell(value.span, path, ProblemKind::WaitAllFalse);
                    }
                    draft.wait = Some(WaitFor::All);
                }
                "cancel" => {
                    draft.cancel = word(value);
                    if let Some(target) = &draft.cancel {
                        self.target(target, draft.id.as_ref(), at, known);
                    }
                }
                "parallel" => {
                    let steps = self.steps(value, &format_args!("{at}.parallel"));
                    self.parallel(&steps, node.span, at);
                    draft.parallel = Some(steps);
                }
                _ => {}
            }
        }
        if let Some(condition) = draft.condition {
            let path = format_args!("{at}.if");
            step.condition = self.condition(condition, &grammar::STEP_IF, path);
        }
        if let Some(action) = &draft.uses
            && draft.run.is_none()
            && !is_action(&action.value)
        {
            let kind = ProblemKind::Action { action: action.value.clone() };
            self.tell(action.span, format_args!("{at}.uses"), kind);
        }
        if let Some(id) = &draft.id {
            step.id = Id { text: id.value.clone(), span: Some(id.span) };
        }
        step.work = draft.work();
        step
    }

    fn id(&mut self, id: &At<String>, at: &str, ids: &mut Ids, known: &mut BTreeSet<String>) {
        match ids.take(&id.value, id.span) {
            Ok(()) => {
                known.insert(id.value.to_ascii_lowercase());
            }
            Err(wrong) => {
                let kind = ProblemKind::Id { id: id.value.clone(), wrong };
                self.tell(id.span, format_args!("{at}.id"), kind);
            }
        }
    }

    /// A step that another waits for, or cancels.
    fn target(
        &mut self,
        target: &At<String>,
        own: Option<&At<String>>,
        at: &str,
        known: &BTreeSet<String>,
    ) {
        let id = target.value.to_ascii_lowercase();
        let wrong = if id.starts_with(RESERVED) {
            TargetWrong::Reserved
        } else if own.is_some_and(|own| own.value.eq_ignore_ascii_case(&id)) {
            TargetWrong::Itself
        } else if !known.contains(&id) {
            TargetWrong::Unknown
        } else {
            return;
        };
        let near = near(&target.value, known.iter().map(String::as_str));
        self.tell(target.span, at, ProblemKind::Target { id: target.value.clone(), wrong, near });
    }

    fn parallel(&mut self, steps: &[Step], span: Span, at: &str) {
        for step in steps {
            let mut keys = Vec::new();
            if step.background.is_some() {
                keys.push("background");
            }
            match &step.work {
                StepWork::Wait(WaitFor::These(_)) => keys.push("wait"),
                StepWork::Wait(WaitFor::All) => keys.push("wait-all"),
                StepWork::Cancel(_) => keys.push("cancel"),
                StepWork::Parallel(_) => keys.push("parallel"),
                StepWork::Run { .. } | StepWork::Uses { .. } | StepWork::Missing => {}
            }
            for key in keys {
                let kind = ProblemKind::InParallel { key, inner: step.span };
                self.tell(span, format_args!("{at}.parallel"), kind);
            }
        }
    }
}

impl Draft<'_> {
    fn work(self) -> StepWork {
        if let Some(script) = self.run {
            let Self { shell, working_directory, .. } = self;
            StepWork::Run { script, shell, working_directory }
        } else if let Some(action) = self.uses {
            StepWork::Uses { action, with: self.with }
        } else if let Some(wait) = self.wait {
            StepWork::Wait(wait)
        } else if let Some(target) = self.cancel {
            StepWork::Cancel(target)
        } else if let Some(steps) = self.parallel {
            StepWork::Parallel(steps)
        } else {
            StepWork::Missing
        }
    }
}

/// The text that a step's id is made of.
fn made_of(work: &StepWork) -> String {
    let kind = match work {
        StepWork::Run { .. } | StepWork::Missing => "run",
        StepWork::Wait(WaitFor::These(_)) => "wait",
        StepWork::Wait(WaitFor::All) => "wait-all",
        StepWork::Cancel(_) => "cancel",
        StepWork::Parallel(_) => "parallel",
        StepWork::Uses { action, .. } => {
            let action = action.value.as_str();
            if let Some(image) = action.strip_prefix(DOCKER).filter(|image| !image.is_empty()) {
                return image.to_owned();
            }
            match repository(action) {
                Some(repository) => return repository,
                None if is_local(action) => "self",
                None => "run",
            }
        }
    };
    kind.to_owned()
}

const DOCKER: &str = "docker://";

/// Whether it names an action: an image, a folder, or `owner/repository/path@ref`.
fn is_action(action: &str) -> bool {
    // What begins with `$/` is at the commit of the file that names it.
    let is_versioned = action.starts_with("$/") && action.contains('@');
    let is_local = is_local(action) && !is_versioned;
    action.starts_with(DOCKER) || is_local || repository(action).is_some()
}

/// A folder of the workspace, or of the repository that the workflow comes from.
fn is_local(action: &str) -> bool {
    ["./", ".\\", "$/"].iter().any(|prefix| action.starts_with(prefix))
}

/// `owner/repository` of `owner/repository/path@ref`.
fn repository(action: &str) -> Option<String> {
    let (path, reference) = action.split_once('@')?;
    let mut parts = path.split(['/', '\\']).filter(|part| !part.is_empty());
    let (owner, name) = (parts.next()?, parts.next()?);
    let whole = !is_local(action) && !reference.is_empty() && !reference.contains('@');
    whole.then(|| format!("{owner}/{name}"))
}

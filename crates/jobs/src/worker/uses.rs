//! `uses:` – an action: found, given its inputs, and executed by what it is made of.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use model::pipeline::{Level, Tree};
use workflow::expression::Value;

use super::composite::Composite;
use super::job::Job;
use super::said::{Said, set_any_case};
use super::step::{Running, Site, Went};
use super::telling::remark;
use super::{details, docker};
use crate::action::{Action, Input, Reference, Repository, Runs};
use crate::builtin::Builtin;
use crate::context::{Pairs, Trouble, View, mapping, text};

/// An action that is on this machine.
#[derive(Debug)]
pub(crate) struct Found {
    pub(super) folder: PathBuf,
    pub(super) action: Action,
    /// What was fetched; nothing where it lies in the workspace.
    pub(super) commit: Option<String>,
}

/// Actions within actions within actions.
pub(super) const DEEPEST: usize = 10;

impl Job<'_> {
    pub(super) fn run_action(
        &self,
        written: &str,
        with: &Tree,
        step: &mut Running<'_, '_>,
    ) -> Went {
        let site = step.site;
        if step.frame.depth >= DEEPEST {
            let place = DEEPEST + 1;
            let why = format!(
                "`{written}` is the {place}th action within another: {DEEPEST} are allowed"
            );
            return self.went_wrong(site, &why);
        }
        let reference = match Reference::parse(written) {
            Ok(reference) => reference,
            Err(error) => return self.went_wrong(site, &error),
        };
        name_action(step.view, &reference);
        let found = match &reference {
            Reference::Repository(repository) => {
                if let Some(builtin) = Builtin::find(repository) {
                    return self.run_builtin(builtin, repository, with, step);
                }
                self.fetched(repository)
            }
            Reference::Local(path) => self.local(path),
            Reference::Own(path) => self.own_action(path),
            Reference::Image(image) => Ok(Arc::new(docker::of_image(image))),
        };
        let found = match found {
            Ok(found) => found,
            Err(why) => return self.went_wrong(site, &why),
        };
        let inputs = match inputs(&found.action.inputs, with, step.view) {
            Ok(inputs) => inputs,
            Err(trouble) => return self.went_wrong(site, &trouble),
        };
        if !matches!(reference, Reference::Image(_)) {
            let mut checked = inputs.clone();
            if let Runs::Docker(_) = found.action.runs {
                checked.retain(|(name, _)| !docker::is_understood(name));
            }
            self.check_inputs(&found.action.inputs, &checked, site, step.said);
        }
        self.say(site.number, &details::action(written, &inputs, &step.view.env));
        match &found.action.runs {
            Runs::JavaScript(script) => {
                if script.pre.is_some() && matches!(reference, Reference::Local(_)) {
                    let warning = format!(
                        "`pre` execution is not supported for local action from '{written}'"
                    );
                    self.warn(site, warning, step.said);
                }
                self.run_javascript(script, &found, &inputs, step)
            }
            Runs::Composite { steps, outputs } => {
                let composite = Composite { steps, outputs, folder: &found.folder };
                self.run_composite(composite, &inputs, step)
            }
            Runs::Docker(action) => self.run_docker(action, &found, &inputs, step),
        }
    }

    /// An action in the workspace.
    fn local(&self, path: &str) -> Result<Arc<Found>, String> {
        let written = Path::new(path.trim_start_matches("./"));
        if written.components().any(|part| matches!(part, Component::ParentDir)) {
            return Err(format!("`{path}` leads out of the workspace"));
        }
        let folder = self.bench.folders.workspace.join(written);
        let action = Action::read(&folder, path).map_err(|error| {
            let hint = if folder.is_dir() {
                ""
            } else {
                "; a step with actions/checkout before it brings the repository's own actions"
            };
            format!("{}{hint}", chain(&error))
        })?;
        Ok(Arc::new(Found { folder, action, commit: None }))
    }

    /// Warns of inputs that the action does not know, that are going, or that are missing.
    pub(crate) fn check_inputs(
        &self,
        known: &[Input],
        inputs: &Pairs,
        site: &Site,
        said: &mut Said,
    ) {
        for (name, value) in inputs {
            let Some(input) = known.iter().find(|input| input.is_called(name)) else {
                let names: Vec<&str> = known.iter().map(|input| input.name.as_str()).collect();
                let names = names.join("', '");
                let warning = format!("Unexpected input(s) '{name}', valid inputs are ['{names}']");
                self.warn(site, warning, said);
                continue;
            };
            let is_given = !value.is_empty() && input.default.as_ref() != Some(value);
            if let Some(message) = input.deprecated.as_ref().filter(|_| is_given) {
                let warning = format!("Input '{name}' has been deprecated with message: {message}");
                self.warn(site, warning, said);
            }
            if input.required && input.default.is_none() && value.is_empty() {
                self.warn(site, format!("Input required and not supplied: {name}"), said);
            }
        }
    }

    pub(crate) fn warn(&self, site: &Site, warning: String, said: &mut Said) {
        self.say(site.number, &format!("##[warning]{warning}"));
        self.annotate(site.number, remark(Level::Warning, warning), said);
    }
}

/// Everything that an action is given: what the step says, and the defaults for the rest.
pub(crate) fn inputs(known: &[Input], with: &Tree, view: &View<'_>) -> Result<Pairs, Trouble> {
    let mut inputs = mapping("with", with, view)?;
    for input in known {
        if !inputs.iter().any(|(name, _)| input.is_called(name)) {
            let default = input.default.as_deref().unwrap_or_default();
            let value = text(&format!("inputs.{}.default", input.name), default, view)?;
            set_any_case(&mut inputs, &input.name, value);
        }
    }
    Ok(inputs)
}

/// Says in the `github` context which action it is.
pub(super) fn name_action(view: &mut View<'_>, reference: &Reference) {
    let (repository, version): (Value, Value) = match reference {
        Reference::Repository(it) => (it.repository().into(), it.version.as_str().into()),
        _ => ("".into(), "".into()),
    };
    view.set_own("action_repository", repository);
    view.set_own("action_ref", version);
}

/// An error with all that is behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// The folder of an action in its repository.
pub(super) fn folder_of(root: &Path, repository: &Repository) -> PathBuf {
    root.join(&repository.path)
}

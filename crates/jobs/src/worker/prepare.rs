//! Brings the actions of a job onto this machine before its first step.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::pipeline::{Ending, StepSheet, StepWork};

use super::cancel::CancelSignal;
use super::docker;
use super::job::Job;
use super::uses::{Found, chain, folder_of};
use crate::action::{Action, Reference, Repository, Runs, SourceError};
use crate::builtin::Builtin;

/// The actions that were fetched, or why they were not.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    actions: Mutex<HashMap<Repository, Result<Arc<Found>, String>>>,
}

impl Prepared {
    pub(super) fn known(&self, repository: &Repository) -> Option<Arc<Found>> {
        let actions = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
        actions.get(repository)?.clone().ok()
    }
}

impl Job<'_> {
    /// Fetches every action of the order, and those that they use.
    pub(super) fn prepare_actions(&self, number: u32) -> Result<(), Ending> {
        let first = self.order.resume.map_or(0, |resume| resume.step);
        for sheet in self.order.steps.iter().skip(first) {
            self.prepare_step(sheet, number)?;
        }
        Ok(())
    }

    fn prepare_step(&self, sheet: &StepSheet, number: u32) -> Result<(), Ending> {
        let action = match &sheet.work {
            StepWork::Uses { action, .. } => action,
            StepWork::Parallel(steps) => {
                return steps.iter().try_for_each(|step| self.prepare_step(step, number));
            }
            _ => return Ok(()),
        };
        let at =
            |what: &str| Ending::Invalid(format!("{}:{}: {what}", self.order.path, sheet.line));
        let repository = match Reference::parse(action) {
            Ok(Reference::Repository(repository)) => repository,
            Ok(Reference::Image(image)) => {
                let shown = format!("`uses: {action}`");
                self.engine(&shown).map_err(|why| at(&why))?;
                return match self.prepare_image(&shown, &docker::of_image(&image), number) {
                    // A step that may be left out is no reason to leave out the job.
                    Err(_) if !sheet.condition.trim().is_empty() => Ok(()),
                    prepared => prepared.map_err(|why| at(&why)),
                };
            }
            Ok(Reference::Local(_) | Reference::Own(_)) => return Ok(()),
            Err(error) => return Err(at(&error.to_string())),
        };
        match self.prepare(&repository, number, 0) {
            Ok(()) => Ok(()),
            // A step that may be left out is no reason to leave out the job.
            Err(_) if !sheet.condition.trim().is_empty() => Ok(()),
            Err(why) => Err(at(&why)),
        }
    }

    /// Fetches an action and those that it uses in turn.
    fn prepare(&self, repository: &Repository, number: u32, depth: usize) -> Result<(), String> {
        if Builtin::find(repository).is_some() || depth > super::uses::DEEPEST {
            return Ok(());
        }
        let is_known = self.prepared.known(repository).is_some();
        let found = self.fetched(repository)?;
        if is_known {
            return Ok(());
        }
        let commit = found.commit.as_deref().unwrap_or_default();
        self.say(number, &format!("Action {repository} at commit {commit}"));
        match &found.action.runs {
            Runs::JavaScript(_) => Ok(()),
            Runs::Docker(_) => {
                let shown = format!("the action {repository}");
                self.prepare_image(&shown, &found, number)
            }
            Runs::Composite { steps, .. } => {
                for step in steps {
                    let StepWork::Uses { action, .. } = &step.work else { continue };
                    let prepared = match Reference::parse(action) {
                        Ok(Reference::Repository(inner)) => self.prepare(&inner, number, depth + 1),
                        Ok(Reference::Image(image)) => {
                            let shown = format!("`uses: {action}` of the action {repository}");
                            self.prepare_image(&shown, &docker::of_image(&image), number)
                        }
                        _ => Ok(()),
                    };
                    if step.condition.trim().is_empty() {
                        prepared?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Pulls or builds the image of an action.
    fn prepare_image(&self, shown: &str, found: &Found, number: u32) -> Result<(), String> {
        let Runs::Docker(action) = &found.action.runs else { return Ok(()) };
        let until = self.until();
        self.image_of(shown, action, &found.folder, false, number, &until).map(drop)
    }

    /// An action of another repository, fetched now if it was not before.
    pub(super) fn fetched(&self, repository: &Repository) -> Result<Arc<Found>, String> {
        let known = {
            let actions = self.prepared.actions.lock().unwrap_or_else(PoisonError::into_inner);
            actions.get(repository).cloned()
        };
        if let Some(known) = known {
            return known;
        }
        let found = self.fetch(repository).map(Arc::new);
        let mut actions = self.prepared.actions.lock().unwrap_or_else(PoisonError::into_inner);
        actions.insert(repository.clone(), found.clone());
        found
    }

    fn fetch(&self, repository: &Repository) -> Result<Found, String> {
        let git = self.machine_program("git");
        let git = git.ok_or_else(|| SourceError::NoGit.to_string())?;
        // What runs after a cancel may need an action, too.
        let is_late = self.cancel.is_cancelled();
        let halt = if is_late { CancelSignal::new() } else { self.cancel.clone() };
        let fetched = self.bench.mirrors.fetch(repository, &git, &halt);
        let fetched = fetched.map_err(|error| chain(&error))?;
        let folder = folder_of(&fetched.folder, repository);
        let mut action =
            Action::read(&folder, &repository.to_string()).map_err(|error| chain(&error))?;
        if let Runs::Composite { steps, .. } = &mut action.runs {
            for step in steps {
                name_home(step, repository, &fetched.commit);
            }
        }
        Ok(Found { folder, action, commit: Some(fetched.commit) })
    }
}

/// What an action names in its own repository is there at the same commit, and not in that of the
/// run.
fn name_home(step: &mut StepSheet, home: &Repository, commit: &str) {
    if let StepWork::Uses { action, .. } = &mut step.work
        && let Ok(Reference::Own(path)) = Reference::parse(action)
    {
        let version = commit.to_owned();
        *action = Repository { path, version, ..home.clone() }.to_string();
    }
}

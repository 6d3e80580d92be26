//! A job that waits where one of its steps has failed, so that a person can look around there.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use jiff::SignedDuration;
use model::pipeline::StepWork;

use super::cancel::CancelSignal;
use super::files::Files;
use super::job::Job;
use super::step::Running;
use crate::context::text;
use crate::event::Event;

/// Where a job waits at its first failure, until somebody says that it is to go on. Clones are the
/// same place.
#[derive(Debug, Clone, Default)]
pub struct Breakpoint(Arc<Passage>);

#[derive(Debug, Default)]
struct Passage {
    is_open: Mutex<bool>,
    changed: Condvar,
}

impl Breakpoint {
    /// Has the job go on, now or as soon as it comes here.
    pub fn go_on(&self) {
        *self.0.is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_all();
    }

    /// Returns when somebody has said so, or the job is cancelled.
    fn wait(&self, cancel: &CancelSignal) {
        let told = self.clone();
        let _listening = cancel.on_cancel(move || told.go_on());
        let is_open = self.0.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.changed.wait_while(is_open, |is_open| !*is_open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Job<'_> {
    /// Waits at the first step that has failed, if that is wished for. The time does not count as
    /// the job's, and what the person leaves in the step's files counts as the step's.
    pub(super) fn stay(&self, step: &mut Running<'_, '_>) {
        let Some(breakpoint) = &self.bench.breakpoint else { return };
        if self.cancel.is_cancelled() || std::mem::replace(&mut self.state().has_stayed, true) {
            return;
        }
        let number = step.site.number;
        if self.own_container().is_some() {
            // Its folders and variables mean nothing to a shell of this machine.
            return self
                .say(number, "##[warning]The job is in a container, so it does not wait here.");
        }
        let files = match Files::open(self, step.view) {
            Ok(files) => files,
            Err(why) => return self.error(number, &format!("the job does not wait here: {why}")),
        };
        let since = self.bench.clock.now();
        // Who is called to look wants to read what was said last.
        self.log.flush();
        self.tell(Event::Stuck {
            step: number,
            folder: self.folder_of(step),
            environment: self.variables(step.view).into_iter().collect(),
        });
        breakpoint.wait(self.cancel);
        files.take_in(self, step.site, step.said);
        let stayed = self.bench.clock.now().duration_since(since);
        self.state().stayed = stayed.max(SignedDuration::ZERO);
    }

    /// Where a step was executed.
    fn folder_of(&self, step: &Running<'_, '_>) -> PathBuf {
        let workspace = &self.bench.folders.workspace;
        let own = match &step.sheet.work {
            StepWork::Run { working_directory: Some(folder), .. } => {
                text("working-directory", folder, step.view).ok()
            }
            StepWork::Run { .. } if step.frame.is_job() => {
                self.base.defaults.working_directory.clone()
            }
            _ => None,
        };
        let folder = workspace.join(own.unwrap_or_default());
        // One that is not there may be why the step has failed.
        if folder.is_dir() { folder } else { workspace.clone() }
    }
}

//! Who tells what happens: a view for people, or a line of JSON for each thing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jobs::event::Event;
use model::id::JobId;
use serde_json::json;

use super::selection::Selection;
use super::shell;
use super::view::View;
use super::witness::Told;
use crate::error::Error;
use crate::local::past::Past;
use crate::terminal::Terminal;

pub(super) enum Reporter<'a> {
    View(View<'a>),
    Lines(&'a mut Terminal),
}

impl<'a> Reporter<'a> {
    pub(super) fn new(
        terminal: &'a mut Terminal,
        past: &'a mut Past,
        folder: PathBuf,
        selection: &Selection,
    ) -> Self {
        if terminal.json() {
            return Self::Lines(terminal);
        }
        Self::View(View::new(terminal, past, folder, selection.longest_name()))
    }

    /// A fact of a run.
    pub(super) fn told(&mut self, told: Told, now: Timestamp) -> Result<(), Error> {
        match self {
            Self::View(view) => {
                view.told(told, now)?;
                // Whoever reads through a pipe is not to wait for the next thing.
                view.terminal.flush()
            }
            Self::Lines(terminal) => {
                let body: serde_json::Value =
                    serde_json::from_str(&told.what.body()).unwrap_or_default();
                let line = json!({
                    "at": now, "run": told.subject, "kind": told.what.kind(), "fact": body,
                });
                terminal.print_json(&line)?;
                terminal.flush()
            }
        }
    }

    /// What a job says while it is under way.
    pub(super) fn heard(&mut self, job: JobId, event: Event, now: Timestamp) -> Result<(), Error> {
        match self {
            Self::View(view) => view.heard(job, event, now),
            Self::Lines(terminal) => {
                terminal.print_json(&json!({ "at": now, "job": job, "event": event }))?;
                terminal.flush()
            }
        }
    }

    /// A job stays where a step of it has failed. Returns when the person has looked around.
    pub(super) async fn stuck(
        &mut self,
        job: JobId,
        step: u32,
        folder: &Path,
        environment: &[(String, String)],
    ) -> Result<(), Error> {
        // Programs that read lines cannot ask for it.
        let Self::View(view) = self else { return Ok(()) };
        view.stuck(job, step)?;
        // That there is no shell is no reason to leave the jobs alone.
        if let Err(error) = shell::open(folder, environment, view.terminal).await {
            view.terminal.complain(&error);
        }
        Ok(())
    }

    pub(super) fn refresh(&mut self, now: Timestamp) -> Result<(), Error> {
        match self {
            Self::View(view) => view.refresh(now),
            Self::Lines(_) => Ok(()),
        }
    }

    pub(super) fn interrupted(&mut self, times: u32) {
        let words = match times {
            1 => "cancelling; once more does not wait for what is to run always",
            _ => "cancelling by force",
        };
        match self {
            Self::View(view) => view.terminal.note(words),
            Self::Lines(_) => {}
        }
    }
}

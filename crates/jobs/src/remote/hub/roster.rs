//! The runners: what each offers, what it has, and when it was last heard of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use model::id::JobId;
use tokio::sync::Notify;

use super::super::protocol::{Poll, SessionId};
use crate::host::Labels;

#[derive(Debug, Default)]
pub(super) struct Roster(BTreeMap<SessionId, Runner>);

#[derive(Debug)]
struct Runner {
    name: String,
    labels: Labels,
    slots: usize,
    jobs: BTreeSet<JobId>,
    /// How many of its questions wait for an answer.
    asking: usize,
    heard_at: Timestamp,
    bell: Arc<Notify>,
}

impl Runner {
    fn has_room(&self) -> bool {
        self.asking > 0 && self.jobs.len() < self.slots
    }
}

impl Roster {
    /// A runner asks. The bell rings when there is something to tell it.
    pub(super) fn arrive(&mut self, poll: &Poll, now: Timestamp) -> Arc<Notify> {
        let runner = self.known(&poll.session, now);
        runner.name.clone_from(&poll.name);
        runner.labels.offered.clone_from(&poll.labels);
        runner.labels.stands_in_for.clone_from(&poll.stands_in_for);
        runner.slots = poll.slots;
        runner.asking += 1;
        runner.bell.clone()
    }

    pub(super) fn leave(&mut self, session: &SessionId, now: Timestamp) {
        if let Some(runner) = self.0.get_mut(session) {
            runner.asking = runner.asking.saturating_sub(1);
            runner.heard_at = now;
        }
    }

    /// One that has jobs from before a restart has yet to ask.
    pub(super) fn expect(&mut self, session: &SessionId, now: Timestamp) {
        self.known(session, now);
    }

    fn known(&mut self, session: &SessionId, now: Timestamp) -> &mut Runner {
        let runner = self.0.entry(session.clone()).or_insert_with(|| Runner {
            name: session.to_string(),
            labels: Labels { offered: Vec::new(), stands_in_for: Vec::new() },
            slots: 0,
            jobs: BTreeSet::new(),
            asking: 0,
            heard_at: now,
            bell: Arc::default(),
        });
        runner.heard_at = now;
        runner
    }

    pub(super) fn ring(&self, session: &SessionId) {
        if let Some(runner) = self.0.get(session) {
            runner.bell.notify_waiters();
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.0.values().any(Runner::has_room)
    }

    pub(super) fn has_room_with(&self, session: &SessionId) -> bool {
        self.0.get(session).is_some_and(Runner::has_room)
    }

    /// The runner with the most room, of those that offer what is asked.
    pub(super) fn choose(&self, labels: &[String]) -> Option<SessionId> {
        let fit = |runner: &Runner| runner.has_room() && runner.labels.missing(labels).is_none();
        let fitting = self.0.iter().filter(|(_, runner)| fit(runner));
        let roomiest = fitting.max_by_key(|(_, runner)| runner.slots - runner.jobs.len());
        roomiest.map(|(session, _)| session.clone())
    }

    /// The runner has this job from now on.
    pub(super) fn take(&mut self, session: &SessionId, job: JobId) {
        if let Some(runner) = self.0.get_mut(session) {
            runner.jobs.insert(job);
        }
    }

    pub(super) fn take_back(&mut self, session: &SessionId, job: JobId) {
        if let Some(runner) = self.0.get_mut(session) {
            runner.jobs.remove(&job);
        }
    }

    /// Runners that ask no more, and were last heard of before the given time.
    pub(super) fn silent_since(&self, since: Timestamp) -> Vec<(SessionId, String)> {
        let is_silent = |runner: &Runner| runner.asking == 0 && runner.heard_at < since;
        let silent = self.0.iter().filter(|(_, runner)| is_silent(runner));
        silent.map(|(session, runner)| (session.clone(), runner.name.clone())).collect()
    }

    pub(super) fn forget(&mut self, session: &SessionId) {
        // It may have come back while its jobs were given up.
        if self.0.get(session).is_some_and(|runner| runner.asking == 0) {
            self.0.remove(session);
        }
    }
}

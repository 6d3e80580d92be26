//! The task of an instance: one life after the other.

use std::sync::Arc;
use std::time::Duration;

use ports::clock::{Stopwatch, pause};
use tokio::sync::watch;

use super::{Instance, LAST_WORDS};
use crate::keeper::task::Ended;
use crate::logs::last_lines;
use crate::rota::Seat;
use crate::supervisor::Shared;
use crate::supervisor::life::Life;
use crate::supervisor::record::{Record, make_private};
use crate::supervisor::report::{InstanceState, LastEnd};

/// How often in a row an instance is given another port because somebody had taken its own.
const MOST_PORTS: u32 = 10;

#[derive(Debug)]
pub(super) struct Keeping {
    pub(super) shared: Arc<Shared>,
    pub(super) instance: Arc<Instance>,
    pub(super) stop: watch::Receiver<bool>,
    /// None before the first life.
    pub(super) record: Option<Record>,
    /// Since when it is well.
    pub(super) well: Option<Stopwatch>,
    /// What was wrong when it was last looked at.
    pub(super) seen: String,
    /// How often in a row its port was taken.
    pub(super) taken: u32,
}

/// Why a life ended, and whether that is held against the instance.
#[derive(Debug)]
pub(super) struct End {
    pub(super) reason: String,
    pub(super) port_was_taken: bool,
}

impl Keeping {
    pub(super) fn new(shared: &Arc<Shared>, instance: &Arc<Instance>) -> Self {
        Self {
            shared: Arc::clone(shared),
            instance: Arc::clone(instance),
            stop: instance.stop.subscribe(),
            record: None,
            well: None,
            seen: String::new(),
            taken: 0,
        }
    }

    pub(super) fn adopt(
        shared: &Arc<Shared>,
        instance: &Arc<Instance>,
        record: Record,
        life: &Life,
    ) -> Self {
        let mut keeping = Self::new(shared, instance);
        instance.status().take(&record);
        if let Some(port) = record.port {
            shared.ports.keep(port);
        }
        let is_ready = record.ready_since.is_some();
        keeping.record = Some(record);
        keeping.lives(life);
        if is_ready && !instance.is_stopping() {
            keeping.enter();
        }
        keeping
    }

    pub(super) async fn keep(mut self, mut life: Option<Life>) {
        while !*self.stop.borrow() {
            let end = match self.live(life.take()).await {
                Ok(()) => break,
                Err(end) => end,
            };
            let wait = self.note(&end);
            let mut stop = self.stop.clone();
            tokio::select! {
                () = pause(wait) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        // One that is to stop although it was adopted while it stopped.
        if let Some(life) = life {
            let _ = self.live(Some(life)).await;
        }
        if let Some(record) = &mut self.record {
            record.is_over = true;
            self.save();
        }
        self.shared.gone(&self.instance);
    }

    /// It lives now.
    pub(super) fn lives(&mut self, life: &Life) {
        let now = self.shared.clock.now();
        let mut status = self.instance.status();
        status.state = InstanceState::Starting;
        status.since = now;
        status.pid = life.program;
        status.keeper = Some(life.keeper);
        status.peak = 0;
        drop(status);
        self.shared.tell();
    }

    /// It is well: it may be given requests.
    pub(super) fn enter(&mut self) {
        let now = self.shared.clock.now();
        self.well = Some(Stopwatch::start());
        self.taken = 0;
        let mut since = now;
        if let Some(record) = &mut self.record {
            since = *record.ready_since.get_or_insert(now);
            self.save();
        }
        let mut status = self.instance.status();
        status.state = InstanceState::Ready;
        status.since = since;
        let address = status.address;
        drop(status);
        if let Some(address) = address {
            let (group, id) = (self.instance.group.clone(), self.instance.id);
            self.shared.rota.enter(Seat::new(group, id, address, since));
        }
        self.shared.tell();
    }

    /// It has been well for so long that what was before does not count.
    pub(super) fn forgive(&self) {
        let mut status = self.instance.status();
        status.ends = 0;
        if std::mem::take(&mut status.is_crash_looping) {
            drop(status);
            self.shared.tell();
        }
    }

    /// A life is over, and what it used is added up.
    pub(super) fn lived(&mut self, ended: Option<&Ended>) {
        if let Some(port) = self.record.as_mut().and_then(|record| record.port.take()) {
            self.shared.ports.give_back(port);
        }
        let mut status = self.instance.status();
        (status.pid, status.keeper, status.cgroup, status.address) = (None, None, None, None);
        if let Some(ended) = ended {
            let used = ended.usage;
            status.spent.processor = status.spent.processor.saturating_add(used.processor);
            status.spent.oom_kills += used.oom_kills;
        }
    }

    pub(super) fn save(&self) {
        let Some(record) = &self.record else { return };
        let folder = self.shared.folder_of(record.id);
        let written = make_private(&folder).and_then(|()| record.write(&folder));
        if let Err(error) = written {
            // It goes on, and is found again as it was before.
            tracing::warn!("the state of {} cannot be written down: {error}", record.id);
        }
    }

    /// Takes note of an end that nobody wanted, and says how long to wait.
    fn note(&mut self, end: &End) -> Duration {
        let backoff = self.shared.settings.backoff;
        let (id, now) = (self.instance.id, self.shared.clock.now());
        let was_well = self.well.take().is_some_and(|well| well.elapsed() >= backoff.well_after);
        let is_excused = end.port_was_taken && self.taken < MOST_PORTS;
        self.taken = if end.port_was_taken { self.taken + 1 } else { 0 };
        if let Some(record) = &mut self.record {
            record.restarts += 1;
        }
        let mut status = self.instance.status();
        status.state = InstanceState::Waiting;
        status.since = now;
        status.restarts += 1;
        if !is_excused {
            status.ends = if was_well { 1 } else { status.ends + 1 };
        }
        status.is_crash_looping = status.ends >= backoff.crash_loop;
        status.last_end = Some(LastEnd { at: now, reason: end.reason.clone() });
        let ends = status.ends;
        drop(status);

        let place = &self.instance.group.place;
        tracing::warn!("instance {id} of {place} ended ({ends} in a row): {}", end.reason);
        let words = last_lines(&self.shared.log_of(id), LAST_WORDS);
        let mut book = self.shared.book();
        let entry = book.entry(&self.instance.group);
        entry.restarts += 1;
        entry.last_words = Some(format!("{}\n{words}", end.reason).trim_end().to_owned());
        drop(book);
        self.shared.tell();
        if is_excused {
            return Duration::ZERO;
        }
        backoff.after(ends, self.shared.entropy.draw()[0])
    }
}

//! What becomes of one request, told at its end to the statistics, the tripwire and the access log.

use std::rc::Rc;
use std::time::{Duration, Instant};

use evidence::combined::Metric;
use ports::clock::moment;

use super::access_log::Entry;
use super::backend::Backend;
use super::body::Progress;
use super::here::Here;
use super::split::{By, Target};
use super::worker::Worker;
use crate::rota::Busy;
use crate::tripwire::{Bad, Side};

/// A request that an instance has under way.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) judge: Judge,
    pub(super) backend: Rc<Backend>,
    pub(super) bytes_out: u64,
    pub(super) upload: Option<Rc<Progress>>,
    /// The answer has been taken over to its end.
    pub(super) is_whole: bool,
    pub(super) entry: Option<Box<Entry>>,
    /// Given back when all is told.
    pub(super) _held: Held,
}

/// Who counts what is good and bad about a request.
#[derive(Debug)]
pub(super) struct Judge {
    worker: Rc<Worker>,
    here: Rc<Here>,
    /// The number of the target in the split.
    target: usize,
    /// Nobody's if it did not come by chance: the trial is about chance.
    side: Option<Side>,
    /// Stands for the user, where that is what the release was chosen by.
    user: Option<u64>,
    is_bad: bool,
    pub(super) began: Instant,
}

impl Judge {
    pub(super) fn new(
        worker: &Rc<Worker>,
        here: &Rc<Here>,
        chosen: (usize, By),
        user: Option<u64>,
        began: Instant,
    ) -> Self {
        let (target, by) = chosen;
        let judge = Self {
            worker: Rc::clone(worker),
            here: Rc::clone(here),
            target,
            side: here.shares.targets()[target].side.filter(|_| by != By::Cohort),
            user: user.filter(|_| by == By::User),
            is_bad: false,
            began,
        };
        judge.counters().request();
        judge
    }

    pub(super) fn counters(&self) -> &crate::stats::Cells {
        self.target().counters.of(self.worker.number)
    }

    /// Who was in rotation when the request came.
    pub(super) fn instances(&self) -> &[Rc<Backend>] {
        &self.here.instances[self.target]
    }

    pub(super) fn target(&self) -> &Target {
        &self.here.shares.targets()[self.target]
    }

    /// An answer has begun; one that failed or came late is bad.
    pub(super) fn answered(&mut self, status: u16, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counters().answer(status, micros);
        let slow = self.here.shares.watch.as_ref().map_or(u64::MAX, |watch| watch.slow_micros());
        if status >= 500 {
            self.bad(Metric::Errors);
        } else if micros > slow {
            self.bad(Metric::Slow);
        }
    }

    /// It went badly, for whatever reason. When this returns, a candidate that has thereby proved
    /// too bad gets no more.
    pub(super) fn bad(&mut self, metric: Metric) {
        if std::mem::replace(&mut self.is_bad, true) {
            return;
        }
        self.counters().bad();
        if let (Some(watch), Some(side)) = (&self.here.shares.watch, self.side) {
            let shared = &self.worker.shared;
            let bad = Bad { side, metric, user: self.user };
            self.here.way.site.bad(watch, bad, shared.now(), &shared.book, &shared.trips);
        }
    }
}

impl Story {
    /// The instance ended the answer before it was whole.
    pub(super) fn was_cut(&mut self) {
        self.judge.counters().cut();
        self.ended_badly();
    }

    /// The answer stood still for too long.
    pub(super) fn timed_out(&mut self) {
        self.judge.counters().timeout();
        self.ended_badly();
    }

    fn ended_badly(&mut self) {
        self.judge.bad(Metric::Errors);
        self.backend.failed(moment());
        // That the client does not get the rest is not its doing.
        self.is_whole = true;
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        let counters = self.judge.counters();
        let taken = self.upload.as_ref().map_or(0, |upload| upload.bytes.get());
        counters.bytes(taken, self.bytes_out);
        if !self.is_whole {
            counters.aborted();
        }
        if let Some(mut entry) = self.entry.take() {
            entry.taken(self.judge.began.elapsed(), taken, self.bytes_out, self.is_whole);
            self.judge.worker.log(entry);
        }
    }
}

/// An instance's time, given back on drop; whoever waits for it is told.
#[derive(Debug)]
pub(super) struct Held {
    busy: Option<Busy>,
    here: Rc<Here>,
}

impl Held {
    pub(super) fn new(busy: Busy, here: Rc<Here>) -> Self {
        Self { busy: Some(busy), here }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.busy = None;
        self.here.way.site.queue.freed();
    }
}

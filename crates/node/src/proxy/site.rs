//! A place as the proxy sees it: its split in force, its trip, and who waits for an instance.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use model::id::ReleaseId;
use model::intent::{Generation, Judgement, Split, Trip};
use model::name::Place;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use super::split::{Shares, SplitError, without};
use crate::stats::Book;
use crate::tripwire::{Bad, Watch};

/// A candidate of a place was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tripped {
    pub place: Place,
    pub trip: Trip,
}

#[derive(Debug)]
pub(super) struct Site {
    pub(super) place: Place,
    pub(super) shares: ArcSwap<Shares>,
    told: Mutex<Told>,
    pub(super) queue: Queue,
    pub(super) budget: Budget,
}

#[derive(Debug, Default)]
struct Told {
    split: Split,
    generation: Generation,
    trip: Option<Trip>,
}

impl Site {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            shares: ArcSwap::from_pointee(Shares::none()),
            told: Mutex::default(),
            queue: Queue::default(),
            budget: Budget::default(),
        }
    }

    /// Follows a split from now on: every request that begins after this has returned.
    pub(super) fn follow(
        &self,
        split: &Split,
        generation: Generation,
        book: &Book,
    ) -> Result<(), SplitError> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.shares.load();
        let shares = Shares::new(&self.place, split, generation, book, before.watch.as_deref())?;
        // A split that does not know of a trip, said while it happened, does not undo it.
        let trip = told.trip.take().filter(|trip| split.acknowledges != Some(trip.generation));
        let shares = match &trip {
            Some(trip) => self.cut(trip.candidate, split, generation, book)?,
            None => shares,
        };
        self.shares.store(Arc::new(shares));
        *told = Told { split: split.clone(), generation, trip };
        Ok(())
    }

    /// Cuts a candidate off that was cut off before, in an earlier life of the node.
    pub(super) fn tripped(&self, trip: Trip, book: &Book) -> Result<(), SplitError> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let shares = self.cut(trip.candidate, &told.split, told.generation, book)?;
        self.shares.store(Arc::new(shares));
        told.trip = Some(trip);
        Ok(())
    }

    fn cut(
        &self,
        candidate: ReleaseId,
        split: &Split,
        generation: Generation,
        book: &Book,
    ) -> Result<Shares, SplitError> {
        Shares::new(&self.place, &without(candidate, split), generation, book, None)
    }

    pub(super) fn trip(&self) -> Option<Trip> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).trip.clone()
    }

    pub(super) fn judgement(&self) -> Option<Judgement> {
        self.shares.load().watch.as_ref().map(|watch| watch.judgement())
    }

    /// A request of one side went badly. If that proves enough, the candidate gets no more, for
    /// all workers, before this returns.
    pub(super) fn bad(
        &self,
        watch: &Watch,
        bad: Bad,
        now: Timestamp,
        book: &Book,
        trips: &UnboundedSender<Tripped>,
    ) {
        let Some(trip) = watch.bad(bad, now) else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.generation != trip.generation {
            // Another split was told in between, and begins with its own evidence.
            return;
        }
        match self.cut(trip.candidate, &told.split, told.generation, book) {
            Ok(shares) => self.shares.store(Arc::new(shares)),
            Err(error) => {
                tracing::error!(place = %self.place, %error, "cannot cut the candidate off");
                return;
            }
        }
        told.trip = Some(trip.clone());
        drop(told);
        // Without anybody who listens, the trip is still told to who asks.
        let _ = trips.send(Tripped { place: self.place.clone(), trip });
    }
}

/// Requests that wait because every instance has as many as it may have.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: AtomicUsize,
    free: Notify,
}

impl Queue {
    /// A place in the queue, if there is one.
    pub(super) fn enter(&self, most: u32) -> Option<Waiting<'_>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let entered = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
            (waiting < most).then_some(waiting + 1)
        });
        entered.ok().map(|_| Waiting(self))
    }

    /// An instance has become free for one request.
    pub(super) fn freed(&self) {
        if self.waiting.load(Ordering::Acquire) > 0 {
            self.free.notify_one();
        }
    }
}

#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Queue);

impl Waiting<'_> {
    pub(super) async fn turn(&self) {
        self.0.free.notified().await;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
        // A turn that came too late for this one is somebody else's.
        self.0.freed();
    }
}

/// How many requests may be tried again: a part of those that come, and a few at any time.
#[derive(Debug, Default)]
pub(super) struct Budget(AtomicU32);

/// Requests that may always be tried again, in hundredths, also where next to none come.
const RESERVE: u32 = 10 * 100;

impl Budget {
    /// A request has come, of which so many in a hundred may be tried again.
    pub(super) fn earn(&self, percent: u32) {
        let spent = self.0.load(Ordering::Relaxed);
        if spent > 0 {
            self.0.store(spent.saturating_sub(percent.min(100)), Ordering::Relaxed);
        }
    }

    pub(super) fn spend(&self) -> bool {
        let spent = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| {
            (spent < RESERVE).then_some(spent + 100)
        });
        spent.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_earned_again_by_requests() {
        let budget = Budget::default();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        for _ in 0..5 {
            budget.earn(20);
        }
        assert!(budget.spend());
        assert!(!budget.spend());
    }

    #[test]
    fn a_queue_has_an_end() {
        let queue = Queue::default();
        let first = queue.enter(2).expect("a place");
        let _second = queue.enter(2).expect("a place");
        assert!(queue.enter(2).is_none());
        drop(first);
        assert!(queue.enter(2).is_some());
        assert!(queue.enter(0).is_none());
    }
}

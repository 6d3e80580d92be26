//! The tripwire of a split: weighs each bad event as it happens, and says when the candidate has
//! proved too bad. The judgement itself is the crate `evidence`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use evidence::trial::{Asked, BadTerms, HarmTrial, Terms};
use jiff::Timestamp;
use model::intent::{Generation, Seen, Trip, Tripwire};

use crate::stats::Counters;

/// Whose event it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Candidate,
    Baseline,
}

/// One candidate that is watched.
#[derive(Debug)]
pub struct Watch {
    tripwire: Tripwire,
    generation: Generation,
    /// The candidate's part of what both get by chance.
    weight: f64,
    slow_micros: u64,
    trial: Arc<Mutex<HarmTrial>>,
    tripped: AtomicBool,
    candidate: Start,
    baseline: Start,
}

/// What a side had been seen of when the tripwire was first set.
#[derive(Debug, Clone)]
struct Start {
    counters: Arc<Counters>,
    seen: Seen,
}

/// What a split says of the two sides, in hundredths of a percent.
#[derive(Debug, Clone, Copy)]
pub struct Weights {
    pub candidate: u16,
    pub baseline: u16,
}

impl Watch {
    /// Watches from now on. Where the same candidate was watched on the same terms before, what was
    /// proven goes on to count: a split that only shifts weights takes no evidence away.
    pub fn new(
        tripwire: &Tripwire,
        generation: Generation,
        weights: Weights,
        counters: [&Arc<Counters>; 2],
        before: Option<&Self>,
    ) -> Result<Self, BadTerms> {
        let terms = terms(tripwire)?;
        let before = before.filter(|before| before.tripwire == *tripwire && !before.is_tripped());
        let [candidate, baseline] = counters
            .map(|counters| Start { counters: Arc::clone(counters), seen: counters.seen() });
        let both = f64::from(weights.candidate) + f64::from(weights.baseline);
        Ok(Self {
            tripwire: tripwire.clone(),
            generation,
            weight: if both > 0.0 { f64::from(weights.candidate) / both } else { 0.0 },
            slow_micros: tripwire
                .slow_after
                .map_or(u64::MAX, |after| u64::try_from(after.as_micros()).unwrap_or(0)),
            trial: before.map_or_else(
                || Arc::new(Mutex::new(HarmTrial::new(&terms))),
                |before| Arc::clone(&before.trial),
            ),
            tripped: AtomicBool::new(false),
            candidate: before.map_or(candidate, |before| before.candidate.clone()),
            baseline: before.map_or(baseline, |before| before.baseline.clone()),
        })
    }

    /// An answer that takes longer is a bad event.
    pub fn slow_micros(&self) -> u64 {
        self.slow_micros
    }

    pub fn is_tripped(&self) -> bool {
        self.tripped.load(Ordering::Acquire)
    }

    /// Weighs a bad event. The one that proves enough is answered with the trip; no other is.
    pub fn bad(&self, side: Side, at: Timestamp) -> Option<Trip> {
        if self.is_tripped() {
            return None;
        }
        let mut trial = self.trial.lock().unwrap_or_else(PoisonError::into_inner);
        trial.bad(side == Side::Candidate, self.weight)?;
        if self.tripped.swap(true, Ordering::AcqRel) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the logarithm of a float is small")]
        let log_evidence = (trial.peak().ln() * 1_000.0) as i64;
        drop(trial);
        Some(Trip {
            at,
            generation: self.generation,
            candidate: self.tripwire.candidate,
            log_evidence,
            candidate_seen: self.candidate.since(),
            baseline_seen: self.baseline.since(),
        })
    }
}

impl Start {
    fn since(&self) -> Seen {
        let now = self.counters.seen();
        Seen { requests: now.requests - self.seen.requests, bad: now.bad - self.seen.bad }
    }
}

fn terms(tripwire: &Tripwire) -> Result<Terms, BadTerms> {
    let tolerated = f64::from(tripwire.tolerated) / 100.0;
    // Nothing is ever cleared here, so what has to be ruled out only has to make sense.
    let ruled_out = tolerated * 2.0;
    let alpha = f64::from(tripwire.alpha) / 1_000_000.0;
    Asked { tolerated, alpha, ruled_out, ..Asked::default() }.try_into()
}

#[cfg(test)]
mod tests {
    use model::id::ReleaseId;
    use model::intent::Group;

    use super::*;
    use crate::stats::Book;

    const RELEASES: [u8; 2] = [1, 2];

    fn watch(weights: Weights, before: Option<&Watch>, book: &Book) -> Watch {
        let [candidate, baseline] =
            RELEASES.map(|n| ReleaseId::new(Timestamp::UNIX_EPOCH, [n; 10]));
        let tripwire =
            Tripwire { candidate, baseline, tolerated: 100, alpha: 10_000, slow_after: None };
        let place: model::name::Place = "shop/production".parse().expect("a place");
        let [candidate, baseline] = [candidate, baseline]
            .map(|release| book.counters(&Group { place: place.clone(), release }));
        Watch::new(&tripwire, Generation(7), weights, [&candidate, &baseline], before)
            .expect("good terms")
    }

    #[test]
    fn a_candidate_that_fails_alone_trips_once_and_soon() {
        let book = Book::new(1);
        let weights = Weights { candidate: 500, baseline: 9_500 };
        let watch = watch(weights, None, &book);
        let trips: Vec<_> =
            (0..20).filter_map(|_| watch.bad(Side::Candidate, Timestamp::UNIX_EPOCH)).collect();
        let [trip] = &*trips else { panic!("one trip: {trips:?}") };
        assert_eq!(trip.generation, Generation(7));
        assert!(trip.log_evidence >= 4_605, "1 in 100 is wrong: {}", trip.log_evidence);
        assert!(watch.is_tripped());
    }

    #[test]
    fn who_fails_as_its_baseline_does_not_trip() {
        let book = Book::new(1);
        let watch = watch(Weights { candidate: 5_000, baseline: 5_000 }, None, &book);
        for _ in 0..1_000 {
            assert_eq!(watch.bad(Side::Candidate, Timestamp::UNIX_EPOCH), None);
            assert_eq!(watch.bad(Side::Baseline, Timestamp::UNIX_EPOCH), None);
        }
    }

    #[test]
    fn evidence_outlives_a_shift_of_weights() {
        let book = Book::new(1);
        let first = watch(Weights { candidate: 100, baseline: 9_900 }, None, &book);
        assert_eq!(first.bad(Side::Candidate, Timestamp::UNIX_EPOCH), None);
        let weights = Weights { candidate: 5_000, baseline: 5_000 };
        let needed = |before| {
            let watch = watch(weights, before, &book);
            (1..100).find(|_| watch.bad(Side::Candidate, Timestamp::UNIX_EPOCH).is_some())
        };
        let alone = needed(None).expect("it trips");
        assert!(needed(Some(&first)).expect("it trips") < alone);
    }
}

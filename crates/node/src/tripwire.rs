//! The tripwire of a split: weighs each bad event as it happens, and says when the candidate has
//! proved too bad. The judgement itself is the crate `evidence`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use evidence::combined::{Harmful, Harmless, Metric};
use evidence::counted::Once;
use evidence::trial::{Asked, BadTerms, Terms};
use jiff::Timestamp;
use model::intent::{Generation, Judgement, Seen, Trip, Tripwire};

use crate::stats::Counters;

/// Whose event it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Candidate,
    Baseline,
}

/// Something that went badly.
#[derive(Debug, Clone, Copy)]
pub struct Bad {
    pub side: Side,
    pub metric: Metric,
    /// Stands for the user, where users stay on a release: their first bad event is the one that counts.
    pub user: Option<u64>,
}

/// One candidate that is watched.
#[derive(Debug)]
pub struct Watch {
    tripwire: Tripwire,
    generation: Generation,
    /// The candidate's part of what both get by chance.
    weight: f64,
    slow_micros: u64,
    trials: Arc<Mutex<Trials>>,
    tripped: AtomicBool,
    candidate: Start,
    baseline: Start,
}

/// What was proven so far, of harm and of its absence.
#[derive(Debug)]
struct Trials {
    harmful: Harmful,
    harmless: Harmless,
    users: Once,
    /// Whether slow answers are bad ones, so that they too have to be clear.
    judges_slow: bool,
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
            trials: before.map_or_else(
                || Arc::new(Mutex::new(Trials::new(&terms, tripwire))),
                |before| Arc::clone(&before.trials),
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
    pub fn bad(&self, bad: Bad, at: Timestamp) -> Option<Trip> {
        if self.is_tripped() {
            return None;
        }
        let mut trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
        let evidence = trials.weigh(bad, self.weight)?;
        drop(trials);
        if self.tripped.swap(true, Ordering::AcqRel) {
            return None;
        }
        Some(Trip {
            at,
            generation: self.generation,
            candidate: self.tripwire.candidate,
            log_evidence: thousandths(evidence),
            candidate_seen: self.candidate.since(),
            baseline_seen: self.baseline.since(),
        })
    }

    /// What was proven so far.
    pub fn judgement(&self) -> Judgement {
        let trials = self.trials.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = trials.to_be_clear();
        let clearance = metrics.iter().map(|metric| trials.harmless.trial(*metric));
        let least = clearance.map(|trial| (trial.peak(), trial.needed()));
        let least = least.min_by(|(a, _), (b, _)| a.total_cmp(b)).unwrap_or((1.0, 1.0));
        Judgement {
            candidate: self.tripwire.candidate,
            harm: thousandths(trials.harmful.evidence()),
            harm_needed: thousandths(trials.harmful.needed()),
            clearance: thousandths(least.0),
            clearance_needed: thousandths(least.1),
            is_clear: trials.harmless.is_clear(metrics),
            candidate_seen: self.candidate.since(),
            baseline_seen: self.baseline.since(),
        }
    }
}

impl Trials {
    fn new(terms: &Terms, tripwire: &Tripwire) -> Self {
        Self {
            harmful: Harmful::new(terms),
            harmless: Harmless::new(terms),
            users: Once::new(),
            judges_slow: tripwire.slow_after.is_some(),
        }
    }

    /// The evidence for harm, once there is enough.
    fn weigh(&mut self, bad: Bad, weight: f64) -> Option<f64> {
        let Bad { side, metric, user } = bad;
        if user.is_some_and(|user| !self.users.counts(user)) {
            return None;
        }
        let of_candidate = side == Side::Candidate;
        if self.users.allows_clearance() {
            self.harmless.bad(metric, of_candidate, weight);
        }
        let found = self.harmful.bad(metric, of_candidate, weight)?;
        Some(found.verdict.evidence)
    }

    /// In what a candidate has to prove itself.
    fn to_be_clear(&self) -> &'static [Metric] {
        if self.judges_slow { &[Metric::Errors, Metric::Slow] } else { &[Metric::Errors] }
    }
}

/// Evidence as it is told: its natural logarithm.
#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a float is small")]
fn thousandths(evidence: f64) -> i64 {
    (evidence.ln() * 1_000.0) as i64
}

impl Start {
    fn since(&self) -> Seen {
        let now = self.counters.seen();
        Seen { requests: now.requests - self.seen.requests, bad: now.bad - self.seen.bad }
    }
}

fn terms(tripwire: &Tripwire) -> Result<Terms, BadTerms> {
    let tolerated = f64::from(tripwire.tolerated) / 100.0;
    let ruled_out = f64::from(tripwire.ruled_out) / 100.0;
    let [alpha, beta] =
        [tripwire.alpha, tripwire.beta].map(|chance| f64::from(chance) / 1_000_000.0);
    Asked { tolerated, alpha, ruled_out, beta }.try_into()
}

#[cfg(test)]
mod tests {
    use model::id::ReleaseId;
    use model::intent::Group;
    use model::rollout::Guard;

    use super::*;
    use crate::stats::Book;

    fn error(side: Side) -> Bad {
        Bad { side, metric: Metric::Errors, user: None }
    }

    const RELEASES: [u8; 2] = [1, 2];

    fn watch(weights: Weights, before: Option<&Watch>, book: &Book) -> Watch {
        let [candidate, baseline] =
            RELEASES.map(|n| ReleaseId::new(Timestamp::UNIX_EPOCH, [n; 10]));
        let tripwire = Guard::default().tripwire(candidate, baseline);
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
        let trips: Vec<_> = (0..20)
            .filter_map(|_| watch.bad(error(Side::Candidate), Timestamp::UNIX_EPOCH))
            .collect();
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
            assert_eq!(watch.bad(error(Side::Candidate), Timestamp::UNIX_EPOCH), None);
            assert_eq!(watch.bad(error(Side::Baseline), Timestamp::UNIX_EPOCH), None);
        }
    }

    #[test]
    fn evidence_outlives_a_shift_of_weights() {
        let book = Book::new(1);
        let first = watch(Weights { candidate: 100, baseline: 9_900 }, None, &book);
        assert_eq!(first.bad(error(Side::Candidate), Timestamp::UNIX_EPOCH), None);
        let weights = Weights { candidate: 5_000, baseline: 5_000 };
        let needed = |before| {
            let watch = watch(weights, before, &book);
            (1..100).find(|_| watch.bad(error(Side::Candidate), Timestamp::UNIX_EPOCH).is_some())
        };
        let alone = needed(None).expect("it trips");
        assert!(needed(Some(&first)).expect("it trips") < alone);
    }

    #[test]
    fn who_fails_less_often_than_what_is_ruled_out_is_clear_in_the_end() {
        let book = Book::new(1);
        let watch = watch(Weights { candidate: 5_000, baseline: 5_000 }, None, &book);
        assert!(!watch.judgement().is_clear);
        for _ in 0..200 {
            watch.bad(error(Side::Candidate), Timestamp::UNIX_EPOCH);
            watch.bad(error(Side::Baseline), Timestamp::UNIX_EPOCH);
        }
        let judgement = watch.judgement();
        assert!(judgement.is_clear && judgement.clearance >= judgement.clearance_needed);
        assert!(judgement.harm < judgement.harm_needed);
    }

    #[test]
    fn a_user_who_fails_a_hundred_times_counts_once() {
        let book = Book::new(1);
        let watch = watch(Weights { candidate: 500, baseline: 9_500 }, None, &book);
        let of = |user| Bad { user: Some(user), ..error(Side::Candidate) };
        assert!((0..100).all(|_| watch.bad(of(7), Timestamp::UNIX_EPOCH).is_none()));
        assert!((0..100).any(|user| watch.bad(of(user), Timestamp::UNIX_EPOCH).is_some()));
    }

    /// A coin that is the same in every run of the test.
    struct Coin(u64);

    impl Coin {
        fn falls(&mut self, per_mille: u64) -> bool {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) % 1_000 < per_mille
        }
    }

    #[test]
    fn a_candidate_that_fails_half_of_its_requests_has_few_of_them() {
        let mut needed: Vec<(u32, u32)> = (0..200)
            .map(|run| {
                let book = Book::new(1);
                let watch = watch(Weights { candidate: 500, baseline: 9_500 }, None, &book);
                let mut coin = Coin(run);
                let (mut requests, mut bad) = (0, 0);
                loop {
                    requests += 1;
                    let side = if coin.falls(50) { Side::Candidate } else { Side::Baseline };
                    let fails = if side == Side::Candidate { 500 } else { 1 };
                    if !coin.falls(fails) {
                        continue;
                    }
                    bad += u32::from(side == Side::Candidate);
                    if watch.bad(error(side), Timestamp::UNIX_EPOCH).is_some() {
                        return (bad, requests);
                    }
                }
            })
            .collect();
        needed.sort_unstable();
        let (bad, _) = needed[100];
        needed.sort_unstable_by_key(|(_, requests)| *requests);
        let (_, requests) = needed[100];
        assert!(bad < 15, "{bad} bad answers at the median");
        assert!(requests < 500, "{requests} requests at the median, of 1,000 a second");
    }

    #[test]
    fn who_is_as_good_as_its_baseline_is_seldom_cut_off_whatever_the_weights_do() {
        const RUNS: u64 = 1_000;
        let cut_off = (0..RUNS).filter(|run| {
            let book = Book::new(1);
            let mut coin = Coin(run + 7_000);
            let mut before: Option<Watch> = None;
            for weight in [100, 500, 300, 2_500, 5_000] {
                let weights = Weights { candidate: weight, baseline: 10_000 - weight };
                let now = watch(weights, before.as_ref(), &book);
                // Of all bad events, the candidate's part is its part of the requests.
                for _ in 0..100 {
                    let is_candidate = coin.falls(u64::from(weight) / 10);
                    let side = if is_candidate { Side::Candidate } else { Side::Baseline };
                    if now.bad(error(side), Timestamp::UNIX_EPOCH).is_some() {
                        return true;
                    }
                }
                before = Some(now);
            }
            false
        });
        // One in a hundred is what was asked for; three deviations more are not chance.
        assert!(cut_off.count() <= 20);
    }
}

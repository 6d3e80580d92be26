//! The figures that are promised: 100 requests a second, a candidate with a tenth of them, 0.5 % of the
//! baseline's bad, α = 1 %, β = 5 %.

use evidence::combined::{Harmful, Metric};
use evidence::trial::{Asked, ClearTrial, HarmTrial, Question, Terms, Trial};

use super::world::{Chance, median, share};

const WEIGHT: f64 = 0.1;
/// Bad events of both versions in a second, if the candidate is as good as the baseline.
const RATE: f64 = 100.0 * 0.005;

/// Seconds until a trial comes to its verdict; infinite if it does not within so many events.
fn verdict<Q: Question>(
    mut trial: Trial<Q>,
    ratio: f64,
    events: usize,
    chance: &mut Chance,
) -> f64 {
    let (own, others) = (WEIGHT * ratio, 1.0 - WEIGHT);
    let mut now = 0.0;
    for _ in 0..events {
        now += chance.gap(RATE * (own + others));
        if trial.bad(chance.happens(own / (own + others)), WEIGHT).is_some() {
            return now;
        }
    }
    f64::INFINITY
}

#[test]
fn a_bad_candidate_is_found_in_time() {
    let mut chance = Chance::new(1);
    for (ratio, within) in [(2.0, 330.0), (5.0, 32.0), (20.0, 4.0)] {
        let trial = HarmTrial::new(&Terms::default());
        let times = (0..2000).map(|_| verdict(trial.clone(), ratio, 5000, &mut chance));
        let middle = median(times.collect());
        assert!(middle <= within, "{ratio} times as bad: {middle} s");
    }
}

/// The tripwire watches three metrics for one α; as many answers are slow as fail.
#[test]
fn a_bad_candidate_is_found_in_time_also_among_other_metrics() {
    let mut chance = Chance::new(2);
    for (ratio, within) in [(2.0, 330.0), (5.0, 32.0), (20.0, 4.0)] {
        let times = (0..2000).map(|_| {
            let mut harmful = Harmful::new(&Terms::default());
            let (errors, slow) = (RATE * (1.0 + WEIGHT * (ratio - 1.0)), RATE);
            let mut now = 0.0;
            while harmful.verdict().is_none() && now < 10_000.0 {
                now += chance.gap(errors + slow);
                if chance.happens(errors / (errors + slow)) {
                    let own = WEIGHT * ratio / (1.0 + WEIGHT * (ratio - 1.0));
                    harmful.bad(Metric::Errors, chance.happens(own), WEIGHT);
                } else {
                    harmful.bad(Metric::Slow, chance.happens(WEIGHT), WEIGHT);
                }
            }
            now
        });
        let middle = median(times.collect());
        assert!(middle <= within, "{ratio} times as bad: {middle} s");
    }
}

#[test]
fn a_good_candidate_is_clear_in_time_and_a_doubled_one_is_not() {
    let mut chance = Chance::new(3);
    let trial = ClearTrial::new(&Terms::default());
    let times = (0..2000).map(|_| verdict(trial.clone(), 1.0, 5000, &mut chance));
    let middle = median(times.collect());
    assert!(middle <= 215.0, "{middle} s");
    // At a true chance of 5 %, 2000 rollouts have at most 6.5 % with all but a chance of 1 in 1000.
    for ratio in [2.0, 3.0] {
        let times: Vec<f64> =
            (0..2000).map(|_| verdict(trial.clone(), ratio, 5000, &mut chance)).collect();
        let wrong = share(&times, |time| time.is_finite());
        assert!(wrong <= 0.065, "{wrong}");
    }
}

/// The weight goes up and down, and nothing is ever forgotten: 10,000 bad events are five hours.
#[test]
fn a_good_candidate_is_left_alone_for_ever() {
    let mut chance = Chance::new(4);
    let weights = [0.01, 0.05, 0.1, 0.25, 0.5, 0.9, 0.1];
    for (tolerated, alpha) in [(1.0, 0.01), (1.5, 0.05)] {
        let asked = Asked { tolerated, alpha, ..Asked::default() };
        let terms = Terms::try_from(asked).unwrap();
        let rollouts: Vec<bool> = (0..2000)
            .map(|_| {
                let mut trial = HarmTrial::new(&terms);
                (0..10_000).any(|event| {
                    let weight = weights[event / 150 % weights.len()];
                    let own = tolerated * weight / (1.0 - weight + tolerated * weight);
                    trial.bad(chance.happens(own), weight).is_some()
                })
            })
            .collect();
        let wrong = share(&rollouts, |found| *found);
        // Three standard deviations of 2000 rollouts above what is claimed.
        let most = alpha + 3.0 * (alpha * (1.0 - alpha) / 2000.0).sqrt();
        assert!(wrong <= most, "{wrong}");
    }
}

/// After 4000 good events, which is more than two hours.
#[test]
fn a_candidate_that_turns_bad_late_is_found_soon() {
    let mut chance = Chance::new(5);
    for (ratio, within) in [(5.0, 110.0), (20.0, 25.0)] {
        let mut times = Vec::new();
        while times.len() < 500 {
            let mut trial = HarmTrial::new(&Terms::default());
            if (0..4000).any(|_| trial.bad(chance.happens(WEIGHT), WEIGHT).is_some()) {
                continue;
            }
            times.push(verdict(trial, ratio, 5000, &mut chance));
        }
        let middle = median(times);
        assert!(middle <= within, "{ratio} times as bad: {middle} s");
    }
}

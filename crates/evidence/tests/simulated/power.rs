//! Forecasts, held against trials that are played.

use std::time::Duration;

use super::world::{Chance, median, share};
use evidence::combined::{Harmful, Metric};
use evidence::power::{BadPlan, Forecast, Step, Traffic, until_clear};
use evidence::trial::{ClearTrial, Terms};

fn step(weight: f64, seconds: u64) -> Step {
    Step { weight, lasts: Duration::from_secs(seconds) }
}

/// When a candidate so bad is found by playing; the last step goes on for `patience` seconds.
fn played(traffic: Traffic, steps: &[Step], ratio: f64, chance: &mut Chance) -> Option<f64> {
    let mut harmful = Harmful::new(&Terms::default());
    let (mut now, mut until) = (0.0, 0.0);
    for (number, step) in steps.iter().enumerate() {
        let is_last = number + 1 == steps.len();
        until += step.lasts.as_secs_f64();
        let (own, others) = (step.weight * ratio, 1.0 - step.weight);
        loop {
            let next = now + chance.gap(traffic.rate * traffic.bad * (own + others));
            if (!is_last && next > until) || next > 100_000.0 {
                now = until;
                break;
            }
            now = next;
            let of_candidate = chance.happens(own / (own + others));
            if harmful.bad(Metric::Errors, of_candidate, step.weight).is_some() {
                return Some(now);
            }
        }
    }
    None
}

#[test]
fn what_is_foreseen_is_what_happens() {
    let traffic = Traffic { rate: 100.0, bad: 0.005 };
    let plans = [
        (vec![step(0.1, 300)], 2.0),
        (vec![step(0.1, 30)], 5.0),
        (vec![step(0.05, 300), step(0.2, 300), step(0.5, 600)], 1.5),
        (vec![step(0.01, 600), step(0.1, 200)], 2.0),
        (vec![step(0.5, 20)], 20.0),
    ];
    let mut chance = Chance::new(7);
    for (steps, ratio) in plans {
        let forecast =
            Forecast::of(Metric::Errors, &Terms::default(), traffic, &steps, ratio).unwrap();
        let whole: Duration = steps.iter().map(|step| step.lasts).sum();
        let times: Vec<f64> = (0..1500)
            .map(|_| played(traffic, &steps, ratio, &mut chance).unwrap_or(f64::INFINITY))
            .collect();
        let found = share(&times, |time| *time <= whole.as_secs_f64());
        // The chance of 1500 plays is known to 0.013 (one standard deviation).
        assert!((forecast.found() - found).abs() < 0.05, "{steps:?}: {found}, {forecast:?}");
        let middle = median(times.clone());
        let told = forecast.median().unwrap().as_secs_f64();
        assert!((told / middle - 1.0).abs() < 0.12, "{steps:?}: {middle}, {forecast:?}");
        let enough = forecast.enough().unwrap().as_secs_f64();
        let by_then = share(&times, |time| *time <= enough);
        assert!((by_then - 0.8).abs() < 0.05, "{steps:?}: {by_then} by {enough}");
    }
}

#[test]
fn the_time_until_a_candidate_is_clear_is_what_happens() {
    let traffic = Traffic { rate: 100.0, bad: 0.005 };
    let mut chance = Chance::new(8);
    let mut begun = ClearTrial::new(&Terms::default());
    for _ in 0..2 {
        let told = until_clear(&begun, traffic, 0.1).unwrap().as_secs_f64();
        let times = (0..1500).map(|_| {
            let (mut trial, mut now) = (begun.clone(), 0.0);
            while trial.verdict().is_none() {
                now += chance.gap(0.5);
                trial.bad(chance.happens(0.1), 0.1);
            }
            now
        });
        let middle = median(times.collect());
        assert!((told / middle - 1.0).abs() < 0.12, "{told} {middle}");
        // The same from where a trial is already.
        for number in 0..40 {
            begun.bad(number % 15 == 0, 0.1);
        }
    }
    for _ in 0..2000 {
        begun.bad(false, 0.1);
    }
    assert_eq!(until_clear(&begun, traffic, 0.1), Some(Duration::ZERO));
}

#[test]
fn a_plan_is_told_in_a_sentence() {
    let told = |rate, bad, steps: &[Step], ratio| {
        let traffic = Traffic { rate, bad };
        Forecast::of(Metric::Errors, &Terms::default(), traffic, steps, ratio).unwrap().sentence()
    };
    for (told, wanted) in [
        (
            told(3.0, 0.071, &[step(0.05, 600)], 2.0),
            "at 3 requests a second, step 5 % for 10 min will miss a doubled error rate 4 times of 5; 40 min would find it",
        ),
        (
            told(100.0, 0.005, &[step(0.1, 600)], 5.0),
            "at 100 requests a second, step 10 % for 10 min will find 5 times the error rate nearly always, half of the times within 32 s",
        ),
        (
            told(3.0, 0.02, &[step(0.05, 600), step(0.5, 300)], 3.0),
            "at 3 requests a second, steps 5 % for 10 min and 50 % for 5 min will miss a tripled error rate 1 time of 3; 50 % for 7 min would find it",
        ),
        (
            told(1.0, 0.001, &[step(0.001, 600)], 1.1),
            "at 1 request a second, step 0.1 % for 10 min will miss 1.1 times the error rate nearly always; no time that can be foreseen would find it",
        ),
    ] {
        assert_eq!(told, wanted);
    }
}

#[test]
fn nothing_to_see_is_said_and_bad_plans_are_refused() {
    let terms = Terms::default();
    let of = |rate, bad, steps: &[Step], ratio| {
        Forecast::of(Metric::Errors, &terms, Traffic { rate, bad }, steps, ratio)
    };
    for blind in [
        of(0.0, 0.01, &[step(0.1, 600)], 2.0),
        of(10.0, 0.0, &[step(0.1, 600)], 2.0),
        of(10.0, 0.01, &[step(0.0, 600), step(1.0, 600)], 2.0),
        of(10.0, 0.01, &[step(0.1, 600)], 0.5),
    ] {
        let blind = blind.unwrap();
        assert!(blind.found() < 0.01 && blind.median().is_none(), "{blind:?}");
    }
    let most = of(10.0, 0.5, &[step(0.1, 60)], 1000.0).unwrap();
    let all = of(10.0, 0.5, &[step(0.1, 60)], 2.0).unwrap();
    assert!((most.found() - all.found()).abs() < 1e-9, "more than all answers cannot be bad");
    assert!(of(10.0, 0.5, &[step(0.1, 0)], 2.0).unwrap().found() < 1e-9);
    assert_eq!(of(-1.0, 0.01, &[step(0.1, 60)], 2.0), Err(BadPlan::Rate(-1.0)));
    assert!(matches!(of(f64::NAN, 0.01, &[step(0.1, 60)], 2.0), Err(BadPlan::Rate(_))));
    assert_eq!(of(1.0, 2.0, &[step(0.1, 60)], 2.0), Err(BadPlan::Bad(2.0)));
    assert_eq!(of(1.0, 0.1, &[], 2.0), Err(BadPlan::Steps(0)));
    let weight = Err(BadPlan::Weight { number: 2, weight: 5.0 });
    assert_eq!(of(1.0, 0.1, &[step(0.1, 60), step(5.0, 60)], 2.0), weight);
    assert_eq!(of(1.0, 0.1, &[step(0.1, u64::MAX)], 2.0), Err(BadPlan::Lasts { number: 1 }));
}

//! What a plan of steps can find, and how soon: told before it starts.
//!
//! Nothing is drawn by chance here. Whose each bad event is, is followed through all that can happen at
//! once (`passage`), with the very odds that the trial will be played at.

mod passage;
mod sentence;

use std::time::Duration;

use crate::combined::Metric;
use crate::trial::{ClearTrial, HarmTrial, Terms};
use passage::{Passage, Stretch};

/// The traffic that a plan will be carried out in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// Requests of both versions in a second.
    pub rate: f64,
    /// The share of the baseline's that are bad events of the metric.
    pub bad: f64,
}

/// One step of a plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The candidate's share of the requests.
    pub weight: f64,
    pub lasts: Duration,
}

/// What a plan can find.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    metric: Metric,
    traffic: Traffic,
    steps: Vec<Step>,
    ratio: f64,
    found: f64,
    median: Option<Duration>,
    enough: Option<Duration>,
}

impl Forecast {
    /// What happens to a candidate that is `ratio` times as bad as the baseline in one metric, and as
    /// good in all others. Its tripwire is [`Harmful`](crate::combined::Harmful).
    ///
    /// It is a little too dark: what a trial stakes later from its reserve is left out. It knows
    /// nothing of users who stay on a version; where they do, `traffic` is to tell of users, not requests.
    pub fn of(
        metric: Metric,
        terms: &Terms,
        traffic: Traffic,
        steps: &[Step],
        ratio: f64,
    ) -> Result<Self, BadPlan> {
        check(traffic, steps, ratio)?;
        let needed = metric.stake().recip() / terms.alpha();
        // No more than everything can be bad.
        let truth = if traffic.bad > 0.0 { ratio.min(traffic.bad.recip()) } else { ratio };
        let stretches: Vec<Stretch> =
            steps.iter().map(|step| Stretch::of(traffic, *step, truth)).collect();
        let passage = Passage::of(&HarmTrial::new(terms), needed, truth, &stretches);
        let whole = stretches.iter().map(|stretch| stretch.seconds).sum();
        Ok(Self {
            metric,
            traffic,
            steps: steps.to_vec(),
            ratio,
            found: passage.until(whole),
            median: passage.quantile(0.5).and_then(duration),
            enough: passage.quantile(ENOUGH).and_then(duration),
        })
    }

    /// The chance that the plan finds it.
    pub fn found(&self) -> f64 {
        self.found
    }

    /// The time until half of such candidates are found, with the last step going on for as long as it
    /// takes. None: longer than can be foreseen.
    pub fn median(&self) -> Option<Duration> {
        self.median
    }

    /// How long the plan would have to be, by a longer last step, to find such a candidate 4 times of 5.
    pub fn enough(&self) -> Option<Duration> {
        self.enough
    }

    /// All that in words.
    pub fn sentence(&self) -> String {
        sentence::of(self)
    }
}

/// In what time from now half of the candidates that are as good as the baseline would be clear, at this
/// traffic and weight. None: longer than can be foreseen, as without any traffic.
pub fn until_clear(trial: &ClearTrial, traffic: Traffic, weight: f64) -> Option<Duration> {
    if trial.verdict().is_some() {
        return Some(Duration::ZERO);
    }
    let step = Step { weight, lasts: Duration::from_secs(1) };
    check(traffic, &[step], 1.0).ok()?;
    let stretches = [Stretch::of(traffic, step, 1.0)];
    Passage::of(trial, trial.needed(), 1.0, &stretches).quantile(0.5).and_then(duration)
}

/// What is "enough": 4 times of 5.
const ENOUGH: f64 = 0.8;

/// Longer plans are nobody's.
const LONGEST: Duration = Duration::from_hours(400 * 24);
const MOST_STEPS: usize = 100;
const MOST_RATE: f64 = 1e9;
const MOST_RATIO: f64 = 1000.0;

fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| *duration <= LONGEST)
}

fn check(traffic: Traffic, steps: &[Step], ratio: f64) -> Result<(), BadPlan> {
    // A number that is none is in no range.
    if !(0.0..=MOST_RATE).contains(&traffic.rate) {
        return Err(BadPlan::Rate(traffic.rate));
    }
    if !(0.0..=1.0).contains(&traffic.bad) {
        return Err(BadPlan::Bad(traffic.bad));
    }
    if !(0.0..=MOST_RATIO).contains(&ratio) {
        return Err(BadPlan::Ratio(ratio));
    }
    if steps.is_empty() || steps.len() > MOST_STEPS {
        return Err(BadPlan::Steps(steps.len()));
    }
    for (step, number) in steps.iter().zip(1..) {
        if !(0.0..=1.0).contains(&step.weight) {
            return Err(BadPlan::Weight { number, weight: step.weight });
        }
        if step.lasts > LONGEST {
            return Err(BadPlan::Lasts { number });
        }
    }
    Ok(())
}

/// Why nothing can be foreseen of a plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadPlan {
    #[error("{0} requests a second: must be from 0 to {MOST_RATE}")]
    Rate(f64),
    #[error("share {0} of bad events in the baseline: must be from 0 to 1")]
    Bad(f64),
    #[error("ratio {0} to be found: must be from 0 to {MOST_RATIO}")]
    Ratio(f64),
    #[error("a plan of {0} steps: must be 1 to {MOST_STEPS}")]
    Steps(usize),
    #[error("weight {weight} of step {number}: must be from 0 to 1")]
    Weight { number: usize, weight: f64 },
    #[error("step {number} lasts for more than 400 days")]
    Lasts { number: usize },
}

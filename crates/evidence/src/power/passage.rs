//! After how many events, and when, a trial comes to its verdict, if the candidate's true ratio is known.
//!
//! At a given event, what a trial has won depends only on how many of the events so far spoke for its
//! verdict, also where the weight has changed: so one row of chances, one for each such number, is carried
//! from event to event, and what reaches the boundary leaves it. The boundary is found by the way.
//!
//! Two things are taken as their means: after how many events a step ends, and (left out) the reserve.

use std::f64::consts::SQRT_2;

use super::{Step, Traffic};
use crate::trial::{Question, RATIOS, Trial};

/// A stretch of time in which nothing changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    pub(super) seconds: f64,
    weight: f64,
    /// Bad events of both versions in a second that can tell something.
    rate: f64,
}

impl Stretch {
    pub(super) fn of(traffic: Traffic, step: Step, ratio: f64) -> Self {
        let Step { weight, lasts } = step;
        let tells = weight > 0.0 && weight < 1.0;
        let rate = traffic.rate * traffic.bad * (1.0 - weight + ratio * weight);
        Self { seconds: lasts.as_secs_f64(), weight, rate: if tells { rate } else { 0.0 } }
    }
}

/// When the verdict falls.
#[derive(Debug)]
pub(super) struct Passage<'a> {
    stretches: &'a [Stretch],
    /// After about so many events, with which chance.
    arrivals: Vec<(f64, f64)>,
}

impl<'a> Passage<'a> {
    /// The last stretch goes on for ever.
    pub(super) fn of<Q: Question>(
        trial: &Trial<Q>,
        needed: f64,
        truth: f64,
        stretches: &'a [Stretch],
    ) -> Self {
        let mut arrivals = Arrivals::default();
        let mut row = Row::new(trial.wealth(), needed);
        let mut work = 0;
        let (mut event, mut until) = (0.0, 0.0);
        for (number, stretch) in stretches.iter().enumerate().filter(|(_, at)| at.rate > 0.0) {
            let is_last = number + 1 == stretches.len();
            until += stretch.seconds * stretch.rate;
            let weight = stretch.weight;
            let own = truth * weight / (1.0 - weight + truth * weight);
            let chance = if Q::BY_CANDIDATE { own } else { 1.0 - own };
            let against = Q::odds(trial.terms(), !Q::BY_CANDIDATE, weight);
            let towards = Q::odds(trial.terms(), Q::BY_CANDIDATE, weight);
            while (is_last || event < until) && row.alive > LEAST_ALIVE && work < MOST_WORK {
                event += 1.0;
                work += row.chances.len() - row.from + RATIOS;
                arrivals.add(event, row.step(chance, &against, &towards));
            }
        }
        Self { stretches, arrivals: arrivals.bins }
    }

    /// The chance that the verdict falls within so many seconds.
    pub(super) fn until(&self, seconds: f64) -> f64 {
        let events = self.events(seconds);
        self.arrivals.iter().map(|(number, chance)| chance * at_least(*number, events)).sum()
    }

    /// In what time that chance is reached, if what was followed reaches it.
    pub(super) fn quantile(&self, chance: f64) -> Option<f64> {
        let last = self.stretches.last().filter(|last| last.rate > 0.0)?;
        let mut late: f64 = self.stretches.iter().map(|stretch| stretch.seconds).sum();
        let most = self.arrivals.last()?.0 * 2.0 + 100.0;
        late += most / last.rate;
        if self.until(late) < chance {
            return None;
        }
        let mut early = 0.0;
        while late - early > 1e-4 * late {
            let middle = f64::midpoint(early, late);
            *(if self.until(middle) < chance { &mut early } else { &mut late }) = middle;
        }
        Some(late)
    }

    /// The mean number of events in so many seconds.
    fn events(&self, seconds: f64) -> f64 {
        let mut left = seconds;
        let mut events = 0.0;
        for (number, stretch) in self.stretches.iter().enumerate() {
            let is_last = number + 1 == self.stretches.len();
            let here = if is_last { left } else { left.min(stretch.seconds) };
            events += here * stretch.rate;
            left -= here;
        }
        events
    }
}

/// What is still undecided.
#[derive(Debug)]
struct Row {
    /// The chance of each number of events that spoke for the verdict; those before `from` are so
    /// unlikely that they were dropped.
    chances: Vec<f64>,
    from: usize,
    /// With so many, the verdict falls.
    boundary: usize,
    /// What would be won on each ratio at the boundary.
    won: [f64; RATIOS],
    needed: f64,
    alive: f64,
}

impl Row {
    fn new(wealth: &[f64; RATIOS], needed: f64) -> Self {
        Self { chances: vec![1.0], from: 0, boundary: 0, won: *wealth, needed, alive: 1.0 }
    }

    /// One more event: the chance that it brings the verdict.
    fn step(&mut self, chance: f64, against: &[f64; RATIOS], towards: &[f64; RATIOS]) -> f64 {
        self.chances.push(0.0);
        for place in (self.from + 1..self.chances.len()).rev() {
            self.chances[place] =
                self.chances[place] * (1.0 - chance) + self.chances[place - 1] * chance;
        }
        self.chances[self.from] *= 1.0 - chance;

        for (won, odds) in self.won.iter_mut().zip(against) {
            *won *= odds;
        }
        // Never more than the events there were: with all of them speaking for it, and not enough, it
        // cannot fall yet.
        while self.boundary < self.chances.len() && self.won.iter().sum::<f64>() < self.needed {
            self.boundary += 1;
            for ((won, towards), against) in self.won.iter_mut().zip(towards).zip(against) {
                *won *= towards / against;
            }
        }
        let decided: f64 = self.chances.drain(self.boundary.max(self.from)..).sum();
        while self.from < self.chances.len() && self.chances[self.from] < LEAST_CHANCE {
            self.from += 1;
        }
        if self.from >= self.chances.len() {
            // Everything is decided, or dropped.
            self.chances.resize(self.from + 1, 0.0);
            self.alive = 0.0;
        }
        self.alive -= decided;
        decided
    }
}

/// Chances of single events, put together where that makes no difference.
#[derive(Debug, Default)]
struct Arrivals {
    bins: Vec<(f64, f64)>,
    began: f64,
}

impl Arrivals {
    fn add(&mut self, event: f64, chance: f64) {
        if chance <= 0.0 {
            return;
        }
        match self.bins.last_mut() {
            Some((middle, sum)) if event < self.began * (1.0 + WIDTH) => {
                *middle = (*middle * *sum + event * chance) / (*sum + chance);
                *sum += chance;
            }
            _ => {
                self.began = event;
                self.bins.push((event, chance));
            }
        }
    }
}

/// The chance of at least `number` events where `mean` are expected (Wilson and Hilferty).
fn at_least(number: f64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    normal(((mean / number).cbrt() - 1.0 + 1.0 / (9.0 * number)) * 3.0 * number.sqrt())
}

/// The normal distribution function, to seven digits (Abramowitz and Stegun, 7.1.26).
fn normal(value: f64) -> f64 {
    let x = value.abs() / SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let powers = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let tail = powers.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp() / 2.0;
    if value < 0.0 { tail } else { 1.0 - tail }
}

/// Beneath this a chance is dropped.
const LEAST_CHANCE: f64 = 1e-12;
/// When less than this is undecided, nothing that is asked for depends on it.
const LEAST_ALIVE: f64 = 1e-3;
/// How many chances are carried on before giving up: some milliseconds.
const MOST_WORK: usize = 3_000_000;
/// Arrivals that are this near each other are one.
const WIDTH: f64 = 1.0 / 64.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_agree_with_published_ones() {
        // Normal: 0.975 at 1.959964, 0.01 at -2.326348. Poisson with mean 10: tables give 0.5421 for at
        // least 10, 0.0835 for at least 15; with mean 1: 0.6321 for at least 1.
        assert!((normal(1.959_964) - 0.975).abs() < 1e-6);
        assert!((normal(-2.326_348) - 0.01).abs() < 1e-6);
        for (number, mean, chance) in
            [(10.0, 10.0, 0.5421), (15.0, 10.0, 0.0835), (1.0, 1.0, 0.6321)]
        {
            assert!((at_least(number, mean) - chance).abs() < 2e-3, "{number} {mean}");
        }
    }
}

//! Several metrics, one verdict.
//!
//! **Harm**: a weighted mean of evidence is evidence again, also where the metrics go up and down
//! together, which their product would not be. So one `α` covers all of them.
//!
//! **Clearance**: a candidate is clear when each metric asked about is. No correction is needed for
//! that: as long as one of them is as bad as what has to be ruled out, that one holds it up.

use serde::{Deserialize, Serialize};

use crate::trial::{ClearTrial, DifferentTerms, HarmTrial, Terms, Verdict};

/// What a bad event is bad in. One request is bad in one way only, the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// A request failed.
    Errors,
    /// It was answered, and late; see [`slow`](crate::slow).
    Slow,
    /// An instance crashed, was restarted, or ran out of memory. The weight of such an event is the
    /// candidate's share of the instances.
    Crashes,
}

impl Metric {
    pub const ALL: [Self; 3] = [Self::Errors, Self::Slow, Self::Crashes];

    /// How much of the evidence for harm is staked on this metric.
    pub(crate) fn stake(self) -> f64 {
        STAKES[self as usize]
    }
}

/// What is staked on each metric: most on the one that hurts and tells the most.
const STAKES: [f64; 3] = [0.8, 0.1, 0.1];

/// The tripwire: is the candidate worse than tolerated in anything?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Harmful {
    trials: [HarmTrial; 3],
    /// The first to be found, with all the evidence there was.
    found: Option<Found>,
}

impl Harmful {
    pub fn new(terms: &Terms) -> Self {
        Self { trials: Metric::ALL.map(|_| HarmTrial::new(terms)), found: None }
    }

    /// Counts a bad event; see [`HarmTrial::bad`].
    pub fn bad(&mut self, metric: Metric, of_candidate: bool, weight: f64) -> Option<Found> {
        self.trials[metric as usize].bad(of_candidate, weight);
        self.judge()
    }

    /// The evidence of all metrics together.
    pub fn evidence(&self) -> f64 {
        self.trials.iter().zip(STAKES).map(|(trial, stake)| stake * trial.evidence()).sum()
    }

    /// The evidence at which the verdict falls.
    pub fn needed(&self) -> f64 {
        self.trials[0].needed()
    }

    pub fn verdict(&self) -> Option<Found> {
        self.found
    }

    pub fn trial(&self, metric: Metric) -> &HarmTrial {
        &self.trials[metric as usize]
    }

    /// Adds what was seen elsewhere, as on another node; see [`HarmTrial::merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), DifferentTerms> {
        for (mine, theirs) in self.trials.iter_mut().zip(&other.trials) {
            mine.merge(theirs)?;
        }
        self.judge();
        Ok(())
    }

    fn judge(&mut self) -> Option<Found> {
        let evidence = self.evidence();
        if self.found.is_none() && evidence >= self.needed() {
            let share = |metric: &Metric| {
                STAKES[*metric as usize] * self.trials[*metric as usize].evidence()
            };
            let most = Metric::ALL.into_iter().max_by(|a, b| share(a).total_cmp(&share(b)));
            let metric = most.unwrap_or(Metric::Errors);
            self.found = Some(Found { metric, verdict: self.trial(metric).told(evidence) });
        }
        self.found
    }
}

/// What is wrong with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The metric with the most evidence.
    pub metric: Metric,
    /// The evidence of all metrics; ratio and tally are this metric's.
    pub verdict: Verdict,
}

/// Is the candidate surely not much worse, in all that is asked about?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Harmless {
    trials: [ClearTrial; 3],
}

impl Harmless {
    pub fn new(terms: &Terms) -> Self {
        Self { trials: Metric::ALL.map(|_| ClearTrial::new(terms)) }
    }

    /// Counts a bad event; see [`HarmTrial::bad`].
    pub fn bad(&mut self, metric: Metric, of_candidate: bool, weight: f64) {
        self.trials[metric as usize].bad(of_candidate, weight);
    }

    /// Whether each of `metrics` is clear. A metric without bad events on either side is never: nothing
    /// tells then how it compares.
    pub fn is_clear(&self, metrics: &[Metric]) -> bool {
        !metrics.is_empty() && metrics.iter().all(|metric| self.trial(*metric).verdict().is_some())
    }

    pub fn trial(&self, metric: Metric) -> &ClearTrial {
        &self.trials[metric as usize]
    }

    /// Adds what was seen elsewhere; see [`HarmTrial::merge`].
    pub fn merge(&mut self, other: &Self) -> Result<(), DifferentTerms> {
        for (mine, theirs) in self.trials.iter_mut().zip(&other.trials) {
            mine.merge(theirs)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_metric_alone_is_enough_for_harm() {
        for metric in Metric::ALL {
            let mut harmful = Harmful::new(&Terms::default());
            let found = (0..20).find_map(|_| harmful.bad(metric, true, 0.1)).unwrap();
            assert_eq!(found.metric, metric);
            assert!(found.verdict.evidence >= 100.0);
            assert_eq!(harmful.verdict(), Some(found));
            // What comes later takes nothing back.
            assert_eq!((0..1000).find_map(|_| harmful.bad(metric, false, 0.1)), Some(found));
            let text = serde_json::to_string(&harmful).unwrap();
            assert_eq!(serde_json::from_str::<Harmful>(&text).unwrap(), harmful);
        }
    }

    #[test]
    fn what_is_staked_is_one_in_sum() {
        assert!((STAKES.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn parts_that_are_not_enough_alone_are_together() {
        let mut parts = [Harmful::new(&Terms::default()), Harmful::new(&Terms::default())];
        for part in &mut parts {
            assert_eq!((0..2).find_map(|_| part.bad(Metric::Errors, true, 0.1)), None);
        }
        let [mut whole, other] = parts;
        whole.merge(&other).unwrap();
        assert_eq!(whole.verdict().map(|found| found.metric), Some(Metric::Errors));
    }

    #[test]
    fn a_candidate_is_clear_when_every_metric_asked_about_is() {
        let mut harmless = Harmless::new(&Terms::default());
        let all = [Metric::Errors, Metric::Slow];
        for number in 0..400 {
            harmless.bad(Metric::Errors, number % 20 == 0, 0.1);
        }
        assert!(harmless.is_clear(&[Metric::Errors]));
        assert!(!harmless.is_clear(&all) && !harmless.is_clear(&[]));
        for number in 0..400 {
            harmless.bad(Metric::Slow, number % 20 == 0, 0.1);
        }
        assert!(harmless.is_clear(&all));
    }
}

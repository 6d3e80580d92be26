//! One metric, judged at every bad event: is the candidate worse than tolerated ([`HarmTrial`]), and
//! is it surely not much worse ([`ClearTrial`])?
//!
//! Requests are dealt out by chance, a share `w` of them to the candidate. If it is `r` times as bad as
//! the baseline, a bad event is the candidate's with probability `r·w / (1−w+r·w)`, whatever the rate of
//! requests, of errors, and of both by the hour of the day. A trial stakes a wealth of 1 on ratios
//! beyond its bound, against the bound, at fair odds. Nobody wins at fair odds: where the bound holds,
//! the chance of ever owning `1/α` is at most `α`, however often one looks, however the share
//! changes, and whenever one stops (Ville's inequality). The wealth is the evidence, an "E-value".
//!
//! What has to be true for that:
//!
//! - `weight` is the candidate's share when the request was sent on its way, not when it failed.
//! - Each event counted is a new throw of the dice. It is not where users stay on a version, or where
//!   one cause makes many bad events of one version; see [`counted`](crate::counted).
//! - Good answers tell nothing here: with the share known, only how bad events fall says anything about
//!   the ratio. What the baseline's rate was yesterday would tell more, and be wrong at noon.

mod kept;
mod question;
mod terms;

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

pub use kept::BadTrial;
use kept::Kept;
pub(crate) use question::RATIOS;
pub use question::{Clear, Harm, Question};
pub use terms::{Asked, BadTerms, Terms};

/// Is the candidate worse than tolerated? Its verdict is a reason to roll back.
pub type HarmTrial = Trial<Harm>;

/// Is the candidate surely not as bad as what must be ruled out? Its verdict is a reason to promote.
pub type ClearTrial = Trial<Clear>;

/// A question with the evidence for one answer to it, in a few hundred bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept", bound = "")]
pub struct Trial<Q: Question> {
    terms: Terms,
    tally: Tally,
    /// What is staked on each ratio.
    wealth: [f64; RATIOS],
    /// What is not staked yet.
    reserve: f64,
    /// The most there ever was.
    peak: f64,
    question: PhantomData<Q>,
}

impl<Q: Question> Trial<Q> {
    pub fn new(terms: &Terms) -> Self {
        Self {
            terms: *terms,
            tally: Tally::default(),
            wealth: Q::PRIOR.map(|share| share * (1.0 - RESERVE)),
            reserve: RESERVE,
            peak: 1.0,
            question: PhantomData,
        }
    }

    /// Counts a bad event. `weight` is the share of the requests of both versions that the candidate
    /// got at that moment; for what happens to instances, its share of the instances.
    ///
    /// A share that leaves no choice, as 0 and 1, makes an event that tells nothing.
    pub fn bad(&mut self, of_candidate: bool, weight: f64) -> Option<Verdict> {
        let events = self.tally.events();
        self.tally.count(of_candidate);
        if weight > 0.0 && weight < 1.0 && self.evidence() < ENOUGH {
            self.settle(of_candidate, weight, events);
        }
        self.verdict()
    }

    /// The evidence now: 1 is none, below is evidence for the contrary.
    pub fn evidence(&self) -> f64 {
        self.wealth.iter().sum::<f64>() + self.reserve
    }

    /// The most evidence there has been. Ville's inequality holds for this one.
    pub fn peak(&self) -> f64 {
        self.peak
    }

    /// The evidence at which the verdict falls.
    pub fn needed(&self) -> f64 {
        Q::chance(&self.terms).recip()
    }

    /// Once it has fallen, it stays.
    pub fn verdict(&self) -> Option<Verdict> {
        (self.peak >= self.needed()).then(|| self.told(self.peak))
    }

    /// A verdict on so much evidence, whoever came to it.
    pub(crate) fn told(&self, evidence: f64) -> Verdict {
        Verdict {
            evidence: evidence.min(ENOUGH).floor(),
            ratio: (self.ratio() * 100.0).round() / 100.0,
            tally: self.tally,
        }
    }

    /// How many times as bad as the baseline the candidate looks: the mean of the ratios that were
    /// staked on, each by what it has won. For people; the verdict does not depend on it.
    pub fn ratio(&self) -> f64 {
        let staked: f64 = self.wealth.iter().sum();
        let ratios = Q::MULTIPLES.iter().map(|multiple| multiple * Q::bound(&self.terms));
        let mean = ratios.zip(&self.wealth).map(|(ratio, wealth)| ratio * (wealth / staked)).sum();
        if staked > 0.0 { mean } else { Q::bound(&self.terms) }
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What is staked on each ratio, without the reserve.
    pub(crate) fn wealth(&self) -> &[f64; RATIOS] {
        &self.wealth
    }

    /// Adds what another trial of the same question and terms has seen elsewhere, as on another node.
    ///
    /// Allowed only where no event is in both: evidence is multiplied here, ratio by ratio, and an event
    /// that is multiplied with itself proves too much. So it is for parts of one metric, not
    /// for two metrics that share requests; those are [`combined`](crate::combined). In which order
    /// parts are merged makes no difference but for rounding. Begin with a new trial, and merge all parts
    /// as they are now; or merge into one that lasts what is new since the last time.
    ///
    /// A verdict of the other's is not taken over. Where several nodes may each come to a verdict of their
    /// own, their chances of a wrong one add up: give each of `n` nodes `α/n`.
    pub fn merge(&mut self, other: &Self) -> Result<(), DifferentTerms> {
        if self.terms != other.terms {
            return Err(DifferentTerms);
        }
        let reserve = self.reserve * other.reserve;
        for ((mine, theirs), share) in self.wealth.iter_mut().zip(other.wealth).zip(Q::PRIOR) {
            let both = (*mine / share + self.reserve) * (theirs / share + other.reserve) - reserve;
            *mine = (share * both).clamp(0.0, MOST);
        }
        self.reserve = reserve;
        self.tally.candidate = self.tally.candidate.saturating_add(other.tally.candidate);
        self.tally.baseline = self.tally.baseline.saturating_add(other.tally.baseline);
        self.peak = self.peak.max(self.evidence());
        Ok(())
    }

    /// Pays out what was staked on an event, after staking a little more of the reserve: what was staked at
    /// first is lost when a candidate is good for hours and then turns bad. With the reserve that is
    /// found three times as late as one that was bad from the beginning; without, nine times. It
    /// also keeps each stake above zero.
    fn settle(&mut self, of_candidate: bool, weight: f64, events: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a rate of spending")]
        let staked = self.reserve / (SLOWNESS + events as f64 + 1.0);
        self.reserve -= staked;
        let odds = Q::odds(&self.terms, of_candidate, weight);
        for ((wealth, odds), share) in self.wealth.iter_mut().zip(odds).zip(Q::PRIOR) {
            *wealth = (*wealth + share * staked) * odds;
        }
        self.peak = self.peak.max(self.evidence());
    }
}

/// The part of the wealth that is not staked at first. It costs as much evidence at the beginning.
const RESERVE: f64 = 0.05;
/// In how many events half of the reserve is staked.
const SLOWNESS: f64 = 500.0;
/// Evidence beyond every verdict: a trial that has so much is not played on.
const ENOUGH: f64 = 1e15;
/// What is merged stays far below what a number holds.
const MOST: f64 = 1e60;

/// What a trial has proven, in round numbers: they are written down, and read back as they were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The evidence. Where the verdict is wrong, so much comes about by chance once in so many times, at
    /// most.
    pub evidence: f64,
    /// How many times as bad as the baseline the candidate looks.
    pub ratio: f64,
    pub tally: Tally,
}

/// Bad events, by whose they were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub candidate: u64,
    pub baseline: u64,
}

impl Tally {
    pub fn events(self) -> u64 {
        self.candidate.saturating_add(self.baseline)
    }

    fn count(&mut self, of_candidate: bool) {
        let whose = if of_candidate { &mut self.candidate } else { &mut self.baseline };
        *whose = whose.saturating_add(1);
    }
}

/// Evidence is one only where the question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the trials have different terms")]
pub struct DifferentTerms;

#[cfg(test)]
mod tests {
    use super::*;

    fn sums_to_one<Q: Question>() {
        let sum: f64 = Q::PRIOR.iter().sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn a_trial_begins_without_evidence() {
        sums_to_one::<Harm>();
        sums_to_one::<Clear>();
        assert!((HarmTrial::new(&Terms::default()).evidence() - 1.0).abs() < 1e-9);
    }

    /// One step at any state has expectation 1 at the bound, at most 1 on the tolerated side.
    fn is_fair<Q: Question>(towards: f64) {
        let terms = Terms::default();
        let mut trial = Trial::<Q>::new(&terms);
        for (number, weight) in (0_u32..400).zip([0.001, 0.1, 0.5, 0.37, 0.93].into_iter().cycle())
        {
            let now = trial.evidence();
            for ratio in [1.0, towards.sqrt(), towards] {
                let ratio = ratio * Q::bound(&terms);
                let own = ratio * weight / (1.0 - weight + ratio * weight);
                let (mut hit, mut miss) = (trial.clone(), trial.clone());
                hit.bad(true, weight);
                miss.bad(false, weight);
                let mean = own * hit.evidence() + (1.0 - own) * miss.evidence();
                assert!(mean <= now * (1.0 + 1e-12), "{mean} after {now}");
            }
            trial.bad(number % 7 == 0, weight);
        }
    }

    #[test]
    fn nobody_wins_at_the_bound_or_within_it() {
        is_fair::<Harm>(0.1);
        is_fair::<Clear>(10.0);
    }

    #[test]
    fn a_share_that_leaves_no_choice_tells_nothing() {
        let mut trial = HarmTrial::new(&Terms::default());
        for weight in [0.0, 1.0, -1.0, 2.0, f64::NAN, f64::INFINITY] {
            for of_candidate in [true, false] {
                assert_eq!(trial.bad(of_candidate, weight), None);
            }
        }
        assert!((trial.evidence() - 1.0).abs() < 1e-9);
        assert_eq!(trial.tally(), Tally { candidate: 6, baseline: 6 });
    }

    #[test]
    fn neither_endless_good_nor_endless_bad_leaves_the_numbers() {
        for weight in [f64::MIN_POSITIVE, 1e-9, 0.5, 1.0 - 1e-9] {
            for of_candidate in [true, false] {
                let (mut harm, mut clear) =
                    (HarmTrial::new(&Terms::default()), ClearTrial::new(&Terms::default()));
                for _ in 0..100_000 {
                    harm.bad(of_candidate, weight);
                    clear.bad(of_candidate, weight);
                }
                for evidence in [harm.evidence(), clear.evidence(), harm.ratio(), clear.ratio()] {
                    assert!(evidence.is_finite() && evidence > 0.0, "{weight} {evidence}");
                }
            }
        }
    }

    #[test]
    fn terms_that_make_no_sense_are_refused() {
        let asked = Asked::default();
        for (bad, says) in [
            (Asked { tolerated: f64::NAN, ..asked }, "tolerated ratio NaN: must be from 0.5 to 10"),
            (Asked { tolerated: 11.0, ..asked }, "tolerated ratio 11:"),
            (Asked { ruled_out: 1.0, ..asked }, "ratio to be ruled out 1: must be from 1.25"),
            (Asked { ruled_out: f64::INFINITY, ..asked }, "ratio to be ruled out inf"),
            (Asked { alpha: 0.0, ..asked }, "chance alpha 0: must be from"),
            (Asked { beta: 5.0, ..asked }, "chance beta 5: must be from 0.000000001 to 0.5"),
        ] {
            let error = Terms::try_from(bad).unwrap_err().to_string();
            assert!(error.starts_with(says), "{error}");
        }
        let read = serde_json::from_str::<Terms>(r#"{"alpha":2}"#).unwrap_err().to_string();
        assert!(read.contains("chance alpha 2"), "{read}");
        assert_eq!(serde_json::from_str::<Terms>("{}").unwrap(), Terms::default());
    }

    #[test]
    fn what_was_written_down_goes_on_bit_for_bit() {
        let mut trial = HarmTrial::new(&Terms::default());
        for number in 0..300 {
            trial.bad(number % 3 == 0, 0.1 + f64::from(number) / 1000.0);
            let text = serde_json::to_string(&trial).unwrap();
            let mut read: HarmTrial = serde_json::from_str(&text).unwrap();
            assert_eq!(read, trial);
            assert_eq!(read.bad(true, 0.3), trial.clone().bad(true, 0.3));
        }
    }

    #[test]
    fn a_written_trial_that_does_not_add_up_is_refused() {
        let trial = HarmTrial::new(&Terms::default());
        let text = serde_json::to_string(&trial).unwrap();
        let reserve = format!("{:016x}", RESERVE.to_bits());
        assert!(text.contains(&reserve));
        for instead in [f64::NAN, -1.0, 7.0, f64::INFINITY] {
            let text = text.replace(&reserve, &format!("{:016x}", instead.to_bits()));
            assert!(serde_json::from_str::<HarmTrial>(&text).is_err(), "{instead}");
        }
        let cut = text.replace(&reserve, &reserve[1..]);
        assert!(serde_json::from_str::<HarmTrial>(&cut).is_err());
    }

    #[test]
    fn parts_merge_in_any_order_to_what_the_whole_would_have_seen() {
        let terms = Terms::default();
        let (mut first, mut second) = (HarmTrial::new(&terms), HarmTrial::new(&terms));
        let mut whole = HarmTrial::new(&terms);
        for number in 0..60 {
            let (of_candidate, weight) = (number % 8 < 2, if number % 2 == 0 { 0.1 } else { 0.2 });
            let part = if number % 2 == 0 { &mut first } else { &mut second };
            part.bad(of_candidate, weight);
            whole.bad(of_candidate, weight);
        }
        let mut merged = first.clone();
        merged.merge(&second).unwrap();
        second.merge(&first).unwrap();
        assert!((merged.evidence() / second.evidence() - 1.0).abs() < 1e-9);
        assert_eq!(merged.tally(), whole.tally());
        // What each part keeps in reserve makes the difference.
        let apart = (merged.evidence() / whole.evidence()).ln();
        assert!(apart.abs() < 0.2, "{apart}");
        // A part's verdict stays its own; its evidence does not.
        let mut part = HarmTrial::new(&terms);
        while part.bad(true, 0.1).is_none() {}
        while part.evidence() > 1.0 {
            part.bad(false, 0.9);
        }
        let mut of_parts = HarmTrial::new(&terms);
        of_parts.merge(&part).unwrap();
        assert!((of_parts.evidence() / part.evidence() - 1.0).abs() < 1e-9);
        assert!(part.verdict().is_some() && of_parts.verdict().is_none());
        let other = Terms::try_from(Asked { alpha: 0.02, ..Asked::default() }).unwrap();
        assert_eq!(merged.merge(&HarmTrial::new(&other)), Err(DifferentTerms));
    }
}

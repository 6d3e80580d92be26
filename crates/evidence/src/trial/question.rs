//! The two questions, and what is staked on the answers.

use super::Terms;

/// What a trial proves; see [`Harm`] and [`Clear`].
pub trait Question: sealed::Sealed + std::fmt::Debug + Clone + PartialEq {
    /// The ratios that are staked on, in multiples of the bound.
    const MULTIPLES: [f64; RATIOS];
    /// What is staked on each; one in sum.
    const PRIOR: [f64; RATIOS];

    /// Whose events speak for the verdict: the candidate's or the baseline's.
    const BY_CANDIDATE: bool;

    /// The ratio that evidence is gathered against.
    fn bound(terms: &Terms) -> f64;

    /// The chance of a wrong verdict.
    fn chance(terms: &Terms) -> f64;

    /// What one event pays for what was staked on each ratio: how much likelier it made whose the event
    /// was than the bound did.
    fn odds(terms: &Terms, of_candidate: bool, weight: f64) -> [f64; RATIOS] {
        let bound = Self::bound(terms);
        let at_bound = 1.0 - weight + bound * weight;
        Self::MULTIPLES.map(|multiple| {
            let odds = at_bound / (1.0 - weight + bound * multiple * weight);
            if of_candidate { multiple * odds } else { odds }
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Harm {}

impl Question for Harm {
    const BY_CANDIDATE: bool = true;

    /// Log-spaced from 1.5 to 50. The stake on 1.5 finds ratios from about 1.25 on.
    const MULTIPLES: [f64; RATIOS] = [
        1.5, 1.747, 2.0348, 2.3699, 2.7602, 3.2148, 3.7442, 4.3609, 5.0791, 5.9156, 6.8899, 8.0246,
        9.3462, 10.8855, 12.6783, 14.7663, 17.1983, 20.0308, 23.3297, 27.172, 31.6471, 36.8592,
        42.9297, 50.0,
    ];
    /// Found by trying, for 2, 5 and 20 times as bad at a tenth of the requests: nine tenths fall with
    /// the ratio to the power of 0.6, because small ones need the evidence most; a tenth is on those
    /// above 15, which have to be found by a handful of events.
    const PRIOR: [f64; RATIOS] = [
        0.0884, 0.0808, 0.0737, 0.0673, 0.0614, 0.056, 0.0511, 0.0467, 0.0426, 0.0389, 0.0355,
        0.0324, 0.0295, 0.027, 0.0246, 0.0224, 0.033, 0.0312, 0.0296, 0.0281, 0.0267, 0.0255,
        0.0243, 0.0233,
    ];

    fn bound(terms: &Terms) -> f64 {
        terms.tolerated()
    }

    fn chance(terms: &Terms) -> f64 {
        terms.alpha()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Clear {}

impl Question for Clear {
    const BY_CANDIDATE: bool = false;

    /// Log-spaced from a fifth to three quarters.
    const MULTIPLES: [f64; RATIOS] = [
        0.2, 0.2118, 0.2244, 0.2376, 0.2517, 0.2666, 0.2823, 0.299, 0.3167, 0.3355, 0.3553, 0.3763,
        0.3986, 0.4222, 0.4471, 0.4736, 0.5016, 0.5313, 0.5627, 0.596, 0.6312, 0.6686, 0.7081,
        0.75,
    ];
    const PRIOR: [f64; RATIOS] = [1.0 / 24.0; RATIOS];

    fn bound(terms: &Terms) -> f64 {
        terms.ruled_out()
    }

    fn chance(terms: &Terms) -> f64 {
        terms.beta()
    }
}

/// How many ratios are staked on.
pub(crate) const RATIOS: usize = 24;

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Harm {}
    impl Sealed for super::Clear {}
}

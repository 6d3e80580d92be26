//! Rules that judge a candidate: ours, and models of two others, each with the defaults that it comes with.

use evidence::combined::{Harmful, Metric};
use evidence::counted::{Lull, Once};
use evidence::slow::WarmUp;
use evidence::trial::Terms;

use super::scene::{Bad, Second};

/// Is told all that happens, and says when to roll back.
pub(super) trait Rule {
    /// A bad answer; whether it was one too many.
    fn bad(&mut self, bad: Bad) -> bool;

    /// The end of a second.
    fn end(&mut self, second: u32, lived: &Second) -> bool;
}

/// The tripwire, with what the scene calls for.
pub(super) struct Ours {
    harmful: Harmful,
    once: Option<Once>,
    lull: Option<Lull>,
    warm_up: WarmUp,
}

impl Ours {
    pub(super) fn plain() -> Self {
        Self {
            harmful: Harmful::new(&Terms::default()),
            once: None,
            lull: None,
            warm_up: WarmUp::new(0),
        }
    }

    pub(super) fn counting_users_once() -> Self {
        Self { once: Some(Once::new()), ..Self::plain() }
    }

    pub(super) fn with_lull() -> Self {
        Self { lull: Some(Lull::new(100_000)), ..Self::plain() }
    }

    pub(super) fn warming_up() -> Self {
        let mut warm_up = WarmUp::new(90_000);
        warm_up.begin(0);
        Self { warm_up, ..Self::plain() }
    }
}

impl Rule for Ours {
    fn bad(&mut self, bad: Bad) -> bool {
        self.warm_up.counts(bad.at / 1000)
            && self.once.as_mut().is_none_or(|once| once.counts(bad.user))
            && self.lull.as_mut().is_none_or(|lull| lull.counts(bad.at))
            && self.harmful.bad(Metric::Errors, bad.of_candidate, bad.weight).is_some()
    }

    fn end(&mut self, _: u32, _: &Second) -> bool {
        false
    }
}

/// Spinnaker's Kayenta: every five minutes, the error rates of all minutes so far of both versions, by the
/// test of Mann and Whitney at 98 %, where the candidate's are also higher by a quarter.
#[derive(Default)]
pub(super) struct Kayenta {
    minute: Minute,
    shares: [Vec<f64>; 2],
}

impl Rule for Kayenta {
    fn bad(&mut self, bad: Bad) -> bool {
        self.minute.count(bad);
        false
    }

    fn end(&mut self, second: u32, lived: &Second) -> bool {
        let Some(shares) = self.minute.end(second, lived) else { return false };
        for (all, share) in self.shares.iter_mut().zip(shares) {
            all.push(share);
        }
        let [baseline, candidate] = &self.shares;
        second % 300 == 299
            && mean(candidate) > 1.25 * mean(baseline)
            && rank_score(candidate, baseline) > ONE_SIDED_98
    }
}

/// Two-sided 98 % leave 1 % on each side.
const ONE_SIDED_98: f64 = 2.326;

/// Flux's Flagger: every minute, whether less than 99 % of the candidate's answers were good; back after ten
/// such minutes.
#[derive(Default)]
pub(super) struct Flagger {
    minute: Minute,
    failed: u32,
}

impl Rule for Flagger {
    fn bad(&mut self, bad: Bad) -> bool {
        self.minute.count(bad);
        false
    }

    fn end(&mut self, second: u32, lived: &Second) -> bool {
        let Some([_, candidate]) = self.minute.end(second, lived) else { return false };
        self.failed += u32::from(candidate > 0.01);
        self.failed >= 10
    }
}

/// What a metrics server would have of the present minute.
#[derive(Default)]
struct Minute {
    bad: [f64; 2],
    requests: [f64; 2],
}

impl Minute {
    fn count(&mut self, bad: Bad) {
        self.bad[usize::from(bad.of_candidate)] += 1.0;
    }

    /// The shares of bad answers, at the end of a minute.
    fn end(&mut self, second: u32, lived: &Second) -> Option<[f64; 2]> {
        for (sum, requests) in self.requests.iter_mut().zip(lived.requests) {
            *sum += requests;
        }
        (second % 60 == 59).then(|| {
            let Self { bad, requests } = std::mem::take(self);
            [0, 1].map(|side| bad[side] / requests[side])
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "minutes")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// By how many standard deviations the ranks of `ones` are higher (Mann and Whitney, with the correction for
/// continuity and for equal values).
#[expect(clippy::cast_precision_loss, reason = "minutes")]
fn rank_score(ones: &[f64], others: &[f64]) -> f64 {
    let higher = |one: f64| -> f64 {
        let against = others.iter().map(|other| match one.total_cmp(other) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        });
        against.sum()
    };
    let won: f64 = ones.iter().map(|one| higher(*one)).sum();
    let (m, n) = (ones.len() as f64, others.len() as f64);
    let mut all: Vec<f64> = ones.iter().chain(others).copied().collect();
    all.sort_by(f64::total_cmp);
    let ties: f64 = all
        .chunk_by(|one, other| one.total_cmp(other).is_eq())
        .map(|equal| (equal.len() as f64).powi(3) - equal.len() as f64)
        .sum();
    let variance = m * n / 12.0 * (m + n + 1.0 - ties / ((m + n) * (m + n - 1.0)));
    if variance > 0.0 { (won - m * n / 2.0 - 0.5) / variance.sqrt() } else { 0.0 }
}

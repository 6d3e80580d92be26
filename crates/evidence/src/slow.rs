//! From which latency on an answer is a bad one: slower than the baseline's own p95 or p99, taken
//! before the rollout and held against both versions alike from then on.
//!
//! How exact that line is makes no difference to what a verdict claims: both sides are held to the same
//! one. It only has to be where slow answers are few and not too few.

use serde::{Deserialize, Serialize};

use crate::histogram::{Histogram, bucket_of, ends_of};

/// An answer that took longer is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Threshold {
    micros: u64,
}

impl Threshold {
    /// The line above which a share of `1 − quantile` of what the baseline answered would be.
    pub fn of(baseline: &Histogram, quantile: f64) -> Result<Self, NoThreshold> {
        if !(LEAST_QUANTILE..=MOST_QUANTILE).contains(&quantile) {
            return Err(NoThreshold::Quantile(quantile));
        }
        let needed = needed(quantile);
        if baseline.count() < needed {
            return Err(NoThreshold::TooFew { seen: baseline.count(), needed });
        }
        let middle = baseline.quantile(quantile).ok_or(NoThreshold::TooFew { seen: 0, needed })?;
        // An end of the bucket, so that what shards count agrees with what single answers are told: the
        // one that leaves a share nearer to the wanted one. Where a bucket holds much, it is not slow.
        let (shortest, longest) = ends_of(bucket_of(middle));
        let wanted = 1.0 - quantile;
        let without = share(baseline.count_above(longest), baseline);
        let with = share(baseline.count_above(shortest.saturating_sub(1)), baseline);
        let is_nearer_with = with <= 2.0 * wanted && with * without < wanted * wanted;
        Ok(Self { micros: if is_nearer_with { shortest.saturating_sub(1) } else { longest } })
    }

    pub fn micros(self) -> u64 {
        self.micros
    }

    /// Whether an answer that took so long is a bad event.
    pub fn is_slow(self, micros: u64) -> bool {
        micros > self.micros
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more digits")]
fn share(count: u64, of: &Histogram) -> f64 {
    count as f64 / of.count() as f64
}

/// How many answers are needed so that slow ones among them are at least [`LEAST_SLOW`].
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 50,000, for a quantile within its limits"
)]
fn needed(quantile: f64) -> u64 {
    (LEAST_SLOW / (1.0 - quantile)).round() as u64
}

const LEAST_QUANTILE: f64 = 0.5;
const MOST_QUANTILE: f64 = 0.999;
/// With so many, the share of slow answers is known to about a seventh of it.
const LEAST_SLOW: f64 = 50.0;

/// Why there is no line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoThreshold {
    #[error("quantile {0}: must be from {LEAST_QUANTILE} to {MOST_QUANTILE}; 0.95 is p95")]
    Quantile(f64),
    #[error(
        "{seen} answers of the baseline are too few to know which are slow: {needed} are needed"
    )]
    TooFew { seen: u64, needed: u64 },
}

/// A cold candidate is slow for a while, and so is a baseline's instance that was just started. For the
/// time after any instance of the two versions was started, nothing is counted on either side: a
/// baseline that goes on being judged meanwhile would be the better for it.
///
/// Crashes count all the same; they are nothing that warmth cures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUp {
    millis: u64,
    until: Option<u64>,
}

impl WarmUp {
    pub fn new(millis: u64) -> Self {
        Self { millis, until: None }
    }

    /// An instance of either version gets its first requests at `millis` of any clock.
    pub fn begin(&mut self, millis: u64) {
        self.until = self.until.max(Some(millis.saturating_add(self.millis)));
    }

    /// Whether a request that was sent on its way at `millis` counts.
    pub fn counts(&self, millis: u64) -> bool {
        self.until.is_none_or(|until| millis >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(count: u64) -> Histogram {
        let mut histogram = Histogram::new();
        (0..count).for_each(|number| histogram.add(number * 37 % count + 1));
        histogram
    }

    #[test]
    fn the_share_beyond_the_line_is_what_was_asked_for() {
        for (quantile, share) in [(0.95, 400..600), (0.99, 50..170)] {
            let baseline = answers(10_000);
            let threshold = Threshold::of(&baseline, quantile).unwrap();
            let slow: u64 = (1..=10_000).map(|micros| u64::from(threshold.is_slow(micros))).sum();
            assert!(share.contains(&slow), "{slow}");
            assert_eq!(baseline.count_above(threshold.micros()), slow);
        }
    }

    #[test]
    fn what_most_answers_take_is_not_slow() {
        let mut baseline = answers(100);
        (0..10_000).for_each(|_| baseline.add(200));
        let threshold = Threshold::of(&baseline, 0.95).unwrap();
        assert!(!threshold.is_slow(200) && threshold.is_slow(204));
    }

    #[test]
    fn too_few_answers_are_told_with_how_many_are_needed() {
        let told = |count, quantile| Threshold::of(&answers(count), quantile).unwrap_err();
        assert_eq!(told(999, 0.95), NoThreshold::TooFew { seen: 999, needed: 1000 });
        assert_eq!(told(0, 0.99), NoThreshold::TooFew { seen: 0, needed: 5000 });
        assert!(told(9000, 99.0).to_string().starts_with("quantile 99: must be from 0.5"));
        assert!(matches!(told(9000, f64::NAN), NoThreshold::Quantile(_)));
    }

    #[test]
    fn nothing_counts_until_the_last_start_is_over() {
        let mut warm_up = WarmUp::new(30_000);
        assert!(warm_up.counts(0));
        warm_up.begin(1_000);
        assert!(!warm_up.counts(1_000) && !warm_up.counts(30_999) && warm_up.counts(31_000));
        warm_up.begin(20_000);
        warm_up.begin(2_000);
        assert!(!warm_up.counts(49_999) && warm_up.counts(50_000));
    }
}

//! Latencies in microseconds, by buckets that are at most 1/64 of what is in them: 1,728 of them for
//! everything up to an hour and eleven minutes. Histograms merge by adding, so each worker of a node may
//! keep its own row of counters; [`bucket_of`] tells which one to raise.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many buckets there are.
pub const BUCKETS: usize = (OCTAVES as usize + 1) << FINE;

/// The bucket of a latency. What is longer than the last one holds is in it all the same.
pub const fn bucket_of(micros: u64) -> usize {
    let micros = if micros > LONGEST { LONGEST } else { micros };
    let shift = (u64::BITS - (micros | 1).leading_zeros()).saturating_sub(FINE + 1);
    #[expect(clippy::cast_possible_truncation, reason = "at most twice 64, and below `BUCKETS`")]
    let fine = (micros >> shift) as usize;
    ((shift as usize) << FINE) + fine
}

/// The shortest and the longest latency of a bucket.
pub const fn ends_of(bucket: usize) -> (u64, u64) {
    let bucket = if bucket < BUCKETS { bucket } else { BUCKETS - 1 };
    let shift = (bucket >> FINE).saturating_sub(1);
    let fine = (bucket - (shift << FINE)) as u64;
    (fine << shift, ((fine + 1) << shift) - 1)
}

/// Each doubling is cut into 2⁶ buckets.
const FINE: u32 = 6;
const OCTAVES: u32 = 26;
const LONGEST: u64 = (1 << (OCTAVES + FINE)) - 1;

/// 28 % of 300 answers are 84 of them, also where the product comes out a hair above.
const EXACT: f64 = 1.0 - 1e-12;

/// How often each latency occurred. A latency that is asked for is off by less than 1 %.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64]>,
    count: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into(), count: 0 }
    }

    /// From a row of counters, one for each bucket.
    pub fn of_counts(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut histogram = Self::new();
        for (bucket, count) in counts.into_iter().take(BUCKETS).enumerate() {
            histogram.add_to(bucket, count);
        }
        histogram
    }

    pub fn add(&mut self, micros: u64) {
        self.add_to(bucket_of(micros), 1);
    }

    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.add_to(bucket, *count);
        }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many took longer than everything in the bucket of `micros`.
    pub fn count_above(&self, micros: u64) -> u64 {
        self.counts[bucket_of(micros) + 1..].iter().sum()
    }

    /// The latency that a share `quantile` did not exceed: the middle of its bucket. Nothing has none.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among so many answers needs no more digits, and is held within them"
        )]
        let rank = ((quantile * self.count as f64 * EXACT).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        bucket.map(|bucket| {
            let (shortest, longest) = ends_of(bucket);
            u64::midpoint(shortest, longest)
        })
    }

    /// Buckets that are not empty, with how many are in them.
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> {
        self.counts.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    /// As many as fit into the count of all: so sums over buckets fit too.
    fn add_to(&mut self, bucket: usize, count: u64) {
        let count = count.min(u64::MAX - self.count);
        self.counts[bucket] += count;
        self.count += count;
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

/// Buckets that are not empty, as pairs of bucket and count.
impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.buckets())
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut histogram = Self::new();
        for (bucket, count) in Vec::<(usize, u64)>::deserialize(from)? {
            if bucket >= BUCKETS {
                let told = format!("bucket {bucket} of a histogram that has {BUCKETS}");
                return Err(D::Error::custom(told));
            }
            histogram.add_to(bucket, count);
        }
        Ok(histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut next = 0;
        for bucket in 0..BUCKETS {
            let (shortest, longest) = ends_of(bucket);
            assert_eq!((shortest, bucket_of(shortest), bucket_of(longest)), (next, bucket, bucket));
            next = longest + 1;
        }
        assert_eq!((next, bucket_of(u64::MAX)), (LONGEST + 1, BUCKETS - 1));
        const { assert!(LONGEST > 3_600_000_000, "an hour") };
    }
}

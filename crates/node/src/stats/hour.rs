//! The last hour, second by second, within a bound.

use std::collections::{BTreeMap, VecDeque};

use evidence::histogram::{BUCKETS, Histogram};
use jiff::Timestamp;
use model::intent::Group;
use serde::{Deserialize, Serialize};

/// Seconds that are kept. Those without a request are not kept at all.
const SECONDS: usize = 3_600;
/// Numbers that are kept in all: some 100 MB. What is over goes with the oldest seconds.
const NUMBERS: usize = 6_000_000;

/// What came within one second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// Grows with every second that is kept, also from one process to the next.
    pub sequence: u64,
    /// When it ended.
    pub at: Timestamp,
    pub rows: Vec<Row>,
}

/// What came to one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    #[serde(flatten)]
    pub group: Group,
    #[serde(flatten)]
    pub counts: Counts,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub requests: u64,
    /// By class: informational, well, sent on, refused, failed.
    pub answers: [u64; 5],
    pub connect_errors: u64,
    pub timeouts: u64,
    /// Answers that the instance did not end as it should.
    pub cut: u64,
    /// Answers that the client did not wait for.
    pub aborted: u64,
    pub retries: u64,
    /// Requests that went badly: failed by the instance, refused a connection, too late, cut short, or slower than
    /// the tripwire bears.
    pub bad: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// How many answers began within each bucket of `evidence::histogram`, in microseconds;
    /// empty buckets are left out.
    pub latency: Vec<(u16, u64)>,
}

impl Counts {
    /// Adds what was counted elsewhere, or at another time.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        for (mine, theirs) in self.answers.iter_mut().zip(other.answers) {
            *mine += theirs;
        }
        self.connect_errors += other.connect_errors;
        self.timeouts += other.timeouts;
        self.cut += other.cut;
        self.aborted += other.aborted;
        self.retries += other.retries;
        self.bad += other.bad;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        let mut latency: BTreeMap<u16, u64> = self.latency.iter().copied().collect();
        for (bucket, count) in &other.latency {
            *latency.entry(*bucket).or_default() += count;
        }
        self.latency = latency.into_iter().collect();
    }

    /// How long answers took to begin.
    pub fn latencies(&self) -> Histogram {
        let mut counts = vec![0; BUCKETS];
        for (bucket, count) in &self.latency {
            if let Some(kept) = counts.get_mut(usize::from(*bucket)) {
                *kept = *count;
            }
        }
        Histogram::of_counts(counts)
    }

    pub(super) fn events(&self) -> u64 {
        [self.requests, self.bad, self.aborted, self.bytes_in, self.bytes_out]
            .iter()
            .fold(0, |all, part| all.wrapping_add(*part))
    }

    /// What has come since it was as before.
    pub(super) fn since(&self, before: &Self) -> Self {
        let earlier: BTreeMap<u16, u64> = before.latency.iter().copied().collect();
        Self {
            requests: self.requests - before.requests,
            answers: std::array::from_fn(|class| self.answers[class] - before.answers[class]),
            connect_errors: self.connect_errors - before.connect_errors,
            timeouts: self.timeouts - before.timeouts,
            cut: self.cut - before.cut,
            aborted: self.aborted - before.aborted,
            retries: self.retries - before.retries,
            bad: self.bad - before.bad,
            bytes_in: self.bytes_in - before.bytes_in,
            bytes_out: self.bytes_out - before.bytes_out,
            latency: self
                .latency
                .iter()
                .map(|(bucket, count)| (*bucket, count - earlier.get(bucket).unwrap_or(&0)))
                .filter(|(_, count)| *count > 0)
                .collect(),
        }
    }

    fn numbers(&self) -> usize {
        14 + 2 * self.latency.len()
    }
}

#[derive(Debug, Default)]
pub(super) struct Hour {
    seconds: VecDeque<Second>,
    numbers: usize,
    last: u64,
}

impl Hour {
    /// Returns the number of the newest second that is kept.
    pub(super) fn push(&mut self, at: Timestamp, rows: Vec<Row>) -> u64 {
        if rows.is_empty() {
            return self.last;
        }
        // Whoever has read the seconds of the process before goes on with those of this one.
        self.last = (self.last + 1).max(u64::try_from(at.as_second()).unwrap_or(0));
        self.numbers += numbers(&rows);
        self.seconds.push_back(Second { sequence: self.last, at, rows });
        while self.seconds.len() > SECONDS || self.numbers > NUMBERS {
            let Some(oldest) = self.seconds.pop_front() else { break };
            self.numbers -= numbers(&oldest.rows);
        }
        self.last
    }

    pub(super) fn after(&self, sequence: u64, most: usize) -> Vec<Second> {
        let from = self.seconds.partition_point(|second| second.sequence <= sequence);
        self.seconds.range(from..).take(most).cloned().collect()
    }
}

fn numbers(rows: &[Row]) -> usize {
    rows.iter().map(|row| row.counts.numbers()).sum()
}

#[cfg(test)]
mod tests {
    use model::id::ReleaseId;

    use super::*;

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let row = Row {
            group: Group {
                place: "shop/production".parse().expect("a place"),
                release: ReleaseId::new(Timestamp::UNIX_EPOCH, [1; 10]),
            },
            counts: Counts { requests: 1, ..Counts::default() },
        };
        let mut hour = Hour::default();
        for _ in 0..SECONDS + 100 {
            hour.push(Timestamp::UNIX_EPOCH, vec![row.clone()]);
        }
        let kept = hour.after(0, usize::MAX);
        assert_eq!((kept.len(), kept[0].sequence), (SECONDS, 101));
        assert_eq!(
            hour.after(3_650, 3).iter().map(|s| s.sequence).collect::<Vec<_>>(),
            [3_651, 3_652, 3_653]
        );

        let wide = Row {
            counts: Counts { latency: (0..1_000).map(|b| (b, 1)).collect(), ..row.counts.clone() },
            ..row
        };
        for _ in 0..SECONDS {
            hour.push(Timestamp::UNIX_EPOCH, vec![wide.clone(); 10]);
        }
        assert!(hour.numbers <= NUMBERS && hour.seconds.len() > 200, "{}", hour.seconds.len());
    }
}

//! What the proxy knows of every release of every place, second by second.
//!
//! Each worker counts in cells of its own; once a second somebody adds them up. Counting takes no
//! lock and waits for nobody.

mod hour;
mod prometheus;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use evidence::histogram::{BUCKETS, bucket_of};
use jiff::Timestamp;
use model::intent::{Group, Seen};
use model::name::Place;
use ports::traffic::Counts as Answered;
use tokio::sync::watch;

use hour::Hour;
pub use hour::{Counts, Row, Second};

/// All that was counted.
#[derive(Debug)]
pub struct Book {
    workers: usize,
    counters: Mutex<BTreeMap<Group, Kept>>,
    hour: Mutex<Hour>,
    closed: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    counters: Arc<Counters>,
    /// As it was when the last second was closed.
    before: Counts,
}

impl Book {
    /// For so many workers.
    pub fn new(workers: usize) -> Self {
        let closed = watch::Sender::new(0);
        Self { workers, counters: Mutex::default(), hour: Mutex::default(), closed }
    }

    /// Where a release's requests are counted.
    pub fn counters(&self, group: &Group) -> Arc<Counters> {
        let mut kept = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.entry(group.clone()).or_insert_with(|| Kept {
            counters: Arc::new(Counters::new(self.workers)),
            before: Counts::default(),
        });
        Arc::clone(&kept.counters)
    }

    /// Closes a second: what has come since the last one is kept for an hour.
    pub fn close_second(&self, at: Timestamp) {
        let mut kept = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = Vec::new();
        for (group, kept) in kept.iter_mut() {
            if kept.counters.events() == kept.before.events() {
                continue;
            }
            let now = kept.counters.read();
            rows.push(Row { group: group.clone(), counts: now.since(&kept.before) });
            kept.before = now;
        }
        drop(kept);
        let newest = self.hour.lock().unwrap_or_else(PoisonError::into_inner).push(at, rows);
        self.closed.send_replace(newest);
    }

    /// Forgets the totals of releases that nobody counts for any more.
    pub fn forget(&self, is_over: impl Fn(&Group) -> bool) {
        let mut kept = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|group, kept| {
            Arc::strong_count(&kept.counters) > 1
                || kept.counters.events() != kept.before.events()
                || !is_over(group)
        });
    }

    /// The seconds that are kept and came after one, the oldest first, and at most so many. Ask for
    /// those after 0 to begin with.
    pub fn after(&self, sequence: u64, most: usize) -> Vec<Second> {
        self.hour.lock().unwrap_or_else(PoisonError::into_inner).after(sequence, most)
    }

    /// What each release of a place has answered since the start.
    pub fn answered(&self, place: &Place) -> Vec<Answered> {
        let kept = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let here = kept.iter().filter(|(group, _)| group.place == *place);
        let answered = here.map(|(group, kept)| {
            let Seen { requests, bad } = kept.counters.seen();
            Answered { release: group.release, requests, bad }
        });
        answered.filter(|answered| answered.requests > 0).collect()
    }

    /// Told the number of the newest second whenever one was closed.
    pub fn closed(&self) -> watch::Receiver<u64> {
        self.closed.subscribe()
    }

    /// All since the start.
    pub fn totals(&self) -> Vec<Row> {
        let kept = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter()
            .map(|(group, kept)| Row { group: group.clone(), counts: kept.counters.read() })
            .collect()
    }

    /// All since the start, as Prometheus reads it.
    pub fn prometheus(&self) -> String {
        prometheus::render(&self.totals())
    }
}

/// What is counted of one release, a set of cells for each worker.
#[derive(Debug)]
pub struct Counters(Box<[Cells]>);

/// One worker's part. Cells of two workers never share a line of the processor's cache.
#[derive(Debug)]
#[repr(align(128))]
pub struct Cells {
    requests: AtomicU64,
    answers: [AtomicU64; 5],
    connect_errors: AtomicU64,
    timeouts: AtomicU64,
    cut: AtomicU64,
    aborted: AtomicU64,
    retries: AtomicU64,
    bad: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    latency: Box<[AtomicU64]>,
}

impl Counters {
    fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Cells::new()).collect())
    }

    /// The cells of one worker.
    pub fn of(&self, worker: usize) -> &Cells {
        &self.0[worker]
    }

    /// Requests, and how many of them went badly.
    pub fn seen(&self) -> Seen {
        Seen { requests: self.sum(|cells| &cells.requests), bad: self.sum(|cells| &cells.bad) }
    }

    /// Grows with whatever is counted.
    fn events(&self) -> u64 {
        [
            self.sum(|cells| &cells.requests),
            self.sum(|cells| &cells.bad),
            self.sum(|cells| &cells.aborted),
            self.sum(|cells| &cells.bytes_in),
            self.sum(|cells| &cells.bytes_out),
        ]
        .iter()
        .fold(0, |all, part| all.wrapping_add(*part))
    }

    fn read(&self) -> Counts {
        let mut latency = BTreeMap::new();
        for cells in &self.0 {
            for (bucket, count) in cells.latency.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let bucket = u16::try_from(bucket).expect("there are fewer buckets");
                    *latency.entry(bucket).or_insert(0) += count;
                }
            }
        }
        Counts {
            requests: self.sum(|cells| &cells.requests),
            answers: std::array::from_fn(|class| self.sum(|cells| &cells.answers[class])),
            connect_errors: self.sum(|cells| &cells.connect_errors),
            timeouts: self.sum(|cells| &cells.timeouts),
            cut: self.sum(|cells| &cells.cut),
            aborted: self.sum(|cells| &cells.aborted),
            retries: self.sum(|cells| &cells.retries),
            bad: self.sum(|cells| &cells.bad),
            bytes_in: self.sum(|cells| &cells.bytes_in),
            bytes_out: self.sum(|cells| &cells.bytes_out),
            latency: latency.into_iter().collect(),
        }
    }

    fn sum(&self, cell: impl Fn(&Cells) -> &AtomicU64) -> u64 {
        self.0.iter().map(|cells| cell(cells).load(Ordering::Relaxed)).sum()
    }
}

impl Cells {
    fn new() -> Self {
        Self {
            requests: AtomicU64::new(0),
            answers: Default::default(),
            connect_errors: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            bad: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            latency: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// A request was given to the release.
    pub fn request(&self) {
        add(&self.requests, 1);
    }

    /// The head of an answer came after so many microseconds.
    pub fn answer(&self, status: u16, micros: u64) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        add(&self.answers[class], 1);
        add(&self.latency[bucket_of(micros)], 1);
    }

    /// No instance accepted the connection.
    pub fn connect_error(&self) {
        add(&self.connect_errors, 1);
    }

    /// An instance did not answer in time.
    pub fn timeout(&self) {
        add(&self.timeouts, 1);
    }

    /// An instance ended an answer, or the connection, before it was whole.
    pub fn cut(&self) {
        add(&self.cut, 1);
    }

    /// The client went away before the answer was whole.
    pub fn aborted(&self) {
        add(&self.aborted, 1);
    }

    /// A request was tried again.
    pub fn retry(&self) {
        add(&self.retries, 1);
    }

    /// A request went badly, for whatever reason; it counts once.
    pub fn bad(&self) {
        add(&self.bad, 1);
    }

    /// Bytes of bodies, from the client and to it.
    pub fn bytes(&self, taken: u64, given: u64) {
        add(&self.bytes_in, taken);
        add(&self.bytes_out, given);
    }
}

/// A cell has one writer, so nothing is lost between reading and writing, and the processor's bus
/// is not locked.
fn add(cell: &AtomicU64, more: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use model::id::ReleaseId;

    use super::*;

    fn group(number: u8) -> Group {
        Group {
            place: "shop/production".parse().expect("a place"),
            release: ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10]),
        }
    }

    #[test]
    fn a_second_holds_what_came_in_it_and_only_who_had_requests() {
        let book = Book::new(2);
        let (busy, quiet) = (book.counters(&group(1)), book.counters(&group(2)));
        busy.of(0).request();
        busy.of(0).answer(200, 1_000);
        busy.of(1).request();
        busy.of(1).answer(503, 20_000);
        busy.of(1).bad();
        book.close_second(Timestamp::UNIX_EPOCH);
        busy.of(0).request();
        book.close_second(Timestamp::UNIX_EPOCH);
        book.close_second(Timestamp::UNIX_EPOCH);

        let seconds = book.after(0, 10);
        assert_eq!(seconds.iter().map(|second| second.sequence).collect::<Vec<_>>(), [1, 2]);
        let [row] = &*seconds[0].rows else { panic!("one release: {seconds:?}") };
        assert_eq!(row.counts.requests, 2);
        assert_eq!(row.counts.answers, [0, 1, 0, 0, 1]);
        assert_eq!(row.counts.bad, 1);
        assert_eq!(row.counts.latency.iter().map(|(_, count)| count).sum::<u64>(), 2);
        assert_eq!(seconds[1].rows[0].counts.requests, 1);
        assert!(book.after(2, 10).is_empty());
        assert_eq!(busy.seen(), Seen { requests: 3, bad: 1 });
        assert_eq!(quiet.seen(), Seen::default());
    }

    #[test]
    fn who_is_counted_no_more_is_forgotten_when_its_last_second_is_closed() {
        let book = Book::new(1);
        let counters = book.counters(&group(1));
        counters.of(0).request();
        drop(counters);
        book.forget(|_| true);
        assert_eq!(book.totals().len(), 1);
        book.close_second(Timestamp::UNIX_EPOCH);
        book.forget(|_| false);
        assert_eq!(book.totals().len(), 1);
        book.forget(|_| true);
        assert!(book.totals().is_empty());
    }
}

//! A job's log: written by its worker, read by others at the same time.
//!
//! A log is one file of frames, each whole or not there at all. A frame holds lines of one step: a
//! head with their numbers and times, hidden in what Zstandard calls a skippable frame, and their
//! text, compressed. So `zstd -dc` prints a log, and the index is read by hopping from head to head.

mod follow;
mod frame;
mod index;
mod item;
mod pen;
mod reader;
mod search;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;

pub use follow::LOOK_EVERY;
pub use index::StepLines;
pub use item::{Gap, Item, Line};
pub use reader::{LogReader, Visit};
pub use search::Search;
use writer::Writer;

/// A longer line is cut there, and told to be.
pub const LONGEST_LINE: usize = 1 << 20;

/// How long a line may wait to become readable.
pub const FLUSH_AFTER: Duration = Duration::from_millis(20);

/// What a log's folder holds.
const FILE: &str = "log.zst";

/// Where the log is in a job's folder.
pub fn file_in(job: &Path) -> PathBuf {
    job.join("log").join(FILE)
}

/// Where a job's log is written. Clones write to the same one.
///
/// Writing to it never fails: what cannot be stored is counted and told. It reads no clock; whoever
/// writes tells the time.
#[derive(Debug, Clone)]
pub struct Log(Arc<Mutex<Writer>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLimits {
    /// What it may take on the disk.
    pub stored: u64,
    /// What it may hold before compression.
    pub raw: u64,
    /// Whether it has to outlive a loss of power once it is finished, which takes a disk its time.
    pub durable: bool,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { stored: 1 << 30, raw: 10_000_000_000, durable: true }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("cannot {what} the log {}: {why}", path.display())]
    Io { what: &'static str, path: PathBuf, why: io::Error },
    #[error("the log {} is damaged at byte {at}: {why}", path.display())]
    Damaged { path: PathBuf, at: u64, why: &'static str },
}

/// How much of a step, or of a whole job, was logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    pub lines: u64,
    pub bytes: u64,
    pub lines_lost: u64,
    pub bytes_lost: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSummary {
    pub stored: Stored,
    /// Why lines were lost, if any were for another reason than the limits.
    pub trouble: Option<String>,
}

impl Log {
    /// Begins a log in a folder, which is made if it is not there. There must be no log in it yet.
    pub fn create(folder: &Path, limits: LogLimits) -> Result<Self, LogError> {
        Writer::create(folder, limits).map(|writer| Self(Arc::new(Mutex::new(writer))))
    }

    /// Appends lines of the worker's own.
    pub fn line(&self, step: u32, at: Timestamp, text: &str) {
        let mut writer = self.writer();
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line).as_bytes();
            writer.line(step, at, line, line.len() as u64);
        }
    }

    /// Appends whole lines, each ended by a line feed and no longer than [`LONGEST_LINE`].
    pub(crate) fn lines(&self, step: u32, at: Timestamp, lines: &[u8]) {
        self.writer().lines(step, at, lines);
    }

    /// Appends the beginning of a line that was longer.
    pub(crate) fn cut_line(&self, step: u32, at: Timestamp, line: &[u8], length: u64) {
        self.writer().line(step, at, line, length);
    }

    /// Makes readable what a step has waiting since [`FLUSH_AFTER`], or tells how much longer it
    /// may wait.
    pub(crate) fn flush_old(&self, step: u32, now: Timestamp) -> Option<Duration> {
        self.writer().flush_old(step, now)
    }

    /// Everything that waits becomes readable.
    pub fn flush(&self) {
        self.writer().flush();
    }

    /// The step says no more, and everything that it said becomes readable.
    pub fn end_step(&self, step: u32) -> Stored {
        self.writer().end_step(step)
    }

    /// The job says no more. What is written after this is lost.
    pub fn finish(&self, at: Timestamp) -> LogSummary {
        self.writer().finish(at)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.0.lock().expect("nothing panics while it writes the log")
    }
}

//! The access log: one JSON object a line, written by a thread of its own. No request ever waits for
//! the disk; under load lines are left out, and the next one that is written says how many.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use model::id::{InstanceId, ReleaseId};
use model::name::Place;
use serde::Serialize;

/// Lines that wait for the disk.
const WAITING: usize = 8_192;
/// Bytes after which a file is put aside, and how many that were put aside are kept.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
const KEPT: u32 = 4;
/// How long a line may stay in memory.
const FLUSH: Duration = Duration::from_millis(500);
/// Lines of a second that are all written; of what is over, one in [`SAMPLE`].
const ALL_OF: u32 = 500;
const SAMPLE: u32 = 64;

/// What is written of one request.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) at: Timestamp,
    pub(super) peer: std::net::IpAddr,
    pub(super) method: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) version: &'static str,
    pub(super) status: u16,
    pub(super) place: Option<Place>,
    pub(super) release: Option<ReleaseId>,
    pub(super) instance: Option<InstanceId>,
    pub(super) request_id: Option<String>,
    pub(super) answer_ms: f64,
    pub(super) whole_ms: f64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) whole: bool,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Entry {
    pub(super) fn taken(&mut self, took: Duration, bytes_in: u64, bytes_out: u64, whole: bool) {
        self.whole_ms = milliseconds(took);
        self.bytes_in = bytes_in;
        self.bytes_out = bytes_out;
        self.whole = whole;
    }
}

pub(super) fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

/// Which requests a worker writes a line for.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    second: std::cell::Cell<u64>,
    count: std::cell::Cell<u32>,
}

impl Sampler {
    pub(super) fn takes(&self, now_ms: u64) -> bool {
        let second = now_ms / 1_000;
        if self.second.replace(second) != second {
            self.count.set(0);
        }
        let count = self.count.get();
        self.count.set(count.wrapping_add(1));
        count < ALL_OF || count.is_multiple_of(SAMPLE)
    }
}

/// The log that workers hand their lines to.
#[derive(Debug)]
pub(super) struct AccessLog {
    to: Mutex<Option<SyncSender<Box<Entry>>>>,
    left_out: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl AccessLog {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let (to, from) = sync_channel(WAITING);
        let left_out = Arc::new(AtomicU64::new(0));
        let log = Log::open(path.to_owned(), MOST_BYTES)?;
        let writer = std::thread::Builder::new().name("access-log".to_owned()).spawn({
            let left_out = Arc::clone(&left_out);
            move || write(log, &from, &left_out)
        })?;
        Ok(Self { to: Mutex::new(Some(to)), left_out, writer: Mutex::new(Some(writer)) })
    }

    /// For one worker to hand lines to.
    pub(super) fn sender(&self) -> Option<Lines> {
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.clone().map(|to| Lines { to, left_out: Arc::clone(&self.left_out) })
    }

    /// Writes what is still to be written. Workers must have ended before.
    pub(super) fn close(&self) {
        self.to.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the access log's writer has panicked");
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Lines {
    to: SyncSender<Box<Entry>>,
    left_out: Arc<AtomicU64>,
}

impl Lines {
    pub(super) fn write(&self, entry: Box<Entry>) {
        if self.to.try_send(entry).is_err() {
            self.leave_out();
        }
    }

    pub(super) fn leave_out(&self) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
    }
}

fn write(mut log: Log, from: &Receiver<Box<Entry>>, left_out: &AtomicU64) {
    let mut line = Vec::new();
    let mut told = false;
    loop {
        let done = match from.recv_timeout(FLUSH) {
            Ok(mut entry) => {
                entry.left_out = left_out.swap(0, Ordering::Relaxed);
                line.clear();
                serde_json::to_writer(&mut line, &entry).map_err(io::Error::from).and_then(|()| {
                    line.push(b'\n');
                    log.write(&line)
                })
            }
            Err(RecvTimeoutError::Timeout) => log.file.flush(),
            Err(RecvTimeoutError::Disconnected) => {
                if let Err(error) = log.file.flush() {
                    tracing::warn!(path = %log.path.display(), %error, "the access log is cut short");
                }
                return;
            }
        };
        match done {
            Ok(()) => told = false,
            Err(error) => {
                left_out.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(path = %log.path.display(), %error, "cannot write the access log");
                }
            }
        }
    }
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    most: u64,
}

impl Log {
    fn open(path: PathBuf, most: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path, file: BufWriter::with_capacity(64 * 1024, file), bytes, most })
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.bytes >= self.most {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.bytes += u64::try_from(line.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.flush()?;
        let aside = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..KEPT).rev() {
            match std::fs::rename(aside(number), aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::rename(&self.path, aside(1))?;
        *self = Self::open(self.path.clone(), self.most)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_put_aside_within_its_bound() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        let mut log = Log::open(path.clone(), 100).expect("a log");
        for number in 0..100 {
            log.write(format!("{number:049}\n").as_bytes()).expect("written");
        }
        log.file.flush().expect("written");
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .expect("listed")
            .map(|entry| entry.expect("listed").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        let expected: Vec<_> = std::iter::once("access.log".to_owned())
            .chain((1..=4).map(|n| format!("access.log.{n}")))
            .collect();
        assert_eq!(names, expected);
        assert!(std::fs::read_to_string(path).expect("read").ends_with("99\n"));
    }

    #[test]
    fn under_load_one_of_many_is_taken() {
        let sampler = Sampler::default();
        let taken = (0..10_000).filter(|_| sampler.takes(5_000)).count();
        assert!((600..700).contains(&taken), "{taken}");
        assert!(sampler.takes(6_000));
    }
}

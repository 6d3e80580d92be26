//! A runner's folder: its jobs, what they check out, and who it is.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use model::id::JobId;

use super::super::protocol::{EVENTS, SessionId};
use super::RunnerError;
use crate::event::Event;

const SESSION: &str = "runner.json";
/// How long what a run checks out stays after its last job began: longer than a job may take.
const KEEP_SOURCES: SignedDuration = SignedDuration::from_hours(24 * 7);
/// In the folder of a job whose report the server has.
const REPORTED: &str = "reported";

#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    keep: SignedDuration,
    /// Nobody else has the folder while this is locked.
    _lock: File,
    events: Events,
}

/// The files into which the events of jobs under way are written.
type Events = Arc<Mutex<HashMap<JobId, File>>>;

impl Folder {
    pub(super) fn open(path: &Path, keep: SignedDuration) -> Result<Self, RunnerError> {
        let open = || {
            fs::create_dir_all(path.join("jobs"))?;
            fs::create_dir_all(path.join("sources"))?;
            File::options().create(true).truncate(false).write(true).open(path.join("lock"))
        };
        let lock = open().map_err(trouble("cannot use the runner's folder", path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(RunnerError::Taken(path.to_owned())),
            Err(fs::TryLockError::Error(error)) => {
                return Err(trouble("cannot lock the runner's folder", path)(error));
            }
        }
        Ok(Self { path: path.to_owned(), keep, _lock: lock, events: Events::default() })
    }

    /// Who this runner is, for good: the given number, if it has none yet.
    pub(super) fn session(&self, new: &SessionId) -> Result<SessionId, RunnerError> {
        let path = self.path.join(SESSION);
        if let Ok(known) = fs::read(&path)
            && let Ok(known) = serde_json::from_slice(&known)
        {
            return Ok(known);
        }
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            file.write_all(&serde_json::to_vec(new)?)?;
            file.as_file().sync_data()?;
            file.persist(&path).map(drop).map_err(|error| error.error)
        };
        write().map_err(trouble("cannot write down who the runner is in", &path))?;
        Ok(new.clone())
    }

    pub(super) fn jobs(&self) -> PathBuf {
        self.path.join("jobs")
    }

    pub(super) fn sources(&self) -> PathBuf {
        self.path.join("sources")
    }

    pub(super) fn of(&self, job: JobId) -> PathBuf {
        self.jobs().join(job.to_string())
    }

    /// Writes events down as they come.
    pub(super) fn listener(&self) -> impl Fn(JobId, &Event) + Send + Sync + use<> {
        let (jobs, events) = (self.jobs(), self.events.clone());
        move |job, event| {
            let mut files = events.lock().unwrap_or_else(PoisonError::into_inner);
            let write = |files: &mut HashMap<JobId, File>| {
                let file = match files.entry(job) {
                    std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::hash_map::Entry::Vacant(new) => {
                        let path = jobs.join(job.to_string()).join(EVENTS);
                        new.insert(File::options().create(true).append(true).open(path)?)
                    }
                };
                let mut line = serde_json::to_vec(event)?;
                line.push(b'\n');
                file.write_all(&line)
            };
            let written: io::Result<()> = write(&mut files);
            if let Err(error) = written {
                tracing::warn!(%job, %error, "what happens in a job cannot be written down");
            }
            if matches!(event, Event::Ended(_)) {
                files.remove(&job);
            }
        }
    }

    /// Jobs that an earlier life has left, and that the server has no report of.
    pub(super) fn unreported(&self) -> Vec<JobId> {
        let jobs = self.all().filter(|(_, path)| !path.join(REPORTED).exists());
        jobs.map(|(job, _)| job).collect()
    }

    /// The server has the report. What the job leaves goes, or is kept for a while.
    pub(super) fn reported(&self, job: JobId, is_kept: bool) {
        let folder = self.of(job);
        if is_kept && File::create(folder.join(REPORTED)).is_ok() {
            return;
        }
        remove(&folder);
    }

    /// Removes what was kept for long enough.
    pub(super) fn tidy(&self, now: Timestamp) {
        let is_older = |path: &Path, keep: SignedDuration| {
            let changed = fs::metadata(path).and_then(|it| it.modified()).ok();
            let changed = changed.and_then(|at| Timestamp::try_from(at).ok());
            changed.is_some_and(|at| at < now - keep)
        };
        let jobs = self.all().filter(|(_, path)| is_older(&path.join(REPORTED), self.keep));
        jobs.for_each(|(_, path)| remove(&path));
        let sources = fs::read_dir(self.sources()).into_iter().flatten().flatten();
        let old = sources.map(|entry| entry.path()).filter(|path| is_older(path, KEEP_SOURCES));
        old.for_each(|path| remove(&path));
    }

    fn all(&self) -> impl Iterator<Item = (JobId, PathBuf)> {
        let entries = fs::read_dir(self.jobs()).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(folder = %folder.display(), %error, "a job's folder cannot be removed");
    }
}

fn trouble(what: &str, path: &Path) -> impl FnOnce(io::Error) -> RunnerError {
    let what = format!("{what} {}", path.display());
    move |cause| RunnerError::Folder { what, cause }
}

//! Runs that are under way, for those who look from another terminal.
//!
//! Each has a file in which it notes the jobs and steps that begin, a line of JSON each. The file is
//! locked as long as the run lasts, so that one that was killed is not taken for one that goes on.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use jobs::event::Event;
use model::fact::{RunJobOrdered, What};
use model::id::{AnyId, JobId, RunId};
use serde::{Deserialize, Serialize};

/// How the names of the files end.
const ENDING: &str = "live";

/// Something that has begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) job: JobId,
    /// Of the job where there is none.
    pub(crate) step: Option<u32>,
    pub(crate) name: String,
}

/// The notes of this process. What cannot be noted is not seen from elsewhere, and no more harm.
#[derive(Debug)]
pub(crate) struct Live {
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    id: RunId,
    path: PathBuf,
    file: File,
    jobs: Vec<JobId>,
}

impl Live {
    pub(crate) fn begin(folder: &Path, runs: impl Iterator<Item = RunId>) -> Self {
        Self { runs: runs.filter_map(|run| Run::begin(folder, run).ok()).collect() }
    }

    /// A fact of a run.
    pub(crate) fn told(&mut self, subject: AnyId, what: &What) {
        let run = self.runs.iter_mut().find(|run| AnyId::from(run.id) == subject);
        if let (Some(run), What::RunJobOrdered(RunJobOrdered { job, name, .. })) = (run, what) {
            run.jobs.push(*job);
            run.note(&Begun { job: *job, step: None, name: name.clone() });
        }
    }

    /// What a job says.
    pub(crate) fn heard(&mut self, job: JobId, event: &Event) {
        if let Event::StepBegan { step, name, .. } = event
            && let Some(run) = self.runs.iter_mut().find(|run| run.jobs.contains(&job))
        {
            run.note(&Begun { job, step: Some(*step), name: name.clone() });
        }
    }
}

impl Run {
    fn begin(folder: &Path, id: RunId) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{id}.{ENDING}"));
        // Nobody finds it before it is locked.
        let new = folder.join(format!("{id}.new"));
        let file = File::create_new(&new)?;
        file.lock()?;
        fs::rename(&new, &path)?;
        Ok(Self { id, path, file, jobs: Vec::new() })
    }

    fn note(&mut self, begun: &Begun) {
        let mut line = serde_json::to_vec(begun).expect("plain data with text keys");
        line.push(b'\n');
        let _ = self.file.write_all(&line);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A run of another process, looked at while it goes on.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) run: RunId,
    file: BufReader<File>,
    /// The beginning of a line whose end is not there yet.
    line: Vec<u8>,
}

impl Sight {
    /// The runs that are under way, the newest first.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let mut found = Vec::new();
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()) {
            let Some(sight) = Self::of(&path) else { continue };
            if sight.goes_on() {
                found.push(sight);
            } else {
                // Left by a run that was killed.
                let _ = fs::remove_file(&path);
            }
        }
        found.sort_by_key(|sight| std::cmp::Reverse(sight.run));
        found
    }

    fn of(path: &Path) -> Option<Self> {
        if path.extension()? != ENDING {
            return None;
        }
        let run = path.file_stem()?.to_str()?.parse().ok()?;
        Some(Self { run, file: BufReader::new(File::open(path).ok()?), line: Vec::new() })
    }

    /// Whether the run is still under way.
    pub(crate) fn goes_on(&self) -> bool {
        let file = self.file.get_ref();
        if file.try_lock_shared().is_err() {
            return true;
        }
        // It is closed soon anyway.
        let _ = file.unlock();
        false
    }

    /// What has begun since it was asked last.
    pub(crate) fn news(&mut self) -> Vec<Begun> {
        let mut news = Vec::new();
        while let Ok(1..) = self.file.read_until(b'\n', &mut self.line) {
            if self.line.last() != Some(&b'\n') {
                break;
            }
            news.extend(serde_json::from_slice::<Begun>(&self.line));
            self.line.clear();
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_run_is_seen_as_long_as_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let id = |n: u8| RunId::new(Timestamp::UNIX_EPOCH, [n; 10]);
        let job = JobId::new(Timestamp::UNIX_EPOCH, [9; 10]);
        assert!(Sight::all(folder.path()).is_empty());
        let mut live = Live::begin(folder.path(), [id(1), id(2)].into_iter());
        let mut seen = Sight::all(folder.path());
        assert_eq!(seen.iter().map(|sight| sight.run).collect::<Vec<_>>(), [id(2), id(1)]);
        let run = &mut live.runs[0];
        let begun = Begun { job, step: None, name: "build".to_owned() };
        let (first, rest) = (b"{\"job\"", &serde_json::to_vec(&begun).unwrap()[6..]);
        run.jobs.push(job);
        run.file.write_all(first).unwrap();
        assert!(seen[1].news().is_empty(), "half a line is none");
        run.file.write_all(rest).unwrap();
        run.file.write_all(b"\n").unwrap();
        let (step, at) = (3, Timestamp::UNIX_EPOCH);
        live.heard(job, &Event::StepBegan { step, name: "Greet".to_owned(), at });
        let greet = Begun { job, step: Some(3), name: "Greet".to_owned() };
        assert_eq!(seen[1].news(), [begun, greet]);
        assert!(seen[0].news().is_empty() && seen[1].news().is_empty());
        drop(live);
        assert!(!seen[0].goes_on() && Sight::all(folder.path()).is_empty());
        File::create(folder.path().join(format!("{}.live", id(3)))).unwrap();
        assert!(Sight::all(folder.path()).is_empty(), "one that was killed");
    }
}

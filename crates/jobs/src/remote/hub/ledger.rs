//! To which runner each job was given: on the disk before the runner hears of it.
//!
//! A job's folder says it as well, without waiting for the disk. One line behind the other is what
//! a disk takes fastest, and all jobs that are given at the same time share one wait; so the folders
//! may be forgotten by a loss of power, and are made again from the lines.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use model::id::JobId;

use super::super::protocol::SessionId;
use super::assignment;
use crate::host::read_report;

#[derive(Debug)]
pub(super) struct Ledger {
    file: File,
    length: u64,
    /// Where each job has its folder.
    jobs: PathBuf,
}

/// After so many bytes it begins anew.
const MOST: u64 = 8 << 20;

impl Ledger {
    /// Opens the ledger, and sees to it that every job that was given and is not over is known by
    /// its folder.
    pub(super) fn open(path: &Path, jobs: &Path) -> io::Result<Self> {
        for folder in [path.parent(), Some(jobs)].into_iter().flatten() {
            fs::create_dir_all(folder)?;
        }
        let given = match fs::read_to_string(path) {
            Ok(given) => given,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        for (job, session) in given.lines().filter_map(entry) {
            let folder = jobs.join(job.to_string());
            if read_report(&folder).is_none() {
                assignment::write(&folder, &session)?;
                assignment::sync(&folder)?;
            }
        }
        let file = File::options().create(true).append(true).open(path)?;
        file.set_len(0)?;
        file.sync_all()?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { file, length: 0, jobs: jobs.to_owned() })
    }

    /// Once this has returned it survives everything: the loss of power, too. `others` are under
    /// way already.
    pub(super) fn give<'a>(
        &mut self,
        given: &[(JobId, SessionId)],
        others: impl Iterator<Item = &'a JobId>,
    ) -> io::Result<()> {
        let mut lines = String::new();
        for (job, session) in given {
            assignment::write(&self.jobs.join(job.to_string()), session)?;
            lines.extend([job.to_string(), " ".to_owned(), session.to_string(), "\n".to_owned()]);
        }
        if self.length > MOST {
            for job in others {
                assignment::sync(&self.jobs.join(job.to_string()))?;
            }
            self.file.set_len(0)?;
            self.length = 0;
        }
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_data()?;
        self.length += lines.len() as u64;
        Ok(())
    }
}

/// None of a line that was cut short.
fn entry(line: &str) -> Option<(JobId, SessionId)> {
    let (job, session) = line.split_once(' ')?;
    Some((job.parse().ok()?, SessionId::read(session)?))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn what_was_given_is_known_when_its_folder_was_forgotten() {
        let data = tempfile::tempdir().unwrap();
        let (path, jobs) = (data.path().join("given"), data.path().join("jobs"));
        let job = |n| JobId::new(Timestamp::UNIX_EPOCH, [n; 10]);
        let folder = |n| jobs.join(job(n).to_string());
        let (one, other) = (SessionId::new([1; 20]), SessionId::new([2; 20]));
        let mut ledger = Ledger::open(&path, &jobs).unwrap();
        ledger.give(&[(job(1), one.clone()), (job(2), other.clone())], [].iter()).unwrap();
        ledger.give(&[(job(3), one.clone())], [].iter()).unwrap();
        drop(ledger);
        fs::remove_dir_all(folder(1)).unwrap();
        fs::write(folder(2).join("runner.json"), "").unwrap();
        // The last line was cut short.
        fs::write(&path, fs::read_to_string(&path).unwrap() + "job_0").unwrap();
        let mut ledger = Ledger::open(&path, &jobs).unwrap();
        assert_eq!(assignment::read(&folder(1)), Some(one.clone()));
        assert_eq!(assignment::read(&folder(2)), Some(other));
        assert_eq!(assignment::read(&folder(3)), Some(one.clone()));
        ledger.length = MOST + 1;
        ledger.give(&[(job(4), one)], [job(1)].iter()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }
}

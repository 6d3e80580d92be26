//! What is kept of jobs that are over, and for how long.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use model::id::{JobId, RunId};
use serde::{Deserialize, Serialize};

use super::super::protocol::JobFile;
use super::Hub;
use crate::host::report_in;

/// In the folder of a job whose log was removed.
const FILE: &str = "removed.json";

/// That a job's log and events are not kept any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::remote) struct Removed {
    after_hours: i64,
}

impl std::fmt::Display for Removed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |count, noun| match count {
            1 => format!("1 {noun}"),
            _ => format!("{count} {noun}s"),
        };
        let after = match self.after_hours {
            0 => return f.write_str("the log was removed as soon as the job was over"),
            hours if hours % 24 == 0 => count(hours / 24, "day"),
            hours => count(hours, "hour"),
        };
        write!(f, "the log was removed after {after}")
    }
}

impl Hub {
    /// Removes the logs and events of jobs that have been over for longer; how many jobs that were.
    /// Their reports stay. Waits for the disk.
    pub fn remove_logs(&self, keep: SignedDuration) -> io::Result<usize> {
        let settings = &self.shared.settings;
        let before = settings.clock.now() - keep;
        let removed = Removed { after_hours: keep.as_hours() };
        let mut count = 0;
        for (_, folder) in named::<JobId>(&settings.folder, "")? {
            // One without a report is under way.
            let is_old = is_older(&report_in(&folder), before);
            if !is_old || folder.join(FILE).exists() {
                continue;
            }
            fs::write(folder.join(FILE), serde_json::to_vec(&removed)?)?;
            for file in JobFile::ALL {
                match fs::remove_file(file.within(&folder)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            count += 1;
        }
        Ok(count)
    }

    /// The runs whose sources have been here for longer.
    pub fn old_sources(&self, keep: SignedDuration) -> io::Result<Vec<RunId>> {
        let settings = &self.shared.settings;
        let before = settings.clock.now() - keep;
        let sources = named(&settings.sources, ".bundle")?.into_iter();
        Ok(sources.filter(|(_, path)| is_older(path, before)).map(|(run, _)| run).collect())
    }

    /// Removes what a run checked out. Only of a run that is over: no job of it comes any more.
    pub fn remove_source(&self, run: RunId) -> io::Result<()> {
        match fs::remove_file(self.source(run)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(in crate::remote) fn removed(&self, job: JobId) -> Option<Removed> {
        let text = fs::read(self.shared.folder_of(job).join(FILE)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// What in a folder is named by an id; nothing where there is no folder.
fn named<T: std::str::FromStr>(folder: &Path, ending: &str) -> io::Result<Vec<(T, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(ending)?.parse().ok());
        found.extend(id.map(|id| (id, entry.path())));
    }
    Ok(found)
}

fn is_older(path: &Path, than: Timestamp) -> bool {
    let changed = fs::metadata(path).and_then(|it| it.modified()).ok();
    changed.and_then(|at| Timestamp::try_from(at).ok()).is_some_and(|at| at <= than)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_in_days_where_it_can_be() {
        let told = |after_hours| Removed { after_hours }.to_string();
        assert_eq!(told(90 * 24), "the log was removed after 90 days");
        assert_eq!(told(24), "the log was removed after 1 day");
        assert_eq!(told(36), "the log was removed after 36 hours");
    }
}

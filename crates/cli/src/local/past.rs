//! What is remembered of a repository's earlier runs on this machine: how long each job took, and
//! the last runs themselves, so that one can be taken up again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::id::RunId;
use model::persisted::Persisted as _;
use model::pipeline::Run;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exit::Exit;

/// Runs of one repository that are kept with their workspaces and logs.
const KEPT: usize = 10;

/// The memory of one repository.
#[derive(Debug)]
pub(crate) struct Past {
    folder: PathBuf,
    memory: Memory,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Milliseconds by workflow and job.
    durations: BTreeMap<String, u64>,
    /// The oldest first.
    runs: Vec<RunId>,
    /// Of them, those that the last command began.
    #[serde(default)]
    last: Vec<RunId>,
}

impl Past {
    /// Finds what is remembered of the repository at `root`. What cannot be read is forgotten: it
    /// serves people, nothing depends on it.
    pub(crate) fn of(data: &Path, root: &Path) -> Self {
        let name = blake3::hash(root.as_os_str().as_encoded_bytes()).to_hex();
        let folder = data.join("runs").join(&name[..16]);
        let text = std::fs::read(folder.join("past.json")).unwrap_or_default();
        Self { folder, memory: serde_json::from_slice(&text).unwrap_or_default() }
    }

    /// Where it is remembered.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn milliseconds(&self, workflow: &str, job: &str) -> Option<u64> {
        self.memory.durations.get(&key(workflow, job)).copied()
    }

    pub(crate) fn note_duration(&mut self, workflow: &str, job: &str, milliseconds: u64) {
        self.memory.durations.insert(key(workflow, job), milliseconds);
    }

    /// The last run of each workflow, the newest first.
    pub(crate) fn last_runs(&self) -> impl Iterator<Item = Result<Run, Error>> {
        self.memory.runs.iter().rev().map(|run| self.run(*run))
    }

    /// The runs that the last command began, in the order in which it began them.
    pub(crate) fn last_together(&self) -> Result<Vec<Run>, Error> {
        let last = match self.memory.last.as_slice() {
            // Kept by an earlier Highroad.
            [] => self.memory.runs.last().map(std::slice::from_ref).unwrap_or_default(),
            last => last,
        };
        last.iter().map(|run| self.run(*run)).collect()
    }

    pub(crate) fn run(&self, run: RunId) -> Result<Run, Error> {
        let path = self.file_of(run);
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::io(format!("cannot read {}", path.display()), &error))?;
        Run::load(&text).map_err(|error| {
            Error::new(Exit::Io, format!("{} holds no run: {error}", path.display()))
        })
    }

    /// Keeps runs for later; the oldest make room. The runs that went are given back, so that
    /// their jobs' folders can go too.
    pub(crate) fn keep(&mut self, runs: &[Run]) -> Result<Vec<Run>, Error> {
        let failed = |error: std::io::Error| {
            Error::io(format!("cannot keep the run in {}", self.folder.display()), &error)
        };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        for run in runs {
            write_whole(&self.file_of(run.id), run.save().as_bytes()).map_err(failed)?;
        }
        self.memory.last = runs.iter().map(|run| run.id).collect();
        self.memory.runs.extend(&self.memory.last);
        // What was begun together stays together.
        let kept = KEPT.max(self.memory.last.len());
        let surplus = self.memory.runs.len().saturating_sub(kept);
        let old: Vec<_> = self.memory.runs.drain(..surplus).collect();
        let memory = serde_json::to_vec(&self.memory).expect("plain data with text keys");
        write_whole(&self.folder.join("past.json"), &memory).map_err(failed)?;
        let mut gone = Vec::new();
        for run in old {
            gone.extend(self.run(run));
            // What is left lying there only takes room.
            let _ = std::fs::remove_file(self.file_of(run));
        }
        Ok(gone)
    }

    fn file_of(&self, run: RunId) -> PathBuf {
        self.folder.join(format!("{run}.json"))
    }
}

fn key(workflow: &str, job: &str) -> String {
    format!("{workflow}: {job}")
}

/// A file that is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

//! What runners and the server say to each other.

use std::fmt;
use std::path::{Path, PathBuf};

use model::id::{JobId, RunId};
use model::pipeline::{JobReport, Order};
use serde::{Deserialize, Serialize};

/// The part of every path by which the two sides know that they speak the same language.
pub(super) const BASE: &str = "/runner/v1";

/// The file in a job's folder that has its events, a line of JSON each.
pub(super) const EVENTS: &str = "events.ndjson";

/// A runner's own number: made once for its folder, so that it is the same runner after a restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// From twenty random bytes.
    pub fn new(random: [u8; 20]) -> Self {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(40);
        for byte in random {
            write!(text, "{byte:02x}").expect("texts take all");
        }
        Self(text)
    }

    /// What [`Self::new`] has made; nothing else.
    pub(super) fn read(text: &str) -> Option<Self> {
        let is_whole = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_whole.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A runner's question: is there anything for me? It is answered at once if there is, else as soon
/// as there is, or after a while with nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Poll {
    pub(super) session: SessionId,
    pub(super) name: String,
    pub(super) labels: Vec<String>,
    pub(super) stands_in_for: Vec<String>,
    /// None when it takes no more jobs.
    pub(super) slots: usize,
    /// Every job that it has, until the server has its report.
    pub(super) jobs: Vec<Held>,
}

/// A job that a runner has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) job: JobId,
    /// It knows that the job is to end.
    pub(super) halting: bool,
}

/// The answer to a runner's question.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Told {
    /// Jobs that are the runner's and that it does not have yet.
    pub(super) parcels: Vec<Parcel>,
    /// Jobs that are to end.
    pub(super) halts: Vec<JobId>,
    /// Jobs whose reports the server has.
    pub(super) done: Vec<JobId>,
}

impl Told {
    pub(super) fn is_empty(&self) -> bool {
        self.parcels.is_empty() && self.halts.is_empty() && self.done.is_empty()
    }
}

/// A job on its way to a runner.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parcel {
    pub order: Order,
    /// What the runner has to know besides. Secrets may be in it: it is never written down.
    pub briefing: serde_json::Value,
}

/// The files of a job that a runner sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobFile {
    /// What its steps wrote, compressed.
    Log,
    /// What happened in it, a line of JSON each.
    Events,
}

impl JobFile {
    pub(super) const ALL: [Self; FILES] = [Self::Log, Self::Events];

    /// Where it is in the job's folder, on both sides.
    pub(super) fn within(self, job: &Path) -> PathBuf {
        match self {
            Self::Log => crate::log::file_in(job),
            Self::Events => job.join(EVENTS),
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Events => "events",
        }
    }
}

/// How many files of a job a runner sends.
pub(super) const FILES: usize = 2;

/// What is new of a job, the beginning of what a runner sends: one line, and behind it the pieces
/// that it tells of. All that a job leaves at its end goes in one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct News {
    /// Of [`JobFile::ALL`], in their order.
    pub(super) pieces: [Piece; FILES],
    /// Taken only together with all of the pieces. Nothing comes after it.
    pub(super) report: Option<JobReport>,
}

/// Some bytes of a file.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// How much of each of [`JobFile::ALL`] the server has.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Reached {
    pub(super) lengths: [u64; FILES],
}

/// The most bytes of a file that are sent at once.
pub(super) const MAX_PIECE: usize = 1 << 20;

/// The longest report that is taken, with all its annotations and outputs.
pub(super) const MAX_REPORT: usize = 64 << 20;

pub(super) const POLL: &str = "/runner/v1/poll";

pub(super) fn news_path(session: &SessionId, job: JobId) -> String {
    format!("{BASE}/{session}/jobs/{job}/news")
}

pub(super) fn source_path(run: RunId) -> String {
    format!("{BASE}/sources/{run}")
}

//! Messages: what one process says to another.
//!
//! They are brought about like everything else that a decider wants, by an intent; only that the
//! conductor carries it out itself.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::id::{AnyId, CommandId, IdError};
use crate::intent::Generation;
use crate::name::ServiceName;

/// A word of one process to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    #[serde(flatten)]
    pub line: Line,
    pub word: Word,
}

/// Who says something to whom about what. Of all that is said on one line the newest word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Line {
    pub from: AnyId,
    pub to: AnyId,
    /// The job of the run that it is about; none where it is about the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<usize>,
}

/// What can be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// To a concurrency group: give me a place.
    Enter(Entry),
    /// To a concurrency group: my place is free.
    Leave,
    /// To a run: the place is yours.
    Admit,
    /// To a run: others are before you.
    Wait {
        /// Who has the place now.
        behind: String,
    },
    /// To a run: the place is another's, whether you waited for it or have it.
    GiveWay { why: String },
}

/// How somebody wants to enter a concurrency group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub service: ServiceName,
    /// The group's name as it was written; its case does not count.
    pub group: String,
    /// What people call the run or job that wants to enter.
    pub name: String,
    /// Whoever is in the group is to be ended.
    pub cancels: bool,
    /// Behind all who wait, in place of taking theirs.
    pub queues: bool,
}

impl Line {
    /// The same matter, the other way round.
    #[must_use]
    pub fn back(self) -> Self {
        Self { from: self.to, to: self.from, job: self.job }
    }

    /// The command as which a word on this line is carried out: the same however often it is said,
    /// and no other word's, since each has a generation of its own.
    pub fn command(self, generation: Generation) -> CommandId {
        let digest = Sha256::digest(format!("{self}@{generation}"));
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        CommandId::new(Timestamp::UNIX_EPOCH, random)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.from, self.to)?;
        self.job.map_or(Ok(()), |job| write!(f, "/{job}"))
    }
}

impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let (from, rest) = text.split_once('/').ok_or(LineError)?;
        let (to, job) = match rest.split_once('/') {
            Some((to, job)) => (to, Some(job.parse().map_err(|_| LineError)?)),
            None => (rest, None),
        };
        let id = |text: &str| text.parse().map_err(|_: IdError| LineError);
        Ok(Self { from: id(from)?, to: id(to)?, job })
    }
}

/// Why a text names no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected FROM/TO or FROM/TO/JOB")]
pub struct LineError;

//! Why a key was not found.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Cache, Scope};

/// What was looked for once, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    pub id: u64,
    pub at: Timestamp,
    pub scope: Scope,
    pub key: String,
    pub restore_keys: Vec<String>,
    pub version: String,
    pub paths: Vec<String>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Exact {
        git_ref: String,
    },
    /// Something that begins with one of the keys.
    Partial {
        key: String,
        git_ref: String,
    },
    Miss,
}

/// Which look-ups: those that fit everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupFilter {
    pub repository: Option<String>,
    pub git_ref: Option<String>,
    pub key: Option<String>,
    /// Only those that did not find the very key.
    pub missed: bool,
    pub limit: usize,
}

impl Default for LookupFilter {
    /// All of them.
    fn default() -> Self {
        Self { repository: None, git_ref: None, key: None, missed: false, limit: usize::MAX }
    }
}

/// Why a look-up did not find its key, as far as the depot remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    pub lookup: Lookup,
    /// The most telling first. None when the key was found.
    pub reasons: Vec<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// It was there, and had gone before.
    Gone(Gone),
    /// It was there for other paths. Where both lists are empty, the same paths are in another
    /// order.
    OtherPaths { cache: Cache, only_asked: Vec<String>, only_saved: Vec<String> },
    /// It was there, of a ref that the run may not read.
    OtherRef(Cache),
    /// It was saved after the look-up.
    Later(Cache),
    /// The readable key that is most like it.
    Nearest { cache: Cache, difference: Difference },
    /// The run could read no cache at all; so many were there that it could not read.
    NothingReadable { others: u64 },
}

/// A cache that is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    pub cache: Cache,
    pub at: Timestamp,
    pub why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// The depot was full, and nobody had used it for longer.
    Evicted {
        /// What needed the room.
        by: String,
    },
    /// Nobody used it for too long.
    Unused,
    /// Something else was saved under the key.
    Replaced,
    /// Somebody removed it.
    Removed,
    /// What was found was not what was saved.
    Damaged { what: String },
}

/// Where two keys part, by the pieces between `-`, `_`, `.`, `/` and other signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// How both begin.
    pub alike: String,
    pub asked: String,
    pub saved: String,
    /// Both parts are hashes: what was hashed has changed.
    pub is_hash: bool,
}

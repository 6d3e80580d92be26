//! Caches: what is saved under a key, and how it is looked for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Root, Skipped, Source};

/// Files to be kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveCache {
    pub repository: String,
    pub git_ref: String,
    pub key: String,
    /// The paths as the workflow writes them. A cache is found only by who writes the same.
    pub paths: Vec<String>,
    pub source: Source,
    /// Takes the place of what the key has already. Else that stays, and this is not kept.
    pub mutable: bool,
}

/// What became of a cache that was to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    New {
        cache: Cache,
        /// Bytes that were not at rest already, compressed.
        added: u64,
        skipped: Vec<Skipped>,
    },
    /// The key has its content, and keeps it.
    Taken(Cache),
}

/// Whose caches a run may read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scope {
    pub repository: String,
    /// The run's own ref, as in `refs/heads/feature` or `refs/pull/7/merge`.
    pub own: String,
    /// The ref that a pull request goes to.
    pub base: Option<String>,
    /// The ref of the default branch.
    pub default: Option<String>,
}

impl Scope {
    /// The refs in the order in which they are searched.
    pub fn refs(&self) -> Vec<&str> {
        let mut refs = vec![self.own.as_str()];
        for git_ref in [&self.base, &self.default].into_iter().flatten() {
            if !refs.contains(&git_ref.as_str()) {
                refs.push(git_ref);
            }
        }
        refs
    }
}

/// What is looked for, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreCache {
    pub scope: Scope,
    pub key: String,
    /// Beginnings of keys, the best first.
    pub restore_keys: Vec<String>,
    /// The paths as the workflow writes them.
    pub paths: Vec<String>,
    /// Where each root is now. Without it the cache is looked up and left where it is.
    pub into: Option<Vec<Root>>,
}

/// A cache that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub cache: Cache,
    /// It has the very key, not only the beginning of one.
    pub exact: bool,
}

/// A cache at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    pub id: u64,
    pub repository: String,
    pub git_ref: String,
    pub key: String,
    /// Stands for `paths`: only caches of the same version are looked at.
    pub version: String,
    pub paths: Vec<String>,
    /// The files' sizes together.
    pub size: u64,
    /// Files, folders and links together.
    pub files: u64,
    pub saved_at: Timestamp,
    /// When it was last restored; before that, when it was saved.
    pub used_at: Timestamp,
}

/// Which caches: those that fit everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheFilter {
    pub id: Option<u64>,
    pub repository: Option<String>,
    pub git_ref: Option<String>,
    pub key: Option<String>,
    /// How the key begins.
    pub prefix: Option<String>,
    pub limit: usize,
}

impl Default for CacheFilter {
    /// All of them.
    fn default() -> Self {
        Self {
            id: None,
            repository: None,
            git_ref: None,
            key: None,
            prefix: None,
            limit: usize::MAX,
        }
    }
}

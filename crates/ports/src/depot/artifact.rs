//! Artifacts: what a run leaves under a name.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Skipped, Source};

/// Files to be kept under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveArtifact {
    pub run: String,
    pub name: String,
    pub source: Source,
    /// The folder in which the artifact's own paths begin. All that is saved is below it.
    pub base: PathBuf,
    /// How long it stays; without it, as long as the depot holds to be right.
    pub keep_days: Option<u32>,
    /// Takes the place of what the name has already. Else that is an error.
    pub overwrite: bool,
}

/// An artifact at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub id: u64,
    pub run: String,
    pub name: String,
    /// Stands for everything in it: two artifacts with the same digest hold the same.
    pub digest: String,
    /// The files' sizes together.
    pub size: u64,
    /// Files, folders and links together.
    pub files: u64,
    pub saved_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What became of an artifact that was to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedArtifact {
    pub artifact: Artifact,
    /// Bytes that were not at rest already, compressed.
    pub added: u64,
    pub skipped: Vec<Skipped>,
}

/// Which artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Which {
    #[default]
    All,
    Named(String),
    /// A pattern as in a shell: `*`, `?`, `[a-z]`, `{one,two}`, and `!` before it for the others.
    Matching(String),
    Ids(Vec<u64>),
}

/// Which artifacts: those that fit everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFilter {
    pub run: Option<String>,
    pub which: Which,
    pub limit: usize,
}

impl Default for ArtifactFilter {
    /// All of them.
    fn default() -> Self {
        Self { run: None, which: Which::All, limit: usize::MAX }
    }
}

/// Which artifacts of a run, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreArtifacts {
    pub run: String,
    pub which: Which,
    pub into: PathBuf,
    /// Each into a folder of its own name; else all into the one.
    pub apart: bool,
}

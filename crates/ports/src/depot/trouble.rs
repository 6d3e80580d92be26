//! What the depot cannot do, and why.

use serde::{Deserialize, Serialize};

/// Why the depot did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct DepotError {
    pub kind: DepotErrorKind,
    pub what: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl DepotError {
    pub fn new(kind: DepotErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    #[must_use]
    pub fn because(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}

/// The sorts of trouble that call for different help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DepotErrorKind {
    /// A key, name, path or pattern that cannot be one.
    Invalid,
    /// A path leads out of the folders that may be saved or written.
    Outside,
    /// None of the paths is there.
    Empty,
    /// Above the limits of what may be saved at once.
    TooLarge,
    /// It does not fit into the quota, whatever else would go.
    NoRoom,
    /// The name is taken.
    Exists,
    /// There is no such artifact, or no longer.
    Missing,
    /// A file was changed while it was being saved.
    Changed,
    /// Something stands where something else is to be put.
    InTheWay,
    /// What is at rest is not what was saved.
    Damaged,
    /// Written by a newer Highroad.
    Newer,
    /// Not a depot of Highroad's.
    Foreign,
    /// Other programs kept it busy for too long.
    Busy,
    /// The system does not let this user.
    Denied,
    /// The disk is full.
    Full,
    Failed,
}

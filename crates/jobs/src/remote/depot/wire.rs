//! What a job and the server's depot say to each other: a line of JSON each way, with packed trees
//! behind it.

use std::error::Error as _;

use ports::depot::{
    Artifact, ArtifactFilter, Cache, CacheFilter, DepotError, DepotErrorKind, Explanation,
    FileEntry, Hit, Holding, Lookup, LookupFilter, Scope, Tended, Usage, Which,
};
use serde::{Deserialize, Serialize};

/// Where it is asked.
pub(super) const DEPOT: &str = "/runner/v1/depot";

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Question {
    /// With a tree behind it.
    SaveCache {
        repository: String,
        git_ref: String,
        key: String,
        paths: Vec<String>,
        mutable: bool,
    },
    RestoreCache {
        scope: Scope,
        key: String,
        restore_keys: Vec<String>,
        paths: Vec<String>,
        with_tree: bool,
    },
    Caches(CacheFilter),
    RemoveCaches(CacheFilter),
    Lookups(LookupFilter),
    Explain(u64),
    /// With a tree behind it.
    SaveArtifact {
        run: String,
        name: String,
        keep_days: Option<u32>,
        overwrite: bool,
    },
    Artifacts(ArtifactFilter),
    RestoreArtifacts {
        run: String,
        which: Which,
    },
    RemoveArtifacts(ArtifactFilter),
    Files(Holding),
    Usage,
    Tend,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// Nothing was added where the key had a cache already.
    Saved {
        cache: Cache,
        added: Option<u64>,
    },
    /// With the tree behind it that is so long.
    Restored {
        hit: Option<Hit>,
        tree: Option<u64>,
    },
    Caches(Vec<Cache>),
    Lookups(Vec<Lookup>),
    Explained(Option<Explanation>),
    SavedArtifact {
        artifact: Artifact,
        added: u64,
    },
    Artifacts(Vec<Artifact>),
    /// With their trees behind it that are so long.
    RestoredArtifacts(Vec<(Artifact, u64)>),
    Files(Option<Vec<FileEntry>>),
    Usage(Usage),
    Tended(Tended),
}

impl Answer {
    pub(super) fn caches(self) -> Option<Vec<Cache>> {
        match self {
            Self::Caches(caches) => Some(caches),
            _ => None,
        }
    }

    pub(super) fn artifacts(self) -> Option<Vec<Artifact>> {
        match self {
            Self::Artifacts(artifacts) => Some(artifacts),
            _ => None,
        }
    }
}

/// Why the depot did not do it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refused {
    kind: DepotErrorKind,
    what: String,
    because: Option<String>,
}

impl From<DepotError> for Refused {
    fn from(error: DepotError) -> Self {
        let because = error.source().map(ToString::to_string);
        Self { kind: error.kind, what: error.what, because }
    }
}

impl From<Refused> for DepotError {
    fn from(refused: Refused) -> Self {
        let Refused { kind, what, because } = refused;
        let error = Self::new(kind, what);
        match because {
            Some(because) => error.because(std::io::Error::other(because)),
            None => error,
        }
    }
}

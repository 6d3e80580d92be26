//! The port to artifacts and caches at rest.

mod artifact;
mod cache;
mod carrier;
mod miss;
mod raw_path;
mod trouble;

use std::fmt::Debug;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
pub use artifact::{
    Artifact, ArtifactFilter, RestoreArtifacts, SaveArtifact, SavedArtifact, Which,
};
pub use cache::{Cache, CacheFilter, Hit, RestoreCache, SaveCache, Saved, Scope};
pub use carrier::{Carrier, Given, PackedTree};
pub use miss::{Difference, Explanation, Gone, Lookup, LookupFilter, Outcome, Reason, Why};
pub use trouble::{DepotError, DepotErrorKind};

/// Keeps file trees: caches under keys, which may go when room is needed, and artifacts under
/// names, which stay until their time is over.
///
/// A tree is kept whole or not at all, and put into place only once all of it was found to be
/// what was saved. Files, folders and symbolic links are kept, with their permissions; caches
/// keep the times of change as well. Content is kept once, whoever saves it.
///
/// Dropping the future of a call gives the call up, soon and as a crash would: nothing is kept in
/// part. Only what was being put into place at that moment may be there in part.
pub trait Depot: Send + Sync + Debug {
    /// Keeps files under a key, once for each repository, ref, key and set of paths. Of several
    /// who save at once the first wins; the others are told.
    fn save_cache(&self, save: SaveCache) -> BoxFuture<'_, Result<Saved, DepotError>>;

    /// Looks for a key as GitHub does: in the run's own ref, then in its base, then in the default
    /// branch; in each of them the key itself, what begins with it, and then each restore key in
    /// the same way. Among what begins alike the newest is taken.
    ///
    /// Every look-up is noted. An entry that is not whole is dropped, and the search goes on.
    fn restore_cache(
        &self,
        restore: RestoreCache,
    ) -> BoxFuture<'_, Result<Option<Hit>, DepotError>>;

    /// The caches that fit, the last used first.
    fn caches(&self, filter: CacheFilter) -> BoxFuture<'_, Result<Vec<Cache>, DepotError>>;

    /// Removes the caches that fit, and tells which they were.
    fn remove_caches(&self, filter: CacheFilter) -> BoxFuture<'_, Result<Vec<Cache>, DepotError>>;

    /// What was looked for, the newest first.
    fn lookups(&self, filter: LookupFilter) -> BoxFuture<'_, Result<Vec<Lookup>, DepotError>>;

    /// Why a look-up did not find its key. `None` when the look-up is not known any more.
    fn explain(&self, lookup: u64) -> BoxFuture<'_, Result<Option<Explanation>, DepotError>>;

    /// Keeps files under a name in a run.
    fn save_artifact(&self, save: SaveArtifact)
    -> BoxFuture<'_, Result<SavedArtifact, DepotError>>;

    /// The artifacts that fit, the newest first. What has outlived its time is not there.
    fn artifacts(&self, filter: ArtifactFilter)
    -> BoxFuture<'_, Result<Vec<Artifact>, DepotError>>;

    /// Puts artifacts into place, all of them or none, and tells which they were, the oldest
    /// first. Where several have the same path the newest wins. A name, or ids, that nothing has
    /// are an error; a pattern may fit nothing.
    fn restore_artifacts(
        &self,
        restore: RestoreArtifacts,
    ) -> BoxFuture<'_, Result<Vec<Artifact>, DepotError>>;

    /// Removes the artifacts that fit, and tells which they were.
    fn remove_artifacts(
        &self,
        filter: ArtifactFilter,
    ) -> BoxFuture<'_, Result<Vec<Artifact>, DepotError>>;

    /// What is in a tree, in the order of its paths. `None` when it is not there.
    fn files(&self, of: Holding) -> BoxFuture<'_, Result<Option<Vec<FileEntry>>, DepotError>>;

    fn usage(&self) -> BoxFuture<'_, Result<Usage, DepotError>>;

    /// Lets go of what has outlived its time, and of what savers left that were killed. Saving
    /// does the same now and then.
    fn tend(&self) -> BoxFuture<'_, Result<Tended, DepotError>>;
}

/// A folder of a job, and the name by which a tree remembers it: `workspace`, `home`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub name: String,
    pub path: PathBuf,
}

/// What is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Nothing outside of them is saved.
    pub roots: Vec<Root>,
    /// Files, and folders with all that is in them. A relative path begins in the first root.
    /// Symbolic links are saved as links. What is not there is passed over.
    pub paths: Vec<PathBuf>,
    pub limits: Limits,
}

/// How large a tree may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The files' sizes together, before they are compressed.
    pub bytes: u64,
    /// Files, folders and links together.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 10 << 30, files: 1_000_000 }
    }
}

/// What was passed over in saving.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    pub path: PathBuf,
    /// What it is: `a socket`, `not there`.
    pub because: &'static str,
}

/// Whose tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holding {
    Cache(u64),
    Artifact(u64),
}

/// One thing in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The root's name; empty in an artifact.
    pub root: String,
    #[serde(with = "raw_path")]
    pub path: PathBuf,
    /// Permissions: the lowest nine bits. A link has none.
    pub mode: u32,
    pub kind: FileKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    File {
        size: u64,
    },
    Folder,
    Link {
        #[serde(with = "raw_path")]
        target: PathBuf,
    },
}

/// How full the depot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes at rest, compressed and each content once.
    pub stored: u64,
    /// How many of them artifacts need, which do not make room for anything.
    pub artifacts_stored: u64,
    pub quota: u64,
    pub caches: u64,
    pub artifacts: u64,
}

/// What was let go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tended {
    /// Caches that nobody used for too long, or that had to make room.
    pub caches: Vec<Cache>,
    /// Artifacts whose time was over.
    pub artifacts: Vec<Artifact>,
    /// How many unfinished savings of killed processes were cleared away.
    pub leftovers: u64,
}

/// The longest key, in characters.
pub const MAX_KEY: usize = 512;
/// How many keys one look-up may name, the first included.
pub const MAX_KEYS: usize = 10;
/// The longest name of an artifact, a run, a repository or a ref, in bytes.
pub const MAX_NAME: usize = 255;
/// How long a path may be within its root, in bytes.
pub const MAX_PATH: usize = 4_095;

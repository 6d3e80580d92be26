//! The embedded depot: artifacts and caches in one folder, which any number of programs on the
//! machine may use at once.
//!
//! Content lies in packs, compressed in frames; one SQLite file, the index, knows what is where
//! and what it is for. Who saves writes a pack of its own and then makes it known to the index in
//! one transaction, so whoever is killed leaves nothing but a file that nobody knows.

mod artifacts;
mod caches;
mod carry;
mod chunk;
mod content;
mod explain;
mod folder;
mod glob;
mod index;
mod intake;
mod manifest;
mod names;
mod packs;
mod restore;
mod save;
mod stop;
mod tending;
mod trouble;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::BoxFuture;
use ports::clock::Clock;
use ports::depot::{
    Artifact, ArtifactFilter, Cache, CacheFilter, Carrier, Depot, DepotError, DepotErrorKind,
    Explanation, FileEntry, Given, Hit, Holding, Lookup, LookupFilter, PackedTree,
    RestoreArtifacts, RestoreCache, SaveArtifact, SaveCache, Saved, SavedArtifact, Tended, Usage,
};
use ports::entropy::Entropy;
use rustix::fs::Stat;

use index::Index;
use packs::Packs;
use save::Place;
use stop::Stop;
use trouble::of_file;

/// A depot in a folder.
///
/// Its work is done on threads of its own; a call comes back to the one that made it.
#[derive(Debug, Clone)]
pub struct EmbeddedDepot(Arc<Inner>);

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes at rest. Caches make room for what comes, the longest unused first.
    pub quota: u64,
    /// After how many days a cache goes that nobody used.
    pub cache_days: u32,
    /// After how many days an artifact goes about which nothing else was said.
    pub artifact_days: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { quota: 10 << 30, cache_days: 7, artifact_days: 90 }
    }
}

#[derive(Debug)]
struct Inner {
    index: Index,
    packs: Packs,
    /// What the depot's folder is known by.
    itself: Stat,
    options: Options,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl EmbeddedDepot {
    /// Opens the depot in a folder, making it where there is none. This waits for the disk.
    pub fn open(
        folder: impl AsRef<Path>,
        options: Options,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DepotError> {
        let folder = folder.as_ref();
        let make = || -> std::io::Result<(PathBuf, Stat)> {
            fs::create_dir_all(folder)?;
            let folder = folder.canonicalize()?;
            let itself = rustix::fs::stat(&folder)?;
            Ok((folder, itself))
        };
        let (folder, itself) = make().map_err(|error| of_file(folder, "opened", error))?;
        let index = Index::open(&folder)?;
        let packs = Packs::open(&folder, entropy.clone())?;
        Ok(Self(Arc::new(Inner { index, packs, itself, options, clock, entropy })))
    }

    /// Does work on a thread where it may block. Should nobody wait for it any more, it is told
    /// to stop.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &Stop) -> Result<T, DepotError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, DepotError>> {
        let inner = self.0.clone();
        Box::pin(async move {
            let stop = Stop::default();
            let _guard = stop.on_drop();
            let running = tokio::task::spawn_blocking(move || work(&inner, &stop));
            match running.await {
                Ok(done) => done,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => {
                        let what = "the program ends before the depot has answered";
                        Err(DepotError::new(DepotErrorKind::Failed, what).because(error))
                    }
                },
            }
        })
    }
}

impl Inner {
    fn place(&self) -> Place<'_> {
        let Self { index, packs, itself, options, .. } = self;
        Place { index, packs, depot: itself, quota: options.quota }
    }
}

impl Depot for EmbeddedDepot {
    fn save_cache(&self, save: SaveCache) -> BoxFuture<'_, Result<Saved, DepotError>> {
        self.run(move |inner, stop| inner.save_cache(&save, stop))
    }

    fn restore_cache(
        &self,
        restore: RestoreCache,
    ) -> BoxFuture<'_, Result<Option<Hit>, DepotError>> {
        self.run(move |inner, stop| inner.restore_cache(&restore, stop))
    }

    fn caches(&self, filter: CacheFilter) -> BoxFuture<'_, Result<Vec<Cache>, DepotError>> {
        self.run(move |inner, _| inner.caches(&filter))
    }

    fn remove_caches(&self, filter: CacheFilter) -> BoxFuture<'_, Result<Vec<Cache>, DepotError>> {
        self.run(move |inner, _| inner.remove_caches(&filter))
    }

    fn lookups(&self, filter: LookupFilter) -> BoxFuture<'_, Result<Vec<Lookup>, DepotError>> {
        self.run(move |inner, _| inner.lookups(&filter))
    }

    fn explain(&self, lookup: u64) -> BoxFuture<'_, Result<Option<Explanation>, DepotError>> {
        self.run(move |inner, _| inner.explain(lookup))
    }

    fn save_artifact(
        &self,
        save: SaveArtifact,
    ) -> BoxFuture<'_, Result<SavedArtifact, DepotError>> {
        self.run(move |inner, stop| inner.save_artifact(&save, stop))
    }

    fn artifacts(
        &self,
        filter: ArtifactFilter,
    ) -> BoxFuture<'_, Result<Vec<Artifact>, DepotError>> {
        self.run(move |inner, _| inner.artifacts(&filter))
    }

    fn restore_artifacts(
        &self,
        restore: RestoreArtifacts,
    ) -> BoxFuture<'_, Result<Vec<Artifact>, DepotError>> {
        self.run(move |inner, stop| inner.restore_artifacts(&restore, stop))
    }

    fn remove_artifacts(
        &self,
        filter: ArtifactFilter,
    ) -> BoxFuture<'_, Result<Vec<Artifact>, DepotError>> {
        self.run(move |inner, _| inner.remove_artifacts(&filter))
    }

    fn files(&self, of: Holding) -> BoxFuture<'_, Result<Option<Vec<FileEntry>>, DepotError>> {
        self.run(move |inner, _| inner.files(of))
    }

    fn usage(&self) -> BoxFuture<'_, Result<Usage, DepotError>> {
        self.run(|inner, _| inner.usage())
    }

    fn tend(&self) -> BoxFuture<'_, Result<Tended, DepotError>> {
        self.run(|inner, _| inner.tend())
    }
}

impl Carrier for EmbeddedDepot {
    fn take_cache(
        &self,
        save: SaveCache,
        tree: PackedTree,
    ) -> BoxFuture<'_, Result<Saved, DepotError>> {
        self.run(move |inner, stop| inner.take_cache(&save, tree, stop))
    }

    fn give_cache(
        &self,
        restore: RestoreCache,
    ) -> BoxFuture<'_, Result<Option<Given>, DepotError>> {
        self.run(move |inner, stop| inner.give_cache(&restore, stop))
    }

    fn take_artifact(
        &self,
        save: SaveArtifact,
        tree: PackedTree,
    ) -> BoxFuture<'_, Result<SavedArtifact, DepotError>> {
        self.run(move |inner, stop| inner.take_artifact(&save, tree, stop))
    }

    fn give_artifacts(
        &self,
        restore: RestoreArtifacts,
    ) -> BoxFuture<'_, Result<Vec<(Artifact, File)>, DepotError>> {
        self.run(move |inner, stop| inner.give_artifacts(&restore, stop))
    }

    fn give(&self, of: Holding) -> BoxFuture<'_, Result<Option<File>, DepotError>> {
        self.run(move |inner, stop| inner.give(of, stop))
    }
}

//! A depot that is opened when something is first asked of it: most jobs keep and fetch nothing.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ports::BoxFuture;
use ports::clock::SystemClock;
use ports::depot::{
    Artifact, ArtifactFilter, Cache, CacheFilter, Carrier, Depot, DepotError, Explanation,
    FileEntry, Given, Hit, Holding, Lookup, LookupFilter, PackedTree, RestoreArtifacts,
    RestoreCache, SaveArtifact, SaveCache, Saved, SavedArtifact, Tended, Usage,
};
use ports::entropy::SystemEntropy;
use store::depot::{EmbeddedDepot, Options};

#[derive(Debug)]
pub(crate) struct LateDepot {
    folder: PathBuf,
    opened: OnceLock<EmbeddedDepot>,
}

/// What the methods of [`Depot`] return.
type Answer<'a, T> = BoxFuture<'a, Result<T, DepotError>>;

impl LateDepot {
    pub(crate) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), opened: OnceLock::new() }
    }

    fn ask<'a, T: Send + 'a>(
        &'a self,
        what: impl FnOnce(&'a EmbeddedDepot) -> Answer<'a, T>,
    ) -> Answer<'a, T> {
        match self.opened() {
            Ok(depot) => what(depot),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn opened(&self) -> Result<&EmbeddedDepot, DepotError> {
        if let Some(depot) = self.opened.get() {
            return Ok(depot);
        }
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let depot = EmbeddedDepot::open(&self.folder, Options::default(), clock, entropy)?;
        Ok(self.opened.get_or_init(|| depot))
    }
}

impl Depot for LateDepot {
    fn save_cache(&self, save: SaveCache) -> Answer<'_, Saved> {
        self.ask(|depot| depot.save_cache(save))
    }

    fn restore_cache(&self, restore: RestoreCache) -> Answer<'_, Option<Hit>> {
        self.ask(|depot| depot.restore_cache(restore))
    }

    fn caches(&self, filter: CacheFilter) -> Answer<'_, Vec<Cache>> {
        self.ask(|depot| depot.caches(filter))
    }

    fn remove_caches(&self, filter: CacheFilter) -> Answer<'_, Vec<Cache>> {
        self.ask(|depot| depot.remove_caches(filter))
    }

    fn lookups(&self, filter: LookupFilter) -> Answer<'_, Vec<Lookup>> {
        self.ask(|depot| depot.lookups(filter))
    }

    fn explain(&self, lookup: u64) -> Answer<'_, Option<Explanation>> {
        self.ask(|depot| depot.explain(lookup))
    }

    fn save_artifact(&self, save: SaveArtifact) -> Answer<'_, SavedArtifact> {
        self.ask(|depot| depot.save_artifact(save))
    }

    fn artifacts(&self, filter: ArtifactFilter) -> Answer<'_, Vec<Artifact>> {
        self.ask(|depot| depot.artifacts(filter))
    }

    fn restore_artifacts(&self, restore: RestoreArtifacts) -> Answer<'_, Vec<Artifact>> {
        self.ask(|depot| depot.restore_artifacts(restore))
    }

    fn remove_artifacts(&self, filter: ArtifactFilter) -> Answer<'_, Vec<Artifact>> {
        self.ask(|depot| depot.remove_artifacts(filter))
    }

    fn files(&self, of: Holding) -> Answer<'_, Option<Vec<FileEntry>>> {
        self.ask(|depot| depot.files(of))
    }

    fn usage(&self) -> Answer<'_, Usage> {
        self.ask(Depot::usage)
    }

    fn tend(&self) -> Answer<'_, Tended> {
        self.ask(Depot::tend)
    }
}

impl Carrier for LateDepot {
    fn take_cache(&self, save: SaveCache, tree: PackedTree) -> Answer<'_, Saved> {
        self.ask(|depot| depot.take_cache(save, tree))
    }

    fn give_cache(&self, restore: RestoreCache) -> Answer<'_, Option<Given>> {
        self.ask(|depot| depot.give_cache(restore))
    }

    fn take_artifact(&self, save: SaveArtifact, tree: PackedTree) -> Answer<'_, SavedArtifact> {
        self.ask(|depot| depot.take_artifact(save, tree))
    }

    fn give_artifacts(&self, restore: RestoreArtifacts) -> Answer<'_, Vec<(Artifact, File)>> {
        self.ask(|depot| depot.give_artifacts(restore))
    }

    fn give(&self, of: Holding) -> Answer<'_, Option<File>> {
        self.ask(|depot| depot.give(of))
    }
}

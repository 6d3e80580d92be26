//! Trees on their way from one depot to another.

use std::fmt::Debug;
use std::fs::File;
use std::io::Read;

use super::{
    Artifact, Depot, DepotError, Hit, Holding, RestoreArtifacts, RestoreCache, SaveArtifact,
    SaveCache, Saved, SavedArtifact,
};
use crate::BoxFuture;

/// A tree in one piece: what is in it, and all content, each once. Whoever takes it in finds out
/// whether it is what was packed.
pub type PackedTree = Box<dyn Read + Send>;

/// A depot that gives trees to other depots, and takes theirs.
pub trait Carrier: Depot + Debug {
    /// Does what [`Depot::save_cache`] does with a tree in the place of files: of what is said of
    /// these only the limits count. Nothing is left of one that ends too soon.
    fn take_cache(
        &self,
        save: SaveCache,
        tree: PackedTree,
    ) -> BoxFuture<'_, Result<Saved, DepotError>>;

    /// Does what [`Depot::restore_cache`] does, and packs what is found in the place of putting it
    /// anywhere; with nowhere to put it, nothing is packed.
    fn give_cache(&self, restore: RestoreCache)
    -> BoxFuture<'_, Result<Option<Given>, DepotError>>;

    /// Does what [`Depot::save_artifact`] does, in the same way.
    fn take_artifact(
        &self,
        save: SaveArtifact,
        tree: PackedTree,
    ) -> BoxFuture<'_, Result<SavedArtifact, DepotError>>;

    /// Does what [`Depot::restore_artifacts`] does, in the same way.
    fn give_artifacts(
        &self,
        restore: RestoreArtifacts,
    ) -> BoxFuture<'_, Result<Vec<(Artifact, File)>, DepotError>>;

    /// Packs one tree. `None` when it is not there.
    fn give(&self, of: Holding) -> BoxFuture<'_, Result<Option<File>, DepotError>>;
}

/// A cache that was found, and its tree if that was wanted.
pub type Given = (Hit, Option<File>);

//! Artifacts: saved, listed, and put into place.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use ports::depot::{
    Artifact, ArtifactFilter, DepotError, DepotErrorKind, FileEntry, FileKind, Holding, PackedTree,
    RestoreArtifacts, SaveArtifact, SavedArtifact, Which, Why,
};
use rusqlite::{Connection, Transaction};

use super::Inner;
use super::carry::{pack, unpack};
use super::glob::Pattern;
use super::index::content::TreeId;
use super::index::room::{self, Freed};
use super::index::{Lasting, artifacts, caches};
use super::manifest::{Item, Kind, Manifest};
use super::names::{check_artifact_name, check_name};
use super::restore::{Broken, Plan, Stage, Standing};
use super::save::{Committing, Keep, gather};
use super::stop::Stop;
use super::trouble::Trouble;

/// The longest an artifact may stay, in days: four centuries end before time does.
const MAX_DAYS: u32 = 146_097;

impl Inner {
    pub(super) fn save_artifact(
        &self,
        save: &SaveArtifact,
        stop: &Stop,
    ) -> Result<SavedArtifact, DepotError> {
        let keep = Keep::Artifact { base: &save.base };
        self.keep_artifact(save, || gather(self.place(), &save.source, keep, stop))
    }

    pub(super) fn take_artifact(
        &self,
        save: &SaveArtifact,
        tree: PackedTree,
        stop: &Stop,
    ) -> Result<SavedArtifact, DepotError> {
        self.keep_artifact(save, || unpack(self.place(), tree, save.source.limits, stop))
    }

    fn keep_artifact<C: Committing>(
        &self,
        save: &SaveArtifact,
        gathered: impl FnOnce() -> Result<C, DepotError>,
    ) -> Result<SavedArtifact, DepotError> {
        check_name("a run", &save.run)?;
        check_artifact_name(&save.name)?;
        let days = save.keep_days.unwrap_or(self.options.artifact_days);
        if days == 0 || days > MAX_DAYS {
            let what = format!("an artifact stays for 1 to {MAX_DAYS} days, not for {days}");
            return Err(DepotError::new(DepotErrorKind::Invalid, what));
        }
        let now = self.clock.now();
        let expires_at = now.saturating_add(SignedDuration::from_hours(24 * i64::from(days)));
        let expires_at = expires_at.expect("a duration is no calendar's");
        let refuse = |connection: &Connection| -> Result<Option<()>, Trouble> {
            match artifacts::get(connection, &save.run, &save.name)? {
                // One whose time is over makes way.
                Some((before, _)) if !save.overwrite && before.expires_at > now => {
                    let Artifact { name, run, .. } = before;
                    let what = format!(
                        "run {run} has an artifact `{name}` already: overwrite it, or choose \
                         another name"
                    );
                    Err(DepotError::new(DepotErrorKind::Exists, what).into())
                }
                _ => Ok(None),
            }
        };
        self.index.read(refuse)?;
        let mut tree = gathered()?;
        let committed = tree.commit(
            |transaction| refuse(transaction),
            |transaction, tree| self.enter_artifact(transaction, save, tree, now, expires_at),
        )?;
        let Ok(((artifact, freed), added)) = committed else {
            unreachable!("what is refused is an error")
        };
        self.give_back(&freed);
        self.tend_now_and_then();
        Ok(SavedArtifact { artifact, added, skipped: tree.skipped() })
    }

    fn enter_artifact(
        &self,
        transaction: &Transaction<'_>,
        save: &SaveArtifact,
        tree: TreeId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(Artifact, Freed), Trouble> {
        let (run, name) = (save.run.as_str(), save.name.as_str());
        let mut freed = Freed::default();
        let before = artifacts::get(transaction, run, name)?;
        if let Some((before, _)) = &before {
            // Its tree may be the new one too, so that goes only when this has its name.
            artifacts::remove(transaction, before, &Why::Replaced, now)?;
        }
        artifacts::add(transaction, (run, name), tree, now, expires_at)?;
        if let Some((_, tree)) = before {
            room::drop_tree(transaction, tree, &mut freed)?;
        }
        self.make_room(transaction, name, None, now, &mut freed)?;
        let added = artifacts::get(transaction, run, name)?;
        let (artifact, _) = added.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        Ok((artifact, freed))
    }

    pub(super) fn artifacts(&self, filter: &ArtifactFilter) -> Result<Vec<Artifact>, DepotError> {
        let found = self.index.read(|connection| self.fitting(connection, filter))?;
        Ok(found.into_iter().map(|(artifact, _)| artifact).collect())
    }

    pub(super) fn remove_artifacts(
        &self,
        filter: &ArtifactFilter,
    ) -> Result<Vec<Artifact>, DepotError> {
        let now = self.clock.now();
        let (removed, freed) = self.index.write(Lasting::Process, |transaction| {
            let mut freed = Freed::default();
            let mut removed = Vec::new();
            for (artifact, tree) in self.fitting(transaction, filter)? {
                let why = Why::Removed;
                room::drop_artifact(transaction, &artifact, tree, &why, now, &mut freed)?;
                removed.push(artifact);
            }
            Ok((removed, freed))
        })?;
        self.give_back(&freed);
        Ok(removed)
    }

    /// Those that are to be had and fit, the newest first.
    fn fitting(
        &self,
        connection: &Connection,
        filter: &ArtifactFilter,
    ) -> Result<Vec<(Artifact, TreeId)>, Trouble> {
        let pattern = match &filter.which {
            Which::Matching(pattern) => Some(Pattern::new(pattern)?),
            Which::All | Which::Named(_) | Which::Ids(_) => None,
        };
        let fits = |artifact: &Artifact| match &filter.which {
            Which::All => true,
            Which::Named(name) => artifact.name == *name,
            Which::Ids(ids) => ids.contains(&artifact.id),
            Which::Matching(_) => {
                pattern.as_ref().is_some_and(|pattern| pattern.fits(&artifact.name))
            }
        };
        let mut found = artifacts::list(connection, filter.run.as_deref(), self.clock.now())?;
        found.retain(|(artifact, _)| fits(artifact));
        found.truncate(filter.limit);
        Ok(found)
    }

    pub(super) fn restore_artifacts(
        &self,
        asked: &RestoreArtifacts,
        stop: &Stop,
    ) -> Result<Vec<Artifact>, DepotError> {
        let put = |found: &[_]| self.put_artifacts(found, asked, stop);
        Ok(self.found_artifacts(asked, stop, put)?.0)
    }

    pub(super) fn give_artifacts(
        &self,
        asked: &RestoreArtifacts,
        stop: &Stop,
    ) -> Result<Vec<(Artifact, File)>, DepotError> {
        let packed = |found: &[(Artifact, TreeId)]| {
            let packed = found.iter().map(|(artifact, tree)| {
                match pack(&self.index, &self.packs, *tree, stop) {
                    Err(Broken::Damaged(what)) => self.tell_damaged(artifact, *tree, &what),
                    packed => packed,
                }
            });
            packed.collect::<Result<Vec<_>, _>>()
        };
        let (artifacts, packed) = self.found_artifacts(asked, stop, packed)?;
        Ok(artifacts.into_iter().zip(packed.unwrap_or_default()).collect())
    }

    /// Those that are asked for, the oldest first, and what became of them if there are any.
    fn found_artifacts<T>(
        &self,
        asked: &RestoreArtifacts,
        stop: &Stop,
        put: impl Fn(&[(Artifact, TreeId)]) -> Result<T, Broken>,
    ) -> Result<(Vec<Artifact>, Option<T>), DepotError> {
        let filter = ArtifactFilter {
            run: Some(asked.run.clone()),
            which: asked.which.clone(),
            limit: usize::MAX,
        };
        loop {
            stop.check()?;
            let mut found = self.index.read(|connection| self.fitting(connection, &filter))?;
            if found.is_empty() {
                self.refuse_missing(asked)?;
                return Ok((Vec::new(), None));
            }
            found.reverse();
            match put(&found) {
                Ok(done) => {
                    let found = found.into_iter().map(|(artifact, _)| artifact);
                    return Ok((found.collect(), Some(done)));
                }
                // Somebody removed one meanwhile: what is left is looked for anew.
                Err(Broken::Gone) => {}
                Err(Broken::Trouble(error)) => return Err(error),
                Err(Broken::Damaged(what)) => {
                    unreachable!("damage is told with its artifact, not as {what}")
                }
            }
        }
    }

    /// A name or ids that nothing has, with what is known about it.
    fn refuse_missing(&self, asked: &RestoreArtifacts) -> Result<(), DepotError> {
        let RestoreArtifacts { run, which, .. } = asked;
        let what = match which {
            Which::All | Which::Matching(_) => return Ok(()),
            Which::Ids(ids) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                format!("run {run} has no artifact with the id {}", ids.join(" or "))
            }
            Which::Named(name) => {
                let gone =
                    self.index.read(|connection| artifacts::last_gone(connection, run, name))?;
                match gone {
                    Some((at, why)) => {
                        format!("run {run} has no artifact `{name}` since {at}, when {why}")
                    }
                    None => format!("run {run} has no artifact `{name}`{}", self.others_of(run)?),
                }
            }
        };
        Err(DepotError::new(DepotErrorKind::Missing, what))
    }

    /// What a run has, said behind what it has not.
    fn others_of(&self, run: &str) -> Result<String, DepotError> {
        const MOST: usize = 10;
        let now = self.clock.now();
        let others = self.index.read(|connection| artifacts::list(connection, Some(run), now))?;
        let names: Vec<_> =
            others.iter().take(MOST).map(|(artifact, _)| format!("`{}`", artifact.name)).collect();
        let more = if others.len() > MOST { " and more" } else { "" };
        Ok(if names.is_empty() {
            ", nor any other".to_owned()
        } else {
            format!(", but {}{more}", names.join(", "))
        })
    }

    fn put_artifacts(
        &self,
        found: &[(Artifact, TreeId)],
        asked: &RestoreArtifacts,
        stop: &Stop,
    ) -> Result<(), Broken> {
        let mut all: Option<Stage> = None;
        for (artifact, tree) in found {
            check_artifact_name(&artifact.name)?;
            let below = if asked.apart { artifact.name.as_str() } else { "" };
            let fill = || -> Result<Stage, Broken> {
                let plan = Plan::load(&self.index, &self.packs, *tree)?;
                let mut stage = Stage::set_up(&asked.into, &*self.entropy)?;
                // What one artifact has in place already another may be about to replace.
                let standing = Standing::nothing(&plan.manifest);
                stage.fill(&plan, &self.packs, 0, &standing, below, stop)?;
                Ok(stage)
            };
            let stage = match fill() {
                Err(Broken::Damaged(what)) => self.tell_damaged(artifact, *tree, &what)?,
                stage => stage?,
            };
            match &mut all {
                None => all = Some(stage),
                Some(all) => stage.join(all)?,
            }
        }
        let Some(all) = all else { return Ok(()) };
        all.check()?;
        stop.check()?;
        Ok(all.place()?)
    }

    /// An artifact is never given up silently: it stays, and whoever wants it is told.
    fn tell_damaged<T>(&self, artifact: &Artifact, tree: TreeId, what: &str) -> Result<T, Broken> {
        let now = self.clock.now();
        let there = self.index.read(|connection| artifacts::tree(connection, artifact.id, now))?;
        if there != Some(tree) {
            return Err(Broken::Gone);
        }
        self.distrust_damaged(tree)?;
        let Artifact { name, run, .. } = artifact;
        let what = format!(
            "the artifact `{name}` of run {run} is damaged: {what}; save it again to mend it"
        );
        Err(DepotError::new(DepotErrorKind::Damaged, what).into())
    }

    pub(super) fn give(&self, of: Holding, stop: &Stop) -> Result<Option<File>, DepotError> {
        let Some(tree) = self.tree(of)? else { return Ok(None) };
        told(pack(&self.index, &self.packs, tree, stop))
    }

    fn tree(&self, of: Holding) -> Result<Option<TreeId>, DepotError> {
        let now = self.clock.now();
        self.index.read(|connection| match of {
            Holding::Cache(id) => caches::tree(connection, id),
            Holding::Artifact(id) => artifacts::tree(connection, id, now),
        })
    }

    pub(super) fn files(&self, of: Holding) -> Result<Option<Vec<FileEntry>>, DepotError> {
        let Some(tree) = self.tree(of)? else { return Ok(None) };
        let plan = told(Plan::load(&self.index, &self.packs, tree))?;
        Ok(plan.map(|plan| entries(&plan.manifest)))
    }
}

/// `None` of what has gone meanwhile.
fn told<T>(had: Result<T, Broken>) -> Result<Option<T>, DepotError> {
    match had {
        Ok(had) => Ok(Some(had)),
        Err(Broken::Gone) => Ok(None),
        Err(Broken::Trouble(error)) => Err(error),
        Err(Broken::Damaged(what)) => {
            Err(DepotError::new(DepotErrorKind::Damaged, format!("it is damaged: {what}")))
        }
    }
}

fn entries(manifest: &Manifest) -> Vec<FileEntry> {
    let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
    let entry = |item: &Item| FileEntry {
        root: manifest.roots[item.root].clone(),
        path: path(&item.path),
        mode: item.mode.into(),
        kind: match &item.kind {
            Kind::Folder => FileKind::Folder,
            Kind::Link { target } => FileKind::Link { target: path(target) },
            Kind::File(_) => FileKind::File { size: item.size() },
        },
    };
    manifest.items.iter().map(entry).collect()
}

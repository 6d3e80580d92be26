//! Committing: what was taken in becomes a tree in the index, whatever others do meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ports::depot::{DepotError, DepotErrorKind, Skipped};
use rusqlite::Transaction;

use super::super::content::Digest;
use super::super::folder::split;
use super::super::index::content::{self, FrameId, TreeId};
use super::super::index::{Index, Lasting};
use super::super::intake::{Intake, TakenIn, Whereabouts};
use super::super::manifest::{Flaw, Item, Kind, MAX_MANIFEST, Manifest};
use super::super::packs::Packs;
use super::super::trouble::Trouble;
use super::crew::Crew;
use super::lift::lift;
use super::pick::Located;
use super::work::{Files, Tally, Work};
use super::{Gathered, Place, whole_files};

/// What the index is to be told of a tree.
#[derive(Debug)]
struct Tree {
    manifest: Digest,
    files: u64,
    size: u64,
    /// What it needs of others.
    at_rest: BTreeSet<FrameId>,
    /// What was written for it.
    taken_in: TakenIn,
}

/// How often a saving begins anew with what others took away meanwhile.
const TRIES: usize = 10;

/// What was taken in and is no tree yet.
pub(in crate::depot) trait Committing: Sized {
    fn place(&self) -> Place<'_>;

    fn intake(&self) -> &Intake<'_>;

    fn items(&self) -> &[Item];

    fn manifest(&self) -> Result<Manifest, DepotError>;

    /// What was left out.
    fn skipped(self) -> Vec<Skipped>;

    /// Takes content in again that was in frames that have gone.
    fn take_again(&mut self, lost: &BTreeSet<FrameId>) -> Result<(), DepotError>;

    /// Makes it a tree in the index, together with what `enter` makes of it there; `refuse` may
    /// say before that it is not wanted any more. Returns how many bytes were new.
    fn commit<T, R>(
        &mut self,
        refuse: impl Fn(&Transaction<'_>) -> Result<Option<R>, Trouble>,
        enter: impl Fn(&Transaction<'_>, TreeId) -> Result<T, Trouble>,
    ) -> Result<Result<(T, u64), R>, DepotError> {
        let Place { index, packs, .. } = self.place();
        lift(index, packs, self.intake(), self.items())?;
        for _ in 0..TRIES {
            let Place { index, packs, .. } = self.place();
            let tree = Tree::of(&self.manifest()?, self.intake())?;
            let mut lost = damaged_frames(index, packs, &tree.at_rest)?;
            if lost.is_empty() {
                if let Some(pack) = &tree.taken_in.pack {
                    pack.sync()?;
                }
                let committed = index.write(Lasting::Power, |transaction| {
                    if let Some(refusal) = refuse(transaction)? {
                        return Ok(Committed::Refused(refusal));
                    }
                    let vanished = content::vanished(transaction, &tree.at_rest)?;
                    if !vanished.is_empty() {
                        return Ok(Committed::Lost(vanished));
                    }
                    let tree = tree.add(transaction)?;
                    enter(transaction, tree).map(Committed::Done)
                })?;
                match committed {
                    Committed::Done(done) => {
                        if let Some(pack) = &tree.taken_in.pack {
                            pack.keep();
                        }
                        let frames = &tree.taken_in.frames;
                        let added = frames.iter().map(|frame| frame.stored).sum();
                        return Ok(Ok((done, added)));
                    }
                    Committed::Refused(refusal) => return Ok(Err(refusal)),
                    Committed::Lost(vanished) => lost = vanished,
                }
            }
            self.take_again(&lost)?;
        }
        let what = "other programs keep removing what is being saved";
        Err(DepotError::new(DepotErrorKind::Busy, what))
    }
}

impl Committing for Gathered<'_> {
    fn place(&self) -> Place<'_> {
        self.place
    }

    fn intake(&self) -> &Intake<'_> {
        &self.intake
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn skipped(self) -> Vec<Skipped> {
        self.skipped
    }

    fn manifest(&self) -> Result<Manifest, DepotError> {
        let mut items = self.items.clone();
        let roots = match &self.rebase {
            None => self.roots.iter().map(|root| root.name.clone()).collect(),
            Some(rebase) => {
                for item in &mut items {
                    let path = rebase[item.root].apply(&item.path);
                    let path = path.filter(|path| !path.is_empty() || item.kind == Kind::Folder);
                    item.path = path.ok_or_else(|| {
                        let shown = self.roots[item.root].shown(&item.path);
                        let what =
                            format!("`{}` is not below the artifact's base", shown.display());
                        DepotError::new(DepotErrorKind::Outside, what)
                    })?;
                    item.root = 0;
                }
                // The base is where the paths begin, and none of them.
                items.retain(|item| !item.path.is_empty());
                items.sort_unstable_by(Item::order);
                vec![String::new()]
            }
        };
        if items.is_empty() {
            let paths: Vec<_> = self.paths.iter().map(|path| format!("`{path}`")).collect();
            let what = format!("there is nothing to save at {}", paths.join(", "));
            return Err(DepotError::new(DepotErrorKind::Empty, what));
        }
        let manifest = Manifest { roots, items };
        match manifest.check() {
            Ok(()) => Ok(manifest),
            Err(Flaw::Long) => Err(too_many_paths()),
            Err(flaw) => {
                let what = format!("this cannot be saved together: {flaw}");
                Err(DepotError::new(DepotErrorKind::Invalid, what))
            }
        }
    }

    fn take_again(&mut self, lost: &BTreeSet<FrameId>) -> Result<(), DepotError> {
        let lost = self.intake.forget(lost);
        let is_lost = |item: &Item| match &item.kind {
            Kind::File(pieces) => pieces.iter().any(|piece| lost.contains(&piece.digest)),
            Kind::Folder | Kind::Link { .. } => false,
        };
        let again: Vec<Item> = self.items.extract_if(.., |item| is_lost(item)).collect();
        let tally = Tally::new(self.limits, self.stop);
        let roots = &self.roots;
        let crew = Crew::new(roots, &tally, &self.intake);
        let (gone, read, mut skipped) = crew.run(|queue| {
            let mut gone = Vec::new();
            for item in again {
                let root = &roots[item.root];
                let Located::In(folder, name) = root.locate(&item.path)? else {
                    let because = "gone while it was being saved";
                    gone.push(Skipped { path: root.shown(&item.path), because });
                    continue;
                };
                let path = split(&item.path).0.into();
                let (folder, names) = (Arc::new(folder), vec![name]);
                queue.add(Work::Files(Files { root: item.root, folder, path, names }));
            }
            Ok(gone)
        })?;
        self.items.extend(whole_files(read, self.keep_times));
        self.items.sort_unstable_by(Item::order);
        self.skipped.extend(gone);
        self.skipped.append(&mut skipped);
        Ok(())
    }
}

/// What came of one try.
enum Committed<T, R> {
    Done(T),
    Refused(R),
    /// Something that was counted on has gone.
    Lost(BTreeSet<FrameId>),
}

impl Tree {
    /// Takes the manifest in as well, and says what the tree needs.
    fn of(manifest: &Manifest, intake: &Intake<'_>) -> Result<Self, DepotError> {
        let bytes = manifest.encode();
        if bytes.len() > MAX_MANIFEST {
            return Err(too_many_paths());
        }
        let digest = intake.hand()?.take_large(&bytes)?.digest;
        let taken_in = intake.so_far();
        let needed = manifest.pieces().map(|piece| piece.digest).chain([digest]);
        let mut at_rest = BTreeSet::new();
        for digest in needed {
            match taken_in.whereabouts[&digest] {
                Whereabouts::AtRest(frame) => {
                    at_rest.insert(frame);
                }
                Whereabouts::Written => {}
                Whereabouts::InHand => unreachable!("all hands are empty"),
            }
        }
        let (files, size) = (manifest.items.len() as u64, manifest.size());
        Ok(Self { manifest: digest, files, size, at_rest, taken_in })
    }

    fn add(&self, transaction: &Transaction<'_>) -> Result<TreeId, Trouble> {
        let mut frames = self.at_rest.clone();
        if let Some(pack) = &self.taken_in.pack {
            frames.extend(content::add_pack(transaction, pack.name(), &self.taken_in.frames)?);
        }
        content::add_tree(transaction, self.manifest, self.files, self.size, &frames)
    }
}

/// Those of the frames whose packs are not there any more, or are cut short. Nobody counts on
/// them from now on.
fn damaged_frames(
    index: &Index,
    packs: &Packs,
    frames: &BTreeSet<FrameId>,
) -> Result<BTreeSet<FrameId>, DepotError> {
    if frames.is_empty() {
        return Ok(BTreeSet::new());
    }
    let ends = index.read(|connection| content::ends_of(connection, frames))?;
    let mut lengths = BTreeMap::new();
    let mut damaged = BTreeSet::new();
    for (frame, pack, end) in ends {
        let length = *lengths.entry(pack).or_insert_with_key(|pack| packs.length(pack));
        if length.is_none_or(|length| length < end) {
            damaged.insert(frame);
        }
    }
    if !damaged.is_empty() {
        index.write(Lasting::Process, |transaction| content::distrust(transaction, &damaged))?;
    }
    Ok(damaged)
}

fn too_many_paths() -> DepotError {
    DepotError::new(DepotErrorKind::TooLarge, "there are too many or too long paths to save")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use ports::clock::SystemClock;
    use ports::depot::{CacheFilter, Limits, RestoreCache, Root, SaveCache, Saved, Scope, Source};
    use ports::entropy::SystemEntropy;

    use super::super::super::stop::Stop;
    use super::super::super::{EmbeddedDepot, Options};
    use super::super::{Keep, gather};
    use super::*;

    /// What others do between reading the files and committing them cannot be timed from outside.
    #[test]
    fn what_goes_meanwhile_is_taken_in_again() {
        let folder = tempfile::tempdir().unwrap();
        let depot = EmbeddedDepot::open(
            folder.path().join("depot"),
            Options::default(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let inner = depot.unwrap().0;
        let root = |name: &str| Root { name: "work".to_owned(), path: folder.path().join(name) };
        fs::create_dir_all(folder.path().join("work/out")).unwrap();
        for (name, length) in [("small", 5_000), ("large", 3_000_000), ("gone", 100)] {
            let mut content = vec![0; length];
            blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut content);
            fs::write(folder.path().join("work/out").join(name), content).unwrap();
        }
        let save = SaveCache {
            repository: "shop".to_owned(),
            git_ref: "main".to_owned(),
            key: "key".to_owned(),
            paths: Vec::new(),
            source: Source {
                roots: vec![root("work")],
                paths: vec!["out".into()],
                limits: Limits::default(),
            },
            mutable: false,
        };
        let stop = Stop::default();
        inner.save_cache(&save, &stop).unwrap();

        let mut gathered = gather(inner.place(), &save.source, Keep::Cache, &stop).unwrap();
        assert_eq!(gathered.intake.so_far().frames.len(), 0, "all of it is at rest");
        inner.remove_caches(&CacheFilter::default()).unwrap();
        fs::remove_file(folder.path().join("work/out/gone")).unwrap();
        let never = |_: &Transaction<'_>| Ok(None::<()>);
        let (_, added) = gathered.commit(never, |_, tree| Ok(tree)).unwrap().unwrap();
        assert!(added > 3_000_000, "{added}");
        assert_eq!(gathered.skipped.len(), 1);
        drop(gathered);

        // Now everything is at rest again but the list of files, which has one less.
        let saved = inner.save_cache(&save, &stop).unwrap();
        assert!(matches!(saved, Saved::New { added: 1..1_000, .. }), "{saved:?}");
        let restore = RestoreCache {
            scope: Scope {
                repository: "shop".to_owned(),
                own: "main".to_owned(),
                ..Scope::default()
            },
            key: "key".to_owned(),
            restore_keys: Vec::new(),
            paths: Vec::new(),
            into: Some(vec![root("back")]),
        };
        assert!(inner.restore_cache(&restore, &stop).unwrap().is_some());
        let read = |path: &str| fs::read(folder.path().join(path)).unwrap();
        for name in ["small", "large"] {
            assert!(read(&format!("work/out/{name}")) == read(&format!("back/out/{name}")));
        }
    }
}

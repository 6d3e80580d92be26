//! Saving: from files to a tree that can be committed.

mod crew;
mod pick;
mod queue;
mod walk;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ports::depot::{DepotError, DepotErrorKind, Limits, Skipped, Source};
use rusqlite::Transaction;
use rustix::fs::Stat;

use super::content::Digest;
use super::folder::split;
use super::index::content::{self, FrameId, TreeId};
use super::index::{Index, Lasting};
use super::intake::{Intake, TakenIn, Whereabouts};
use super::manifest::{Flaw, Item, Kind, MAX_MANIFEST, Manifest};
use super::packs::Packs;
use super::stop::Stop;
use super::trouble::Trouble;
use crew::Crew;
use pick::{Located, OpenRoot, Rebase};
use walk::{Found, Walk};
use work::{Files, Read, Tally, Work};

/// Where things are taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) index: &'a Index,
    pub(super) packs: &'a Packs,
    /// What the depot's own folder is known by.
    pub(super) depot: &'a Stat,
    pub(super) quota: u64,
}

/// What is kept beside content.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep<'a> {
    /// Paths by their roots, and when each file was changed.
    Cache,
    /// Paths from one folder on.
    Artifact { base: &'a Path },
}

/// Files whose content was taken in, and which are in no tree yet.
#[derive(Debug)]
pub(super) struct Gathered<'a> {
    place: Place<'a>,
    stop: &'a Stop,
    limits: Limits,
    /// What was asked for, to be told.
    paths: Vec<String>,
    intake: Intake<'a>,
    roots: Vec<OpenRoot>,
    /// How paths become those of an artifact.
    rebase: Option<Vec<Rebase>>,
    keep_times: bool,
    /// By their roots, in order.
    items: Vec<Item>,
    pub(super) skipped: Vec<Skipped>,
}

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

/// Takes in everything that is to be saved.
pub(super) fn gather<'a>(
    place: Place<'a>,
    source: &Source,
    keep: Keep<'_>,
    stop: &'a Stop,
) -> Result<Gathered<'a>, DepotError> {
    let roots = pick::open_roots(source)?;
    let picks = pick::picks(source, &roots)?;
    let (keep_times, rebase) = match keep {
        Keep::Cache => (true, None),
        Keep::Artifact { base } => {
            (false, Some(roots.iter().map(|root| Rebase::new(root, base)).collect()))
        }
    };
    let intake = Intake::new(place.index, place.packs, place.quota)?;
    let tally = Tally::new(source.limits, stop);
    let (found, read, more_skipped) = Crew::new(&roots, &tally, &intake).run(|queue| {
        let found = Found::default();
        let depot = place.depot;
        Walk { roots: &roots, queue, tally: &tally, depot, keep_times, found }.through(&picks)
    })?;
    let Found { mut items, mut skipped } = found;
    items.extend(whole_files(read, keep_times));
    items.sort_unstable_by(Item::order);
    skipped.extend(more_skipped);
    skipped.sort_unstable();
    let limits = source.limits;
    let paths = source.paths.iter().map(|path| path.display().to_string()).collect();
    Ok(Gathered { place, stop, limits, paths, intake, roots, rebase, keep_times, items, skipped })
}

/// Files from what was read of them, by however many threads.
fn whole_files(mut read: Vec<Read>, keep_times: bool) -> Vec<Item> {
    read.sort_unstable_by(|one, other| {
        (one.root, &one.path, one.nth).cmp(&(other.root, &other.path, other.nth))
    });
    let mut items: Vec<Item> = Vec::with_capacity(read.len());
    for Read { root, path, mode, changed_at, nth, pieces } in read {
        match items.last_mut() {
            Some(Item { kind: Kind::File(before), .. }) if nth > 0 => before.extend(pieces),
            _ => items.push(Item {
                root,
                path,
                mode,
                changed_at: keep_times.then_some(changed_at),
                kind: Kind::File(pieces),
            }),
        }
    }
    items
}

impl Gathered<'_> {
    /// Makes it a tree in the index, together with what `enter` makes of it there; `refuse` may
    /// say before that it is not wanted any more. Returns how many bytes were new.
    pub(super) fn commit<T, R>(
        &mut self,
        refuse: impl Fn(&Transaction<'_>) -> Result<Option<R>, Trouble>,
        enter: impl Fn(&Transaction<'_>, TreeId) -> Result<T, Trouble>,
    ) -> Result<Result<(T, u64), R>, DepotError> {
        let Place { index, packs, .. } = self.place;
        for _ in 0..TRIES {
            let tree = self.tree()?;
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

    /// Takes the manifest in as well, and says what the tree needs.
    fn tree(&self) -> Result<Tree, DepotError> {
        let manifest = self.manifest()?;
        let bytes = manifest.encode();
        if bytes.len() > MAX_MANIFEST {
            return Err(too_many_paths());
        }
        let digest = self.intake.hand()?.take_large(&bytes)?.digest;
        let taken_in = self.intake.so_far();
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
        Ok(Tree { manifest: digest, files, size, at_rest, taken_in })
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

    /// Takes files in again whose content was in frames that have gone.
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

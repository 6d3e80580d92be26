//! Saving: from files to a tree that can be committed.

mod commit;
mod crew;
mod lift;
mod pick;
mod queue;
mod walk;
mod work;

use std::path::Path;

use ports::depot::{DepotError, Limits, Skipped, Source};
use rustix::fs::Stat;

use super::index::Index;
use super::intake::Intake;
use super::manifest::{Item, Kind};
use super::packs::Packs;
use super::stop::Stop;
pub(super) use commit::Committing;
use crew::Crew;
use pick::{OpenRoot, Rebase};
use walk::{Found, Walk};
use work::{Read, Tally};

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
    skipped: Vec<Skipped>,
}

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

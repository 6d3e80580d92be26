//! Lifting content out of frames of which little else is needed.
//!
//! A frame stays as long as one tree needs something in it. Without this, a tree that shares one
//! small file with each frame of another would keep all of the other.

use std::collections::{BTreeMap, BTreeSet};

use ports::depot::DepotError;

use super::super::content::Digest;
use super::super::index::Index;
use super::super::index::content::{self, FrameId};
use super::super::intake::{Intake, Whereabouts};
use super::super::manifest::{Item, Kind};
use super::super::packs::Packs;
use super::super::restore::{Broken, FrameReader};

/// A frame is counted on when at least one in so many of its bytes is needed.
const ONE_IN: u64 = 4;

/// Takes in anew what lies in frames that are hardly needed.
pub(super) fn lift(
    index: &Index,
    packs: &Packs,
    intake: &Intake<'_>,
    items: &[Item],
) -> Result<(), DepotError> {
    let needed = needed(intake, items);
    if needed.is_empty() {
        return Ok(());
    }
    let hardly = index.read(|connection| {
        let mut hardly = Vec::new();
        for (frame, pieces) in &needed {
            let size: u64 = pieces.values().map(|size| u64::from(*size)).sum();
            hardly.extend(
                content::frame(connection, *frame)?.filter(|frame| size * ONE_IN < frame.raw),
            );
        }
        Ok(hardly)
    })?;
    let mut reader = FrameReader::new(packs)?;
    let mut hand = intake.hand()?;
    for frame in hardly {
        let opened = match reader.read(&frame) {
            Ok(opened) => opened,
            // Whether it can be counted on is looked at later.
            Err(Broken::Damaged(_) | Broken::Gone) => continue,
            Err(Broken::Trouble(error)) => return Err(error),
        };
        let pieces: BTreeSet<Digest> = needed[&frame.id].keys().copied().collect();
        for blob in frame.blobs.iter().filter(|blob| pieces.contains(&blob.digest)) {
            if let Ok(content) = opened.blob(*blob) {
                hand.take_anew(blob.digest, content)?;
            }
        }
    }
    hand.finish()
}

/// What is needed of each frame at rest, and how large it is.
fn needed(intake: &Intake<'_>, items: &[Item]) -> BTreeMap<FrameId, BTreeMap<Digest, u32>> {
    let mut needed: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    let files = items.iter().filter_map(|item| match &item.kind {
        Kind::File(pieces) => Some(pieces),
        Kind::Folder | Kind::Link { .. } => None,
    });
    for piece in files.flatten() {
        if let Some(Whereabouts::AtRest(frame)) = intake.whereabouts(piece.digest) {
            needed.entry(frame).or_default().insert(piece.digest, piece.size);
        }
    }
    needed
}

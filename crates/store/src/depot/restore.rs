//! Restoring: from a tree in the index to files in place.

mod fill;
mod place;
mod read;
mod stage;
mod standing;

use std::collections::HashMap;

use ports::depot::DepotError;

use super::content::Digest;
use super::index::Index;
use super::index::content::{self, Blob, Frame, TreeId};
use super::manifest::{Kind, MAX_MANIFEST, Manifest, shown};
use super::packs::Packs;
pub(super) use read::FrameReader;
pub(super) use stage::Stage;
pub(super) use standing::Standing;

/// Why a tree was not restored.
#[derive(Debug)]
pub(super) enum Broken {
    /// What is at rest is not what was saved.
    Damaged(String),
    /// It has been removed meanwhile.
    Gone,
    Trouble(DepotError),
}

impl From<DepotError> for Broken {
    fn from(error: DepotError) -> Self {
        Self::Trouble(error)
    }
}

/// What is in a tree, and where each piece of content is found.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) manifest: Manifest,
    frames: Vec<Wanted>,
}

/// A frame, and what is wanted of it.
#[derive(Debug)]
struct Wanted {
    frame: Frame,
    pieces: Vec<WantedPiece>,
}

/// A piece of content, and where it goes.
#[derive(Debug, Clone, Copy)]
struct WantedPiece {
    blob: Blob,
    /// Which item of the manifest.
    item: usize,
    /// Where in the file.
    at: u64,
    /// It is all of the file.
    is_whole: bool,
}

impl Plan {
    /// Tells all content, in the order in which it lies: a piece that several files share as often
    /// as they do.
    pub(super) fn each_piece(
        &self,
        packs: &Packs,
        mut tell: impl FnMut(Blob, &[u8]) -> Result<(), DepotError>,
    ) -> Result<(), Broken> {
        let mut reader = FrameReader::new(packs)?;
        for Wanted { frame, pieces } in &self.frames {
            let opened = reader.read(frame)?;
            for piece in pieces {
                tell(piece.blob, opened.blob(piece.blob)?)?;
            }
        }
        Ok(())
    }

    pub(super) fn load(index: &Index, packs: &Packs, tree: TreeId) -> Result<Self, Broken> {
        let (manifest, frames) = index.read(|connection| {
            Ok((content::manifest_of(connection, tree)?, content::frames_of(connection, tree)?))
        })?;
        let manifest = manifest.ok_or(Broken::Gone)?;
        let whereabouts: HashMap<Digest, (usize, Blob)> = frames
            .iter()
            .enumerate()
            .flat_map(|(nth, frame)| frame.blobs.iter().map(move |blob| (nth, *blob)))
            .map(|(nth, blob)| (blob.digest, (nth, blob)))
            .collect();
        let (nth, blob) = whereabouts
            .get(&manifest)
            .ok_or_else(|| Broken::Damaged("its list of files is missing".to_owned()))?;
        let mut reader = FrameReader::new(packs)?;
        let content = reader.read(&frames[*nth])?.blob(*blob)?;
        let manifest =
            Manifest::decode(content).map_err(|flaw| Broken::Damaged(flaw.to_string()))?;
        let frames = Self::wanted(&manifest, frames, &whereabouts)?;
        Ok(Self { manifest, frames })
    }

    fn wanted(
        manifest: &Manifest,
        frames: Vec<Frame>,
        whereabouts: &HashMap<Digest, (usize, Blob)>,
    ) -> Result<Vec<Wanted>, Broken> {
        let mut frames: Vec<_> =
            frames.into_iter().map(|frame| Wanted { frame, pieces: Vec::new() }).collect();
        for (nth, item) in manifest.items.iter().enumerate() {
            let Kind::File(pieces) = &item.kind else { continue };
            let mut at = 0;
            for piece in pieces {
                let found = whereabouts.get(&piece.digest);
                let found = found.filter(|(_, blob)| blob.size == piece.size);
                let (frame, blob) = found.ok_or_else(|| {
                    let path = shown(&item.path);
                    Broken::Damaged(format!("the content of `{path}` is missing"))
                })?;
                let is_whole = pieces.len() == 1;
                frames[*frame].pieces.push(WantedPiece { blob: *blob, item: nth, at, is_whole });
                at += u64::from(piece.size);
            }
        }
        frames.retain(|wanted| !wanted.pieces.is_empty());
        Ok(frames)
    }
}

/// The largest frame, in bytes before it is compressed.
const MAX_FRAME: u64 = MAX_MANIFEST as u64;

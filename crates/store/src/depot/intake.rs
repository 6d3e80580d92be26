//! Taking content in: what is known already is not written again, and small pieces are
//! compressed together.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use ports::depot::{DepotError, DepotErrorKind};

use super::content::{Digest, Squeezer};
use super::index::content::{Blob, FrameId, NewFrame, find_blob, has_blobs};
use super::index::{Index, Lease};
use super::packs::{NewPack, Packs};
use super::trouble::of_file;

/// What one saving takes in, whatever hands help.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    index: &'a Index,
    packs: &'a Packs,
    /// No saving may write more than this, compressed.
    most: u64,
    /// Nothing is at rest yet, so nothing need be looked for.
    is_first: bool,
    known: Mutex<HashMap<Digest, Whereabouts>>,
    frames: Mutex<Vec<NewFrame>>,
    /// Made with the first content that is new.
    pack: Mutex<Option<Arc<NewPack>>>,
}

/// Where content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    AtRest(FrameId),
    /// In one of the frames that this saving has written.
    Written,
    /// Somebody's hand has it, and writes it before the end.
    InHand,
}

/// Everything that was taken in, written and known.
#[derive(Debug)]
pub(super) struct TakenIn {
    pub(super) whereabouts: HashMap<Digest, Whereabouts>,
    pub(super) frames: Vec<NewFrame>,
    pub(super) pack: Option<Arc<NewPack>>,
}

/// Content is gathered until there is this much to be compressed together, in bytes.
const GROUP: usize = 256 << 10;

impl<'a> Intake<'a> {
    pub(super) fn new(index: &'a Index, packs: &'a Packs, most: u64) -> Result<Self, DepotError> {
        let is_first = !index.read(has_blobs)?;
        Ok(Self {
            index,
            packs,
            most,
            is_first,
            known: Mutex::default(),
            frames: Mutex::default(),
            pack: Mutex::default(),
        })
    }

    /// One of the hands that help.
    pub(super) fn hand(&self) -> Result<Hand<'_>, DepotError> {
        let squeezer = Squeezer::new().map_err(|error| {
            DepotError::new(DepotErrorKind::Failed, "zstd does not start").because(error)
        })?;
        Ok(Hand {
            intake: self,
            connection: self.index.connection()?,
            squeezer,
            group: Vec::new(),
            blobs: Vec::new(),
        })
    }

    /// What these frames held has gone: it is to be taken in again.
    pub(super) fn forget(&self, frames: &BTreeSet<FrameId>) -> BTreeSet<Digest> {
        let mut gone = BTreeSet::new();
        self.known().retain(|digest, whereabouts| {
            let Whereabouts::AtRest(frame) = whereabouts else { return true };
            let is_there = !frames.contains(frame);
            if !is_there {
                gone.insert(*digest);
            }
            is_there
        });
        gone
    }

    pub(super) fn whereabouts(&self, digest: Digest) -> Option<Whereabouts> {
        self.known().get(&digest).copied()
    }

    /// What was taken in until now, and stays so.
    pub(super) fn so_far(&self) -> TakenIn {
        TakenIn {
            whereabouts: self.known().clone(),
            frames: lock(&self.frames).clone(),
            pack: lock(&self.pack).clone(),
        }
    }

    /// Whether the content must be written by whoever asks. If so, it counts as being in hand.
    fn is_new(&self, digest: Digest, lease: &Lease<'_>) -> Result<bool, DepotError> {
        if self.known().contains_key(&digest) {
            return Ok(false);
        }
        let at_rest = if self.is_first {
            None
        } else {
            find_blob(lease, digest).map_err(|trouble| self.index.trouble(trouble))?
        };
        let mut known = self.known();
        if known.contains_key(&digest) {
            return Ok(false);
        }
        known.insert(digest, at_rest.map_or(Whereabouts::InHand, Whereabouts::AtRest));
        Ok(at_rest.is_none())
    }

    /// Writes a frame into the pack.
    fn write(&self, stored: &[u8], raw: usize, blobs: Vec<Blob>) -> Result<(), DepotError> {
        let pack = {
            let mut pack = lock(&self.pack);
            match &*pack {
                Some(pack) => pack.clone(),
                None => pack.insert(Arc::new(self.packs.begin()?)).clone(),
            }
        };
        if pack.length() + stored.len() as u64 > self.most {
            return Err(DepotError::new(
                DepotErrorKind::NoRoom,
                format!("it needs more than {} bytes, the depot's quota", self.most),
            ));
        }
        let offset = pack.append(stored)?;
        let mut frames = lock(&self.frames);
        let mut known = self.known();
        known.extend(blobs.iter().map(|blob| (blob.digest, Whereabouts::Written)));
        frames.push(NewFrame { offset, stored: stored.len() as u64, raw: raw as u64, blobs });
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Digest, Whereabouts>> {
        lock(&self.known)
    }
}

/// One of those who take content in. What it still holds is written by [`Hand::finish`].
pub(super) struct Hand<'a> {
    intake: &'a Intake<'a>,
    connection: Lease<'a>,
    squeezer: Squeezer,
    group: Vec<u8>,
    blobs: Vec<Blob>,
}

impl Hand<'_> {
    /// Takes in content that `read` puts behind what is there already, and says what it is.
    pub(super) fn take_small(
        &mut self,
        read: impl FnOnce(&mut Vec<u8>) -> Result<(), DepotError>,
    ) -> Result<Option<Blob>, DepotError> {
        let start = self.group.len();
        read(&mut self.group)?;
        if self.group.len() == start {
            return Ok(None);
        }
        let blob = blob(&self.group[start..], start);
        if self.intake.is_new(blob.digest, &self.connection)? {
            self.blobs.push(blob);
            if self.group.len() >= GROUP {
                self.finish()?;
            }
        } else {
            self.group.truncate(start);
        }
        Ok(Some(blob))
    }

    /// Takes in content that is at rest somewhere, as if it were not.
    pub(super) fn take_anew(&mut self, digest: Digest, content: &[u8]) -> Result<(), DepotError> {
        let start = self.group.len();
        self.group.extend_from_slice(content);
        self.blobs.push(Blob { digest, ..blob(content, start) });
        self.intake.known().insert(digest, Whereabouts::InHand);
        if self.group.len() >= GROUP { self.finish() } else { Ok(()) }
    }

    /// Takes in content that is large enough to stand alone.
    pub(super) fn take_large(&mut self, content: &[u8]) -> Result<Blob, DepotError> {
        let blob = blob(content, 0);
        if self.intake.is_new(blob.digest, &self.connection)? {
            let stored = self.squeezer.squeeze(content).map_err(not_squeezed)?;
            self.intake.write(stored, content.len(), vec![blob])?;
        }
        Ok(blob)
    }

    /// Writes what is still in hand.
    pub(super) fn finish(&mut self) -> Result<(), DepotError> {
        if self.group.is_empty() {
            return Ok(());
        }
        let stored = self.squeezer.squeeze(&self.group).map_err(not_squeezed)?;
        let blobs = std::mem::take(&mut self.blobs);
        self.intake.write(stored, self.group.len(), blobs)?;
        self.group.clear();
        Ok(())
    }
}

fn blob(content: &[u8], start: usize) -> Blob {
    let number = |number| u32::try_from(number).expect("content is taken in in pieces");
    Blob { digest: Digest::of(content), start: number(start), size: number(content.len()) }
}

fn not_squeezed(error: io::Error) -> DepotError {
    of_file(Path::new("what is to be saved"), "compressed", error)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().expect("nobody panics with it")
}

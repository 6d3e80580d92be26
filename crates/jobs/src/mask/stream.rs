//! Masking what comes in pieces.

use std::fmt;
use std::sync::Arc;

use super::finder::Finder;
use super::{MASK, Masks};

/// Masks what comes in pieces. Only what may still become a secret is held back.
pub struct Stream {
    masks: Masks,
    version: u64,
    finder: Arc<Finder>,
    held: Vec<u8>,
    /// How much of what is held belongs to a secret whose mask has been written.
    covered: usize,
    /// The last thing that was written is a mask, which goes on where the next secret touches it.
    is_masking: bool,
}

impl Stream {
    pub(super) fn new(masks: Masks) -> Self {
        let (version, finder) = (masks.version(), masks.finder());
        Self { masks, version, finder, held: Vec::new(), covered: 0, is_masking: false }
    }

    /// Whether nothing is masked and nothing held back, so that there is no need to push.
    pub fn is_idle(&mut self) -> bool {
        self.learn();
        self.finder.is_empty() && self.held.is_empty()
    }

    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.learn();
        if self.held.is_empty() {
            let sure = self.finder.unsure_from(bytes);
            self.write(bytes, sure, out);
            self.held.extend_from_slice(&bytes[sure..]);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let sure = self.finder.unsure_from(&held);
            self.write(&held, sure, out);
            held.drain(..sure);
            self.held = held;
        }
    }

    /// Writes what was held back: nothing comes after it.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.learn();
        let held = std::mem::take(&mut self.held);
        self.write(&held, held.len(), out);
        self.is_masking = false;
    }

    /// Writes what comes before `sure`. A secret that begins there and ends behind it is known.
    fn write(&mut self, bytes: &[u8], sure: usize, out: &mut Vec<u8>) {
        let mut done = self.covered;
        for secret in self.finder.find(bytes) {
            if secret.start >= sure && secret.start > done {
                break;
            }
            if secret.start > done {
                out.extend_from_slice(&bytes[done..secret.start]);
                self.is_masking = false;
            }
            if !self.is_masking {
                out.extend_from_slice(MASK.as_bytes());
                self.is_masking = true;
            }
            done = done.max(secret.end);
        }
        if done < sure {
            out.extend_from_slice(&bytes[done..sure]);
            self.is_masking = false;
            done = sure;
        }
        self.covered = done - sure;
    }

    fn learn(&mut self) {
        let version = self.masks.version();
        if self.version != version {
            (self.version, self.finder) = (version, self.masks.finder());
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

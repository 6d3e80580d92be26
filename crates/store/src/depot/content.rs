//! Content, known by its digest, and how it is squeezed.

use std::fmt;
use std::io;

/// What content is known by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Digest([u8; Self::SIZE]);

impl Digest {
    pub(super) const SIZE: usize = 32;

    pub(super) fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    pub(super) fn from_bytes(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// Enough of it to find it in an index.
    pub(super) fn short(&self) -> i64 {
        let beginning = self.0.first_chunk().expect("a digest has more than eight bytes");
        i64::from_be_bytes(*beginning)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The usual level, 3, makes sources and libraries a twentieth smaller and takes up to twice as
/// long.
const LEVEL: i32 = 1;

/// Compresses, with memory that is used again.
pub(super) struct Squeezer {
    zstd: zstd::bulk::Compressor<'static>,
    squeezed: Vec<u8>,
}

impl Squeezer {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Compressor::new(LEVEL)?, squeezed: Vec::new() })
    }

    /// The content compressed; or just as it is, where that would hardly be shorter.
    pub(super) fn squeeze<'a>(&'a mut self, raw: &'a [u8]) -> io::Result<&'a [u8]> {
        self.squeezed.clear();
        self.squeezed.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let length = self.zstd.compress_to_buffer(raw, &mut self.squeezed)?;
        let is_worth_it = length < raw.len() - raw.len() / 32;
        Ok(if is_worth_it { &self.squeezed } else { raw })
    }
}

/// Takes apart what [`Squeezer`] made.
pub(super) struct Expander {
    zstd: zstd::bulk::Decompressor<'static>,
    expanded: Vec<u8>,
}

impl Expander {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { zstd: zstd::bulk::Decompressor::new()?, expanded: Vec::new() })
    }

    /// `None` when it is not what was squeezed from so many bytes.
    pub(super) fn expand<'a>(&'a mut self, stored: &'a [u8], raw: usize) -> Option<&'a [u8]> {
        if stored.len() == raw {
            return Some(stored);
        }
        self.expanded.clear();
        self.expanded.reserve_exact(raw);
        let length = self.zstd.decompress_to_buffer(stored, &mut self.expanded).ok()?;
        (length == raw).then_some(&self.expanded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeeze(raw: &[u8]) -> Vec<u8> {
        Squeezer::new().unwrap().squeeze(raw).unwrap().to_vec()
    }

    #[test]
    fn what_repeats_itself_shrinks_and_comes_back() {
        let raw = b"the same again and again, ".repeat(1_000);
        let stored = squeeze(&raw);
        assert!(stored.len() < raw.len() / 10);
        assert_eq!(Expander::new().unwrap().expand(&stored, raw.len()), Some(raw.as_slice()));
    }

    #[test]
    fn what_does_not_shrink_is_left_as_it_is() {
        let mut hash = blake3::Hasher::new().update(b"noise").finalize_xof();
        let mut raw = vec![0; 100_000];
        hash.fill(&mut raw);
        assert_eq!(squeeze(&raw), raw);
        assert_eq!(Expander::new().unwrap().expand(&raw, raw.len()), Some(raw.as_slice()));
    }

    #[test]
    fn what_was_cut_or_swapped_is_noticed() {
        let raw = b"the same again and again, ".repeat(1_000);
        let stored = squeeze(&raw);
        let mut expander = Expander::new().unwrap();
        for length in 0..stored.len() {
            assert_eq!(expander.expand(&stored[..length], raw.len()), None, "{length}");
        }
        assert_eq!(expander.expand(&stored, raw.len() - 1), None);
        assert_eq!(expander.expand(&stored, raw.len() + 1), None);
        assert_eq!(expander.expand(&vec![7; stored.len()], raw.len()), None);
    }
}

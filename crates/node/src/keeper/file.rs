//! Small files in an instance's folder, which are there whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

use super::task::{ENDED, Ended, KEEPER};
use super::tree::Identity;

/// More than that is none of ours.
const MOST: u64 = 1 << 20;

/// Where the end is written, taken from the disk before it may be full.
const RESERVED: usize = 4096;

/// Reads a file; none if it is not there, not ours, or not written yet.
pub(crate) fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> Option<T> {
    let file = File::open(folder.join(name)).ok()?;
    let mut text = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, MOST), &mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Puts a file in the place of what was there.
pub(crate) fn write<T: Serialize>(folder: &Path, name: &str, content: &T) -> io::Result<()> {
    prepare(folder, content)?.persist(folder.join(name))?;
    Ok(())
}

/// Says who keeps the instance, unless somebody has said so before: a node that found nobody there
/// says that it is nobody.
pub(crate) fn claim(folder: &Path, keeper: &Identity) -> io::Result<()> {
    prepare(folder, keeper)?.persist_noclobber(folder.join(KEEPER))?;
    Ok(())
}

fn prepare<T: Serialize>(folder: &Path, content: &T) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(".new").tempfile_in(folder)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    Ok(file)
}

/// The file that says how a life ended.
#[derive(Debug)]
pub(super) struct End(File);

impl End {
    pub(super) fn reserve(folder: &Path) -> io::Result<Self> {
        let file = File::create(folder.join(ENDED))?;
        file.write_all_at(&[b' '; RESERVED], 0)?;
        Ok(Self(file))
    }

    pub(super) fn write(&self, ended: &Ended) {
        let Ok(mut text) = serde_json::to_vec(ended) else { return };
        text.resize(text.len().max(RESERVED), b' ');
        // Nobody is left to be told; a node that finds nothing says that it does not know.
        let _ = self.0.write_all_at(&text, 0);
    }
}

//! Packs: the files that hold content, each written once by one saver.
//!
//! Who writes a pack holds its lock until the index knows it. A pack that the index does not know
//! and that nobody holds was left by a saver that is no more.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ports::depot::DepotError;
use ports::entropy::Entropy;
use rustix::fs::FallocateFlags;

use super::names::random_name;
use super::trouble::of_file;

/// The folder of packs.
#[derive(Debug)]
pub(super) struct Packs {
    folder: PathBuf,
    entropy: Arc<dyn Entropy>,
}

/// A pack that is being written. Without a word to keep it, it goes when this is dropped.
#[derive(Debug)]
pub(super) struct NewPack {
    name: String,
    path: PathBuf,
    file: File,
    end: AtomicU64,
    is_kept: AtomicBool,
}

/// How every pack begins.
const HEAD: &[u8] = b"highroad pack 1\n";
const ENDING: &str = ".pack";

impl Packs {
    pub(super) fn open(depot: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, DepotError> {
        let folder = depot.join("packs");
        fs::create_dir_all(&folder).map_err(|error| of_file(&folder, "made", error))?;
        Ok(Self { folder, entropy })
    }

    pub(super) fn begin(&self) -> Result<NewPack, DepotError> {
        loop {
            let name = random_name(&*self.entropy);
            let path = self.path(&name);
            let open = || -> io::Result<Option<File>> {
                let file = File::options().read(true).write(true).create_new(true).open(&path)?;
                file.lock()?;
                // Somebody who looked for leftovers may have been quicker.
                if file.metadata()?.nlink() == 0 {
                    return Ok(None);
                }
                file.write_all_at(HEAD, 0)?;
                Ok(Some(file))
            };
            match open() {
                Ok(Some(file)) => {
                    let end = AtomicU64::new(HEAD.len() as u64);
                    return Ok(NewPack { name, path, file, end, is_kept: AtomicBool::new(false) });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(of_file(&path, "made", error)),
            }
        }
    }

    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        File::open(self.path(name))
    }

    /// How long a pack is; `None` when it is not there.
    pub(super) fn length(&self, name: &str) -> Option<u64> {
        fs::metadata(self.path(name)).ok().map(|metadata| metadata.len())
    }

    /// Clears a pack away that the index does not know any more. What cannot be cleared away now
    /// is a leftover for the next who looks.
    pub(super) fn remove(&self, name: &str) {
        drop(fs::remove_file(self.path(name)));
    }

    /// Gives bytes that nobody names back to the disk, where the file system can.
    pub(super) fn punch(&self, name: &str, holes: &[(u64, u64)]) -> io::Result<()> {
        let file = File::options().write(true).open(self.path(name))?;
        let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        for (offset, length) in holes {
            match rustix::fs::fallocate(&file, mode, *offset, *length) {
                Ok(()) => {}
                // Then it waits for the whole pack to go.
                Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Clears away what savers left that were killed, and says how many packs that were.
    pub(super) fn clear_leftovers(
        &self,
        is_known: impl Fn(&str) -> Result<bool, DepotError>,
    ) -> Result<u64, DepotError> {
        let entries = fs::read_dir(&self.folder);
        let entries = entries.map_err(|error| of_file(&self.folder, "listed", error))?;
        let mut cleared = 0;
        for entry in entries {
            let entry = entry.map_err(|error| of_file(&self.folder, "listed", error))?;
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str().and_then(|name| name.strip_suffix(ENDING)) else {
                continue;
            };
            // Whoever is about to make one known still holds it, so the order counts.
            if is_known(name)? {
                continue;
            }
            let Ok(file) = File::open(entry.path()) else { continue };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => continue,
            }
            if !is_known(name)? && fs::remove_file(entry.path()).is_ok() {
                cleared += 1;
            }
        }
        Ok(cleared)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{ENDING}"))
    }
}

impl NewPack {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Writes the bytes behind all others, and says where.
    pub(super) fn append(&self, bytes: &[u8]) -> Result<u64, DepotError> {
        let offset = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| of_file(&self.path, "written", error))?;
        Ok(offset)
    }

    /// How many bytes were written.
    pub(super) fn length(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Returns once the pack would survive the loss of power.
    pub(super) fn sync(&self) -> Result<(), DepotError> {
        let sync = || {
            self.file.sync_all()?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        sync().map_err(|error| of_file(&self.path, "written", error))
    }

    /// The index knows it now.
    pub(super) fn keep(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for NewPack {
    fn drop(&mut self) {
        if !self.is_kept.load(Ordering::Relaxed) {
            // If it cannot be cleared away now, it is a leftover.
            drop(fs::remove_file(&self.path));
        }
    }
}

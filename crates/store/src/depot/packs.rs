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

use super::names::{is_random_name, random_name};
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

    pub(super) fn folder(&self) -> &Path {
        &self.folder
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
            let name = file_name.to_str().and_then(|name| name.strip_suffix(ENDING));
            let Some(name) = name.filter(|name| is_random_name(name.as_bytes())) else {
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

#[cfg(test)]
mod tests {
    use ports::entropy::SystemEntropy;

    use super::*;

    #[test]
    fn only_what_nobody_holds_and_nobody_knows_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let packs = Packs::open(folder.path(), Arc::new(SystemEntropy)).unwrap();
        let held = packs.begin().unwrap();
        let known = packs.begin().unwrap();
        known.append(b"content").unwrap();
        known.keep();
        let known_name = known.name().to_owned();
        drop(known);
        let left = packs.begin().unwrap();
        left.keep();
        drop(left);
        let given_up = packs.begin().unwrap().name().to_owned();
        fs::write(folder.path().join("packs/notes.pack"), "not ours").unwrap();

        assert_eq!(packs.length(&given_up), None);
        let cleared = packs.clear_leftovers(|name| Ok(name == known_name)).unwrap();
        assert_eq!(cleared, 1);
        assert_eq!(packs.length(&known_name), Some((HEAD.len() + b"content".len()) as u64));
        assert!(packs.length(held.name()).is_some());
        assert_eq!(fs::read_dir(folder.path().join("packs")).unwrap().count(), 3);
    }

    #[test]
    fn what_several_threads_append_does_not_overlap() {
        let folder = tempfile::tempdir().unwrap();
        let packs = Packs::open(folder.path(), Arc::new(SystemEntropy)).unwrap();
        let pack = packs.begin().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let pack = &pack;
                scope.spawn(move || {
                    for length in 1..100 {
                        let bytes = vec![thread; length];
                        let offset = pack.append(&bytes).unwrap();
                        let mut read = vec![0; length];
                        pack.file.read_exact_at(&mut read, offset).unwrap();
                        assert_eq!(read, bytes);
                    }
                });
            }
        });
        assert_eq!(pack.length(), HEAD.len() as u64 + 4 * (1..100).sum::<u64>());
    }
}

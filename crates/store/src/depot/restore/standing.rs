//! What stands in its place already: it is looked at, and neither read from the depot nor written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ports::depot::DepotError;
use rustix::fs::{FileType, Stat};

use super::super::content::Digest;
use super::super::folder::{
    Folder, changed_at, kind_of, permissions, set_changed_at, set_permissions, split,
};
use super::super::manifest::{Item, Kind, Manifest, Piece};
use super::super::stop::Stop;
use super::super::trouble::of_file;

/// What of one root stands in its place, and what is to be set right about it.
#[derive(Debug)]
pub(in crate::depot) struct Standing {
    /// For each item of the manifest.
    is_there: Vec<bool>,
    /// Files with the right content and another time, or other permissions.
    to_mend: Vec<usize>,
}

/// How many items one thread looks at before it takes the next ones.
const BATCH: usize = 256;
/// How many threads look at most.
const MOST_LOOKERS: usize = 16;

impl Standing {
    /// Nothing was looked at.
    pub(in crate::depot) fn nothing(manifest: &Manifest) -> Self {
        Self { is_there: vec![false; manifest.items.len()], to_mend: Vec::new() }
    }

    pub(in crate::depot) fn look(
        manifest: &Manifest,
        root: usize,
        into: &Path,
        stop: &Stop,
    ) -> Result<Self, DepotError> {
        // There is nothing yet; whether there can be is another's matter.
        let Ok(folder) = Folder::open(into) else { return Ok(Self::nothing(manifest)) };
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Self::nothing(manifest));
        let work = || {
            let mut look = Look { root: &folder, path: None, buffer: Vec::new() };
            while stop.check().is_ok() {
                let start = next.fetch_add(BATCH, Ordering::Relaxed);
                let Some(items) = manifest.items.get(start..) else { return };
                let items = items.iter().take(BATCH).enumerate();
                let items = items.filter(|(_, item)| item.root == root);
                let seen: Vec<_> = items.map(|(nth, item)| (start + nth, look.at(item))).collect();
                found.lock().expect("nobody panics with it").note(seen);
            }
        };
        if manifest.items.len() <= BATCH {
            work();
        } else {
            let lookers = std::thread::available_parallelism().map_or(2, usize::from);
            std::thread::scope(|scope| {
                for _ in 0..lookers.min(MOST_LOOKERS) {
                    scope.spawn(work);
                }
            });
        }
        stop.check()?;
        Ok(found.into_inner().expect("nobody panicked with it"))
    }

    pub(in crate::depot) fn is_all_of(&self, manifest: &Manifest, root: usize) -> bool {
        let mut all = manifest.items.iter().zip(&self.is_there);
        all.all(|(item, is_there)| *is_there || item.root != root)
    }

    pub(in crate::depot) fn is_there(&self, item: usize) -> bool {
        self.is_there[item]
    }

    /// Sets times and permissions right.
    pub(in crate::depot) fn mend(
        &self,
        manifest: &Manifest,
        into: &Path,
    ) -> Result<(), DepotError> {
        if self.to_mend.is_empty() {
            return Ok(());
        }
        let folder = Folder::open(into).map_err(|error| of_file(into, "opened", error))?;
        for item in self.to_mend.iter().map(|nth| &manifest.items[*nth]) {
            let mend = || -> io::Result<()> {
                let (above, name) = split(&item.path);
                let file = folder.descend(above)?.read(name)?;
                set_permissions(&file, item.mode)?;
                item.changed_at.map_or(Ok(()), |at| set_changed_at(&file, at))
            };
            let shown = || into.join(String::from_utf8_lossy(&item.path).as_ref());
            mend().map_err(|error| of_file(&shown(), "written", error))?;
        }
        Ok(())
    }

    fn note(&mut self, seen: Vec<(usize, Seen)>) {
        for (nth, seen) in seen {
            self.is_there[nth] = seen != Seen::Other;
            if seen == Seen::ToMend {
                self.to_mend.push(nth);
            }
        }
    }
}

/// How something stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Same,
    ToMend,
    /// It is not there, or something else is.
    Other,
}

struct Look<'a> {
    root: &'a Folder,
    /// The folder that was looked into last; `None` in it when there is none.
    path: Option<(Vec<u8>, Option<Folder>)>,
    buffer: Vec<u8>,
}

impl Look<'_> {
    /// What cannot be looked at is taken for something else: then it is written, or whoever writes
    /// it says why it cannot be.
    fn at(&mut self, item: &Item) -> Seen {
        let (above, name) = split(&item.path);
        if self.path.as_ref().is_none_or(|(path, _)| path != above) {
            self.path = Some((above.to_vec(), self.root.descend(above).ok()));
        }
        let Some((_, Some(folder))) = &self.path else { return Seen::Other };
        let is_same = match &item.kind {
            Kind::Folder => folder.enter(name).is_ok(),
            Kind::Link { target } => folder.read_link(name).is_ok_and(|there| there == *target),
            Kind::File(pieces) => {
                return file(folder, name, item, pieces, &mut self.buffer).unwrap_or(Seen::Other);
            }
        };
        if is_same { Seen::Same } else { Seen::Other }
    }
}

fn file(
    folder: &Folder,
    name: &[u8],
    item: &Item,
    pieces: &[Piece],
    buffer: &mut Vec<u8>,
) -> io::Result<Seen> {
    let Some(stat) = folder.look(name)? else { return Ok(Seen::Other) };
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if kind_of(&stat) != FileType::RegularFile || size != item.size() || stat.st_nlink != 1 {
        return Ok(Seen::Other);
    }
    if !has_content(&folder.read(name)?, pieces, buffer)? {
        return Ok(Seen::Other);
    }
    Ok(if is_as_saved(&stat, item) { Seen::Same } else { Seen::ToMend })
}

fn has_content(file: &File, pieces: &[Piece], buffer: &mut Vec<u8>) -> io::Result<bool> {
    let mut at = 0;
    for piece in pieces {
        buffer.resize(piece.size as usize, 0);
        file.read_exact_at(buffer, at)?;
        if Digest::of(buffer) != piece.digest {
            return Ok(false);
        }
        at += u64::from(piece.size);
    }
    Ok(true)
}

fn is_as_saved(stat: &Stat, item: &Item) -> bool {
    permissions(stat) == item.mode && item.changed_at.is_none_or(|at| changed_at(stat) == at)
}

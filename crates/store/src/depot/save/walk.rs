//! Walking through what is to be saved: folders and links are noted, files are handed on.

use std::ffi::CString;
use std::sync::Arc;

use ports::depot::{DepotError, DepotErrorKind, MAX_PATH, Skipped};
use rustix::fs::{FileType, Stat};

use super::super::folder::{Folder, changed_at, is_no_folder, kind_of, permissions};
use super::super::manifest::{Item, Kind};
use super::super::trouble::of_file;
use super::pick::{Located, OpenRoot, Pick, is_within};
use super::queue::Queue;
use super::work::{Files, Tally, Work};

/// What was found on the way, but for the content of files.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    pub(super) skipped: Vec<Skipped>,
}

pub(super) struct Walk<'a> {
    pub(super) roots: &'a [OpenRoot],
    pub(super) queue: &'a Queue<Work>,
    pub(super) tally: &'a Tally<'a>,
    /// The depot's own folder, which is never saved into itself.
    pub(super) depot: &'a Stat,
    pub(super) keep_times: bool,
    pub(super) found: Found,
}

/// How many files are handed on at once.
const BATCH: usize = 64;

/// A folder that is still to be entered, from the one that it is in.
struct Ahead {
    above: Arc<Folder>,
    name: CString,
    path: Vec<u8>,
}

impl Walk<'_> {
    pub(super) fn through(mut self, picks: &[Pick]) -> Result<Found, DepotError> {
        let mut last_folder: Option<&Pick> = None;
        for pick in picks {
            if last_folder.is_some_and(|folder| is_within(pick, folder)) {
                continue;
            }
            if self.pick(pick)? {
                last_folder = Some(pick);
            }
        }
        Ok(self.found)
    }

    /// Says whether it was a folder, with everything in it.
    fn pick(&mut self, pick: &Pick) -> Result<bool, DepotError> {
        let root = &self.roots[pick.root];
        let (above, name) = match root.locate(&pick.path)? {
            Located::In(above, name) => (above, name),
            Located::Root(folder) => {
                self.folder(pick.root, Arc::new(folder), Vec::new())?;
                return Ok(true);
            }
            Located::Nowhere => {
                self.skip(pick.root, &pick.path, "not there");
                return Ok(false);
            }
        };
        let shown = || root.shown(&pick.path);
        let stat = above.look(name.to_bytes()).map_err(|error| of_file(&shown(), "read", error))?;
        let Some(stat) = stat else {
            self.skip(pick.root, &pick.path, "not there");
            return Ok(false);
        };
        let above = Arc::new(above);
        match kind_of(&stat) {
            FileType::Directory => {
                self.whole(pick.root, Ahead { above, name, path: pick.path.clone() })?;
                return Ok(true);
            }
            FileType::RegularFile => {
                let folder_path = super::super::folder::split(&pick.path).0.into();
                self.hand_on(pick.root, &above, &folder_path, vec![name])?;
            }
            kind => self.other(pick.root, &above, &name, kind, pick.path.clone())?,
        }
        Ok(false)
    }

    /// A folder and everything in it.
    fn whole(&mut self, root: usize, first: Ahead) -> Result<(), DepotError> {
        let mut ahead = vec![first];
        while let Some(Ahead { above, name, path }) = ahead.pop() {
            self.tally.go_on()?;
            let folder = match above.enter(name.to_bytes()) {
                Ok(folder) => Arc::new(folder),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.skip(root, &path, "gone while it was being saved");
                    continue;
                }
                Err(error) if is_no_folder(&error) => {
                    return Err(changed(&self.roots[root].shown(&path)));
                }
                Err(error) => return Err(of_file(&self.roots[root].shown(&path), "read", error)),
            };
            self.enter(root, &folder, path, &mut ahead)?;
        }
        Ok(())
    }

    fn folder(
        &mut self,
        root: usize,
        folder: Arc<Folder>,
        path: Vec<u8>,
    ) -> Result<(), DepotError> {
        let mut ahead = Vec::new();
        self.enter(root, &folder, path, &mut ahead)?;
        drop(folder);
        while let Some(next) = ahead.pop() {
            self.whole(root, next)?;
        }
        Ok(())
    }

    fn enter(
        &mut self,
        root: usize,
        folder: &Arc<Folder>,
        path: Vec<u8>,
        ahead: &mut Vec<Ahead>,
    ) -> Result<(), DepotError> {
        let trouble = |error| of_file(&self.roots[root].shown(&path), "read", error);
        let stat = folder.look_at_itself().map_err(trouble)?;
        if (stat.st_dev, stat.st_ino) == (self.depot.st_dev, self.depot.st_ino) {
            self.skip(root, &path, "the depot itself");
            return Ok(());
        }
        let mut entries = folder.list().map_err(trouble)?;
        entries.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let mut files = Vec::new();
        let folder_path: Arc<[u8]> = path.as_slice().into();
        let (mut folders, mut others) = (Vec::new(), Vec::new());
        for (name, kind) in entries {
            match kind {
                FileType::RegularFile => {
                    files.push(name);
                    if files.len() == BATCH {
                        self.hand_on(root, folder, &folder_path, std::mem::take(&mut files))?;
                    }
                }
                FileType::Directory => folders.push(name),
                kind => others.push((name, kind)),
            }
        }
        if !files.is_empty() {
            self.hand_on(root, folder, &folder_path, files)?;
        }
        for (name, kind) in others {
            let path = self.below(root, &path, &name)?;
            self.other(root, folder, &name, kind, path)?;
        }
        // The last is taken first.
        for name in folders.into_iter().rev() {
            let path = self.below(root, &path, &name)?;
            ahead.push(Ahead { above: folder.clone(), name, path });
        }
        if !path.is_empty() {
            self.note(root, path, &stat, Kind::Folder)?;
        }
        Ok(())
    }

    fn hand_on(
        &mut self,
        root: usize,
        folder: &Arc<Folder>,
        path: &Arc<[u8]>,
        names: Vec<CString>,
    ) -> Result<(), DepotError> {
        self.tally.count_files(names.len() as u64)?;
        let files = Files { root, folder: folder.clone(), path: path.clone(), names };
        self.queue.add(Work::Files(files));
        Ok(())
    }

    /// Anything but a file or a folder.
    fn other(
        &mut self,
        root: usize,
        folder: &Folder,
        name: &CString,
        kind: FileType,
        path: Vec<u8>,
    ) -> Result<(), DepotError> {
        let because = match kind {
            FileType::Symlink => {
                self.tally.count_files(1)?;
                let trouble = |error| of_file(&self.roots[root].shown(&path), "read", error);
                let target = folder.read_link(name.to_bytes()).map_err(trouble)?;
                self.found.items.push(Item {
                    root,
                    path,
                    mode: 0,
                    changed_at: None,
                    kind: Kind::Link { target },
                });
                return Ok(());
            }
            FileType::Socket => "a socket",
            FileType::Fifo => "a pipe",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            _ => "neither a file nor a folder nor a link",
        };
        self.skip(root, &path, because);
        Ok(())
    }

    fn note(
        &mut self,
        root: usize,
        path: Vec<u8>,
        stat: &Stat,
        kind: Kind,
    ) -> Result<(), DepotError> {
        self.tally.count_files(1)?;
        let changed_at = self.keep_times.then(|| changed_at(stat));
        self.found.items.push(Item { root, path, mode: permissions(stat), changed_at, kind });
        Ok(())
    }

    fn below(&self, root: usize, path: &[u8], name: &CString) -> Result<Vec<u8>, DepotError> {
        join(path, name.to_bytes()).ok_or_else(|| {
            let what = format!("a path in {} is too long", self.roots[root].shown(path).display());
            DepotError::new(DepotErrorKind::TooLarge, what)
        })
    }

    fn skip(&mut self, root: usize, path: &[u8], because: &'static str) {
        let path = self.roots[root].shown(path);
        self.found.skipped.push(Skipped { path, because });
    }
}

/// `None` when the path becomes too long.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let path = if folder.is_empty() { name.to_vec() } else { [folder, name].join(&b'/') };
    (path.len() <= MAX_PATH).then_some(path)
}

pub(super) fn changed(path: &std::path::Path) -> DepotError {
    let what = format!("`{}` was changed while it was being saved", path.display());
    DepotError::new(DepotErrorKind::Changed, what)
}

//! Making files on a stage: each is written only once its content was found to be right.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::folder::{Folder, is_no_folder, set_changed_at, set_permissions, split};
use super::super::manifest::{Item, Kind};
use super::super::packs::Packs;
use super::super::stop::Stop;
use super::super::trouble::of_file;
use super::read::{FrameReader, Opened};
use super::standing::Standing;
use super::{Broken, Plan, WantedPiece};

/// Making what is in one root of a plan.
pub(super) struct Filling<'a> {
    pub(super) plan: &'a Plan,
    pub(super) packs: &'a Packs,
    pub(super) root: usize,
    /// What need not be made.
    pub(super) standing: &'a Standing,
    pub(super) folder: &'a Folder,
    pub(super) umask: u16,
    pub(super) shown: &'a Path,
    pub(super) stop: &'a Stop,
}

/// How many threads write at most, and for how many frames one is enough.
const MOST_WRITERS: usize = 16;
const FEW_FRAMES: usize = 4;

/// Permissions of a folder that its owner can work in.
const OPEN: u16 = 0o700;

impl Filling<'_> {
    fn items(&self) -> impl Iterator<Item = &Item> {
        let items = self.plan.manifest.items.iter().enumerate();
        items.filter(|(nth, _)| self.is_wanted(*nth)).map(|(_, item)| item)
    }

    fn is_wanted(&self, item: usize) -> bool {
        self.plan.manifest.items[item].root == self.root && !self.standing.is_there(item)
    }

    /// Folders and links, and files without content.
    pub(super) fn make_folders(&self) -> Result<(), Broken> {
        let mut last = Last::new(self);
        for item in self.items() {
            match &item.kind {
                Kind::Folder => {
                    last.with(item, |folder, name| match folder.make(name) {
                        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                            Err(error)
                        }
                        _ => Ok(()),
                    })?;
                }
                Kind::Link { target } => {
                    last.with(item, |folder, name| folder.link(name, target))?;
                }
                Kind::File(pieces) if pieces.is_empty() => last.write(item, b"", None)?,
                Kind::File(_) => {}
            }
        }
        Ok(())
    }

    /// The content of files, by however many threads.
    pub(super) fn write(&self) -> Result<(), Broken> {
        let next = AtomicUsize::new(0);
        let frames = self.plan.frames.len();
        let work = || -> Result<(), Broken> {
            let mut reader = FrameReader::new(self.packs)?;
            let mut last = Last::new(self);
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(wanted) = self.plan.frames.get(nth) else { return Ok(()) };
                let items = &self.plan.manifest.items;
                let pieces = wanted.pieces.iter().filter(|piece| self.is_wanted(piece.item));
                let mut pieces = pieces.peekable();
                if pieces.peek().is_none() {
                    continue;
                }
                let opened = reader.read(&wanted.frame)?;
                for piece in pieces {
                    self.stop.check()?;
                    last.write_piece(&items[piece.item], piece, opened)?;
                }
            }
        };
        if frames <= FEW_FRAMES {
            return work();
        }
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let first_error = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..workers.min(MOST_WRITERS) {
                scope.spawn(|| {
                    if let Err(broken) = work() {
                        // Nobody else begins with another frame.
                        next.store(frames, Ordering::Relaxed);
                        first_error.lock().expect("nobody panics with it").get_or_insert(broken);
                    }
                });
            }
        });
        first_error.into_inner().expect("nobody panicked with it").map_or(Ok(()), Err)
    }

    /// Times and permissions of what was not made in one go. Returns the folders that are to be
    /// closed when all is in place.
    pub(super) fn finish(&self) -> Result<Vec<(Vec<u8>, u16)>, Broken> {
        let mut closed = Vec::new();
        let mut last = Last::new(self);
        for item in self.items() {
            match &item.kind {
                Kind::File(pieces) if pieces.len() > 1 => {
                    last.with(item, |folder, name| {
                        let file = folder.create(name, 0, true)?;
                        set_permissions(&file, item.mode)?;
                        item.changed_at.map_or(Ok(()), |at| set_changed_at(&file, at))
                    })?;
                }
                Kind::Folder => {
                    let is_open = item.mode & OPEN == OPEN;
                    let is_usual = item.mode == 0o777 & !self.umask;
                    if !is_open {
                        closed.push((item.path.clone(), item.mode));
                    }
                    last.with(item, |folder, name| {
                        let made = folder.enter(name)?;
                        if is_open && !is_usual {
                            set_permissions(&made, item.mode)?;
                        }
                        item.changed_at.map_or(Ok(()), |at| set_changed_at(&made, at))
                    })?;
                }
                Kind::File(_) | Kind::Link { .. } => {}
            }
        }
        Ok(closed)
    }
}

/// The folder that something was last made in: the next is mostly made there too.
struct Last<'a> {
    filling: &'a Filling<'a>,
    path: Vec<u8>,
    folder: Option<Folder>,
}

impl<'a> Last<'a> {
    fn new(filling: &'a Filling<'a>) -> Self {
        Self { filling, path: Vec::new(), folder: None }
    }

    /// Does something with the folder that an item is in, and the item's name there.
    fn with(
        &mut self,
        item: &Item,
        work: impl FnOnce(&Folder, &[u8]) -> std::io::Result<()>,
    ) -> Result<(), Broken> {
        let (path, name) = split(&item.path);
        let work = || {
            if self.folder.is_none() || self.path != path {
                self.folder = Some(self.filling.folder.descend_making(path)?);
                self.path = path.to_vec();
            }
            work(self.folder.as_ref().expect("it was entered"), name)
        };
        work().map_err(|error| {
            let shown = self.filling.shown.join(String::from_utf8_lossy(&item.path).as_ref());
            let doing = if is_no_folder(&error) { "reached" } else { "written" };
            of_file(&shown, doing, error).into()
        })
    }

    fn write_piece(
        &mut self,
        item: &Item,
        piece: &WantedPiece,
        opened: Opened<'_>,
    ) -> Result<(), Broken> {
        let content = opened.blob(piece.blob)?;
        self.write(item, content, (!piece.is_whole).then_some(piece.at))
    }

    /// Writes a whole file, or a piece of one at its place.
    fn write(&mut self, item: &Item, content: &[u8], at: Option<u64>) -> Result<(), Broken> {
        let umask = self.filling.umask;
        self.with(item, |folder, name| {
            if let Some(at) = at {
                return folder.create(name, 0o600, true)?.write_all_at(content, at);
            }
            let file = folder.create(name, item.mode.into(), false)?;
            file.write_all_at(content, 0)?;
            if item.mode & umask != 0 {
                set_permissions(&file, item.mode)?;
            }
            item.changed_at.map_or(Ok(()), |at| set_changed_at(&file, at))
        })
    }
}

//! Reading files and taking in their content, on several threads.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ports::depot::{DepotError, DepotErrorKind, Limits, Skipped};
use rustix::fs::{FileType, Stat};

use super::super::chunk::{LONGEST, first_piece};
use super::super::folder::{Folder, changed_at, is_no_folder, kind_of, permissions};
use super::super::index::content::Blob;
use super::super::intake::Hand;
use super::super::manifest::{MAX_ITEMS, Piece};
use super::super::stop::Stop;
use super::super::trouble::of_file;
use super::pick::OpenRoot;
use super::queue::Queue;
use super::walk::{changed, join};

#[derive(Debug)]
pub(super) enum Work {
    Files(Files),
    Section(Section),
}

/// Files of one folder.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) root: usize,
    pub(super) folder: Arc<Folder>,
    /// The folder's path.
    pub(super) path: Arc<[u8]>,
    pub(super) names: Vec<CString>,
}

/// A part of a large file, for one thread.
#[derive(Debug)]
pub(super) struct Section {
    file: Arc<OpenFile>,
    nth: u64,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    root: usize,
    path: Vec<u8>,
    stat: Stat,
    size: u64,
}

/// What was read of a file.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) root: usize,
    pub(super) path: Vec<u8>,
    pub(super) mode: u16,
    pub(super) changed_at: i64,
    /// Which section of it.
    pub(super) nth: u64,
    pub(super) pieces: Vec<Piece>,
}

/// What a saving may take at most, and what it has until now.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    limits: Limits,
    files: AtomicU64,
    bytes: AtomicU64,
    stop: &'a Stop,
}

/// Files up to this many bytes are one piece each.
const WHOLE: u64 = 1 << 20;
/// How much of a large file one thread takes at once. It is cut at its borders too.
const SECTION: u64 = 64 << 20;
/// How much of a section is read at once.
const READ: usize = 2 * LONGEST;

impl<'a> Tally<'a> {
    pub(super) fn new(limits: Limits, stop: &'a Stop) -> Self {
        Self { limits, files: AtomicU64::new(0), bytes: AtomicU64::new(0), stop }
    }

    pub(super) fn go_on(&self) -> Result<(), DepotError> {
        self.stop.check()
    }

    pub(super) fn count_files(&self, more: u64) -> Result<(), DepotError> {
        let files = self.files.fetch_add(more, Ordering::Relaxed) + more;
        let most = self.limits.files.min(MAX_ITEMS as u64);
        if files > most {
            let what = format!("there are more than {most} files, folders and links to save");
            return Err(DepotError::new(DepotErrorKind::TooLarge, what));
        }
        Ok(())
    }

    fn count_bytes(&self, more: u64) -> Result<(), DepotError> {
        let bytes = self.bytes.fetch_add(more, Ordering::Relaxed).saturating_add(more);
        if bytes > self.limits.bytes {
            let what = format!("there are more than {} bytes to save", self.limits.bytes);
            return Err(DepotError::new(DepotErrorKind::TooLarge, what));
        }
        Ok(())
    }
}

/// One of the threads that read.
pub(super) struct Worker<'a> {
    pub(super) roots: &'a [OpenRoot],
    pub(super) queue: &'a Queue<Work>,
    pub(super) tally: &'a Tally<'a>,
    pub(super) hand: Hand<'a>,
    pub(super) buffer: Vec<u8>,
    pub(super) read: Vec<Read>,
    pub(super) skipped: Vec<Skipped>,
}

impl Worker<'_> {
    pub(super) fn take(&mut self, work: Work) -> Result<(), DepotError> {
        match work {
            Work::Files(files) => {
                for name in &files.names {
                    self.tally.go_on()?;
                    self.file(&files, name)?;
                }
                Ok(())
            }
            Work::Section(section) => self.section(&section),
        }
    }

    fn file(&mut self, files: &Files, name: &CString) -> Result<(), DepotError> {
        let root = &self.roots[files.root];
        let path = join(&files.path, name.to_bytes()).ok_or_else(|| {
            let what = format!("a path in {} is too long", root.shown(&files.path).display());
            DepotError::new(DepotErrorKind::TooLarge, what)
        })?;
        let file = match files.folder.read(name.to_bytes()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.skip(root.shown(&path), "gone while it was being saved");
                return Ok(());
            }
            Err(error) if is_no_folder(&error) => return Err(changed(&root.shown(&path))),
            Err(error) => return Err(of_file(&root.shown(&path), "read", error)),
        };
        let stat =
            rustix::fs::fstat(&file).map_err(|error| of_file(&root.shown(&path), "read", error))?;
        if kind_of(&stat) != FileType::RegularFile {
            return Err(changed(&root.shown(&path)));
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        self.tally.count_bytes(size)?;
        let file = OpenFile { file, root: files.root, path, stat, size };
        if size > WHOLE {
            let file = Arc::new(file);
            let sections = 1..size.div_ceil(SECTION);
            let later = sections.map(|nth| Work::Section(Section { file: file.clone(), nth }));
            self.queue.add_more(later);
            return self.section(&Section { file, nth: 0 });
        }
        let length = usize::try_from(size).expect("a small file");
        let piece = self.hand.take_small(|into| {
            let before = into.len();
            into.resize(before + length, 0);
            file.read_at(&mut into[before..], 0, root)
        })?;
        self.note(&file, 0, piece.into_iter().map(piece_of).collect());
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), DepotError> {
        let Section { file, nth } = section;
        let root = &self.roots[file.root];
        let mut at = nth * SECTION;
        let end = (at + SECTION).min(file.size);
        let mut pieces = Vec::new();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        while at < end || !buffer.is_empty() {
            let have = buffer.len();
            let more =
                usize::try_from(end - at).map_or(READ, |left| left.min(READ)).min(READ - have);
            buffer.resize(have + more, 0);
            file.read_at(&mut buffer[have..], at, root)?;
            at += more as u64;
            let mut cut = 0;
            while buffer.len() - cut >= LONGEST || (at == end && cut < buffer.len()) {
                self.tally.go_on()?;
                let rest = &buffer[cut..];
                let piece = &rest[..first_piece(rest)];
                pieces.push(piece_of(self.hand.take_large(piece)?));
                cut += piece.len();
            }
            buffer.drain(..cut);
        }
        self.buffer = buffer;
        self.note(file, *nth, pieces);
        Ok(())
    }

    fn note(&mut self, file: &OpenFile, nth: u64, pieces: Vec<Piece>) {
        self.read.push(Read {
            root: file.root,
            path: file.path.clone(),
            mode: permissions(&file.stat),
            changed_at: changed_at(&file.stat),
            nth,
            pieces,
        });
    }

    fn skip(&mut self, path: PathBuf, because: &'static str) {
        self.skipped.push(Skipped { path, because });
    }
}

impl OpenFile {
    fn read_at(&self, into: &mut [u8], at: u64, root: &OpenRoot) -> Result<(), DepotError> {
        self.file.read_exact_at(into, at).map_err(|error| match error.kind() {
            // It is shorter than it said it was.
            io::ErrorKind::UnexpectedEof => changed(&root.shown(&self.path)),
            _ => of_file(&root.shown(&self.path), "read", error),
        })
    }
}

fn piece_of(blob: Blob) -> Piece {
    Piece { digest: blob.digest, size: blob.size }
}

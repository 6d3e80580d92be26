//! Reading frames, and believing nothing that they hold before it is looked at.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ports::depot::{DepotError, DepotErrorKind};

use super::super::content::{Digest, Expander};
use super::super::index::content::{Blob, Frame};
use super::super::packs::Packs;
use super::super::trouble::of_file;
use super::{Broken, MAX_FRAME};

/// Reads frame after frame, with memory that is used again.
pub(in crate::depot) struct FrameReader<'a> {
    packs: &'a Packs,
    /// The pack that was read last.
    open: Option<(String, File)>,
    stored: Vec<u8>,
    expander: Expander,
}

/// The content of a frame as it was found.
#[derive(Debug, Clone, Copy)]
pub(in crate::depot) struct Opened<'a>(&'a [u8]);

impl<'a> FrameReader<'a> {
    pub(in crate::depot) fn new(packs: &'a Packs) -> Result<Self, DepotError> {
        let expander = Expander::new().map_err(|error| {
            DepotError::new(DepotErrorKind::Failed, "zstd does not start").because(error)
        })?;
        Ok(Self { packs, open: None, stored: Vec::new(), expander })
    }

    pub(in crate::depot) fn read(&mut self, frame: &Frame) -> Result<Opened<'_>, Broken> {
        let name = &frame.pack;
        if frame.raw > MAX_FRAME || frame.stored > frame.raw {
            return Err(Broken::Damaged(format!("pack {name} is described wrongly")));
        }
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let file = self.packs.read(name).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => Broken::Damaged(format!("pack {name} is missing")),
                _ => of_file(Path::new(name), "opened", error).into(),
            })?;
            self.open = Some((name.clone(), file));
        }
        let (_, file) = self.open.as_ref().expect("it was opened");
        let size = |size| usize::try_from(size).expect("it was compared with the largest");
        self.stored.resize(size(frame.stored), 0);
        file.read_exact_at(&mut self.stored, frame.offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Broken::Damaged(format!("pack {name} is cut short")),
            _ => of_file(Path::new(name), "read", error).into(),
        })?;
        let content = self.expander.expand(&self.stored, size(frame.raw));
        let content = content.ok_or_else(|| {
            let offset = frame.offset;
            Broken::Damaged(format!("pack {name} was changed at byte {offset}"))
        })?;
        Ok(Opened(content))
    }
}

impl<'a> Opened<'a> {
    /// A piece of content, once it was found to be what it is known by.
    pub(in crate::depot) fn blob(self, blob: Blob) -> Result<&'a [u8], Broken> {
        let (start, size) = (blob.start as usize, blob.size as usize);
        let content = self.0.get(start..start + size);
        let content = content.filter(|content| Digest::of(content) == blob.digest);
        content.ok_or_else(|| Broken::Damaged(format!("content {} was changed", blob.digest)))
    }
}

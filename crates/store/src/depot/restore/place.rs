//! Putting into place what was made on a stage, through no link.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ports::depot::{DepotError, DepotErrorKind};
use rustix::fs::FileType;

use super::super::folder::{Folder, kind_of};
use super::super::trouble::of_file;

/// Whether nothing is in the way: a folder where a file is to stand. `shown` is what the folder
/// is called when something is.
pub(super) fn check(from: &Folder, to: &Folder, shown: &Path) -> Result<(), DepotError> {
    let trouble = |error| of_file(shown, "read", error);
    for (name, kind) in from.list().map_err(trouble)? {
        let name = name.to_bytes();
        let Some(there) = to.look(name).map_err(trouble)? else { continue };
        if kind_of(&there) != FileType::Directory {
            continue;
        }
        let shown = shown.join(OsStr::from_bytes(name));
        if kind != FileType::Directory {
            let what = format!("{} is a folder, where a file is to be restored", shown.display());
            return Err(DepotError::new(DepotErrorKind::InTheWay, what));
        }
        let trouble = |error| of_file(&shown, "read", error);
        let (from, to) = (from.enter(name).map_err(trouble)?, to.enter(name).map_err(trouble)?);
        check(&from, &to, &shown)?;
    }
    Ok(())
}

/// Moves everything from one folder to the other. Folders that are in both are joined; anything
/// else that is in the way is replaced, a link as such.
pub(super) fn place(from: &Folder, to: &Folder, shown: &Path) -> Result<(), DepotError> {
    let trouble = |error| of_file(shown, "written", error);
    for (name, kind) in from.list().map_err(trouble)? {
        let name = name.to_bytes();
        let shown = shown.join(OsStr::from_bytes(name));
        let trouble = |error| of_file(&shown, "written", error);
        let there = to.look(name).map_err(trouble)?;
        let there = there.map(|there| kind_of(&there));
        if there == Some(FileType::Directory) && kind == FileType::Directory {
            let (from, to) = (from.enter(name).map_err(trouble)?, to.enter(name).map_err(trouble)?);
            place(&from, &to, &shown)?;
            continue;
        }
        if there.is_some() && kind == FileType::Directory {
            to.remove(name).map_err(trouble)?;
        }
        from.give(name, to).map_err(trouble)?;
    }
    Ok(())
}

//! What the server keeps in a job's folder: to whom the job was given, and the files that come back.

use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::super::protocol::SessionId;
use super::Refusal;

const FILE: &str = "runner.json";

pub(super) fn read(folder: &Path) -> Option<SessionId> {
    serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
}

/// Survives this program, and the loss of power once it was [synced](sync).
pub(super) fn write(folder: &Path, session: &SessionId) -> io::Result<()> {
    let text = serde_json::to_vec(session)?;
    match fs::write(folder.join(FILE), &text) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            fs::write(folder.join(FILE), &text)
        }
        written => written,
    }
}

pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder.join(FILE))?.sync_all()?;
    File::open(folder)?.sync_all()?;
    if let Some(above) = folder.parent() {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Puts a piece at the end of a file, without what of it is there already; how long the file is
/// then. What begins behind its end is left out.
pub(super) fn append(path: &Path, offset: u64, piece: &[u8], most: u64) -> Result<u64, Refusal> {
    let open = || File::options().create(true).truncate(false).write(true).open(path);
    if piece.is_empty() {
        return Ok(fs::metadata(path).map_or(0, |file| file.len()));
    }
    let mut file = match (open(), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            open()?
        }
        (file, _) => file?,
    };
    let length = file.seek(SeekFrom::End(0))?;
    let Some(known) = length.checked_sub(offset) else { return Ok(length) };
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    let Some(new) = piece.get(known..).filter(|new| !new.is_empty()) else { return Ok(length) };
    let reached = length + new.len() as u64;
    if reached > most {
        return Err(Refusal::TooLarge { most });
    }
    file.write_all(new)?;
    Ok(reached)
}

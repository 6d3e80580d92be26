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

/// Once this has returned it survives everything: the loss of power, too.
pub(super) fn write(folder: &Path, session: &SessionId) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(session)?)?;
    file.as_file().sync_data()?;
    file.persist(folder.join(FILE)).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()?;
    if let Some(above) = folder.parent() {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Puts a piece at the end of a file, without what of it is there already.
pub(super) fn append(path: &Path, offset: u64, piece: &[u8], most: u64) -> Result<u64, Refusal> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
    let length = file.seek(SeekFrom::End(0))?;
    let known = length.checked_sub(offset).ok_or(Refusal::Elsewhere { length })?;
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    let Some(new) = piece.get(known..).filter(|new| !new.is_empty()) else { return Ok(length) };
    let reached = length + new.len() as u64;
    if reached > most {
        return Err(Refusal::TooLarge { most });
    }
    file.write_all(new)?;
    Ok(reached)
}

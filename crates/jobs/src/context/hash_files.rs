//! `hashFiles`: one hash for many files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::glob::{Base, GlobError, Globs, Options};
use crate::worker::CancelSignal;

#[derive(Debug, thiserror::Error)]
pub(crate) enum HashFilesError {
    #[error("the option `{0}` is not known: only `--follow-symbolic-links` is")]
    Option(String),
    #[error(transparent)]
    Pattern(#[from] GlobError),
    #[error("cannot read {0}")]
    Unreadable(String),
    #[error("the job was cancelled")]
    Cancelled,
}

const FOLLOW: &str = "--follow-symbolic-links";

/// The SHA-256 of the SHA-256s of all files in the workspace that match; empty where none does.
/// For the same files it is what GitHub's runner comes to.
pub(crate) fn hash_files(
    patterns: &[String],
    base: Base<'_>,
    cancel: &CancelSignal,
) -> Result<String, HashFilesError> {
    let (follow_links, patterns) = match patterns.split_first() {
        Some((first, rest)) if first.starts_with("--") => {
            if !first.eq_ignore_ascii_case(FOLLOW) {
                return Err(HashFilesError::Option(first.clone()));
            }
            (true, rest)
        }
        _ => (false, patterns),
    };
    let globs = Globs::parse(&patterns.join("\n"), base)?;
    let mut all = Sha256::new();
    let mut is_any = false;
    // Steps that run after a cancel have their hashes, too.
    let was_cancelled = cancel.is_cancelled();
    let unreadable = |error: io::Error| HashFilesError::Unreadable(error.to_string());
    for found in globs.walk(Options { follow_links, descend: true, skip_hidden: false }) {
        if !was_cancelled && cancel.is_cancelled() {
            return Err(HashFilesError::Cancelled);
        }
        let path = found.map_err(unreadable)?.path;
        // A link to a folder is found as if it were a file; and a pipe would never end.
        if path == base.folder || !path.starts_with(base.folder) || !path.is_file() {
            continue;
        }
        let hash = hash_file(&path)
            .map_err(|error| HashFilesError::Unreadable(format!("{}: {error}", path.display())))?;
        all.update(hash);
        is_any = true;
    }
    Ok(if is_any { hex(&all.finalize()) } else { String::new() })
}

fn hash_file(path: &Path) -> io::Result<[u8; 32]> {
    const CHUNK: usize = 128 << 10;
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&chunk[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

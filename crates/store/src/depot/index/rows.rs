//! Rows and what they mean: one place for how each thing is written down.

use jiff::Timestamp;
use ports::depot::{Artifact, Cache, Gone, Lookup, Outcome, Scope, Why};
use rusqlite::Row;

use super::super::content::Digest;
use super::super::trouble::Trouble;

/// The columns of a cache, as [`cache`] reads them.
pub(super) const CACHE: &str = "caches.id, repository, git_ref, key, version, paths, trees.size, \
                                trees.files, saved_at, used_at";

pub(super) fn cache(row: &Row<'_>) -> Result<Cache, Trouble> {
    Ok(Cache {
        id: unsigned(row, 0)?,
        repository: row.get(1)?,
        git_ref: row.get(2)?,
        key: row.get(3)?,
        version: row.get(4)?,
        paths: list(row, 5)?,
        size: unsigned(row, 6)?,
        files: unsigned(row, 7)?,
        saved_at: time(row, 8)?,
        used_at: time(row, 9)?,
    })
}

/// The columns of a cache that is no more, as [`gone`] reads them.
pub(super) const GONE: &str = "id, repository, git_ref, key, version, paths, size, files, \
                               saved_at, used_at, gone_at, why, detail";

pub(super) fn gone(row: &Row<'_>) -> Result<Gone, Trouble> {
    let detail: String = row.get(12)?;
    let why = match row.get::<_, i64>(11)? {
        0 => Why::Evicted { by: detail },
        1 => Why::Unused,
        2 => Why::Replaced,
        3 => Why::Removed,
        4 => Why::Damaged { what: detail },
        other => return Err(Trouble::unreadable("why a cache is gone", other)),
    };
    Ok(Gone { cache: cache(row)?, at: time(row, 10)?, why })
}

/// Why something is gone, as it is written down.
pub(super) fn why(why: &Why) -> (i64, &str) {
    match why {
        Why::Evicted { by } => (0, by),
        Why::Unused => (1, ""),
        Why::Replaced => (2, ""),
        Why::Removed => (3, ""),
        Why::Damaged { what } => (4, what),
    }
}

/// The columns of an artifact, as [`artifact`] reads them.
pub(super) const ARTIFACT: &str =
    "artifacts.id, run, name, trees.manifest, trees.size, trees.files, saved_at, expires_at";

pub(super) fn artifact(row: &Row<'_>) -> Result<Artifact, Trouble> {
    Ok(Artifact {
        id: unsigned(row, 0)?,
        run: row.get(1)?,
        name: row.get(2)?,
        digest: digest(row, 3)?.to_string(),
        size: unsigned(row, 4)?,
        files: unsigned(row, 5)?,
        saved_at: time(row, 6)?,
        expires_at: time(row, 7)?,
    })
}

/// The columns of a look-up, as [`lookup`] reads them.
pub(super) const LOOKUP: &str = "id, at, repository, own, base, default_ref, key, restore_keys, \
                                 version, paths, outcome, found_key, found_ref";

pub(super) fn lookup(row: &Row<'_>) -> Result<Lookup, Trouble> {
    let outcome = match row.get::<_, i64>(10)? {
        0 => Outcome::Miss,
        1 => Outcome::Partial { key: row.get(11)?, git_ref: row.get(12)? },
        2 => Outcome::Exact { git_ref: row.get(12)? },
        other => return Err(Trouble::unreadable("what came of a look-up", other)),
    };
    let scope = Scope {
        repository: row.get(2)?,
        own: row.get(3)?,
        base: row.get(4)?,
        default: row.get(5)?,
    };
    Ok(Lookup {
        id: unsigned(row, 0)?,
        at: time(row, 1)?,
        scope,
        key: row.get(6)?,
        restore_keys: list(row, 7)?,
        version: row.get(8)?,
        paths: list(row, 9)?,
        outcome,
    })
}

pub(super) fn digest(row: &Row<'_>, column: usize) -> Result<Digest, Trouble> {
    let bytes = row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from)?;
    let bytes = bytes.try_into().map_err(|error| Trouble::unreadable("a digest", error))?;
    Ok(Digest::from_bytes(bytes))
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, Trouble> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error| Trouble::unreadable("a number", error))
}

/// As SQLite keeps it. Nothing here comes near the end of the numbers.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, Trouble> {
    Timestamp::from_microsecond(row.get(column)?)
        .map_err(|error| Trouble::unreadable("a time", error))
}

pub(super) fn list(row: &Row<'_>, column: usize) -> Result<Vec<String>, Trouble> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    serde_json::from_str(text).map_err(|error| Trouble::unreadable("a list", error))
}

pub(super) fn as_list(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("texts are JSON")
}

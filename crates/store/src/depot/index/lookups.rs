//! What was looked for, so that it can be told why it was not found.

use jiff::Timestamp;
use ports::depot::{Lookup, LookupFilter, Outcome, RestoreCache};
use rusqlite::{Connection, Transaction, params};

use super::super::trouble::Trouble;
use super::rows::{LOOKUP, as_list, lookup, signed};

/// Notes a look-up, and gives it its number.
pub(in crate::depot) fn note(
    transaction: &Transaction<'_>,
    asked: &RestoreCache,
    version: &str,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<i64, Trouble> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO lookups (at, repository, own, base, default_ref, key, restore_keys, version,
                              paths, outcome, found_key, found_ref)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let (code, key, git_ref) = written(outcome);
    Ok(insert.insert(params![
        now.as_microsecond(),
        asked.scope.repository,
        asked.scope.own,
        asked.scope.base,
        asked.scope.default,
        asked.key,
        as_list(&asked.restore_keys),
        version,
        as_list(&asked.paths),
        code,
        key,
        git_ref,
    ])?)
}

/// Something else came of it than had seemed before.
pub(in crate::depot) fn amend(
    transaction: &Transaction<'_>,
    id: i64,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<(), Trouble> {
    let (code, key, git_ref) = written(outcome);
    transaction.execute(
        "UPDATE lookups SET at = ?2, outcome = ?3, found_key = ?4, found_ref = ?5 WHERE id = ?1",
        (id, now.as_microsecond(), code, key, git_ref),
    )?;
    Ok(())
}

fn written(outcome: &Outcome) -> (i64, Option<&str>, Option<&str>) {
    match outcome {
        Outcome::Miss => (0, None, None),
        Outcome::Partial { key, git_ref } => (1, Some(key), Some(git_ref)),
        Outcome::Exact { git_ref } => (2, None, Some(git_ref)),
    }
}

pub(in crate::depot) fn get(connection: &Connection, id: u64) -> Result<Option<Lookup>, Trouble> {
    let mut select =
        connection.prepare_cached(&format!("SELECT {LOOKUP} FROM lookups WHERE id = ?1"))?;
    let mut rows = select.query([signed(id)])?;
    rows.next()?.map(lookup).transpose()
}

pub(in crate::depot) fn list(
    connection: &Connection,
    filter: &LookupFilter,
) -> Result<Vec<Lookup>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {LOOKUP} FROM lookups
         WHERE (?1 IS NULL OR repository = ?1) AND (?2 IS NULL OR own = ?2)
           AND (?3 IS NULL OR key = ?3) AND (?4 = 0 OR outcome <> 2)
         ORDER BY id DESC LIMIT ?5"
    ))?;
    let LookupFilter { repository, git_ref, key, missed, limit } = filter;
    let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
    let mut rows = select.query(params![repository, git_ref, key, missed, limit])?;
    let mut lookups = Vec::new();
    while let Some(row) = rows.next()? {
        lookups.push(lookup(row)?);
    }
    Ok(lookups)
}

//! Caches by their keys.

use jiff::Timestamp;
use ports::depot::{Cache, CacheFilter, Gone, Scope, Why};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::super::trouble::Trouble;
use super::content::TreeId;
use super::rows::{self, CACHE, GONE, as_list, cache, signed};

/// What names a cache: there is one of each.
#[derive(Debug, Clone, Copy)]
pub(in crate::depot) struct Name<'a> {
    pub(in crate::depot) repository: &'a str,
    pub(in crate::depot) git_ref: &'a str,
    pub(in crate::depot) version: &'a str,
    pub(in crate::depot) key: &'a str,
}

/// A cache and its tree.
#[derive(Debug, Clone)]
pub(in crate::depot) struct Found {
    pub(in crate::depot) cache: Cache,
    pub(in crate::depot) tree: TreeId,
    /// It has the very key that was asked for.
    pub(in crate::depot) exact: bool,
}

pub(in crate::depot) fn get(
    connection: &Connection,
    name: &Name<'_>,
) -> Result<Option<(Cache, TreeId)>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {CACHE}, tree FROM caches JOIN trees ON trees.id = tree
         WHERE repository = ?1 AND git_ref = ?2 AND version = ?3 AND key = ?4"
    ))?;
    let Name { repository, git_ref, version, key } = name;
    let mut rows = select.query((repository, git_ref, version, key))?;
    rows.next()?.map(|row| Ok((cache(row)?, row.get(10)?))).transpose()
}

/// The best fit that the scope may read: ref by ref, and in each of them key by key.
pub(in crate::depot) fn find(
    connection: &Connection,
    scope: &Scope,
    version: &str,
    keys: &[&str],
) -> Result<Option<Found>, Trouble> {
    let repository = scope.repository.as_str();
    for git_ref in scope.refs() {
        for (nth, key) in keys.iter().enumerate() {
            let name = Name { repository, git_ref, version, key };
            if let Some((cache, tree)) = get(connection, &name)? {
                return Ok(Some(Found { cache, tree, exact: nth == 0 }));
            }
            if let Some((cache, tree)) = newest_that_begins(connection, &name)? {
                return Ok(Some(Found { cache, tree, exact: false }));
            }
        }
    }
    Ok(None)
}

fn newest_that_begins(
    connection: &Connection,
    name: &Name<'_>,
) -> Result<Option<(Cache, TreeId)>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {CACHE}, tree FROM caches JOIN trees ON trees.id = tree
         WHERE repository = ?1 AND git_ref = ?2 AND version = ?3
           AND key >= ?4 AND key < CAST(?5 AS TEXT)
         ORDER BY saved_at DESC, caches.id DESC LIMIT 1"
    ))?;
    let Name { repository, git_ref, version, key } = name;
    let mut rows = select.query((repository, git_ref, version, key, end_of_prefix(key)))?;
    rows.next()?.map(|row| Ok((cache(row)?, row.get(10)?))).transpose()
}

/// The first text behind all that begin with the prefix, byte by byte. No text has a byte that
/// could not be raised.
fn end_of_prefix(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    match end.last_mut() {
        Some(last) => *last += 1,
        None => end.push(0xff),
    }
    end
}

pub(in crate::depot) fn add(
    transaction: &Transaction<'_>,
    name: &Name<'_>,
    paths: &[String],
    tree: TreeId,
    now: Timestamp,
) -> Result<(), Trouble> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO caches (repository, git_ref, version, key, paths, tree, saved_at, used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
    )?;
    let Name { repository, git_ref, version, key } = name;
    let now = now.as_microsecond();
    insert.execute((repository, git_ref, version, key, as_list(paths), tree, now))?;
    Ok(())
}

pub(in crate::depot) fn touch(
    transaction: &Transaction<'_>,
    id: u64,
    now: Timestamp,
) -> Result<(), Trouble> {
    let mut update =
        transaction.prepare_cached("UPDATE caches SET used_at = max(used_at, ?2) WHERE id = ?1")?;
    update.execute((signed(id), now.as_microsecond()))?;
    Ok(())
}

pub(in crate::depot) fn list(
    connection: &Connection,
    filter: &CacheFilter,
) -> Result<Vec<(Cache, TreeId)>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {CACHE}, tree FROM caches JOIN trees ON trees.id = tree
         WHERE (?1 IS NULL OR caches.id = ?1) AND (?2 IS NULL OR repository = ?2)
           AND (?3 IS NULL OR git_ref = ?3) AND (?4 IS NULL OR key = ?4)
           AND (?5 IS NULL OR (key >= ?5 AND key < CAST(?6 AS TEXT)))
         ORDER BY used_at DESC, caches.id DESC LIMIT ?7"
    ))?;
    let CacheFilter { id, repository, git_ref, key, prefix, limit } = filter;
    let id = id.map(signed);
    let end = prefix.as_deref().map(end_of_prefix);
    let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
    let mut rows = select.query(params![id, repository, git_ref, key, prefix, end, limit])?;
    let mut caches = Vec::new();
    while let Some(row) = rows.next()? {
        caches.push((cache(row)?, row.get(10)?));
    }
    Ok(caches)
}

/// The cache that nobody has used for the longest time, before a moment and but for one.
pub(in crate::depot) fn longest_unused(
    connection: &Connection,
    before: Timestamp,
    but: Option<u64>,
) -> Result<Option<(Cache, TreeId)>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {CACHE}, tree FROM caches JOIN trees ON trees.id = tree
         WHERE used_at < ?1 AND caches.id IS NOT ?2 ORDER BY used_at, caches.id LIMIT 1"
    ))?;
    let mut rows = select.query((before.as_microsecond(), but.map(signed)))?;
    rows.next()?.map(|row| Ok((cache(row)?, row.get(10)?))).transpose()
}

/// Takes a cache away, noting why. Its tree is left to [`super::room`]. False when somebody else
/// was quicker.
pub(in crate::depot) fn remove(
    transaction: &Transaction<'_>,
    cache: &Cache,
    why: &Why,
    now: Timestamp,
) -> Result<bool, Trouble> {
    let mut delete = transaction.prepare_cached("DELETE FROM caches WHERE id = ?1")?;
    if delete.execute([signed(cache.id)])? == 0 {
        return Ok(false);
    }
    let mut note = transaction.prepare_cached(&format!(
        "INSERT OR REPLACE INTO gone_caches ({GONE})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"
    ))?;
    let (why, detail) = rows::why(why);
    note.execute(params![
        signed(cache.id),
        cache.repository,
        cache.git_ref,
        cache.key,
        cache.version,
        as_list(&cache.paths),
        signed(cache.size),
        signed(cache.files),
        cache.saved_at.as_microsecond(),
        cache.used_at.as_microsecond(),
        now.as_microsecond(),
        why,
        detail,
    ])?;
    Ok(true)
}

/// What a repository had once, the last to go first.
pub(in crate::depot) fn gone(
    connection: &Connection,
    repository: &str,
) -> Result<Vec<Gone>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {GONE} FROM gone_caches WHERE repository = ?1 ORDER BY gone_at DESC, id DESC"
    ))?;
    let mut rows = select.query([repository])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(rows::gone(row)?);
    }
    Ok(all)
}

pub(in crate::depot) fn count(connection: &Connection) -> Result<i64, Trouble> {
    Ok(connection.query_row("SELECT count(*) FROM caches", [], |row| row.get(0))?)
}

/// The tree of a cache.
pub(in crate::depot) fn tree(connection: &Connection, id: u64) -> Result<Option<TreeId>, Trouble> {
    let mut select = connection.prepare_cached("SELECT tree FROM caches WHERE id = ?1")?;
    Ok(select.query_row([signed(id)], |row| row.get(0)).optional()?)
}

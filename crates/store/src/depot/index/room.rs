//! Making room: what goes, and what goes with it.

use jiff::Timestamp;
use ports::depot::{Artifact, Cache, Why};
use rusqlite::{Connection, Transaction};

use super::super::trouble::Trouble;
use super::content::{FrameId, TreeId};
use super::rows::{signed, time, unsigned};
use super::{artifacts, caches, content};

/// What is to be done on the disk once the transaction has been committed.
#[derive(Debug, Default)]
pub(in crate::depot) struct Freed {
    /// Packs that nobody names any more.
    pub(in crate::depot) packs: Vec<String>,
    /// Caches that had to go.
    pub(in crate::depot) caches: Vec<Cache>,
    /// Some packs have holes now.
    pub(in crate::depot) has_holes: bool,
}

/// How much is remembered of what has gone and of what was looked for.
const MOST_GONE: i64 = 20_000;
const MOST_LOOKUPS: i64 = 20_000;

/// Lets caches go until the depot fits into its quota, the longest unused first. False when it
/// does not fit even without any of them but one.
pub(in crate::depot) fn make(
    transaction: &Transaction<'_>,
    quota: u64,
    for_whom: &str,
    but: Option<u64>,
    now: Timestamp,
    freed: &mut Freed,
) -> Result<bool, Trouble> {
    while content::stored(transaction)? > quota {
        let longest_unused = caches::longest_unused(transaction, Timestamp::MAX, but)?;
        let Some((cache, tree)) = longest_unused else { return Ok(false) };
        let why = Why::Evicted { by: for_whom.to_owned() };
        drop_cache(transaction, cache, tree, &why, now, freed)?;
    }
    Ok(true)
}

pub(in crate::depot) fn drop_cache(
    transaction: &Transaction<'_>,
    cache: Cache,
    tree: TreeId,
    why: &Why,
    now: Timestamp,
    freed: &mut Freed,
) -> Result<bool, Trouble> {
    let is_gone = caches::remove(transaction, &cache, why, now)?;
    if is_gone {
        drop_tree(transaction, tree, freed)?;
        freed.caches.push(cache);
    }
    Ok(is_gone)
}

pub(in crate::depot) fn drop_artifact(
    transaction: &Transaction<'_>,
    artifact: &Artifact,
    tree: TreeId,
    why: &Why,
    now: Timestamp,
    freed: &mut Freed,
) -> Result<bool, Trouble> {
    let is_gone = artifacts::remove(transaction, artifact, why, now)?;
    if is_gone {
        drop_tree(transaction, tree, freed)?;
    }
    Ok(is_gone)
}

/// Lets a tree go that nobody names any more, and every frame that no other tree needs.
pub(in crate::depot) fn drop_tree(
    transaction: &Transaction<'_>,
    tree: TreeId,
    freed: &mut Freed,
) -> Result<(), Trouble> {
    let is_named: bool = transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM caches WHERE tree = ?1)
                 OR EXISTS (SELECT 1 FROM artifacts WHERE tree = ?1)",
        )?
        .query_row([tree], |row| row.get(0))?;
    if is_named {
        return Ok(());
    }
    let mut select = transaction.prepare_cached(
        "SELECT id, pack, offset, stored FROM tree_frames AS mine JOIN frames ON id = frame
         WHERE tree = ?1 AND NOT EXISTS (
             SELECT 1 FROM tree_frames AS other
             WHERE other.frame = mine.frame AND other.tree <> ?1)
         ORDER BY pack, offset",
    )?;
    let mut rows = select.query([tree])?;
    let mut dead: Vec<(FrameId, i64, u64, u64)> = Vec::new();
    while let Some(row) = rows.next()? {
        dead.push((row.get(0)?, row.get(1)?, unsigned(row, 2)?, unsigned(row, 3)?));
    }
    transaction.prepare_cached("DELETE FROM tree_frames WHERE tree = ?1")?.execute([tree])?;
    transaction.prepare_cached("DELETE FROM trees WHERE id = ?1")?.execute([tree])?;
    let mut forget_blobs = transaction.prepare_cached("DELETE FROM blobs WHERE frame = ?1")?;
    let mut forget_frame = transaction.prepare_cached("DELETE FROM frames WHERE id = ?1")?;
    for (frame, ..) in &dead {
        forget_blobs.execute([frame])?;
        forget_frame.execute([frame])?;
    }
    for dead in dead.chunk_by(|one, next| one.1 == next.1) {
        free(transaction, dead, freed)?;
    }
    Ok(())
}

/// Frames of one pack that have gone: they are holes in it, or all of it has gone.
fn free(
    transaction: &Transaction<'_>,
    dead: &[(FrameId, i64, u64, u64)],
    freed: &mut Freed,
) -> Result<(), Trouble> {
    let pack = dead[0].1;
    let bytes: u64 = dead.iter().map(|(.., stored)| stored).sum();
    transaction
        .prepare_cached("UPDATE packs SET live = live - ?2 WHERE id = ?1")?
        .execute((pack, signed(bytes)))?;
    let name: Option<String> = {
        let mut select = transaction
            .prepare_cached("DELETE FROM packs WHERE id = ?1 AND live <= 0 RETURNING name")?;
        let mut rows = select.query([pack])?;
        let name = rows.next()?.map(|row| row.get(0)).transpose()?;
        // To its end: only then is the row gone.
        while rows.next()?.is_some() {}
        name
    };
    if let Some(name) = name {
        transaction.prepare_cached("DELETE FROM holes WHERE pack = ?1")?.execute([pack])?;
        freed.packs.push(name);
        return Ok(());
    }
    let mut note = transaction
        .prepare_cached("INSERT INTO holes (pack, offset, length) VALUES (?1, ?2, ?3)")?;
    for run in dead.chunk_by(|(.., offset, stored), (.., next, _)| offset + stored == *next) {
        let offset = run[0].2;
        let length: u64 = run.iter().map(|(.., stored)| stored).sum();
        note.execute((pack, signed(offset), signed(length)))?;
    }
    freed.has_holes = true;
    Ok(())
}

/// Where bytes in a pack begin, and how many.
pub(in crate::depot) type Hole = (u64, u64);

/// Holes that were not given back to the disk yet, by the pack they are in.
pub(in crate::depot) fn holes(
    connection: &Connection,
) -> Result<Vec<(String, Vec<Hole>)>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT name, offset, length FROM holes JOIN packs ON packs.id = pack ORDER BY pack",
    )?;
    let mut rows = select.query([])?;
    let mut packs: Vec<(String, Vec<Hole>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, hole) = (row.get(0)?, (unsigned(row, 1)?, unsigned(row, 2)?));
        match packs.last_mut() {
            Some((last, holes)) if *last == name => holes.push(hole),
            _ => packs.push((name, vec![hole])),
        }
    }
    Ok(packs)
}

/// These holes of a pack were given back.
pub(in crate::depot) fn forget_holes(
    transaction: &Transaction<'_>,
    pack: &str,
    holes: &[Hole],
) -> Result<(), Trouble> {
    let mut forget = transaction.prepare_cached(
        "DELETE FROM holes WHERE pack = (SELECT id FROM packs WHERE name = ?1)
                             AND offset = ?2 AND length = ?3",
    )?;
    for (offset, length) in holes {
        forget.execute((pack, signed(*offset), signed(*length)))?;
    }
    Ok(())
}

/// When the depot was last tended.
pub(in crate::depot) fn tended_at(connection: &Connection) -> Result<Option<Timestamp>, Trouble> {
    let mut select = connection.prepare_cached("SELECT max(at) FROM tended")?;
    let mut rows = select.query([])?;
    match rows.next()? {
        Some(row) if row.get::<_, Option<i64>>(0)?.is_some() => Ok(Some(time(row, 0)?)),
        _ => Ok(None),
    }
}

/// Notes that the depot is being tended, and forgets what was too long ago.
pub(in crate::depot) fn note_tended(
    transaction: &Transaction<'_>,
    now: Timestamp,
) -> Result<(), Trouble> {
    transaction.execute("DELETE FROM tended", [])?;
    transaction.execute("INSERT INTO tended (at) VALUES (?1)", [now.as_microsecond()])?;
    transaction.execute(
        "DELETE FROM lookups WHERE id <= (SELECT max(id) FROM lookups) - ?1",
        [MOST_LOOKUPS],
    )?;
    for table in ["gone_caches", "gone_artifacts"] {
        transaction.execute(
            &format!(
                "DELETE FROM {table} WHERE id NOT IN (
                     SELECT id FROM {table} ORDER BY gone_at DESC, id DESC LIMIT ?1)"
            ),
            [MOST_GONE],
        )?;
    }
    Ok(())
}

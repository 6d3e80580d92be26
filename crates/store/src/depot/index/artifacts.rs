//! Artifacts by their runs and names.

use jiff::Timestamp;
use ports::depot::{Artifact, Why};
use rusqlite::{Connection, OptionalExtension, Transaction};

use super::super::trouble::Trouble;
use super::content::TreeId;
use super::rows::{self, ARTIFACT, artifact, signed, time};

pub(in crate::depot) fn get(
    connection: &Connection,
    run: &str,
    name: &str,
) -> Result<Option<(Artifact, TreeId)>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {ARTIFACT}, tree FROM artifacts JOIN trees ON trees.id = tree
         WHERE run = ?1 AND name = ?2"
    ))?;
    let mut rows = select.query((run, name))?;
    rows.next()?.map(|row| Ok((artifact(row)?, row.get(8)?))).transpose()
}

/// The artifacts of one run or of all, that are still to be had, the newest first.
pub(in crate::depot) fn list(
    connection: &Connection,
    run: Option<&str>,
    now: Timestamp,
) -> Result<Vec<(Artifact, TreeId)>, Trouble> {
    select(
        connection,
        "WHERE (?1 IS NULL OR run = ?1) AND expires_at > ?2
         ORDER BY saved_at DESC, artifacts.id DESC",
        (run, now.as_microsecond()),
    )
}

/// Those whose time is over.
pub(in crate::depot) fn expired(
    connection: &Connection,
    now: Timestamp,
) -> Result<Vec<(Artifact, TreeId)>, Trouble> {
    select(connection, "WHERE expires_at <= ?1 ORDER BY expires_at", [now.as_microsecond()])
}

fn select(
    connection: &Connection,
    which: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<(Artifact, TreeId)>, Trouble> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {ARTIFACT}, tree FROM artifacts JOIN trees ON trees.id = tree {which}"
    ))?;
    let mut rows = select.query(parameters)?;
    let mut artifacts = Vec::new();
    while let Some(row) = rows.next()? {
        artifacts.push((artifact(row)?, row.get(8)?));
    }
    Ok(artifacts)
}

pub(in crate::depot) fn add(
    transaction: &Transaction<'_>,
    (run, name): (&str, &str),
    tree: TreeId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Trouble> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO artifacts (run, name, tree, saved_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    insert.execute((run, name, tree, now.as_microsecond(), expires_at.as_microsecond()))?;
    Ok(())
}

/// Takes an artifact away, noting why. Its tree is left to [`super::room`]. False when somebody
/// else was quicker.
pub(in crate::depot) fn remove(
    transaction: &Transaction<'_>,
    artifact: &Artifact,
    why: &Why,
    now: Timestamp,
) -> Result<bool, Trouble> {
    let mut delete = transaction.prepare_cached("DELETE FROM artifacts WHERE id = ?1")?;
    if delete.execute([signed(artifact.id)])? == 0 {
        return Ok(false);
    }
    let mut note = transaction.prepare_cached(
        "INSERT OR REPLACE INTO gone_artifacts (id, run, name, gone_at, why)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let (why, _) = rows::why(why);
    let (run, name) = (artifact.run.as_str(), artifact.name.as_str());
    note.execute((signed(artifact.id), run, name, now.as_microsecond(), why))?;
    Ok(true)
}

/// When and why the last artifact of this name went.
pub(in crate::depot) fn last_gone(
    connection: &Connection,
    run: &str,
    name: &str,
) -> Result<Option<(Timestamp, &'static str)>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT gone_at, why FROM gone_artifacts WHERE run = ?1 AND name = ?2
         ORDER BY gone_at DESC, id DESC LIMIT 1",
    )?;
    let mut rows = select.query((run, name))?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let why = match row.get::<_, i64>(1)? {
        1 => "its time was over",
        2 => "another took its place",
        _ => "it was removed",
    };
    Ok(Some((time(row, 0)?, why)))
}

pub(in crate::depot) fn count(connection: &Connection) -> Result<i64, Trouble> {
    Ok(connection.query_row("SELECT count(*) FROM artifacts", [], |row| row.get(0))?)
}

/// How many bytes artifacts need, compressed and each content once.
pub(in crate::depot) fn stored(connection: &Connection) -> Result<i64, Trouble> {
    Ok(connection.query_row(
        "SELECT coalesce(sum(stored), 0) FROM frames WHERE id IN (
             SELECT frame FROM tree_frames WHERE tree IN (SELECT tree FROM artifacts))",
        [],
        |row| row.get(0),
    )?)
}

/// The tree of an artifact that is still to be had.
pub(in crate::depot) fn tree(
    connection: &Connection,
    id: u64,
    now: Timestamp,
) -> Result<Option<TreeId>, Trouble> {
    let mut select = connection
        .prepare_cached("SELECT tree FROM artifacts WHERE id = ?1 AND expires_at > ?2")?;
    let tree = select.query_row((signed(id), now.as_microsecond()), |row| row.get(0));
    Ok(tree.optional()?)
}

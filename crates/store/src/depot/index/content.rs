//! Packs, frames, blobs and trees.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use super::super::content::Digest;
use super::super::trouble::Trouble;
use super::rows::{digest, signed, unsigned};

/// The number of a frame at rest.
pub(in crate::depot) type FrameId = i64;
/// The number of a tree.
pub(in crate::depot) type TreeId = i64;

/// A frame that was written and is not in the index yet.
#[derive(Debug, Clone)]
pub(in crate::depot) struct NewFrame {
    pub(in crate::depot) offset: u64,
    pub(in crate::depot) stored: u64,
    pub(in crate::depot) raw: u64,
    pub(in crate::depot) blobs: Vec<Blob>,
}

/// A piece of content within its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::depot) struct Blob {
    pub(in crate::depot) digest: Digest,
    pub(in crate::depot) start: u32,
    pub(in crate::depot) size: u32,
}

/// A frame at rest, and where.
#[derive(Debug, Clone)]
pub(in crate::depot) struct Frame {
    pub(in crate::depot) id: FrameId,
    pub(in crate::depot) pack: String,
    pub(in crate::depot) offset: u64,
    pub(in crate::depot) stored: u64,
    pub(in crate::depot) raw: u64,
    pub(in crate::depot) blobs: Vec<Blob>,
}

/// A frame that has the content, if any has.
pub(in crate::depot) fn find_blob(
    connection: &Connection,
    wanted: Digest,
) -> Result<Option<FrameId>, Trouble> {
    let mut select = connection
        .prepare_cached("SELECT frame FROM blobs WHERE short = ?1 AND digest = ?2 LIMIT 1")?;
    let found = select.query_row((wanted.short(), wanted.as_bytes()), |row| row.get(0));
    Ok(found.optional()?)
}

pub(in crate::depot) fn has_blobs(connection: &Connection) -> Result<bool, Trouble> {
    Ok(connection.query_row("SELECT EXISTS (SELECT 1 FROM blobs)", [], |row| row.get(0))?)
}

/// Those of the frames that have gone, or were found damaged.
pub(in crate::depot) fn vanished(
    connection: &Connection,
    frames: &BTreeSet<FrameId>,
) -> Result<BTreeSet<FrameId>, Trouble> {
    let mut select =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM blobs WHERE frame = ?1)")?;
    let mut vanished = BTreeSet::new();
    for frame in frames {
        if !select.query_row([frame], |row| row.get::<_, bool>(0))? {
            vanished.insert(*frame);
        }
    }
    Ok(vanished)
}

/// Which pack each of the frames is in, and where it ends there.
pub(in crate::depot) fn ends_of(
    connection: &Connection,
    frames: &BTreeSet<FrameId>,
) -> Result<Vec<(FrameId, String, u64)>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT name, offset + stored FROM frames JOIN packs ON packs.id = frames.pack
         WHERE frames.id = ?1",
    )?;
    let mut ends = Vec::with_capacity(frames.len());
    for frame in frames {
        let mut rows = select.query([frame])?;
        if let Some(row) = rows.next()? {
            ends.push((*frame, row.get(0)?, unsigned(row, 1)?));
        }
    }
    Ok(ends)
}

/// Makes a pack known, and gives its frames their numbers.
pub(in crate::depot) fn add_pack(
    transaction: &Transaction<'_>,
    name: &str,
    frames: &[NewFrame],
) -> Result<Vec<FrameId>, Trouble> {
    let live: u64 = frames.iter().map(|frame| frame.stored).sum();
    transaction.execute("INSERT INTO packs (name, live) VALUES (?1, ?2)", (name, signed(live)))?;
    let pack = transaction.last_insert_rowid();
    let mut add_frame = transaction
        .prepare_cached("INSERT INTO frames (pack, offset, stored, raw) VALUES (?1, ?2, ?3, ?4)")?;
    let mut add_blob = transaction.prepare_cached(
        "INSERT INTO blobs (frame, start, size, digest, short) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut ids = Vec::with_capacity(frames.len());
    for frame in frames {
        let (offset, stored, raw) = (signed(frame.offset), signed(frame.stored), signed(frame.raw));
        let id = add_frame.insert((pack, offset, stored, raw))?;
        for Blob { digest, start, size } in &frame.blobs {
            add_blob.execute((id, start, size, digest.as_bytes(), digest.short()))?;
        }
        ids.push(id);
    }
    Ok(ids)
}

/// Makes a tree known that needs these frames. The same manifest is the same tree.
pub(in crate::depot) fn add_tree(
    transaction: &Transaction<'_>,
    manifest: Digest,
    files: u64,
    size: u64,
    frames: &BTreeSet<FrameId>,
) -> Result<TreeId, Trouble> {
    let known = tree_of(transaction, manifest)?;
    let tree = match known {
        Some(tree) => tree,
        None => transaction
            .prepare_cached("INSERT INTO trees (manifest, files, size) VALUES (?1, ?2, ?3)")?
            .insert((manifest.as_bytes(), signed(files), signed(size)))?,
    };
    let mut add = transaction
        .prepare_cached("INSERT OR IGNORE INTO tree_frames (tree, frame) VALUES (?1, ?2)")?;
    for frame in frames {
        add.execute((tree, frame))?;
    }
    Ok(tree)
}

fn tree_of(connection: &Connection, manifest: Digest) -> Result<Option<TreeId>, Trouble> {
    let mut select = connection.prepare_cached("SELECT id FROM trees WHERE manifest = ?1")?;
    Ok(select.query_row([manifest.as_bytes()], |row| row.get(0)).optional()?)
}

/// The digest of a tree's manifest; `None` when the tree has gone.
pub(in crate::depot) fn manifest_of(
    connection: &Connection,
    tree: TreeId,
) -> Result<Option<Digest>, Trouble> {
    let mut select = connection.prepare_cached("SELECT manifest FROM trees WHERE id = ?1")?;
    let mut rows = select.query([tree])?;
    rows.next()?.map(|row| digest(row, 0)).transpose()
}

/// A frame, unless it has gone.
pub(in crate::depot) fn frame(
    connection: &Connection,
    id: FrameId,
) -> Result<Option<Frame>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT frames.id, packs.name, offset, stored, raw
         FROM frames JOIN packs ON packs.id = pack WHERE frames.id = ?1",
    )?;
    let mut rows = select.query([id])?;
    rows.next()?.map(|row| read_frame(connection, row)).transpose()
}

/// Every frame that a tree needs, in the order in which they lie.
pub(in crate::depot) fn frames_of(
    connection: &Connection,
    tree: TreeId,
) -> Result<Vec<Frame>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT frames.id, packs.name, offset, stored, raw
         FROM tree_frames JOIN frames ON frames.id = frame JOIN packs ON packs.id = pack
         WHERE tree = ?1 ORDER BY pack, offset",
    )?;
    let mut rows = select.query([tree])?;
    let mut frames = Vec::new();
    while let Some(row) = rows.next()? {
        frames.push(read_frame(connection, row)?);
    }
    Ok(frames)
}

fn read_frame(connection: &Connection, row: &Row<'_>) -> Result<Frame, Trouble> {
    let id = row.get(0)?;
    Ok(Frame {
        id,
        pack: row.get(1)?,
        offset: unsigned(row, 2)?,
        stored: unsigned(row, 3)?,
        raw: unsigned(row, 4)?,
        blobs: blobs_of(connection, id)?,
    })
}

fn blobs_of(connection: &Connection, frame: FrameId) -> Result<Vec<Blob>, Trouble> {
    let mut select =
        connection.prepare_cached("SELECT digest, start, size FROM blobs WHERE frame = ?1")?;
    let mut rows = select.query([frame])?;
    let mut blobs = Vec::new();
    while let Some(row) = rows.next()? {
        blobs.push(Blob { digest: digest(row, 0)?, start: row.get(1)?, size: row.get(2)? });
    }
    Ok(blobs)
}

/// Nobody counts on these frames any more: who needs what was in them saves it anew.
pub(in crate::depot) fn distrust(
    transaction: &Transaction<'_>,
    frames: &BTreeSet<FrameId>,
) -> Result<(), Trouble> {
    let mut forget = transaction.prepare_cached("DELETE FROM blobs WHERE frame = ?1")?;
    for frame in frames {
        forget.execute([frame])?;
    }
    Ok(())
}

pub(in crate::depot) fn is_pack_known(
    connection: &Connection,
    name: &str,
) -> Result<bool, Trouble> {
    let mut select =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM packs WHERE name = ?1)")?;
    Ok(select.query_row([name], |row| row.get(0))?)
}

/// How many bytes all trees need together.
pub(in crate::depot) fn stored(connection: &Connection) -> Result<u64, Trouble> {
    let mut select = connection.prepare_cached("SELECT coalesce(sum(live), 0) FROM packs")?;
    let mut rows = select.query([])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    unsigned(row, 0)
}

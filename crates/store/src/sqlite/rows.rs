//! Rows and what they mean: one place for how each thing is written down.

use jiff::Timestamp;
use model::id::{AnyId, CommandId};
use model::intent::{Generation, Intent};
use model::journal::{Entry, Hash, Head, Record};
use ports::store::{Open, Status, Stored};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::trouble::Trouble;

pub(super) fn load(connection: &Connection, process: AnyId) -> Result<Option<Stored>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT kind, version, state, status, wake_at, slot FROM processes WHERE id = ?1",
    )?;
    let text = process.to_string();
    let mut rows = select.query([&text])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Stored {
        id: process,
        kind: row.get(0)?,
        version: unsigned(row, 1)?,
        state: row.get(2)?,
        status: status(row.get(3)?)?,
        wake_at: time(row.get(4)?)?,
        slot: row.get(5)?,
        open: open(connection, &text)?,
    }))
}

fn open(connection: &Connection, process: &str) -> Result<Vec<Open>, Trouble> {
    let mut select = connection.prepare_cached(
        "SELECT generation, intent FROM intents INDEXED BY intents_open
         WHERE process = ?1 AND is_open = 1",
    )?;
    let mut rows = select.query([process])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let generation = Generation(unsigned(row, 0)?);
        open.push(Open { generation, intent: intent(row, 1)? });
    }
    open.sort_by_key(|open| open.intent.target());
    Ok(open)
}

/// Every process that has something to wait for, with its version and time. What has open intents
/// was held by a server that is no more: it has waited longest.
pub(super) fn waiting(connection: &Connection) -> Result<Vec<(AnyId, u64, Timestamp)>, Trouble> {
    let mut select = connection.prepare(
        "SELECT id, version, NULL FROM processes
         WHERE status <> 1 AND id IN (
             SELECT process FROM intents INDEXED BY intents_open WHERE is_open = 1)
         UNION ALL
         SELECT id, version, wake_at FROM processes INDEXED BY processes_active
         WHERE status = 0 AND wake_at IS NOT NULL AND id NOT IN (
             SELECT process FROM intents INDEXED BY intents_open WHERE is_open = 1)",
    )?;
    let mut rows = select.query([])?;
    let mut waiting = Vec::new();
    while let Some(row) = rows.next()? {
        let process = id(row, 0)?;
        waiting.push((process, unsigned(row, 1)?, time(row.get(2)?)?.unwrap_or(Timestamp::MIN)));
    }
    Ok(waiting)
}

pub(super) fn reply_to(
    connection: &Connection,
    command: CommandId,
) -> Result<Option<String>, Trouble> {
    let mut select = connection.prepare_cached("SELECT reply FROM commands WHERE id = ?1")?;
    Ok(select.query_row([command.to_string()], |row| row.get(0)).optional()?)
}

pub(super) fn head(connection: &Connection) -> Result<Head, Trouble> {
    let mut select = connection.prepare_cached("SELECT seq, link FROM journal_head")?;
    let mut rows = select.query([])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let link: Vec<u8> = row.get(1)?;
    let link = <[u8; 32]>::try_from(link.as_slice())
        .map_err(|error| Trouble::unreadable("the link of the journal's head", error))?;
    Ok(Head { seq: unsigned(row, 0)?, link: Hash(link) })
}

/// The columns of a fact, as [`entry`] reads them.
pub(super) const ENTRY: &str = "seq, at, schema, kind, actor, cause, subject, scope, body, link";

/// A fact just as it stands there: after an edit it may hold anything, and is to be shown as such.
pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let text = |column| match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Ok::<_, rusqlite::Error>(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => Ok(String::new()),
    };
    let record = Record {
        at: row.get(1)?,
        schema: row.get(2)?,
        kind: text(3)?,
        actor: text(4)?,
        cause: text(5)?,
        subject: text(6)?,
        scope: text(7)?,
        body: text(8)?,
    };
    let seq = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
    Ok(Entry { seq, record, link: row.get(9)? })
}

pub(super) fn id(row: &Row<'_>, column: usize) -> Result<AnyId, Trouble> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    text.parse().map_err(|error| Trouble::unreadable("an id", error))
}

pub(super) fn intent(row: &Row<'_>, column: usize) -> Result<Intent, Trouble> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    serde_json::from_str(text).map_err(|error| Trouble::unreadable("an intent", error))
}

/// SQLite's integers have a sign; none of ours that is never negative comes near the end.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, Trouble> {
    let signed = row.get::<_, i64>(column)?;
    u64::try_from(signed).map_err(|error| Trouble::unreadable("a number", error))
}

/// The nearest that SQLite can hold.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn time(micros: Option<i64>) -> Result<Option<Timestamp>, Trouble> {
    let time = micros.map(Timestamp::from_microsecond).transpose();
    time.map_err(|error| Trouble::unreadable("a time", error))
}

const ACTIVE: i64 = 0;
const PARKED: i64 = 1;
const ENDED: i64 = 2;

pub(super) fn status_code(status: Status) -> i64 {
    match status {
        Status::Active => ACTIVE,
        Status::Parked => PARKED,
        Status::Ended => ENDED,
    }
}

pub(super) fn status(code: i64) -> Result<Status, Trouble> {
    match code {
        ACTIVE => Ok(Status::Active),
        PARKED => Ok(Status::Parked),
        ENDED => Ok(Status::Ended),
        other => Err(Trouble::unreadable("a status", other)),
    }
}

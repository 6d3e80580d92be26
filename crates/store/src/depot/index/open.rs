//! Opening the index: whose it is, how old it is, and bringing it up to date.
//!
//! Nothing but SQLite ever opens the file here: closing it would take away the locks that other
//! connections of the same process have on it.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use ports::depot::{DepotError, DepotErrorKind};
use rusqlite::{Connection, OpenFlags};

use super::super::trouble::{Trouble, of_file};

/// What tells the index from the files of other programs: `HiDe`.
const APPLICATION_ID: i64 = 0x4869_4465;

/// Each brings the schema from one version to the next. What was released is never edited.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001.sql")];
/// The newest version that is known here.
const NEWEST: i64 = 1;

/// How long somebody waits for another program's transaction to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of the index a connection keeps in memory, in KiB.
const CACHE: i64 = 8 << 10;
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// Opens the index, making it where there is none.
pub(super) fn open(path: &Path) -> Result<Connection, DepotError> {
    let connection = connect(path)?;
    if state(&connection, path)? != State::Ready {
        let beside = path.with_extension("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&beside);
        let lock = lock.map_err(|error| of_file(&beside, "opened", error))?;
        lock.lock().map_err(|error| of_file(&beside, "locked", error))?;
        // Somebody else may have been quicker.
        let state = state(&connection, path)?;
        bring_up_to_date(&connection, state).map_err(|trouble| trouble.at(path))?;
    }
    Ok(connection)
}

/// One more connection to an index that was opened before.
pub(super) fn connect(path: &Path) -> Result<Connection, DepotError> {
    let connect = || -> Result<Connection, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "cache_size", -CACHE)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(connection)
    };
    connect().map_err(|trouble| trouble.at(path))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// It has this version, or was made and no more.
    Behind(i64),
}

fn state(connection: &Connection, path: &Path) -> Result<State, DepotError> {
    let look = || -> Result<_, Trouble> {
        // Somebody else may be making it just now: all is seen from the same moment.
        let connection = connection.unchecked_transaction()?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let owner: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((version, owner, mode, tables))
    };
    let (version, owner, mode, tables) = look().map_err(|trouble| trouble.at(path))?;
    if owner != APPLICATION_ID && (owner, version, tables) != (0, 0, 0) {
        let what = format!("{} is not a depot of highroad's: another program's", path.display());
        return Err(DepotError::new(DepotErrorKind::Foreign, what));
    }
    if version > NEWEST {
        let what = format!(
            "{} was written by a newer highroad: it has schema {version}, {NEWEST} is known here",
            path.display()
        );
        return Err(DepotError::new(DepotErrorKind::Newer, what));
    }
    let is_ready = version == NEWEST && mode == "wal";
    Ok(if is_ready { State::Ready } else { State::Behind(version) })
}

fn bring_up_to_date(connection: &Connection, state: State) -> Result<(), Trouble> {
    let State::Behind(version) = state else { return Ok(()) };
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let behind = (1..).zip(MIGRATIONS).filter(|(of, _)| *of > version);
    for (version, migration) in behind {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

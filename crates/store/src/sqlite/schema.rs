//! The versions of the schema, and the way from each to the next.

use rusqlite::Connection;

use super::trouble::Trouble;

/// What tells a file of Highroad's from those of other programs: `HiRd`.
pub(super) const APPLICATION_ID: u32 = 0x4869_5264;

/// Each brings the schema from one version to the next. What was released is never edited.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/sqlite/0001.sql")];

/// The newest version that is known here.
pub(super) const NEWEST: usize = MIGRATIONS.len();

/// The version of an open database; 0 when nothing was ever written there.
pub(super) fn version(connection: &Connection) -> Result<usize, Trouble> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
    usize::try_from(version).map_err(|error| Trouble::unreadable("the schema's version", error))
}

/// Brings an open database to the newest version, one whole step at a time.
pub(super) fn migrate(connection: &Connection) -> Result<(), Trouble> {
    for (version, migration) in (1_i64..).zip(MIGRATIONS).skip(version(connection)?) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

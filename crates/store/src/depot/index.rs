//! The index: one SQLite file that any number of processes may use at once.

pub(super) mod artifacts;
pub(super) mod caches;
pub(super) mod content;
pub(super) mod lookups;
mod open;
pub(super) mod room;
pub(super) mod rows;

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ports::depot::DepotError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::trouble::Trouble;

/// Connections to the index, made when they are needed and used again.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// How many connections are kept for later.
const MOST_IDLE: usize = 8;

/// How much a write must outlive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// The end of the program, however sudden. The loss of power may undo it.
    Process,
    /// The loss of power too.
    Power,
}

impl Index {
    pub(super) fn open(depot: &Path) -> Result<Self, DepotError> {
        let path = depot.join("index.db");
        let connection = open::open(&path)?;
        Ok(Self { path, idle: Mutex::new(vec![connection]) })
    }

    /// Reads, all of it from the same moment.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, DepotError> {
        let mut connection = self.connection()?;
        let read = |connection: &mut Connection| -> Result<T, Trouble> {
            let transaction = connection.transaction()?;
            work(&transaction)
        };
        read(connection.get()).map_err(|trouble| trouble.at(&self.path))
    }

    /// Writes all of it, or nothing of it.
    pub(super) fn write<T>(
        &self,
        lasting: Lasting,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, DepotError> {
        let mut connection = self.connection()?;
        let write = |connection: &mut Connection| -> Result<T, Trouble> {
            let synchronous = match lasting {
                Lasting::Process => "NORMAL",
                Lasting::Power => "FULL",
            };
            connection.pragma_update(None, "synchronous", synchronous)?;
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        };
        write(connection.get()).map_err(|trouble| trouble.at(&self.path))
    }

    /// A connection of one's own, for many questions that need not see the same moment.
    pub(super) fn connection(&self) -> Result<Lease<'_>, DepotError> {
        let idle = self.idle.lock().expect("nobody panics with it").pop();
        let connection = idle.map_or_else(|| open::connect(&self.path), Ok)?;
        Ok(Lease { index: self, connection: Some(connection) })
    }

    /// What went wrong with a connection that was lent.
    pub(super) fn trouble(&self, trouble: impl Into<Trouble>) -> DepotError {
        trouble.into().at(&self.path)
    }
}

/// A connection that goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    index: &'a Index,
    connection: Option<Connection>,
}

impl Lease<'_> {
    fn get(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is there until the end")
    }
}

impl Deref for Lease<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is there until the end")
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Ok(mut idle) = self.index.idle.lock() else { return };
        if idle.len() < MOST_IDLE {
            idle.extend(self.connection.take());
        }
    }
}

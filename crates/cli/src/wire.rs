//! The one place where the ports get what is behind them.

use std::path::Path;
use std::sync::Arc;

use model::fact::{Actor, ActorName};
use ports::clock::{Clock, SystemClock};
use ports::depot::Depot;
use ports::entropy::{Entropy, SystemEntropy};
use ports::store::{Store, StoreError};
use store::postgres::PostgresStore;
use store::sqlite::{Mode, SqliteStore};
use store::vault::{EmbeddedVault, RootKeys};

use crate::database::Database;
use crate::error::Error;
use crate::late_depot::LateDepot;

/// The database, to be read only: it is neither made nor changed, and a server may have it.
pub(crate) async fn store_to_read(database: &Database) -> Result<Box<dyn Store>, Error> {
    let opened: Result<Box<dyn Store>, _> = match database {
        Database::File(path) => {
            SqliteStore::open(path, Mode::Reader).map(|store| Box::new(store) as _)
        }
        Database::Postgres(url) => {
            PostgresStore::open_read_only(url.expose()).await.map(|store| Box::new(store) as _)
        }
    };
    opened.map_err(|failure| database.failure(&failure))
}

/// The database to change it: it is made if there is none. A file belongs to nobody else then. Why
/// it cannot be had is for the caller to explain.
pub(crate) async fn store_to_write(database: &Database) -> Result<Box<dyn Store>, StoreError> {
    match database {
        Database::File(path) => {
            SqliteStore::open(path, Mode::Server).map(|store| Box::new(store) as _)
        }
        Database::Postgres(url) => {
            PostgresStore::open(url.expose()).await.map(|store| Box::new(store) as _)
        }
    }
}

/// The secrets in a database.
pub(crate) fn vault(store: Arc<dyn Store>, keys: RootKeys) -> EmbeddedVault {
    EmbeddedVault::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy), keys)
}

/// Where artifacts and caches are on this machine.
pub(crate) fn depot(data: &Path) -> Arc<dyn Depot> {
    Arc::new(LateDepot::at(&data.join("depot")))
}

/// Who sits at the terminal.
pub(crate) fn person() -> Actor {
    let login = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let login = login.as_deref().and_then(ActorName::new);
    Actor::Person(login.or_else(|| ActorName::new("nobody")).expect("it is a name"))
}

pub(crate) fn clock() -> impl Clock {
    SystemClock
}

pub(crate) fn entropy() -> impl Entropy {
    SystemEntropy
}

/// Runs what has to wait, on this thread alone. Commands that never wait do without.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::io("cannot set up a way to wait", &error))?;
    runtime.block_on(work)
}

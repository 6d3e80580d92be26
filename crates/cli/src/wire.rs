//! The one place where the ports get what is behind them.

use ports::clock::{Clock, SystemClock};
use ports::store::Store;
use store::postgres::PostgresStore;
use store::sqlite::{Mode, SqliteStore};

use crate::database::Database;
use crate::error::Error;

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

pub(crate) fn clock() -> impl Clock {
    SystemClock
}

/// Runs what has to wait, on this thread alone. Commands that never wait do without.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::io("cannot set up a way to wait", &error))?;
    runtime.block_on(work)
}

//! Opens the real stores by their addresses: `sqlite:PATH` or `postgres://…`.

use std::sync::Arc;

use ports::store::{Store, StoreError};
use store::postgres::PostgresStore;
use store::sqlite::{Mode, SqliteStore};

/// Opens a store as a server does.
pub async fn open(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url.strip_prefix("sqlite:") {
        Some(path) => Arc::new(SqliteStore::open(path, Mode::Server)?),
        None => Arc::new(PostgresStore::open(url).await?),
    })
}

/// Opens a store that a server may have open at the same time.
pub async fn open_to_read(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url.strip_prefix("sqlite:") {
        Some(path) => Arc::new(SqliteStore::open(path, Mode::Reader)?),
        None => Arc::new(PostgresStore::open_read_only(url).await?),
    })
}

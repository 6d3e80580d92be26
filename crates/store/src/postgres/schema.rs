//! The store's own schema in the database: which version it has, and how it gets to the newest.

use ports::store::{StoreError, StoreErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use super::address::Address;
use super::error::explain;

/// What leads from each version to the next.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/postgres/0001.sql")];

/// What was found in the place of the store's schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Foreign,
    Version(usize),
}

/// Brings the schema to the newest version. Servers that start at once wait for each other.
pub(super) async fn migrate(
    client: &mut Client,
    schema: &str,
    address: &Address,
) -> Result<(), StoreError> {
    match find(client, schema, address).await? {
        Found::Version(version) if version >= MIGRATIONS.len() => {
            return check(client, schema, address).await;
        }
        Found::Foreign => return Err(foreign(schema, address)),
        Found::Nothing | Found::Version(_) => {}
    }
    let failed = |error| explain(error, address).doing("migrate the database");
    let transaction = client.transaction().await.map_err(failed)?;
    let key = i64::from_be_bytes(*b"highroad");
    transaction
        .batch_execute(&format!(
            "SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({key})"
        ))
        .await
        .map_err(failed)?;
    // Somebody else may have been here while this one waited for the lock.
    let from = match find(transaction.client(), schema, address).await? {
        Found::Version(version) => version,
        Found::Foreign => return Err(foreign(schema, address)),
        Found::Nothing => {
            let schema = quoted(schema);
            let first = format!(
                "CREATE SCHEMA IF NOT EXISTS {schema};
                 CREATE TABLE migrations (version int PRIMARY KEY, at bigint NOT NULL)"
            );
            transaction.batch_execute(&first).await.map_err(failed)?;
            0
        }
    };
    for (version, sql) in (1..).zip(MIGRATIONS).skip(from) {
        let note = format!(
            "INSERT INTO migrations (version, at)
             VALUES ({version}, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
        );
        transaction.batch_execute(sql).await.map_err(failed)?;
        transaction.batch_execute(&note).await.map_err(failed)?;
        tracing::info!(version, schema, "the database was migrated");
    }
    transaction.commit().await.map_err(failed)?;
    check(client, schema, address).await
}

/// Refuses a schema of any other version than this program's.
pub(super) async fn check(
    client: &Client,
    schema: &str,
    address: &Address,
) -> Result<(), StoreError> {
    let ours = MIGRATIONS.len();
    let (kind, what) = match find(client, schema, address).await? {
        Found::Version(version) if version == ours => return Ok(()),
        Found::Version(version) if version > ours => (
            StoreErrorKind::Newer,
            format!(
                "the database {address} was written by a newer highroad: its schema has version \
                 {version}, this program knows version {ours} and older"
            ),
        ),
        Found::Version(version) => (
            StoreErrorKind::Failed,
            format!(
                "the database {address} has schema version {version}: `highroad server` migrates \
                 it to version {ours} when it starts"
            ),
        ),
        Found::Nothing => (
            StoreErrorKind::Missing,
            format!(
                "the database {address} has no schema `{schema}`: `highroad server` creates it \
                 when it starts"
            ),
        ),
        Found::Foreign => return Err(foreign(schema, address)),
    };
    Err(StoreError::new(kind, what))
}

/// A name as it may stand in SQL, whatever it holds.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

async fn find(client: &Client, schema: &str, address: &Address) -> Result<Found, StoreError> {
    let failed = |error| explain(error, address).doing("read the database's version");
    let tables = "SELECT count(*), count(*) FILTER (WHERE c.relname = 'migrations')
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind = 'r'";
    let row = client.query_typed_one(tables, &[(&schema, Type::TEXT)]).await.map_err(failed)?;
    let (all, migrations): (i64, i64) = (row.get(0), row.get(1));
    if migrations == 0 {
        return Ok(if all == 0 { Found::Nothing } else { Found::Foreign });
    }
    let newest = "SELECT coalesce(max(version), 0)::bigint FROM migrations";
    let row = client.query_typed_one(newest, &[]).await.map_err(failed)?;
    Ok(usize::try_from(row.get::<_, i64>(0)).map_or(Found::Foreign, Found::Version))
}

fn foreign(schema: &str, address: &Address) -> StoreError {
    StoreError::new(
        StoreErrorKind::Foreign,
        format!("the schema `{schema}` in the database {address} is not highroad's"),
    )
}

//! What the server's and the driver's errors mean, in the store's words.

use std::error::Error as _;
use std::io;

use ports::store::{StoreError, StoreErrorKind};
use tokio_postgres::error::SqlState;

use super::address::Address;

/// An error that is understood, and not yet told.
#[derive(Debug)]
pub(super) struct Explained<'a> {
    kind: StoreErrorKind,
    address: &'a Address,
    /// What the operator can do about it, where that is known.
    advice: Option<String>,
    source: tokio_postgres::Error,
}

pub(super) fn explain(error: tokio_postgres::Error, address: &Address) -> Explained<'_> {
    let kind = match error.code() {
        Some(code) => kind_of(code),
        // Nothing was sent that the protocol has no room for.
        None if is_unsendable(&error) => StoreErrorKind::TooLarge,
        None => StoreErrorKind::Unreachable,
    };
    let advice = error.code().and_then(|code| advice(code, address));
    Explained { kind, address, advice, source: error }
}

impl Explained<'_> {
    /// Tells it as the reason why something could not be done.
    pub(super) fn doing(self, what: &str) -> StoreError {
        let Self { kind, address, advice, source } = self;
        let what = match advice {
            Some(advice) => advice,
            None => format!("cannot {what} ({address})"),
        };
        // The driver's own words only say that there is an error.
        let text = source.to_string();
        let source = source.into_source().unwrap_or_else(|| text.into());
        StoreError { kind, what, source: Some(source) }
    }

    pub(super) fn connecting(self) -> StoreError {
        if self.advice.is_none() && self.kind == StoreErrorKind::Unreachable {
            let what = if is_tls(&self.source) {
                format!("no secure connection to PostgreSQL at {}", self.address.place())
            } else {
                format!(
                    "PostgreSQL does not answer at {}: is it running, and is the address right?",
                    self.address.place()
                )
            };
            return Self { advice: Some(what), ..self }.doing("");
        }
        self.doing("connect")
    }
}

/// What a value in the database means that the store cannot have written.
pub(super) fn damaged(what: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Damaged, what)
}

fn kind_of(code: &SqlState) -> StoreErrorKind {
    let unreachable = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::TOO_MANY_CONNECTIONS,
    ];
    let denied = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    let damaged = [
        SqlState::DATA_CORRUPTED,
        SqlState::INDEX_CORRUPTED,
        // The store's tables were there when the connection was made.
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::UNDEFINED_COLUMN,
        SqlState::NO_DATA_FOUND,
    ];
    match code {
        code if unreachable.contains(code) || code.code().starts_with("08") => {
            StoreErrorKind::Unreachable
        }
        code if denied.contains(code) => StoreErrorKind::Denied,
        code if damaged.contains(code) => StoreErrorKind::Damaged,
        code if *code == SqlState::INVALID_CATALOG_NAME => StoreErrorKind::Missing,
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StoreErrorKind::ReadOnly,
        code if *code == SqlState::DISK_FULL => StoreErrorKind::Full,
        code if code.code().starts_with("54") => StoreErrorKind::TooLarge,
        _ => StoreErrorKind::Failed,
    }
}

fn advice(code: &SqlState, address: &Address) -> Option<String> {
    let (place, user, database) = (address.place(), address.user(), address.database());
    Some(match code {
        code if *code == SqlState::INVALID_PASSWORD => {
            format!("PostgreSQL at {place} refuses the password of the user `{user}`")
        }
        code if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            format!("PostgreSQL at {place} does not let the user `{user}` in")
        }
        code if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            format!("the user `{user}` may not do this in the database {address}")
        }
        code if *code == SqlState::INVALID_CATALOG_NAME => {
            format!(
                "there is no database `{database}` at {place}: create it with `createdb {database}`"
            )
        }
        code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
            format!("the database {address} can only be read: is the server a standby?")
        }
        code if *code == SqlState::DISK_FULL => {
            format!("the disk of PostgreSQL at {place} is full")
        }
        code if *code == SqlState::TOO_MANY_CONNECTIONS => {
            format!("PostgreSQL at {place} has no connection left: see its `max_connections`")
        }
        code if *code == SqlState::CANNOT_CONNECT_NOW => {
            format!("PostgreSQL at {place} is starting or ending")
        }
        _ => return None,
    })
}

fn is_unsendable(error: &tokio_postgres::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| source.kind() == io::ErrorKind::InvalidInput)
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    error.to_string().contains("TLS")
}

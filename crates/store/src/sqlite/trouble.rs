//! What goes wrong with the file, told in the words of the port.

use std::io;
use std::path::Path;

use ports::store::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_SHMOPEN, SQLITE_IOERR_SHMSIZE};

/// Why the file did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A row holds what this store never wrote.
    #[error("{0}")]
    Unreadable(String),
}

impl Trouble {
    pub(super) fn unreadable(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Unreadable(format!("{what} cannot be read: {why}"))
    }

    pub(super) fn at(self, path: &Path) -> StoreError {
        let kind = match &self {
            Self::Sqlite(error) => kind(error),
            Self::Unreadable(_) => StoreErrorKind::Damaged,
        };
        let what = match kind {
            StoreErrorKind::Damaged => "is damaged",
            StoreErrorKind::Full => "cannot grow: the disk is full",
            StoreErrorKind::ReadOnly => "cannot be written",
            StoreErrorKind::Locked => "is being written by another program",
            StoreErrorKind::TooLarge => "cannot take anything that large",
            StoreErrorKind::Unreachable => "cannot be reached: its disk fails",
            _ => "does not serve",
        };
        StoreError::new(kind, format!("{} {what}", path.display())).because(self)
    }
}

fn kind(error: &rusqlite::Error) -> StoreErrorKind {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return match error {
            // A row that has not the columns and types it was made with.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows => StoreErrorKind::Damaged,
            _ => StoreErrorKind::Failed,
        };
    };
    match failure.code {
        ErrorCode::DiskFull => StoreErrorKind::Full,
        // The file's shared memory lies beside it, and is what a full disk refuses first.
        ErrorCode::SystemIoFailure if failure.extended_code == SQLITE_IOERR_SHMSIZE => {
            StoreErrorKind::Full
        }
        ErrorCode::ReadOnly => StoreErrorKind::ReadOnly,
        ErrorCode::SystemIoFailure if failure.extended_code == SQLITE_IOERR_SHMOPEN => {
            StoreErrorKind::ReadOnly
        }
        // What was written may have reached the disk or not.
        ErrorCode::SystemIoFailure => StoreErrorKind::Unreachable,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreErrorKind::Damaged,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreErrorKind::Locked,
        ErrorCode::TooBig => StoreErrorKind::TooLarge,
        _ => StoreErrorKind::Failed,
    }
}

/// Trouble with a file or folder, outside of SQLite.
pub(super) fn of_file(path: &Path, doing: &str, error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => StoreErrorKind::Missing,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreErrorKind::ReadOnly
        }
        _ => StoreErrorKind::Failed,
    };
    StoreError::new(kind, format!("{} cannot be {doing}", path.display())).because(error)
}

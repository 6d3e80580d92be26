//! What goes wrong in the depot, told in the words of the port.

use std::io;
use std::path::Path;

use ports::depot::{DepotError, DepotErrorKind};
use rusqlite::ErrorCode;

/// Why the index did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A row holds what this depot never wrote.
    #[error("{0}")]
    Unreadable(String),
    /// Not the index's fault.
    #[error(transparent)]
    Depot(#[from] DepotError),
}

impl Trouble {
    pub(super) fn unreadable(what: &str, why: impl std::fmt::Display) -> Self {
        Self::Unreadable(format!("{what} cannot be read: {why}"))
    }

    /// Of the index at this path.
    pub(super) fn at(self, path: &Path) -> DepotError {
        let kind = match &self {
            Self::Sqlite(error) => kind(error),
            Self::Unreadable(_) => DepotErrorKind::Damaged,
            Self::Depot(_) => {
                let Self::Depot(error) = self else { unreachable!("it was looked at") };
                return error;
            }
        };
        let what = match kind {
            DepotErrorKind::Damaged => {
                return damaged_index(path).because(self);
            }
            DepotErrorKind::Full => "cannot grow: the disk is full",
            DepotErrorKind::Denied => "cannot be written",
            DepotErrorKind::Busy => "is kept busy by other programs",
            _ => "does not serve",
        };
        DepotError::new(kind, format!("{} {what}", path.display())).because(self)
    }
}

/// The one trouble that a person has to mend.
fn damaged_index(path: &Path) -> DepotError {
    let folder = path.parent().unwrap_or(path).display();
    let what = format!(
        "the depot's index {} is damaged; move the folder {folder} away to begin a new depot: \
         caches fill again by themselves, the artifacts in it are lost",
        path.display()
    );
    DepotError::new(DepotErrorKind::Damaged, what)
}

fn kind(error: &rusqlite::Error) -> DepotErrorKind {
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        return match error {
            // A row that has not the columns and types it was made with.
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows => DepotErrorKind::Damaged,
            _ => DepotErrorKind::Failed,
        };
    };
    match failure.code {
        ErrorCode::DiskFull => DepotErrorKind::Full,
        // The index's shared memory lies beside it, and is what a full disk refuses first.
        ErrorCode::SystemIoFailure
            if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE =>
        {
            DepotErrorKind::Full
        }
        ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
            DepotErrorKind::Denied
        }
        // Where the file is shorter than it says of itself, reading it fails as from a bad disk.
        ErrorCode::SystemIoFailure
            if failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ =>
        {
            DepotErrorKind::Damaged
        }
        // A table or an index that should be there and is not shows itself as a plain error.
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown => {
            DepotErrorKind::Damaged
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => DepotErrorKind::Busy,
        _ => DepotErrorKind::Failed,
    }
}

/// Trouble with a file or folder, outside of the index.
pub(super) fn of_file(path: &Path, doing: &str, error: impl Into<io::Error>) -> DepotError {
    let error = error.into();
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DepotErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            DepotErrorKind::Denied
        }
        _ => DepotErrorKind::Failed,
    };
    DepotError::new(kind, format!("{} cannot be {doing}", path.display())).because(error)
}

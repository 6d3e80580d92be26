//! Opening the file: whose it is, who else has it, and whether it is whole.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ports::store::{StoreError, StoreErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::schema::{self, APPLICATION_ID, NEWEST};
use super::trouble::{Trouble, of_file};

/// An open database.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) path: Arc<Path>,
    pub(super) connection: Connection,
}

/// Says that a server has the database, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Lock(
    #[expect(dead_code, reason = "the system unlocks it when it is closed")] File,
);

/// How long somebody waits for another program's transaction to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pages kept in memory, in KiB.
const WRITER_CACHE: i64 = 32 << 10;
const READER_CACHE: i64 = 8 << 10;
/// After how many pages the log is carried over into the database, and to how many bytes it is
/// cut then. Rows that change often are carried over once for many changes.
const LOG_PAGES: i64 = 8_000;
const LOG_BYTES: i64 = 64 << 20;
/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;

/// For a server: the database is its own until the lock is dropped.
pub(super) fn open_exclusive(path: &Path) -> Result<(OpenFile, Lock), StoreError> {
    let found = inspect(path)?;
    let path = match found {
        Found::Nothing => in_new_folder(path)?,
        Found::Ours => whole_path(path)?,
    };
    let lock = lock(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let set_up = || -> Result<(Connection, usize), Trouble> {
        let connection = Connection::open_with_flags(&path, flags | NO_MUTEX)?;
        connection.busy_timeout(PATIENCE)?;
        let version = schema::version(&connection)?;
        Ok((connection, version))
    };
    let (connection, version) = set_up().map_err(|trouble| trouble.at(&path))?;
    let read_only =
        connection.is_readonly("main").map_err(|error| Trouble::from(error).at(&path))?;
    if read_only {
        let what = format!("{} may be read, but not written", path.display());
        return Err(StoreError::new(StoreErrorKind::ReadOnly, what));
    }
    refuse_newer(&path, version)?;
    let bring_up_to_date = || -> Result<(), Trouble> {
        // It counts only for a file that is made now.
        set_pragma(&connection, "page_size", PAGE)?;
        schema::migrate(&connection)?;
        set_pragma(&connection, "journal_mode", "WAL")?;
        set_pragma(&connection, "synchronous", "FULL")?;
        set_pragma(&connection, "cache_size", -WRITER_CACHE)?;
        set_pragma(&connection, "wal_autocheckpoint", LOG_PAGES)?;
        set_pragma(&connection, "journal_size_limit", LOG_BYTES)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(())
    };
    bring_up_to_date().map_err(|trouble| trouble.at(&path))?;
    Ok((OpenFile { path, connection }, lock))
}

/// For a server's own readers, once it has the database.
pub(super) fn open_beside(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> Result<Connection, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        set_up_reader(&connection)?;
        Ok(connection)
    };
    open().map_err(|trouble| trouble.at(path))
}

/// For whoever only reads, with a server beside or without one.
pub(super) fn open_to_read(path: &Path) -> Result<OpenFile, StoreError> {
    if inspect(path)? == Found::Nothing {
        let what = format!("there is no database at {}", path.display());
        return Err(StoreError::new(StoreErrorKind::Missing, what));
    }
    let path = whole_path(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | NO_MUTEX;
    let open = |of: &Path, flags| -> Result<(Connection, usize), Trouble> {
        let connection = Connection::open_with_flags(of, flags)?;
        set_up_reader(&connection)?;
        let version = schema::version(&connection)?;
        Ok((connection, version))
    };
    let opened = match open(&path, flags) {
        // A reader wants to lay shared memory beside the file. Where it may not, and no log waits
        // there, nobody writes either: the file can be read as one that does not change.
        Err(Trouble::Sqlite(error)) if is_denied(&error) && is_empty(&beside(&path, "-wal")) => {
            open(&as_unchanging(&path), flags | OpenFlags::SQLITE_OPEN_URI)
        }
        opened => opened,
    };
    let (connection, version) = opened.map_err(|trouble| trouble.at(&path))?;
    refuse_newer(&path, version)?;
    if version < NEWEST {
        let what = format!(
            "{} has schema {version} of an older highroad: a server brings it to {NEWEST}",
            path.display()
        );
        return Err(StoreError::new(StoreErrorKind::Failed, what));
    }
    Ok(OpenFile { path, connection })
}

/// A commit touches a page of each table, and all of them go to the disk before it is
/// acknowledged: with half of SQLite's usual size that is less.
const PAGE: u32 = 2_048;

/// Every connection stays on one thread at a time.
const NO_MUTEX: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX;

fn set_up_reader(connection: &Connection) -> Result<(), Trouble> {
    connection.busy_timeout(PATIENCE)?;
    set_pragma(connection, "query_only", true)?;
    set_pragma(connection, "cache_size", -READER_CACHE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// Some settings answer with what they were set to, others with nothing.
fn set_pragma(
    connection: &Connection,
    name: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), Trouble> {
    Ok(connection.pragma_update(None, name, value)?)
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Ours,
}

/// Looks at the file before SQLite does, which would take it for its own and change it.
fn inspect(path: &Path) -> Result<Found, StoreError> {
    let foreign = |why: &str| {
        let what = format!("{} is not a database of highroad's: {why}", path.display());
        Err(StoreError::new(StoreErrorKind::Foreign, what))
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(of_file(path, "opened", error)),
        Ok(metadata) if metadata.is_dir() => return foreign("it is a folder"),
        Ok(metadata) if !metadata.is_file() => return foreign("it is not a file"),
        Ok(metadata) if metadata.len() == 0 => return Ok(Found::Nothing),
        Ok(_) => {}
    }
    let read = || {
        let mut header = Vec::with_capacity(HEADER);
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        file.take(HEADER as u64).read_to_end(&mut header)?;
        Ok((header, length))
    };
    let (header, length) = read().map_err(|error| of_file(path, "read", error))?;
    let magic = &header[..header.len().min(MAGIC.len())];
    if !MAGIC.starts_with(magic) {
        return foreign("it is not an SQLite file");
    }
    let damaged = |why: String| {
        let what = format!("{} is damaged: {why}", path.display());
        Err(StoreError::new(StoreErrorKind::Damaged, what))
    };
    if header.len() < HEADER {
        return damaged(format!("it ends after {length} bytes"));
    }
    if number(&header, 68) != APPLICATION_ID {
        return foreign("another program wrote it");
    }
    // The log may hold what the file lacks. The count of pages holds only where both marks agree.
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let expected = page * u64::from(number(&header, 28));
    if number(&header, 24) == number(&header, 92)
        && length < expected
        && is_empty(&beside(path, "-wal"))
    {
        return damaged(format!("it ends after {length} of {expected} bytes"));
    }
    Ok(Found::Ours)
}

/// How every SQLite file begins, and how many bytes tell what is in it.
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;

fn number(header: &[u8], at: usize) -> u32 {
    let bytes = header[at..at + 4].try_into().expect("four bytes of a whole header");
    u32::from_be_bytes(bytes)
}

fn in_new_folder(path: &Path) -> Result<Arc<Path>, StoreError> {
    let name = path.file_name().ok_or_else(|| {
        let what = format!("`{}` does not name a file", path.display());
        StoreError::new(StoreErrorKind::Failed, what)
    })?;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| of_file(folder, "made", error))?;
    Ok(whole_path(folder)?.join(name).into())
}

/// One database has one lock, by whichever link it is opened.
fn whole_path(path: &Path) -> Result<Arc<Path>, StoreError> {
    path.canonicalize().map(Arc::from).map_err(|error| of_file(path, "opened", error))
}

fn lock(path: &Path) -> Result<Lock, StoreError> {
    let beside = beside(path, ".lock");
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(&beside);
    let mut file = open().map_err(|error| of_file(&beside, "opened", error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let by = match file.take(20).read_to_string(&mut holder) {
                Ok(1..) => format!("process {}", holder.trim()),
                _ => "a process that has not given its number".to_owned(),
            };
            let what = format!("{} belongs to another server, {by}", path.display());
            return Err(StoreError::new(StoreErrorKind::Locked, what));
        }
        Err(TryLockError::Error(error)) => return Err(of_file(&beside, "locked", error)),
    }
    let mut sign = || {
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())
    };
    sign().map_err(|error| of_file(&beside, "written", error))?;
    Ok(Lock(file))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn is_empty(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |metadata| metadata.len() == 0)
}

fn is_denied(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure))
}

fn as_unchanging(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from("file:");
    let path = path.to_string_lossy();
    name.push(path.replace('%', "%25").replace('?', "%3f").replace('#', "%23"));
    name.push("?immutable=1");
    name.into()
}

fn refuse_newer(path: &Path, version: usize) -> Result<(), StoreError> {
    if version <= NEWEST {
        return Ok(());
    }
    let what = format!(
        "{} was written by a newer highroad: it has schema {version}, {NEWEST} is known here",
        path.display()
    );
    Err(StoreError::new(StoreErrorKind::Newer, what))
}

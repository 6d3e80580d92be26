//! The embedded store: one SQLite file, one server that has it, one thread that writes.

mod agenda;
mod apply;
mod awake;
mod catalogue;
mod file;
mod query;
mod readers;
mod rows;
mod schema;
mod trouble;
mod writer;

use std::path::Path;
use std::sync::Arc;

use model::id::{AnyId, CommandId};
use model::intent::{Generation, Target};
use model::journal::{Entry, Head};
use ports::BoxFuture;
use ports::store::{
    Audit, Claim, Claimed, Commit, CommitError, Committed, Query, Standing, Store, StoreError,
    StoreErrorKind, Stored,
};

use agenda::SharedAgenda;
use readers::Readers;
use writer::Writer;

/// A store in one SQLite file.
///
/// What waits is committed together, so that many who commit at once share one wait for the disk.
/// At most 1,024 changes wait; whoever comes then waits to be let in.
#[derive(Debug)]
pub struct SqliteStore {
    path: Arc<Path>,
    // Dropped in this order, so that the writer's connection is the last and tidies the file up.
    readers: Readers,
    /// `None` when the file is open for reading only.
    writing: Option<Writing>,
}

/// What the file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To have it alone: it is made if there is none, and brought up to date if it is old.
    Server,
    /// To read what is there, beside a running server or without one.
    Reader,
}

#[derive(Debug)]
struct Writing {
    writer: Writer,
    agenda: Arc<SharedAgenda>,
}

impl SqliteStore {
    /// Opens the file. This waits for the disk; nothing else but the end of the store does.
    pub fn open(path: impl AsRef<Path>, mode: Mode) -> Result<Self, StoreError> {
        let path = path.as_ref();
        match mode {
            Mode::Server => {
                let (file, lock) = file::open_exclusive(path)?;
                let agenda = Arc::new(SharedAgenda::load(&file)?);
                let path = file.path.clone();
                let readers = Readers::start(|| file::open_beside(&path), path.clone())?;
                let writer = Writer::start(file, lock, agenda.clone())?;
                Ok(Self { path, readers, writing: Some(Writing { writer, agenda }) })
            }
            Mode::Reader => {
                let first = file::open_to_read(path)?;
                let path = first.path.clone();
                let readers = Readers::start(
                    || file::open_to_read(&path).map(|file| file.connection),
                    path.clone(),
                )?;
                Ok(Self { path, readers, writing: None })
            }
        }
    }

    fn writing(&self) -> Result<&Writing, StoreError> {
        self.writing.as_ref().ok_or_else(|| {
            let what = format!("{} is open for reading only", self.path.display());
            StoreError::new(StoreErrorKind::ReadOnly, what)
        })
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, StoreError> {
        let agenda = &self.writing()?.agenda;
        let taken = agenda.take(&claim);
        let handed: Vec<_> = taken.iter().map(|taken| (taken.process, taken.version)).collect();
        if handed.is_empty() {
            return Ok(Claimed { due: Vec::new(), next: agenda.next() });
        }
        let load = move |connection: &rusqlite::Connection| {
            let loaded = handed.iter().map(|(process, _)| rows::load(connection, *process));
            let loaded: Result<Vec<_>, _> = loaded.collect();
            // What was committed since it was taken was given its new time by that.
            let is_same = |(stored, (_, version)): &(Stored, _)| stored.version == *version;
            let due = loaded?.into_iter().flatten().zip(handed).filter(is_same);
            Ok(due.map(|(stored, _)| stored).collect())
        };
        match self.readers.read(load).await {
            Ok(due) => Ok(Claimed { due, next: agenda.next() }),
            Err(error) => {
                agenda.give_back(taken);
                Err(error)
            }
        }
    }
}

impl Store for SqliteStore {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            commit.check()?;
            let work = move |pen: &mut writer::Pen<'_>| apply::commit(pen, &commit);
            self.writing()?.writer.write(work).await?
        })
    }

    fn load(&self, process: AnyId) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(self.readers.read(move |connection| rows::load(connection, process)))
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        Box::pin(self.claim(claim))
    }

    fn audit(&self, audit: Audit) -> BoxFuture<'_, Result<Vec<Standing>, StoreError>> {
        Box::pin(async move {
            let work = move |pen: &mut writer::Pen<'_>| apply::audit(pen, &audit);
            self.writing()?.writer.write(work).await
        })
    }

    fn raise(
        &self,
        target: Target,
        from: Generation,
        above: Generation,
    ) -> BoxFuture<'_, Result<Option<Generation>, StoreError>> {
        Box::pin(async move {
            let work = move |pen: &mut writer::Pen<'_>| apply::raise(pen, &target, from, above);
            self.writing()?.writer.write(work).await
        })
    }

    fn reply_to(&self, command: CommandId) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        Box::pin(self.readers.read(move |connection| rows::reply_to(connection, command)))
    }

    fn entries(&self, query: Query) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(self.readers.read(move |connection| query::entries(connection, &query)))
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>> {
        Box::pin(self.readers.read(rows::head))
    }
}

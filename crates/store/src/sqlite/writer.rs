//! The one thread that writes. All that waits is written in one transaction.

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use model::journal::Head;
use ports::store::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::agenda::{Note, SharedAgenda};
use super::awake::Watch;
use super::catalogue::Catalogue;
use super::file::{Lock, OpenFile};
use super::rows;
use super::trouble::{Trouble, of_file};

/// The way to the thread that writes.
#[derive(Debug)]
pub(super) struct Writer {
    path: Arc<Path>,
    /// `None` only while the writer is being dropped.
    tasks: Option<mpsc::Sender<Box<dyn Task>>>,
    thread: Option<JoinHandle<()>>,
    watch: Watch,
}

/// What a task writes with. Whatever fails later, nothing of it stays.
pub(super) struct Pen<'a> {
    pub(super) connection: &'a Connection,
    pub(super) head: Head,
    catalogue: Catalogue,
    pub(super) notes: Vec<Note>,
}

/// The most that is written in one transaction, so that nobody waits for long.
const BATCH: usize = 512;
/// How often others are let run before a batch that is smaller than usual is written.
const MOMENT: usize = 50;
/// The most that waits; whoever comes then waits to be let in.
const WAITING: usize = 1_024;

impl Writer {
    pub(super) fn start(
        file: OpenFile,
        lock: Lock,
        agenda: Arc<SharedAgenda>,
    ) -> Result<Self, StoreError> {
        let OpenFile { path, connection } = file;
        let head = rows::head(&connection).map_err(|trouble| trouble.at(&path))?;
        let catalogue = Catalogue::load(&connection).map_err(|trouble| trouble.at(&path))?;
        let (sender, tasks) = mpsc::channel(WAITING);
        let desk = Desk { path: path.clone(), connection, _lock: lock, head, catalogue, agenda };
        let thread = thread::Builder::new().name("sqlite-writer".to_owned());
        let thread = thread
            .spawn(move || desk.serve(tasks))
            .map_err(|error| of_file(&path, "written: no thread can be started", error))?;
        Ok(Self { path, tasks: Some(sender), thread: Some(thread), watch: Watch::default() })
    }

    /// Has something written, and returns once it is kept for good. The work may be done more
    /// than once: what it wrote before is gone then.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Pen<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let task = Box::new(Waiting { work, done: None, sender });
        let gone = |kind| {
            let what = format!("the writer of {} has ended", self.path.display());
            StoreError::new(kind, what)
        };
        let tasks = self.tasks.as_ref().ok_or_else(|| gone(StoreErrorKind::Failed))?;
        tasks.send(task).await.map_err(|_| gone(StoreErrorKind::Failed))?;
        // It may have been written before the end.
        self.watch.wait(answer).await.map_err(|_| gone(StoreErrorKind::Unreachable))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so already.
            drop(thread.join());
        }
    }
}

trait Task: Send {
    fn work(&mut self, pen: &mut Pen<'_>) -> Result<(), Trouble>;
    fn answer(self: Box<Self>, result: Result<(), StoreError>);
}

/// Work, and who waits for it.
struct Waiting<T, W> {
    work: W,
    done: Option<T>,
    sender: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, W: FnMut(&mut Pen<'_>) -> Result<T, Trouble> + Send> Task for Waiting<T, W> {
    fn work(&mut self, pen: &mut Pen<'_>) -> Result<(), Trouble> {
        self.done = Some((self.work)(pen)?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { done, sender, .. } = *self;
        // Whoever no longer waits finds what was written.
        drop(sender.send(result.map(|()| done.expect("what was kept was done"))));
    }
}

/// What the thread has for itself.
struct Desk {
    path: Arc<Path>,
    connection: Connection,
    head: Head,
    catalogue: Catalogue,
    agenda: Arc<SharedAgenda>,
    // The last to go: the connection is closed before another server may come.
    _lock: Lock,
}

impl Desk {
    fn serve(mut self, mut tasks: mpsc::Receiver<Box<dyn Task>>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut usual = 0;
        while await_first(&mut tasks, &mut batch) {
            gather(&mut tasks, &mut batch, usual);
            usual = batch.len();
            if let Err(trouble) = self.begin() {
                // Nobody's fault, and no better for any of them alone.
                let error = trouble.at(&self.path);
                for task in batch.drain(..) {
                    task.answer(Err(StoreError::new(error.kind, error.to_string())));
                }
                continue;
            }
            match self.write(&mut batch) {
                Ok(()) => batch.drain(..).for_each(|task| task.answer(Ok(()))),
                // One of them may be to blame: each alone, the others are kept.
                Err(_) if batch.len() > 1 => {
                    batch.drain(..).for_each(|task| self.write_alone(task));
                }
                Err(trouble) => {
                    let task = batch.pop().expect("a batch has a task");
                    task.answer(Err(trouble.at(&self.path)));
                }
            }
        }
        // Readers of other processes may still look on: what they need of the log stays.
        drop(self.connection.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
    }

    fn write_alone(&mut self, task: Box<dyn Task>) {
        let mut alone = [task];
        let written = self.begin().and_then(|()| self.write(&mut alone));
        let [task] = alone;
        task.answer(written.map_err(|trouble| trouble.at(&self.path)));
    }

    fn begin(&self) -> Result<(), Trouble> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    /// All of a transaction that has begun: kept for good when this returns well, else undone.
    fn write(&mut self, tasks: &mut [Box<dyn Task>]) -> Result<(), Trouble> {
        let Self { connection, head, catalogue, .. } = &*self;
        let mut pen = Pen { connection, head: *head, catalogue: *catalogue, notes: Vec::new() };
        let written = tasks
            .iter_mut()
            .try_for_each(|task| task.work(&mut pen))
            .and_then(|()| pen.finish(*head));
        let Pen { head, catalogue, notes, .. } = pen;
        if let Err(trouble) = written {
            self.roll_back()?;
            return Err(trouble);
        }
        (self.head, self.catalogue) = (head, catalogue);
        self.agenda.take_in(notes);
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), Trouble> {
        // Some errors have rolled it back already.
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        self.head = rows::head(&self.connection)?;
        self.catalogue = Catalogue::load(&self.connection)?;
        Ok(())
    }
}

/// Waits for the next task; false when there will be none.
///
/// Who was just answered often comes again at once, sooner than a thread wakes up: for a moment
/// this one stays awake for them.
fn await_first(tasks: &mut mpsc::Receiver<Box<dyn Task>>, batch: &mut Vec<Box<dyn Task>>) -> bool {
    const AWAKE: usize = 200;
    for _ in 0..AWAKE {
        if let Ok(task) = tasks.try_recv() {
            batch.push(task);
            return true;
        }
        thread::yield_now();
    }
    tasks.blocking_recv_many(batch, BATCH) > 0
}

/// Those who were answered together tend to come again at once. A moment for the last of them
/// saves a wait for the disk; whoever commits alone is never kept.
fn gather(tasks: &mut mpsc::Receiver<Box<dyn Task>>, batch: &mut Vec<Box<dyn Task>>, usual: usize) {
    for _ in 0..MOMENT {
        while batch.len() < BATCH
            && let Ok(task) = tasks.try_recv()
        {
            batch.push(task);
        }
        if batch.len() >= usual {
            return;
        }
        thread::yield_now();
    }
}

impl Pen<'_> {
    fn finish(&mut self, before: Head) -> Result<(), Trouble> {
        if self.head != before {
            self.connection
                .prepare_cached("UPDATE journal_head SET seq = ?1, link = ?2")?
                .execute((rows::signed(self.head.seq), self.head.link.0))?;
            self.catalogue.follow(self.connection, self.head.seq)?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

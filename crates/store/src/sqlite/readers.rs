//! Threads that read, so that nobody who waits for an answer stands in the way of others.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use ports::store::{StoreError, StoreErrorKind};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::trouble::{Trouble, of_file};

/// A small pool of connections, each on a thread of its own.
pub(super) struct Readers {
    path: Arc<Path>,
    /// `None` only while the pool is being dropped.
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// One may be busy with a long report while the other answers.
const THREADS: usize = 2;

impl Readers {
    pub(super) fn start(
        open: impl Fn() -> Result<Connection, StoreError>,
        path: Arc<Path>,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |_| {
            let (connection, receiver) = (open()?, receiver.clone());
            let thread = thread::Builder::new().name("sqlite-reader".to_owned());
            let started = thread.spawn(move || serve(&connection, &receiver));
            started.map_err(|error| of_file(&path, "read: no thread can be started", error))
        };
        let threads = (0..THREADS).map(start).collect::<Result<_, _>>()?;
        Ok(Self { path, jobs: Some(sender), threads })
    }

    /// Lets one of them read. All that one job reads is of the same moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Whoever does not wait any more needs no answer.
            if !sender.is_closed() {
                drop(sender.send(at_one_moment(connection, job)));
            }
        });
        let gone = || {
            let what = format!("the readers of {} have ended", self.path.display());
            StoreError::new(StoreErrorKind::Failed, what)
        };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?.map_err(|trouble| trouble.at(&self.path))
    }
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A reader that panicked has said so already.
            drop(thread.join());
        }
    }
}

fn serve(connection: &Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().expect("nothing panics while it waits for a job").recv();
        match next {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}

fn at_one_moment<T>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = job(connection);
    let ended = connection.prepare_cached("COMMIT")?.execute([]);
    let value = result?;
    ended?;
    Ok(value)
}

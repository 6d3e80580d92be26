//! Everybody who works on one saving: one who walks, and several who read.

use std::sync::Mutex;

use ports::depot::{DepotError, Skipped};

use super::super::intake::Intake;
use super::pick::OpenRoot;
use super::queue::Queue;
use super::work::{Read, Tally, Work, Worker};

#[derive(Debug)]
pub(super) struct Crew<'a> {
    pub(super) roots: &'a [OpenRoot],
    pub(super) tally: &'a Tally<'a>,
    pub(super) intake: &'a Intake<'a>,
    queue: Queue<Work>,
    /// Why it all ends early.
    first_error: Mutex<Option<DepotError>>,
}

/// How many read at most.
const MOST_WORKERS: usize = 16;
/// How many batches of files wait to be read.
const MOST_WAITING: usize = 64;

impl<'a> Crew<'a> {
    pub(super) fn new(roots: &'a [OpenRoot], tally: &'a Tally<'a>, intake: &'a Intake<'a>) -> Self {
        let queue = Queue::new(MOST_WAITING);
        Self { roots, tally, intake, queue, first_error: Mutex::default() }
    }

    /// Walks on this thread, and reads what that finds on others.
    pub(super) fn run<T>(
        self,
        walk: impl FnOnce(&Queue<Work>) -> Result<T, DepotError>,
    ) -> Result<(T, Vec<Read>, Vec<Skipped>), DepotError> {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let (mut read, mut skipped) = (Vec::new(), Vec::new());
        let walked = std::thread::scope(|scope| {
            let start = |_| scope.spawn(|| self.read());
            let threads: Vec<_> = (0..workers.min(MOST_WORKERS)).map(start).collect();
            let walked = walk(&self.queue);
            match walked {
                Ok(_) => self.queue.close(),
                Err(_) => self.queue.give_up(),
            }
            for thread in threads {
                match thread.join() {
                    Ok((files, others)) => {
                        read.extend(files);
                        skipped.extend(others);
                    }
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            walked
        });
        match self.first_error.into_inner().expect("nobody panicked with it") {
            Some(error) => Err(error),
            None => walked.map(|walked| (walked, read, skipped)),
        }
    }

    fn read(&self) -> (Vec<Read>, Vec<Skipped>) {
        let hand = match self.intake.hand() {
            Ok(hand) => hand,
            Err(error) => {
                self.fail(error);
                return Default::default();
            }
        };
        let mut worker = Worker {
            roots: self.roots,
            queue: &self.queue,
            tally: self.tally,
            hand,
            buffer: Vec::new(),
            read: Vec::new(),
            skipped: Vec::new(),
        };
        self.queue.work(|work| {
            if let Err(error) = worker.take(work) {
                self.fail(error);
            }
        });
        if let Err(error) = worker.hand.finish() {
            self.fail(error);
        }
        (worker.read, worker.skipped)
    }

    fn fail(&self, error: DepotError) {
        self.first_error.lock().expect("nobody panics with it").get_or_insert(error);
        self.queue.give_up();
    }
}

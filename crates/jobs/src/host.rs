//! Executes jobs on this machine: each in a worker process of its own, as many at a time as there
//! are slots.
//!
//! A job has a folder. It is made before the worker is told of it, and the report is in it before
//! anybody is told: so a job is begun at most once, whatever ends in between.
//!
//! While a job is executed, a worker process that knows of no job yet is kept ready for the next.

mod worker_process;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use model::id::JobId;
use model::pipeline::{Ending, JobReport, Order};
use ports::BoxFuture;
use ports::clock::Clock;
use ports::jobs::Jobs;
use ports::workloads::Unreachable;
use tokio::sync::{Notify, Semaphore, watch};

use crate::event::Event;
use worker_process::{Spare, WorkerProcess};

pub use worker_process::{CANCEL, Errand, GO_ON};
pub(crate) use worker_process::{read_report, report_in, write_report};

/// Who executes jobs on this machine.
#[derive(Debug, Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

/// How a host goes about its work.
pub struct Settings {
    /// What it is called in reports.
    pub name: String,
    /// The program that is a worker when it is told so by these arguments.
    pub worker: (PathBuf, Vec<String>),
    /// Where each job has its folder.
    pub folder: PathBuf,
    /// How many jobs are executed at the same time.
    pub slots: usize,
    pub labels: Labels,
    /// What a worker has to know besides its order. It goes through a pipe, never through an
    /// argument or a file.
    pub brief: Brief,
    /// Who is told what happens in jobs, as it happens.
    pub listener: Listener,
    pub clock: Arc<dyn Clock>,
}

/// `Err` says why the job cannot be executed at all.
pub type Brief =
    Box<dyn Fn(&Order) -> BoxFuture<'static, Result<serde_json::Value, String>> + Send + Sync>;
pub type Listener = Box<dyn Fn(JobId, &Event) + Send + Sync>;

/// Which jobs it takes.
#[derive(Debug, Clone)]
pub struct Labels {
    pub offered: Vec<String>,
    /// The families of hosted machines for which this one stands in: `ubuntu-`.
    pub stands_in_for: Vec<String>,
}

struct Shared {
    settings: Settings,
    slots: Arc<Semaphore>,
    jobs: Mutex<HashMap<JobId, Entry>>,
    /// The worker for the next job.
    spare: Mutex<Option<Spare>>,
}

/// A job that is known here.
#[derive(Debug, Clone)]
struct Entry {
    halted: watch::Sender<bool>,
    /// Given when a job that waits at a failure is to go on.
    go_on: Arc<Notify>,
    report: watch::Receiver<Option<JobReport>>,
}

impl Host {
    pub fn new(settings: Settings) -> Self {
        let slots = Arc::new(Semaphore::new(settings.slots.max(1)));
        let (jobs, spare) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { settings, slots, jobs, spare }) }
    }

    /// Has a worker ready before the first job is there. It takes a runtime of tokio.
    pub fn warm_up(&self) {
        self.shared.make_ready();
    }

    /// Has a job go on that waits where a step of it has failed ([`Event::Stuck`]).
    pub fn go_on(&self, job: JobId) {
        if let Some(entry) = self.shared.jobs().get(&job) {
            entry.go_on.notify_one();
        }
    }

    /// Where a job's log, workspace and report are.
    pub fn folder_of(&self, job: JobId) -> PathBuf {
        self.shared.folder_of(job)
    }

    /// The job as it is known here; begun if it is not.
    fn entry(&self, order: &Order) -> Entry {
        let mut jobs = self.shared.jobs();
        let entry = jobs.entry(order.job).or_insert_with(|| {
            let (halted, halt) = watch::channel(false);
            let (tell, report) = watch::channel(None);
            let go_on = Arc::new(Notify::new());
            let (shared, order) = (self.shared.clone(), order.clone());
            let words = Words { halt, go_on: go_on.clone() };
            // The job goes on whoever waits for it.
            tokio::spawn(async move {
                let report = shared.execute(&order, words).await;
                shared.keep(order.job, &report);
                tell.send_replace(Some(report));
                // From now on the folder knows.
                shared.jobs().remove(&order.job);
            });
            Entry { halted, go_on, report }
        });
        entry.clone()
    }
}

impl Jobs for Host {
    fn work<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<JobReport, Unreachable>> {
        let entry = self.entry(order);
        Box::pin(entry.reported())
    }

    fn halt(&self, job: JobId) -> BoxFuture<'_, Result<JobReport, Unreachable>> {
        let jobs = self.shared.jobs();
        if let Some(entry) = jobs.get(&job) {
            entry.halted.send_replace(true);
            return Box::pin(entry.clone().reported());
        }
        // Under the lock, so that no order for it slips in between.
        let report = self.shared.earlier(job).unwrap_or_else(|| {
            let report = self.shared.unexecuted(Ending::Cancelled);
            self.shared.keep(job, &report);
            report
        });
        Box::pin(async { Ok(report) })
    }
}

impl Entry {
    async fn reported(mut self) -> Result<JobReport, Unreachable> {
        let report = self.report.wait_for(Option::is_some).await;
        let report = report.map_err(|_| Unreachable("the job's task has ended".to_owned()))?;
        Ok(report.clone().expect("it was waited for"))
    }
}

impl Shared {
    async fn execute(&self, order: &Order, mut words: Words) -> JobReport {
        if let Some(report) = self.earlier(order.job) {
            return report;
        }
        if let Some(label) = self.settings.labels.missing(&order.labels) {
            return self
                .unexecuted(Ending::Invalid(format!("no runner offers the label `{label}`")));
        }
        let slot = tokio::select! {
            slot = self.slots.clone().acquire_owned() => slot,
            () = words.halted() => {
                return self.unexecuted(Ending::Cancelled);
            }
        };
        let spare = self.spare().take();
        let report = match WorkerProcess::start(&self.settings, order, spare).await {
            Ok(worker) => {
                self.make_ready();
                worker.attend(order.job, &self.settings, words).await
            }
            Err(why) => Err(Ending::Invalid(why)),
        };
        drop(slot);
        report.unwrap_or_else(|ending| {
            let report = self.unexecuted(ending);
            (self.settings.listener)(order.job, &Event::Ended(report.clone()));
            report
        })
    }

    /// Starts the worker for the next job. One that cannot be started is no trouble before there is
    /// a job for it.
    fn make_ready(&self) {
        let mut spare = self.spare();
        if spare.is_none() {
            *spare = Spare::start(&self.settings).ok();
        }
    }

    /// What became of a job that is not under way, if it was ever begun or given up.
    fn earlier(&self, job: JobId) -> Option<JobReport> {
        let folder = self.folder_of(job);
        if !folder.exists() {
            return None;
        }
        let lost = || Ending::Lost("the runner ended while the job was executed".to_owned());
        Some(read_report(&folder).unwrap_or_else(|| self.unexecuted(lost())))
    }

    fn keep(&self, job: JobId, report: &JobReport) {
        let folder = self.folder_of(job);
        let kept = std::fs::create_dir_all(&folder).and_then(|()| write_report(&folder, report));
        if let Err(error) = kept {
            // Whoever asks after a restart is told that the job was lost.
            tracing::warn!(%job, %error, "a job's report could not be kept");
        }
    }

    fn unexecuted(&self, ending: Ending) -> JobReport {
        JobReport::unexecuted(ending, &self.settings.name, self.settings.clock.now())
    }

    fn folder_of(&self, job: JobId) -> PathBuf {
        self.settings.folder.join(job.to_string())
    }

    fn spare(&self) -> MutexGuard<'_, Option<Spare>> {
        self.spare.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<JobId, Entry>> {
        self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What may be said to a job while it is under way.
#[derive(Debug)]
struct Words {
    halt: watch::Receiver<bool>,
    go_on: Arc<Notify>,
}

impl Words {
    /// Returns once the job is to end before its time.
    async fn halted(&mut self) {
        let told = self.halt.wait_for(|halted| *halted).await.is_ok();
        if !told {
            // Nobody is left who could say so.
            std::future::pending::<()>().await;
        }
    }
}

impl Labels {
    /// The first label that is wanted and not offered.
    pub(crate) fn missing<'a>(&self, wanted: &'a [String]) -> Option<&'a String> {
        wanted.iter().find(|label| {
            let is_offered = self.offered.iter().any(|it| it.eq_ignore_ascii_case(label));
            let label = label.to_ascii_lowercase();
            let stands_in = self.stands_in_for.iter().any(|family| label.starts_with(family));
            !is_offered && !stands_in
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, folder, slots, .. } = self;
        f.debug_struct("Settings")
            .field("name", name)
            .field("folder", folder)
            .field("slots", slots)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

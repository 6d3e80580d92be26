//! The runner's side: takes jobs from a server, and sees each through until the server has all of it.
//!
//! The server may go away and come back meanwhile: jobs go on, and what they say is sent later. A
//! runner that was killed finds the folders of its jobs when it is started again, and tells what
//! became of them.

mod folder;
mod source;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::Method;
use jiff::SignedDuration;
use model::id::JobId;
use model::pipeline::{Ending, JobReport, Order};
use ports::BoxFuture;
use ports::clock::Clock;
use ports::jobs::Jobs as _;
use tokio::sync::{Notify, watch};

use super::client::{Client, ClientError, said};
use super::protocol::{Held, POLL, Parcel, Poll, SessionId, Told};
use super::shipment::Shipment;
use crate::host::{self, Host, Labels};
use folder::Folder;
use source::Sources;

/// Executes jobs for a server.
#[derive(Debug, Clone)]
pub struct Runner {
    shared: Arc<Shared>,
}

/// How a runner goes about its work.
pub struct Settings {
    pub client: Arc<Client>,
    /// What it is called in reports.
    pub name: String,
    pub labels: Labels,
    pub slots: usize,
    /// Its own: its jobs, what they check out, and who it is.
    pub folder: PathBuf,
    /// The program that is a worker when it is told so by these arguments.
    pub worker: (PathBuf, Vec<String>),
    pub brief: Brief,
    /// How long the workspace of a job that failed is kept.
    pub keep_failed: SignedDuration,
    /// After how long without a word of the server it ends, if it has no job; never without.
    pub until_silent: Option<SignedDuration>,
    /// Whoever it is for good, if its folder does not say so yet.
    pub session: SessionId,
    pub clock: Arc<dyn Clock>,
}

/// Makes what a worker is told of what the server has told, of the repository that is checked out,
/// and of the folder of the attempt that is taken up.
pub type Brief = Box<
    dyn Fn(&Parcel, Option<&Path>, Option<&Path>) -> Result<serde_json::Value, String>
        + Send
        + Sync,
>;

/// Whether a runner is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drain {
    No,
    /// Once its jobs are over; it takes no more.
    Gently,
    /// It cancels its jobs first.
    Now,
}

#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    #[error("{what}")]
    Folder {
        what: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("another runner uses {}", .0.display())]
    Taken(PathBuf),
    #[error("the server does not take this runner")]
    Refused(#[source] ClientError),
}

/// How long a server that does not answer is left alone at first, and at most.
const FIRST_REST: SignedDuration = SignedDuration::from_millis(50);
const LONGEST_REST: SignedDuration = SignedDuration::from_secs(5);
/// How often is looked for what was kept for long enough.
const TIDY_EVERY: SignedDuration = SignedDuration::from_secs(30);

struct Shared {
    settings: Settings,
    client: Arc<Client>,
    session: SessionId,
    folder: Folder,
    sources: Sources,
    host: Host,
    /// What the workers of jobs that are about to begin are told.
    briefings: Briefings,
    jobs: Mutex<BTreeMap<JobId, Local>>,
    /// A job is over for everybody.
    fewer: Notify,
}

type Briefings = Arc<Mutex<HashMap<JobId, serde_json::Value>>>;

/// A job that the server does not have the report of.
#[derive(Debug, Clone, Copy, Default)]
struct Local {
    halting: bool,
    /// Its report is there, and on its way.
    is_over: bool,
}

impl Runner {
    /// Takes possession of the folder, which one runner has at a time.
    pub fn new(settings: Settings) -> Result<Self, RunnerError> {
        let folder = Folder::open(&settings.folder, settings.keep_failed)?;
        let session = folder.session(&settings.session)?;
        let briefings = Briefings::default();
        let Settings { name, worker, slots, labels, clock, .. } = &settings;
        let told = briefings.clone();
        let brief = move |order: &Order| {
            let briefing = lock(&told).remove(&order.job);
            let briefing =
                briefing.ok_or_else(|| "the runner has forgotten what the server said".to_owned());
            Box::pin(async { briefing }) as BoxFuture<'static, _>
        };
        let listener = folder.listener();
        let host = Host::new(host::Settings {
            name: name.clone(),
            worker: worker.clone(),
            folder: folder.jobs(),
            slots: *slots,
            labels: labels.clone(),
            brief: Box::new(brief),
            listener: Box::new(listener),
            clock: clock.clone(),
        });
        let sources = Sources::new(folder.sources(), settings.clock.clone());
        let client = settings.client.clone();
        let (jobs, fewer) = (Mutex::default(), Notify::new());
        let shared =
            Shared { settings, client, session, folder, sources, host, briefings, jobs, fewer };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Works until it is told to end, and its jobs are over and reported. A server that does not
    /// answer is asked again; one that says that this is no runner of its own ends it, if it says
    /// so before anything else.
    pub async fn run(self, mut drain: watch::Receiver<Drain>) -> Result<(), RunnerError> {
        for job in self.shared.folder.unreported() {
            self.begin(job, None);
        }
        let (mut rest, mut was_heard) = (FIRST_REST, false);
        let mut next_tidying = self.shared.settings.clock.now();
        let mut heard_at = next_tidying;
        loop {
            let stage = *drain.borrow_and_update();
            if stage == Drain::Now {
                let jobs: Vec<JobId> = self.shared.jobs().keys().copied().collect();
                self.halt(jobs);
            }
            let poll = self.shared.question(stage);
            if stage != Drain::No && poll.jobs.is_empty() {
                return Ok(());
            }
            let now = self.shared.settings.clock.now();
            if now >= next_tidying {
                self.shared.folder.tidy(now);
                next_tidying = now + TIDY_EVERY;
            }
            let asked = self.shared.client.ask::<Told>(Method::POST, POLL, &poll);
            let told = tokio::select! {
                told = asked => told,
                // Nobody who could say so is left: it goes on.
                Ok(()) = drain.changed() => continue,
                () = self.shared.fewer.notified(), if stage != Drain::No => continue,
            };
            match told {
                Ok(told) => {
                    if !was_heard {
                        tracing::info!("connected to the server");
                    }
                    (rest, was_heard) = (FIRST_REST, true);
                    heard_at = self.shared.settings.clock.now();
                    self.heed(told);
                }
                Err(error) if !error.may_pass() && !was_heard && poll.jobs.is_empty() => {
                    return Err(RunnerError::Refused(error));
                }
                Err(error) => {
                    let silence = self.shared.settings.clock.now().duration_since(heard_at);
                    let is_given_up =
                        self.shared.settings.until_silent.is_some_and(|most| silence >= most);
                    if is_given_up && poll.jobs.is_empty() {
                        tracing::info!("the server does not come back");
                        return Ok(());
                    }
                    if rest == FIRST_REST {
                        tracing::warn!(error = said(&error), "the server does not answer");
                    }
                    let clock = &self.shared.settings.clock;
                    tokio::select! {
                        () = clock.sleep_until(clock.now() + rest) => {}
                        Ok(()) = drain.changed() => {}
                    }
                    rest = (rest * 2).min(LONGEST_REST);
                }
            }
        }
    }

    fn heed(&self, told: Told) {
        for job in told.done {
            // Its report is there, or it was taken for lost: nobody waits for it here any more.
            self.halt([job]);
        }
        self.halt(told.halts);
        for parcel in told.parcels {
            self.begin(parcel.order.job, Some(parcel));
        }
    }

    /// Sees a job through: one that the server has given, or one that an earlier life has left.
    fn begin(&self, job: JobId, parcel: Option<Parcel>) {
        // One that is known stays as it is: it may be about to end.
        match self.shared.jobs().entry(job) {
            Entry::Occupied(_) => return,
            Entry::Vacant(new) => new.insert(Local::default()),
        };
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let is_kept = shared.see_through(job, parcel).await;
            shared.jobs().remove(&job);
            shared.fewer.notify_one();
            // Nobody waits for that.
            tokio::task::spawn_blocking(move || shared.folder.reported(job, is_kept));
        });
    }

    fn halt(&self, jobs: impl IntoIterator<Item = JobId>) {
        for job in jobs {
            let mut known = self.shared.jobs();
            let Some(local) = known.get_mut(&job) else { continue };
            if local.halting || local.is_over {
                continue;
            }
            local.halting = true;
            drop(known);
            let shared = self.shared.clone();
            // The answer is waited for by who sees the job through.
            tokio::spawn(async move { shared.host.halt(job).await });
        }
    }
}

impl Shared {
    fn question(&self, stage: Drain) -> Poll {
        let Settings { name, labels, slots, .. } = &self.settings;
        let jobs = self.jobs();
        let held = |(job, local): (&JobId, &Local)| Held { job: *job, halting: local.halting };
        Poll {
            session: self.session.clone(),
            name: name.clone(),
            labels: labels.offered.clone(),
            stands_in_for: labels.stands_in_for.clone(),
            slots: if stage == Drain::No { *slots } else { 0 },
            jobs: jobs.iter().map(held).collect(),
        }
    }

    /// Returns once the server has all of it: whether what it leaves is kept.
    async fn see_through(&self, job: JobId, parcel: Option<Parcel>) -> bool {
        let (tell, over) = watch::channel(None);
        let shipment = Shipment {
            client: self.client.clone(),
            clock: self.settings.clock.clone(),
            session: self.session.clone(),
            job,
            folder: self.folder.of(job),
        };
        let execute = async {
            let report = Arc::new(self.execute(job, parcel).await);
            if let Some(local) = self.jobs().get_mut(&job) {
                local.is_over = true;
            }
            tell.send_replace(Some(report.clone()));
            report
        };
        let (report, ()) = tokio::join!(execute, shipment.run(over));
        matches!(report.ending, Ending::Failure | Ending::TimedOut)
    }

    async fn execute(&self, job: JobId, parcel: Option<Parcel>) -> JobReport {
        let report = match parcel {
            Some(parcel) => match self.prepare(&parcel).await {
                Ok(briefing) => {
                    lock(&self.briefings).insert(job, briefing);
                    let report = self.host.work(&parcel.order).await;
                    // A job that was not begun after all has left its secrets there.
                    lock(&self.briefings).remove(&job);
                    report
                }
                Err(ending) => return self.unexecuted(ending),
            },
            // Begun in an earlier life, so it is over.
            None => self.host.halt(job).await,
        };
        report.unwrap_or_else(|error| self.unexecuted(Ending::Lost(error.to_string())))
    }

    /// Gets what the job checks out, and finds what an earlier attempt has left.
    async fn prepare(&self, parcel: &Parcel) -> Result<serde_json::Value, Ending> {
        let source = self.sources.fetch(&self.client, parcel.order.run).await?;
        let earlier = parcel.order.resume.map(|resume| self.folder.of(resume.of));
        if earlier.as_ref().is_some_and(|earlier| !earlier.is_dir()) {
            let why = "what the earlier attempt left is not kept any more".to_owned();
            return Err(Ending::Invalid(why));
        }
        let briefing = (self.settings.brief)(parcel, source.as_deref(), earlier.as_deref());
        briefing.map_err(Ending::Invalid)
    }

    fn unexecuted(&self, ending: Ending) -> JobReport {
        JobReport::unexecuted(ending, &self.settings.name, self.settings.clock.now())
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, Local>> {
        lock(&self.jobs)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, slots, folder, .. } = self;
        f.debug_struct("Settings")
            .field("name", name)
            .field("slots", slots)
            .field("folder", folder)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("settings", &self.settings).finish_non_exhaustive()
    }
}

//! The server's side: jobs wait here for a runner that takes them.
//!
//! To whom a job was given is on the disk before the runner hears of it, and a report before
//! anybody else does. So a job is given to one runner only, whenever the server is killed; and a
//! job whose runner is not heard of for too long is lost, not begun again unknown.

mod assignment;
mod ledger;
mod retention;
mod roster;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use model::id::{JobId, RunId};
use model::pipeline::{Ending, JobReport, Order};
use ports::BoxFuture;
use ports::clock::Clock;
use ports::jobs::Jobs;
use ports::workloads::Unreachable;
use tokio::sync::{Notify, watch};

use super::protocol::{FILES, Held, JobFile, News, Parcel, Piece, Poll, Reached, SessionId, Told};
use crate::host::{read_report, write_report};
use ledger::Ledger;
use roster::Roster;

/// Gives jobs to runners that ask.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// How a hub goes about its work.
pub struct Settings {
    /// Where each job has its folder: its log, its events, its report.
    pub folder: PathBuf,
    /// The file that says to whom jobs were given.
    pub ledger: PathBuf,
    /// Where runs have what they check out, a git bundle each.
    pub sources: PathBuf,
    /// What a runner has to know of a job besides its order.
    pub brief: Brief,
    /// How long a runner may be silent before its jobs are lost.
    pub lease: SignedDuration,
    /// How long a question waits for an answer at most.
    pub patience: SignedDuration,
    /// The most bytes that a job's files may take here, each.
    pub most_bytes: u64,
    pub clock: Arc<dyn Clock>,
}

/// Secrets may be in what it makes, so it makes it as late as possible.
pub type Brief =
    Box<dyn Fn(Arc<Order>) -> BoxFuture<'static, Result<serde_json::Value, String>> + Send + Sync>;

struct Shared {
    settings: Settings,
    state: Mutex<State>,
}

struct State {
    /// In the order in which they came.
    queue: VecDeque<JobId>,
    jobs: HashMap<JobId, Entry>,
    roster: Roster,
    ledger: Ledger,
}

/// A job that is not over.
struct Entry {
    /// Not known of a job that a runner still has from before the server was restarted, until the
    /// run asks for it again.
    order: Option<Arc<Order>>,
    with: Option<SessionId>,
    halted: bool,
    report: watch::Sender<Option<JobReport>>,
    /// Rings when there is more of its files, or nothing more will come.
    grown: Arc<Notify>,
}

/// Why a runner's word is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the job {0} is not this runner's")]
    NotYours(JobId),
    #[error("its files are here up to other places")]
    Elsewhere(Reached),
    #[error("the file is larger than the {most} bytes that are kept of it")]
    TooLarge { most: u64 },
    #[error("it cannot be kept: {0}")]
    Io(#[from] io::Error),
}

impl Hub {
    /// `Err` if it cannot tell, or write down, to whom jobs were given.
    pub fn new(settings: Settings) -> io::Result<Self> {
        let ledger = Ledger::open(&settings.ledger, &settings.folder)?;
        let (queue, jobs, roster) = (VecDeque::new(), HashMap::new(), Roster::default());
        let state = Mutex::new(State { queue, jobs, roster, ledger });
        Ok(Self { shared: Arc::new(Shared { settings, state }) })
    }

    /// Notices runners that have gone silent, for as long as it is polled.
    pub async fn watch(&self) {
        let Settings { lease, clock, .. } = &self.shared.settings;
        let often = (*lease / 10).max(SignedDuration::from_millis(10));
        loop {
            clock.sleep_until(clock.now() + often).await;
            self.shared.give_up_on_the_silent();
        }
    }

    /// Jobs that no runner has taken, the oldest first, with what they ask of one.
    pub fn waiting(&self) -> Vec<(JobId, Vec<String>)> {
        let state = self.shared.state();
        let order = |job: &JobId| state.jobs.get(job)?.order.clone();
        let orders = state.queue.iter().filter_map(order);
        orders.map(|order| (order.job, order.labels.clone())).collect()
    }

    pub(super) async fn poll(&self, poll: &Poll) -> Told {
        let Settings { clock, patience, .. } = &self.shared.settings;
        let until = clock.now() + *patience;
        let bell = self.shared.state().roster.arrive(poll, clock.now());
        // Whoever hangs up is silent from now on, whenever that is noticed.
        let _presence = Presence { shared: &self.shared, session: &poll.session };
        self.shared.take_in(poll);
        loop {
            let rung = bell.notified();
            let told = self.shared.tell(poll).await;
            if !told.is_empty() {
                return told;
            }
            tokio::select! {
                () = rung => {}
                () = clock.sleep_until(until) => return Told::default(),
            }
        }
    }

    /// Keeps what is new of a job's files, and its report if it is over; answers how much of the
    /// files is here. A report that is here already is taken again, and nothing happens.
    pub(super) fn take(
        &self,
        session: &SessionId,
        job: JobId,
        news: News,
        pieces: [&[u8]; FILES],
    ) -> Result<Reached, Refusal> {
        let folder = self.shared.folder_of(job);
        if news.report.is_some() && read_report(&folder).is_some() {
            return Ok(Reached { lengths: news.pieces.map(|it| it.offset + it.length as u64) });
        }
        self.shared.check_it_is_with(session, job)?;
        let most = self.shared.settings.most_bytes;
        let mut lengths = [0; FILES];
        let mut is_elsewhere = false;
        for (nth, file) in JobFile::ALL.into_iter().enumerate() {
            let Piece { offset, .. } = news.pieces[nth];
            lengths[nth] = assignment::append(&file.within(&folder), offset, pieces[nth], most)?;
            is_elsewhere |= !pieces[nth].is_empty() && lengths[nth] < offset;
        }
        let reached = Reached { lengths };
        if is_elsewhere {
            return Err(Refusal::Elsewhere(reached));
        }
        match news.report {
            Some(report) => {
                write_report(&folder, &report)?;
                self.shared.over(job, report);
            }
            None => {
                if let Some(entry) = self.shared.state().jobs.get(&job) {
                    entry.grown.notify_waiters();
                }
            }
        }
        Ok(reached)
    }

    /// The bundle of what a run checks out.
    pub(super) fn source(&self, run: RunId) -> PathBuf {
        self.shared.settings.sources.join(format!("{run}.bundle"))
    }

    /// What a job's file has from here on, a piece at most.
    pub fn read(&self, job: JobId, file: JobFile, offset: u64) -> io::Result<Vec<u8>> {
        let waits = |entry: &Entry| entry.with.is_none();
        if self.shared.state().jobs.get(&job).is_some_and(waits) {
            return Ok(Vec::new());
        }
        super::shipment::read_from(&self.file(job, file), offset)
    }

    /// Whether a job is known here and not over.
    pub fn is_under_way(&self, job: JobId) -> bool {
        self.shared.state().jobs.contains_key(&job)
    }

    /// A job's file, as far as it has come.
    pub(super) fn file(&self, job: JobId, file: JobFile) -> PathBuf {
        file.within(&self.shared.folder_of(job))
    }

    /// What rings when there is more of a job's files; nothing once it is over.
    pub(super) fn growth(&self, job: JobId) -> Option<Arc<Notify>> {
        self.shared.state().jobs.get(&job).map(|entry| entry.grown.clone())
    }

    pub(super) fn is_over(&self, job: JobId) -> bool {
        read_report(&self.shared.folder_of(job)).is_some()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.shared.settings.clock
    }
}

impl Jobs for Hub {
    fn work<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<JobReport, Unreachable>> {
        let job = order.job;
        let mut state = self.shared.state();
        let known = state.jobs.get_mut(&job).map(|entry| {
            entry.order.get_or_insert_with(|| Arc::new(order.clone()));
            entry.report.subscribe()
        });
        let report = match known {
            Some(report) => report,
            None => match self.shared.earlier(job) {
                Earlier::Over(report) => return Box::pin(async { Ok(*report) }),
                Earlier::With(session) => {
                    state.expect(&session, self.shared.settings.clock.now());
                    state.enter(job, Some(order), Some(session))
                }
                Earlier::Never if !self.shared.is_kept_somewhere(order) => {
                    let why = "what the earlier attempt left is not kept any more".to_owned();
                    let report = state.enter(job, Some(order), None);
                    drop(state);
                    self.shared.end(job, Ending::Invalid(why));
                    return Box::pin(reported(report));
                }
                Earlier::Never => {
                    let report = state.enter(job, Some(order), None);
                    state.queue.push_back(job);
                    self.shared.hand_out(&mut state);
                    report
                }
            },
        };
        drop(state);
        Box::pin(reported(report))
    }

    fn halt(&self, job: JobId) -> BoxFuture<'_, Result<JobReport, Unreachable>> {
        let mut state = self.shared.state();
        if !state.jobs.contains_key(&job) {
            match self.shared.earlier(job) {
                Earlier::Over(report) => return Box::pin(async { Ok(*report) }),
                Earlier::With(session) => {
                    state.expect(&session, self.shared.settings.clock.now());
                    drop(state.enter(job, None, Some(session)));
                }
                Earlier::Never => drop(state.enter(job, None, None)),
            }
        }
        let entry = state.jobs.get_mut(&job).expect("it was entered");
        entry.halted = true;
        let report = entry.report.subscribe();
        if let Some(session) = entry.with.clone() {
            state.roster.ring(&session);
        } else {
            drop(state);
            self.shared.end(job, Ending::Cancelled);
        }
        Box::pin(reported(report))
    }
}

async fn reported(
    mut report: watch::Receiver<Option<JobReport>>,
) -> Result<JobReport, Unreachable> {
    let report = report.wait_for(Option::is_some).await;
    let report = report.map_err(|_| Unreachable("the server is ending".to_owned()))?;
    Ok(report.clone().expect("it was waited for"))
}

/// What is on the disk of a job that nobody here knows.
enum Earlier {
    Over(Box<JobReport>),
    With(SessionId),
    Never,
}

impl Shared {
    fn earlier(&self, job: JobId) -> Earlier {
        let folder = self.folder_of(job);
        match (read_report(&folder), assignment::read(&folder)) {
            (Some(report), _) => Earlier::Over(Box::new(report)),
            (None, Some(session)) => Earlier::With(session),
            (None, None) => Earlier::Never,
        }
    }

    /// Learns of jobs that a runner has from before the server was restarted.
    fn take_in(&self, poll: &Poll) {
        let mut state = self.state();
        for Held { job, .. } in &poll.jobs {
            if state.jobs.contains_key(job) {
                continue;
            }
            if let Earlier::With(session) = self.earlier(*job)
                && session == poll.session
            {
                drop(state.enter(*job, None, Some(session)));
            }
        }
        self.hand_out(&mut state);
    }

    /// What a runner does not know yet.
    async fn tell(&self, poll: &Poll) -> Told {
        let mut told = Told::default();
        let mut unheard = Vec::new();
        {
            let state = self.state();
            for Held { job, halting } in &poll.jobs {
                let its = state.jobs.get(job).filter(|it| it.with.as_ref() == Some(&poll.session));
                // Over, or for others: also one that was taken for lost.
                let is_to_end = its.is_none_or(|entry| entry.halted);
                if its.is_none() && read_report(&self.folder_of(*job)).is_some() {
                    told.done.push(*job);
                } else if is_to_end && !halting {
                    told.halts.push(*job);
                }
            }
            let is_unheard = |(job, entry): &(&JobId, &Entry)| {
                entry.with.as_ref() == Some(&poll.session)
                    && poll.jobs.iter().all(|held| held.job != **job)
            };
            let mine = state.jobs.iter().filter(is_unheard);
            unheard.extend(mine.map(|(job, entry)| (*job, entry.order.clone(), entry.halted)));
        }
        unheard.sort_unstable_by_key(|(job, ..)| *job);
        for (job, order, halted) in unheard {
            match (order, halted) {
                (_, true) => self.end(job, Ending::Cancelled),
                (Some(order), false) => match (self.settings.brief)(order.clone()).await {
                    Ok(briefing) => {
                        told.parcels.push(Parcel { order: Order::clone(&order), briefing });
                    }
                    Err(why) => self.end(job, Ending::Invalid(why)),
                },
                // The run has yet to say what it was.
                (None, false) => {}
            }
        }
        told
    }

    /// Gives the jobs that wait to runners that have room for them.
    fn hand_out(&self, state: &mut State) {
        let mut left = VecDeque::with_capacity(state.queue.len());
        let mut given = Vec::new();
        while let Some(job) = state.queue.pop_front() {
            if !state.roster.has_room() {
                left.push_back(job);
                left.append(&mut state.queue);
                break;
            }
            let Some(order) = state.jobs.get(&job).and_then(|entry| entry.order.clone()) else {
                continue;
            };
            let chosen = match order.resume {
                None => state.roster.choose(&order.labels),
                // Its workspace is where it was executed before.
                Some(resume) => assignment::read(&self.folder_of(resume.of))
                    .filter(|session| state.roster.has_room_with(session)),
            };
            let Some(session) = chosen else {
                left.push_back(job);
                continue;
            };
            state.roster.take(&session, job);
            given.push((job, session));
        }
        state.queue = left;
        if given.is_empty() {
            return;
        }
        let State { jobs, roster, ledger, queue } = state;
        let others = jobs.iter().filter(|(_, entry)| entry.with.is_some());
        let written = ledger.give(&given, others.map(|(job, _)| job));
        if let Err(error) = &written {
            tracing::error!(%error, "jobs cannot be given to runners");
        }
        for (job, session) in given.into_iter().rev() {
            if written.is_err() {
                roster.take_back(&session, job);
                queue.push_front(job);
                continue;
            }
            roster.ring(&session);
            let entry = jobs.get_mut(&job).expect("it was looked at above");
            entry.with = Some(session);
        }
    }

    /// Whether an earlier attempt that is to be taken up was with a runner at all.
    fn is_kept_somewhere(&self, order: &Order) -> bool {
        let kept = |of: JobId| assignment::read(&self.folder_of(of)).is_some();
        order.resume.is_none_or(|resume| kept(resume.of))
    }

    fn check_it_is_with(&self, session: &SessionId, job: JobId) -> Result<(), Refusal> {
        let state = self.state();
        let with = state.jobs.get(&job).and_then(|entry| entry.with.as_ref());
        if with == Some(session) {
            return Ok(());
        }
        let was = assignment::read(&self.folder_of(job));
        let is_over = read_report(&self.folder_of(job)).is_some();
        (was.as_ref() == Some(session) && !is_over).then_some(()).ok_or(Refusal::NotYours(job))
    }

    /// Ends a job that nobody executes.
    fn end(&self, job: JobId, ending: Ending) {
        let report = JobReport::unexecuted(ending, "no runner", self.settings.clock.now());
        let folder = self.folder_of(job);
        let kept = std::fs::create_dir_all(&folder).and_then(|()| write_report(&folder, &report));
        if let Err(error) = kept {
            // Whoever asks after a restart may be told something else.
            tracing::warn!(%job, %error, "a job's report could not be kept");
        }
        self.over(job, report);
    }

    fn over(&self, job: JobId, report: JobReport) {
        let mut state = self.state();
        state.queue.retain(|waiting| *waiting != job);
        if let Some(entry) = state.jobs.remove(&job) {
            if let Some(session) = &entry.with {
                state.roster.take_back(session, job);
            }
            entry.report.send_replace(Some(report));
            entry.grown.notify_waiters();
        }
        self.hand_out(&mut state);
    }

    fn give_up_on_the_silent(&self) {
        let Settings { clock, lease, .. } = &self.settings;
        let gone = self.state().roster.silent_since(clock.now() - *lease);
        for (session, name) in gone {
            tracing::warn!(runner = name, "a runner is not heard of any more");
            let state = self.state();
            let its = state.jobs.iter().filter(|(_, entry)| entry.with.as_ref() == Some(&session));
            let jobs: Vec<JobId> = its.map(|(job, _)| *job).collect();
            drop(state);
            let seconds = lease.as_secs();
            for job in jobs {
                let why = format!("the runner {name} was not heard of for {seconds} s");
                self.end(job, Ending::Lost(why));
            }
            self.state().roster.forget(&session);
        }
    }

    fn folder_of(&self, job: JobId) -> PathBuf {
        self.settings.folder.join(job.to_string())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter(
        &mut self,
        job: JobId,
        order: Option<&Order>,
        with: Option<SessionId>,
    ) -> watch::Receiver<Option<JobReport>> {
        if let Some(session) = &with {
            self.roster.take(session, job);
            self.roster.ring(session);
        }
        let (report, told) = watch::channel(None);
        let order = order.map(|order| Arc::new(order.clone()));
        self.jobs.insert(job, Entry { order, with, halted: false, report, grown: Arc::default() });
        told
    }

    /// A runner that has a job should be heard of.
    fn expect(&mut self, session: &SessionId, now: Timestamp) {
        self.roster.expect(session, now);
    }
}

/// A question that is waiting for its answer.
struct Presence<'a> {
    shared: &'a Shared,
    session: &'a SessionId,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let now = self.shared.settings.clock.now();
        self.shared.state().roster.leave(self.session, now);
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, sources, lease, .. } = self;
        f.debug_struct("Settings")
            .field("folder", folder)
            .field("sources", sources)
            .field("lease", lease)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("settings", &self.settings).finish_non_exhaustive()
    }
}

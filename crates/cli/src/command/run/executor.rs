//! Executes what was selected: the conductor that the server has, on a store in memory, with a host
//! for the jobs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use conductor::{Conductor, Handle, Hands, Kinds, Settings as Pace};
use engine::group::Groups;
use engine::pipeline::{Pipeline, Word};
use jobs::event::Event;
use jobs::host::{Host, Labels, Settings};
use model::fact::{Actor, What};
use model::id::{AnyId, CommandId, JobId};
use model::persisted::Persisted as _;
use model::pipeline::{Conclusion, Job, Order, Progress, Run as Process, Stage};
use ports::BoxFuture;
use ports::clock::{Clock, SystemClock};
use ports::entropy::{Entropy, SystemEntropy};
use ports::memory::MemoryStore;
use ports::store::Store;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::Run;
use super::report::Reporter;
use super::secrets::Secrets;
use super::selection::Selection;
use super::witness::{Told, Witness};
use crate::briefing::{Briefing, Depots, Origin};
use crate::command::confines::warn_of;
use crate::error::Error;
use crate::exit::Exit;
use crate::local::git::WorkingTree;
use crate::local::live::Live;
use crate::local::past::Past;
use crate::terminal::Terminal;
use crate::wire;

/// The families of hosted machines for which this one stands in.
const STANDS_IN_FOR: [&str; 1] = ["ubuntu-"];

pub(super) struct Executor {
    selection: Selection,
    briefing: Briefing,
    secrets: Arc<Secrets>,
    folder: PathBuf,
    slots: usize,
    labels: Vec<String>,
    actor: Actor,
}

/// Where it is heard what happens, and who is to know of it.
struct Watched<'a> {
    told: UnboundedReceiver<Told>,
    heard: UnboundedReceiver<(JobId, Event)>,
    signals: wire::Signals,
    host: &'a Host,
    live: &'a mut Live,
}

/// What happens while runs are executed.
enum Happened {
    Told(Told),
    Heard(JobId, Event),
    Time,
    Interrupted,
}

impl Executor {
    pub(super) fn new(
        asked: &Run,
        tree: &WorkingTree,
        data: &Path,
        selection: Selection,
        secrets: Secrets,
    ) -> Self {
        let briefing = Briefing {
            runner: "this machine".to_owned(),
            data: data.to_path_buf(),
            depot: Depots::Folder(wire::depot_folder(data)),
            origin: Origin::WorkingTree(tree.root.clone()),
            actions: asked.actions(),
            secrets: Vec::new(),
            env: asked.env.clone(),
            earlier: None,
            sandbox: asked.confines.sandbox || asked.confines.no_network,
            no_network: asked.confines.no_network,
            stays: asked.shell_on_failure,
            bounds: asked.confines.bounds(),
        };
        let own = std::thread::available_parallelism().map_or(2, usize::from);
        let mut labels = vec!["self-hosted".to_owned(), std::env::consts::OS.to_owned()];
        labels.extend(asked.labels.iter().cloned());
        Self {
            selection,
            briefing,
            secrets: Arc::new(secrets),
            folder: data.join("jobs"),
            slots: asked.jobs.map_or(own, usize::from),
            labels,
            actor: wire::person(),
        }
    }

    pub(super) fn execute(self, past: &mut Past, terminal: &mut Terminal) -> Result<Exit, Error> {
        wire::block_on(self.go(past, terminal))
    }

    async fn go(self, past: &mut Past, terminal: &mut Terminal) -> Result<Exit, Error> {
        let signals = wire::Signals::new()?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        warn_of(self.briefing.bounds, terminal);
        let (tell, told) = unbounded_channel();
        let (say, heard) = unbounded_channel();
        let host = self.host(clock.clone(), move |job, event| {
            // The view ends last; if it has ended all the same, nobody is to be told.
            let _ = say.send((job, event.clone()));
        })?;
        host.warm_up();
        let memory: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let store = Arc::new(Witness { store: memory.clone(), told: tell });
        let hands = Hands { jobs: Arc::new(host.clone()), ..Hands::default() };
        let kinds = Kinds::default().with(Pipeline).with(Groups);
        let (conductor, handle) =
            Conductor::new(store, hands, clock.clone(), kinds, Pace::alone("this machine"));
        let conductor = tokio::spawn(conductor.run());

        let past_folder = past.folder().to_owned();
        let mut reporter = Reporter::new(terminal, past, self.folder.clone(), &self.selection);
        let mut live = Live::begin(&past_folder, self.selection.runs.iter().map(|run| run.id));
        let watched = Watched { told, heard, signals, host: &host, live: &mut live };
        let ended = self.watch(&handle, &clock, watched, &mut reporter).await;
        drop(handle);
        drop(reporter);
        conductor.abort();
        let runs = self.finished(memory.as_ref()).await?;
        let gone = past.keep(&runs)?;
        discard(&self.folder, &gone);
        // Whoever looks for the run from now on finds it in the past.
        drop(live);
        let verdict = verdict(&runs, ended?);
        let absent = self.secrets.absent();
        if !absent.is_empty() && verdict != Exit::Success {
            let names = absent.join(", ");
            terminal.note(&format!(
                "note: nobody has a value for {names}, so the jobs saw an empty text: give one with \
                 -s, or keep one with 'highroad secret set'"
            ));
        }
        Ok(verdict)
    }

    /// Begins the runs, and sees them through to their ends: whether somebody interrupted them.
    async fn watch(
        &self,
        handle: &Handle,
        clock: &Arc<dyn Clock>,
        watched: Watched<'_>,
        reporter: &mut Reporter<'_>,
    ) -> Result<bool, Error> {
        let Watched { mut told, mut heard, mut signals, host, live } = watched;
        let mut under_way = 0;
        for run in &self.selection.runs {
            let begun = handle
                .start::<Pipeline>(run.id.into(), run.clone(), self.actor.clone(), command(clock))
                .await;
            begun
                .map_err(|error| Error::new(Exit::Bug, format!("the run cannot begin: {error}")))?;
            under_way += 1;
        }
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        let mut interrupts = 0;
        while under_way > 0 {
            let happened = tokio::select! {
                // What a job says is shown before what became of it.
                biased;
                Some((job, event)) = heard.recv() => Happened::Heard(job, event),
                Some(told) = told.recv() => Happened::Told(told),
                () = signals.interrupted() => Happened::Interrupted,
                _ = ticks.tick() => Happened::Time,
            };
            match happened {
                Happened::Heard(job, Event::Stuck { step, folder, environment }) => {
                    reporter.stuck(job, step, &folder, &environment).await?;
                    host.go_on(job);
                }
                Happened::Heard(job, event) => {
                    live.heard(job, &event);
                    reporter.heard(job, event, clock.now())?;
                }
                Happened::Time => reporter.refresh(clock.now())?,
                Happened::Told(told) => {
                    under_way -= usize::from(matches!(told.what, What::RunEnded(_)));
                    live.told(told.subject, &told.what);
                    reporter.told(told, clock.now())?;
                }
                Happened::Interrupted => {
                    interrupts += 1;
                    reporter.interrupted(interrupts);
                    self.cancel(handle, clock, interrupts > 1).await;
                }
            }
        }
        Ok(interrupts > 0)
    }

    async fn cancel(&self, handle: &Handle, clock: &Arc<dyn Clock>, force: bool) {
        for run in &self.selection.runs {
            let word = Word::Cancel { force };
            // One that is over needs no cancelling.
            let _ = handle
                .tell::<Pipeline>(run.id.into(), word, self.actor.clone(), command(clock))
                .await;
        }
    }

    fn host(
        &self,
        clock: Arc<dyn Clock>,
        listener: impl Fn(JobId, &Event) + Send + Sync + 'static,
    ) -> Result<Host, Error> {
        let program = std::env::current_exe()
            .map_err(|error| Error::io("cannot tell which program this is", &error))?;
        let (briefing, folder) = (self.briefing.clone(), self.folder.clone());
        let secrets = self.secrets.clone();
        let brief = move |order: &Order| {
            let earlier = order.resume.map(|resume| folder.join(resume.of.to_string()));
            let briefing = Briefing { earlier, ..briefing.clone() };
            let (secrets, order) = (secrets.clone(), order.clone());
            Box::pin(async move {
                let secrets = secrets.of(&order).await?;
                let briefing = Briefing { secrets, ..briefing };
                serde_json::to_value(briefing).map_err(|error| error.to_string())
            }) as BoxFuture<'static, _>
        };
        Ok(Host::new(Settings {
            name: self.briefing.runner.clone(),
            worker: (program, vec![crate::internal::WORKER.to_owned()]),
            folder: self.folder.clone(),
            slots: self.slots,
            labels: Labels {
                offered: self.labels.clone(),
                stands_in_for: STANDS_IN_FOR.map(str::to_owned).to_vec(),
            },
            brief: Box::new(brief),
            listener: Box::new(listener),
            clock,
        }))
    }

    /// The runs as they have ended.
    async fn finished(&self, store: &dyn Store) -> Result<Vec<Process>, Error> {
        let mut runs = Vec::new();
        for run in &self.selection.runs {
            let unreadable = |error: &dyn std::error::Error| {
                Error::new(Exit::Bug, "the run cannot be found again").caused_by(error.to_string())
            };
            let id: AnyId = run.id.into();
            let stored = store.load(id).await.map_err(|error| unreadable(&error))?;
            if let Some(stored) = stored {
                runs.push(Process::load(&stored.state).map_err(|error| unreadable(&error))?);
            }
        }
        Ok(runs)
    }
}

pub(super) fn command(clock: &Arc<dyn Clock>) -> CommandId {
    let entropy: &dyn Entropy = &SystemEntropy;
    entropy.id(CommandId::new, clock.now())
}

/// What the runs came to, as a command ends. One that was cancelled by others, or made way in its
/// group, has not succeeded; that is no interruption.
pub(super) fn verdict(runs: &[Process], was_interrupted: bool) -> Exit {
    let succeeded = |run: &Process| match run.stage {
        Stage::Over(conclusion) => {
            matches!(conclusion, Conclusion::Success | Conclusion::Skipped)
        }
        Stage::Going | Stage::Cancelling { .. } => false,
    };
    let is_cancelled = runs.iter().any(|run| run.stage == Stage::Over(Conclusion::Cancelled));
    match runs.iter().all(succeeded) {
        true => Exit::Success,
        false if was_interrupted && is_cancelled => Exit::Interrupted,
        false => Exit::Findings,
    }
}

/// Frees the room that the jobs of forgotten runs take.
pub(super) fn discard(folder: &Path, runs: &[Process]) {
    for run in runs {
        for job in run.jobs.iter().filter_map(|job| executed(job)) {
            // What is left lying there only takes room.
            let _ = std::fs::remove_dir_all(folder.join(job.to_string()));
        }
    }
}

/// The attempt that a job's result came of.
fn executed(job: &Job) -> Option<JobId> {
    match &job.progress {
        Progress::Over(result) => result.job,
        _ => None,
    }
}

//! Runs on a server: begun there with the working tree as it is, and watched from here.
//!
//! What jobs say is copied into the folders that they would have if they were executed here, so
//! that `highroad logs` and `highroad run --again` know them too.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use jobs::event::Event;
use jobs::remote::{Client, ClientError};
use model::fact::What;
use model::id::{JobId, RunId};
use model::pipeline::Run as Process;
use ports::clock::{Clock, SystemClock};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

use super::executor::{command, discard, verdict};
use super::report::Reporter;
use super::selection::Selection;
use super::witness::Told;
use crate::error::Error;
use crate::exit::Exit;
use crate::local::git::WorkingTree;
use crate::local::past::Past;
use crate::local::protections;
use crate::local::snapshot::Snapshot;
use crate::terminal::Terminal;
use crate::wire;

pub(super) struct Remote {
    server: Server,
    selection: Selection,
}

/// How a server is asked.
#[derive(Debug, Clone)]
struct Server {
    client: Arc<Client>,
    /// Where jobs have their folders here.
    folder: PathBuf,
    clock: Arc<dyn Clock>,
}

/// What is heard of a run.
enum Heard {
    Fact(Told, Timestamp),
    Job(JobId, Box<Event>, Timestamp),
    /// The server cannot be asked any more.
    Lost(Error),
}

/// A fact as the server tells it.
#[derive(Debug, Deserialize)]
struct Fact {
    seq: u64,
    at: Timestamp,
    kind: String,
    body: serde_json::Value,
}

/// A job that is listened to, or waits for its turn to be.
struct Listening {
    /// It is over: it need not wait.
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// To how many jobs of a run is listened at the same time, a connection each. They begin in the
/// order in which they were ordered.
const MOST_HEARD: usize = 64;
/// How long a server that does not answer is left alone.
const REST: SignedDuration = SignedDuration::from_millis(500);
/// After how long it is given up. The run goes on without anybody watching.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_mins(5);
/// For how many seconds a question for more is kept open.
const PATIENCE: u64 = 20;

impl Remote {
    pub(super) fn new(client: Client, data: &Path, selection: Selection) -> Self {
        let (client, folder) = (Arc::new(client), data.join("jobs"));
        Self { server: Server { client, folder, clock: Arc::new(SystemClock) }, selection }
    }

    pub(super) fn execute(
        mut self,
        tree: &WorkingTree,
        past: &mut Past,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        terminal.progress("packing the working tree");
        let snapshot = Snapshot::of(tree);
        terminal.end_progress();
        let snapshot = snapshot?;
        let protected = protections::of(&tree.root)?;
        for run in &mut self.selection.runs {
            let mut request = (*run.request).clone();
            request.protected.clone_from(&protected);
            request.github.insert("sha".to_owned(), json!(snapshot.commit));
            run.request = request.into();
        }
        wire::block_on(self.go(&snapshot, past, terminal))
    }

    async fn go(
        self,
        snapshot: &Snapshot,
        past: &mut Past,
        terminal: &mut Terminal,
    ) -> Result<Exit, Error> {
        let mut signals = wire::Signals::new()?;
        let (tell, heard) = unbounded_channel();
        for run in &self.selection.runs {
            self.server
                .begin(run, snapshot)
                .await
                .map_err(|error| wire::refused_by_server(&error))?;
            tokio::spawn(self.server.clone().follow(run.id, tell.clone()));
        }
        drop(tell);
        let folder = self.server.folder.clone();
        let mut reporter = Reporter::new(terminal, past, folder, &self.selection);
        let was_interrupted = self.watch(heard, &mut signals, &mut reporter).await?;
        drop(reporter);
        let mut runs = Vec::new();
        for run in &self.selection.runs {
            runs.push(
                self.server.state(run.id).await.map_err(|error| wire::refused_by_server(&error))?,
            );
        }
        let gone = past.keep(&runs)?;
        discard(&self.server.folder, &gone);
        Ok(verdict(&runs, was_interrupted))
    }

    /// Until every run is over: whether somebody interrupted them here.
    async fn watch(
        &self,
        mut heard: UnboundedReceiver<Heard>,
        signals: &mut wire::Signals,
        reporter: &mut Reporter<'_>,
    ) -> Result<bool, Error> {
        let clock = &self.server.clock;
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let mut interrupts = 0;
        loop {
            tokio::select! {
                biased;
                heard = heard.recv() => match heard {
                    Some(Heard::Fact(told, at)) => reporter.told(told, at)?,
                    Some(Heard::Job(job, event, at)) => reporter.heard(job, *event, at)?,
                    Some(Heard::Lost(error)) => return Err(error),
                    // Every run is over.
                    None => return Ok(interrupts > 0),
                },
                () = signals.interrupted() => {
                    interrupts += 1;
                    reporter.interrupted(interrupts);
                    for run in &self.selection.runs {
                        self.server.cancel(run.id, interrupts > 1).await;
                    }
                }
                _ = ticks.tick() => reporter.refresh(clock.now())?,
            }
        }
    }
}

impl Server {
    async fn begin(&self, run: &Process, snapshot: &Snapshot) -> Result<(), ClientError> {
        let path = format!("/api/v1/runs/{}/source", run.id);
        self.client.upload(&path, snapshot.bundle.path()).await?;
        let begin = json!({
            "id": run.id,
            "command": command(&self.clock),
            "service": run.service,
            "request": *run.request,
            "sheet": *run.sheet,
        });
        let _: serde_json::Value = self.client.ask(Method::POST, "/api/v1/runs", &begin).await?;
        Ok(())
    }

    async fn state(&self, run: RunId) -> Result<Process, ClientError> {
        self.client.ask(Method::GET, &format!("/api/v1/runs/{run}"), &()).await
    }

    async fn cancel(&self, run: RunId, force: bool) {
        let word =
            json!({ "command": command(&self.clock), "word": { "cancel": { "force": force } } });
        let path = format!("/api/v1/runs/{run}/words");
        // One that is over needs no cancelling; and whoever sees no effect interrupts again.
        let _ = self.client.ask::<serde_json::Value>(Method::POST, &path, &word).await;
    }

    /// Tells what happens in a run until it is over.
    async fn follow(self, run: RunId, tell: UnboundedSender<Heard>) {
        let mut after = 0;
        let mut jobs: HashMap<JobId, Listening> = HashMap::new();
        let ears = Arc::new(Semaphore::new(MOST_HEARD));
        loop {
            let path = format!("/api/v1/facts?subject={run}&after={after}&wait={PATIENCE}");
            let answer = match self.patiently(&path).await {
                Ok((_, answer)) => answer,
                Err(error) => {
                    let _ = tell.send(Heard::Lost(wire::refused_by_server(&error)));
                    return;
                }
            };
            for line in answer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let Ok(fact) = serde_json::from_slice::<Fact>(line) else { continue };
                after = fact.seq;
                // A newer server may know facts that this program does not.
                let Ok(what) = What::read(&fact.kind, &fact.body.to_string()) else { continue };
                match &what {
                    What::RunJobOrdered(ordered) => {
                        let (end, over) = oneshot::channel();
                        let (server, job) = (self.clone(), ordered.job);
                        let (ears, tell) = (ears.clone(), tell.clone());
                        let task = tokio::spawn(async move {
                            // One that is over has no more to say than can be read at once.
                            let _ear = tokio::select! {
                                ear = ears.acquire() => Some(ear),
                                _ = over => None,
                            };
                            server.listen(job, tell).await;
                        });
                        jobs.insert(job, Listening { end, task });
                    }
                    What::RunJobEnded(ended) => {
                        // What it said is shown before what became of it.
                        if let Some(job) = ended.job.and_then(|job| jobs.remove(&job)) {
                            let _ = job.end.send(());
                            let _ = job.task.await;
                        }
                    }
                    _ => {}
                }
                let is_over = matches!(what, What::RunEnded(_));
                // Whoever watched has left: nobody is to be told.
                let _ = tell.send(Heard::Fact(Told { subject: run.into(), what }, fact.at));
                if is_over {
                    return;
                }
            }
        }
    }

    /// Tells what a job says, and brings its log here once it is over.
    async fn listen(self, job: JobId, tell: UnboundedSender<Heard>) {
        let (mut offset, mut rest, mut at) = (0, Vec::new(), self.clock.now());
        loop {
            let path = format!("/api/v1/jobs/{job}/events?offset={offset}");
            let Ok((status, piece)) = self.patiently(&path).await else { return };
            if status != StatusCode::NO_CONTENT && piece.is_empty() {
                break;
            }
            offset += piece.len();
            rest.extend_from_slice(&piece);
            let whole = whole_lines(&rest);
            for line in rest[..whole].split(|byte| *byte == b'\n') {
                let Ok(event) = serde_json::from_slice::<Event>(line) else { continue };
                if matches!(event, Event::Ended(_)) {
                    self.bring_log(job).await;
                }
                at = moment(&event).unwrap_or(at);
                let _ = tell.send(Heard::Job(job, Box::new(event), at));
            }
            rest.drain(..whole);
        }
    }

    /// A log that does not arrive is missed where it is to be shown, and told there.
    async fn bring_log(&self, job: JobId) {
        let path = jobs::log::file_in(&self.folder.join(job.to_string()));
        let create = || {
            path.parent().map(std::fs::create_dir_all).transpose()?;
            std::fs::File::create(&path)
        };
        let Ok(mut file) = create() else { return };
        let mut offset = 0;
        loop {
            let at = format!("/api/v1/jobs/{job}/log?offset={offset}");
            let Ok((status, piece)) = self.patiently(&at).await else { return };
            if status != StatusCode::NO_CONTENT && piece.is_empty() {
                return;
            }
            offset += piece.len();
            if std::io::Write::write_all(&mut file, &piece).is_err() {
                return;
            }
        }
    }

    /// Asks until the server answers, or has not for too long.
    async fn patiently(&self, path: &str) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let until = self.clock.now() + LONGEST_SILENCE;
        loop {
            let asked = self.client.send(Method::GET, path, "application/json", [][..].into());
            match asked.await.and_then(|(status, body)| jobs::remote::successful(status, body)) {
                Ok((status, body)) => return Ok((status, body.to_vec())),
                Err(error) if error.may_pass() && self.clock.now() < until => {
                    self.clock.sleep_until(self.clock.now() + REST).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// When something happened in a job, if that is told: not when it was heard of.
fn moment(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Began { at, .. } | Event::StepBegan { at, .. } | Event::StepEnded { at, .. } => {
            Some(*at)
        }
        Event::Ended(report) => Some(report.ended_at),
        Event::Annotated { .. } | Event::Summary { .. } | Event::Stuck { .. } => None,
    }
}

/// How much of this is whole lines.
fn whole_lines(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

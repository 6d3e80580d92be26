//! Runs on a server: begun there with the working tree as it is, and watched from here.
//!
//! What jobs say is copied into the folders that they would have if they were executed here, so
//! that `highroad logs` and `highroad run --again` know them too.

use std::collections::HashMap;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use jobs::event::Event;
use jobs::remote::{Client, ClientError};
use model::fact::What;
use model::id::{JobId, RunId};
use model::pipeline::Run as Process;
use ports::clock::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

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

/// How long a server that does not answer is left alone.
const REST: SignedDuration = SignedDuration::from_millis(500);
/// After how long it is given up. The run goes on without anybody watching.
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_mins(5);
/// After how long without a word it is asked anew; it says that nothing happens more often.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(45);

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
        let mut known = Known::default();
        let mut heard_at = self.clock.now();
        loop {
            match self.hear(run, &mut known, &mut heard_at, &tell).await {
                Ok(true) => return,
                // The server ended the answer, or was ended itself.
                Ok(false) => {}
                Err(error) if error.may_pass() && self.clock.now() < heard_at + LONGEST_SILENCE => {
                }
                Err(error) => {
                    let _ = tell.send(Heard::Lost(wire::refused_by_server(&error)));
                    return;
                }
            }
            self.clock.sleep_until(self.clock.now() + REST).await;
        }
    }

    /// Tells what the server tells in one answer; whether the run is over.
    async fn hear(
        &self,
        run: RunId,
        known: &mut Known,
        heard_at: &mut Timestamp,
        tell: &UnboundedSender<Heard>,
    ) -> Result<bool, ClientError> {
        let path = format!("/api/v1/runs/{run}/watch");
        let mut answer = self.client.listen(&path, known).await?;
        let mut text = Vec::new();
        loop {
            let piece = tokio::select! {
                piece = answer.next() => piece?,
                // Nothing comes any more, and nobody says so.
                () = self.clock.sleep_until(self.clock.now() + LONGEST_PAUSE) => None,
            };
            let Some(piece) = piece else { return Ok(false) };
            *heard_at = self.clock.now();
            text.extend_from_slice(&piece);
            let mut rest = text.as_slice();
            while let Some((line, behind)) = first_line(rest) {
                // A newer server may say what this program does not know.
                let line: Line = serde_json::from_slice(line).unwrap_or_default();
                let length = line.bytes.unwrap_or_default();
                let Some((bytes, behind)) = behind.split_at_checked(length) else { break };
                rest = behind;
                if self.take(run, line, bytes, known, tell) {
                    return Ok(true);
                }
            }
            let left = rest.len();
            text.drain(..text.len() - left);
        }
    }

    /// Tells one thing, and brings the log here; whether the run is over.
    fn take(
        &self,
        run: RunId,
        line: Line,
        bytes: &[u8],
        known: &mut Known,
        tell: &UnboundedSender<Heard>,
    ) -> bool {
        match line {
            Line { fact: Some(fact), .. } => {
                known.after = fact.seq;
                let Ok(what) = What::read(&fact.kind, &fact.body.to_string()) else { return false };
                match &what {
                    What::RunJobOrdered(ordered) => {
                        known.jobs.insert(ordered.job, Read::default());
                    }
                    What::RunJobEnded(ended) => {
                        ended.job.map(|job| known.jobs.remove(&job));
                    }
                    _ => {}
                }
                let is_over = matches!(what, What::RunEnded(_));
                // Whoever watched has left: nobody is to be told.
                let _ = tell.send(Heard::Fact(Told { subject: run.into(), what }, fact.at));
                return is_over;
            }
            Line { job: Some(job), to: Some(to), event: Some(event), .. } => {
                known.jobs.entry(job).or_default().events = to;
                let Ok(event) = Event::deserialize(&event) else { return false };
                known.at = moment(&event).unwrap_or(known.at);
                let _ = tell.send(Heard::Job(job, Box::new(event), known.at));
            }
            Line { job: Some(job), log: Some(offset), .. } => {
                known.jobs.entry(job).or_default().log = offset + bytes.len() as u64;
                // One that is not here is missed where it is to be shown, and told there.
                let _ = self.keep_log(job, offset, bytes);
            }
            _ => {}
        }
        false
    }

    fn keep_log(&self, job: JobId, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let path = jobs::log::file_in(&self.folder.join(job.to_string()));
        path.parent().map(std::fs::create_dir_all).transpose()?;
        let file = std::fs::File::options().create(true).truncate(false).write(true).open(path)?;
        file.write_all_at(bytes, offset)
    }
}

/// What is known of a run already, as the server is told.
#[derive(Debug, Default, Serialize)]
struct Known {
    after: u64,
    /// How much of their files, of the jobs that are not over.
    jobs: HashMap<JobId, Read>,
    /// When the last thing happened whose time is known.
    #[serde(skip)]
    at: Timestamp,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Read {
    events: u64,
    log: u64,
}

/// One line of what the server tells of a run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    fact: Option<Fact>,
    job: Option<JobId>,
    /// How far the job's events are told with this one.
    to: Option<u64>,
    event: Option<serde_json::Value>,
    /// Where in the log the bytes behind the line belong.
    log: Option<u64>,
    bytes: Option<usize>,
}

/// A line without its end, and what is behind it.
fn first_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
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

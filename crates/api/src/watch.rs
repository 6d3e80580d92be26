//! A run as it is watched: its facts, and what its jobs say, in one answer that lasts until the run
//! is over.
//!
//! The answer is lines of JSON. `{"fact": …}` is a fact; `{"job": …, "to": …, "event": …}` something
//! that happened in a job, with how far its events are told then; behind `{"job": …, "log": …,
//! "bytes": …}` come so many bytes of the job's log, from that place on. What a job has said is told
//! before the fact that it is over. An empty line says that nothing happens.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Debug;
use std::io::{self, Write as _};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use model::fact::What;
use model::id::{AnyId, JobId};
use ports::store::{Query, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::Api;
use crate::facts::{Fact, fact};
use crate::problem::Problem;
use crate::runs::id_of;

/// What has come of the files of jobs, wherever they are executed.
pub trait JobFiles: Send + Sync + Debug {
    /// What a file has from here on, or a piece of it; nothing while there is no more.
    fn read(&self, job: JobId, file: JobFile, offset: u64) -> io::Result<Vec<u8>>;

    /// Whether more of its files is expected: not of one that is over, or not known yet.
    fn is_under_way(&self, job: JobId) -> bool;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobFile {
    Log,
    /// A line of JSON each.
    Events,
}

/// What whoever watches knows already.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    /// All facts up to this one.
    after: u64,
    /// How much of their files, of the jobs that were not over then.
    #[serde(default)]
    jobs: BTreeMap<JobId, Read>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
struct Read {
    events: u64,
    log: u64,
}

/// How often is looked whether there is more.
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(15);
/// How often with a job of which no more is expected, until the fact says that it is over.
const LOOK_SELDOM: SignedDuration = SignedDuration::from_millis(300);
/// After how long without anything a line says that nothing happens, so that no proxy on the way
/// takes the answer for dead.
const BEAT: SignedDuration = SignedDuration::from_secs(15);
/// Facts that are read at once.
const MOST_FACTS: usize = 1_000;
/// What is written at once, in bytes.
const CHUNK: usize = 64 << 10;
/// Chunks that wait for whoever watches.
const AHEAD: usize = 4;
/// The longest event that is told.
const LONGEST_EVENT: usize = 64 << 20;

pub(crate) async fn watch(
    State(api): State<Api>,
    Path(run): Path<String>,
    known: Result<Json<Known>, JsonRejection>,
) -> Result<Response, Problem> {
    let run = AnyId::from(id_of(&run)?);
    let Json(Known { after, jobs }) = known?;
    if api.store.load(run).await?.is_none() {
        return Err(Problem::not_found(&format!("run {run}")));
    }
    let jobs = jobs.into_iter().map(|(job, read)| (job, Watched { read, ..Watched::default() }));
    let (tell, told) = mpsc::channel(AHEAD);
    let watch = Watch { api, run, after, jobs: jobs.collect(), line: Vec::new(), tell };
    tokio::spawn(watch.until_over());
    let chunks = futures_util::stream::unfold(told, |mut told| async {
        told.recv().await.map(|chunk| (Ok::<_, Infallible>(chunk), told))
    });
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    Ok((kind, Body::from_stream(chunks)).into_response())
}

struct Watch {
    api: Api,
    run: AnyId,
    after: u64,
    /// Those that are not over.
    jobs: BTreeMap<JobId, Watched>,
    /// What is not sent yet.
    line: Vec<u8>,
    tell: mpsc::Sender<Bytes>,
}

#[derive(Default)]
struct Watched {
    read: Read,
    /// The beginning of an event whose end is not there yet.
    rest: Vec<u8>,
    /// When its events are looked at again.
    next_look: Timestamp,
}

#[derive(Serialize)]
struct FactLine<'a> {
    fact: Fact<'a>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    job: JobId,
    to: u64,
    event: &'a serde_json::value::RawValue,
}

#[derive(Serialize)]
struct LogLine {
    job: JobId,
    log: u64,
    bytes: usize,
}

/// Why nothing more is told. Whoever watches asks again.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("nobody listens any more")]
    Unheard,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("what a job has sent cannot be read")]
    Io(#[from] io::Error),
}

impl Watch {
    async fn until_over(mut self) {
        let clock = self.api.clock.clone();
        let mut told_at = clock.now();
        loop {
            match self.tell_new(&mut told_at).await {
                Ok(true) | Err(Ended::Unheard) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::error!(run = %self.run, %error, "a run cannot be watched");
                    return;
                }
            }
            tokio::select! {
                () = clock.sleep_until(clock.now() + LOOK_EVERY) => {}
                () = self.tell.closed() => return,
            }
        }
    }

    /// Tells what is new; whether the run is over.
    async fn tell_new(&mut self, told_at: &mut Timestamp) -> Result<bool, Ended> {
        let (subject, after) = (Some(self.run), Some(self.after));
        let query = Query { subject, after, limit: MOST_FACTS, ..Query::default() };
        let entries = self.api.store.entries(query).await?;
        let mut is_over = false;
        for entry in &entries {
            self.after = entry.seq;
            // What a newer server wrote is told as it is.
            match What::read(&entry.record.kind, &entry.record.body) {
                Ok(What::RunJobOrdered(ordered)) => {
                    self.jobs.entry(ordered.job).or_default();
                }
                Ok(What::RunJobEnded(ended)) => {
                    if let Some(job) = ended.job
                        && self.jobs.contains_key(&job)
                    {
                        while self.tell_events(job).await? {}
                        while self.tell_log(job).await? {}
                        self.jobs.remove(&job);
                    }
                }
                Ok(What::RunEnded(_)) => is_over = true,
                _ => {}
            }
            self.put(&FactLine { fact: fact(entry) }).await?;
        }
        let now = self.api.clock.now();
        let due = self.jobs.iter().filter(|(_, job)| job.next_look <= now);
        let due: Vec<JobId> = due.map(|(job, _)| *job).collect();
        for job in due {
            // Asked first: what comes before it is over is there then.
            let is_under_way = self.api.jobs.is_under_way(job);
            let is_new = self.tell_events(job).await?;
            if let Some(job) = self.jobs.get_mut(&job).filter(|_| !is_new && !is_under_way) {
                job.next_look = now + LOOK_SELDOM;
            }
        }
        if self.line.is_empty() && now >= *told_at + BEAT {
            self.line.push(b'\n');
        }
        if !self.line.is_empty() {
            *told_at = now;
        }
        self.send().await?;
        Ok(is_over)
    }

    /// A piece of a job's events; whether there was one.
    async fn tell_events(&mut self, job: JobId) -> Result<bool, Ended> {
        let Some(Watched { read, rest, .. }) = self.jobs.get_mut(&job) else { return Ok(false) };
        let offset = read.events + rest.len() as u64;
        let piece = self.api.jobs.read(job, JobFile::Events, offset)?;
        if piece.is_empty() {
            return Ok(false);
        }
        rest.extend_from_slice(&piece);
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole == 0 && rest.len() > LONGEST_EVENT {
            return Err(io::Error::other("an event without an end").into());
        }
        let mut lines = std::mem::take(rest);
        *rest = lines.split_off(whole);
        let mut to = read.events;
        read.events += whole as u64;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            to += line.len() as u64;
            // One that was not written whole is nobody's event.
            if let Ok(event) = serde_json::from_slice(line) {
                self.put(&EventLine { job, to, event }).await?;
            }
        }
        Ok(true)
    }

    /// A piece of a job's log; whether there was one.
    async fn tell_log(&mut self, job: JobId) -> Result<bool, Ended> {
        let Some(Watched { read, .. }) = self.jobs.get_mut(&job) else { return Ok(false) };
        let log = read.log;
        let piece = self.api.jobs.read(job, JobFile::Log, log)?;
        if piece.is_empty() {
            return Ok(false);
        }
        read.log += piece.len() as u64;
        let line = serde_json::to_vec(&LogLine { job, log, bytes: piece.len() });
        self.line.extend(line.map_err(io::Error::from)?);
        self.line.push(b'\n');
        self.line.extend(piece);
        self.send_if_full().await?;
        Ok(true)
    }

    async fn put(&mut self, line: &impl Serialize) -> Result<(), Ended> {
        serde_json::to_writer(&mut self.line, line).map_err(io::Error::from)?;
        self.line.write_all(b"\n")?;
        self.send_if_full().await
    }

    async fn send_if_full(&mut self) -> Result<(), Ended> {
        if self.line.len() < CHUNK { Ok(()) } else { self.send().await }
    }

    async fn send(&mut self) -> Result<(), Ended> {
        if self.line.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.line).into();
        self.tell.send(chunk).await.map_err(|_| Ended::Unheard)
    }
}

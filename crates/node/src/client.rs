//! A node as the server sees it: the ports `Workloads` and `Traffic` over the node's socket.

mod lines;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::intent::{Generation, Group, GroupHealth, Instances, Judgement, Split, Trip, Weights};
use model::name::Place;
use model::route::Route;
use ports::BoxFuture;
use ports::releases::Releases;
use ports::traffic::{Counts, Traffic};
use ports::workloads::{Kept, Rejection, Unreachable, Workloads};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::control::protocol::{
    KeptInstances, Lead, PROTOCOL, PROTOCOL_HEADER, ROLE_HEADER, Refusal, SERVER, Status, Steer,
    WantInstances,
};
use crate::logs::{LogLine, LogQuery};
use crate::stats::Second;
use crate::told::Steered;

pub use lines::Lines;

/// Longer answers are not read.
const MAX_ANSWER: usize = 64 << 20;
/// Connections that are kept for the next questions.
const MAX_IDLE: usize = 8;

/// Speaks to the node behind a socket.
#[derive(Debug)]
pub struct NodeClient {
    socket: PathBuf,
    /// Who decides, or who only watches.
    role: Option<&'static str>,
    releases: Arc<dyn Releases>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl NodeClient {
    /// For a server: it tells the node what is to be.
    pub fn of_server(socket: &Path, releases: Arc<dyn Releases>) -> Self {
        Self { socket: socket.to_owned(), role: Some(SERVER), releases, idle: Mutex::default() }
    }

    /// For who looks, and wants nothing.
    pub fn of_watcher(socket: &Path) -> Self {
        let releases = Arc::new(ports::nobody::Nobody);
        Self { socket: socket.to_owned(), role: None, releases, idle: Mutex::default() }
    }

    /// Opens, changes or closes the way into a place.
    pub async fn lead(
        &self,
        place: &Place,
        route: Option<&Route>,
        generation: Generation,
    ) -> Result<(), Rejection> {
        let word = Lead { generation, route: route.cloned() };
        self.tell(&format!("/v1/routes/{place}"), &word).await
    }

    pub async fn status(&self) -> Result<Status, Unreachable> {
        self.ask("/v1/status").await?.ok_or_else(|| nonsense("it has no status"))
    }

    /// The last seconds, and those to come if that is wanted.
    pub async fn seconds(&self, last: usize, follow: bool) -> Result<Lines<Second>, Unreachable> {
        let path = format!("/v1/seconds?last={last}&follow={follow}");
        self.lines(Method::GET, &path, Bytes::new()).await
    }

    /// What instances print.
    pub async fn logs(&self, query: &LogQuery) -> Result<Lines<LogLine>, Unreachable> {
        let query = serde_json::to_vec(query).map_err(|error| nonsense(&error.to_string()))?;
        self.lines(Method::POST, "/v1/logs", query.into()).await
    }

    async fn lines<T>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Lines<T>, Unreachable> {
        let mut connection = self.connect().await?;
        let request = self.request(method, path, body)?;
        let answer = connection.send_request(request).await.map_err(broken)?;
        if answer.status() == StatusCode::OK {
            return Ok(Lines::new(answer.into_body()));
        }
        let (status, body) = read(answer).await?;
        Err(nonsense(&told(status, &body)))
    }

    async fn tell(&self, path: &str, word: &impl Serialize) -> Result<(), Rejection> {
        let word = serde_json::to_vec(word).map_err(|error| nonsense(&error.to_string()))?;
        let (status, body) = self.send(Method::PUT, path, word.into()).await?;
        if status == StatusCode::NO_CONTENT {
            return Ok(());
        }
        Err(match serde_json::from_slice(&body) {
            Ok(Refusal::Older(generation)) => Rejection::Older(generation),
            Ok(Refusal::Tripped(trip)) => Rejection::Tripped(trip),
            Ok(Refusal::Refused(why)) => Rejection::Refused(why),
            Err(_) if status.is_client_error() => Rejection::Refused(told(status, &body)),
            Err(_) => nonsense(&told(status, &body)).into(),
        })
    }

    /// None where the node knows of no such thing.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, Unreachable> {
        let (status, body) = self.send(Method::GET, path, Bytes::new()).await?;
        match status {
            StatusCode::OK => serde_json::from_slice(&body).map(Some).map_err(|error| {
                nonsense(&format!("its answer to {path} makes no sense: {error}"))
            }),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(nonsense(&told(status, &body))),
        }
    }

    /// Every word can be said twice, so one that met the end of an idle connection is said again.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Unreachable> {
        while let Some(mut connection) = self.idle() {
            let request = self.request(method.clone(), path, body.clone())?;
            // A node that was replaced answers on old connections only to say so.
            if let Ok(answer) = connection.send_request(request).await
                && answer.status() != StatusCode::SERVICE_UNAVAILABLE
            {
                return self.finish(connection, answer).await;
            }
        }
        let mut connection = self.connect().await?;
        let request = self.request(method, path, body)?;
        let answer = connection.send_request(request).await.map_err(broken)?;
        self.finish(connection, answer).await
    }

    async fn finish(
        &self,
        connection: SendRequest<Full<Bytes>>,
        answer: Response<Incoming>,
    ) -> Result<(StatusCode, Bytes), Unreachable> {
        let read = read(answer).await?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MAX_IDLE {
            idle.push(connection);
        }
        Ok(read)
    }

    fn idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| !connection.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Unreachable> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            Unreachable(format!("no node listens on {}: {error}", self.socket.display()))
        })?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(async move {
            // Whoever waits for an answer on it hears of its end as well.
            drop(connection.await);
        });
        Ok(sender)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Unreachable> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "node")
            .header(PROTOCOL_HEADER, PROTOCOL);
        if let Some(role) = self.role {
            request = request.header(ROLE_HEADER, role);
        }
        request.body(Full::new(body)).map_err(|error| nonsense(&error.to_string()))
    }
}

impl Workloads for NodeClient {
    fn ensure<'a>(
        &'a self,
        want: &'a Instances,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        Box::pin(async move {
            let workload = match want.count {
                0 => None,
                _ => Some(self.releases.workload(&want.group).await?),
            };
            let word = WantInstances { generation, count: want.count, workload };
            self.tell(&of_group(&want.group), &word).await
        })
    }

    fn kept<'a>(
        &'a self,
        group: &'a Group,
    ) -> BoxFuture<'a, Result<Option<Kept<u32>>, Unreachable>> {
        Box::pin(async move {
            let kept: Option<KeptInstances> = self.ask(&of_group(group)).await?;
            Ok(kept.map(|kept| Kept { generation: kept.generation, want: kept.count }))
        })
    }

    fn health<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Vec<GroupHealth>, Unreachable>> {
        Box::pin(
            async move { Ok(self.ask(&format!("/v1/health/{place}")).await?.unwrap_or_default()) },
        )
    }
}

impl Traffic for NodeClient {
    fn steer<'a>(
        &'a self,
        want: &'a Weights,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        Box::pin(async move {
            let word = Steer { generation, split: want.split.clone() };
            self.tell(&format!("/v1/splits/{}", want.place), &word).await
        })
    }

    fn kept<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Kept<Split>>, Unreachable>> {
        Box::pin(async move {
            let kept = self.steered(place).await?;
            Ok(kept.map(|kept| Kept { generation: kept.generation, want: kept.split }))
        })
    }

    fn trip<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Option<Trip>, Unreachable>> {
        Box::pin(async move { Ok(self.steered(place).await?.and_then(|kept| kept.trip)) })
    }

    fn judgement<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Judgement>, Unreachable>> {
        Box::pin(async move { self.ask(&format!("/v1/judgements/{place}")).await })
    }

    fn counts<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Vec<Counts>, Unreachable>> {
        Box::pin(
            async move { Ok(self.ask(&format!("/v1/counts/{place}")).await?.unwrap_or_default()) },
        )
    }
}

impl NodeClient {
    async fn steered(&self, place: &Place) -> Result<Option<Steered>, Unreachable> {
        self.ask(&format!("/v1/splits/{place}")).await
    }
}

fn of_group(group: &Group) -> String {
    format!("/v1/instances/{}/{}", group.place, group.release)
}

async fn read(answer: Response<Incoming>) -> Result<(StatusCode, Bytes), Unreachable> {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|error| nonsense(&format!("its answer is cut short: {error}")))?;
    Ok((status, body.to_bytes()))
}

fn told(status: StatusCode, body: &[u8]) -> String {
    let why = String::from_utf8_lossy(body);
    let why: String = why.trim().chars().take(500).collect();
    if why.is_empty() { status.to_string() } else { why }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to `map_err`")]
fn broken(error: hyper::Error) -> Unreachable {
    Unreachable(format!("the connection to the node broke: {error}"))
}

fn nonsense(why: &str) -> Unreachable {
    Unreachable(why.to_owned())
}

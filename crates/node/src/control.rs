//! The node's side of the control protocol: HTTP over a Unix socket that only its own user opens.

pub(crate) mod protocol;

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream};
use model::id::ReleaseId;
use model::intent::{Group, Instances};
use model::name::{EnvironmentName, Place, ServiceName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::protocol::{
    KeptInstances, Lead, MAX_WORD, PROTOCOL, PROTOCOL_HEADER, ROLE_HEADER, Refusal, SERVER, Steer,
    WantInstances,
};
use crate::logs::LogQuery;
use crate::node::{GIVEN_UP, Node, Refused};

/// What a node answers.
pub(crate) fn router(node: Arc<Node>) -> Router {
    let spoken = Router::new()
        .route("/v1/instances/{service}/{environment}/{release}", get(instances).put(want))
        .route("/v1/health/{service}/{environment}", get(health))
        .route("/v1/splits/{service}/{environment}", get(split).put(steer))
        .route("/v1/routes/{service}/{environment}", get(route).put(lead))
        .route("/v1/judgements/{service}/{environment}", get(judgement))
        .route("/v1/counts/{service}/{environment}", get(counts))
        .route("/v1/status", get(status))
        .route("/v1/seconds", get(seconds))
        .route("/v1/logs", post(logs))
        .layer(from_fn_with_state(node.clone(), in_our_protocol));
    // Prometheus speaks no protocol of ours.
    let asked = Router::new().route("/metrics", get(metrics));
    spoken.merge(asked).layer(DefaultBodyLimit::max(MAX_WORD)).with_state(node)
}

/// A socket that nobody but its user can open, from its first moment on.
pub(crate) fn bind(path: &FilePath) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::other("there is something else that is no socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    // The file that binding makes takes over the socket's own mode.
    rustix::fs::fchmod(socket.as_fd(), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    socket.listen(128)?;
    Ok(socket.into())
}

type Asked = State<Arc<Node>>;
type OfPlace = Path<(ServiceName, EnvironmentName)>;
type OfGroup = Path<(ServiceName, EnvironmentName, ReleaseId)>;

async fn in_our_protocol(State(node): Asked, request: Request, next: Next) -> Response {
    if node.is_given_up() {
        let close = [(header::CONNECTION, "close")];
        return (StatusCode::SERVICE_UNAVAILABLE, close, GIVEN_UP).into_response();
    }
    match protocol_of(request.headers()) {
        Ok(is_server) => {
            if is_server {
                node.heard_a_server();
            }
            next.run(request).await
        }
        Err(found) => {
            let why = format!(
                "this node speaks protocol {PROTOCOL} and is asked in {found}, by the header \
                 `{PROTOCOL_HEADER}`: use a server and a node of the same version"
            );
            (StatusCode::BAD_REQUEST, why).into_response()
        }
    }
}

/// Whether it is a server that asks; or in which protocol somebody does.
fn protocol_of(headers: &HeaderMap) -> Result<bool, String> {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match said(PROTOCOL_HEADER).map(str::parse::<u32>) {
        Some(Ok(PROTOCOL)) => Ok(said(ROLE_HEADER) == Some(SERVER)),
        Some(Ok(other)) => Err(format!("protocol {other}")),
        Some(Err(_)) => Err("something else".to_owned()),
        None => Err("none".to_owned()),
    }
}

async fn want(
    State(node): Asked,
    Path((service, environment, release)): OfGroup,
    body: Bytes,
) -> Response {
    let WantInstances { generation, count, workload } = match word(&body) {
        Ok(word) => word,
        Err(nonsense) => return nonsense.into_response(),
    };
    let group = Group { place: Place { service, environment }, release };
    let want = Instances { group, count };
    taken(node.want(want, generation, workload.map(Arc::new)).await)
}

async fn instances(State(node): Asked, Path((service, environment, release)): OfGroup) -> Response {
    let group = Group { place: Place { service, environment }, release };
    let kept = node.wanted(&group).await;
    found(kept.map(|kept| KeptInstances { generation: kept.generation, count: kept.count }))
}

async fn steer(State(node): Asked, Path((service, environment)): OfPlace, body: Bytes) -> Response {
    match word(&body) {
        Ok(Steer { generation, split }) => {
            taken(node.steer(Place { service, environment }, split, generation).await)
        }
        Err(nonsense) => nonsense.into_response(),
    }
}

async fn split(State(node): Asked, Path((service, environment)): OfPlace) -> Response {
    found(node.steered(&Place { service, environment }).await)
}

async fn lead(State(node): Asked, Path((service, environment)): OfPlace, body: Bytes) -> Response {
    match word(&body) {
        Ok(Lead { generation, route }) => {
            taken(node.lead(Place { service, environment }, route, generation).await)
        }
        Err(nonsense) => nonsense.into_response(),
    }
}

async fn route(State(node): Asked, Path((service, environment)): OfPlace) -> Response {
    found(node.led(&Place { service, environment }).await)
}

async fn health(State(node): Asked, Path((service, environment)): OfPlace) -> Response {
    Json(node.health(&Place { service, environment })).into_response()
}

async fn judgement(State(node): Asked, Path((service, environment)): OfPlace) -> Response {
    found(node.judgement(&Place { service, environment }))
}

async fn counts(State(node): Asked, Path((service, environment)): OfPlace) -> Response {
    Json(node.counts(&Place { service, environment })).into_response()
}

async fn status(State(node): Asked) -> Response {
    Json(node.status().await).into_response()
}

/// Which seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seconds {
    /// Those that came later than the one of this number.
    #[serde(default)]
    after: u64,
    /// And of those, so many of the last.
    last: Option<u64>,
    /// Go on with those to come.
    #[serde(default)]
    follow: bool,
}

/// Seconds in the order in which they were, a line of JSON each.
async fn seconds(State(node): Asked, Query(seconds): Query<Seconds>) -> Response {
    /// How many are read at once: an hour of them would be a lot of memory.
    const AT_ONCE: usize = 64;
    let Seconds { after, last, follow } = seconds;
    let closed = node.seconds_closed();
    let newest = *closed.borrow();
    let after = last.map_or(after, |last| after.max(newest.saturating_sub(last)));
    let lines = stream::unfold((after, closed), move |(mut after, mut closed)| {
        let node = Arc::clone(&node);
        async move {
            loop {
                closed.mark_unchanged();
                let seconds = node.seconds(after, AT_ONCE);
                if let Some(last) = seconds.last() {
                    after = last.sequence;
                    return Some((lines(&seconds), (after, closed)));
                }
                if !follow || closed.changed().await.is_err() {
                    return None;
                }
            }
        }
    });
    by_and_by(lines)
}

/// What instances print, a line of JSON each.
async fn logs(State(node): Asked, body: Bytes) -> Response {
    let query: LogQuery = match word(&body) {
        Ok(query) => query,
        Err(nonsense) => return nonsense.into_response(),
    };
    let logs = match node.logs(query).await {
        Ok(logs) => logs,
        Err(error) => {
            let why = format!("the logs cannot be read: {error}");
            return (StatusCode::INTERNAL_SERVER_ERROR, why).into_response();
        }
    };
    by_and_by(stream::unfold(logs, |mut logs| async move {
        let first = logs.next().await?;
        let ready = logs.ready();
        Some((lines([&first].into_iter().chain(&ready)), logs))
    }))
}

fn lines<'a, T: Serialize + 'a>(values: impl IntoIterator<Item = &'a T>) -> io::Result<Bytes> {
    let mut lines = Vec::new();
    for value in values {
        serde_json::to_writer(&mut lines, value)?;
        lines.push(b'\n');
    }
    Ok(lines.into())
}

fn by_and_by(lines: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

async fn metrics(State(node): Asked) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, node.metrics()).into_response()
}

/// Reads a word. One that is cut short never comes here; one that says more than this version
/// knows is refused, because what is not understood cannot be promised.
fn word<T: DeserializeOwned>(body: &[u8]) -> Result<T, Nonsense> {
    serde_json::from_slice(body).map_err(Nonsense)
}

struct Nonsense(serde_json::Error);

impl IntoResponse for Nonsense {
    fn into_response(self) -> Response {
        let Self(error) = self;
        (StatusCode::BAD_REQUEST, format!("the word makes no sense: {error}")).into_response()
    }
}

fn taken(answer: Result<(), Refused>) -> Response {
    let refusal = match answer {
        Ok(()) => return StatusCode::NO_CONTENT.into_response(),
        Err(Refused::Older(generation)) => (StatusCode::CONFLICT, Refusal::Older(generation)),
        Err(Refused::Tripped(trip)) => (StatusCode::CONFLICT, Refusal::Tripped(trip)),
        Err(Refused::Wrong(why)) => (StatusCode::UNPROCESSABLE_ENTITY, Refusal::Refused(why)),
        // It is not taken over, and may be another time.
        Err(Refused::Disk(why)) => {
            return (StatusCode::INSUFFICIENT_STORAGE, why).into_response();
        }
    };
    (refusal.0, Json(refusal.1)).into_response()
}

fn found(kept: Option<impl Serialize>) -> Response {
    kept.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |kept| Json(kept).into_response())
}

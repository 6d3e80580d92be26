//! The runners' paths, for the server's router.

use std::io;
use std::str::FromStr;

use axum::Json;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use model::id::{JobId, RunId};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::hub::{Hub, Refusal};
use super::protocol::{
    BASE, FILES, JobFile, MAX_PIECE, MAX_REPORT, News, POLL, Poll, SessionId, Told,
};

/// How much of a file is read at once.
const PIECE: usize = 64 << 10;
/// The longest question of a runner, with all the jobs that it has.
const MAX_POLL: usize = 1 << 20;

/// What runners ask of a hub. Whoever serves this sees to it that nobody else gets in.
pub fn for_runners(hub: Hub) -> Router {
    let polls = DefaultBodyLimit::max(MAX_POLL);
    let news = DefaultBodyLimit::max(FILES * MAX_PIECE + MAX_REPORT);
    Router::new()
        .route(POLL, post(poll).layer(polls))
        .route(&format!("{BASE}/{{session}}/jobs/{{job}}/news"), post(take_news).layer(news))
        .route(&format!("{BASE}/sources/{{run}}"), get(source))
        .with_state(hub)
}

/// What people and programs ask of a hub: what their runs check out, and what jobs say.
pub fn for_people(hub: Hub) -> Router {
    Router::new()
        .route("/api/v1/runs/{run}/source", put(keep_source))
        .route("/api/v1/jobs/{job}/{file}", get(read))
        .layer(DefaultBodyLimit::disable())
        .with_state(hub)
}

async fn poll(State(hub): State<Hub>, asked: Result<Json<Poll>, JsonRejection>) -> Response {
    match asked {
        Ok(Json(asked)) => Json::<Told>(hub.poll(&asked).await).into_response(),
        Err(error) => refuse(error.status(), &error.body_text()),
    }
}

async fn take_news(
    State(hub): State<Hub>,
    Path((session, job)): Path<(SessionId, String)>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Some(job) = id::<JobId>(&job) else { return unknown() };
    let body = match body {
        Ok(body) => body,
        Err(error) => return refuse(error.status(), &error.body_text()),
    };
    let Some((news, pieces)) = read_news(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "this is no news of a job");
    };
    match hub.take(&session, job, news, pieces) {
        Ok(reached) => Json(reached).into_response(),
        Err(Refusal::Elsewhere(reached)) => (StatusCode::CONFLICT, Json(reached)).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

/// The line at the beginning, and the pieces behind it. None if it is not just that.
fn read_news(body: &[u8]) -> Option<(News, [&[u8]; FILES])> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let news: News = serde_json::from_slice(&body[..end]).ok()?;
    let mut rest = &body[end + 1..];
    let mut pieces = [&[][..]; FILES];
    for (piece, told) in pieces.iter_mut().zip(&news.pieces) {
        (*piece, rest) = rest.split_at_checked(told.length)?;
    }
    rest.is_empty().then_some((news, pieces))
}

/// The most bytes of a bundle.
const MAX_SOURCE: u64 = 4 << 30;

async fn keep_source(State(hub): State<Hub>, Path(run): Path<String>, body: Body) -> Response {
    let Some(run) = id::<RunId>(&run) else { return unknown() };
    let path = hub.source(run);
    match store(&path, body).await {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => {
            let why = format!("a bundle has at most {MAX_SOURCE} bytes");
            refuse(StatusCode::PAYLOAD_TOO_LARGE, &why)
        }
        Err(error) => refused(&Refusal::Io(error)),
    }
}

/// Whether all of it found room. It is there whole or not at all.
async fn store(path: &std::path::Path, body: Body) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(std::path::Path::new("."));
    std::fs::create_dir_all(folder)?;
    let kept = tempfile::NamedTempFile::new_in(folder)?;
    let mut file = tokio::fs::File::from_std(kept.as_file().try_clone()?);
    let (mut body, mut length) = (body, 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(io::Error::other)?;
        let Ok(piece) = frame.into_data() else { continue };
        length += piece.len() as u64;
        if length > MAX_SOURCE {
            return Ok(false);
        }
        file.write_all(&piece).await?;
    }
    file.sync_data().await?;
    kept.persist(path).map_err(|error| error.error)?;
    Ok(true)
}

/// How long a question for more waits at most, and how often is looked for a job that is not here.
const PATIENCE: SignedDuration = SignedDuration::from_secs(20);
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(100);

#[derive(Deserialize)]
struct From {
    offset: u64,
}

/// A piece of a job's file from an offset on; empty once the job is over and nothing more comes.
async fn read(
    State(hub): State<Hub>,
    Path((job, file)): Path<(String, String)>,
    Query(From { offset }): Query<From>,
) -> Response {
    let (Some(job), Some(file)) = (id::<JobId>(&job), job_file(&file)) else { return unknown() };
    if let Some(removed) = hub.removed(job) {
        return refuse(StatusCode::GONE, &removed.to_string());
    }
    let path = hub.file(job, file);
    let until = hub.clock().now() + PATIENCE;
    loop {
        let bell = hub.growth(job);
        let rung = bell.as_ref().map(|bell| bell.notified());
        // Asked first: what comes before the report is there when the report is.
        let is_over = hub.is_over(job);
        match super::shipment::read_from(&path, offset) {
            Ok(piece) if piece.is_empty() && !is_over => {}
            Ok(piece) => return piece.into_response(),
            Err(error) => return refused(&Refusal::Io(error)),
        }
        if hub.clock().now() >= until {
            return StatusCode::NO_CONTENT.into_response();
        }
        match rung {
            Some(rung) => tokio::select! {
                () = rung => {}
                () = hub.clock().sleep_until(until) => {}
            },
            // Ordered, and on its way here.
            None => hub.clock().sleep_until(hub.clock().now() + LOOK_EVERY).await,
        }
    }
}

async fn source(State(hub): State<Hub>, Path(run): Path<String>) -> Response {
    let Some(run) = id::<RunId>(&run) else { return unknown() };
    let Ok(mut file) = tokio::fs::File::open(hub.source(run)).await else {
        return refuse(StatusCode::NOT_FOUND, "the run has nothing to check out");
    };
    let (mut ours, theirs) = tokio::io::duplex(PIECE);
    tokio::spawn(async move {
        // A runner that hangs up asks again.
        let _ = tokio::io::copy(&mut file, &mut ours).await;
    });
    let pieces = futures_util::stream::unfold(theirs, |mut theirs| async {
        let mut piece = Vec::with_capacity(PIECE);
        match theirs.read_buf(&mut piece).await {
            Ok(0) => None,
            read => Some((read.map(|_| Bytes::from(piece)), theirs)),
        }
    });
    Body::from_stream(pieces).into_response()
}

fn job_file(name: &str) -> Option<JobFile> {
    JobFile::ALL.into_iter().find(|file| file.word() == name)
}

fn id<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn unknown() -> Response {
    refuse(StatusCode::NOT_FOUND, "there is no such thing")
}

fn refused(refusal: &Refusal) -> Response {
    let status = match refusal {
        Refusal::NotYours(_) | Refusal::Elsewhere(_) => StatusCode::CONFLICT,
        Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Io(_) => StatusCode::INSUFFICIENT_STORAGE,
    };
    if let Refusal::Io(error) = refusal {
        tracing::error!(%error, "what a runner sends cannot be kept");
    }
    refuse(status, &refusal.to_string())
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, why.to_owned()).into_response()
}

//! Runs of workflows: begun, looked at, and told things.

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use engine::pipeline::{Pipeline, Word};
use model::fact::Actor;
use model::id::{AnyId, CommandId, RunId};
use model::name::ServiceName;
use model::persisted::Persisted as _;
use model::pipeline::{Request, Run, Sheet};
use serde::{Deserialize, Serialize};

use crate::Api;
use crate::problem::Problem;

/// What begins a run. Its id is chosen by whoever asks, so that asking again begins no second one.
#[derive(Debug, Deserialize)]
pub(crate) struct Begin {
    id: RunId,
    command: CommandId,
    service: ServiceName,
    request: Request,
    sheet: Sheet,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tell {
    command: CommandId,
    word: Word,
}

#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    /// The word changes nothing, and why is in the text.
    is_refusal: bool,
    text: String,
}

pub(crate) async fn begin(
    State(api): State<Api>,
    Extension(by): Extension<Actor>,
    body: Result<Json<Begin>, JsonRejection>,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    let Json(Begin { id, command, service, mut request, sheet }) = body?;
    // Whoever shows the token, whatever the request says.
    request.began_by = Some(by.clone());
    let run = Run::new(id, service, request, sheet, api.clock.now());
    let reply = api.handle.start::<Pipeline>(id.into(), run, by, command).await?;
    Ok((StatusCode::CREATED, Json(Answer { is_refusal: reply.is_refusal, text: reply.text })))
}

pub(crate) async fn show(
    State(api): State<Api>,
    Path(run): Path<String>,
) -> Result<Json<Run>, Problem> {
    let id = id_of(&run)?;
    let stored = api.store.load(AnyId::from(id)).await?;
    let stored = stored.ok_or_else(|| Problem::not_found(&format!("run {id}")))?;
    let run = Run::load(&stored.state).map_err(|error| {
        tracing::error!(run = %id, %error, "a run's state cannot be read");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the run's state cannot be read")
    })?;
    Ok(Json(run))
}

pub(crate) async fn tell(
    State(api): State<Api>,
    Extension(by): Extension<Actor>,
    Path(run): Path<String>,
    body: Result<Json<Tell>, JsonRejection>,
) -> Result<Json<Answer>, Problem> {
    let id = id_of(&run)?;
    let Json(Tell { command, word }) = body?;
    let reply = api.handle.tell::<Pipeline>(id.into(), word, by, command).await?;
    Ok(Json(Answer { is_refusal: reply.is_refusal, text: reply.text }))
}

pub(crate) fn id_of(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| Problem::not_found(&format!("run '{text}'")))
}

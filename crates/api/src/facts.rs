//! The journal, read by filters; waited for by whoever follows it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::{SignedDuration, Timestamp};
use model::id::AnyId;
use model::journal::Entry;
use ports::store;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Api;
use crate::problem::Problem;

/// The most facts in one answer.
const MOST: usize = 1_000;
/// How long a question for more is kept open at most, and how often is looked meanwhile.
const LONGEST_WAIT: u64 = 30;
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(20);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    subject: Option<String>,
    kind: Option<String>,
    /// Only facts behind this one.
    after: Option<u64>,
    limit: Option<usize>,
    /// For how many seconds the first of them is waited for.
    wait: Option<u64>,
}

/// A fact as programs read it.
#[derive(Debug, Serialize)]
pub(crate) struct Fact<'a> {
    seq: u64,
    at: Option<Timestamp>,
    kind: &'a str,
    actor: &'a str,
    cause: &'a str,
    subject: &'a str,
    scope: &'a str,
    body: Value,
}

/// One JSON object a line, in the order of the journal.
pub(crate) async fn list(
    State(api): State<Api>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked?;
    let subject = asked.subject.as_deref().map(subject).transpose()?;
    let query = store::Query {
        subject,
        kind: asked.kind,
        after: asked.after,
        limit: asked.limit.unwrap_or(MOST).clamp(1, MOST),
        ..store::Query::default()
    };
    let wait = asked.wait.unwrap_or(0).min(LONGEST_WAIT);
    let until = api.clock.now() + SignedDuration::from_secs(wait.cast_signed());
    let mut entries = api.store.entries(query.clone()).await?;
    while entries.is_empty() && api.clock.now() < until {
        api.clock.sleep_until(api.clock.now() + LOOK_EVERY).await;
        entries = api.store.entries(query.clone()).await?;
    }
    let mut lines = Vec::new();
    for entry in &entries {
        serde_json::to_writer(&mut lines, &fact(entry))
            .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        lines.push(b'\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

fn subject(text: &str) -> Result<AnyId, Problem> {
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, format!("'{text}' is nobody's id"));
    text.parse().map_err(|_| wrong())
}

pub(crate) fn fact(entry: &Entry) -> Fact<'_> {
    let record = &entry.record;
    Fact {
        seq: entry.seq,
        at: Timestamp::from_microsecond(record.at).ok(),
        kind: &record.kind,
        actor: &record.actor,
        cause: &record.cause,
        subject: &record.subject,
        scope: &record.scope,
        // Somebody may have been at the database.
        body: serde_json::from_str(&record.body)
            .unwrap_or_else(|_| Value::String(record.body.clone())),
    }
}

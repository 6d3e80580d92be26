//! Commits as the parameters of one call of `commit_batch`, and what it answers.

use jiff::Timestamp;
use model::id::AnyId;
use model::intent::Generation;
use ports::store::{Change, Commit, CommitError, Committed, StoreError, StoreErrorKind};
use tokio_postgres::Row;

use super::error::damaged;
use super::line::Line;
use super::rows::{field, natural, small, status_text};

const COMMIT: &str = "SELECT outcome, detail, new_version, head, generations FROM commit_batch(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
    $21, $22, $23, $24, $25, $26, $27, $28, $29)";

/// The heaviest commit: PostgreSQL has no room for a parameter or message of more than a gigabyte.
const MOST_BYTES: usize = 512 << 20;

/// Commits side by side, a column for each parameter.
#[derive(Debug, Default)]
pub(super) struct Batch<'a> {
    command: Vec<Option<String>>,
    reply: Vec<Option<&'a str>>,
    process: Vec<Option<String>>,
    kind: Vec<Option<&'a str>>,
    expected: Vec<Option<i64>>,
    state: Vec<Option<&'a str>>,
    status: Vec<Option<&'static str>>,
    wake_at: Vec<Option<i64>>,
    slot: Vec<Option<&'a str>>,
    holder: Vec<Option<&'a str>>,
    until: Vec<Option<i64>>,
    now: Vec<Option<i64>>,
    settled_end: Vec<i32>,
    intents_end: Vec<i32>,
    facts_end: Vec<i32>,
    settled: SettledColumns,
    intents: IntentColumns,
    facts: FactColumns<'a>,
}

#[derive(Debug, Default)]
struct SettledColumns {
    target: Vec<String>,
    generation: Vec<i64>,
    upheld: Vec<bool>,
}

#[derive(Debug, Default)]
struct IntentColumns {
    target: Vec<String>,
    body: Vec<String>,
}

#[derive(Debug, Default)]
struct FactColumns<'a> {
    at: Vec<i64>,
    schema: Vec<i64>,
    kind: Vec<&'a str>,
    actor: Vec<&'a str>,
    cause: Vec<&'a str>,
    subject: Vec<&'a str>,
    scope: Vec<&'a str>,
    body: Vec<&'a str>,
    digest: Vec<&'a [u8]>,
}

impl<'a> Batch<'a> {
    pub(super) fn push(&mut self, commit: &'a Commit) {
        let change = commit.change.as_ref();
        self.command.push(commit.command.as_ref().map(|(command, _)| command.to_string()));
        self.reply.push(commit.command.as_ref().map(|(_, reply)| reply.as_str()));
        self.process.push(change.map(|change| change.process.to_string()));
        self.kind.push(change.map(|change| change.kind.as_str()));
        self.expected.push(change.and_then(|change| change.expected).map(small));
        self.state.push(change.map(|change| change.state.as_str()));
        self.status.push(change.map(|change| status_text(change.status)));
        let wake_at = change.and_then(|change| change.wake_at);
        self.wake_at.push(wake_at.map(Timestamp::as_microsecond));
        self.slot.push(change.and_then(|change| change.slot.as_deref()));
        self.holder.push(change.map(|change| change.hold.server.as_str()));
        self.until.push(change.map(|change| change.hold.until.as_microsecond()));
        self.now.push(change.map(|change| change.now.as_microsecond()));
        if let Some(change) = change {
            self.push_intents(change);
        }
        for sealed in &commit.facts {
            let facts = &mut self.facts;
            facts.at.push(sealed.record.at);
            facts.schema.push(sealed.record.schema);
            facts.kind.push(&sealed.record.kind);
            facts.actor.push(&sealed.record.actor);
            facts.cause.push(&sealed.record.cause);
            facts.subject.push(&sealed.record.subject);
            facts.scope.push(&sealed.record.scope);
            facts.body.push(&sealed.record.body);
            facts.digest.push(&sealed.digest.0);
        }
        self.settled_end.push(end(&self.settled.target));
        self.intents_end.push(end(&self.intents.target));
        self.facts_end.push(end(&self.facts.at));
    }

    fn push_intents(&mut self, change: &Change) {
        for settled in &change.settled {
            self.settled.target.push(settled.target.to_string());
            self.settled.generation.push(small(settled.generation.0));
            self.settled.upheld.push(settled.upheld);
        }
        for intent in &change.intents {
            self.intents.target.push(intent.target().to_string());
            let body = serde_json::to_string(intent);
            self.intents.body.push(body.expect("intents are plain structs with text keys"));
        }
    }

    /// One round trip, one transaction; one row for each commit.
    pub(super) async fn send(&self, line: &Line) -> Result<Vec<Row>, StoreError> {
        let Self { settled, intents, facts, .. } = self;
        line.call(
            COMMIT,
            &[
                &self.command,
                &self.reply,
                &self.process,
                &self.kind,
                &self.expected,
                &self.state,
                &self.status,
                &self.wake_at,
                &self.slot,
                &self.holder,
                &self.until,
                &self.now,
                &self.settled_end,
                &self.intents_end,
                &self.facts_end,
                &settled.target,
                &settled.generation,
                &settled.upheld,
                &intents.target,
                &intents.body,
                &facts.at,
                &facts.schema,
                &facts.kind,
                &facts.actor,
                &facts.cause,
                &facts.subject,
                &facts.scope,
                &facts.body,
                &facts.digest,
            ],
        )
        .await
    }
}

/// What the database says became of a commit.
pub(super) fn read(row: &Row, commit: &Commit) -> Result<Committed, CommitError> {
    let detail = || field::<Option<String>>(row, "detail").map(Option::unwrap_or_default);
    match field::<String>(row, "outcome")?.as_str() {
        "taken" => {
            let generations = field::<Vec<i64>>(row, "generations")?.into_iter();
            Ok(Committed {
                version: natural(field(row, "new_version")?)?,
                head: natural(field(row, "head")?)?,
                generations: generations
                    .map(|generation| natural(generation).map(Generation))
                    .collect::<Result<_, _>>()?,
            })
        }
        "repeated" => Err(CommitError::Repeated { reply: detail()? }),
        "slot" => {
            let by = detail()?;
            let by = by
                .parse::<AnyId>()
                .map_err(|error| damaged("the holder of a slot is not a process").because(error))?;
            let slot = commit.change.as_ref().and_then(|change| change.slot.clone());
            Err(CommitError::SlotTaken { slot: slot.unwrap_or_default(), by })
        }
        _ => Err(CommitError::Conflict),
    }
}

/// Refuses what could never be sent.
pub(super) fn check(commit: &Commit) -> Result<(), StoreError> {
    let bytes = weight(commit);
    if bytes > MOST_BYTES {
        let what = format!("a commit of {bytes} bytes, more than PostgreSQL takes at once");
        return Err(StoreError::new(StoreErrorKind::TooLarge, what));
    }
    Ok(())
}

/// About how many bytes a commit brings.
pub(super) fn weight(commit: &Commit) -> usize {
    let change = commit.change.as_ref();
    let state = change.map_or(0, |change| {
        change.state.len() + INTENT * (change.intents.len() + change.settled.len())
    });
    let facts = commit.facts.iter().map(|fact| FACT + fact.record.body.len());
    state + facts.sum::<usize>()
}

fn end<T>(column: &[T]) -> i32 {
    i32::try_from(column.len()).expect("a batch is far smaller")
}

/// What an intent and the envelope of a fact weigh.
const INTENT: usize = 512;
const FACT: usize = 512;

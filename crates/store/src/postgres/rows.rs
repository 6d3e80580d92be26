//! Rows and what they stand for. What the store cannot have written is told as damage.

use jiff::Timestamp;
use model::id::AnyId;
use model::intent::{Generation, Intent};
use model::journal::{Entry, Hash, Head, Record};
use ports::store::{Open, Standing, Status, StoreError, Stored};
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::error::damaged;

pub(super) fn stored(row: &Row) -> Result<Stored, StoreError> {
    let id = process(row, "id")?;
    let generations = field::<Option<Vec<i64>>>(row, "open_generations")?.unwrap_or_default();
    let bodies = field::<Option<Vec<String>>>(row, "open_bodies")?.unwrap_or_default();
    let open = generations.into_iter().zip(&bodies).map(|(generation, body)| {
        Ok(Open { generation: Generation(natural(generation)?), intent: intent(body)? })
    });
    let mut open = open.collect::<Result<Vec<_>, StoreError>>()?;
    open.sort_by_key(|open| open.intent.target());
    Ok(Stored {
        id,
        kind: field(row, "kind")?,
        version: natural(field(row, "version")?)?,
        state: field(row, "state")?,
        status: status(&field::<String>(row, "status")?)?,
        wake_at: time(field(row, "wake_at")?)?,
        slot: field(row, "slot")?,
        open,
    })
}

pub(super) fn standing(row: &Row) -> Result<Standing, StoreError> {
    Ok(Standing {
        process: process(row, "process")?,
        generation: Generation(natural(field(row, "generation")?)?),
        intent: intent(&field::<String>(row, "body")?)?,
    })
}

/// Nothing is judged here: an edited entry is for the verifier to find.
pub(super) fn entry(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        seq: natural(field(row, "seq")?)?,
        record: Record {
            at: field(row, "at")?,
            schema: field(row, "schema")?,
            kind: field(row, "kind")?,
            actor: field(row, "actor")?,
            cause: field(row, "cause")?,
            subject: field(row, "subject")?,
            scope: field(row, "scope")?,
            body: field(row, "body")?,
        },
        link: field(row, "link")?,
    })
}

pub(super) fn head(row: &Row) -> Result<Head, StoreError> {
    let link = field::<Vec<u8>>(row, "link")?;
    let bytes = link.len();
    let link = <[u8; 32]>::try_from(link)
        .map_err(|_| damaged(format!("the link of the journal's head has {bytes} bytes")))?;
    Ok(Head { seq: natural(field(row, "seq")?)?, link: Hash(link) })
}

pub(super) fn field<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, StoreError> {
    row.try_get(name)
        .map_err(|error| damaged(format!("the column `{name}` cannot be read")).because(error))
}

pub(super) fn time(microseconds: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    let Some(microseconds) = microseconds else { return Ok(None) };
    let time = Timestamp::from_microsecond(microseconds);
    time.map(Some).map_err(|error| damaged(format!("{microseconds} is not a time")).because(error))
}

/// A count, which the database keeps with a sign.
pub(super) fn natural(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| damaged(format!("{number} is not a count")))
}

/// The same the other way; what is too large stands for more than there will ever be.
pub(super) fn small(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn status_text(status: Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Parked => "parked",
        Status::Ended => "ended",
    }
}

fn status(text: &str) -> Result<Status, StoreError> {
    match text {
        "active" => Ok(Status::Active),
        "parked" => Ok(Status::Parked),
        "ended" => Ok(Status::Ended),
        _ => Err(damaged(format!("`{text}` is not the status of a process"))),
    }
}

fn process(row: &Row, name: &str) -> Result<AnyId, StoreError> {
    let text = field::<String>(row, name)?;
    text.parse::<AnyId>().map_err(|error| damaged("a process without a proper id").because(error))
}

fn intent(body: &str) -> Result<Intent, StoreError> {
    serde_json::from_str(body).map_err(|error| damaged("an intent cannot be read").because(error))
}

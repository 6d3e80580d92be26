//! What is written for each task. A commit that is refused is found out before it writes anything.

use jiff::Timestamp;
use model::id::AnyId;
use model::intent::{Generation, Intent, Target};
use model::journal::{Record, Sealed};
use ports::store::{Audit, Change, Commit, CommitError, Committed, Standing, Status};
use rusqlite::{OptionalExtension, params};

use super::agenda::{Due, Note};
use super::rows;
use super::trouble::Trouble;
use super::writer::Pen;

pub(super) fn commit(
    pen: &mut Pen<'_>,
    commit: &Commit,
) -> Result<Result<Committed, CommitError>, Trouble> {
    if let Some((command, _)) = &commit.command
        && let Some(reply) = rows::reply_to(pen.connection, *command)?
    {
        return Ok(Err(CommitError::Repeated { reply }));
    }
    let mut version = 0;
    let mut generations = Vec::new();
    if let Some(change) = &commit.change {
        let before = Before::find(pen, change.process)?;
        if let Some(refusal) = before.refusal(pen, change)? {
            return Ok(Err(refusal));
        }
        version = change.expected.unwrap_or(0) + 1;
        generations = before.change(pen, change, version)?;
    }
    for sealed in &commit.facts {
        tell(pen, sealed)?;
    }
    if let Some((command, reply)) = &commit.command {
        pen.connection
            .prepare_cached("INSERT INTO commands (id, reply) VALUES (?1, ?2)")?
            .execute((command.to_string(), reply))?;
    }
    Ok(Ok(Committed { version, head: pen.head.seq, generations }))
}

/// Marks what is handed out as seen.
pub(super) fn audit(pen: &mut Pen<'_>, audit: &Audit) -> Result<Vec<Standing>, Trouble> {
    let mut select = pen.connection.prepare_cached(
        "SELECT process, generation, intent FROM intents INDEXED BY intents_upheld
         WHERE is_upheld = 1 AND audited_at < ?1 ORDER BY audited_at LIMIT ?2",
    )?;
    let limit = i64::try_from(audit.limit).unwrap_or(i64::MAX);
    let mut rows = select.query((audit.not_since.as_microsecond(), limit))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let generation = Generation(rows::unsigned(row, 1)?);
        let (process, intent) = (rows::id(row, 0)?, rows::intent(row, 2)?);
        found.push(Standing { process, generation, intent });
    }
    let mut mark =
        pen.connection.prepare_cached("UPDATE intents SET audited_at = ?2 WHERE target = ?1")?;
    for standing in &found {
        mark.execute((standing.intent.target().to_string(), audit.now.as_microsecond()))?;
    }
    Ok(found)
}

pub(super) fn raise(
    pen: &mut Pen<'_>,
    target: &Target,
    from: Generation,
    above: Generation,
) -> Result<Option<Generation>, Trouble> {
    let raised = above.max(from).next();
    let changed = pen
        .connection
        .prepare_cached("UPDATE intents SET generation = ?3 WHERE target = ?1 AND generation = ?2")?
        .execute((target.to_string(), rows::signed(from.0), rows::signed(raised.0)))?;
    Ok((changed > 0).then_some(raised))
}

/// A process as it stands before a change.
struct Before {
    id: String,
    row: Option<Found>,
}

struct Found {
    number: i64,
    version: u64,
    status: Status,
    slot: Option<String>,
}

impl Found {
    fn holds(&self, slot: &str) -> bool {
        self.status != Status::Ended && self.slot.as_deref() == Some(slot)
    }
}

impl Before {
    fn find(pen: &Pen<'_>, process: AnyId) -> Result<Self, Trouble> {
        let id = process.to_string();
        let mut select = pen
            .connection
            .prepare_cached("SELECT number, version, status, slot FROM processes WHERE id = ?1")?;
        let mut rows = select.query([&id])?;
        let row = match rows.next()? {
            None => None,
            Some(row) => Some(Found {
                number: row.get(0)?,
                version: rows::unsigned(row, 1)?,
                status: rows::status(row.get(2)?)?,
                slot: row.get(3)?,
            }),
        };
        drop(rows);
        drop(select);
        Ok(Self { id, row })
    }

    fn refusal(&self, pen: &Pen<'_>, change: &Change) -> Result<Option<CommitError>, Trouble> {
        if self.row.as_ref().map(|row| row.version) != change.expected {
            return Ok(Some(CommitError::Conflict));
        }
        let Some(slot) = change.slot.as_ref().filter(|_| change.status != Status::Ended) else {
            return Ok(None);
        };
        if self.row.as_ref().is_some_and(|row| row.holds(slot)) {
            return Ok(None);
        }
        let mut select = pen.connection.prepare_cached(
            "SELECT id FROM processes INDEXED BY processes_slot
             WHERE slot = ?1 AND slot IS NOT NULL AND status <> 2",
        )?;
        let mut rows = select.query([slot])?;
        let holder = rows.next()?.map(|row| rows::id(row, 0)).transpose()?;
        let by = holder.filter(|holder| *holder != change.process);
        Ok(by.map(|by| CommitError::SlotTaken { slot: slot.clone(), by }))
    }

    fn change(
        &self,
        pen: &mut Pen<'_>,
        change: &Change,
        version: u64,
    ) -> Result<Vec<Generation>, Trouble> {
        self.write(pen, change, version)?;
        self.settle(pen, change)?;
        let generations = self.want(pen, change)?;
        let due = if change.status == Status::Parked {
            Due::Never
        } else if !change.intents.is_empty() || has_open(pen, &self.id)? {
            // What an ended process wanted last is still to be brought about.
            Due::Held(change.hold.clone())
        } else {
            match change.wake_at.filter(|_| change.status == Status::Active) {
                Some(at) => Due::At(at),
                None => Due::Never,
            }
        };
        pen.notes.push(Note::Decided { process: change.process, version, due });
        Ok(generations)
    }

    fn write(&self, pen: &Pen<'_>, change: &Change, version: u64) -> Result<(), Trouble> {
        let version = rows::signed(version);
        let status = rows::status_code(change.status);
        let wake_at = change.wake_at.map(Timestamp::as_microsecond);
        let Change { kind, state, slot, .. } = change;
        match &self.row {
            None => pen
                .connection
                .prepare_cached(
                    "INSERT INTO processes (id, kind, version, status, wake_at, slot, state)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![self.id, kind, version, status, wake_at, slot, state])?,
            // Columns that are not named cost no index a change.
            Some(row) if row.status == change.status && row.slot == *slot => pen
                .connection
                .prepare_cached(
                    "UPDATE processes SET kind = ?2, version = ?3, wake_at = ?4, state = ?5
                     WHERE number = ?1",
                )?
                .execute(params![row.number, kind, version, wake_at, state])?,
            Some(row) => pen
                .connection
                .prepare_cached(
                    "UPDATE processes
                     SET kind = ?2, version = ?3, wake_at = ?4, state = ?5, status = ?6, slot = ?7
                     WHERE number = ?1",
                )?
                .execute(params![row.number, kind, version, wake_at, state, status, slot])?,
        };
        Ok(())
    }

    fn settle(&self, pen: &Pen<'_>, change: &Change) -> Result<(), Trouble> {
        for settled in &change.settled {
            pen.connection
                .prepare_cached(
                    "UPDATE intents SET is_open = 0, is_upheld = ?4, audited_at = ?5
                     WHERE target = ?1 AND process = ?2 AND generation = ?3",
                )?
                .execute(params![
                    settled.target.to_string(),
                    self.id,
                    rows::signed(settled.generation.0),
                    settled.upheld,
                    change.now.as_microsecond(),
                ])?;
        }
        Ok(())
    }

    fn want(&self, pen: &mut Pen<'_>, change: &Change) -> Result<Vec<Generation>, Trouble> {
        change.intents.iter().map(|intent| self.want_one(pen, intent, change.now)).collect()
    }

    fn want_one(
        &self,
        pen: &mut Pen<'_>,
        intent: &Intent,
        now: Timestamp,
    ) -> Result<Generation, Trouble> {
        let target = intent.target().to_string();
        let before = pen
            .connection
            .prepare_cached("SELECT generation, process, is_open FROM intents WHERE target = ?1")?
            .query_row([&target], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, bool>(2)?))
            })
            .optional()?;
        let generation = before.as_ref().map_or(1, |(generation, ..)| generation + 1);
        let text = serde_json::to_string(intent).expect("intents are plain structs with text keys");
        pen.connection
            .prepare_cached(
                "INSERT INTO intents
                     (target, process, generation, is_open, is_upheld, audited_at, intent)
                 VALUES (?1, ?2, ?3, 1, 0, ?4, ?5)
                 ON CONFLICT (target) DO UPDATE SET
                     process = ?2, generation = ?3, is_open = 1, is_upheld = 0,
                     audited_at = ?4, intent = ?5",
            )?
            .execute(params![target, self.id, generation, now.as_microsecond(), text])?;
        if let Some((_, owner, true)) = before
            && owner != self.id
            && !has_open(pen, &owner)?
        {
            relieve(pen, &owner)?;
        }
        let generation = u64::try_from(generation)
            .map_err(|error| Trouble::unreadable("a generation", error))?;
        Ok(Generation(generation))
    }
}

fn has_open(pen: &Pen<'_>, process: &str) -> Result<bool, Trouble> {
    let mut select = pen.connection.prepare_cached(
        "SELECT 1 FROM intents INDEXED BY intents_open WHERE process = ?1 AND is_open = 1 LIMIT 1",
    )?;
    Ok(select.exists([process])?)
}

/// Notes that nothing of a process is open any more.
fn relieve(pen: &mut Pen<'_>, process: &str) -> Result<(), Trouble> {
    let mut select =
        pen.connection.prepare_cached("SELECT id, status, wake_at FROM processes WHERE id = ?1")?;
    let mut rows = select.query([process])?;
    if let Some(row) = rows.next()? {
        let is_active = rows::status(row.get(1)?)? == Status::Active;
        let wake_at = rows::time(row.get(2)?)?.filter(|_| is_active);
        pen.notes.push(Note::Relieved { process: rows::id(row, 0)?, wake_at });
    }
    Ok(())
}

/// Gives a fact its place in the chain.
fn tell(pen: &mut Pen<'_>, sealed: &Sealed) -> Result<(), Trouble> {
    let Record { at, schema, kind, actor, cause, subject, scope, body } = &sealed.record;
    let head = pen.head.after(sealed.digest);
    pen.connection
        .prepare_cached(
            "INSERT INTO facts (seq, at, schema, kind, actor, cause, subject, scope, link, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            rows::signed(head.seq),
            at,
            schema,
            kind,
            actor,
            cause,
            subject,
            scope,
            head.link.0,
            body
        ])?;
    pen.head = head;
    Ok(())
}

//! A store in memory, which forgets everything with the process and otherwise does what the
//! real ones do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use model::id::{AnyId, CommandId};
use model::intent::{Generation, Intent, Target};
use model::journal::{Entry, Head};
use model::name::Scope;

use crate::BoxFuture;
use crate::store::{
    Audit, Change, Claim, Claimed, Commit, CommitError, Committed, Open, Query, Settled, Standing,
    Status, Store, StoreError, Stored,
};

#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    processes: BTreeMap<AnyId, Row>,
    /// Due processes by the time they are due, so that a claim touches no other.
    due: BTreeSet<(Timestamp, AnyId)>,
    slots: BTreeMap<String, AnyId>,
    intents: BTreeMap<Target, IntentRow>,
    commands: BTreeMap<CommandId, String>,
    entries: Vec<Entry>,
    head: Head,
}

#[derive(Debug)]
struct Row {
    stored: Stored,
    due_at: Option<Timestamp>,
    /// The server for which the process is withheld from the others.
    holder: Option<String>,
}

#[derive(Debug)]
struct IntentRow {
    process: AnyId,
    generation: Generation,
    intent: Intent,
    upheld: bool,
    audited_at: Timestamp,
}

impl MemoryStore {
    /// Every process there is, for a test to look at.
    pub fn processes(&self) -> Vec<Stored> {
        self.tables().processes.values().map(|row| row.stored.clone()).collect()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("nothing panics while it holds the tables")
    }
}

impl Store for MemoryStore {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            commit.check()?;
            self.tables().commit(commit)
        })
    }

    fn load(&self, process: AnyId) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(
            async move { Ok(self.tables().processes.get(&process).map(|row| row.stored.clone())) },
        )
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        Box::pin(async move { Ok(self.tables().claim(&claim)) })
    }

    fn audit(&self, audit: Audit) -> BoxFuture<'_, Result<Vec<Standing>, StoreError>> {
        Box::pin(async move { Ok(self.tables().audit(&audit)) })
    }

    fn raise(
        &self,
        target: Target,
        from: Generation,
        above: Generation,
    ) -> BoxFuture<'_, Result<Option<Generation>, StoreError>> {
        Box::pin(async move { Ok(self.tables().raise(&target, from, above)) })
    }

    fn reply_to(&self, command: CommandId) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        Box::pin(async move { Ok(self.tables().commands.get(&command).cloned()) })
    }

    fn entries(&self, query: Query) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables();
            let behind = |entry: &&Entry| match query.after {
                None => true,
                Some(seq) if query.newest_first => entry.seq < seq,
                Some(seq) => entry.seq > seq,
            };
            let fits = |entry: &&Entry| behind(entry) && matches(&query, entry);
            Ok(if query.newest_first {
                tables.entries.iter().rev().filter(fits).take(query.limit).cloned().collect()
            } else {
                tables.entries.iter().filter(fits).take(query.limit).cloned().collect()
            })
        })
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>> {
        Box::pin(async move { Ok(self.tables().head) })
    }
}

impl Tables {
    fn commit(&mut self, commit: Commit) -> Result<Committed, CommitError> {
        if let Some((command, _)) = &commit.command
            && let Some(reply) = self.commands.get(command)
        {
            return Err(CommitError::Repeated { reply: reply.clone() });
        }
        let (version, generations) = match commit.change {
            Some(change) => self.change(change)?,
            None => (0, Vec::new()),
        };
        for sealed in commit.facts {
            self.head = self.head.after(sealed.digest);
            let Head { seq, link } = self.head;
            self.entries.push(Entry { seq, record: sealed.record, link: link.0.to_vec() });
        }
        self.commands.extend(commit.command);
        Ok(Committed { version, head: self.head.seq, generations })
    }

    fn change(&mut self, change: Change) -> Result<(u64, Vec<Generation>), CommitError> {
        let id = change.process;
        let found = self.processes.get(&id).map(|row| row.stored.version);
        if found != change.expected {
            return Err(CommitError::Conflict);
        }
        if change.status != Status::Ended
            && let Some(slot) = &change.slot
        {
            match self.slots.get(slot) {
                Some(by) if *by != id => {
                    return Err(CommitError::SlotTaken { slot: slot.clone(), by: *by });
                }
                _ => self.slots.insert(slot.clone(), id),
            };
        }
        let before = self.processes.remove(&id);
        let mut open = Vec::new();
        if let Some(row) = before {
            if let Some(due_at) = row.due_at {
                self.due.remove(&(due_at, id));
            }
            // Its own slot only: after its end another may have taken the one it had.
            let kept = change.slot.as_ref().filter(|_| change.status != Status::Ended);
            if let Some(slot) = row.stored.slot.filter(|slot| Some(slot) != kept)
                && self.slots.get(&slot) == Some(&id)
            {
                self.slots.remove(&slot);
            }
            open = row.stored.open;
        }
        for Settled { target, generation, upheld } in change.settled {
            if let Some(row) = self.intents.get_mut(&target)
                && (row.process, row.generation) == (id, generation)
            {
                row.upheld = upheld;
                row.audited_at = change.now;
                open.retain(|open: &Open| open.intent.target() != target);
            }
        }
        let mut generations = Vec::with_capacity(change.intents.len());
        for intent in change.intents {
            let target = intent.target();
            let before = self.intents.get(&target).map(|row| (row.process, row.generation));
            let generation = before.map_or(Generation(1), |(_, generation)| generation.next());
            if let Some((process, _)) = before {
                self.supersede(process, &target);
            }
            open.retain(|open| open.intent.target() != target);
            open.push(Open { generation, intent: intent.clone() });
            let audited_at = change.now;
            self.intents.insert(
                target,
                IntentRow { process: id, generation, intent, upheld: false, audited_at },
            );
            generations.push(generation);
        }
        open.sort_by_key(|open| open.intent.target());
        let version = change.expected.unwrap_or(0) + 1;
        let (due_at, holder) = match change.status {
            Status::Parked => (None, None),
            // What an ended process wanted last is still to be brought about.
            _ if !open.is_empty() => (Some(change.hold.until), Some(change.hold.server)),
            Status::Active => (change.wake_at, None),
            Status::Ended => (None, None),
        };
        self.due.extend(due_at.map(|due_at| (due_at, id)));
        let stored = Stored {
            id,
            kind: change.kind,
            version,
            state: change.state,
            status: change.status,
            wake_at: change.wake_at,
            slot: change.slot,
            open,
        };
        self.processes.insert(id, Row { stored, due_at, holder });
        Ok((version, generations))
    }

    /// An intent of another process for the same target has lost its meaning. If it was the last
    /// that was open, only the process's own time remains, though not before its hold ends.
    fn supersede(&mut self, process: AnyId, target: &Target) {
        let Some(row) = self.processes.get_mut(&process) else { return };
        let open = row.stored.open.len();
        row.stored.open.retain(|open| open.intent.target() != *target);
        if row.stored.open.len() == open || !row.stored.open.is_empty() {
            return;
        }
        if let Some(due_at) = row.due_at.take() {
            self.due.remove(&(due_at, process));
            let wake_at = row.stored.wake_at.filter(|_| row.stored.status == Status::Active);
            row.due_at = wake_at.map(|wake_at| wake_at.max(due_at));
            row.holder.take_if(|_| row.due_at != Some(due_at));
            self.due.extend(row.due_at.map(|due_at| (due_at, process)));
        }
    }

    fn claim(&mut self, claim: &Claim) -> Claimed {
        if claim.anew {
            self.release(&claim.hold.server, claim.now);
        }
        let is_ready = |key: &&(Timestamp, AnyId)| key.0 <= claim.now;
        let ready: Vec<_> =
            self.due.iter().take_while(is_ready).take(claim.limit).copied().collect();
        let mut due = Vec::with_capacity(ready.len());
        for (due_at, id) in ready {
            let row = self.processes.get_mut(&id).expect("what is due is stored");
            row.due_at = Some(claim.hold.until);
            row.holder = Some(claim.hold.server.clone());
            self.due.remove(&(due_at, id));
            self.due.insert((claim.hold.until, id));
            due.push(row.stored.clone());
        }
        Claimed { due, next: self.due.first().map(|(at, _)| *at) }
    }

    fn release(&mut self, server: &str, now: Timestamp) {
        let held = self.processes.values_mut().filter(|row| row.holder.as_deref() == Some(server));
        for row in held {
            row.holder = None;
            if let Some(due_at) = row.due_at.as_mut() {
                self.due.remove(&(*due_at, row.stored.id));
                *due_at = now.min(*due_at);
                self.due.insert((*due_at, row.stored.id));
            }
        }
    }

    fn audit(&mut self, audit: &Audit) -> Vec<Standing> {
        let is_stale = |row: &&mut IntentRow| row.upheld && row.audited_at < audit.not_since;
        let mut stale: Vec<_> = self.intents.values_mut().filter(is_stale).collect();
        stale.sort_by_key(|row| row.audited_at);
        stale
            .into_iter()
            .take(audit.limit)
            .map(|row| {
                row.audited_at = audit.now;
                let IntentRow { process, generation, ref intent, .. } = *row;
                Standing { process, generation, intent: intent.clone() }
            })
            .collect()
    }

    fn raise(
        &mut self,
        target: &Target,
        from: Generation,
        above: Generation,
    ) -> Option<Generation> {
        let row = self.intents.get_mut(target).filter(|row| row.generation == from)?;
        row.generation = above.max(from).next();
        let owner = self.processes.get_mut(&row.process);
        let open = owner.into_iter().flat_map(|owner| &mut owner.stored.open);
        for open in open.filter(|open| open.intent.target() == *target) {
            open.generation = row.generation;
        }
        Some(row.generation)
    }
}

fn matches(query: &Query, entry: &Entry) -> bool {
    let record = &entry.record;
    let in_scope = |scope: &Scope| match scope {
        Scope::Everything => true,
        Scope::Place(_) => record.scope == scope.to_string(),
        Scope::Service(service) => {
            let mut parts = record.scope.split('/');
            parts.next() == Some(service.as_str())
        }
    };
    let of_kind = |kind: &String| {
        let rest = record.kind.strip_prefix(kind.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    query.subject.is_none_or(|subject| record.subject == subject.to_string())
        && query.scope.as_ref().is_none_or(in_scope)
        && query.kind.as_ref().is_none_or(of_kind)
        && query.actor.as_ref().is_none_or(|actor| record.actor == actor.to_string())
        && query.since.is_none_or(|since| record.at >= since.as_microsecond())
        && query.until.is_none_or(|until| record.at < until.as_microsecond())
}

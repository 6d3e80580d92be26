//! When which process is due, and for whom it is withheld: kept in memory.
//!
//! One server has the file, so what it holds needs no place there: after a restart everything that
//! was held is due at once, and a claim costs no wait for the disk.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use model::id::AnyId;
use ports::clock::to_microseconds;
use ports::store::{Claim, Hold, StoreError};

use super::file::OpenFile;
use super::rows;

/// The agenda that the writer and those who claim share.
#[derive(Debug)]
pub(super) struct SharedAgenda(Mutex<Agenda>);

#[derive(Debug, Default)]
struct Agenda {
    entries: HashMap<AnyId, Entry>,
    /// The same, by time.
    due: BTreeSet<(Timestamp, AnyId)>,
}

#[derive(Debug, Clone)]
struct Entry {
    due_at: Timestamp,
    version: u64,
    holder: Option<Arc<str>>,
}

/// What a commit changes in the agenda once it has come about.
#[derive(Debug)]
pub(super) enum Note {
    Decided {
        process: AnyId,
        version: u64,
        due: Due,
    },
    /// Its last open intent was taken over by another process.
    Relieved {
        process: AnyId,
        wake_at: Option<Timestamp>,
    },
}

#[derive(Debug)]
pub(super) enum Due {
    Never,
    At(Timestamp),
    Held(Hold),
}

/// A process that was handed out, and how it stood before.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) process: AnyId,
    pub(super) version: u64,
    before: Entry,
}

impl SharedAgenda {
    pub(super) fn load(file: &OpenFile) -> Result<Self, StoreError> {
        let mut agenda = Agenda::default();
        let waiting = rows::waiting(&file.connection).map_err(|trouble| trouble.at(&file.path))?;
        for (process, version, due_at) in waiting {
            agenda.put(process, Entry { due_at, version, holder: None });
        }
        Ok(Self(Mutex::new(agenda)))
    }

    /// Takes in what commits have noted, in their order.
    pub(super) fn take_in(&self, notes: impl IntoIterator<Item = Note>) {
        let mut agenda = self.agenda();
        for note in notes {
            agenda.note(note);
        }
    }

    /// Hands out what is due.
    pub(super) fn take(&self, claim: &Claim) -> Vec<Taken> {
        let mut agenda = self.agenda();
        if claim.anew {
            agenda.release(&claim.hold.server, claim.now);
        }
        let is_due = |key: &&(Timestamp, AnyId)| key.0 <= claim.now;
        let due = agenda.due.iter().take_while(is_due).take(claim.limit);
        let due: Vec<_> = due.map(|(_, process)| *process).collect();
        let holder: Arc<str> = claim.hold.server.as_str().into();
        let take = |process| {
            let before = agenda.remove(process).expect("what is due is on the agenda");
            let version = before.version;
            let due_at = to_microseconds(claim.hold.until);
            agenda.put(process, Entry { due_at, version, holder: Some(holder.clone()) });
            Taken { process, version, before }
        };
        due.into_iter().map(take).collect()
    }

    /// Takes back what was handed out but never arrived.
    pub(super) fn give_back(&self, taken: Vec<Taken>) {
        let mut agenda = self.agenda();
        for Taken { process, version, before } in taken {
            if agenda.entries.get(&process).is_some_and(|entry| entry.version == version) {
                agenda.remove(process);
                agenda.put(process, before);
            }
        }
    }

    /// When the next process will be due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.agenda().due.first().map(|(at, _)| *at)
    }

    fn agenda(&self) -> MutexGuard<'_, Agenda> {
        self.0.lock().expect("nothing panics while it holds the agenda")
    }
}

impl Agenda {
    fn note(&mut self, note: Note) {
        match note {
            Note::Decided { process, version, due } => {
                self.remove(process);
                let (due_at, holder) = match due {
                    Due::Never => return,
                    Due::At(at) => (at, None),
                    Due::Held(hold) => (hold.until, Some(hold.server.into())),
                };
                self.put(process, Entry { due_at: to_microseconds(due_at), version, holder });
            }
            Note::Relieved { process, wake_at } => {
                if let Some(entry) = self.remove(process)
                    && let Some(wake_at) = wake_at
                {
                    let due_at = entry.due_at.max(wake_at);
                    let holder = entry.holder.filter(|_| due_at == entry.due_at);
                    self.put(process, Entry { due_at, holder, ..entry });
                }
            }
        }
    }

    fn release(&mut self, server: &str, now: Timestamp) {
        for (process, entry) in &mut self.entries {
            if entry.holder.take_if(|holder| **holder == *server).is_some() {
                self.due.remove(&(entry.due_at, *process));
                entry.due_at = entry.due_at.min(now);
                self.due.insert((entry.due_at, *process));
            }
        }
    }

    fn put(&mut self, process: AnyId, entry: Entry) {
        self.due.insert((entry.due_at, process));
        self.entries.insert(process, entry);
    }

    fn remove(&mut self, process: AnyId) -> Option<Entry> {
        let entry = self.entries.remove(&process)?;
        self.due.remove(&(entry.due_at, process));
        Some(entry)
    }
}

//! The journal's chain: how facts are sealed, and how an edit of the database is found.
//!
//! Every entry carries a link: `SHA-256(link before ‖ seq ‖ digest of the fact)`. Changing,
//! removing or moving a fact breaks the link there, and the head tells when the end was cut off.

use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::fact::{Actor, Cause, Fact, What};

/// A fact in its place, just as the database has it: after an edit it may hold anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub seq: u64,
    pub record: Record,
    pub link: Vec<u8>,
}

/// A fact's fields as they are written down and sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Microseconds since 1970.
    pub at: i64,
    pub schema: i64,
    pub kind: String,
    pub actor: String,
    pub cause: String,
    pub subject: String,
    pub scope: String,
    pub body: String,
}

/// A record with its digest: what a store needs to link it into the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub record: Record,
    pub digest: Hash,
}

impl From<&Fact> for Sealed {
    fn from(fact: &Fact) -> Self {
        let record = Record::from(fact);
        let digest = record.digest();
        Self { record, digest }
    }
}

impl From<&Fact> for Record {
    fn from(fact: &Fact) -> Self {
        Self {
            at: fact.at.as_microsecond(),
            schema: i64::from(crate::fact::SCHEMA),
            kind: fact.what.kind().to_owned(),
            actor: fact.actor.to_string(),
            cause: fact.cause.to_string(),
            subject: fact.subject.to_string(),
            scope: fact.scope.to_string(),
            body: fact.what.body(),
        }
    }
}

impl Record {
    /// Reads the fact back; says which field this version cannot read.
    pub fn read(&self) -> Result<Fact, Unreadable> {
        let unreadable =
            |field| move |text: &dyn fmt::Display| Unreadable { field, why: text.to_string() };
        if self.schema != i64::from(crate::fact::SCHEMA) {
            return Err(unreadable("schema")(&format!(
                "{} is not known to this version",
                self.schema
            )));
        }
        Ok(Fact {
            at: Timestamp::from_microsecond(self.at).map_err(|e| unreadable("at")(&e))?,
            actor: self.actor.parse::<Actor>().map_err(|e| unreadable("actor")(&e))?,
            cause: self.cause.parse::<Cause>().map_err(|e| unreadable("cause")(&e))?,
            subject: self.subject.parse().map_err(|e| unreadable("subject")(&e))?,
            scope: self.scope.parse().map_err(|e| unreadable("scope")(&e))?,
            what: What::read(&self.kind, &self.body).map_err(|e| unreadable("body")(&e))?,
        })
    }

    /// What the link seals: every field, each behind its length so that none can flow into another.
    pub fn digest(&self) -> Hash {
        let mut sha = Sha256::new();
        sha.update(self.at.to_be_bytes());
        sha.update(self.schema.to_be_bytes());
        for text in [&self.kind, &self.actor, &self.cause, &self.subject, &self.scope, &self.body] {
            sha.update((text.len() as u64).to_be_bytes());
            sha.update(text);
        }
        Hash(sha.finalize().into())
    }
}

/// Which field of an entry could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the field `{field}` cannot be read: {why}")]
pub struct Unreadable {
    field: &'static str,
    why: String,
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The end of the journal: the last entry's place and link. An empty journal is all zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Head {
    pub seq: u64,
    pub link: Hash,
}

impl Head {
    /// The head after one more fact.
    #[must_use]
    pub fn after(self, digest: Hash) -> Self {
        let seq = self.seq + 1;
        let mut sha = Sha256::new();
        sha.update(self.link.0);
        sha.update(seq.to_be_bytes());
        sha.update(digest.0);
        Self { seq, link: Hash(sha.finalize().into()) }
    }
}

/// Walks the journal from its beginning and finds the first entry that is not as it was written.
#[derive(Debug, Default)]
pub struct Verifier {
    head: Head,
    /// Set at the first broken entry, with those behind it, in which a moved fact is looked for.
    suspect: Option<VecDeque<Entry>>,
}

impl Verifier {
    /// How many entries behind a broken one are searched for the fact that belongs there.
    const REACH: usize = 1_000;

    /// Takes the next entry. False when enough was seen: a break was found and its reach is over.
    pub fn feed(&mut self, entry: Entry) -> bool {
        if let Some(behind) = &mut self.suspect {
            behind.push_back(entry);
            return behind.len() <= Self::REACH;
        }
        let next = self.head.after(entry.record.digest());
        if entry.seq == next.seq && entry.link == next.link.0 {
            self.head = next;
        } else {
            self.suspect = Some(VecDeque::from([entry]));
        }
        true
    }

    /// The verdict, once everything was fed: `stored` is the head that the database remembers.
    pub fn finish(self, stored: Head) -> Result<Head, Break> {
        let seq = self.head.seq + 1;
        let Some(suspect) = self.suspect else {
            return match self.head {
                head if head == stored => Ok(head),
                head if head.seq < stored.seq => {
                    Err(Break::CutOff { first: seq, last: stored.seq })
                }
                head => Err(Break::Head { found: stored, computed: head }),
            };
        };
        let belongs = |entry: &&Entry| entry.link == self.head.after(entry.record.digest()).link.0;
        let found = suspect.front().expect("a suspect begins with the broken entry");
        Err(match suspect.iter().find(belongs) {
            Some(moved) => Break::Moved { seq, found_at: moved.seq },
            None if found.seq > seq => Break::Missing { seq, next: found.seq },
            None => Break::Changed { seq: found.seq, kind: found.record.kind.clone() },
        })
    }
}

/// The first place where the journal is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    #[error("fact {seq} ({kind}) was changed after it was written")]
    Changed { seq: u64, kind: String },
    #[error("fact {seq} was removed: the next one is {next}")]
    Missing { seq: u64, next: u64 },
    #[error("fact {seq} was moved: it now stands at {found_at}")]
    Moved { seq: u64, found_at: u64 },
    #[error("the end was cut off: facts {first} to {last} are missing")]
    CutOff { first: u64, last: u64 },
    #[error("the journal's head was changed: it says {} at fact {}, the facts say {} at fact {}", found.link, found.seq, computed.link, computed.seq)]
    Head { found: Head, computed: Head },
}

impl Break {
    /// The first fact that is touched.
    pub fn seq(&self) -> u64 {
        match self {
            Self::Changed { seq, .. } | Self::Missing { seq, .. } | Self::Moved { seq, .. } => *seq,
            Self::CutOff { first, .. } => *first,
            Self::Head { computed, .. } => computed.seq,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::WordRefused;
    use crate::id::RolloutId;
    use crate::name::Scope;

    fn journal(length: i64) -> (Vec<Entry>, Head) {
        let mut head = Head::default();
        let entries = (1..=length)
            .map(|n| {
                let fact = Fact {
                    at: Timestamp::from_second(n).unwrap(),
                    actor: Actor::conductor(),
                    cause: Cause::Wake,
                    subject: RolloutId::new(Timestamp::UNIX_EPOCH, [1; 10]).into(),
                    scope: Scope::Everything,
                    what: WordRefused { word: n.to_string(), why: String::new() }.into(),
                };
                let record = Record::from(&fact);
                assert_eq!(record.read().unwrap(), fact);
                head = head.after(record.digest());
                Entry { seq: head.seq, record, link: head.link.0.to_vec() }
            })
            .collect();
        (entries, head)
    }

    fn verify(entries: Vec<Entry>, head: Head) -> Result<Head, Break> {
        let mut verifier = Verifier::default();
        entries.into_iter().all(|entry| verifier.feed(entry));
        verifier.finish(head)
    }

    #[test]
    fn an_untouched_journal_verifies() {
        let (entries, head) = journal(50);
        assert_eq!(verify(entries, head), Ok(head));
        assert_eq!(verify(Vec::new(), Head::default()), Ok(Head::default()));
    }

    #[test]
    fn every_field_is_sealed() {
        let edits: [fn(&mut Entry); 9] = [
            |entry| entry.record.at += 1,
            |entry| entry.record.schema += 1,
            |entry| entry.record.kind.push('x'),
            |entry| entry.record.actor.push('x'),
            |entry| entry.record.cause.push('x'),
            |entry| entry.record.subject.push('x'),
            |entry| entry.record.scope.push('x'),
            |entry| entry.record.body.push(' '),
            |entry| entry.link[31] ^= 1,
        ];
        for edit in edits {
            let (mut entries, head) = journal(20);
            edit(&mut entries[6]);
            assert!(matches!(verify(entries, head), Err(Break::Changed { seq: 7, .. })));
        }
    }

    #[test]
    fn text_cannot_flow_from_field_to_field() {
        let (entries, _) = journal(1);
        let mut shifted = entries[0].record.clone();
        let moved = shifted.actor.pop().unwrap();
        shifted.cause.insert(0, moved);
        assert_ne!(shifted.digest(), entries[0].record.digest());
    }

    #[test]
    fn removed_facts_are_named() {
        let (mut entries, head) = journal(20);
        entries.drain(4..6);
        assert_eq!(verify(entries, head), Err(Break::Missing { seq: 5, next: 7 }));
        let (mut entries, head) = journal(20);
        entries.truncate(17);
        assert_eq!(verify(entries, head), Err(Break::CutOff { first: 18, last: 20 }));
        let (mut entries, head) = journal(20);
        entries.remove(0);
        assert_eq!(verify(entries, head), Err(Break::Missing { seq: 1, next: 2 }));
    }

    #[test]
    fn a_removal_that_was_renumbered_is_still_found() {
        let (mut entries, head) = journal(20);
        entries.remove(4);
        for entry in &mut entries[4..] {
            entry.seq -= 1;
        }
        assert!(matches!(verify(entries, head), Err(Break::Changed { seq: 5, .. })));
    }

    #[test]
    fn facts_that_changed_places_are_named() {
        let (mut entries, head) = journal(20);
        (entries[4].seq, entries[11].seq) = (12, 5);
        entries.sort_by_key(|entry| entry.seq);
        assert_eq!(verify(entries, head), Err(Break::Moved { seq: 5, found_at: 12 }));
    }

    #[test]
    fn an_edited_head_is_named() {
        let (entries, head) = journal(20);
        let edited = Head { link: Hash([1; 32]), ..head };
        assert_eq!(verify(entries, edited), Err(Break::Head { found: edited, computed: head }));
    }
}

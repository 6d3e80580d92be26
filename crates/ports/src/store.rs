//! The port to what is at rest: processes, intents, and the journal of facts.

use std::fmt::Debug;

use jiff::Timestamp;
use model::fact::Actor;
use model::id::{AnyId, CommandId};
use model::intent::{Generation, Intent, Target};
use model::journal::{Entry, Head, Sealed};
use model::name::Scope;

use crate::BoxFuture;

/// Keeps everything. What a commit has acknowledged survives the loss of power.
///
/// Times are kept to the microsecond. Texts are kept byte by byte, and hold no raw NUL: states,
/// particulars and replies are JSON, which escapes it. Dropping the future of a call does not
/// undo the call.
pub trait Store: Send + Sync + Debug {
    /// One transaction: all of the commit, or nothing of it. What speaks against it is told in
    /// this order: too large, repeated, conflict, slot taken.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, CommitError>>;

    fn load(&self, process: AnyId) -> BoxFuture<'_, Result<Option<Stored>, StoreError>>;

    /// Hands out processes that are due to one server at a time, the longest due first. Who is
    /// handed one has it until the given time, or until the next commit for it.
    ///
    /// A process with open intents is due when its hold ends, also after its own end; else it is
    /// due at its `wake_at` while it is active. A parked one is never due. When another process
    /// takes over the target of its last open intent, it is due at its `wake_at` if it is active,
    /// though not before its hold ends, and else no more. Among equals the lowest id goes first.
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, StoreError>>;

    /// Hands out intents that hold and were not compared with the world since the given time, the
    /// longest unseen first, and notes that they are being compared now. Being settled counts as
    /// having been compared.
    fn audit(&self, audit: Audit) -> BoxFuture<'_, Result<Vec<Standing>, StoreError>>;

    /// Lifts the generation of an intent above one that the world has already seen, and never
    /// back, if it is still the newest for its target. `None` when it is not. An open intent stays
    /// open with the new generation; the version of its process stays as it is.
    fn raise(
        &self,
        target: Target,
        from: Generation,
        above: Generation,
    ) -> BoxFuture<'_, Result<Option<Generation>, StoreError>>;

    /// The reply that a command was given, if it was taken before.
    fn reply_to(&self, command: CommandId) -> BoxFuture<'_, Result<Option<String>, StoreError>>;

    /// Facts by filter, in the order asked for.
    fn entries(&self, query: Query) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>>;

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>>;
}

/// What one decision changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    pub change: Option<Change>,
    pub facts: Vec<Sealed>,
    /// The word that led here, with the reply it gets: said again, it gets the same reply.
    pub command: Option<(CommandId, String)>,
}

/// What becomes of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub process: AnyId,
    pub kind: String,
    /// The version that was decided on. A new process has none.
    pub expected: Option<u64>,
    pub state: String,
    pub status: Status,
    pub wake_at: Option<Timestamp>,
    /// What only one unfinished process may hold at a time. What the version before held is given
    /// up with it, and everything at the end.
    pub slot: Option<String>,
    /// Becoming the newest for their targets, each with the next generation. Older ones for the
    /// same target, whoever wanted them, are neither open nor upheld any more.
    pub intents: Vec<Intent>,
    /// Intents that have their answer, taken before the new ones. An answer to anything but the
    /// process's own newest intent for the target changes nothing.
    pub settled: Vec<Settled>,
    /// Who looks after the process while its intents are unanswered.
    pub hold: Hold,
    pub now: Timestamp,
}

/// A server that looks after a process, and until when nobody else does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub server: String,
    pub until: Timestamp,
}

/// Whether a process still has something to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    /// Set aside with its state as it was, until somebody takes it up again.
    Parked,
    Ended,
}

/// An intent that has its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub target: Target,
    pub generation: Generation,
    /// It holds, and is to be upheld from now on.
    pub upheld: bool,
}

/// A commit's receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The process's new version, beginning with 1; 0 if none was changed.
    pub version: u64,
    /// The journal's end after this commit's facts.
    pub head: u64,
    /// One for each of the commit's intents.
    pub generations: Vec<Generation>,
}

/// Why nothing was committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("somebody else decided first")]
    Conflict,
    #[error("`{slot}` is held by {by}")]
    SlotTaken { slot: String, by: AnyId },
    #[error("the command was taken before")]
    Repeated { reply: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A process as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub id: AnyId,
    pub kind: String,
    pub version: u64,
    pub state: String,
    pub status: Status,
    pub wake_at: Option<Timestamp>,
    pub slot: Option<String>,
    /// Intents without an answer, in the order of [`Target`].
    pub open: Vec<Open>,
}

/// An intent without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub generation: Generation,
    pub intent: Intent,
}

/// An intent that holds, and the process that wanted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub process: AnyId,
    pub generation: Generation,
    pub intent: Intent,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub hold: Hold,
    /// The server has just started: what it held in an earlier life is due now.
    pub anew: bool,
    pub now: Timestamp,
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claimed {
    pub due: Vec<Stored>,
    /// When the next process will be due, those that are held included. In the past when the limit
    /// left some over.
    pub next: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    pub not_since: Timestamp,
    pub now: Timestamp,
    pub limit: usize,
}

/// Which facts, and in what order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub subject: Option<AnyId>,
    /// A service matches all of its places.
    pub scope: Option<Scope>,
    /// `rollout` matches itself and every kind that begins with `rollout.`.
    pub kind: Option<String>,
    pub actor: Option<Actor>,
    pub since: Option<Timestamp>,
    /// Excluded itself.
    pub until: Option<Timestamp>,
    /// Only facts behind this one; in newest-first order, only those before it.
    pub after: Option<u64>,
    pub newest_first: bool,
    pub limit: usize,
}

/// Why the store cannot serve.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct StoreError {
    pub kind: StoreErrorKind,
    pub what: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    pub fn new(kind: StoreErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), source: None }
    }

    #[must_use]
    pub fn because(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}

/// The sorts of trouble that call for different help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// There is no database yet.
    Missing,
    /// Another server has it.
    Locked,
    ReadOnly,
    /// It does not let this user in, or not do this.
    Denied,
    Full,
    /// Written by a newer Highroad.
    Newer,
    /// Not a database of Highroad's.
    Foreign,
    /// Cut short or overwritten.
    Damaged,
    /// Nobody knows whether what was asked for was done: load again, and repeat commands under
    /// their id.
    Unreachable,
    /// A state or fact above the limits.
    TooLarge,
    Failed,
}

/// The largest state of a process, in bytes.
pub const MAX_STATE: usize = 4 << 20;
/// The largest particulars of one fact, in bytes.
pub const MAX_FACT: usize = 1 << 20;
/// The most facts and the most intents in one commit.
pub const MAX_ITEMS: usize = 10_000;

impl Commit {
    /// Refuses what is above the limits, before any store is troubled with it.
    pub fn check(&self) -> Result<(), StoreError> {
        let too_large = |what: String| Err(StoreError::new(StoreErrorKind::TooLarge, what));
        if let Some(change) = &self.change {
            if change.state.len() > MAX_STATE {
                let bytes = change.state.len();
                return too_large(format!(
                    "the state of {} has {bytes} bytes, more than {MAX_STATE}",
                    change.process
                ));
            }
            if change.intents.len() > MAX_ITEMS {
                return too_large(format!(
                    "{} intents in one commit, more than {MAX_ITEMS}",
                    change.intents.len()
                ));
            }
        }
        for Sealed { record, .. } in &self.facts {
            if record.body.len() > MAX_FACT {
                let bytes = record.body.len();
                return too_large(format!(
                    "a `{}` fact has {bytes} bytes, more than {MAX_FACT}",
                    record.kind
                ));
            }
        }
        if self.facts.len() > MAX_ITEMS {
            return too_large(format!(
                "{} facts in one commit, more than {MAX_ITEMS}",
                self.facts.len()
            ));
        }
        Ok(())
    }
}

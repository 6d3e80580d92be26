//! Facts: what happened, when, by whom and because of what. Reports are folds over them;
//! decisions never read them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AnyId, CommandId, JobId, ReleaseId};
use crate::intent::{Generation, Target, Weight};
use crate::name::Scope;
use crate::pipeline::Conclusion;
use crate::rollout::{Because, Evidence, Release, Step, Verdict};

/// The schema of the facts that this version writes. Older ones stay readable for ever.
pub const SCHEMA: u16 = 1;

/// One thing that happened, before the journal gives it its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    pub at: Timestamp,
    pub actor: Actor,
    pub cause: Cause,
    /// The process, release or other thing that the fact is told of.
    pub subject: AnyId,
    pub scope: Scope,
    pub what: What,
}

/// Declares what can happen: the kind's name in the journal, and the fields it carries.
macro_rules! facts {
    ($($(#[doc = $doc:literal])+ $kind:literal $name:ident { $($field:ident: $type:ty),* $(,)? })+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
            pub struct $name { $(pub $field: $type),* }

            impl From<$name> for What {
                fn from(fields: $name) -> Self {
                    Self::$name(fields)
                }
            }
        )+

        /// What happened, with its particulars.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum What {
            $($(#[doc = $doc])+ $name($name)),+
        }

        impl What {
            /// Every kind's name as it stands in the journal.
            pub const KINDS: &[&str] = &[$($kind),+];

            /// The kind's name as it stands in the journal.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$name(_) => $kind),+ }
            }

            /// The particulars as the journal keeps them, in JSON.
            pub fn body(&self) -> String {
                let json = match self { $(Self::$name(fields) => serde_json::to_string(fields)),+ };
                json.expect("facts are plain structs with text keys")
            }

            /// Reads what the journal kept.
            pub fn read(kind: &str, body: &str) -> Result<Self, WhatError> {
                let unreadable = |source| WhatError::Body { kind: kind.to_owned(), source };
                match kind {
                    $($kind => serde_json::from_str(body).map(Self::$name).map_err(unreadable),)+
                    _ => Err(WhatError::Kind(kind.to_owned())),
                }
            }
        }
    };
}

facts! {
    /// A release set out for an environment.
    "rollout.started" RolloutStarted {
        release: Release,
        replaces: Option<Release>,
        instances: u32,
        steps: Vec<Step>,
    }
    /// The traffic split of a step is in force.
    "rollout.shifted" RolloutShifted { step: usize, weight: Weight }
    /// A step held: the evidence is newer than its split.
    "rollout.step-passed" RolloutStepPassed { step: usize, weight: Weight, evidence: Evidence }
    /// A step's time is over, and too few requests have come to say anything of it.
    "rollout.waiting" RolloutWaiting {
        step: usize,
        answered: u64,
        wanted: u64,
        seconds_left: Option<u64>,
    }
    /// Somebody stopped the advance; watching goes on.
    "rollout.paused" RolloutPaused { step: Option<usize> }
    /// The advance goes on.
    "rollout.resumed" RolloutResumed { step: Option<usize> }
    /// Somebody cut waiting short.
    "rollout.hastened" RolloutHastened { step: Option<usize>, every_step: bool }
    /// Traffic is going back to the release before.
    "rollout.retreating" RolloutRetreating { because: Because, evidence: Option<Evidence> }
    /// What the data plane did is not known; it is being looked at.
    "rollout.unsure" RolloutUnsure { target: Target, why: String }
    /// The data plane said no.
    "rollout.hindered" RolloutHindered { target: Target, why: String }
    /// The rollout is over.
    "rollout.ended" RolloutEnded { verdict: Verdict, release: ReleaseId, live: Option<Release>, seconds: u64 }
    /// A run of a workflow began.
    "run.started" RunStarted {
        workflow: String,
        name: String,
        event: String,
        at_ref: Option<String>,
        commit: Option<String>,
        jobs: usize,
    }
    /// A job went to the runners.
    "run.job-ordered" RunJobOrdered { job: JobId, name: String, attempt: u32 }
    /// A job is over; steps that did not succeed are named.
    "run.job-ended" RunJobEnded {
        job: Option<JobId>,
        name: String,
        conclusion: Conclusion,
        why: Option<String>,
        runner: Option<String>,
        seconds: Option<u64>,
        again: bool,
    }
    /// A job waits for people's consent before it enters an environment.
    "run.held" RunHeld { name: String, environment: String, approvals: u32 }
    /// A job, or the run as a whole, waits for its turn in a concurrency group.
    "run.queued" RunQueued { name: Option<String>, group: String, behind: String }
    /// A job, or the run as a whole, ends for another in its concurrency group.
    "run.displaced" RunDisplaced { name: Option<String>, why: String }
    /// Somebody consented.
    "run.approved" RunApproved { name: String, environment: String, missing: u32 }
    /// Somebody said no: the job is not executed.
    "run.rejected" RunRejected { name: String, environment: String }
    /// Somebody ended the run.
    "run.cancelling" RunCancelling { force: bool }
    /// What became of a job is not known; it is being looked for.
    "run.unsure" RunUnsure { job: JobId, why: String }
    /// The run is over.
    "run.ended" RunEnded { conclusion: Conclusion, seconds: u64 }
    /// A secret got a value; the value itself is nowhere but in the vault.
    "secret.set" SecretSet { name: String, version: u32 }
    /// A secret and all its values are gone.
    "secret.removed" SecretRemoved { name: String }
    /// A vault's keys were replaced; its secrets kept their values.
    "vault.rekeyed" VaultRekeyed { key: String, secrets: usize }
    /// An operator's word that could not be followed.
    "word.refused" WordRefused { word: String, why: String }
    /// A process was set aside because deciding failed; nothing else is held up by it.
    "process.parked" ProcessParked { why: String }
    /// A parked process was taken up again.
    "process.unparked" ProcessUnparked {}
    /// What runs is not what was wanted.
    "drift.found" DriftFound { target: Target, generation: Generation, seen: String }
    /// What runs is again what was wanted.
    "drift.mended" DriftMended { target: Target, generation: Generation }
}

/// Why the particulars of a fact cannot be read by this version.
#[derive(Debug, thiserror::Error)]
pub enum WhatError {
    #[error("facts of kind `{0}` are not known to this version")]
    Kind(String),
    #[error("the particulars of a `{kind}` fact cannot be read")]
    Body { kind: String, source: serde_json::Error },
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    Person(ActorName),
    Token(ActorName),
    Agent(ActorName),
    System(ActorName),
}

impl Actor {
    /// Highroad itself, deciding by what it was told before.
    pub fn conductor() -> Self {
        Self::System(ActorName("conductor".to_owned()))
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sort, name) = match self {
            Self::Person(name) => ("person", name),
            Self::Token(name) => ("token", name),
            Self::Agent(name) => ("agent", name),
            Self::System(name) => ("system", name),
        };
        write!(f, "{sort}:{}", name.0)
    }
}

impl FromStr for Actor {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        let error = || ActorError(text.chars().take(80).collect());
        let (sort, name) = text.split_once(':').ok_or_else(error)?;
        let name = ActorName::new(name).ok_or_else(error)?;
        match sort {
            "person" => Ok(Self::Person(name)),
            "token" => Ok(Self::Token(name)),
            "agent" => Ok(Self::Agent(name)),
            "system" => Ok(Self::System(name)),
            _ => Err(error()),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = ActorError;

    fn try_from(text: String) -> Result<Self, ActorError> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

/// A login, a token's label, an agent's or a component's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorName(String);

impl ActorName {
    /// None for an empty name, one over 128 bytes, or one with control characters.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.len() <= 128 && !name.contains(char::is_control);
        fits.then(|| Self(name.to_owned()))
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an actor: expected person:NAME, token:NAME, agent:NAME or system:NAME")]
pub struct ActorError(String);

/// What led to a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Somebody's word.
    Command(CommandId),
    /// An earlier fact.
    Fact(u64),
    /// The answer to an intent.
    Answer { target: Target, generation: Generation },
    /// A time that an earlier decision had set.
    Wake,
    /// The regular comparison of what runs with what is wanted.
    Watch,
    /// Deciding itself went wrong.
    Fault,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => write!(f, "command:{command}"),
            Self::Fact(seq) => write!(f, "fact:{seq}"),
            Self::Answer { target, generation } => write!(f, "answer:{target}@{generation}"),
            Self::Wake => f.write_str("wake"),
            Self::Watch => f.write_str("watch"),
            Self::Fault => f.write_str("fault"),
        }
    }
}

impl FromStr for Cause {
    type Err = CauseError;

    fn from_str(text: &str) -> Result<Self, CauseError> {
        let error = || CauseError(text.chars().take(120).collect());
        match text.split_once(':') {
            None if text == "wake" => Ok(Self::Wake),
            None if text == "watch" => Ok(Self::Watch),
            None if text == "fault" => Ok(Self::Fault),
            Some(("command", id)) => id.parse().map(Self::Command).map_err(|_| error()),
            Some(("fact", seq)) => seq.parse().map(Self::Fact).map_err(|_| error()),
            Some(("answer", answer)) => {
                let (target, generation) = answer.rsplit_once('@').ok_or_else(error)?;
                Ok(Self::Answer {
                    target: target.parse().map_err(|_| error())?,
                    generation: generation.parse().map(Generation).map_err(|_| error())?,
                })
            }
            _ => Err(error()),
        }
    }
}

/// Why a text names no cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cause")]
pub struct CauseError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_and_causes_survive_their_texts() {
        for text in ["person:ada", "token:ci: main", "agent:\u{1f916}", "system:conductor"] {
            assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
        }
        for text in [
            "wake",
            "watch",
            "fault",
            "fact:7",
            "command:cmd_01hf7yat00e1gr3ge1r70w3g70",
            "answer:weights/shop/production@3",
        ] {
            assert_eq!(text.parse::<Cause>().unwrap().to_string(), text);
        }
        for text in ["", "person:", "root", "person:a\u{7}b", "king:a"] {
            assert!(text.parse::<Actor>().is_err(), "{text}");
        }
        for text in ["", "fact:x", "answer:weights/shop@3", "answer:weights/shop/production"] {
            assert!(text.parse::<Cause>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_survives_the_journal() {
        let what = What::from(WordRefused { word: "promote".into(), why: "it is over".into() });
        assert_eq!(what.body(), r#"{"word":"promote","why":"it is over"}"#);
        assert_eq!(What::read(what.kind(), &what.body()).unwrap(), what);
        assert!(matches!(What::read("moon.landed", "{}"), Err(WhatError::Kind(_))));
        assert!(matches!(What::read("word.refused", "{}"), Err(WhatError::Body { .. })));
    }
}

//! The kinds of processes there are, with their types hidden so that one loop serves them all.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use engine::decision::{Answered, Decision, Input, Process, Reason, Told};
use jiff::Timestamp;
use model::fact::{Actor, What};
use model::intent::Intent;
use model::message::Message;
use model::name::Scope;
use model::persisted::{LoadError, Persisted};

/// Every kind of process that this conductor decides.
#[derive(Default)]
pub struct Kinds(BTreeMap<&'static str, Box<dyn Kind>>);

impl Kinds {
    #[must_use]
    pub fn with<P: Process>(mut self, process: P) -> Self {
        self.0.insert(P::KIND, Box::new(Typed(process)));
        self
    }

    pub(crate) fn get(&self, kind: &str) -> Option<&dyn Kind> {
        self.0.get(kind).map(AsRef::as_ref)
    }

    /// The process that begins by a message, where its receiver is not there yet.
    pub(crate) fn founded_by(&self, message: &Message) -> Option<Founded> {
        self.0.iter().find_map(|(kind, decider)| {
            let (state, saved) = decider.founded_by(message)?;
            Some(Founded { kind, state, saved })
        })
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A process's state; only its own kind can look inside.
pub(crate) type AnyState = Box<dyn Any + Send + Sync>;

/// A word for a process; only its own kind can look inside.
pub(crate) type AnyWord = Box<dyn Any + Send + Sync>;

/// A process that begins by being spoken to, before its first decision.
pub(crate) struct Founded {
    pub(crate) kind: &'static str,
    pub(crate) state: AnyState,
    pub(crate) saved: String,
}

/// What a decision is asked about, whatever the kind.
pub(crate) enum AnyInput<'a> {
    Started,
    Woken,
    Answered(&'a Answered),
    Told { word: &'a AnyWord, by: &'a Actor },
    Heard(&'a Message),
}

/// A decision, whatever the kind.
pub(crate) struct AnyDecision {
    pub(crate) next: AnyState,
    /// The next state as it is stored; `None` when it is the one before.
    pub(crate) saved: Option<String>,
    pub(crate) facts: Vec<What>,
    pub(crate) intents: Vec<Intent>,
    pub(crate) wake_at: Option<Timestamp>,
    pub(crate) because: Reason,
    pub(crate) is_over: bool,
    pub(crate) scope: Scope,
    pub(crate) slot: Option<String>,
}

pub(crate) trait Kind: Send + Sync {
    fn load(&self, text: &str) -> Result<AnyState, LoadError>;

    fn scope(&self, state: &AnyState) -> Scope;

    fn founded_by(&self, message: &Message) -> Option<(AnyState, String)>;

    /// Decides; a panic comes back as its message.
    fn step(
        &self,
        state: &AnyState,
        input: AnyInput<'_>,
        now: Timestamp,
    ) -> Result<AnyDecision, String>;
}

struct Typed<P>(P);

impl<P: Process> Kind for Typed<P> {
    fn load(&self, text: &str) -> Result<AnyState, LoadError> {
        Ok(Box::new(P::State::load(text)?))
    }

    fn scope(&self, state: &AnyState) -> Scope {
        state.downcast_ref::<P::State>().map_or(Scope::Everything, P::scope)
    }

    fn founded_by(&self, message: &Message) -> Option<(AnyState, String)> {
        let state = P::founded_by(message)?;
        let saved = state.save();
        Some((Box::new(state), saved))
    }

    fn step(
        &self,
        state: &AnyState,
        input: AnyInput<'_>,
        now: Timestamp,
    ) -> Result<AnyDecision, String> {
        let is_new = matches!(input, AnyInput::Started);
        let state: &P::State = state.downcast_ref().ok_or("the state is of another kind")?;
        let input = match input {
            AnyInput::Started => Input::Started,
            AnyInput::Woken => Input::Woken,
            AnyInput::Answered(answered) => Input::Answered(answered.clone()),
            AnyInput::Told { word, by } => {
                let word: &P::Word = word.downcast_ref().ok_or("the word is of another kind")?;
                Input::Told(Told { word: word.clone(), by: by.clone() })
            }
            AnyInput::Heard(message) => Input::Heard(message.clone()),
        };
        // The state is only read, and the decision is lost with the panic: nothing half done stays.
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let decision = P::step(state, input, now);
            let saved = (is_new || decision.next != *state).then(|| decision.next.save());
            (decision, saved)
        }));
        let (decision, saved) = decided.map_err(|panic| message_of(panic.as_ref()))?;
        let Decision { next, facts, intents, wake_at, because } = decision;
        Ok(AnyDecision {
            is_over: P::is_over(&next),
            scope: P::scope(&next),
            slot: P::slot(&next),
            next: Box::new(next),
            saved,
            facts,
            intents,
            wake_at,
            because,
        })
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "it panicked".to_owned())
}

//! What every decider has in common: its inputs, its decision, and the trait that the loop knows.

use std::borrow::Cow;
use std::fmt::Debug;

use jiff::Timestamp;
use model::fact::{Actor, What};
use model::intent::{Intent, Outcome, Target};
use model::message::Message;
use model::name::Scope;
use model::persisted::Persisted;

/// A kind of process: how its state becomes the next one.
pub trait Process: Send + Sync + 'static {
    /// The kind's name in the store. It never changes.
    const KIND: &'static str;

    type State: Persisted + Clone + PartialEq + Debug + Send + Sync;

    /// What an operator or a program may say to it.
    type Word: Clone + Debug + Send + Sync;

    fn step(state: &Self::State, input: Input<Self::Word>, now: Timestamp)
    -> Decision<Self::State>;

    fn is_over(state: &Self::State) -> bool;

    fn scope(state: &Self::State) -> Scope;

    /// What only one unfinished process may hold at a time.
    fn slot(state: &Self::State) -> Option<String>;

    /// The word as the journal names it.
    fn name_of(word: &Self::Word) -> &'static str;

    /// The state in which a message finds its receiver, where a process of this kind begins by
    /// being spoken to.
    fn founded_by(_: &Message) -> Option<Self::State> {
        None
    }
}

/// What a decision is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<W> {
    /// The process has just been made.
    Started,
    /// The time it set has come. It may also come early, or twice.
    Woken,
    Answered(Answered),
    Told(Told<W>),
    /// Another process has said something.
    Heard(Message),
}

/// The answer to the newest intent for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub target: Target,
    /// When the world was asked: the answer is not older than this.
    pub asked_at: Timestamp,
    pub outcome: Outcome,
}

/// An operator's or a program's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<W> {
    pub word: W,
    pub by: Actor,
}

/// What is to become, to be recorded, to be wanted; when to be asked again; because of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<S> {
    pub next: S,
    pub facts: Vec<What>,
    pub intents: Vec<Intent>,
    pub wake_at: Option<Timestamp>,
    pub because: Reason,
}

/// Why a decision is what it is, in words for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub text: Cow<'static, str>,
    /// The input was a word that could not be followed.
    pub is_refusal: bool,
}

impl Reason {
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_refusal: false }
    }

    pub fn refusal(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), is_refusal: true }
    }
}

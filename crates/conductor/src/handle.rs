//! How the rest of the program speaks to the conductor.

use engine::decision::{Process, Reason};
use model::fact::Actor;
use model::id::{AnyId, CommandId};
use model::message::Message;
use ports::store::StoreError;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::kinds::{AnyState, AnyWord};

/// Speaks to a running conductor. What it acknowledges has been committed.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) mailbox: mpsc::Sender<Letter>,
}

impl Handle {
    /// Begins a process. The same command again begins nothing and gets the same reply.
    pub async fn start<P: Process>(
        &self,
        process: AnyId,
        state: P::State,
        by: Actor,
        command: CommandId,
    ) -> Result<Reply, HandleError> {
        let word = Word::Start { kind: P::KIND, state: Box::new(state) };
        self.send(process, word, by, command).await
    }

    /// Says a word to a process. The same command again changes nothing and gets the same reply.
    pub async fn tell<P: Process>(
        &self,
        process: AnyId,
        word: P::Word,
        by: Actor,
        command: CommandId,
    ) -> Result<Reply, HandleError> {
        let word = Word::Tell { kind: P::KIND, name: P::name_of(&word), word: Box::new(word) };
        self.send(process, word, by, command).await
    }

    /// Takes a parked process up again.
    pub async fn unpark(
        &self,
        process: AnyId,
        by: Actor,
        command: CommandId,
    ) -> Result<Reply, HandleError> {
        self.send(process, Word::Unpark, by, command).await
    }

    async fn send(
        &self,
        process: AnyId,
        word: Word,
        by: Actor,
        command: CommandId,
    ) -> Result<Reply, HandleError> {
        let (reply, answer) = oneshot::channel();
        let letter = Letter { process, word, by, command, reply };
        self.mailbox.send(letter).await.map_err(|_| HandleError::Gone)?;
        answer.await.map_err(|_| HandleError::Gone)?
    }
}

/// What a word was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    pub is_refusal: bool,
    pub text: String,
}

impl Reply {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a reply is a flag and a text")
    }

    pub(crate) fn from_json(text: &str) -> Self {
        serde_json::from_str(text)
            .unwrap_or_else(|_| Self { is_refusal: false, text: text.to_owned() })
    }
}

impl From<&Reason> for Reply {
    fn from(reason: &Reason) -> Self {
        Self { is_refusal: reason.is_refusal, text: reason.text.clone().into_owned() }
    }
}

/// Why a word has no reply. Nothing was acknowledged; saying it again with the same command is safe.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    #[error("there is no process {0}")]
    NotFound(AnyId),
    #[error("{0} exists already")]
    Exists(AnyId),
    #[error("`{slot}` is taken by {by}, which has not ended")]
    SlotTaken { slot: String, by: AnyId },
    #[error("{0} is parked, because deciding failed")]
    Parked(AnyId),
    #[error("{0} is not parked")]
    NotParked(AnyId),
    #[error("{process} is a {found}, not a {expected}")]
    WrongKind { process: AnyId, found: String, expected: &'static str },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("deciding failed: {0}")]
    Panicked(String),
    #[error("the conductor has stopped")]
    Gone,
}

/// A word on its way to the loop.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) process: AnyId,
    pub(crate) word: Word,
    pub(crate) by: Actor,
    pub(crate) command: CommandId,
    pub(crate) reply: oneshot::Sender<Result<Reply, HandleError>>,
}

#[derive(Debug)]
pub(crate) enum Word {
    Start {
        kind: &'static str,
        state: AnyState,
    },
    Tell {
        kind: &'static str,
        name: &'static str,
        word: AnyWord,
    },
    /// What another process says.
    Message(Message),
    Unpark,
}

//! The port to tokens: by what programs show who they are.

use std::fmt::Debug;

use model::fact::ActorName;

/// Knows the tokens that were given out.
pub trait Tokens: Send + Sync + Debug {
    /// Whose this token is; `None` if it is nobody's, or nobody's any more.
    fn bearer(&self, token: &str) -> Result<Option<Bearer>, TokensError>;
}

/// Who shows a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    pub name: ActorName,
    pub may: Scope,
}

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Everything that people do.
    Operator,
    /// To take jobs and report on them.
    Runner,
}

impl Scope {
    pub const ALL: [Self; 2] = [Self::Operator, Self::Runner];

    pub fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Runner => "runner",
        }
    }
}

/// Why tokens cannot be told apart at the moment.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct TokensError {
    pub what: String,
    #[source]
    pub cause: Option<std::io::Error>,
}

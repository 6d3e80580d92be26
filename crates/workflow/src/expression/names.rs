//! What can be named: the functions of the language, and at which place which contexts and which
//! special functions are there.

use super::node::Node;
use super::syntax_error::{Fault, SyntaxErrorKind};

/// What may be named at a place of a workflow. The functions that need nothing but their arguments
/// are there everywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// In any case.
    pub contexts: &'a [&'a str],
    pub functions: &'a [Signature],
}

/// A special function, with how many arguments it takes at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub function: Special,
    pub min: usize,
    pub max: usize,
}

impl Signature {
    pub const HASH_FILES: Self = Self { function: Special::HashFiles, min: 1, max: 255 };
    pub const ALWAYS: Self = Self { function: Special::Always, min: 0, max: 0 };
    pub const CANCELLED: Self = Self { function: Special::Cancelled, min: 0, max: 0 };
    /// Of a step.
    pub const SUCCESS: Self = Self { function: Special::Success, min: 0, max: 0 };
    /// Of a step.
    pub const FAILURE: Self = Self { function: Special::Failure, min: 0, max: 0 };
    /// Of a job, which may name the jobs it means.
    pub const SUCCESS_OF_JOBS: Self = Self { function: Special::Success, min: 0, max: usize::MAX };
    /// Of a job, which may name the jobs it means.
    pub const FAILURE_OF_JOBS: Self = Self { function: Special::Failure, min: 0, max: usize::MAX };

    /// The most that any place allows.
    fn widest(function: Special) -> Self {
        match function {
            Special::HashFiles => Self::HASH_FILES,
            Special::Success => Self::SUCCESS_OF_JOBS,
            Special::Failure => Self::FAILURE_OF_JOBS,
            Special::Always => Self::ALWAYS,
            Special::Cancelled => Self::CANCELLED,
        }
    }
}

/// A function that asks the world around the expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Special {
    HashFiles,
    Success,
    Failure,
    Always,
    Cancelled,
}

impl Special {
    pub const fn name(self) -> &'static str {
        match self {
            Self::HashFiles => "hashFiles",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Always => "always",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it asks how the run has gone so far. A condition that calls none of these is held
    /// against success.
    pub const fn is_status(self) -> bool {
        !matches!(self, Self::HashFiles)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    Case,
    Contains,
    EndsWith,
    Format,
    FromJson,
    Join,
    StartsWith,
    ToJson,
    Special(Special),
}

impl Function {
    pub const ALL: [Self; 13] = [
        Self::Case,
        Self::Contains,
        Self::EndsWith,
        Self::Format,
        Self::FromJson,
        Self::Join,
        Self::StartsWith,
        Self::ToJson,
        Self::Special(Special::HashFiles),
        Self::Special(Special::Success),
        Self::Special(Special::Failure),
        Self::Special(Special::Always),
        Self::Special(Special::Cancelled),
    ];

    /// The name as GitHub's documentation spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Contains => "contains",
            Self::EndsWith => "endsWith",
            Self::Format => "format",
            Self::FromJson => "fromJSON",
            Self::Join => "join",
            Self::StartsWith => "startsWith",
            Self::ToJson => "toJSON",
            Self::Special(special) => special.name(),
        }
    }

    /// The function of a name in any case.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name().eq_ignore_ascii_case(name))
    }

    /// How many arguments it takes where `names` holds, or anywhere.
    fn arity(self, names: Option<&Names<'_>>) -> Option<(usize, usize)> {
        match self {
            Self::Case => Some((3, 255)),
            Self::Format => Some((1, 255)),
            Self::Contains | Self::EndsWith | Self::StartsWith => Some((2, 2)),
            Self::Join => Some((1, 2)),
            Self::FromJson | Self::ToJson => Some((1, 1)),
            Self::Special(special) => {
                let signature = match names {
                    None => Signature::widest(special),
                    Some(names) => {
                        *names.functions.iter().find(|there| there.function == special)?
                    }
                };
                Some((signature.min, signature.max))
            }
        }
    }
}

/// The function of a name, if it is there; without `names`, if it is anywhere.
pub(super) fn function(name: &str, names: Option<&Names<'_>>) -> Option<Function> {
    Function::named(name).filter(|function| function.arity(names).is_some())
}

pub(super) fn knows_context(name: &str, names: Option<&Names<'_>>) -> bool {
    names.is_none_or(|names| names.contexts.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// What is wrong with so many arguments.
pub(super) fn arguments(
    function: Function,
    count: usize,
    names: Option<&Names<'_>>,
) -> Result<(), SyntaxErrorKind> {
    match function.arity(names) {
        None => Err(SyntaxErrorKind::UnknownFunction),
        Some((min, _)) if count < min => Err(SyntaxErrorKind::TooFewArguments),
        Some((_, max)) if count > max => Err(SyntaxErrorKind::TooManyArguments),
        Some(_) if function == Function::Case && count.is_multiple_of(2) => {
            Err(SyntaxErrorKind::EvenArguments)
        }
        Some(_) => Ok(()),
    }
}

/// The first name in the text that is not there.
pub(super) fn check(root: &Node, names: &Names<'_>) -> Result<(), Fault> {
    let mut first = Ok(());
    root.walk(&mut |node| {
        if first.is_ok() {
            first = check_one(node, names);
        }
    });
    first
}

fn check_one(node: &Node, names: &Names<'_>) -> Result<(), Fault> {
    match node {
        Node::Context { name, span } if !knows_context(name, Some(names)) => {
            Err(Fault { kind: SyntaxErrorKind::UnknownContext, span: *span })
        }
        Node::Call { function, name, arguments: given, .. } => {
            arguments(*function, given.len(), Some(names))
                .map_err(|kind| Fault { kind, span: *name })
        }
        _ => Ok(()),
    }
}

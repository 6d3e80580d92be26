//! What is wrong with the text of an expression.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use model::source::Span;

/// How deep parts may lie within parts.
pub const MAX_DEPTH: usize = 50;

/// How long an expression may be, in UTF-16 units.
pub const MAX_LENGTH: usize = 21_000;

/// Why a text is no expression, or not one that may stand where it stands. The whole message is
/// GitHub's own, because people look it up; [`SyntaxError::summary`] suits where the place is shown
/// by other means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub kind: SyntaxErrorKind,
    /// Where, in bytes of the expression.
    pub span: Span,
    expression: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyntaxErrorKind {
    /// These characters never mean anything.
    NotAToken,
    /// They would mean something elsewhere.
    UnexpectedSymbol,
    UnexpectedEnd,
    UnknownFunction,
    /// Or one that is not there at this place.
    UnknownContext,
    TooFewArguments,
    TooManyArguments,
    /// `case` ends in what holds otherwise.
    EvenArguments,
    TooDeep,
    TooLong,
}

/// An error that does not know its text yet.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: SyntaxErrorKind,
    pub(super) span: Span,
}

impl Fault {
    pub(super) fn within(self, expression: &Arc<str>) -> SyntaxError {
        SyntaxError { kind: self.kind, span: self.span, expression: expression.clone() }
    }
}

impl SyntaxError {
    /// The text of the expression, which the span refers to.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The characters that are wrong.
    pub fn symbol(&self) -> &str {
        &self.expression[self.span.start..self.span.end]
    }

    /// What is wrong, without where.
    pub fn summary(&self) -> String {
        if self.kind.is_of_the_whole() {
            self.kind.to_string()
        } else {
            format!("{}: '{}'", self.kind, self.symbol())
        }
    }

    /// How to mend it, where that is likely.
    pub fn hint(&self) -> Option<&'static str> {
        match (self.kind, self.symbol()) {
            (SyntaxErrorKind::NotAToken, symbol) => match symbol.chars().next()? {
                '"' => Some("text stands in single quotes, as in 'text'"),
                '\'' => Some("close the quotes; a quote within text is written twice"),
                '=' => Some("write `==` to compare"),
                '&' => Some("write `&&` for and"),
                '|' => Some("write `||` for or"),
                '+' | '-' => Some("there is no arithmetic in expressions"),
                _ => None,
            },
            (SyntaxErrorKind::UnknownContext, symbol) => {
                let word = ["true", "false", "null", "Infinity", "NaN"];
                let near = word.iter().any(|word| word.eq_ignore_ascii_case(symbol));
                near.then_some("write `true`, `false`, `null`, `Infinity`, `NaN` in just that case")
            }
            (SyntaxErrorKind::UnexpectedEnd, _) => Some("something is missing here"),
            (SyntaxErrorKind::EvenArguments, _) => {
                Some("end with the value that holds where no condition does")
            }
            (SyntaxErrorKind::TooLong, _) => Some("hand the text to the script by `env`"),
            _ => None,
        }
    }

    /// Counted from 1, in UTF-16 units.
    fn position(&self) -> usize {
        utf16_len(&self.expression[..self.span.start]) + 1
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        if self.kind.is_of_the_whole() {
            return Ok(());
        }
        let (position, expression) = (self.position(), &self.expression);
        write!(f, ". Located at position {position} within expression: {expression}")
    }
}

impl Error for SyntaxError {}

impl SyntaxErrorKind {
    fn is_of_the_whole(self) -> bool {
        matches!(self, Self::TooDeep | Self::TooLong)
    }
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAToken | Self::UnexpectedSymbol => f.write_str("Unexpected symbol"),
            Self::UnexpectedEnd => f.write_str("Unexpected end of expression"),
            Self::UnknownFunction => f.write_str("Unrecognized function"),
            Self::UnknownContext => f.write_str("Unrecognized named-value"),
            Self::TooFewArguments => f.write_str("Too few parameters supplied"),
            Self::TooManyArguments => f.write_str("Too many parameters supplied"),
            Self::EvenArguments => f.write_str(
                "Even number of parameters supplied, requires an odd number of parameters",
            ),
            Self::TooDeep => write!(f, "Exceeded max expression depth {MAX_DEPTH}"),
            Self::TooLong => write!(f, "Exceeded max expression length {MAX_LENGTH}"),
        }
    }
}

/// The length as upstream counts it.
pub(super) fn utf16_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

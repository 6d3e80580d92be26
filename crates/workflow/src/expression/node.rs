//! The tree of an expression, with the place of each part in the text.

use std::sync::Arc;

use model::source::Span;

use super::names::Function;
use super::value::Value;

/// A part of an expression. Spans count bytes of the expression's text; parentheses around a part
/// do not belong to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    Literal {
        value: Value,
        span: Span,
    },
    /// A context by its name, in lower case; the text has it as it was written.
    Context {
        name: Arc<str>,
        span: Span,
    },
    /// `target.name`, whose index is a literal; `target[index]`; `target.*`.
    Index {
        target: Box<Node>,
        index: Box<Node>,
        span: Span,
    },
    /// The `*` of an object filter; only ever an index.
    Star {
        span: Span,
    },
    Call {
        function: Function,
        name: Span,
        arguments: Vec<Node>,
        span: Span,
    },
    Not {
        operand: Box<Node>,
        span: Span,
    },
    /// At least two operands: `a && b && c` is one part, as is `a && (b && c)`.
    And {
        operands: Vec<Node>,
        span: Span,
    },
    /// At least two operands, as for `&&`.
    Or {
        operands: Vec<Node>,
        span: Span,
    },
    Compare {
        operator: Comparison,
        left: Box<Node>,
        right: Box<Node>,
        span: Span,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Node {
    pub fn span(&self) -> Span {
        match self {
            Self::Literal { span, .. }
            | Self::Context { span, .. }
            | Self::Index { span, .. }
            | Self::Star { span }
            | Self::Call { span, .. }
            | Self::Not { span, .. }
            | Self::And { span, .. }
            | Self::Or { span, .. }
            | Self::Compare { span, .. } => *span,
        }
    }

    /// Its direct parts, in the order of the text.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Literal { .. } | Self::Context { .. } | Self::Star { .. } => Vec::new(),
            Self::Index { target, index, .. } => vec![target, index],
            Self::Call { arguments: parts, .. }
            | Self::And { operands: parts, .. }
            | Self::Or { operands: parts, .. } => parts.iter().collect(),
            Self::Not { operand, .. } => vec![operand],
            Self::Compare { left, right, .. } => vec![left, right],
        }
    }

    /// Shows every part to a visitor, each before its own parts, in the order of the text.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }
}

//! What operators make of their operands.

use model::source::Span;

use super::super::names::Function;
use super::super::node::{Comparison, Node};

/// A part of the tree that is complete.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) node: Node,
    /// With the parentheses around it.
    pub(super) outer: Span,
    /// How many parts lie within one another, this one included.
    pub(super) height: usize,
    /// Whether `.` and `[` may follow.
    pub(super) can_be_indexed: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    Not { start: usize },
    Binary(Binary),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Binary {
    Compare(Comparison),
    And,
    Or,
}

/// From loose to tight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Precedence {
    Or,
    And,
    Equality,
    Order,
    Not,
}

impl Operator {
    pub(super) fn precedence(self) -> Precedence {
        match self {
            Self::Not { .. } => Precedence::Not,
            Self::Binary(binary) => binary.precedence(),
        }
    }
}

impl Binary {
    pub(super) fn precedence(self) -> Precedence {
        match self {
            Self::Or => Precedence::Or,
            Self::And => Precedence::And,
            Self::Compare(Comparison::Equal | Comparison::NotEqual) => Precedence::Equality,
            Self::Compare(_) => Precedence::Order,
        }
    }
}

impl Operand {
    pub(super) fn leaf(node: Node) -> Self {
        let can_be_indexed = matches!(node, Node::Context { .. });
        Self { outer: node.span(), node, height: 1, can_be_indexed }
    }

    pub(super) fn in_parentheses(self, outer: Span) -> Self {
        Self { outer, can_be_indexed: true, ..self }
    }

    pub(super) fn call(function: Function, name: Span, arguments: Vec<Self>, end: usize) -> Self {
        let height = arguments.iter().map(|argument| argument.height).max().unwrap_or(0) + 1;
        let arguments = arguments.into_iter().map(|argument| argument.node).collect();
        let span = Span::new(name.start, end);
        let node = Node::Call { function, name, arguments, span };
        Self { node, outer: span, height, can_be_indexed: true }
    }

    pub(super) fn index(self, index: Self, end: usize) -> Self {
        let span = Span::new(self.outer.start, end);
        let height = self.height.max(index.height) + 1;
        let node = Node::Index { target: Box::new(self.node), index: Box::new(index.node), span };
        Self { node, outer: span, height, can_be_indexed: true }
    }

    pub(super) fn negate(self, start: usize) -> Self {
        let span = Span::new(start, self.outer.end);
        let node = Node::Not { operand: Box::new(self.node), span };
        Self { node, outer: span, height: self.height + 1, can_be_indexed: false }
    }

    pub(super) fn combine(self, binary: Binary, right: Self) -> Self {
        let span = Span::new(self.outer.start, right.outer.end);
        let (node, height) = match binary {
            Binary::Compare(operator) => {
                let height = self.height.max(right.height) + 1;
                let (left, right) = (Box::new(self.node), Box::new(right.node));
                (Node::Compare { operator, left, right, span }, height)
            }
            Binary::And => {
                let (operands, height) = self.chain(right, |node| match node {
                    Node::And { operands, .. } => Ok(operands),
                    node => Err(node),
                });
                (Node::And { operands, span }, height)
            }
            Binary::Or => {
                let (operands, height) = self.chain(right, |node| match node {
                    Node::Or { operands, .. } => Ok(operands),
                    node => Err(node),
                });
                (Node::Or { operands, span }, height)
            }
        };
        Self { node, outer: span, height, can_be_indexed: false }
    }

    /// The operands of a chain of one operator, and how high the chain is.
    fn chain(
        self,
        right: Self,
        unchain: impl Fn(Node) -> Result<Vec<Node>, Node>,
    ) -> (Vec<Node>, usize) {
        let (mut operands, left_height) = match unchain(self.node) {
            Ok(operands) => (operands, self.height),
            Err(node) => (vec![node], self.height + 1),
        };
        let right_height = match unchain(right.node) {
            Ok(more) => {
                operands.extend(more);
                right.height
            }
            Err(node) => {
                operands.push(node);
                right.height + 1
            }
        };
        (operands, left_height.max(right_height))
    }
}

//! What an expression comes to.

use std::error::Error;
use std::fmt;

use model::source::Span;

use super::function;
use super::memory::{Exceeded, Memory};
use super::names::Special;
use super::node::{Comparison, Node};
use super::value::{Array, Kind, Value};

/// What an expression can ask the world for.
pub trait Contexts {
    /// A context by its name in lower case. What is not there is null.
    ///
    /// The same array or object equals itself only if it is handed out as a clone of one value.
    fn context(&self, name: &str) -> Option<Value>;

    fn call(&self, function: Special, arguments: &[Value]) -> Result<Value, String>;
}

/// Why an expression comes to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationError {
    pub problem: Problem,
    /// Where, in bytes of the text that was evaluated.
    pub span: Span,
}

/// Where GitHub has a message, it is GitHub's own, because people look it up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("case predicate must evaluate to a boolean value")]
    CasePredicate,
    #[error("The following format string is invalid: {0}")]
    InvalidFormat(String),
    #[error("The following format string references more arguments than were supplied: {0}")]
    TooFewToFormat(String),
    #[error("The format specifiers '{specifiers}' are not valid for objects of type '{kind}'")]
    FormatSpecifiers { specifiers: String, kind: Kind },
    #[error("fromJSON was given what is no JSON: {0}")]
    NoJson(String),
    #[error("fromJSON was given an empty text; give it a default, as in `fromJSON(x || 'null')`")]
    NothingToRead,
    #[error("{}: {reason}", function.name())]
    Special { function: Special, reason: String },
    #[error("The maximum allowed memory size was exceeded: {limit} bytes for one evaluation")]
    Memory { limit: usize },
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl Error for EvaluationError {}

pub(super) fn evaluate(
    root: &Node,
    contexts: &dyn Contexts,
    limit: usize,
) -> Result<Value, EvaluationError> {
    let mut evaluation = Evaluation { contexts, memory: Memory::new(limit), limit, depth: 0 };
    evaluation.value(root)
}

/// The evaluation of one expression. Its depth is bounded, so it may recurse.
pub(super) struct Evaluation<'a> {
    contexts: &'a dyn Contexts,
    pub(super) memory: Memory,
    limit: usize,
    /// Of the part that is evaluated now.
    depth: usize,
}

impl Evaluation<'_> {
    /// Evaluates a part of the part that is evaluated now.
    pub(super) fn part(&mut self, node: &Node) -> Result<Value, EvaluationError> {
        self.depth += 1;
        let value = self.value(node);
        self.depth -= 1;
        value
    }

    fn value(&mut self, node: &Node) -> Result<Value, EvaluationError> {
        let value = match node {
            Node::Literal { value, .. } => value.clone(),
            Node::Context { name, .. } => self.contexts.context(name).unwrap_or_default(),
            // Only ever an index, which looks at it without evaluating it.
            Node::Star { .. } => Value::Null,
            Node::Index { target, index, .. } => self.index(target, index)?,
            Node::Not { operand, .. } => Value::Boolean(!self.part(operand)?.is_truthy()),
            Node::And { operands, .. } => self.first(operands, |value| !value.is_truthy())?,
            Node::Or { operands, .. } => self.first(operands, Value::is_truthy)?,
            Node::Compare { operator, left, right, .. } => {
                let (left, right) = (self.part(left)?, self.part(right)?);
                Value::Boolean(operator.holds(&left, &right))
            }
            Node::Call { function, arguments, .. } => {
                function::call(self, *function, arguments, node.span())?
            }
        };
        let held = self.memory.hold(self.depth, &value);
        self.memory_at(node.span(), held)?;
        Ok(value)
    }

    /// The first value that decides a chain, or else the last one.
    fn first(
        &mut self,
        operands: &[Node],
        decides: impl Fn(&Value) -> bool,
    ) -> Result<Value, EvaluationError> {
        let mut value = Value::Null;
        for operand in operands {
            value = self.part(operand)?;
            if decides(&value) {
                break;
            }
        }
        Ok(value)
    }

    fn index(&mut self, target: &Node, index: &Node) -> Result<Value, EvaluationError> {
        let target = self.part(target)?;
        let star = matches!(index, Node::Star { .. });
        Ok(match target {
            Value::Array(items) if items.is_filtered() => {
                let mut all = Vec::new();
                if star {
                    items.iter().for_each(|item| all.extend(members(item).cloned()));
                } else {
                    let index = self.part(index)?;
                    all.extend(items.iter().filter_map(|item| member(item, &index)));
                }
                Value::Array(Array::filtered(all))
            }
            _ if star => Value::Array(Array::filtered(members(&target).cloned().collect())),
            // Upstream does not look at the index of what has no members.
            _ if target.is_primitive() => Value::Null,
            _ => {
                let index = self.part(index)?;
                member(&target, &index).unwrap_or_default()
            }
        })
    }

    pub(super) fn call_special(
        &mut self,
        function: Special,
        arguments: &[Node],
        span: Span,
    ) -> Result<Value, EvaluationError> {
        let arguments: Result<Vec<Value>, _> =
            arguments.iter().map(|argument| self.part(argument)).collect();
        self.contexts.call(function, &arguments?).map_err(|reason| EvaluationError {
            problem: Problem::Special { function, reason },
            span,
        })
    }

    pub(super) fn memory_at<T>(
        &self,
        span: Span,
        result: Result<T, Exceeded>,
    ) -> Result<T, EvaluationError> {
        let problem = Problem::Memory { limit: self.limit };
        result.map_err(|Exceeded| EvaluationError { problem, span })
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        match self {
            Self::Equal => left.equals(right),
            Self::NotEqual => !left.equals(right),
            Self::Less => left.compare(right).is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => Self::Less.holds(left, right) || left.equals(right),
            Self::Greater => left.compare(right).is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => Self::Greater.holds(left, right) || left.equals(right),
        }
    }
}

/// All values of an object, all items of an array.
fn members(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(object) => Box::new(object.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// The value of a key of an object, the item at a place of an array.
fn member(value: &Value, index: &Value) -> Option<Value> {
    match value {
        Value::Object(object) if index.is_primitive() => object.get(&index.to_text()).cloned(),
        Value::Array(items) => items.get(place(index.to_number())?).cloned(),
        _ => None,
    }
}

/// Which item a number means. Upstream counts up to 32 bits.
fn place(index: f64) -> Option<usize> {
    let index = if index < 0.0 { f64::NAN } else { index.floor() };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    (index <= f64::from(i32::MAX)).then_some(index as usize)
}

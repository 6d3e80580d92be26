//! What is wrong with an expression, given what its contexts hold.

mod call;
mod compare;
mod contradiction;
mod missing;

use model::source::{Finding, Span, quoted};

use super::scope::Scope;
use super::shape::{Object, Shape};
use crate::expression::{Contexts, Expression, Function, Node, Special, Value};

/// Examines an expression. Spans of the findings count bytes of its text.
pub(super) fn examine(text: &str, root: &Node, scope: Scope<'_>) -> Examined {
    let mut examiner = Examiner { text, scope, findings: Vec::new(), harmless: Vec::new() };
    let shape = examiner.shape(root);
    Examined { shape, findings: examiner.findings, harmless: examiner.harmless }
}

/// What came of it.
pub(super) struct Examined {
    pub(super) shape: Shape,
    pub(super) findings: Vec<Finding>,
    /// Worth telling only where nothing is left of a condition because of it.
    pub(super) harmless: Vec<Finding>,
}

/// The path that a part names, in lower case: `github.event.inputs.name`; `*` for each member.
pub(super) fn path(node: &Node) -> Option<Vec<String>> {
    match node {
        Node::Context { name, .. } => Some(vec![name.to_string()]),
        Node::Index { target, index, .. } => {
            let mut path = path(target)?;
            path.push(match index.as_ref() {
                Node::Literal { value: Value::String(name), .. } => name.to_lowercase(),
                Node::Star { .. } | Node::Literal { value: Value::Number(_), .. } => "*".to_owned(),
                _ => return None,
            });
            Some(path)
        }
        _ => None,
    }
}

/// Whether a part is the same whatever happens.
pub(super) fn is_constant(node: &Node) -> bool {
    let mut constant = true;
    node.walk(&mut |node| {
        constant &= !matches!(
            node,
            Node::Context { .. } | Node::Call { function: Function::Special(_), .. }
        );
    });
    constant
}

struct Examiner<'a> {
    text: &'a str,
    scope: Scope<'a>,
    findings: Vec<Finding>,
    harmless: Vec<Finding>,
}

impl Examiner<'_> {
    fn shape(&mut self, node: &Node) -> Shape {
        match node {
            Node::Literal { value, .. } => Shape::one(value.clone()),
            Node::Context { name, .. } => self.scope.context(name),
            Node::Star { .. } => Shape::Any,
            Node::Index { target, index, .. } => self.index(target, index),
            Node::Not { operand, .. } => match self.shape(operand).truth() {
                Some(truth) => Shape::one((!truth).into()),
                None => Shape::boolean(),
            },
            Node::And { operands, .. } => self.chain(operands, false),
            Node::Or { operands, .. } => self.chain(operands, true),
            Node::Compare { operator, left, right, span } => {
                self.compare(*operator, left, right, *span)
            }
            Node::Call { function, name, arguments, span } => {
                self.call(*function, *name, arguments, *span)
            }
        }
    }

    /// `||` ends at the first true operand, `&&` at the first false one.
    fn chain(&mut self, operands: &[Node], until: bool) -> Shape {
        self.contradiction(operands, until);
        let mut whole: Option<Shape> = None;
        for operand in operands {
            let shape = self.shape(operand);
            whole = Some(match whole {
                None => shape,
                Some(before) => match before.truth() {
                    Some(truth) if truth == until => before,
                    Some(_) => shape,
                    None => match before.only(until) {
                        Some(ended) => ended.or(shape),
                        None => shape,
                    },
                },
            });
        }
        whole.unwrap_or(Shape::Any)
    }

    fn index(&mut self, target: &Node, index: &Node) -> Shape {
        let shape = self.shape(target);
        match index {
            Node::Star { .. } => Shape::filtered(match &shape {
                Shape::List(list) => match &list.item {
                    Shape::Object(object) if list.filtered => object.values(),
                    item if !list.filtered => item.clone(),
                    _ => Shape::Any,
                },
                Shape::Object(object) => object.values(),
                _ => Shape::Any,
            }),
            Node::Literal { value: Value::String(name), span } => {
                self.property(&shape, target, name, *span)
            }
            Node::Literal { value: Value::Number(_), span }
                if matches!(shape, Shape::Object(_)) =>
            {
                let name = self.slice(*span).to_owned();
                self.property(&shape, target, &name, *span)
            }
            _ => {
                self.shape(index);
                match &shape {
                    Shape::List(list) => match &list.item {
                        // Beyond its end there is nothing.
                        Shape::OneOf(values, reason) => {
                            let values = values.iter().cloned().chain([Value::Null]);
                            Shape::OneOf(values.collect(), *reason)
                        }
                        _ => Shape::Any,
                    },
                    _ => Shape::Any,
                }
            }
        }
    }

    fn property(&mut self, shape: &Shape, target: &Node, name: &str, span: Span) -> Shape {
        match shape {
            Shape::Any => Shape::Any,
            Shape::Object(object) => self.member(object, name, span),
            Shape::List(list) if list.filtered => Shape::filtered(match &list.item {
                Shape::Object(object) => self.member(object, name, span),
                _ => Shape::Any,
            }),
            // Whatever it is, `null` has no properties either, and nobody minds.
            Shape::OneOf(values, _) if values.iter().any(|value| matches!(value, Value::Null)) => {
                Shape::Any
            }
            Shape::List(_) | Shape::OneOf(..) | Shape::Text | Shape::Number => {
                let whole = self.slice(target.span());
                let message = format!(
                    "{} is {}, which has no property {}",
                    quoted(whole),
                    shape.described(),
                    quoted(name)
                );
                let hint = match shape {
                    Shape::List(_) => format!("`{whole}.*.{name}` asks every item for it"),
                    _ => format!("if the text is JSON, write `fromJSON({whole}).{name}`"),
                };
                self.tell(
                    Finding::warning("no-properties", message, span)
                        .label("always empty")
                        .hint(hint),
                );
                Shape::Any
            }
        }
    }

    fn member(&mut self, object: &Object, name: &str, span: Span) -> Shape {
        if let Some(shape) = object.get(name) {
            return shape;
        }
        let finding = missing::finding(object, name, span, self.scope.job);
        self.tell(finding);
        Shape::Any
    }

    fn slice(&self, span: Span) -> &str {
        &self.text[span.start..span.end]
    }

    fn tell(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}

/// What a part without contexts comes to; `None` if that fails.
fn evaluate(text: &str) -> Option<Value> {
    Expression::parse(text).ok()?.evaluate(&Nowhere).ok()
}

/// Where nothing is known.
struct Nowhere;

impl Contexts for Nowhere {
    fn context(&self, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, function: Special, _: &[Value]) -> Result<Value, String> {
        Err(format!("{} cannot be asked before anything runs", function.name()))
    }
}

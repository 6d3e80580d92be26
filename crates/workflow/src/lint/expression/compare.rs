//! Comparisons whose answer is known, and most likely not the one that was meant.

use model::source::{Finding, Span, nearest, quoted};

use super::super::scope::RESULTS;
use super::super::shape::{Reason, Shape};
use super::{Examiner, is_constant, path};
use crate::expression::{Comparison, Node, Value};
use crate::trigger::is_event;

impl Examiner<'_> {
    pub(super) fn compare(
        &mut self,
        operator: Comparison,
        left: &Node,
        right: &Node,
        span: Span,
    ) -> Shape {
        let (first, second) = (self.shape(left), self.shape(right));
        let wanted = match operator {
            Comparison::Equal => true,
            Comparison::NotEqual => false,
            _ => {
                self.order((left, &first), (right, &second), span);
                return Shape::boolean();
            }
        };
        if is_constant(left) && is_constant(right) {
            let text = self.slice(span);
            return super::evaluate(text).map_or(Shape::boolean(), Shape::one);
        }
        if let Some(finding) = reference(left, right, span).or_else(|| reference(right, left, span))
        {
            self.tell(finding);
            return Shape::one((!wanted).into());
        }
        match equal(&first, &second) {
            Some(false) => {
                self.never(wanted, (left, &first), (right, &second), span);
                answer(!wanted, &first, &second)
            }
            Some(true) => {
                let success = |shape: &Shape| matches!(shape, Shape::OneOf(_, Reason::Success));
                if !wanted && (success(&first) || success(&second)) {
                    self.tell(after_success(self.slice(span), span));
                }
                answer(wanted, &first, &second)
            }
            None => {
                let mixed = boolean_literal(right).filter(|_| matches!(first, Shape::Text));
                let mixed = mixed.map(|value| (left, value)).or_else(|| {
                    let value = boolean_literal(left)?;
                    matches!(second, Shape::Text).then_some((right, value))
                });
                if let Some((text, value)) = mixed {
                    self.tell(text_for_truth(self.slice(text.span()), value, span));
                }
                Shape::boolean()
            }
        }
    }

    /// `<` and its kin, which know numbers and texts.
    fn order(&mut self, left: (&Node, &Shape), right: (&Node, &Shape), span: Span) {
        for (side, shape) in [left, right] {
            let unordered = match shape {
                Shape::Object(_) | Shape::List(_) => true,
                Shape::OneOf(values, _) => {
                    values.iter().all(|value| matches!(value, Value::Null | Value::Boolean(_)))
                }
                Shape::Any | Shape::Text | Shape::Number => false,
            };
            if unordered {
                let name = quoted(self.slice(side.span()));
                let message = format!("{name} is {}, which has no order", shape.described());
                let finding = Finding::warning("no-order", message, span);
                return self.tell(finding.label("compares what is no number and no text"));
            }
        }
    }

    fn never(
        &mut self,
        wanted: bool,
        (left, first): (&Node, &Shape),
        (right, second): (&Node, &Shape),
        span: Span,
    ) {
        // The side that is not a literal is the one to talk about.
        let turned = matches!(left, Node::Literal { .. });
        let (side, shape, other, against) =
            if turned { (right, second, left, first) } else { (left, first, right, second) };
        let path = self.slice(side.span());
        let (name, value) = (quoted(path), self.slice(other.span()));
        let finding =
            |message: String| Finding::warning("never-equal", message, span).label("never equal");
        let literal = match other {
            Node::Literal { value: Value::String(text), .. } => Some(&**text),
            _ => None,
        };
        let Shape::OneOf(values, reason) = shape else {
            let message =
                format!("{name} is {}, and {value} is {}", shape.described(), against.described());
            let object = |shape: &Shape| matches!(shape, Shape::Object(_) | Shape::List(_));
            return self.tell(if object(shape) || object(against) {
                finding(message).hint("a list or an object equals nothing but itself")
            } else {
                finding(message)
            });
        };
        if values.iter().all(|value| matches!(value, Value::Boolean(_) | Value::Null))
            && let Some(text) = literal
        {
            let hint = match (text, wanted) {
                ("true", true) | ("false", false) => format!("write `{path}` alone"),
                ("true", false) | ("false", true) => format!("write `!{path}`"),
                _ => "compare it with `true` or `false`, without quotes".to_owned(),
            };
            let message = format!("{name} is a truth value, which never equals the text {value}");
            return self.tell(finding(message).hint(hint));
        }
        let result = literal.is_some_and(|text| RESULTS.contains(&text.to_lowercase().as_str()));
        let words: Vec<String> = match reason {
            Reason::Success if result && wanted => {
                return self.tell(after_success(self.slice(span), span));
            }
            Reason::Success if result => return,
            Reason::Success => RESULTS.iter().map(|word| (*word).to_owned()).collect(),
            _ => values.iter().map(|value| value.to_text().into_owned()).collect(),
        };
        let words: Vec<&str> =
            words.iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
        let near = literal.and_then(|text| akin(text, &words));
        let among = listed(&words);
        let found = match reason {
            Reason::Matrix => finding(format!("in the matrix, {name} is {among}, never {value}")),
            Reason::Event => finding(format!("the workflow starts on {among}, never on {value}")),
            _ => finding(format!("{name} is {among}, never {value}")),
        };
        let found = match near {
            Some(near) => found.hint(format!("did you mean `'{near}'`?")),
            None => found,
        };
        // Another matrix, or another event, may have been there, or may come.
        let harmless = match reason {
            Reason::Matrix => near.is_none(),
            Reason::Event => near.is_none() || !wanted || literal.is_some_and(is_event),
            Reason::Written => true,
            Reason::Enumerated | Reason::Success => false,
        };
        if harmless {
            self.harmless.push(found);
        } else {
            self.tell(found);
        }
    }
}

/// Full and short names of branches, taken for one another.
fn reference(side: &Node, other: &Node, span: Span) -> Option<Finding> {
    let Node::Literal { value: Value::String(literal), .. } = other else { return None };
    let path = path(side)?.join(".");
    let short = literal.strip_prefix("refs/heads/").or_else(|| literal.strip_prefix("refs/tags/"));
    let (message, hint) = match (path.as_str(), short) {
        ("github.ref", None) if !literal.is_empty() && !literal.starts_with("refs/") => (
            "`github.ref` is a full name such as `refs/heads/main`",
            format!("write `github.ref_name`, or `'{}'`", full(literal)),
        ),
        ("github.ref_name" | "github.head_ref" | "github.base_ref", Some(short)) => {
            ("this is a short name such as `main`", format!("write `'{short}'`"))
        }
        _ => return None,
    };
    Some(
        Finding::warning("never-equal", format!("{message}, never {}", quoted(literal)), span)
            .label("never equal")
            .hint(hint),
    )
}

/// What a short name is in full, as far as one can see.
pub(super) fn full(name: &str) -> String {
    let version = name.strip_prefix('v').is_some_and(|rest| !rest.starts_with(char::is_alphabetic));
    if name.starts_with("tags/") || name.starts_with("heads/") {
        format!("refs/{name}")
    } else if version {
        format!("refs/tags/{name}")
    } else {
        format!("refs/heads/{name}")
    }
}

/// What a comparison comes to. That one holds anyway does no harm where another matrix or another
/// event would change it.
fn answer(truth: bool, left: &Shape, right: &Shape) -> Shape {
    let reasons = [left, right].into_iter().filter_map(|shape| match shape {
        Shape::OneOf(_, reason) => Some(*reason),
        _ => None,
    });
    match reasons.into_iter().find(|reason| reason.may_change()) {
        Some(_) if truth => Shape::boolean(),
        reason => Shape::OneOf([truth.into()].into(), reason.unwrap_or(Reason::Written)),
    }
}

/// Whether two values are equal: always, never, or nobody knows.
fn equal(left: &Shape, right: &Shape) -> Option<bool> {
    // Whether there is an object at all is asked by comparing it with null.
    let single = |shape: &Shape| match shape {
        Shape::Any | Shape::List(_) | Shape::Object(_) => false,
        Shape::OneOf(values, _) => !values.contains(&Value::Null),
        Shape::Text | Shape::Number => true,
    };
    match (left, right) {
        (Shape::List(_) | Shape::Object(_), other) | (other, Shape::List(_) | Shape::Object(_))
            if single(other) =>
        {
            Some(false)
        }
        (Shape::OneOf(left, _), Shape::OneOf(right, _)) => {
            let pairs = || left.iter().flat_map(|one| right.iter().map(move |other| (one, other)));
            if !pairs().any(|(one, other)| one.equals(other)) {
                Some(false)
            } else if pairs().all(|(one, other)| one.equals(other)) {
                Some(true)
            } else {
                None
            }
        }
        (Shape::Number, Shape::OneOf(values, _)) | (Shape::OneOf(values, _), Shape::Number) => {
            values.iter().all(|value| value.to_number().is_nan()).then_some(false)
        }
        _ => None,
    }
}

fn boolean_literal(node: &Node) -> Option<bool> {
    match node {
        Node::Literal { value: Value::Boolean(value), .. } => Some(*value),
        _ => None,
    }
}

fn text_for_truth(text: &str, value: bool, span: Span) -> Finding {
    let message =
        format!("{} is a text, and the text `{value}` does not equal `{value}`", quoted(text));
    Finding::warning("text-as-boolean", message, span)
        .label("compares a text with a truth value")
        .hint(format!("write `{text} == '{value}'`"))
}

fn after_success(comparison: &str, span: Span) -> Finding {
    let message =
        "the condition holds only after success, because it asks for no status itself".to_owned();
    Finding::warning("only-after-success", message, span).label("never so after success").hint(
        format!("write `always() && {comparison}`, or `failure()` or `!cancelled()` in its place"),
    )
}

/// The word that a text begins with, or that begins with it, or that is close to it.
fn akin<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    let text = text.to_lowercase();
    let begins = |word: &&&str| {
        let word = word.to_lowercase();
        !text.is_empty() && (word.starts_with(&text) || text.starts_with(&word))
    };
    words.iter().find(begins).copied().or_else(|| nearest(&text, words.iter().copied()))
}

/// "`a`, `b` or `c`"
fn listed(words: &[&str]) -> String {
    const MOST: usize = 6;
    match words {
        [first @ .., _] if words.len() > MOST => {
            let first: Vec<String> = first.iter().take(MOST).map(|word| quoted(word)).collect();
            format!("{} …", first.join(", "))
        }
        [] => "empty".to_owned(),
        [one] => quoted(one),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|word| quoted(word)).collect();
            format!("{} or {}", first.join(", "), quoted(last))
        }
    }
}

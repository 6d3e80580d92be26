//! Expressions that come to a kind of value which their place does not take.

use model::source::{Finding, Span, quoted};

use super::shape::Shape;
use super::walk::Role;
use crate::expression::Value;

/// What is wrong with an expression that stands alone in its place, or, for texts, within one.
pub(super) fn finding(shape: &Shape, text: &str, role: Role<'_>, alone: bool) -> Option<Finding> {
    let span = Span::new(0, text.len());
    let shown = quoted(text);
    let object = matches!(shape, Shape::List(_) | Shape::Object(_));
    match role {
        Role::Text | Role::Script if object => {
            let (what, word) = match shape {
                Shape::List(_) => ("a list", "Array"),
                _ => ("an object", "Object"),
            };
            let message = format!("{shown} is {what}, and a text is wanted here");
            let hint = format!("write `toJSON({text})`, or name one of its values");
            Some(if alone && matches!(role, Role::Text) {
                Finding::error("not-a-text", message, span)
                    .label("this fails when it runs")
                    .hint(hint)
            } else {
                Finding::warning("not-a-text", message, span)
                    .label(format!("becomes the text `{word}`"))
                    .hint(hint)
            })
        }
        Role::Boolean => {
            wrong(shape, &shown, "a truth value", text, |value| matches!(value, Value::Boolean(_)))
        }
        Role::Number => {
            wrong(shape, &shown, "a number", text, |value| matches!(value, Value::Number(_)))
        }
        Role::Mapping | Role::Labels => {
            let wanted = if matches!(role, Role::Mapping) {
                "a mapping"
            } else {
                "a text or a list of texts"
            };
            let is_mapping = matches!(shape, Shape::Object(_));
            let fits = matches!(shape, Shape::Any) || is_mapping == matches!(role, Role::Mapping);
            let message = format!("{shown} is {}, and {wanted} is wanted here", shape.described());
            let finding = Finding::error("wrong-kind", message, span);
            let finding = finding.label("this fails when it runs");
            (!fits).then(|| match shape {
                Shape::Text => {
                    finding.hint(format!("if the text is JSON, write `fromJSON({text})`"))
                }
                _ => finding,
            })
        }
        Role::Anything | Role::Text | Role::Script | Role::Condition(_) => None,
    }
}

/// A truth value or a number is wanted.
fn wrong(
    shape: &Shape,
    shown: &str,
    wanted: &str,
    text: &str,
    fits: fn(&Value) -> bool,
) -> Option<Finding> {
    let span = Span::new(0, text.len());
    let values = match shape {
        Shape::OneOf(values, _) => values,
        Shape::Any => return None,
        Shape::Number if wanted == "a number" => return None,
        other => {
            let message = format!("{shown} is {}, and {wanted} is wanted here", other.described());
            let finding =
                Finding::error("wrong-kind", message, span).label("this fails when it runs");
            return Some(match other {
                Shape::Text => finding.hint(format!("write `fromJSON({text})`")),
                _ => finding,
            });
        }
    };
    if values.iter().all(fits) {
        return None;
    }
    let nothing = |value: &Value| matches!(value, Value::Null);
    if values.iter().all(|value| fits(value) || nothing(value)) {
        let message = format!("{shown} is sometimes nothing, and {wanted} is wanted here");
        let default = if wanted == "a number" { "60" } else { "false" };
        return Some(
            Finding::warning("sometimes-nothing", message, span)
                .label("this fails where it is nothing")
                .hint(format!("write `{text} || {default}`")),
        );
    }
    let none = !values.iter().any(fits);
    let message = format!("{shown} is {}, and {wanted} is wanted here", shape.described());
    none.then(|| Finding::error("wrong-kind", message, span).label("this fails when it runs"))
}

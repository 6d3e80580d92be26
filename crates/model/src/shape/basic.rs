//! Shapes of single values: switches, bounded whole numbers, words.

use serde_json::{Value as Json, json};

use super::{Decode, Schemas, Shape};
use crate::source::Finding;
use crate::yaml::{Node, Value};

impl Shape for bool {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        let hint = match node.text() {
            Some("yes" | "on" | "Yes" | "On" | "YES" | "ON") => Some("write `true`".to_owned()),
            Some("no" | "off" | "No" | "Off" | "NO" | "OFF") => Some("write `false`".to_owned()),
            _ => None,
        };
        cx.expected("`true` or `false`", node, hint);
        None
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({ "type": "boolean" })
    }
}

/// A whole number within bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Whole<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    pub const fn new(value: u32) -> Option<Self> {
        if MIN <= value && value <= MAX { Some(Self(value)) } else { None }
    }

    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<const MIN: u32, const MAX: u32> Shape for Whole<MIN, MAX> {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        let what = format!("a whole number from {MIN} to {MAX}");
        let digits = |text: &str| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        match node.value {
            Value::Int(value) => {
                let fit = u32::try_from(value).ok().and_then(Self::new);
                if fit.is_none() {
                    out_of_range(node, &what, cx);
                }
                fit
            }
            Value::Float(_) if node.text().is_some_and(digits) => {
                out_of_range(node, &what, cx);
                None
            }
            Value::String(ref text) if digits(text) => {
                cx.expected(&what, node, Some("remove the quotes".to_owned()));
                None
            }
            _ => {
                cx.expected(&what, node, None);
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

fn out_of_range(node: &Node, what: &str, cx: &mut Decode) {
    let message = format!("{} must be {what}", cx.here());
    cx.report(Finding::error("out-of-range", message, node.span).label("out of range"));
}

/// A key whose being there says everything: `tcp:` or `tcp: true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Present;

impl Shape for Present {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match node.value {
            Value::Null | Value::Bool(true) => Some(Self),
            _ => {
                cx.expected("`true` or nothing", node, None);
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({ "enum": [true, null] })
    }
}

impl Decode {
    /// Reads one word of a closed list.
    pub fn word<T: Copy>(&mut self, node: &Node, words: &[(&'static str, T)]) -> Option<T> {
        let found = node.text().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let known: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
            self.unknown_word(node, &known);
        }
        found.map(|(_, value)| *value)
    }
}

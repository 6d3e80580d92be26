//! What an expression comes to, and how values are turned into one another.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::casing;
use super::number;
use super::object::Object;

/// A value. A clone shares the text, the items and the entries with the original.
///
/// `==` compares what values hold, for tests; the language's own `==` is [`Value::equals`].
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Boolean(bool),
    Number(f64),
    String(Arc<str>),
    Array(Array),
    Object(Arc<Object>),
}

impl Value {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Null => Kind::Null,
            Self::Boolean(_) => Kind::Boolean,
            Self::Number(_) => Kind::Number,
            Self::String(_) => Kind::String,
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
        }
    }

    /// Whether it is neither an array nor an object.
    pub fn is_primitive(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Whether it counts as true where a condition is wanted.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Boolean(value) => *value,
            Self::Number(value) => *value != 0.0 && !value.is_nan(),
            Self::String(text) => !text.is_empty(),
            Self::Array(_) | Self::Object(_) => true,
        }
    }

    /// What an interpolation puts into text.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "".into(),
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            Self::Number(value) => number::write(*value).into(),
            Self::String(text) => Cow::Borrowed(text),
            Self::Array(_) => "Array".into(),
            Self::Object(_) => "Object".into(),
        }
    }

    /// What it is as a number; `NaN` where it is none.
    pub fn to_number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Boolean(value) => f64::from(u8::from(*value)),
            Self::Number(value) => *value,
            Self::String(text) => number::read(text),
            Self::Array(_) | Self::Object(_) => f64::NAN,
        }
    }

    /// The value of a key of an object.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The language's `==`: text without its case, different kinds as numbers, and an array or an
    /// object only as itself.
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(left), Self::Array(right)) => Arc::ptr_eq(&left.items, &right.items),
            (Self::Object(left), Self::Object(right)) => Arc::ptr_eq(left, right),
            (Self::String(left), Self::String(right)) => casing::equal(left, right),
            (Self::Null, Self::Null) => true,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// The order in which `<` and `>` see two values, if there is one.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::String(left), Self::String(right)) => Some(casing::compare(left, right)),
            // Arrays and objects come to NaN here, which has no order.
            (Self::Null, Self::Null) => None,
            _ => self.to_number().partial_cmp(&other.to_number()),
        }
    }

    /// The same in JSON, where `NaN` and the infinities are null.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Boolean(value) => (*value).into(),
            Self::Number(value) => json_number(*value),
            Self::String(text) => (**text).into(),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(object) => {
                object.iter().map(|(key, value)| (key.to_string(), value.to_json())).collect()
            }
        }
    }
}

/// Whole numbers are written without a fraction as long as every one of them can be told apart.
fn json_number(value: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within 53 bits")]
        let whole = value as i64;
        whole.into()
    } else {
        value.into()
    }
}

/// The items of an array. What an object filter (`.*`) yields is marked: an index into it goes to
/// each of its items.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    items: Arc<[Value]>,
    filtered: bool,
}

impl Array {
    pub(super) fn filtered(items: Vec<Value>) -> Self {
        Self { items: items.into(), filtered: true }
    }

    /// Whether an object filter made it.
    pub fn is_filtered(&self) -> bool {
        self.filtered
    }
}

impl Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Boolean => "Boolean",
            Self::Number => "Number",
            Self::String => "String",
            Self::Array => "Array",
            Self::Object => "Object",
        })
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::Array(Array { items: items.into(), filtered: false })
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Boolean(value),
            serde_json::Value::Number(value) => value.as_f64().unwrap_or(f64::NAN).into(),
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(items) => {
                items.into_iter().map(Self::from).collect::<Vec<_>>().into()
            }
            serde_json::Value::Object(entries) => entries.into_iter().collect::<Object>().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        let json = json!({
            "null": null, "yes": true, "whole": 9_007_199_254_740_991_i64, "part": -0.5,
            "text": "ü", "list": [1, [], {}], "Key": {"key-in": "x"},
        });
        let value = Value::from(json.clone());
        assert_eq!(value.to_json(), json);
        assert_eq!(value.get("KEY").and_then(|inner| inner.get("Key-In")), Some(&"x".into()));
        assert_eq!(Value::from(f64::NAN).to_json(), json!(null));
        assert_eq!(Value::from(1e300).to_json(), json!(1e300));
    }

    #[test]
    fn only_itself_equals_an_array_or_an_object() {
        let (one, other) = (Value::from(Vec::new()), Value::from(Vec::new()));
        assert!(one.equals(&one.clone()) && !one.equals(&other));
        let (one, other) = (Value::from(Object::default()), Value::from(Object::default()));
        assert!(one.equals(&one.clone()) && !one.equals(&other));
        assert!(!one.equals(&Value::Null) && !one.equals(&"Object".into()));
    }
}

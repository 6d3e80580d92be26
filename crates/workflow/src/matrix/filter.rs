//! How an item of `include` or `exclude` is held against a combination.

use serde_json::{Map, Value};

use crate::expression::Value as Evaluated;

/// Whether every single value that is named, at whatever depth, equals that of the combination, by
/// the rules of `==` in expressions. What is not named may be anything.
pub(super) fn matches<'a>(
    named: impl Iterator<Item = (&'a String, &'a Value)>,
    combination: &Map<String, Value>,
) -> bool {
    let equals = |(key, wanted): (&String, &Value)| {
        holds(wanted, lookup(combination, key).map(|(_, value)| value))
    };
    named.into_iter().all(equals)
}

/// The entry of a key, whose case does not count.
pub(super) fn lookup<'a>(
    entries: &'a Map<String, Value>,
    key: &str,
) -> Option<(&'a String, &'a Value)> {
    let exact = entries.get_key_value(key);
    exact.or_else(|| entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)))
}

/// Whether every single value of `wanted` equals what is in its place.
pub(super) fn holds(wanted: &Value, there: Option<&Value>) -> bool {
    match wanted {
        Value::Object(entries) => entries.iter().all(|(key, wanted)| {
            let there = there.and_then(Value::as_object);
            let value = there.and_then(|there| lookup(there, key)).map(|(_, value)| value);
            holds(wanted, value)
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .all(|(at, wanted)| holds(wanted, there.and_then(|there| there.as_array()?.get(at)))),
        single => {
            let there = there.cloned().map_or(Evaluated::Null, Evaluated::from);
            Evaluated::from(single.clone()).equals(&there)
        }
    }
}

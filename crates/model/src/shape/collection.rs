//! Shapes that hold shapes: options, lists, ordered mappings, and values with their place.

use std::ops::Deref;

use serde_json::{Value as Json, json};

use super::{Decode, FromText, Schemas, Shape};
use crate::source::{Finding, Span, quoted};
use crate::yaml::{Node, Value};

impl<T: Shape> Shape for Option<T> {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        if node.is_null() { Some(None) } else { T::decode(node, cx).map(Some) }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        T::schema(schemas)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match &node.value {
            Value::Null => Some(Self::new()),
            Value::Sequence(items) => decode_items(items, cx),
            _ => {
                cx.expected("a list", node, Some("begin each item with `- `".to_owned()));
                None
            }
        }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        json!({ "type": "array", "items": T::schema(schemas) })
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

/// Reads every item, so that each wrong one is reported.
fn decode_items<T: Shape>(items: &[Node], cx: &mut Decode) -> Option<Vec<T>> {
    let decoded: Vec<Option<T>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| cx.within(format!("[{index}]"), |cx| T::decode(item, cx)))
        .collect();
    decoded.into_iter().collect()
}

/// A list that may be written without brackets while it has one item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Shape> Shape for OneOrMany<T> {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match &node.value {
            Value::Sequence(items) => decode_items(items, cx).map(Self),
            Value::Null => Some(Self(Vec::new())),
            _ => T::decode(node, cx).map(|only| Self(vec![only])),
        }
    }

    fn schema(schemas: &mut Schemas) -> Json {
        let one = T::schema(schemas);
        json!({ "anyOf": [one, { "type": "array", "items": one }] })
    }

    fn absent() -> Option<Self> {
        Some(Self(Vec::new()))
    }
}

impl<T: Shape> OneOrMany<T> {
    /// The items that can be read, whatever is wrong with the others. Reports nothing.
    pub fn legible(node: &Node) -> Vec<T> {
        let items = match &node.value {
            Value::Sequence(items) => items.as_slice(),
            Value::Null => &[],
            _ => std::slice::from_ref(node),
        };
        items.iter().filter_map(|item| T::decode(item, &mut Decode::default())).collect()
    }
}

impl<T> Deref for OneOrMany<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

/// A value that later findings may point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

impl<T: Shape> Shape for Spanned<T> {
    const KEYED: bool = T::KEYED;

    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        T::decode(node, cx).map(|value| Self { value, span: node.span })
    }

    fn schema(schemas: &mut Schemas) -> Json {
        T::schema(schemas)
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// A mapping whose keys are up to the writer, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<K, V> {
    pub entries: Vec<MapEntry<K, V>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapEntry<K, V> {
    pub key: Spanned<K>,
    pub value: V,
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<K: PartialEq, V> Map<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.iter().find(|entry| entry.key.value == *key).map(|entry| &entry.value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|entry| (&entry.key.value, &entry.value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|entry| &entry.key.value)
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K: FromText, V: Shape> Shape for Map<K, V> {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        let entries = match &node.value {
            Value::Null => &[][..],
            Value::Mapping(mapping) => &mapping.entries,
            _ => {
                cx.expected("a mapping", node, None);
                return None;
            }
        };
        let mut decoded = Vec::with_capacity(entries.len());
        let mut complete = true;
        for entry in entries {
            let key = match K::from_text(&entry.key.text) {
                Ok(key) => Some(key),
                Err(misfit) => {
                    let message =
                        format!("the key {} must be {}", quoted(&entry.key.text), K::WHAT);
                    let finding = Finding::error("wrong-key", message, entry.key.span)
                        .label(format!("not {}", K::WHAT));
                    cx.report(Finding { hint: misfit.hint.or(Some(K::HOW.to_owned())), ..finding });
                    None
                }
            };
            let value = cx.within(entry.key.text.as_str(), |cx| V::decode(&entry.value, cx));
            match (key, value) {
                (Some(key), Some(value)) => {
                    let key = Spanned { value: key, span: entry.key.span };
                    decoded.push(MapEntry { key, value });
                }
                _ => complete = false,
            }
        }
        complete.then_some(Self { entries: decoded })
    }

    fn schema(schemas: &mut Schemas) -> Json {
        let mut schema = json!({ "type": "object" });
        if let Some(pattern) = K::PATTERN {
            schema["propertyNames"] = json!({ "pattern": pattern });
        }
        schema["additionalProperties"] = V::schema(schemas);
        schema
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

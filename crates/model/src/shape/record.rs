//! Mappings with known keys: taking them one by one, short forms, what is missing or unknown.

use serde_json::{Value as Json, json};

use super::{Decode, ObjectSchema, Schemas, Shape, description, listed};
use crate::source::{Finding, Span, quoted};
use crate::yaml::{self, Entry, Key, Mapping, Node, Style, Value};

/// A shape with keys, which another record can take as its own.
pub trait Record: Sized {
    /// The key that a value stands for when it is no mapping.
    const SHORT: Option<&'static str> = None;

    fn take(fields: &mut Fields<'_>, cx: &mut Decode) -> Option<Self>;

    fn describe(object: &mut ObjectSchema, schemas: &mut Schemas);

    /// Reports what its keys say together that cannot be meant. Keys that another record takes
    /// are checked by that one.
    fn check(&self, _place: Span, _cx: &mut Decode) {}

    /// Keys that may stand alone, as the word `canary` for `{canary: {}}`.
    fn words() -> Vec<&'static str> {
        Vec::new()
    }
}

/// Reads a record in its long form or its short one. Nothing at all is a record without keys.
///
/// One with an unknown key is not read: what it lacks may be what was misspelt.
pub fn decode_record<T: Record>(node: &Node, cx: &mut Decode) -> Option<T> {
    let long = match &node.value {
        Value::Mapping(_) => None,
        Value::Null => Some(Node::new(Value::Mapping(Mapping::default()), node.span, Style::Block)),
        _ => Some(lengthened::<T>(node, cx)?),
    };
    let node = long.as_ref().unwrap_or(node);
    let mut fields = Fields::new(node);
    let record = T::take(&mut fields, cx);
    let all_known = fields.finish(cx);
    let record = record.filter(|_| all_known)?;
    record.check(node.span, cx);
    Some(record)
}

fn lengthened<T: Record>(node: &Node, cx: &mut Decode) -> Option<Node> {
    let words = T::words();
    let word = node.text().and_then(|text| words.iter().find(|word| **word == text));
    let entry = match (word, T::SHORT) {
        (Some(word), _) => entry(word, Node::new(Value::Null, node.span, Style::Plain)),
        (None, Some(key)) => entry(key, node.clone()),
        (None, None) if words.is_empty() || node.text().is_none() => {
            cx.expected("a mapping", node, None);
            return None;
        }
        (None, None) => {
            cx.unknown_word(node, &words);
            return None;
        }
    };
    Some(Node::new(Value::Mapping(Mapping { entries: vec![entry] }), node.span, Style::Flow))
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: Key { text: key.to_owned(), span: value.span }, value }
}

/// What a shape is when nothing at all is given, if it can be.
pub fn from_nothing<T: Shape>() -> Option<T> {
    let nothing = Node::new(Value::Null, Span::default(), Style::Plain);
    T::decode(&nothing, &mut Decode::default())
}

/// The schema of a record in all its forms.
pub fn record_schema<T: Record>(doc: &[&str], schemas: &mut Schemas) -> Json {
    let mut object = ObjectSchema::default();
    T::describe(&mut object, schemas);
    let short = T::SHORT.and_then(|key| object.property(key));
    let optional = object.is_optional();
    let mut forms = Vec::new();
    if let Some(short) = short {
        forms.push(short);
    }
    let words = T::words();
    if !words.is_empty() {
        forms.push(json!({ "enum": words }));
    }
    let object = object.into_json(optional);
    let mut schema = if forms.is_empty() {
        object
    } else {
        forms.push(object);
        json!({ "anyOf": forms })
    };
    schema["description"] = description(doc).into();
    schema
}

/// The keys of a mapping on their way into a record.
#[derive(Debug)]
pub struct Fields<'a> {
    span: Span,
    entries: &'a [Entry],
    taken: Vec<bool>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    fn new(node: &'a Node) -> Self {
        let entries = node.as_mapping().map_or(&[][..], |mapping| &mapping.entries);
        Self { span: node.span, entries, taken: vec![false; entries.len()], known: Vec::new() }
    }

    /// Takes one key. A default that is a mapping also fills in for keys missing within.
    pub fn field<T: Shape>(
        &mut self,
        key: &'static str,
        default: Option<&str>,
        cx: &mut Decode,
    ) -> Option<T> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let index = self.entries.iter().position(|entry| entry.key.text == key);
        if let Some(index) = index {
            self.taken[index] = true;
        }
        match (index.map(|index| &self.entries[index].value), default) {
            (Some(value), Some(default)) if T::KEYED && !value.is_null() => {
                let filled = overlay(value, &default_node(default));
                cx.within(key, |cx| T::decode(&filled, cx))
            }
            (Some(value), default) if default.is_none() || !value.is_null() => {
                cx.within(key, |cx| T::decode(value, cx))
            }
            (_, Some(default)) => cx.within(key, |cx| T::decode(&default_node(default), cx)),
            (_, None) => T::absent().or_else(|| {
                let message = format!("{} lacks the key `{key}`", cx.here());
                cx.report(
                    Finding::error("missing-key", message, self.span)
                        .label(format!("`{key}` is missing here")),
                );
                None
            }),
        }
    }

    /// Reports the keys that nobody took; whether there were none.
    fn finish(self, cx: &mut Decode) -> bool {
        for (entry, taken) in self.entries.iter().zip(&self.taken) {
            if !taken {
                cx.unknown_key(&entry.key.text, entry.key.span, &self.known);
            }
        }
        self.taken.iter().all(|taken| *taken)
    }
}

/// Which one of several keys is there; both none and more than one are reported.
pub fn choose(
    fields: &mut Fields<'_>,
    keys: &[&'static str],
    cx: &mut Decode,
) -> Option<&'static str> {
    fields.known.extend(keys);
    let present: Vec<(usize, &Entry, &'static str)> = fields
        .entries
        .iter()
        .enumerate()
        .filter_map(|(index, entry)| {
            let key = keys.iter().find(|key| **key == entry.key.text)?;
            Some((index, entry, *key))
        })
        .collect();
    match present.as_slice() {
        [(.., key)] => Some(key),
        [] => {
            // A misspelt key is reported as unknown, and that is enough.
            let misspelt = fields.entries.iter().any(|entry| {
                crate::source::nearest(&entry.key.text, keys.iter().copied()).is_some()
            });
            if !misspelt {
                let message = format!("{} needs one of {}", cx.here(), listed(keys, "or"));
                cx.report(
                    Finding::error("missing-key", message, fields.span)
                        .label("none of them is here"),
                );
            }
            None
        }
        [(_, first, _), others @ ..] => {
            for (index, ..) in &present {
                fields.taken[*index] = true;
            }
            for (_, other, _) in others {
                let message = format!("{} can have only one of {}", cx.here(), listed(keys, "and"));
                cx.report(
                    Finding::error("conflicting-keys", message, other.key.span)
                        .label(format!("{} is one too many", quoted(&other.key.text)))
                        .also(
                            first.key.span,
                            format!("{} is already chosen here", quoted(&first.key.text)),
                        ),
                );
            }
            None
        }
    }
}

/// A mapping whose missing keys come from another; any other value as it is.
fn overlay(own: &Node, base: &Node) -> Node {
    let (Some(mine), Some(theirs)) = (own.as_mapping(), base.as_mapping()) else {
        return own.clone();
    };
    let mut entries = mine.entries.clone();
    entries
        .extend(theirs.entries.iter().filter(|entry| mine.get(&entry.key.text).is_none()).cloned());
    Node::new(Value::Mapping(Mapping { entries }), own.span, own.style)
}

/// Defaults are written in the source as in a file, and read by the same reader.
pub(super) fn default_node(text: &str) -> Node {
    let mut node = yaml::read("", text.as_bytes(), &yaml::Options::default())
        .root
        .expect("a default in a shape! is a YAML value");
    unplace(&mut node);
    node
}

/// Takes a node and all in it from its place, which is in no file.
fn unplace(node: &mut Node) {
    node.span = Span::default();
    match &mut node.value {
        Value::Sequence(items) => items.iter_mut().for_each(unplace),
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                entry.key.span = Span::default();
                unplace(&mut entry.value);
            }
        }
        _ => {}
    }
}

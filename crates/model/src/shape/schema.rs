//! JSON Schema, draft 2020-12, for editors and for people who write files by program.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::record::default_node;
use super::{Decode, Shape};
use crate::yaml::{Node, Value};

/// The definitions that named shapes share.
#[derive(Debug, Default)]
pub struct Schemas {
    definitions: JsonMap<String, Json>,
}

impl Schemas {
    /// The complete schema of one shape.
    pub fn document<T: Shape>(title: &str) -> Json {
        let mut schemas = Self::default();
        let root = T::schema(&mut schemas);
        let mut document = JsonMap::new();
        document
            .insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        document.insert("title".to_owned(), json!(title));
        if let Json::Object(root) = root {
            document.extend(root);
        }
        document.insert("$defs".to_owned(), Json::Object(schemas.definitions));
        Json::Object(document)
    }

    /// A reference to a definition, which is made when it is first asked for.
    pub fn named(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), Json::Null);
            let mut definition = json!({ "title": name });
            if let (Json::Object(definition), Json::Object(made)) = (&mut definition, make(self)) {
                definition.extend(made);
            }
            self.definitions.insert(name.to_owned(), definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

/// The schema of a mapping with known keys, in the making.
#[derive(Debug, Default)]
pub struct ObjectSchema {
    properties: JsonMap<String, Json>,
    required: Vec<&'static str>,
    /// Groups of keys of which exactly one group must be there.
    alternatives: Vec<Vec<&'static str>>,
}

impl ObjectSchema {
    pub fn field<T: Shape>(
        &mut self,
        key: &'static str,
        doc: &[&str],
        default: Option<&str>,
        schemas: &mut Schemas,
    ) {
        let mut schema = T::schema(schemas);
        schema["description"] = description(doc).into();
        if let Some(default) = default {
            let node = default_node(default);
            let reads = T::decode(&node, &mut Decode::default()).is_some();
            assert!(reads, "the default of `{key}` is not what its type reads: {default}");
            schema["default"] = to_json(&node);
        } else if T::absent().is_none() {
            self.required.push(key);
        }
        self.properties.insert(key.to_owned(), schema);
    }

    /// A key of which exactly one must be there.
    pub fn alternative<T: Shape>(
        &mut self,
        key: &'static str,
        doc: &[&str],
        schemas: &mut Schemas,
    ) {
        let mut schema = T::schema(schemas);
        schema["description"] = description(doc).into();
        self.alternatives.push(vec![key]);
        self.properties.insert(key.to_owned(), schema);
    }

    /// Replaces what is required by a choice between groups of keys.
    pub fn require_one_of(&mut self, groups: Vec<Vec<&'static str>>) {
        self.required.clear();
        self.alternatives = groups;
    }

    pub(super) fn property(&self, key: &str) -> Option<Json> {
        let mut schema = self.properties.get(key)?.clone();
        if let Json::Object(schema) = &mut schema {
            schema.remove("default");
        }
        Some(schema)
    }

    /// Whether a mapping without keys fits.
    pub(super) fn is_optional(&self) -> bool {
        self.required.is_empty() && self.alternatives.is_empty()
    }

    pub fn into_json(self, or_nothing: bool) -> Json {
        let mut schema = JsonMap::new();
        let kind = if or_nothing { json!(["object", "null"]) } else { json!("object") };
        schema.insert("type".to_owned(), kind);
        schema.insert("properties".to_owned(), Json::Object(self.properties));
        if !self.required.is_empty() {
            schema.insert("required".to_owned(), json!(self.required));
        }
        if !self.alternatives.is_empty() {
            let one: Vec<Json> =
                self.alternatives.iter().map(|keys| json!({ "required": keys })).collect();
            schema.insert("oneOf".to_owned(), json!(one));
        }
        schema.insert("additionalProperties".to_owned(), json!(false));
        Json::Object(schema)
    }
}

/// The schema of a closed word list, each word with its meaning.
pub fn word_list(doc: &[&str], words: &[(&str, &[&str])]) -> Json {
    let options: Vec<Json> = words
        .iter()
        .map(|(word, doc)| json!({ "const": word, "description": description(doc) }))
        .collect();
    json!({ "description": description(doc), "oneOf": options })
}

/// Doc comments as running text: lines joined, paragraphs kept.
pub fn description(doc: &[&str]) -> String {
    let mut text = String::new();
    for line in doc.iter().map(|line| line.trim()) {
        if line.is_empty() {
            text.push_str("\n\n");
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push(' ');
        }
        text.push_str(line);
    }
    text
}

/// The key of a Rust field: raw identifiers lose their prefix.
pub fn key_name(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::String(text) => json!(text),
        Value::Sequence(items) => items.iter().map(to_json).collect(),
        Value::Mapping(mapping) => mapping
            .entries
            .iter()
            .map(|entry| (entry.key.text.clone(), to_json(&entry.value)))
            .collect(),
    }
}

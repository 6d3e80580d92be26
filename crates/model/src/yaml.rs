//! A YAML 1.2 reader that remembers where everything stands.
//!
//! It is general: `highroad.yaml` and workflow files are read by it. Values follow the core
//! schema, so `on`, `yes` and `no` are texts. Whatever the bytes are, reading ends in a document
//! or in findings, within the [`Limits`].

mod build;
mod forgive;
mod record;
mod scalar;
mod syntax;
mod text;

use crate::source::{Finding, Source, Span, quoted};
use record::Refusal;

/// Reads one document.
pub fn read(name: &str, bytes: &[u8], options: &Options) -> Document {
    let source = match text::decode(name, bytes, &options.limits) {
        Ok(source) => source,
        Err((source, finding)) => return Document { source, root: None, findings: vec![*finding] },
    };
    let mut findings = Vec::new();
    let root = match root(source.text(), options, &mut findings) {
        Ok(root) => Some(root),
        Err(finding) => {
            findings.push(*finding);
            None
        }
    };
    Document { source, root, findings }
}

fn root(text: &str, options: &Options, findings: &mut Vec<Finding>) -> Result<Node, Box<Finding>> {
    let error = match record::record(text, &options.limits) {
        Ok(steps) => return build::build(&steps, options, findings),
        Err(Refusal::Told(finding)) => return Err(finding),
        Err(Refusal::Syntax(error)) => error,
    };
    if options.forgiving
        && let Some(mended) = forgive::mended(text, &error, &options.limits)
    {
        let mut steps = match record::record(mended.text(), &options.limits) {
            Ok(steps) => steps,
            Err(Refusal::Told(finding)) => return Err(Box::new(mended.placed(*finding))),
            Err(Refusal::Syntax(error)) => {
                return Err(syntax::finding(text, &error, &options.limits));
            }
        };
        mended.place(&mut steps);
        return build::build(&steps, options, findings);
    }
    Err(syntax::finding(text, &error, &options.limits))
}

/// What reading came to. There is a root unless a finding says why not.
#[derive(Debug, Clone)]
pub struct Document {
    pub source: Source,
    pub root: Option<Node>,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    pub limits: Limits,
    /// Whether `<<` merges mappings, as YAML 1.1 had it and Compose files still do. GitHub
    /// workflows and `highroad.yaml` do not know it.
    pub merge_keys: bool,
    /// Whether a key that comes again is kept, for whoever tells it in words of their own.
    pub repeated_keys: bool,
    /// Whether what GitHub's parser lets pass is read as it reads it, though it is no YAML: a
    /// comment right behind a bracket, and lines of a quoted text that are not indented.
    pub forgiving: bool,
}

/// How much a file may ask of its reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The size of the file.
    pub bytes: usize,
    /// Collections within collections.
    pub depth: usize,
    /// Values once every alias is expanded.
    pub nodes: usize,
    /// Bytes of text once every alias is expanded.
    pub text: usize,
    /// Anchors; none at all if it is 0.
    pub anchors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 64, nodes: 100_000, text: 4 << 20, anchors: 10_000 }
    }
}

/// A value and where it is written. What an alias stands for has the place of its definition,
/// but for its outermost node, which has the place of the alias.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub value: Value,
    pub span: Span,
    pub style: Style,
    /// How a scalar that is no string is written.
    raw: Box<str>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(String),
    Sequence(Vec<Node>),
    Mapping(Mapping),
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// A collection in brackets.
    Flow,
    /// A collection by indentation.
    Block,
}

/// Entries in the order of the file; keys are unique unless repeated ones were asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: Key,
    pub value: Node,
}

/// A key by its text: `8080:` and `"8080":` are the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    pub span: Span,
}

impl Mapping {
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.text == key)
    }
}

impl Node {
    pub fn new(value: Value, span: Span, style: Style) -> Self {
        Self { value, span, style, raw: Box::default() }
    }

    /// The text of a scalar as it is written, without quotes: `1.10` keeps its zero.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => Some(&self.raw),
            Value::Sequence(_) | Value::Mapping(_) => None,
        }
    }

    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// What a message calls it: "the text `x`", "a list".
    pub fn described(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Int(_) | Value::Float(_) => format!("the number {}", quoted(&self.raw)),
            Value::String(text) if text.is_empty() => "an empty text".to_owned(),
            Value::String(text) => format!("the text {}", quoted(text)),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// How many values there are, this one and everything in it.
    pub fn count(&self) -> usize {
        1 + match &self.value {
            Value::Sequence(items) => items.iter().map(Self::count).sum(),
            Value::Mapping(mapping) => {
                mapping.entries.iter().map(|entry| entry.value.count()).sum()
            }
            _ => 0,
        }
    }
}

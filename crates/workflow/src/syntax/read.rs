//! The first step: values are held against the rules of their places.
//!
//! Nothing that is wrong ends the reading, but for the limits.

mod rule;
mod scalar;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::source::{Severity, Source, Span};
use model::yaml;

use super::grammar::{self, Key, Mapping, Rule};
use super::limits::Limits;
use super::node::{Entry, Node, Text, Value};
use super::problem::{ProblemKind, Stage};
use super::problems::Problems;
use crate::expression::Names;
use rule::{expected, known};
use scalar::Content;

/// What GitHub reckons for a value, and for a text besides.
const VALUE_BYTES: usize = 24;
pub(super) const TEXT_BYTES: usize = 26;

/// A limit is reached, which has been told.
#[derive(Debug)]
pub(super) struct Stop;

/// Reads a whole file. `bytes` is what GitHub reckons so far for all files, and comes back with this
/// one.
pub(super) fn read(
    root: &yaml::Node,
    source: &Source,
    limits: &Limits,
    bytes: &mut usize,
    problems: &mut Problems,
) -> Option<Node> {
    let mut reader =
        Reader { source, limits, bytes, problems, depth: 0, path: Vec::new(), key: None };
    reader.value(root, &grammar::WORKFLOW, &grammar::NONE).ok()
}

struct Reader<'a> {
    source: &'a Source,
    limits: &'a Limits,
    bytes: &'a mut usize,
    problems: &'a mut Problems,
    depth: usize,
    path: Vec<Part<'a>>,
    /// The key whose value is read.
    key: Option<Span>,
}

#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Key(&'a str),
    Item(usize),
}

impl<'a> Reader<'a> {
    fn value(
        &mut self,
        node: &'a yaml::Node,
        rule: &'static Rule,
        above: &'static Names<'static>,
    ) -> Result<Node, Stop> {
        let names = rule.names.unwrap_or(above);
        let value = match &node.value {
            yaml::Value::Sequence(items) => self.list(items, node.span, rule, names)?,
            yaml::Value::Mapping(mapping) => {
                self.mapping(&mapping.entries, node.span, rule, names)?
            }
            _ => self.scalar(node, rule, names)?,
        };
        Ok(Node { span: node.span, value })
    }

    fn list(
        &mut self,
        items: &'a [yaml::Node],
        span: Span,
        rule: &'static Rule,
        names: &'static Names<'static>,
    ) -> Result<Value, Stop> {
        self.deeper(span)?;
        self.count(VALUE_BYTES, span)?;
        let mut read = Vec::with_capacity(items.len());
        if let Some(item_rule) = rule.list {
            for (index, item) in items.iter().enumerate() {
                self.path.push(Part::Item(index));
                read.push(self.value(item, item_rule, names)?);
                self.path.pop();
            }
        } else {
            self.tell(span, ProblemKind::UnexpectedList { expected: expected(rule) });
            items.iter().try_for_each(|item| self.skip(item))?;
        }
        self.depth -= 1;
        Ok(Value::List(read))
    }

    fn mapping(
        &mut self,
        entries: &'a [yaml::Entry],
        span: Span,
        rule: &'static Rule,
        names: &'static Names<'static>,
    ) -> Result<Value, Stop> {
        self.deeper(span)?;
        self.count(VALUE_BYTES, span)?;
        let owner = self.key;
        let mut read = Vec::with_capacity(entries.len());
        if rule.mappings().is_empty() {
            self.tell(span, ProblemKind::UnexpectedMapping { expected: expected(rule) });
            entries.iter().try_for_each(|entry| self.skip(&entry.value))?;
        } else {
            let mut candidates: Vec<&'static Mapping> = rule.mappings().to_vec();
            let mut seen = BTreeMap::new();
            let mut computed = false;
            for entry in entries {
                self.path.push(Part::Key(&entry.key.text));
                self.key = Some(entry.key.span);
                computed |= self.entry(entry, &mut candidates, &mut seen, names, &mut read)?;
                self.path.pop();
            }
            self.key = owner;
            self.complete(span, owner, &candidates, &seen, computed);
        }
        self.depth -= 1;
        Ok(Value::Mapping(read))
    }

    /// Reads one entry; whether its key is computed.
    fn entry(
        &mut self,
        entry: &'a yaml::Entry,
        candidates: &mut Vec<&'static Mapping>,
        seen: &mut BTreeMap<String, Span>,
        names: &'static Names<'static>,
        read: &mut Vec<Entry>,
    ) -> Result<bool, Stop> {
        let span = entry.key.span;
        let others = candidates[0].others;
        let key = match self.content(&entry.key.text, span, names) {
            Content::Literal(text) => text,
            Content::Computed(key) | Content::Insert(key) if !names.contexts.is_empty() => {
                self.count_text(&key)?;
                let all_alike = candidates.len() == 1 && candidates[0].keys.is_empty();
                let rule = others.filter(|_| all_alike).unwrap_or(&grammar::ANY);
                let value = self.value(&entry.value, rule, names)?;
                read.push(Entry { key, value });
                return Ok(true);
            }
            Content::Computed(_) | Content::Insert(_) => {
                self.tell(span, ProblemKind::ExpressionNotAllowed);
                self.skip(&entry.value)?;
                return Ok(true);
            }
        };
        let name = key.literal().unwrap_or_default();
        let folded = name.to_uppercase();
        if let Some(first) = seen.get(&folded) {
            let kind = ProblemKind::RepeatedKey { key: name.to_owned(), first: *first };
            self.tell(span, kind);
            self.skip(&entry.value)?;
            return Ok(false);
        }
        seen.insert(folded, span);
        let rule = match (known(candidates, name), others) {
            (Some(rule), _) => rule,
            (None, Some(value_rule)) => {
                self.key(name, span);
                value_rule
            }
            (None, None) => {
                self.unknown_key(name, span, candidates);
                self.skip(&entry.value)?;
                return Ok(false);
            }
        };
        self.count_text(&key)?;
        let value = self.value(&entry.value, rule, names)?;
        read.push(Entry { key, value });
        Ok(false)
    }

    /// A key that people choose.
    fn key(&mut self, name: &str, span: Span) {
        // A plain `null` is nothing as a key too.
        let nothing = is_null(name) && self.source.slice(span) == name;
        if name.is_empty() || nothing {
            let kind = ProblemKind::UnexpectedValue {
                found: if nothing { String::new() } else { name.to_owned() },
                shown: if nothing { "nothing".to_owned() } else { shown_text(name) },
                expected: expected(&grammar::WORD),
                words: &[],
            };
            self.tell(span, kind);
        }
    }

    fn unknown_key(&mut self, name: &str, span: Span, candidates: &[&'static Mapping]) {
        let nothing = is_null(name) && self.source.slice(span) == name;
        let mut known: Vec<&'static str> = Vec::new();
        for key in candidates.iter().flat_map(|mapping| mapping.keys) {
            if !known.contains(&key.name) {
                known.push(key.name);
            }
        }
        let kind = ProblemKind::UnknownKey {
            key: if nothing { String::new() } else { name.to_owned() },
            of: candidates[0].what,
            known,
        };
        // The path leads to what holds the key.
        let last = self.path.pop();
        if candidates[0].lenient {
            self.warn(span, kind);
        } else {
            self.tell(span, kind);
        }
        self.path.extend(last);
    }

    /// What is still missing once every entry is read.
    fn complete(
        &mut self,
        span: Span,
        owner: Option<Span>,
        candidates: &[&'static Mapping],
        seen: &BTreeMap<String, Span>,
        computed: bool,
    ) {
        if let [only] = candidates {
            for key in only.keys.iter().filter(|key| key.required && !computed) {
                if !seen.contains_key(&key.name.to_uppercase()) {
                    let kind = ProblemKind::MissingKey { key: key.name, of: only.what, owner };
                    self.tell(span, kind);
                }
            }
            return;
        }
        let all = || candidates.iter().flat_map(|mapping| mapping.keys);
        let alone = |key: &&Key| all().filter(|other| other.name == key.name).count() == 1;
        let keys = all().filter(alone).map(|key| key.name).collect();
        let required = all().filter(|key| key.required).map(|key| key.name).collect();
        self.tell(span, ProblemKind::Ambiguous { keys, required });
    }

    /// What nobody asks for still counts for the limits.
    fn skip(&mut self, node: &'a yaml::Node) -> Result<(), Stop> {
        match &node.value {
            yaml::Value::Sequence(items) => {
                self.deeper(node.span)?;
                items.iter().try_for_each(|item| self.skip(item))?;
                self.depth -= 1;
            }
            yaml::Value::Mapping(mapping) => {
                self.deeper(node.span)?;
                mapping.entries.iter().try_for_each(|entry| self.skip(&entry.value))?;
                self.depth -= 1;
            }
            _ => {}
        }
        Ok(())
    }

    fn deeper(&mut self, span: Span) -> Result<(), Stop> {
        if self.depth >= self.limits.depth {
            self.tell(span, ProblemKind::TooDeep { limit: self.limits.depth });
            return Err(Stop);
        }
        self.depth += 1;
        Ok(())
    }

    fn count_text(&mut self, text: &Text) -> Result<(), Stop> {
        let units = match text.template() {
            Some(template) => utf16_length(&template.as_format()),
            None if text.is_insert() => return self.count(VALUE_BYTES, text.span()),
            None => utf16_length(text.literal().unwrap_or_default()),
        };
        self.count(VALUE_BYTES + TEXT_BYTES + 2 * units, text.span())
    }

    fn count(&mut self, bytes: usize, span: Span) -> Result<(), Stop> {
        *self.bytes += bytes;
        if *self.bytes > self.limits.result {
            self.tell(span, ProblemKind::TooLarge { limit: self.limits.result });
            return Err(Stop);
        }
        Ok(())
    }

    fn tell(&mut self, span: Span, kind: ProblemKind) {
        let path = self.shown_path();
        self.problems.add(Severity::Error, Stage::Shape, span, path, kind);
    }

    fn warn(&mut self, span: Span, kind: ProblemKind) {
        let path = self.shown_path();
        self.problems.add(Severity::Warning, Stage::Shape, span, path, kind);
    }

    fn shown_path(&self) -> String {
        let mut shown = String::new();
        for part in &self.path {
            match part {
                Part::Item(index) => {
                    let _ = write!(shown, "[{index}]");
                }
                Part::Key(key) => {
                    if !shown.is_empty() {
                        shown.push('.');
                    }
                    shown.extend(key.chars().take(LONGEST_PART));
                }
            }
        }
        shown
    }
}

/// More of a key is not shown in a path.
const LONGEST_PART: usize = 64;

fn shown_text(text: &str) -> String {
    if text.is_empty() { "an empty text".to_owned() } else { model::source::quoted(text) }
}

fn is_null(word: &str) -> bool {
    matches!(word, "null" | "Null" | "NULL" | "~")
}

pub(super) fn utf16_length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

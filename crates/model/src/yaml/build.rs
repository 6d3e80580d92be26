//! The second pass: from steps to nodes, expanding aliases within the limits.
//!
//! Nothing here recurses, so no file can exhaust the stack.

use std::collections::BTreeMap;

use super::record::{CoreTag, Kind, Step, too_deep, too_many_nodes};
use super::{Entry, Key, Limits, Mapping, Node, Options, Style, Value, scalar};
use crate::source::{Finding, Span, quoted};

/// Findings that leave a usable document go to `findings`, others end the reading.
pub(super) fn build(
    steps: &[Step],
    options: &Options,
    findings: &mut Vec<Finding>,
) -> Result<Node, Box<Finding>> {
    let mut builder =
        Builder { options, findings, open: Vec::new(), root: None, nodes: 0, text: 0 };
    let mut ranges = vec![(0, steps.len())];
    // An alias shows as the place of what it stands for.
    let mut shown_at: Option<Span> = None;
    while let Some((next, end)) = ranges.last_mut() {
        if next == end {
            ranges.pop();
            continue;
        }
        let step = &steps[*next];
        *next += 1;
        match step {
            Step::Alias { first, end, span } => {
                ranges.push((*first, *end));
                shown_at.get_or_insert(*span);
            }
            Step::Scalar { text, style, tag, span } => {
                let span = shown_at.take().unwrap_or(*span);
                builder.count(text.len(), span)?;
                let node = scalar_node(text, *style, *tag, span)?;
                builder.place(node);
            }
            Step::Open { kind, style, span } => {
                let alias = shown_at.take();
                builder.count(0, alias.unwrap_or(*span))?;
                builder.open(*kind, *style, *span, alias)?;
            }
            Step::Close { span } => builder.close(*span),
        }
    }
    builder
        .root
        .ok_or_else(|| Box::new(Finding::error("empty-file", "the file is empty", Span::default())))
}

struct Builder<'a> {
    options: &'a Options,
    findings: &'a mut Vec<Finding>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    text: usize,
}

/// A collection that is being filled.
struct Open {
    style: Style,
    span: Span,
    alias: Option<Span>,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, merged: Vec<Node>, key: Option<HeldKey> },
}

/// A key whose value is still to come.
enum HeldKey {
    Text(Key),
    Merge,
    /// It was not a key; its value is dropped.
    Refused,
}

impl Builder<'_> {
    fn count(&mut self, text: usize, span: Span) -> Result<(), Box<Finding>> {
        let limits: &Limits = &self.options.limits;
        self.nodes += 1;
        self.text += text;
        if self.nodes > limits.nodes {
            return Err(Box::new(too_many_nodes(limits, span)));
        }
        if self.text > limits.text {
            let message = format!(
                "the file holds more than {} bytes of text once its aliases are expanded",
                limits.text
            );
            return Err(Box::new(
                Finding::error("too-much-text", message, span).label("the limit is reached here"),
            ));
        }
        Ok(())
    }

    fn open(
        &mut self,
        kind: Kind,
        style: Style,
        span: Span,
        alias: Option<Span>,
    ) -> Result<(), Box<Finding>> {
        if self.open.len() >= self.options.limits.depth {
            return Err(Box::new(too_deep(&self.options.limits, alias.unwrap_or(span))));
        }
        let content = match kind {
            Kind::Sequence => Content::Sequence(Vec::new()),
            Kind::Mapping => {
                Content::Mapping { entries: Vec::new(), merged: Vec::new(), key: None }
            }
        };
        self.open.push(Open { style, span, alias, content });
        Ok(())
    }

    fn close(&mut self, close: Span) {
        let Some(Open { style, span, alias, content }) = self.open.pop() else { return };
        let (value, last) = match content {
            Content::Sequence(items) => {
                let last = items.last().map(|item| item.span.end);
                (Value::Sequence(items), last)
            }
            Content::Mapping { entries, merged, .. } => {
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key.span.end));
                (Value::Mapping(self.mapping(entries, merged)), last)
            }
        };
        // A block collection ends with its last value, not with the next token.
        let end = if style == Style::Flow { close.end } else { last.unwrap_or(span.end) };
        let span = alias.unwrap_or(Span::new(span.start, end.max(span.start)));
        self.place(Node::new(value, span, style));
    }

    fn place(&mut self, mut node: Node) {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut parent.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping { entries, merged, key } => match key.take() {
                None => *key = Some(held_key(&node, self.options, self.findings)),
                Some(HeldKey::Text(key)) => {
                    // A value that is not there has no place of its own.
                    if node.span.is_empty() && node.is_null() {
                        node.span = key.span;
                    }
                    entries.push(Entry { key, value: node });
                }
                Some(HeldKey::Merge) => merged.push(node),
                Some(HeldKey::Refused) => {}
            },
        }
    }

    fn mapping(&mut self, entries: Vec<Entry>, merged: Vec<Node>) -> Mapping {
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            if self.options.repeated_keys {
                kept.push(entry);
            } else if let Some(first) = seen.get(&entry.key.text) {
                self.findings.push(duplicate(&entry.key, *first));
            } else {
                seen.insert(entry.key.text.clone(), entry.key.span);
                kept.push(entry);
            }
        }
        for entry in merged.into_iter().flat_map(|node| self.merged_entries(node)) {
            if !seen.contains_key(&entry.key.text) {
                seen.insert(entry.key.text.clone(), entry.key.span);
                kept.push(entry);
            }
        }
        Mapping { entries: kept }
    }

    fn merged_entries(&mut self, node: Node) -> Vec<Entry> {
        let span = node.span;
        let sources = match node.value {
            Value::Sequence(items) => items,
            value => vec![Node { value, ..node }],
        };
        let mut entries = Vec::new();
        for source in sources {
            if let Value::Mapping(mapping) = source.value {
                entries.extend(mapping.entries);
            } else {
                let message = "`<<` merges a mapping or a list of mappings";
                self.findings
                    .push(Finding::error("merge-key", message, span).label("this is neither"));
            }
        }
        entries
    }
}

fn held_key(node: &Node, options: &Options, findings: &mut Vec<Finding>) -> HeldKey {
    let text = match node.text() {
        Some("<<") if node.style == Style::Plain && options.merge_keys => return HeldKey::Merge,
        Some("<<") if node.style == Style::Plain => {
            findings.push(
                Finding::error("merge-key", "merge keys are not supported", node.span)
                    .label("`<<` is not part of YAML 1.2")
                    .hint("write the keys out, or give the whole value an alias: `key: *name`"),
            );
            return HeldKey::Refused;
        }
        Some(text) => text,
        None => {
            findings.push(
                Finding::error("complex-key", "a key must be a text", node.span)
                    .label(format!("this key is {}", node.described()))
                    .hint("a value that begins with `{` or `[` needs quotes"),
            );
            return HeldKey::Refused;
        }
    };
    if text.is_empty() && node.is_null() {
        findings.push(
            Finding::error("empty-key", "a key is missing", node.span)
                .label("nothing before this `:`"),
        );
        return HeldKey::Refused;
    }
    HeldKey::Text(Key { text: text.to_owned(), span: node.span })
}

fn duplicate(key: &Key, first: Span) -> Finding {
    Finding::error(
        "duplicate-key",
        format!("the key {} is defined twice", quoted(&key.text)),
        key.span,
    )
    .label("defined again here")
    .also(first, "first defined here")
    .hint("remove one of the two")
}

fn scalar_node(
    text: &str,
    style: Style,
    tag: Option<CoreTag>,
    span: Span,
) -> Result<Node, Box<Finding>> {
    let value = match tag {
        None if style == Style::Plain => scalar::resolve(text),
        None | Some(CoreTag::Text) => Value::String(text.to_owned()),
        Some(tag) => tagged(text, tag).ok_or_else(|| Box::new(unfit(text, span)))?,
    };
    let raw = if matches!(value, Value::String(_)) { Box::default() } else { text.into() };
    Ok(Node { value, span, style, raw })
}

fn tagged(text: &str, tag: CoreTag) -> Option<Value> {
    match (tag, scalar::resolve(text)) {
        (CoreTag::Null, value @ Value::Null)
        | (CoreTag::Bool, value @ Value::Bool(_))
        | (CoreTag::Int, value @ Value::Int(_))
        | (CoreTag::Float, value @ Value::Float(_)) => Some(value),
        (CoreTag::Float, Value::Int(_)) => text.parse().ok().map(Value::Float),
        _ => None,
    }
}

fn unfit(text: &str, span: Span) -> Finding {
    let message = format!("{} is not what its tag says", quoted(text));
    Finding::error("unfit-tag", message, span).label("does not fit its tag").hint("remove the tag")
}

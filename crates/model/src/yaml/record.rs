//! The first pass: from text to a flat list of steps, aliases still unexpanded.
//!
//! An alias is kept as the range of steps that it stands for. So expanding costs only what it
//! makes, and no anchor is ever copied just in case.

use std::borrow::Cow;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, StructureStyle, Tag};

use super::{Limits, Style, syntax};
use crate::source::{Finding, Span};

#[derive(Debug)]
pub(super) enum Step<'a> {
    Scalar { text: Cow<'a, str>, style: Style, tag: Option<CoreTag>, span: Span },
    Open { kind: Kind, style: Style, span: Span },
    Close { span: Span },
    Alias { first: usize, end: usize, span: Span },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sequence,
    Mapping,
}

/// A tag by which a scalar says its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CoreTag {
    Text,
    Null,
    Bool,
    Int,
    Float,
}

/// Why there are no steps.
#[derive(Debug)]
pub(super) enum Refusal {
    Syntax(ScanError),
    Told(Box<Finding>),
}

impl From<Box<Finding>> for Refusal {
    fn from(finding: Box<Finding>) -> Self {
        Self::Told(finding)
    }
}

pub(super) fn parser<'a>(text: &'a str, limits: &Limits) -> Parser<'a, StrInput<'a>> {
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        flow_nesting_limit: limits.depth,
        block_nesting_limit: limits.depth,
    };
    Parser::new_from_str_with_options(text, options)
}

pub(super) fn record<'a>(text: &'a str, limits: &Limits) -> Result<Vec<Step<'a>>, Refusal> {
    let mut recorder =
        Recorder { source: text, limits, steps: Vec::new(), anchors: Vec::new(), open: Vec::new() };
    let mut document: Option<Span> = None;
    for event in parser(text, limits) {
        let (event, place) = event.map_err(Refusal::Syntax)?;
        let span =
            place.byte_range().map_or(Span::default(), |bytes| Span::new(bytes.start, bytes.end));
        if let Event::DocumentStart(..) = event {
            if let Some(first) = document {
                return Err(Box::new(second_document(first, span)).into());
            }
            document = Some(span);
        }
        let tag = place.tag_span().and_then(|tag| tag.byte_range());
        let tag = tag.map_or(span, |bytes| Span::new(bytes.start, bytes.end));
        recorder.event(event, span, tag)?;
    }
    match recorder.steps.as_slice() {
        [] => Err(empty(text).into()),
        [Step::Scalar { style: Style::Plain, span, .. }] if span.is_empty() => {
            Err(empty(text).into())
        }
        _ => Ok(recorder.steps),
    }
}

fn empty(text: &str) -> Box<Finding> {
    let message =
        if text.trim().is_empty() { "the file is empty" } else { "the file holds no value" };
    Box::new(Finding::error("empty-file", message, Span::default()))
}

fn second_document(first: Span, second: Span) -> Finding {
    Finding::error("several-documents", "the file holds more than one document", second)
        .label("a second document begins here")
        .also(first, "the first begins here")
        .hint("remove the `---`, or move what follows it to a file of its own")
}

struct Recorder<'a, 'l> {
    source: &'a str,
    limits: &'l Limits,
    steps: Vec<Step<'a>>,
    /// For each anchor its number, its first step and, once it is complete, the end of its steps.
    anchors: Vec<(usize, usize, Option<usize>)>,
    /// The collections that are open: the index of their anchor, if they have one.
    open: Vec<Option<usize>>,
}

impl<'a> Recorder<'a, '_> {
    fn event(&mut self, event: Event<'a>, span: Span, tag_span: Span) -> Result<(), Box<Finding>> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = scalar_tag(tag.as_deref(), tag_span)?;
                let style = scalar_style(style);
                let (text, span) = self.tidied(text, style, span);
                self.define(anchor);
                self.steps.push(Step::Scalar { text, style, tag, span });
                self.complete(self.anchor_index(anchor));
            }
            Event::SequenceStart(style, anchor, tag) => {
                collection_tag(tag.as_deref(), "seq", tag_span)?;
                let span = self.begin_at_first_dash(style, span);
                self.open(Kind::Sequence, style, anchor, span)?;
            }
            Event::MappingStart(style, anchor, tag) => {
                collection_tag(tag.as_deref(), "map", tag_span)?;
                self.open(Kind::Mapping, style, anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.steps.push(Step::Close { span });
                let anchor = self.open.pop().flatten();
                self.complete(anchor);
            }
            Event::Anchor(..) if self.anchors.len() > self.limits.anchors => {
                return Err(Box::new(too_many_anchors(self.limits, span)));
            }
            Event::Alias(number) => self.alias(number, span)?,
            Event::UnresolvedAlias(name) => {
                return Err(Box::new(syntax::unknown_alias(&name, span)));
            }
            _ => {}
        }
        if self.steps.len() / 2 > self.limits.nodes {
            return Err(Box::new(too_many_nodes(self.limits, span)));
        }
        Ok(())
    }

    /// A value that is not there has no text, and a text block ends with its last character.
    fn tidied(&self, text: Cow<'a, str>, style: Style, span: Span) -> (Cow<'a, str>, Span) {
        match style {
            Style::Plain if span.is_empty() => (Cow::Borrowed(""), span),
            Style::Literal | Style::Folded => {
                let written = self.source.get(span.start..span.end).unwrap_or_default();
                (text, Span::new(span.start, span.start + written.trim_end().len()))
            }
            _ => (text, span),
        }
    }

    /// A list that is not indented is told to begin with its first item.
    fn begin_at_first_dash(&self, style: StructureStyle, span: Span) -> Span {
        let key = match self.steps.last() {
            Some(Step::Scalar { span, .. }) if style == StructureStyle::Block => *span,
            _ => return span,
        };
        let between = self.source.get(key.end..span.start).unwrap_or_default();
        // Nothing but comments, an anchor and a tag may stand between.
        let mut at = key.end;
        for line in between.split_inclusive('\n') {
            if line.trim_start().starts_with('-') {
                let dash = at + line.len() - line.trim_start().len();
                return Span::new(dash, span.end.max(dash));
            }
            at += line.len();
        }
        span
    }

    fn open(
        &mut self,
        kind: Kind,
        style: StructureStyle,
        anchor: usize,
        span: Span,
    ) -> Result<(), Box<Finding>> {
        if self.open.len() >= self.limits.depth {
            return Err(Box::new(too_deep(self.limits, span)));
        }
        self.define(anchor);
        self.open.push(self.anchor_index(anchor));
        let style = match style {
            StructureStyle::Block => Style::Block,
            StructureStyle::Flow => Style::Flow,
        };
        self.steps.push(Step::Open { kind, style, span });
        Ok(())
    }

    /// Anchors are numbered from 1 in the order of their definition; 0 is none.
    fn define(&mut self, anchor: usize) {
        if anchor != 0 {
            self.anchors.push((anchor, self.steps.len(), None));
        }
    }

    fn anchor_index(&self, anchor: usize) -> Option<usize> {
        self.anchors.binary_search_by_key(&anchor, |(number, ..)| *number).ok()
    }

    fn complete(&mut self, anchor: Option<usize>) {
        let end = self.steps.len();
        if let Some((.., complete)) = anchor.and_then(|index| self.anchors.get_mut(index)) {
            *complete = Some(end);
        }
    }

    fn alias(&mut self, number: usize, span: Span) -> Result<(), Box<Finding>> {
        match self.anchor_index(number).map(|index| self.anchors[index]) {
            Some((_, first, Some(end))) => {
                self.steps.push(Step::Alias { first, end, span });
                Ok(())
            }
            Some((_, first, None)) => Err(Box::new(recursive(span, self.step_span(first)))),
            None => Err(Box::new(syntax::unknown_alias("", span))),
        }
    }

    fn step_span(&self, index: usize) -> Span {
        match self.steps.get(index) {
            Some(Step::Scalar { span, .. } | Step::Open { span, .. }) => *span,
            _ => Span::default(),
        }
    }
}

fn recursive(span: Span, within: Span) -> Finding {
    Finding::error("recursive-alias", "an alias stands within what it stands for", span)
        .label("this alias would hold itself")
        .also(Span::at(within.start), "its anchor names what begins here")
        .hint("write the value out")
}

fn too_many_anchors(limits: &Limits, span: Span) -> Finding {
    let message = match limits.anchors {
        0 => "anchors are not allowed here".to_owned(),
        most => format!("the file defines more than {most} anchors"),
    };
    Finding::error("too-many-anchors", message, span)
        .label("an anchor, because it begins with `&`")
        .hint("put it in quotes if it is meant as text")
}

pub(super) fn too_deep(limits: &Limits, span: Span) -> Finding {
    let message = format!("more than {} lists and mappings within one another", limits.depth);
    Finding::error("too-deep", message, Span::at(span.start)).label("this one is too deep")
}

pub(super) fn too_many_nodes(limits: &Limits, span: Span) -> Finding {
    let message =
        format!("the file holds more than {} values once its aliases are expanded", limits.nodes);
    Finding::error("too-many-values", message, span).label("the limit is reached here")
}

fn scalar_style(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

fn scalar_tag(tag: Option<&Tag>, span: Span) -> Result<Option<CoreTag>, Box<Finding>> {
    let Some(tag) = tag else { return Ok(None) };
    match tag.core_suffix() {
        Some("str") => Ok(Some(CoreTag::Text)),
        Some("null") => Ok(Some(CoreTag::Null)),
        Some("bool") => Ok(Some(CoreTag::Bool)),
        Some("int") => Ok(Some(CoreTag::Int)),
        Some("float") => Ok(Some(CoreTag::Float)),
        // A lone `!` says "take it as it is written".
        None if tag.original() == "!" => Ok(Some(CoreTag::Text)),
        _ => Err(Box::new(unknown_tag(tag, span))),
    }
}

fn collection_tag(tag: Option<&Tag>, core: &str, span: Span) -> Result<(), Box<Finding>> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema_tag(core) && tag.original() != "!" => {
            Err(Box::new(unknown_tag(tag, span)))
        }
        _ => Ok(()),
    }
}

fn unknown_tag(tag: &Tag, span: Span) -> Finding {
    let message = format!("the tag {} has no meaning here", crate::source::quoted(&tag.original()));
    Finding::error("unknown-tag", message, span)
        .label("the tag belongs to this value")
        .hint("remove the tag")
}

//! Values as they stand in a workflow file: literals are coerced to what their place wants, texts
//! with `${{ }}` are parsed, and everything knows where it is written.

use std::sync::Arc;

use model::source::{Source, Span};

use crate::expression::{Expression, Template};

/// Something and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    pub value: T,
    pub span: Span,
}

/// What is written out, or computed by an expression.
#[derive(Debug, Clone)]
pub enum Given<T> {
    Fixed(T),
    Computed(Text),
}

/// A value.
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    /// A text, or an expression in place of any other value.
    Text(Text),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Text,
    pub value: Node,
}

/// A text that may hold `${{ }}`. A clone shares it with the original.
#[derive(Debug, Clone)]
pub struct Text {
    written: Arc<Written>,
}

#[derive(Debug)]
struct Written {
    raw: Box<str>,
    span: Span,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// No expression.
    Plain,
    /// An expression that is a mere text: `${{ 'like this' }}`.
    Quoted(Box<str>),
    Computed(Template),
    /// `${{ insert }}` as a key: the entries of its value belong here.
    Insert,
}

impl<T> Given<T> {
    pub fn fixed(&self) -> Option<&T> {
        match self {
            Self::Fixed(value) => Some(value),
            Self::Computed(_) => None,
        }
    }
}

impl Node {
    pub fn as_mapping(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_text(&self) -> Option<&Text> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a key that is written out.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let entries = self.as_mapping()?;
        entries.iter().find(|entry| entry.key.literal() == Some(key)).map(|entry| &entry.value)
    }

    /// Shows every text in it to a visitor, keys too, in the order of the file.
    pub fn texts<'a>(&'a self, visit: &mut dyn FnMut(&'a Text)) {
        match &self.value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::Text(text) => visit(text),
            Value::List(items) => items.iter().for_each(|item| item.texts(visit)),
            Value::Mapping(entries) => {
                for entry in entries {
                    visit(&entry.key);
                    entry.value.texts(visit);
                }
            }
        }
    }

    /// Whether any part of it is known only when it runs.
    pub fn is_computed(&self) -> bool {
        let mut computed = false;
        self.texts(&mut |text| computed |= text.literal().is_none());
        computed
    }
}

impl Text {
    /// A text without expressions.
    pub(super) fn plain(raw: &str, span: Span) -> Self {
        Self::new(raw, span, Content::Plain)
    }

    pub(super) fn insert(raw: &str, span: Span) -> Self {
        Self::new(raw, span, Content::Insert)
    }

    pub(super) fn with_expressions(template: Template, span: Span) -> Self {
        let raw: Box<str> = template.text().into();
        let content = match template.as_literal().map(Into::into) {
            Some(literal) => Content::Quoted(literal),
            None => Content::Computed(template),
        };
        Self { written: Arc::new(Written { raw, span, content }) }
    }

    fn new(raw: &str, span: Span, content: Content) -> Self {
        Self { written: Arc::new(Written { raw: raw.into(), span, content }) }
    }

    /// As it is written, once YAML is read.
    pub fn raw(&self) -> &str {
        &self.written.raw
    }

    pub fn span(&self) -> Span {
        self.written.span
    }

    /// The text that it always is, if no expression changes it.
    pub fn literal(&self) -> Option<&str> {
        match &self.written.content {
            Content::Plain => Some(&self.written.raw),
            Content::Quoted(text) => Some(text),
            Content::Computed(_) | Content::Insert => None,
        }
    }

    /// What it is computed by, unless it is literal.
    pub fn template(&self) -> Option<&Template> {
        match &self.written.content {
            Content::Computed(template) => Some(template),
            _ => None,
        }
    }

    /// The expressions in it, each with the place in the text where it begins.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expression, usize)> {
        self.template().into_iter().flat_map(Template::expressions)
    }

    /// Whether it is the key `${{ insert }}`, whose value's entries belong in its place.
    pub fn is_insert(&self) -> bool {
        matches!(self.written.content, Content::Insert)
    }

    /// Where a part of the text stands in the file. Quotes, escapes and folded lines lie between
    /// the two, so where the part is not there as it is, its expression or the whole is meant.
    pub fn place(&self, source: &Source, part: Span) -> Span {
        place(self.raw(), self.span(), source, part)
    }
}

pub(super) fn place(raw: &str, whole: Span, source: &Source, part: Span) -> Span {
    let shown = source.slice(whole);
    let Some(wanted) = raw.get(part.start..part.end) else {
        return whole;
    };
    // A part of an expression is looked for from its opening; any other from the beginning.
    let opening = raw[..part.end].rfind(OPEN).filter(|at| *at <= part.start);
    let Some(opening) = opening else {
        let quote = usize::from(shown.starts_with(['"', '\'']));
        let at = quote + part.start;
        let there = shown.get(quote..at) == raw.get(..part.start)
            && shown.get(at..at + wanted.len()) == Some(wanted);
        return if there { shifted(whole, at, wanted.len()) } else { whole };
    };
    let index = raw[..opening].matches(OPEN).count();
    let Some((start, _)) = shown.match_indices(OPEN).nth(index) else {
        return whole;
    };
    let at = start + part.start - opening;
    let there = shown.get(start..at) == raw.get(opening..part.start)
        && shown.get(at..at + wanted.len()) == Some(wanted);
    if there {
        return shifted(whole, at, wanted.len());
    }
    let end = shown[start..].find(CLOSE).map_or(shown.len(), |end| start + end + CLOSE.len());
    shifted(whole, start, end - start)
}

pub(super) const OPEN: &str = "${{";
pub(super) const CLOSE: &str = "}}";

fn shifted(whole: Span, at: usize, length: usize) -> Span {
    Span::new(whole.start + at, whole.start + at + length)
}

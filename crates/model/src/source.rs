//! Text that people wrote, and what is found in it: every error a file can cause ends as a
//! [`Finding`] that shows the place, says what is wrong and how to mend it.

mod nearest;
mod render;

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use nearest::nearest;
pub use render::Paint;

/// A named text whose lines can be found by their offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    /// The offset at which each line begins.
    lines: Vec<usize>,
    /// What must not reach a log, whichever finding shows its line.
    secrets: Vec<Span>,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = line_starts(&text);
        Self { name: name.into(), text, lines, secrets: Vec::new() }
    }

    /// From now on the text there is never shown.
    pub fn hide(&mut self, secret: Span) {
        self.secrets.push(secret);
    }

    fn hides(&self, offset: usize) -> bool {
        self.secrets.iter().any(|secret| (secret.start..secret.end).contains(&offset))
    }

    /// The name to show, mostly a path relative to the repository.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where an offset lies; one beyond the end or inside a character is moved back to the
    /// nearest boundary.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line_index(offset);
        let column = self.text[self.lines[line]..offset].chars().count();
        Position { line: line + 1, column: column + 1 }
    }

    /// The text that a span covers, cut to what there is.
    pub fn slice(&self, span: Span) -> &str {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.floor_char_boundary(span.end.max(span.start));
        &self.text[start..end]
    }

    fn line_index(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The span of a line without its end, by its index from 0.
    fn line_span(&self, index: usize) -> Span {
        let start = self.lines[index];
        let end = self.lines.get(index + 1).copied().unwrap_or(self.text.len());
        let line = self.text[start..end].trim_end_matches(['\n', '\r']);
        Span::new(start, start + line.len())
    }
}

/// YAML's line breaks: `\n`, `\r\n` and a lone `\r`.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let mut starts = vec![0];
    for (at, byte) in bytes.iter().enumerate() {
        let ends = match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends {
            starts.push(at + 1);
        }
    }
    starts
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

/// A stretch of a source: bytes from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    pub const fn at(offset: usize) -> Self {
        Self { start: offset, end: offset }
    }

    pub const fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Advice,
    /// Most likely not meant.
    Warning,
    /// The file cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing found in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// A stable kebab-case word to search for, to count by and to silence.
    pub code: &'static str,
    pub message: String,
    pub span: Span,
    /// What stands under the underline.
    pub label: String,
    /// Other places that belong to it, each with its label.
    pub further: Vec<(Span, String)>,
    /// How to mend it.
    pub hint: Option<String>,
    /// What is good to know besides.
    pub note: Option<String>,
    /// Whether the text under the span is a secret, for the source to hide.
    pub masked: bool,
}

impl Finding {
    pub fn error(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Error, code, message.into(), span)
    }

    pub fn warning(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Warning, code, message.into(), span)
    }

    pub fn advice(code: &'static str, message: impl Into<String>, span: Span) -> Self {
        Self::new(Severity::Advice, code, message.into(), span)
    }

    fn new(severity: Severity, code: &'static str, message: String, span: Span) -> Self {
        Self {
            severity,
            code,
            message,
            span,
            label: String::new(),
            further: Vec::new(),
            hint: None,
            note: None,
            masked: false,
        }
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.further.push((span, label.into()));
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    #[must_use]
    pub fn masked(mut self) -> Self {
        self.masked = true;
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding as people read it, with the lines it is about. Ends with a line break.
    pub fn render(&self, source: &Source, paint: Paint) -> String {
        render::render(self, source, paint)
    }

    /// The finding as programs read it.
    pub fn report<'a>(&'a self, source: &'a Source) -> Report<'a> {
        Report { finding: self, source }
    }
}

/// A finding with its positions worked out, to be serialized.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    finding: &'a Finding,
    source: &'a Source,
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { finding, source } = self;
        let start = source.position(finding.span.start);
        let end = source.position(finding.span.end.max(finding.span.start));
        let further: Vec<_> =
            finding.further.iter().map(|place| place_report(source, place)).collect();
        let mut report = serializer.serialize_struct("Finding", 12)?;
        report.serialize_field("file", source.name())?;
        report.serialize_field("line", &start.line)?;
        report.serialize_field("column", &start.column)?;
        report.serialize_field("end_line", &end.line)?;
        report.serialize_field("end_column", &end.column)?;
        report.serialize_field("code", finding.code)?;
        report.serialize_field("severity", &finding.severity)?;
        report.serialize_field("message", &finding.message)?;
        report.serialize_field("label", &finding.label)?;
        report.serialize_field("hint", &finding.hint)?;
        report.serialize_field("note", &finding.note)?;
        report.serialize_field("further", &further)?;
        report.end()
    }
}

#[derive(Serialize)]
struct PlaceReport<'a> {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: &'a str,
}

fn place_report<'a>(source: &Source, (span, label): &'a (Span, String)) -> PlaceReport<'a> {
    let start = source.position(span.start);
    let end = source.position(span.end.max(span.start));
    PlaceReport {
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        label,
    }
}

/// A text from a file, quoted for a message: one line, and not too much of it.
pub fn quoted(text: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String =
        text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_of_every_kind_and_characters() {
        let source = Source::new("f", "a\r\nbé\u{1F600}c\rd\n");
        let at = |offset| {
            let Position { line, column } = source.position(offset);
            (line, column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(3), (2, 1));
        assert_eq!(at(6), (2, 3));
        assert_eq!(at(10), (2, 4));
        assert_eq!(at(12), (3, 1));
        assert_eq!(at(14), (4, 1));
        assert_eq!(at(usize::MAX), (4, 1));
        assert_eq!(at(5), (2, 2), "inside a character");
    }

    #[test]
    fn a_report_has_stable_names() {
        let source = Source::new("highroad.yaml", "service: shop\nservice: till\n");
        let finding =
            Finding::error("duplicate-key", "key `service` is defined twice", Span::new(14, 21))
                .label("defined again")
                .also(Span::new(0, 7), "first defined here")
                .hint("remove one of them");
        insta::assert_snapshot!(serde_json::to_string_pretty(&finding.report(&source)).unwrap());
    }

    #[test]
    fn quoted_text_is_one_short_line() {
        assert_eq!(quoted("a\nb"), "`a b`");
        assert_eq!(quoted(&"x".repeat(41)), format!("`{}…`", "x".repeat(40)));
    }
}

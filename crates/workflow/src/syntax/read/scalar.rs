//! Reading scalars and the expressions in them.

use model::source::Span;
use model::yaml;

use super::super::grammar::{Rule, Texts};
use super::super::node::{CLOSE, OPEN, Text, Value};
use super::super::problem::ProblemKind;
use super::rule::{accepts, expected};
use super::{Reader, Stop, VALUE_BYTES};
use crate::expression::{self, Names, SyntaxErrorKind, Template, TemplateErrorKind};

/// A scalar before it is held against its rule.
enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'a str),
}

/// What a text turned out to be.
pub(super) enum Content {
    Literal(Text),
    Computed(Text),
    Insert(Text),
}

impl<'a> Reader<'a> {
    pub(super) fn scalar(
        &mut self,
        node: &'a yaml::Node,
        rule: &'static Rule,
        names: &'static Names<'static>,
    ) -> Result<Value, Stop> {
        let literal = self.literal(node)?;
        if let Scalar::Number(value) = literal
            && !matches!(rule.text, Texts::None)
        {
            self.rewritten(node, value);
        }
        let (value, shown) = match literal {
            Scalar::Null if rule.null => (Value::Null, None),
            Scalar::Bool(value) if rule.boolean => (Value::Bool(value), None),
            Scalar::Number(value) if rule.number => (Value::Number(value), None),
            Scalar::Null => (text("", node.span), Some("nothing".to_owned())),
            Scalar::Bool(value) => {
                let word = if value { "true" } else { "false" };
                (text(word, node.span), Some(node.described()))
            }
            Scalar::Number(value) => {
                let written = expression::Value::Number(value);
                (text(&written.to_text(), node.span), Some(node.described()))
            }
            Scalar::Text(raw) => match self.content(raw, node.span, names) {
                Content::Literal(text) => (Value::Text(text), Some(node.described())),
                Content::Computed(text) => {
                    if names.contexts.is_empty() {
                        self.tell(node.span, ProblemKind::ExpressionNotAllowed);
                    }
                    (Value::Text(text), None)
                }
                Content::Insert(text) => {
                    let kind = ProblemKind::UnexpectedValue {
                        found: "${{ insert }}".to_owned(),
                        shown: "`${{ insert }}`".to_owned(),
                        expected: expected(rule),
                        words: &[],
                    };
                    self.tell(node.span, kind);
                    (Value::Text(text), None)
                }
            },
        };
        if let (Value::Text(text), Some(shown)) = (&value, shown) {
            self.literal_text(text, shown, rule);
        }
        match &value {
            Value::Text(text) => self.count_text(text)?,
            _ => self.count(VALUE_BYTES, node.span)?,
        }
        Ok(value)
    }

    /// Tells where a version, or a long number, would not stay as it is written.
    fn rewritten(&mut self, node: &yaml::Node, value: f64) {
        let written = node.text().unwrap_or_default();
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let loses = match written.split_once('.') {
            Some((whole, part)) => digits(whole) && digits(part) && part.ends_with('0'),
            None => digits(written) && written.len() > EXACT_DIGITS,
        };
        if loses {
            let becomes = expression::Value::Number(value).to_text().into_owned();
            let kind = ProblemKind::Rewritten { written: written.to_owned(), becomes };
            self.warn(node.span, kind);
        }
    }

    fn literal_text(&mut self, text: &Text, shown: String, rule: &'static Rule) {
        let found = text.literal().unwrap_or_default();
        if accepts(rule.text, found) {
            return;
        }
        let words = match rule.text {
            Texts::OneOf(words) | Texts::Known(words) => words,
            Texts::None | Texts::Any | Texts::NotEmpty => &[],
        };
        let found = found.to_owned();
        let kind = ProblemKind::UnexpectedValue { found, shown, expected: expected(rule), words };
        if matches!(rule.text, Texts::Known(_)) {
            self.warn(text.span(), kind);
        } else {
            self.tell(text.span(), kind);
        }
    }

    fn literal(&mut self, node: &'a yaml::Node) -> Result<Scalar<'a>, Stop> {
        let (scalar, tag) = match &node.value {
            yaml::Value::String(text) => return Ok(Scalar::Text(text)),
            yaml::Value::Bool(value) => (Scalar::Bool(*value), "bool"),
            yaml::Value::Int(value) => (Scalar::Number(self.whole(*value, node)?), "int"),
            yaml::Value::Float(value) => (Scalar::Number(*value), "float"),
            // Collections have been told apart before.
            yaml::Value::Null | yaml::Value::Sequence(_) | yaml::Value::Mapping(_) => {
                (Scalar::Null, "null")
            }
        };
        if node.style == yaml::Style::Plain {
            return Ok(scalar);
        }
        self.tell(node.span, ProblemKind::TagOnQuotes { tag });
        Err(Stop)
    }

    /// GitHub has floating point numbers only, and takes hexadecimal and octal digits for the bits
    /// of a signed number.
    #[expect(clippy::cast_precision_loss, reason = "the number that GitHub reads")]
    fn whole(&mut self, value: i64, node: &yaml::Node) -> Result<f64, Stop> {
        let written = node.text().unwrap_or_default();
        if !written.starts_with("0x") && !written.starts_with("0o") {
            // The text knows a negative zero.
            return Ok(written.parse().unwrap_or(value as f64));
        }
        if let Ok(bits) = u32::try_from(value) {
            return Ok(f64::from(bits.cast_signed()));
        }
        self.tell(node.span, ProblemKind::NumberTooLong { written: written.to_owned() });
        Err(Stop)
    }

    pub(super) fn content(
        &mut self,
        raw: &str,
        span: Span,
        names: &'static Names<'static>,
    ) -> Content {
        if !raw.contains(OPEN) {
            return Content::Literal(Text::plain(raw, span));
        }
        if is_insert(raw) {
            return Content::Insert(Text::insert(raw, span));
        }
        match Template::parse_with(raw, names) {
            Ok(template) => {
                let text = Text::with_expressions(template, span);
                if text.literal().is_some() {
                    Content::Literal(text)
                } else {
                    Content::Computed(text)
                }
            }
            Err(first) => {
                let insert = matches!(
                    &first.kind,
                    TemplateErrorKind::Syntax(error)
                        if error.kind == SyntaxErrorKind::UnknownContext
                            && error.expression() == "insert"
                );
                let kind = if insert {
                    ProblemKind::InsertWithin
                } else {
                    let errors = Template::errors(raw, names);
                    ProblemKind::Template { raw: raw.into(), errors, names }
                };
                self.tell(span, kind);
                Content::Literal(Text::plain(raw, span))
            }
        }
    }
}

fn text(raw: &str, span: Span) -> Value {
    Value::Text(Text::plain(raw, span))
}

fn is_insert(raw: &str) -> bool {
    let inner = raw.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE));
    inner.is_some_and(|inner| inner.trim() == "insert")
}

/// Longer whole numbers are written with an exponent.
const EXACT_DIGITS: usize = 15;

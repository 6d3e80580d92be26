//! Text with expressions in it.

use std::fmt::Write as _;
use std::sync::Arc;

use model::source::Span;

use super::memory::{Counter, Exceeded, TEMPLATE_MEMORY};
use super::{Contexts, EvaluationError, Expression, Names, Node, Problem, SyntaxError, Value};

const OPEN: &str = "${{";
const CLOSE: &str = "}}";

/// The text of a scalar, with `${{ }}` or without. Spans count bytes of this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: Arc<str>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(Span),
    Expression {
        expression: Expression,
        /// Where the expression's own text begins.
        start: usize,
        /// From the `$` to the last `}`.
        span: Span,
    },
}

/// Why a text cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct TemplateError {
    pub kind: TemplateErrorKind,
    /// Where, in bytes of the whole text.
    pub span: Span,
}

/// In GitHub's words, because people look them up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateErrorKind {
    #[error("An expression was expected")]
    Empty,
    #[error(
        "The expression is not closed. An unescaped ${{{{ sequence was found, but the closing }}}} \
         sequence was not found."
    )]
    NotClosed,
    #[error("{0}")]
    Syntax(SyntaxError),
}

impl TemplateError {
    /// How to mend it, where that is likely.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.kind {
            TemplateErrorKind::Empty => Some("remove `${{ }}`, or write an expression into it"),
            TemplateErrorKind::NotClosed => {
                Some("close it with `}}`; `${{ '${{' }}` stands for the signs themselves")
            }
            TemplateErrorKind::Syntax(error) => error.hint(),
        }
    }

    /// The error of an expression whose text begins at `start`.
    pub(super) fn syntax(error: SyntaxError, start: usize) -> Self {
        let span = Span::new(start + error.span.start, start + error.span.end);
        Self { kind: TemplateErrorKind::Syntax(error), span }
    }
}

impl Template {
    /// Reads a text whose expressions may name anything that can be named at some place.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::read(text, None).map_err(|mut errors| errors.remove(0))
    }

    /// Reads a text whose expressions may name what `names` has.
    pub fn parse_with(text: &str, names: &Names<'_>) -> Result<Self, TemplateError> {
        Self::read(text, Some(names)).map_err(|mut errors| errors.remove(0))
    }

    /// Everything that is wrong with a text, in its order.
    pub fn errors(text: &str, names: &Names<'_>) -> Vec<TemplateError> {
        Self::read(text, Some(names)).err().unwrap_or_default()
    }

    /// A list of errors is never empty.
    pub(super) fn read(text: &str, names: Option<&Names<'_>>) -> Result<Self, Vec<TemplateError>> {
        let mut parts = Vec::new();
        let mut errors = Vec::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(OPEN) {
            let start = at + found;
            if start > at {
                parts.push(Part::Text(Span::new(at, start)));
            }
            let Some(length) = expression_length(&text[start + OPEN.len()..]) else {
                let span = Span::new(start, text.len());
                errors.push(TemplateError { kind: TemplateErrorKind::NotClosed, span });
                return Err(errors);
            };
            let inside = Span::new(start + OPEN.len(), start + OPEN.len() + length);
            at = inside.end + CLOSE.len();
            let span = Span::new(start, at);
            match read_expression(text, inside, span, names) {
                Ok(part) => parts.push(part),
                Err(error) => errors.push(error),
            }
        }
        if at < text.len() {
            parts.push(Part::Text(Span::new(at, text.len())));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let template = Self { text: text.into(), parts };
        if template.parts.len() > 1 {
            // Upstream reads mixed text as one expression, with the limits of one.
            Expression::parse(&template.as_format()).map_err(|error| {
                let span = Span::new(0, text.len());
                vec![TemplateError { kind: TemplateErrorKind::Syntax(error), span }]
            })?;
        }
        Ok(template)
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The expressions in it, each with the place where its text begins.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expression, usize)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Expression { expression, start, .. } => Some((expression, *start)),
        })
    }

    /// Whether it comes to the same text always.
    pub fn is_literal(&self) -> bool {
        self.as_literal().is_some()
    }

    /// The text that it comes to always: one without expressions, or `${{ 'such a text' }}`, which
    /// is how `${{` itself is written.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.parts[..] {
            [] | [Part::Text(_)] => Some(&self.text),
            [Part::Expression { expression, .. }] => match expression.root() {
                Node::Literal { value: Value::String(text), span }
                    if *span == Span::new(0, expression.text().len()) =>
                {
                    Some(text)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The one expression that it is, without text around it.
    pub fn as_expression(&self) -> Option<&Expression> {
        match &self.parts[..] {
            [Part::Expression { expression, .. }] => Some(expression),
            _ => None,
        }
    }

    /// The text of one expression that comes to the same: `format('ci-{0}', github.ref)` for
    /// `ci-${{ github.ref }}`.
    pub fn as_format(&self) -> String {
        if let Some(expression) = self.as_expression() {
            return expression.text().to_owned();
        }
        let quoted = |text: &str| text.replace('\'', "''");
        if let Some(text) = self.as_literal() {
            return format!("'{}'", quoted(text));
        }
        let mut format = String::new();
        let mut arguments = String::new();
        let mut count = 0;
        for part in &self.parts {
            match part {
                Part::Text(span) => {
                    let text = quoted(&self.text[span.start..span.end]);
                    format.push_str(&text.replace('{', "{{").replace('}', "}}"));
                }
                Part::Expression { expression, .. } => {
                    let _ = write!(format, "{{{count}}}");
                    arguments.push_str(", ");
                    arguments.push_str(expression.text());
                    count += 1;
                }
            }
        }
        format!("format('{format}'{arguments})")
    }

    /// An expression alone keeps the kind of its value; anything else is text.
    pub fn evaluate(&self, contexts: &dyn Contexts) -> Result<Value, EvaluationError> {
        if let Some(text) = self.as_literal() {
            return Ok(text.into());
        }
        if let [Part::Expression { expression, start, .. }] = &self.parts[..] {
            return evaluate_at(*start, expression, contexts);
        }
        let mut text = String::new();
        let mut counter = Counter::new(TEMPLATE_MEMORY);
        for part in &self.parts {
            let value;
            let (piece, span) = match part {
                Part::Text(span) => (self.text[span.start..span.end].into(), *span),
                Part::Expression { expression, start, span } => {
                    value = evaluate_at(*start, expression, contexts)?;
                    (value.to_text(), *span)
                }
            };
            counter.add(&piece).map_err(|Exceeded| {
                let problem = Problem::Memory { limit: TEMPLATE_MEMORY };
                EvaluationError { problem, span }
            })?;
            text.push_str(&piece);
        }
        Ok(text.into())
    }
}

/// How long the text is up to the `}}` that closes it. Braces in strings do not close.
fn expression_length(text: &str) -> Option<usize> {
    let mut in_string = false;
    let mut last = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            // A quote that stands for itself comes twice, and so changes nothing.
            b'\'' => in_string = !in_string,
            b'}' if !in_string && last == b'}' => return Some(at - 1),
            _ => {}
        }
        last = byte;
    }
    None
}

fn read_expression(
    text: &str,
    inside: Span,
    span: Span,
    names: Option<&Names<'_>>,
) -> Result<Part, TemplateError> {
    let inner = &text[inside.start..inside.end];
    let start = inside.start + inner.len() - inner.trim_start().len();
    let inner = inner.trim();
    if inner.is_empty() {
        return Err(TemplateError { kind: TemplateErrorKind::Empty, span });
    }
    let expression = Expression::read(inner, names);
    let expression = expression.map_err(|error| TemplateError::syntax(error, start))?;
    Ok(Part::Expression { expression, start, span })
}

fn evaluate_at(
    start: usize,
    expression: &Expression,
    contexts: &dyn Contexts,
) -> Result<Value, EvaluationError> {
    expression.evaluate_within(contexts, TEMPLATE_MEMORY).map_err(|error| {
        let span = Span::new(start + error.span.start, start + error.span.end);
        EvaluationError { span, ..error }
    })
}

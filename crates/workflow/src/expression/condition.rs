//! The text of an `if:`.

use model::source::Span;

use super::{
    Contexts, EvaluationError, Expression, Names, SyntaxError, Template, TemplateError,
    TemplateErrorKind,
};

/// What stands before a condition that does not ask for the status itself.
const GUARD: &str = "success() && (";

/// A condition: `success() && (…)` around what was written, unless that asks for the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    expression: Expression,
    guarded: bool,
    written: Written,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// As an expression, whose text begins here.
    At(usize),
    /// As text around expressions.
    Mixed,
    /// As the text of a string in an expression.
    Quoted,
    Nowhere,
}

/// Reads a condition, written with `${{ }}` around it or without, that may name anything that can be
/// named at some place.
pub fn condition(text: &str) -> Result<Condition, TemplateError> {
    read(text, None)
}

/// Reads a condition that may name what `names` has. The `success()` that is put before it is there
/// in any case.
pub fn condition_with(text: &str, names: &Names<'_>) -> Result<Condition, TemplateError> {
    read(text, Some(names))
}

fn read(text: &str, names: Option<&Names<'_>>) -> Result<Condition, TemplateError> {
    let template = Template::read(text, names).map_err(|mut errors| errors.remove(0))?;
    let (expression, written) = match (template.as_literal(), template.expressions().next()) {
        (Some(literal), None) => {
            let start = literal.len() - literal.trim_start().len();
            let expression = Expression::read(literal.trim(), names);
            let expression = expression.map_err(|error| TemplateError::syntax(error, start))?;
            (expression, Written::At(start))
        }
        // Upstream takes what stands in the quotes for the condition.
        (Some(literal), Some(_)) => {
            let expression = Expression::read(literal.trim(), names);
            (expression.map_err(|error| whole(error, text))?, Written::Quoted)
        }
        (None, Some((expression, start))) if template.as_expression().is_some() => {
            (expression.clone(), Written::At(start))
        }
        (None, _) => {
            let expression = Expression::read(&template.as_format(), names);
            (expression.map_err(|error| whole(error, text))?, Written::Mixed)
        }
    };
    if expression.asks_for_status() {
        return Ok(Condition { expression, guarded: false, written });
    }
    let (guarded, written) = match expression.text() {
        "" => ("success()".to_owned(), Written::Nowhere),
        text => (format!("{GUARD}{text})"), written),
    };
    let expression = Expression::parse(&guarded).map_err(|error| whole(error, text))?;
    Ok(Condition { expression, guarded: true, written })
}

fn whole(error: SyntaxError, text: &str) -> TemplateError {
    TemplateError { kind: TemplateErrorKind::Syntax(error), span: Span::new(0, text.len()) }
}

impl Condition {
    /// What is evaluated.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }

    /// Whether it is held against success although it does not say so.
    pub fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// Whether it was written as text around expressions, as in `true || ${{ x }}`. That text is
    /// the condition then, and no text but the empty one is false.
    pub fn is_mixed(&self) -> bool {
        self.written == Written::Mixed
    }

    /// Where a part of the expression stands in the text of the `if:`, if it was written there as
    /// it is.
    pub fn written(&self, part: Span) -> Option<Span> {
        let Written::At(start) = self.written else {
            return None;
        };
        let (before, after) = if self.guarded { (GUARD.len(), 1) } else { (0, 0) };
        let inside = before <= part.start && part.end + after <= self.expression.text().len();
        inside.then(|| Span::new(start + part.start - before, start + part.end - before))
    }

    pub fn holds(&self, contexts: &dyn Contexts) -> Result<bool, EvaluationError> {
        Ok(self.expression.evaluate(contexts)?.is_truthy())
    }
}

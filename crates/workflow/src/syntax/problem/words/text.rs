//! Expressions.

use model::shape::listed;
use model::source::{Finding, Source};

use super::super::super::node;
use super::super::Problem;
use super::{error, here, near};
use crate::expression::{
    Function, Names, SyntaxError, SyntaxErrorKind, TemplateError, TemplateErrorKind,
};

/// More errors of one text are not told.
const MOST_ERRORS: usize = 20;

/// Each error where it stands. Where nothing may be named, no expression makes sense.
pub(super) fn findings(
    problem: &Problem,
    raw: &str,
    errors: &[TemplateError],
    names: &Names<'_>,
    source: &Source,
) -> Vec<Finding> {
    if names.contexts.is_empty() {
        return vec![not_allowed(problem)];
    }
    let told = errors.iter().take(MOST_ERRORS).map(|error| {
        let finding = finding(problem, error, names);
        Finding { span: node::place(raw, problem.span, source, error.span), ..finding }
    });
    told.collect()
}

pub(super) fn not_allowed(problem: &Problem) -> Finding {
    let message = format!("{} may hold no expression", here(problem));
    error("expression-not-allowed", message, problem.span)
        .label("nothing is computed here")
        .hint("write the value out")
}

fn finding(problem: &Problem, error: &TemplateError, names: &Names<'_>) -> Finding {
    let finding = match &error.kind {
        TemplateErrorKind::Empty => plain(problem, "`${{ }}` holds no expression".to_owned()),
        TemplateErrorKind::NotClosed => plain(problem, "`${{` is never closed".to_owned()),
        TemplateErrorKind::Syntax(error) => syntax(problem, error, names),
    };
    let finding = match problem.path.as_str() {
        "" => finding,
        path => finding.label(format!("in `{path}`")),
    };
    match error.hint() {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

fn syntax(problem: &Problem, error: &SyntaxError, names: &Names<'_>) -> Finding {
    let symbol = error.symbol();
    match error.kind {
        SyntaxErrorKind::UnknownContext => {
            let message = format!("there is no context `{symbol}` here");
            let finding = super::error("unknown-context", message, problem.span)
                .note(format!("contexts here: {}", listed(names.contexts, "and")));
            near(finding, symbol, names.contexts.iter().copied())
        }
        SyntaxErrorKind::UnknownFunction => unknown_function(problem, symbol),
        SyntaxErrorKind::TooFewArguments => {
            plain(problem, format!("`{symbol}` is given too few arguments"))
        }
        SyntaxErrorKind::TooManyArguments => {
            plain(problem, format!("`{symbol}` is given too many arguments"))
        }
        SyntaxErrorKind::EvenArguments => {
            plain(problem, format!("`{symbol}` takes an odd number of arguments"))
        }
        SyntaxErrorKind::NotAToken | SyntaxErrorKind::UnexpectedSymbol => {
            let shown = model::source::quoted(symbol);
            plain(problem, format!("{shown} is not expected here"))
        }
        SyntaxErrorKind::UnexpectedEnd => plain(problem, "the expression breaks off".to_owned()),
        SyntaxErrorKind::TooDeep | SyntaxErrorKind::TooLong => plain(problem, error.summary()),
    }
}

fn unknown_function(problem: &Problem, symbol: &str) -> Finding {
    let message = format!("there is no function `{symbol}` here");
    let finding = error("unknown-function", message, problem.span);
    let known = Function::ALL.map(Function::name);
    match known.iter().find(|known| known.eq_ignore_ascii_case(symbol)) {
        Some(known @ &"hashFiles") => finding.hint(format!("`{known}` is there only in steps")),
        Some(known) => finding.hint(format!("`{known}` is there only in an `if:`")),
        None => near(finding, symbol, known),
    }
}

fn plain(problem: &Problem, message: String) -> Finding {
    error("expression", message, problem.span)
}

//! The functions of the language. Arguments are evaluated when they are needed: what `case` does not
//! choose and what a format does not name is left alone.

use model::source::Span;

use super::casing;
use super::evaluate::{Evaluation, EvaluationError, Problem};
use super::json;
use super::names::Function;
use super::node::Node;
use super::value::Value;

mod format;

type Evaluated = Result<Value, EvaluationError>;

pub(super) fn call(
    evaluation: &mut Evaluation<'_>,
    function: Function,
    arguments: &[Node],
    span: Span,
) -> Evaluated {
    match function {
        Function::Case => case(evaluation, arguments),
        Function::Contains => contains(evaluation, arguments),
        Function::StartsWith => compare_ends(evaluation, arguments, casing::starts_with),
        Function::EndsWith => compare_ends(evaluation, arguments, casing::ends_with),
        Function::Format => format::call(evaluation, arguments, span),
        Function::Join => join(evaluation, arguments, span),
        Function::ToJson => {
            let value = evaluation.part(&arguments[0])?;
            let text = json::write(&value, evaluation.memory.counter());
            Ok(evaluation.memory_at(span, text)?.into())
        }
        Function::FromJson => from_json(evaluation, arguments, span),
        Function::Special(special) => evaluation.call_special(special, arguments, span),
    }
}

fn case(evaluation: &mut Evaluation<'_>, arguments: &[Node]) -> Evaluated {
    let (pairs, otherwise) = arguments.as_chunks::<2>();
    for [predicate, value] in pairs {
        match evaluation.part(predicate)? {
            Value::Boolean(true) => return evaluation.part(value),
            Value::Boolean(false) => {}
            _ => {
                let span = predicate.span();
                return Err(EvaluationError { problem: Problem::CasePredicate, span });
            }
        }
    }
    evaluation.part(&otherwise[0])
}

fn contains(evaluation: &mut Evaluation<'_>, arguments: &[Node]) -> Evaluated {
    let found = match evaluation.part(&arguments[0])? {
        Value::Object(_) => false,
        Value::Array(items) if items.is_empty() => false,
        Value::Array(items) => {
            let wanted = evaluation.part(&arguments[1])?;
            items.iter().any(|item| wanted.equals(item))
        }
        text => {
            let part = evaluation.part(&arguments[1])?;
            part.is_primitive() && casing::contains(&text.to_text(), &part.to_text())
        }
    };
    Ok(found.into())
}

fn compare_ends(
    evaluation: &mut Evaluation<'_>,
    arguments: &[Node],
    compare: fn(&str, &str) -> bool,
) -> Evaluated {
    let text = evaluation.part(&arguments[0])?;
    if !text.is_primitive() {
        return Ok(false.into());
    }
    let part = evaluation.part(&arguments[1])?;
    Ok((part.is_primitive() && compare(&text.to_text(), &part.to_text())).into())
}

fn join(evaluation: &mut Evaluation<'_>, arguments: &[Node], span: Span) -> Evaluated {
    let items = match evaluation.part(&arguments[0])? {
        Value::Array(items) => items,
        Value::Object(_) => return Ok("".into()),
        single => return Ok(single.to_text().into_owned().into()),
    };
    let mut separator = None;
    if items.len() > 1
        && let Some(given) = arguments.get(1)
    {
        separator = Some(evaluation.part(given)?).filter(Value::is_primitive);
    }
    let separator = separator.unwrap_or_else(|| ",".into());
    let separator = separator.to_text();

    let mut counter = evaluation.memory.counter();
    let mut text = String::new();
    for (nth, item) in items.iter().enumerate() {
        if nth > 0 {
            evaluation.memory_at(span, counter.add(&separator))?;
            text.push_str(&separator);
        }
        let item = item.to_text();
        evaluation.memory_at(span, counter.add(&item))?;
        text.push_str(&item);
    }
    Ok(text.into())
}

fn from_json(evaluation: &mut Evaluation<'_>, arguments: &[Node], span: Span) -> Evaluated {
    let value = evaluation.part(&arguments[0])?;
    let text = value.to_text();
    let problem = if text.trim().is_empty() {
        Problem::NothingToRead
    } else {
        match json::read(&text) {
            Ok(value) => return Ok(value),
            Err(error) => Problem::NoJson(error.to_string()),
        }
    };
    Err(EvaluationError { problem, span })
}

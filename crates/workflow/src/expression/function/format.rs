//! `format`: text with numbered places in it.

use model::source::Span;

use super::super::evaluate::{Evaluation, EvaluationError, Problem};
use super::super::node::Node;
use super::super::value::Value;
use super::Evaluated;

pub(super) fn call(evaluation: &mut Evaluation<'_>, arguments: &[Node], span: Span) -> Evaluated {
    let format = evaluation.part(&arguments[0])?;
    let format = format.to_text();
    let arguments = &arguments[1..];
    let pieces =
        pieces(&format, arguments.len()).map_err(|problem| EvaluationError { problem, span })?;

    let mut values: Vec<Option<Value>> = vec![None; arguments.len()];
    let mut counter = evaluation.memory.counter();
    let mut text = String::new();
    for piece in pieces {
        let (place, specifiers) = match piece {
            Piece::Text(piece) => {
                evaluation.memory_at(span, counter.add(piece))?;
                text.push_str(piece);
                continue;
            }
            Piece::Place { place, specifiers } => (place, specifiers),
        };
        let value = match &mut values[place] {
            Some(value) => value,
            empty => empty.insert(evaluation.part(&arguments[place])?),
        };
        if !specifiers.is_empty() {
            let problem = Problem::FormatSpecifiers { specifiers, kind: value.kind() };
            return Err(EvaluationError { problem, span });
        }
        let piece = value.to_text();
        evaluation.memory_at(span, counter.add(&piece))?;
        text.push_str(&piece);
    }
    Ok(text.into())
}

#[derive(Debug)]
enum Piece<'f> {
    Text(&'f str),
    /// The syntax has specifiers behind a colon, but no kind of value knows any.
    Place {
        place: usize,
        specifiers: String,
    },
}

fn pieces(format: &str, arguments: usize) -> Result<Vec<Piece<'_>>, Problem> {
    let invalid = || Problem::InvalidFormat(format.to_owned());
    let mut pieces = Vec::new();
    let mut rest = format;
    while let Some(brace) = rest.find(['{', '}']) {
        let (before, at) = rest.split_at(brace);
        if at.starts_with("{{") || at.starts_with("}}") {
            pieces.push(Piece::Text(&rest[..=brace]));
            rest = &at[2..];
            continue;
        }
        let (place, specifiers, after) = place(at).ok_or_else(invalid)?;
        if place >= arguments {
            return Err(Problem::TooFewToFormat(format.to_owned()));
        }
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Place { place, specifiers });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Reads `{0}` or `{0:specifiers}`, where `}}` stands for a brace.
fn place(text: &str) -> Option<(usize, String, &str)> {
    let text = text.strip_prefix('{')?;
    let digits = text.find(|next: char| !next.is_ascii_digit())?;
    let place: u8 = text[..digits].parse().ok()?;
    let mut rest = &text[digits..];
    let mut specifiers = String::new();
    if let Some(given) = rest.strip_prefix(':') {
        rest = given;
        loop {
            let (before, brace) = rest.split_at(rest.find('}')?);
            specifiers.push_str(before);
            rest = brace;
            let Some(escaped) = brace.strip_prefix("}}") else {
                break;
            };
            specifiers.push('}');
            rest = escaped;
        }
    }
    Some((place.into(), specifiers, rest.strip_prefix('}')?))
}

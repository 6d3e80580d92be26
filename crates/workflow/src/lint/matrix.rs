//! Matrices: values that come twice, `exclude` that matches nothing or leaves nothing.

use model::source::{Finding, nearest, quoted};
use serde_json::{Map, Value as Json};

use super::Report;
use crate::matrix::{self, MOST_CELLS, MatrixError};
use crate::syntax::model::Workflow;
use crate::syntax::{Entry, Given, Node, Value};

/// How many combinations of a file are counted out; what is beyond shows when it runs.
const MOST_COMBINATIONS: usize = 20_000;

pub(super) fn check(workflow: &Workflow, report: &mut Report<'_>) {
    let mut budget = MOST_COMBINATIONS;
    for job in &workflow.jobs {
        let Some(Given::Fixed(strategy)) = &job.strategy else { continue };
        let Some(matrix) = &strategy.matrix else { continue };
        let Some(entries) = matrix.as_mapping() else { continue };
        for axis in entries.iter().filter(|entry| is_axis(entry)) {
            repeated(axis, report);
        }
        let exclude = matrix.get("exclude").and_then(Node::as_list).unwrap_or_default();
        for item in exclude.iter().take(MOST_CELLS) {
            excluded(item, entries, report);
        }
        let size = size(entries);
        if size <= budget
            && let Some(json) = json(matrix)
        {
            budget -= size;
            count(matrix, &json, report);
        }
    }
}

/// How many combinations the axes make.
fn size(matrix: &[Entry]) -> usize {
    let axes = matrix.iter().filter(|entry| is_axis(entry));
    let values = axes.map(|axis| axis.value.as_list().map_or(1, <[Node]>::len));
    values.fold(1, usize::saturating_mul)
}

fn is_axis(entry: &Entry) -> bool {
    !matches!(entry.key.literal(), None | Some("include" | "exclude"))
}

fn repeated(axis: &Entry, report: &mut Report<'_>) {
    // More are too many jobs anyway.
    let items = axis.value.as_list().unwrap_or_default().iter().take(MOST_CELLS);
    let mut seen: Vec<(Json, &Node)> = Vec::new();
    for item in items {
        let Some(value) = json(item) else { continue };
        match seen.iter().find(|(known, _)| *known == value) {
            Some((_, first)) => {
                let message = format!("the axis {} has this value twice", quoted(axis.key.raw()));
                report.tell(
                    Finding::warning("repeated-value", message, item.span)
                        .label("again")
                        .also(first.span, "first here")
                        .hint("remove one of them; each makes jobs of its own"),
                );
            }
            None => seen.push((value, item)),
        }
    }
}

/// A value in `exclude` that its axis does not have.
fn excluded(item: &Node, matrix: &[Entry], report: &mut Report<'_>) {
    for entry in item.as_mapping().unwrap_or_default() {
        let (Some(key), Some(wanted)) = (entry.key.literal(), json(&entry.value)) else { continue };
        let named = |axis: &&Entry| {
            is_axis(axis) && axis.key.literal().is_some_and(|name| name.eq_ignore_ascii_case(key))
        };
        let Some(axis) = matrix.iter().find(named) else { continue };
        let items = axis.value.as_list().filter(|items| items.len() <= MOST_CELLS);
        let values: Option<Vec<Json>> = items.and_then(|items| items.iter().map(json).collect());
        let Some(values) = values else { continue };
        if values.iter().any(|value| matrix::holds(&wanted, value)) {
            continue;
        }
        let message = format!("no {} of the matrix is so, and nothing is excluded", quoted(key));
        let finding = Finding::warning("exclude-matches-nothing", message, entry.value.span)
            .label("matches nothing")
            .also(axis.key.span(), "the values there are");
        let texts: Vec<&str> = values.iter().filter_map(Json::as_str).collect();
        let near = wanted.as_str().and_then(|wanted| nearest(wanted, texts));
        report.tell(match near {
            Some(near) => finding.hint(format!("did you mean `{near}`?")),
            None => finding,
        });
    }
}

/// How many jobs it comes to.
fn count(matrix: &Node, json: &Json, report: &mut Report<'_>) {
    let span = matrix.span;
    match matrix::expand(json) {
        Ok(cells) if cells.is_empty() => report.tell(
            Finding::warning("nothing-left", "`exclude` leaves nothing of the matrix", span)
                .label("the job runs once, without a matrix"),
        ),
        Err(error @ (MatrixError::TooMany(_) | MatrixError::TooManyCombinations)) => {
            report.tell(
                Finding::error("too-many-jobs", error.to_string(), span)
                    .label("too many")
                    .hint("leave out axes, or combinations by `exclude`"),
            );
        }
        // What else is wrong the reader has told.
        Ok(_) | Err(_) => {}
    }
}

/// A value without expressions.
fn json(node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(value) => (*value).into(),
        Value::Text(text) => text.literal()?.into(),
        Value::List(items) => Json::Array(items.iter().map(json).collect::<Option<_>>()?),
        Value::Mapping(entries) => {
            let pair = |entry: &Entry| Some((entry.key.literal()?.to_owned(), json(&entry.value)?));
            Json::Object(entries.iter().map(pair).collect::<Option<Map<_, _>>>()?)
        }
    })
}

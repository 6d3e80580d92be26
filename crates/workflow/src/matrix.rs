//! A matrix and the cells it comes to, in GitHub's order.
//!
//! The axes make every combination, the last axis changing fastest. `exclude` takes out what it
//! matches in part, `include` adds to each combination that it contradicts nowhere, and where there
//! is none it adds a cell of its own.

mod filter;

use model::source::quoted;
use serde_json::{Map, Value, json};

use crate::expression::Value as Evaluated;
use crate::tree::described;
use filter::{lookup, matches};

/// The most jobs that one matrix may come to.
pub const MOST_CELLS: usize = 256;

/// The most combinations that are looked through for what `exclude` leaves of them.
const MOST_COMBINATIONS: usize = 2_048;

/// The most characters of a job's name that are shown, counted as GitHub counts them.
const LONGEST_NAME: usize = 100;

/// One combination.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The `matrix` context.
    pub values: Map<String, Value>,
    /// How many of the values tell it from other cells; what `include` adds to a combination
    /// does not.
    telling: usize,
}

impl Cell {
    /// The job's name with the values that tell this cell from others: `test (ubuntu-latest, 20)`.
    pub fn name(&self, job: &str) -> String {
        let mut shown = Vec::new();
        for value in self.values.values().take(self.telling) {
            leaves(value, &mut shown);
        }
        if shown.is_empty() {
            return shorten(job.to_owned());
        }
        shorten(format!("{job} ({})", shown.join(", ")))
    }
}

/// The cells of a matrix whose expressions are evaluated.
///
/// There may be none, where `exclude` takes out all; GitHub then runs the job once, without a
/// matrix.
pub fn expand(matrix: &Value) -> Result<Vec<Cell>, MatrixError> {
    let Value::Object(entries) = matrix else {
        return Err(MatrixError::NoMapping(described(matrix)));
    };
    let mut axes: Vec<(&str, &[Value])> = Vec::new();
    let (mut include, mut exclude) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        let Value::Array(items) = value else {
            return Err(MatrixError::NoList { key: key.clone(), found: described(value) });
        };
        match key.as_str() {
            "include" => include = mappings(key, items)?,
            "exclude" => exclude = mappings(key, items)?,
            _ if items.is_empty() => return Err(MatrixError::NoValues(key.clone())),
            _ if axes.iter().any(|(axis, _)| axis.eq_ignore_ascii_case(key)) => {
                return Err(MatrixError::Twice(key.clone()));
            }
            _ => axes.push((key, items)),
        }
    }
    if axes.is_empty() && include.is_empty() {
        return Err(MatrixError::Empty);
    }
    for (at, excluded) in exclude.iter().enumerate() {
        let known = |key: &str| axes.iter().any(|(axis, _)| axis.eq_ignore_ascii_case(key));
        if let Some(key) = excluded.keys().find(|key| !known(key)) {
            return Err(MatrixError::UnknownAxis { key: key.clone(), at });
        }
    }
    let cells = cells(&axes, &include, &exclude)?;
    if cells.len() > MOST_CELLS {
        return Err(MatrixError::TooMany(cells.len()));
    }
    Ok(cells)
}

/// The `strategy` context of a job's cell.
pub fn strategy(index: usize, total: usize, fail_fast: bool, max_parallel: Option<u32>) -> Value {
    let max_parallel =
        max_parallel.filter(|most| *most > 0).map_or(json!(total), |most| json!(most));
    json!({
        "fail-fast": fail_fast,
        "job-index": index,
        "job-total": total,
        "max-parallel": max_parallel,
    })
}

/// Whether a value in `include` or `exclude` is that of an axis, as far as it says.
pub(crate) fn holds(wanted: &Value, value: &Value) -> bool {
    filter::holds(wanted, Some(value))
}

fn mappings<'a>(key: &str, items: &'a [Value]) -> Result<Vec<&'a Map<String, Value>>, MatrixError> {
    let mapping = |(at, item): (usize, &'a Value)| match item {
        Value::Object(mapping) if mapping.is_empty() => {
            Err(MatrixError::EmptyItem { key: key.to_owned(), at })
        }
        Value::Object(mapping) => Ok(mapping),
        other => {
            Err(MatrixError::NoMappingItem { key: key.to_owned(), at, found: described(other) })
        }
    };
    items.iter().enumerate().map(mapping).collect()
}

fn cells(
    axes: &[(&str, &[Value])],
    include: &[&Map<String, Value>],
    exclude: &[&Map<String, Value>],
) -> Result<Vec<Cell>, MatrixError> {
    let count = |total: usize, (_, values): &(&str, &[Value])| total.checked_mul(values.len());
    let combinations = axes.iter().try_fold(1_usize, count).unwrap_or(usize::MAX);
    let combinations = if axes.is_empty() { 0 } else { combinations };
    if combinations > MOST_COMBINATIONS {
        return Err(MatrixError::TooManyCombinations);
    }
    let is_axis = |key: &str| axes.iter().any(|(axis, _)| axis.eq_ignore_ascii_case(key));
    let mut used = vec![false; include.len()];
    let mut cells = Vec::new();
    for index in 0..combinations {
        let mut values = combination(axes, index, combinations);
        if exclude.iter().any(|excluded| matches(excluded.iter(), &values)) {
            continue;
        }
        let telling = values.len();
        let mut extra: Map<String, Value> = Map::new();
        for (used, included) in used.iter_mut().zip(include) {
            if !matches(included.iter().filter(|(key, _)| is_axis(key)), &values) {
                continue;
            }
            *used = true;
            for (key, value) in included.iter().filter(|(key, _)| !is_axis(key)) {
                let key = lookup(&extra, key).map_or(key, |(known, _)| known).clone();
                extra.insert(key, value.clone());
            }
        }
        values.extend(extra);
        cells.push(Cell { values, telling });
    }
    for (_, included) in used.iter().zip(include).filter(|(used, _)| !**used) {
        let pair = |(key, value): (&String, &Value)| (key.clone(), value.clone());
        let mut values: Map<String, Value> =
            included.iter().filter(|(key, _)| is_axis(key)).map(pair).collect();
        values.extend(included.iter().filter(|(key, _)| !is_axis(key)).map(pair));
        cells.push(Cell { telling: values.len(), values });
    }
    Ok(cells)
}

fn combination(axes: &[(&str, &[Value])], index: usize, total: usize) -> Map<String, Value> {
    let mut block = total;
    let mut values = Map::new();
    for (axis, choices) in axes {
        block /= choices.len();
        values.insert((*axis).to_owned(), choices[index / block % choices.len()].clone());
    }
    values
}

/// The texts of what is neither a list nor a mapping, wherever it is.
fn leaves(value: &Value, shown: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text = Evaluated::from(value.clone()).to_text().into_owned();
            if !text.is_empty() {
                shown.push(text);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, shown)),
        Value::Object(entries) => entries.values().for_each(|value| leaves(value, shown)),
    }
}

fn shorten(name: String) -> String {
    const ELLIPSIS: &str = "...";
    if name.encode_utf16().count() <= LONGEST_NAME {
        return name;
    }
    let mut room = LONGEST_NAME - ELLIPSIS.len();
    let fits = |c: &char| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or(0);
        left.is_some()
    };
    name.chars().take_while(fits).chain(ELLIPSIS.chars()).collect()
}

/// Why a matrix comes to no cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    #[error("the matrix must be a mapping of axes, found {0}")]
    NoMapping(String),
    #[error("{} of the matrix must be a list, found {found}", quoted(key))]
    NoList { key: String, found: String },
    #[error("the axis {} of the matrix has no values", quoted(.0))]
    NoValues(String),
    #[error("the axis {} is defined twice; its case does not count", quoted(.0))]
    Twice(String),
    #[error("the matrix has neither an axis nor an `include`")]
    Empty,
    #[error("item {} of `{key}` must be a mapping, found {found}", at + 1)]
    NoMappingItem { key: String, at: usize, found: String },
    #[error("item {} of `{key}` says nothing", at + 1)]
    EmptyItem { key: String, at: usize },
    #[error("item {} of `exclude` names {}, which is no axis of the matrix", at + 1, quoted(key))]
    UnknownAxis { key: String, at: usize },
    #[error("the matrix comes to {0} jobs, and {MOST_CELLS} are the most")]
    TooMany(usize),
    #[error(
        "the axes make more than {MOST_COMBINATIONS} combinations, and {MOST_CELLS} jobs are the \
         most"
    )]
    TooManyCombinations,
}

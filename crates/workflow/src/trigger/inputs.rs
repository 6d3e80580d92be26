//! What a workflow is given when it is started by hand or called.

use model::pipeline::{Input, InputKind};
use model::source::{nearest, quoted};
use serde_json::{Map, Value};

use crate::expression::Value as Evaluated;
use crate::tree::described;

/// The `inputs` of a run that somebody starts by hand. What is given may be text throughout, as
/// forms and command lines have it; `true` and `5` are read where a truth value or a number is
/// wanted.
///
/// Every mistake is told, not only the first.
pub fn dispatched(
    declared: &[Input],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<InputError>> {
    resolve(declared, given, dispatched_value)
}

/// The `inputs` of a called workflow. Defaults and what is given must be evaluated; a text is no
/// truth value and no number here, whatever it says.
pub fn called(
    declared: &[Input],
    given: &Map<String, Value>,
) -> Result<Map<String, Value>, Vec<InputError>> {
    resolve(declared, given, called_value)
}

type Read = fn(&Input, &Value) -> Result<Value, InputError>;

fn resolve(
    declared: &[Input],
    given: &Map<String, Value>,
    read: Read,
) -> Result<Map<String, Value>, Vec<InputError>> {
    let mut values = Map::new();
    let mut errors = Vec::new();
    let names = || declared.iter().map(|input| input.name.as_str());
    for name in given.keys().filter(|name| !names().any(|known| known.eq_ignore_ascii_case(name))) {
        let near = nearest(name, names()).map(str::to_owned);
        errors.push(InputError::Unknown { name: name.clone(), near });
    }
    for input in declared {
        let found = given.iter().find(|(name, _)| name.eq_ignore_ascii_case(&input.name));
        let value = match found.map(|(_, value)| value).filter(|value| !value.is_null()) {
            Some(value) => read(input, value),
            None => match &input.default {
                Some(default) if !default.is_null() => read(input, default),
                _ if input.required => Err(InputError::Missing {
                    name: input.name.clone(),
                    options: input.options.clone(),
                }),
                _ => Ok(empty(input.kind)),
            },
        };
        match value {
            Ok(value) => {
                values.insert(input.name.clone(), value);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

/// What an input is where nothing is given and nothing else is said.
fn empty(kind: InputKind) -> Value {
    match kind {
        InputKind::Boolean => false.into(),
        InputKind::Number => 0.into(),
        InputKind::String | InputKind::Choice | InputKind::Environment => "".into(),
    }
}

fn dispatched_value(input: &Input, value: &Value) -> Result<Value, InputError> {
    match (input.kind, value) {
        (InputKind::Boolean, Value::String(text)) if text == "true" => Ok(true.into()),
        (InputKind::Boolean, Value::String(text)) if text == "false" => Ok(false.into()),
        (InputKind::Number, Value::String(text)) => {
            let number = Evaluated::from(text.as_str()).to_number();
            let fits = number.is_finite() && !text.trim().is_empty();
            if fits { Ok(Evaluated::from(number).to_json()) } else { Err(wrong(input, value)) }
        }
        _ => called_value(input, value),
    }
}

fn called_value(input: &Input, value: &Value) -> Result<Value, InputError> {
    match (input.kind, value) {
        (InputKind::Boolean, Value::Bool(_)) | (InputKind::Number, Value::Number(_)) => {
            Ok(value.clone())
        }
        (InputKind::Boolean | InputKind::Number, _) | (_, Value::Array(_) | Value::Object(_)) => {
            Err(wrong(input, value))
        }
        (InputKind::Choice, _) => {
            let text = Evaluated::from(value.clone()).to_text().into_owned();
            if input.options.is_empty() || input.options.contains(&text) {
                return Ok(text.into());
            }
            Err(InputError::NoOption {
                name: input.name.clone(),
                near: nearest(&text, input.options.iter().map(String::as_str)).map(str::to_owned),
                given: text,
                options: input.options.clone(),
            })
        }
        (InputKind::String | InputKind::Environment, _) => {
            Ok(Evaluated::from(value.clone()).to_text().into_owned().into())
        }
    }
}

fn wrong(input: &Input, value: &Value) -> InputError {
    let wanted = match input.kind {
        InputKind::Boolean => "`true` or `false`",
        InputKind::Number => "a number",
        InputKind::String | InputKind::Choice | InputKind::Environment => "a text",
    };
    InputError::Wrong { name: input.name.clone(), wanted, found: described(value) }
}

/// What is wrong with one input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error("there is no input {}{}", quoted(name), suggestion(near.as_deref()))]
    Unknown { name: String, near: Option<String> },
    #[error("the input {} must be given{}", quoted(name), choices(options))]
    Missing { name: String, options: Vec<String> },
    #[error("the input {} must be {wanted}, found {found}", quoted(name))]
    Wrong { name: String, wanted: &'static str, found: String },
    #[error(
        "the input {} must be one of {}, not {}{}",
        quoted(name), listed(options), quoted(given), suggestion(near.as_deref())
    )]
    NoOption { name: String, given: String, options: Vec<String>, near: Option<String> },
}

fn suggestion(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean {}?", quoted(near))).unwrap_or_default()
}

fn choices(options: &[String]) -> String {
    if options.is_empty() { String::new() } else { format!(": one of {}", listed(options)) }
}

fn listed(options: &[String]) -> String {
    let options: Vec<String> = options.iter().map(|option| quoted(option)).collect();
    options.join(", ")
}

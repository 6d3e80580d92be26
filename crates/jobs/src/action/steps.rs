//! The steps of a composite action.

use model::pipeline::{StepSheet, StepWork, Tree};
use model::yaml::{Node, Value};

use super::definition::{DefinitionError, File};

const KEYS: &[&str] = &[
    "name",
    "id",
    "if",
    "env",
    "continue-on-error",
    "run",
    "shell",
    "working-directory",
    "uses",
    "with",
];

pub(super) fn read(node: &Node, file: &File<'_>) -> Result<Vec<StepSheet>, DefinitionError> {
    let steps = node.as_sequence();
    let steps =
        steps.ok_or_else(|| file.wrong(node, "expected a list at `runs.steps`".to_owned()))?;
    steps.iter().map(|step| self::step(step, file)).collect()
}

fn step(node: &Node, file: &File<'_>) -> Result<StepSheet, DefinitionError> {
    let keys = file.mapping(node, "steps")?;
    if let Some(unknown) =
        keys.entries.iter().find(|entry| !KEYS.contains(&entry.key.text.as_str()))
    {
        let message = format!("`{}` is not known in a step of an action", unknown.key.text);
        return Err(file.wrong(&unknown.value, message));
    }
    let text = |key: &str| keys.get(key).map(|node| file.text(node, key)).transpose();
    let tree = |key: &str| keys.get(key).map(tree);
    let work = match (text("run")?, text("uses")?) {
        (Some(script), None) => {
            let Some(shell) = text("shell")? else {
                let message =
                    "expected the key `shell`: a step of an action says which shell it needs";
                return Err(file.wrong(node, message.to_owned()));
            };
            let working_directory = text("working-directory")?;
            StepWork::Run { script, shell: Some(shell), working_directory }
        }
        (None, Some(action)) => StepWork::Uses { action, with: tree("with").unwrap_or_default() },
        (Some(_), Some(_)) => {
            return Err(file.wrong(node, "`run` and `uses` exclude each other".to_owned()));
        }
        (None, None) => return Err(file.wrong(node, "expected `run` or `uses`".to_owned())),
    };
    Ok(StepSheet {
        line: file.line(node),
        id: text("id")?,
        name: text("name")?,
        condition: text("if")?.unwrap_or_default(),
        env: tree("env").unwrap_or_default(),
        continue_on_error: tree("continue-on-error"),
        timeout_minutes: None,
        background: false,
        work,
    })
}

fn tree(node: &Node) -> Tree {
    match &node.value {
        Value::Null => Tree::Null,
        Value::Bool(value) => Tree::from(*value),
        Value::Int(value) => Tree::from(*value),
        Value::Float(value) => Tree::from(*value),
        Value::String(text) => Tree::from(text.as_str()),
        Value::Sequence(items) => items.iter().map(tree).collect(),
        Value::Mapping(mapping) => mapping
            .entries
            .iter()
            .map(|entry| (entry.key.text.clone(), tree(&entry.value)))
            .collect(),
    }
}

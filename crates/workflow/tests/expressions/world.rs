//! Contexts to evaluate expressions with.

use serde_json::{Value as Json, json};
use workflow::expression::{Contexts, Expression, Special, Value};

/// Contexts of some names, which hand out the same objects each time.
#[derive(Debug)]
pub(crate) struct World(Value);

impl World {
    pub(crate) fn new(contexts: Json) -> Self {
        Self(contexts.into())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.0 {
            Value::Object(contexts) => contexts.iter().map(|(name, _)| &**name).collect(),
            _ => Vec::new(),
        }
    }
}

impl Contexts for World {
    fn context(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    fn call(&self, function: Special, arguments: &[Value]) -> Result<Value, String> {
        match function {
            Special::HashFiles => Err("there are no files".to_owned()),
            Special::Success => Ok(arguments.is_empty().into()),
            Special::Always => Ok(true.into()),
            Special::Failure | Special::Cancelled => Ok(false.into()),
        }
    }
}

/// What an expression comes to in a small world, as JSON, or the message that says why not.
pub(crate) fn evaluated(expression: &str) -> Result<Json, String> {
    let world = World::new(json!({
        "github": { "ref": "refs/heads/main", "event": { "labels": [{ "name": "a" }, { "name": "b" }] } },
        "matrix": { "os": "linux", "version": [1, 2, 3] },
        "env": { "EMPTY": "", "CJK": "日本語" },
    }));
    let expression = Expression::parse(expression).map_err(|error| error.to_string())?;
    let value = expression.evaluate(&world).map_err(|error| error.to_string())?;
    Ok(value.to_json())
}

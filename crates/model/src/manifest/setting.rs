//! Environment variables: names, values, references to secrets.

use serde_json::{Value as Json, json};

use crate::shape::{Decode, FromText, Misfit, Schemas, Shape};
use crate::source::{Finding, quoted};
use crate::yaml::{Node, Value};

use super::secret;
use super::words::text_word;

text_word! {
    /// The name of an environment variable.
    VariableName
}

impl FromText for VariableName {
    const WHAT: &'static str = "the name of a variable";
    const HOW: &'static str = "use letters, digits and `_`, beginning with a letter or `_`";
    const PATTERN: Option<&'static str> = Some("^[A-Za-z_][A-Za-z0-9_]*$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits = begins && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if fits { Ok(Self(text.to_owned())) } else { Err(Misfit::default()) }
    }
}

text_word! {
    /// The name under which a secret is kept.
    SecretName
}

impl FromText for SecretName {
    const WHAT: &'static str = "the name of a secret";
    const HOW: &'static str =
        "use letters, digits, `_`, `-`, `.` and `/`, beginning with a letter or `_`";
    const PATTERN: Option<&'static str> = Some("^[A-Za-z_][A-Za-z0-9_./-]*$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let fits =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
        if begins && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Misfit::default())
        }
    }
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    Text(String),
    /// Looked up when an instance starts, and shown to nobody.
    Secret(SecretName),
}

const WHAT: &str = "a text, a number, `true`, `false` or `{secret: NAME}`";

impl Shape for Setting {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match &node.value {
            Value::Null => {
                cx.expected(WHAT, node, Some("write \"\" for an empty text".to_owned()));
                None
            }
            Value::Mapping(_) => secret_name(node, cx).map(Self::Secret),
            Value::Sequence(_) => {
                cx.expected(
                    WHAT,
                    node,
                    Some("put the list into one text, as the program expects it".to_owned()),
                );
                None
            }
            Value::String(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                let text = node.text().unwrap_or_default();
                if text.contains('\0') {
                    let message = format!("{} holds a NUL character", cx.here());
                    cx.report(
                        Finding::error("wrong-value", message, node.span)
                            .label("no variable can hold it"),
                    );
                    return None;
                }
                let name = cx.key().to_owned();
                if let Some(what) = secret::suspected(&name, text) {
                    let message = format!("the value of {} looks like {what}", quoted(&name));
                    cx.report(secret::in_the_open(message, node.span).hint(format!(
                        "keep it as a secret and write `{name}: {{secret: {name}}}`"
                    )));
                }
                Some(Self::Text(text.to_owned()))
            }
        }
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, secret_schema()] })
    }
}

/// Reads `{secret: NAME}`.
pub(super) fn secret_name(node: &Node, cx: &mut Decode) -> Option<SecretName> {
    let entries = node.as_mapping().map_or(&[][..], |mapping| &mapping.entries);
    match entries {
        [entry] if entry.key.text == "secret" => {
            cx.within("secret", |cx| SecretName::decode(&entry.value, cx))
        }
        _ => {
            cx.expected("`{secret: NAME}`, if it is a mapping", node, None);
            None
        }
    }
}

pub(super) fn secret_schema() -> Json {
    json!({
        "type": "object",
        "description": "A secret by its name; it is looked up when an instance starts.",
        "properties": { "secret": { "type": "string", "pattern": SecretName::PATTERN } },
        "required": ["secret"],
        "additionalProperties": false,
    })
}

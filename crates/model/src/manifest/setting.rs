//! Environment variables: names, values, references to secrets.

use serde_json::{Value as Json, json};

use crate::shape::{Decode, FromText, Misfit, Schemas, Shape};
use crate::source::{Finding, quoted};
use crate::vault::{MAX_SECRET_NAME, SecretName, SecretNameError};
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

/// As the vault and the workflows know it.
impl FromText for SecretName {
    const WHAT: &'static str = "the name of a secret";
    const HOW: &'static str = "use letters, digits and `_`, beginning with a letter or `_`";
    const PATTERN: Option<&'static str> =
        Some("^(?![Gg][Ii][Tt][Hh][Uu][Bb]_)[A-Za-z_][A-Za-z0-9_]{0,127}$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        text.parse().map_err(|error| match error {
            SecretNameError::Malformed => tamed(text),
            SecretNameError::Reserved => {
                Misfit::hint("choose another: names that begin with `GITHUB_` belong to workflows")
            }
            SecretNameError::Long => Misfit::hint(format!("use at most {MAX_SECRET_NAME} letters")),
        })
    }
}

/// The name that was most likely meant: `chat/webhook` is `chat_webhook` here.
fn tamed(text: &str) -> Misfit {
    let tame = text.replace(['-', '.', '/'], "_");
    let is_name = tame != text && tame.parse::<SecretName>().is_ok();
    if is_name { Misfit::hint(format!("write `{tame}`")) } else { Misfit::default() }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_as_the_vault_names_it() {
        let named = |text: &str| SecretName::from_text(text).map(String::from);
        assert_eq!(named("chat_webhook"), Ok("CHAT_WEBHOOK".to_owned()));
        for (text, hint) in [
            ("chat/web-hook.2", Some("write `chat_web_hook_2`")),
            (
                "GITHUB_TOKEN",
                Some("choose another: names that begin with `GITHUB_` belong to workflows"),
            ),
            ("2FA", None),
            ("github-token", None),
        ] {
            assert_eq!(named(text).unwrap_err().hint.as_deref(), hint, "{text}");
        }
        assert!(named(&"a".repeat(MAX_SECRET_NAME + 1)).is_err());
    }
}

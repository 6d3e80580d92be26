//! Who is told of what.

use serde_json::{Value as Json, json};

use crate::shape;
use crate::shape::{Decode, FromText, OneOrMany, Schemas, Shape};
use crate::vault::SecretName;
use crate::yaml::{Node, Value};

use super::setting::{secret_name, secret_schema};
use super::words::is_email;
use super::{Url, secret};

shape! {
    /// Somebody who is told. An address alone is told what most want to know.
    #[short = "to"]
    pub struct Notice {
        /// An e-mail address, the address of a webhook, or a secret that holds one of them.
        to: Address,
        /// Of what.
        on: OneOrMany<Event> = "[waiting, rolled-back, failed, incident]",
    }
}

shape! {
    /// What one can be told of.
    pub enum Event {
        /// A release was cut.
        Released = "released",
        /// A release waits for approval or for its window.
        Waiting = "waiting",
        /// A release serves all users of an environment.
        Promoted = "promoted",
        /// A release was taken back.
        RolledBack = "rolled-back",
        /// A run or a rollout ended badly.
        Failed = "failed",
        /// Users are hurt.
        Incident = "incident",
        /// Users are well again.
        Recovered = "recovered",
    }
}

/// Where a notice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Email(String),
    Webhook(Url),
    /// The address is itself a secret, as those of chat webhooks are.
    Secret(SecretName),
}

const WHAT: &str = "an e-mail address, the address of a webhook or `{secret: NAME}`";

impl Shape for Address {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match &node.value {
            Value::String(text) if text.starts_with("http") => {
                match Url::from_text(text) {
                    Ok(url) => {
                        if let Some(what) = secret::suspected("", text) {
                            let message = format!("a notice goes to what looks like {what}");
                            cx.report(secret::in_the_open(message, node.span).hint(
                                "keep the address as a secret and write `to: {secret: NAME}`",
                            ));
                        }
                        return Some(Self::Webhook(url));
                    }
                    Err(_) => cx.expected(WHAT, node, Some(Url::HOW.to_owned())),
                }
            }
            Value::String(text) if is_email(text) => return Some(Self::Email(text.clone())),
            Value::Mapping(_) => return secret_name(node, cx).map(Self::Secret),
            _ => cx.expected(WHAT, node, None),
        }
        None
    }

    fn schema(schemas: &mut Schemas) -> Json {
        let email = json!({ "type": "string", "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$" });
        json!({ "anyOf": [email, Url::schema(schemas), secret_schema()] })
    }
}

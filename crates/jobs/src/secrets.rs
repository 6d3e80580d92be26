//! Which secrets a job sees, made of those that its service has.

use std::collections::BTreeSet;

use model::pipeline::{Order, Secrets, Tree, Values};
use workflow::expression::{Contexts, Node, Special, Template, Value};
use workflow::tree;

/// Secrets by their names.
pub type Named = Vec<(String, String)>;

/// What a job sees of `all`, under the names that its workflow gives them.
pub fn visible(secrets: &Secrets, all: &Named) -> Result<Named, String> {
    match secrets {
        Secrets::None => Ok(Named::new()),
        Secrets::All => Ok(all.clone()),
        Secrets::Named { names, contexts, of } => {
            let caller = Caller { secrets: visible(of, all)?, contexts };
            let value = |(name, template): &(String, String)| {
                let text = tree::text(&format!("secrets.{name}"), template, &caller);
                Ok((name.clone(), text.map_err(|error| error.to_string())?))
            };
            names.iter().map(value).collect()
        }
    }
}

/// Which secrets of its service an order asks for, by what is written in its workflows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// In upper case, as their case makes no difference.
    These(BTreeSet<String>),
    /// Which ones only shows when it is executed: `toJSON(secrets)`.
    All,
}

impl Asked {
    pub fn of(order: &Order) -> Self {
        let mut written = serde_json::to_value(order).unwrap_or_default();
        if let Some(parts) = written.as_object_mut() {
            // Values, in which nothing is evaluated.
            parts.remove("contexts");
            parts.remove("secrets");
        }
        let mut asked = Self::nothing();
        asked.read_tree(&written);
        asked.through(&order.secrets)
    }

    fn nothing() -> Self {
        Self::These(BTreeSet::new())
    }

    /// What is asked of the service by who sees its secrets in this way.
    fn through(self, secrets: &Secrets) -> Self {
        match secrets {
            Secrets::None => Self::nothing(),
            Secrets::All => self,
            Secrets::Named { names, of, .. } => {
                let mut asked = Self::nothing();
                for (_, template) in names {
                    asked.read(template);
                }
                asked.through(of)
            }
        }
    }

    fn read_tree(&mut self, tree: &Tree) {
        match tree {
            Tree::String(text) => self.read(text),
            Tree::Array(items) => {
                for item in items {
                    self.read_tree(item);
                }
            }
            Tree::Object(entries) => {
                for (key, value) in entries {
                    self.read(key);
                    self.read_tree(value);
                }
            }
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => {}
        }
    }

    fn read(&mut self, text: &str) {
        if !text.contains("${{") {
            return;
        }
        // What cannot be read is told when it is evaluated.
        let Ok(template) = Template::parse(text) else { return };
        for (expression, _) in template.expressions() {
            let (mut mentioned, mut named) = (0, 0);
            expression.root().walk(&mut |node| {
                mentioned += usize::from(is_secrets(node));
                let Node::Index { target, index, .. } = node else { return };
                if let (true, Node::Literal { value, .. }) = (is_secrets(target), &**index) {
                    named += 1;
                    if let Self::These(names) = self {
                        names.insert(value.to_text().to_ascii_uppercase());
                    }
                }
            });
            if mentioned > named {
                *self = Self::All;
            }
        }
    }
}

fn is_secrets(node: &Node) -> bool {
    matches!(node, Node::Context { name, .. } if &**name == "secrets")
}

/// The environment that a job is for, whose secrets go before those of its service.
pub fn environment(order: &Order) -> Result<Option<String>, String> {
    let Some(environment) = &order.environment else { return Ok(None) };
    let known = Caller { secrets: Named::new(), contexts: &order.contexts };
    let name = tree::text("environment", &environment.name, &known);
    name.map(Some).map_err(|error| error.to_string())
}

/// What the job sees that calls a workflow and passes secrets to it.
struct Caller<'a> {
    secrets: Named,
    contexts: &'a Values,
}

impl Contexts for Caller<'_> {
    fn context(&self, name: &str) -> Option<Value> {
        if name == "secrets" {
            let secrets =
                self.secrets.iter().map(|(name, value)| (name.clone(), value.clone().into()));
            return Some(Tree::Object(secrets.collect()).into());
        }
        self.contexts.get(name).cloned().map(Value::from)
    }

    fn call(&self, function: Special, _: &[Value]) -> Result<Value, String> {
        Err(format!("`{}` has no meaning where secrets are passed", function.name()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_called_workflow_sees_what_it_is_given_and_nothing_else() {
        let all =
            vec![("NPM_TOKEN".to_owned(), "n".to_owned()), ("KEY".to_owned(), "k".to_owned())];
        let named = |names: &[(&str, &str)], of| Secrets::Named {
            names: names.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
            contexts: Values::from_iter([("inputs".to_owned(), json!({"suffix": "!"}))]),
            of: Box::new(of),
        };
        let outer =
            named(&[("token", "${{ secrets.npm_token }}${{ inputs.suffix }}")], Secrets::All);
        let inner = named(
            &[("again", "${{ secrets.token }}"), ("gone", "${{ secrets.KEY }}")],
            outer.clone(),
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(visible(&outer, &all), Ok(vec![pair("token", "n!")]));
        assert_eq!(visible(&inner, &all), Ok(vec![pair("again", "n!"), pair("gone", "")]));
        assert_eq!(visible(&Secrets::None, &all), Ok(vec![]));
        assert!(visible(&named(&[("x", "${{ success() }}")], Secrets::All), &all).is_err());
    }

    #[test]
    fn only_what_is_written_down_is_asked_for() {
        let asked = |text: &str| {
            let mut asked = Asked::nothing();
            asked.read(text);
            asked
        };
        let these =
            |names: &[&str]| Asked::These(names.iter().map(|it| (*it).to_owned()).collect());
        for (text, names) in [
            ("echo secrets.TOKEN", &[][..]),
            ("${{ env.secrets.TOKEN }}", &[]),
            (
                "${{ secrets.npm_token }} and ${{ secrets['KEY'] || secrets.KEY }}",
                &["KEY", "NPM_TOKEN"],
            ),
            ("${{ secrets. }}", &[]),
        ] {
            assert_eq!(asked(text), these(names), "{text}");
        }
        for text in ["${{ toJSON(secrets) }}", "${{ secrets[matrix.key] }}", "${{ secrets.* }}"] {
            assert_eq!(asked(text), Asked::All, "{text}");
        }
        let called = Secrets::Named {
            names: vec![("token".to_owned(), "${{ secrets.NPM }}".to_owned())],
            contexts: Values::new(),
            of: Box::new(Secrets::All),
        };
        assert_eq!(asked("${{ secrets.token }}").through(&called), these(&["NPM"]));
        assert_eq!(asked("${{ toJSON(secrets) }}").through(&Secrets::None), these(&[]));
    }
}

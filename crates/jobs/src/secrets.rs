//! Which secrets a job sees, made of those that its service has.

use model::pipeline::{Secrets, Tree, Values};
use workflow::expression::{Contexts, Special, Value};
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
}

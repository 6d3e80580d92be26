//! Evaluating texts and trees that hold `${{ }}`, and taking of them what a place wants.
//!
//! A text that is one expression becomes the expression's value, whatever its kind; text around
//! expressions makes text. A list in a list's place is put into it item by item, and what stands
//! under the key `${{ insert }}` is put among the other entries.

use model::pipeline::Tree;
use model::source::quoted;
use serde_json::{Map, Value};

use crate::expression::{Contexts, EvaluationError, Template, TemplateError, Value as Evaluated};

/// The value of a tree.
pub fn evaluate(tree: &Tree, contexts: &dyn Contexts) -> Result<Value, TreeError> {
    match tree {
        Value::String(text) => Ok(single(text, contexts)?.to_json()),
        Value::Array(items) => {
            let mut values = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                let value =
                    evaluate(item, contexts).map_err(|error| error.below(&format!("[{at}]")))?;
                match (item, value) {
                    (Value::String(_), Value::Array(items)) => values.extend(items),
                    (_, value) => values.push(value),
                }
            }
            Ok(values.into())
        }
        Value::Object(entries) => Ok(mapping(entries, contexts)?.into()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(tree.clone()),
    }
}

/// The text that a template comes to. `what` names its place in errors: `working-directory`.
pub fn text(what: &str, template: &str, contexts: &dyn Contexts) -> Result<String, TreeError> {
    let value = single(template, contexts).map_err(|error| error.below(what))?;
    if value.is_primitive() {
        return Ok(value.to_text().into_owned());
    }
    Err(TreeError::wrong(what, "a text", &value.to_json()))
}

/// The truth value that a tree comes to.
pub fn boolean(what: &str, tree: &Tree, contexts: &dyn Contexts) -> Result<bool, TreeError> {
    let value = evaluate(tree, contexts).map_err(|error| error.below(what))?;
    value.as_bool().ok_or_else(|| TreeError::wrong(what, "`true` or `false`", &value))
}

/// The number that a tree comes to.
pub fn number(what: &str, tree: &Tree, contexts: &dyn Contexts) -> Result<f64, TreeError> {
    let value = evaluate(tree, contexts).map_err(|error| error.below(what))?;
    value.as_f64().ok_or_else(|| TreeError::wrong(what, "a number", &value))
}

/// The texts that a tree comes to: a list, or one text for a list of one.
pub fn texts(what: &str, tree: &Tree, contexts: &dyn Contexts) -> Result<Vec<String>, TreeError> {
    let value = evaluate(tree, contexts).map_err(|error| error.below(what))?;
    match value {
        Value::Array(items) => items.into_iter().map(|item| as_text(what, item)).collect(),
        single => Ok(vec![as_text(what, single)?]),
    }
}

/// The texts by name that a tree comes to, as `env` and `with` want them.
pub fn pairs(
    what: &str,
    tree: &Tree,
    contexts: &dyn Contexts,
) -> Result<Vec<(String, String)>, TreeError> {
    let value = evaluate(tree, contexts).map_err(|error| error.below(what))?;
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(entries) => {
            let pair = |(key, value): (String, Value)| {
                let value = as_text(&format!("{what}.{key}"), value)?;
                Ok((key, value))
            };
            entries.into_iter().map(pair).collect()
        }
        other => Err(TreeError::wrong(what, "a mapping", &other)),
    }
}

fn single(text: &str, contexts: &dyn Contexts) -> Result<Evaluated, TreeError> {
    if !text.contains("${{") {
        return Ok(text.into());
    }
    let template = Template::parse(text).map_err(TreeErrorKind::Syntax)?;
    Ok(template.evaluate(contexts).map_err(TreeErrorKind::Evaluation)?)
}

fn mapping(
    entries: &Map<String, Value>,
    contexts: &dyn Contexts,
) -> Result<Map<String, Value>, TreeError> {
    let mut values = Map::with_capacity(entries.len());
    for (written, tree) in entries {
        let value = evaluate(tree, contexts).map_err(|error| error.below(written))?;
        if !written.contains("${{") {
            put(&mut values, written.clone(), value)?;
        } else if is_insert(written) {
            let Value::Object(inserted) = value else {
                return Err(TreeError::wrong(written, "a mapping", &value));
            };
            for (key, value) in inserted {
                put(&mut values, key, value)?;
            }
        } else {
            let key = text("a key", written, contexts)?;
            put(&mut values, key, value)?;
        }
    }
    Ok(values)
}

fn put(values: &mut Map<String, Value>, key: String, value: Value) -> Result<(), TreeError> {
    if values.contains_key(&key) || values.keys().any(|known| known.eq_ignore_ascii_case(&key)) {
        return Err(TreeErrorKind::Twice(key).into());
    }
    values.insert(key, value);
    Ok(())
}

fn is_insert(key: &str) -> bool {
    let inside = key.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    inside.is_some_and(|inside| inside.trim() == "insert")
}

fn as_text(what: &str, value: Value) -> Result<String, TreeError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Array(_) | Value::Object(_) => Err(TreeError::wrong(what, "a text", &value)),
        single => Ok(Evaluated::from(single).to_text().into_owned()),
    }
}

/// Why a tree comes to nothing, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind}", prefix(place, kind))]
pub struct TreeError {
    /// `strategy.matrix.os[1]`; empty for the whole.
    pub place: String,
    pub kind: TreeErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeErrorKind {
    #[error("{0}")]
    Syntax(TemplateError),
    #[error("{0}")]
    Evaluation(EvaluationError),
    #[error("the key {} comes twice; its case does not count", quoted(.0))]
    Twice(String),
    #[error("must be {wanted}, found {found}{hint}")]
    Wrong { wanted: &'static str, found: String, hint: &'static str },
}

impl From<TreeErrorKind> for TreeError {
    fn from(kind: TreeErrorKind) -> Self {
        Self { place: String::new(), kind }
    }
}

impl TreeError {
    fn wrong(place: &str, wanted: &'static str, found: &Value) -> Self {
        let reads = |text: &str| serde_json::from_str::<Value>(text).ok();
        let hint = match (wanted, found.as_str().and_then(reads)) {
            ("a number", Some(Value::Number(_))) | (_, Some(Value::Bool(_))) => {
                "; `fromJSON(…)` makes a value of a text"
            }
            _ => "",
        };
        let kind = TreeErrorKind::Wrong { wanted, found: described(found), hint };
        Self { place: place.to_owned(), kind }
    }

    fn below(mut self, key: &str) -> Self {
        let separator = if self.place.is_empty() || self.place.starts_with('[') { "" } else { "." };
        self.place = format!("{key}{separator}{}", self.place);
        self
    }
}

fn prefix(place: &str, kind: &TreeErrorKind) -> String {
    match kind {
        TreeErrorKind::Wrong { .. } if place.is_empty() => "it ".to_owned(),
        TreeErrorKind::Wrong { .. } => format!("{} ", quoted(place)),
        _ if place.is_empty() => String::new(),
        _ => format!("{}: ", quoted(place)),
    }
}

/// What a message calls a value: "the text `x`", "a list".
pub(crate) fn described(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(value) => format!("the number {}", quoted(&value.to_string())),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expression::Special;

    struct Given(Value);

    impl Contexts for Given {
        fn context(&self, name: &str) -> Option<Evaluated> {
            self.0.get(name).cloned().map(Evaluated::from)
        }

        fn call(&self, function: Special, _: &[Evaluated]) -> Result<Evaluated, String> {
            Err(format!("no {} here", function.name()))
        }
    }

    fn given() -> Given {
        Given(json!({
            "matrix": {"os": "linux", "node": 20, "fast": true, "minutes": "5", "list": ["a", "b"]},
            "env": {"A": "1", "B": "2"},
        }))
    }

    fn value(tree: &Value) -> Result<Value, String> {
        evaluate(tree, &given()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_expression_alone_keeps_its_kind_and_mixed_text_is_text() {
        assert_eq!(value(&json!("${{ matrix.node }}")), Ok(json!(20)));
        assert_eq!(value(&json!("v${{ matrix.node }}")), Ok(json!("v20")));
        assert_eq!(value(&json!("${{ matrix.list }}")), Ok(json!(["a", "b"])));
        assert_eq!(value(&json!("${{ matrix.nothing }}")), Ok(json!(null)));
        assert_eq!(value(&json!("${{ '${{' }}")), Ok(json!("${{")));
        assert_eq!(value(&json!([1, true, null, "x"])), Ok(json!([1, true, null, "x"])));
    }

    #[test]
    fn lists_and_mappings_are_put_into_their_surroundings() {
        assert_eq!(
            value(&json!(["first", "${{ matrix.list }}", ["${{ matrix.list }}"]])),
            Ok(json!(["first", "a", "b", ["a", "b"]]))
        );
        assert_eq!(
            value(&json!({"X": "0", "${{ insert }}": "${{ env }}", "${{ matrix.os }}-Y": "3"})),
            Ok(json!({"X": "0", "A": "1", "B": "2", "linux-Y": "3"}))
        );
    }

    #[test]
    fn errors_name_the_place() {
        let error = |tree: Value| value(&tree).unwrap_err();
        assert_eq!(
            error(json!({"os": ["x", {"name": "${{ fromJSON('{') }}"}]})).split(':').next(),
            Some("`os[1].name`")
        );
        insta::assert_snapshot!(
            [
                error(json!({"a": "${{ matrix. }}"})),
                error(json!({"a": "1", "${{ insert }}": "${{ matrix.list }}"})),
                error(json!({"a": "1", "${{ insert }}": "${{ env }}"})),
                error(json!({"deep": ["${{ always() }}"]})),
            ]
            .join("\n")
        );
    }

    #[test]
    fn places_get_what_they_want_or_say_why_not() {
        let given = given();
        let at = |text: &str| json!(text);
        assert_eq!(boolean("continue-on-error", &at("${{ matrix.fast }}"), &given), Ok(true));
        assert_eq!(number("timeout-minutes", &json!(1.5), &given), Ok(1.5));
        assert_eq!(text("name", "on ${{ matrix.os }}", &given), Ok("on linux".to_owned()));
        assert_eq!(
            texts("runs-on", &json!(["self-hosted", "${{ matrix.list }}", 7]), &given).unwrap(),
            ["self-hosted", "a", "b", "7"]
        );
        assert_eq!(texts("runs-on", &at("${{ matrix.os }}"), &given).unwrap(), ["linux"]);
        assert_eq!(
            pairs("env", &json!({"N": "${{ matrix.node }}", "E": null}), &given).unwrap(),
            [("N".to_owned(), "20".to_owned()), ("E".to_owned(), String::new())]
        );
        insta::assert_snapshot!(
            [
                number("timeout-minutes", &at("abc"), &given).unwrap_err(),
                number("timeout-minutes", &at("${{ matrix.minutes }}"), &given).unwrap_err(),
                boolean("fail-fast", &at("${{ matrix.nothing }}"), &given).unwrap_err(),
                boolean("fail-fast", &at("true"), &given).unwrap_err(),
                text("name", "${{ matrix.list }}", &given).unwrap_err(),
                texts("runs-on", &at("${{ matrix }}"), &given).unwrap_err(),
                pairs("env", &at("${{ matrix.os }}"), &given).unwrap_err(),
                pairs("env", &json!({"A": ["x"]}), &given).unwrap_err(),
            ]
            .map(|error| error.to_string())
            .join("\n")
        );
    }
}

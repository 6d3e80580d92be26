//! Turns what a step says into what it means at the moment.

use model::pipeline::Tree;
use workflow::expression::{self, Condition, Contexts};
use workflow::tree;

use super::Pairs;

/// Why something that a workflow says cannot be evaluated, and where it says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Trouble(String);

impl Trouble {
    pub(crate) fn new(place: &str, what: &dyn std::fmt::Display) -> Self {
        Self(format!("`{place}`: {what}"))
    }
}

impl From<tree::TreeError> for Trouble {
    fn from(error: tree::TreeError) -> Self {
        Self(error.to_string())
    }
}

/// A text; `place` is what messages call it.
pub(crate) fn text(place: &str, text: &str, contexts: &dyn Contexts) -> Result<String, Trouble> {
    Ok(tree::text(place, text, contexts)?)
}

/// A mapping of texts, or the one expression that stands for it.
pub(crate) fn mapping(place: &str, tree: &Tree, contexts: &dyn Contexts) -> Result<Pairs, Trouble> {
    match tree {
        Tree::Null => Ok(Pairs::new()),
        tree => Ok(tree::pairs(place, tree, contexts)?),
    }
}

/// A truth value; what is not there is false.
pub(crate) fn flag(
    place: &str,
    tree: Option<&Tree>,
    contexts: &dyn Contexts,
) -> Result<bool, Trouble> {
    tree.map_or(Ok(false), |tree| Ok(tree::boolean(place, tree, contexts)?))
}

/// A number of minutes above 0.
pub(crate) fn minutes(
    place: &str,
    tree: Option<&Tree>,
    contexts: &dyn Contexts,
) -> Result<Option<f64>, Trouble> {
    let Some(tree) = tree else { return Ok(None) };
    let minutes = tree::number(place, tree, contexts)?;
    Ok(Some(minutes).filter(|minutes| *minutes > 0.0))
}

/// Reads the text of an `if:`.
pub(crate) fn condition(text: &str) -> Result<Condition, Trouble> {
    expression::condition(text).map_err(|error| Trouble::new("if", &error))
}

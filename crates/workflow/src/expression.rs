//! GitHub's expression language: what stands between `${{` and `}}`, and in `if:`.
//!
//! [`Expression`] is one expression, [`Template`] a text with expressions in it, and [`condition`]
//! reads the text of an `if:`. Where upstream's own implementations differ, the one that executes
//! steps is followed.

mod casing;
mod condition;
mod evaluate;
mod function;
mod json;
mod memory;
mod names;
mod node;
mod number;
mod object;
mod parse;
mod syntax_error;
mod template;
mod token;
mod value;

use std::sync::Arc;

pub use condition::{Condition, condition, condition_with};
pub use evaluate::{Contexts, EvaluationError, Problem};
pub use memory::{EXPRESSION_MEMORY, TEMPLATE_MEMORY};
pub use names::{Function, Names, Signature, Special};
pub use node::{Comparison, Node};
pub use object::Object;
pub use syntax_error::{MAX_DEPTH, MAX_LENGTH, SyntaxError, SyntaxErrorKind};
pub use template::{Part, Template, TemplateError, TemplateErrorKind};
pub use value::{Array, Kind, Value};

/// An expression that was read. A clone shares the tree with the original.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Arc<str>,
    root: Arc<Node>,
}

impl Expression {
    /// Reads an expression that may name anything that can be named at some place. An empty one is
    /// null.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Self::read(text, None)
    }

    /// Reads an expression that may name what `names` has. Of several errors the one is told that
    /// upstream tells.
    pub fn parse_with(text: &str, names: &Names<'_>) -> Result<Self, SyntaxError> {
        Self::read(text, Some(names))
    }

    fn read(text: &str, names: Option<&Names<'_>>) -> Result<Self, SyntaxError> {
        let text: Arc<str> = text.into();
        let root = parse::parse(&text, names).map_err(|fault| fault.within(&text))?;
        Ok(Self { text, root: Arc::new(root) })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Whether everything it names is there.
    pub fn check(&self, names: &Names<'_>) -> Result<(), SyntaxError> {
        names::check(&self.root, names).map_err(|fault| fault.within(&self.text))
    }

    pub fn evaluate(&self, contexts: &dyn Contexts) -> Result<Value, EvaluationError> {
        self.evaluate_within(contexts, EXPRESSION_MEMORY)
    }

    fn evaluate_within(
        &self,
        contexts: &dyn Contexts,
        memory: usize,
    ) -> Result<Value, EvaluationError> {
        evaluate::evaluate(&self.root, contexts, memory)
    }

    /// Whether it asks how the run has gone so far.
    pub fn asks_for_status(&self) -> bool {
        let mut asks = false;
        self.root.walk(&mut |node| {
            asks |= matches!(
                node,
                Node::Call { function: Function::Special(special), .. } if special.is_status()
            );
        });
        asks
    }
}

/// The text says it all: names only refuse.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

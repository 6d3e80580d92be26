//! Commands: words without a shell.
//!
//! A shell would stand between the supervisor and the program: it swallows signals, hides exit
//! codes and splits what was not meant to be split. So a text is split here, once, by the rules
//! everybody has in the fingers; who wants a shell writes `sh -c '…'`.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::shape::{Decode, FromText, Schemas, Shape};
use crate::yaml::{Node, Value};

/// A program and its arguments, some parts of which may be variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<Piece>>", into = "Vec<Vec<Piece>>")]
pub struct Command {
    /// At least one.
    words: Vec<Vec<Piece>>,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Piece {
    Text(String),
    Variable(String),
}

/// A variable that a command needs and nobody has set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the command needs the variable `{0}`, which is not set")]
pub struct UnsetVariable(pub String);

impl Command {
    pub fn words(&self) -> &[Vec<Piece>] {
        &self.words
    }

    /// The words with every variable filled in. A value is never split again.
    pub fn filled(
        &self,
        value_of: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<String>, UnsetVariable> {
        let fill = |piece: &Piece| match piece {
            Piece::Text(text) => Ok(text.clone()),
            Piece::Variable(name) => value_of(name).ok_or_else(|| UnsetVariable(name.clone())),
        };
        self.words.iter().map(|word| word.iter().map(fill).collect()).collect()
    }
}

impl TryFrom<Vec<Vec<Piece>>> for Command {
    type Error = NoWords;

    fn try_from(words: Vec<Vec<Piece>>) -> Result<Self, NoWords> {
        if words.is_empty() { Err(NoWords) } else { Ok(Self { words }) }
    }
}

impl From<Command> for Vec<Vec<Piece>> {
    fn from(command: Command) -> Self {
        command.words
    }
}

/// A command of no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command needs at least one word")]
pub struct NoWords;

const WHAT: &str = "a command";

impl Shape for Command {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        match &node.value {
            Value::String(text) => match split(text) {
                Ok(words) => Some(Self { words }),
                Err(reason) => {
                    cx.expected(WHAT, node, Some(reason));
                    None
                }
            },
            Value::Sequence(items) if !items.is_empty() => {
                let words: Vec<Option<Vec<Piece>>> =
                    items.iter().map(|item| literal(item, cx)).collect();
                words.into_iter().collect::<Option<_>>().map(|words| Self { words })
            }
            _ => {
                cx.expected(WHAT, node, Some("write a text or a list of words".to_owned()));
                None
            }
        }
    }

    fn schema(_: &mut Schemas) -> Json {
        json!({ "anyOf": [
            { "type": "string", "pattern": r"\S" },
            { "type": "array", "items": { "type": ["string", "number"] }, "minItems": 1 },
        ] })
    }
}

fn literal(item: &Node, cx: &mut Decode) -> Option<Vec<Piece>> {
    if let (Value::String(_) | Value::Int(_) | Value::Float(_), Some(text)) =
        (&item.value, item.text())
    {
        return Some(vec![Piece::Text(text.to_owned())]);
    }
    cx.expected("a command of texts only", item, Some("put the word in quotes".to_owned()));
    None
}

/// Splits a text into words, or says how to write it instead.
fn split(text: &str) -> Result<Vec<Vec<Piece>>, String> {
    let mut splitter = Splitter { words: Vec::new(), word: None, bare: String::new() };
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => splitter.end_word()?,
            '\'' => {
                splitter.begin_quote();
                loop {
                    match chars.next() {
                        Some('\'') => break,
                        Some(c) => splitter.push(c),
                        None => return Err("close the single quote".to_owned()),
                    }
                }
            }
            '"' => {
                splitter.begin_quote();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') if matches!(chars.peek(), Some('"' | '\\' | '$')) => {
                            splitter.push(chars.next().unwrap_or('\\'));
                        }
                        Some('$') => splitter.dollar(&mut chars)?,
                        Some(c) => splitter.push(c),
                        None => return Err("close the double quote".to_owned()),
                    }
                }
            }
            '\\' => {
                splitter.begin_quote();
                splitter.push(chars.next().ok_or("remove the backslash at the end, or write two")?);
            }
            '$' => splitter.dollar(&mut chars)?,
            '`' => return Err(needs_shell("`…`")),
            c => {
                splitter.bare.push(c);
                splitter.push(c);
            }
        }
    }
    splitter.end_word()?;
    if splitter.words.is_empty() {
        return Err("write the program to start and its arguments".to_owned());
    }
    Ok(splitter.words)
}

struct Splitter {
    words: Vec<Vec<Piece>>,
    word: Option<Vec<Piece>>,
    /// The part of the present word that no quote protects.
    bare: String,
}

impl Splitter {
    fn begin_quote(&mut self) {
        self.word.get_or_insert_default();
        // A word that is partly quoted is no operator and no assignment.
        self.bare.push('\'');
    }

    fn push(&mut self, c: char) {
        let word = self.word.get_or_insert_default();
        match word.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => word.push(Piece::Text(c.to_string())),
        }
    }

    fn dollar(
        &mut self,
        chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    ) -> Result<(), String> {
        let begins = |c: &char| c.is_ascii_alphabetic() || *c == '_';
        let belongs = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let mut name = String::new();
        match chars.peek() {
            Some('(') => return Err(needs_shell("$(…)")),
            Some('$') => {
                chars.next();
                self.push('$');
                return Ok(());
            }
            Some('{') => {
                chars.next();
                while let Some(c) = chars.next_if(belongs) {
                    name.push(c);
                }
                if chars.next() != Some('}') || !name.starts_with(|c| begins(&c)) {
                    return Err("write a variable as `${NAME}`, a dollar sign as `$$`".to_owned());
                }
            }
            Some(c) if begins(c) => {
                while let Some(c) = chars.next_if(belongs) {
                    name.push(c);
                }
            }
            _ => {
                self.push('$');
                return Ok(());
            }
        }
        self.bare.push('\'');
        self.word.get_or_insert_default().push(Piece::Variable(name));
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), String> {
        let bare = std::mem::take(&mut self.bare);
        let Some(word) = self.word.take() else { return Ok(()) };
        let operator = matches!(
            bare.as_str(),
            "|" | "||" | "&" | "&&" | ";" | ">" | ">>" | "<" | "<<" | "2>" | "2>&1"
        );
        if operator || bare.ends_with(';') {
            return Err(needs_shell(&bare));
        }
        let assigns = bare
            .split_once('=')
            .is_some_and(|(name, _)| super::VariableName::from_text(name).is_ok());
        if assigns && self.words.is_empty() {
            return Err(format!("no shell reads this: set the variable of `{bare}` in `env`"));
        }
        self.words.push(word);
        Ok(())
    }
}

fn needs_shell(operator: &str) -> String {
    format!("no shell reads this, so `{operator}` means nothing: quote it, or write `sh -c '…'`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, String> {
        let command = Command { words: split(text)? };
        let value_of = |name: &str| (name == "PORT").then(|| "80 80".to_owned());
        command.filled(value_of).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_are_split_as_by_a_shell() {
        for (text, expected) in [
            ("a b  c", vec!["a", "b", "c"]),
            ("  a\n b\t", vec!["a", "b"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a '' \"\"", vec!["a", "", ""]),
            (r#"a\ b "c\"d\\e\f" 'g\h'"#, vec!["a b", r#"c"d\e\f"#, r"g\h"]),
            ("a --port=$PORT x${PORT}y", vec!["a", "--port=80 80", "x80 80y"]),
            ("a '$PORT' $$PORT $ \"$PORT\" $5", vec!["a", "$PORT", "$PORT", "$", "80 80", "$5"]),
            ("sh -c 'a && b > c'", vec!["sh", "-c", "a && b > c"]),
            ("a '|' \\; x=y", vec!["a", "|", ";", "x=y"]),
            ("caf\u{e9} \u{1f600}", vec!["caf\u{e9}", "\u{1f600}"]),
        ] {
            assert_eq!(
                words(text),
                Ok(expected.into_iter().map(str::to_owned).collect()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_only_a_shell_knows_is_refused() {
        for text in [
            "",
            "  ",
            "a 'b",
            "a \"b",
            "a \\",
            "a | b",
            "a && b",
            "a; b",
            "a > b",
            "X=1 a",
            "a $(b)",
            "a `b`",
            "a ${",
            "a ${}",
            "a ${1}",
            "a ${A:-b}",
            "a $UNSET",
        ] {
            assert!(words(text).is_err(), "{text}");
        }
    }
}

//! Why a workflow does not start, in words.

use model::source::quoted;

use super::Target;
use crate::glob::PatternError;
use crate::syntax::model::Filter;

/// How many patterns of a list are shown.
const SHOWN: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    #[error("{} does not start it; it starts on {}", quoted(event), named(listens, "and"))]
    OtherEvent { event: String, listens: Vec<String> },
    #[error("it starts only when another workflow calls it")]
    Called,
    #[error("no schedule of it is {}; there is {}", quoted(due), named(known, "and"))]
    OtherSchedule { due: String, known: Vec<String> },
    #[error("{}", other_type(event, action, types, *by_default))]
    OtherType { event: String, action: String, types: Vec<String>, by_default: bool },
    /// "branch `dev` does not match `branches: [main]`"
    #[error("{what} {} does not match {list}", quoted(name))]
    Unmatched { what: String, name: String, list: String },
    #[error("{what} {} matches {list}", quoted(name))]
    Ignored { what: String, name: String, list: String },
    /// Only branches are asked for, and it is a tag; or the other way round.
    #[error("{} is a {}, and `{only}` asks for {} only", quoted(target.name()), target.kind(), asked(only))]
    OtherKind { target: Target, only: String },
    #[error("{}", deleted(.0.as_ref()))]
    Deleted(Option<Target>),
    #[error("no file was changed, and `{0}` looks at those")]
    NothingChanged(String),
    #[error("{files} matches {list}")]
    NoPath { files: String, list: String },
    #[error("{files} match {list}")]
    OnlyIgnoredPaths { files: String, list: String },
    #[error("the commit message says {}", quoted(.0))]
    Skipped(String),
    #[error("the pattern {} in `{key}` cannot be read: {error}", quoted(pattern))]
    Broken { key: String, pattern: String, error: PatternError },
}

impl WhyNot {
    pub(super) fn unmatched(what: &str, name: &str, key: &str, filter: &Filter) -> Self {
        Self::Unmatched { what: what.to_owned(), name: name.to_owned(), list: list(key, filter) }
    }

    pub(super) fn of_filter(
        what: &str,
        name: &str,
        key: &str,
        filter: &Filter,
        wanted: bool,
    ) -> Self {
        if wanted {
            return Self::unmatched(what, name, key, filter);
        }
        Self::Ignored { what: what.to_owned(), name: name.to_owned(), list: list(key, filter) }
    }

    pub(super) fn of_paths(changed: &[String], key: &str, filter: &Filter, wanted: bool) -> Self {
        let list = list(key, filter);
        match changed {
            [one] if wanted => {
                Self::Unmatched { what: "the changed file".to_owned(), name: one.clone(), list }
            }
            [one] => Self::Ignored { what: "the changed file".to_owned(), name: one.clone(), list },
            more if wanted => {
                Self::NoPath { files: format!("none of the {} changed files", more.len()), list }
            }
            more => {
                Self::OnlyIgnoredPaths { files: format!("all {} changed files", more.len()), list }
            }
        }
    }
}

/// `branches: [main, 'releases/**']`, in backticks.
fn list(key: &str, filter: &Filter) -> String {
    let shown = filter.patterns.iter().take(SHOWN).map(|pattern| scalar(&pattern.value));
    let mut shown: Vec<String> = shown.collect();
    if filter.patterns.len() > SHOWN {
        shown.push("…".to_owned());
    }
    format!("`{key}: [{}]`", shown.join(", "))
}

/// A pattern as YAML has it in brackets.
fn scalar(text: &str) -> String {
    let bare = |c: char| c.is_alphanumeric() || "-_./+".contains(c);
    let plain = text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    if plain && text.chars().all(bare) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

fn other_type(event: &str, action: &str, types: &[String], by_default: bool) -> String {
    let narrowed = if by_default { ", as it names no `types`" } else { "" };
    format!(
        "{} of type {} does not start it; it starts on {}{narrowed}",
        quoted(event),
        quoted(action),
        named(types, "and"),
    )
}

fn deleted(target: Option<&Target>) -> String {
    target.map_or_else(
        || "what was pushed is gone".to_owned(),
        |target| format!("{} {} was deleted", target.kind(), quoted(target.name())),
    )
}

/// "branches" of `branches-ignore`.
fn asked(key: &str) -> &str {
    key.split('-').next().unwrap_or(key)
}

/// "`a`, `b` and `c`"
fn named(names: &[String], word: &str) -> String {
    match names {
        [] => "nothing".to_owned(),
        [one] => quoted(one),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(|name| quoted(name)).collect();
            format!("{} {word} {}", first.join(", "), quoted(last))
        }
    }
}

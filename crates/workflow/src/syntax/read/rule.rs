//! Asking rules: what they accept, and what a message says of them.

use model::shape::listed;

use super::super::grammar::{Mapping, Rule, Texts};

/// The rule for a key that has one. Candidates that do not know the key are out.
pub(super) fn known(candidates: &mut Vec<&'static Mapping>, name: &str) -> Option<&'static Rule> {
    let find = |mapping: &&'static Mapping| mapping.keys.iter().find(|key| key.name == name);
    let rule = &candidates.iter().find_map(find)?.rule;
    candidates.retain(|mapping| find(mapping).is_some());
    Some(rule)
}

pub(super) fn accepts(texts: Texts, text: &str) -> bool {
    match texts {
        Texts::None => false,
        Texts::Any => true,
        Texts::NotEmpty => !text.is_empty(),
        Texts::OneOf(words) | Texts::Known(words) => words.contains(&text),
    }
}

/// What a message says of a rule: "a text or a list".
pub(super) fn expected(rule: &Rule) -> String {
    let mut kinds = Vec::new();
    match rule.text {
        Texts::None => {}
        Texts::Any => kinds.push("a text".to_owned()),
        Texts::NotEmpty => kinds.push("a text that is not empty".to_owned()),
        Texts::OneOf(words) | Texts::Known(words) if words.len() <= MOST_WORDS => {
            kinds.push(listed(words, "or"));
        }
        Texts::OneOf(_) | Texts::Known(_) => kinds.push("one of the known words".to_owned()),
    }
    if rule.boolean {
        kinds.push("`true` or `false`".to_owned());
    }
    if rule.number {
        kinds.push("a number".to_owned());
    }
    if rule.list.is_some() {
        kinds.push("a list".to_owned());
    }
    if !rule.mappings().is_empty() {
        kinds.push("a mapping".to_owned());
    }
    if rule.null && kinds.is_empty() {
        kinds.push("nothing".to_owned());
    }
    match kinds.as_slice() {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// More words than these are not listed.
const MOST_WORDS: usize = 8;

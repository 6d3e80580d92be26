//! One part of a path against one part of a pattern.

/// A pattern for a single name: `*`, `?`, `[a-z]`, `[!0-9]`, `[[:alpha:]]`, and `\` before a
/// character that stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    One(char),
    Any,
    Many,
    Set { negated: bool, items: Vec<Item> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Range(char, char),
    /// As in `[[:alpha:]]`.
    Class(&'static str),
}

impl Name {
    pub(super) fn new(pattern: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            rest = &rest[first.len_utf8()..];
            match first {
                '*' => {
                    if parts.last() != Some(&Part::Many) {
                        parts.push(Part::Many);
                    }
                }
                '?' => parts.push(Part::Any),
                '\\' => match rest.chars().next() {
                    Some(escaped) => {
                        rest = &rest[escaped.len_utf8()..];
                        parts.push(Part::One(escaped));
                    }
                    None => parts.push(Part::One('\\')),
                },
                '[' => match set(rest) {
                    Some((part, after)) => {
                        parts.push(part);
                        rest = after;
                    }
                    None => parts.push(Part::One('[')),
                },
                other => parts.push(Part::One(other)),
            }
        }
        Self { parts }
    }

    /// A name that stands for itself, whatever is in it.
    pub(super) fn literal(name: &str) -> Self {
        Self { parts: name.chars().map(Part::One).collect() }
    }

    /// The name, where only one name matches.
    pub(super) fn as_literal(&self) -> Option<String> {
        self.parts
            .iter()
            .map(|part| match part {
                Part::One(one) => Some(*one),
                Part::Set { negated: false, items } => match items.as_slice() {
                    [Item::Range(from, to)] if from == to => Some(*from),
                    _ => None,
                },
                _ => None,
            })
            .collect()
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        // What follows the last `*` is tried at each place in turn; earlier ones need no second try.
        let mut part = 0;
        let mut rest = name;
        let mut retry: Option<(usize, &str)> = None;
        loop {
            match (self.parts.get(part), rest.chars().next()) {
                (None, None) => return !name.is_empty() || self.parts.is_empty(),
                (Some(Part::Many), _) => {
                    part += 1;
                    retry = Some((part, rest));
                    continue;
                }
                (Some(wanted), Some(found)) if wanted.matches(found) => {
                    part += 1;
                    rest = &rest[found.len_utf8()..];
                    continue;
                }
                _ => {}
            }
            let Some((after_star, from)) = retry else { return false };
            let Some(skipped) = from.chars().next() else { return false };
            rest = &from[skipped.len_utf8()..];
            part = after_star;
            retry = Some((after_star, rest));
        }
    }
}

impl Part {
    fn matches(&self, found: char) -> bool {
        match self {
            Self::One(one) => *one == found,
            Self::Any | Self::Many => true,
            Self::Set { negated, items } => {
                let is_in = items.iter().any(|item| match item {
                    Item::Range(from, to) => (*from..=*to).contains(&found),
                    Item::Class(name) => is_in(name, found),
                });
                is_in != *negated
            }
        }
    }
}

/// Reads a set after its `[`; `None` where it is none, and the bracket stands for itself.
fn set(text: &str) -> Option<(Part, &str)> {
    let negated = text.starts_with(['!', '^']);
    let mut rest = if negated { &text[1..] } else { text };
    let mut items = Vec::new();
    let mut is_first = true;
    loop {
        let first = rest.chars().next()?;
        if first == ']' && !is_first {
            let after = &rest[1..];
            return Some((Part::Set { negated, items }, after));
        }
        is_first = false;
        if let Some((class, after)) = class(rest) {
            items.push(Item::Class(class));
            rest = after;
            continue;
        }
        let (from, after) = character(rest)?;
        rest = after;
        let to = rest.strip_prefix('-').filter(|after| !after.starts_with(']')).and_then(character);
        match to {
            Some((to, after)) => {
                rest = after;
                // A range that runs backwards holds nothing.
                items.push(Item::Range(from, to));
            }
            None => items.push(Item::Range(from, from)),
        }
    }
}

fn character(text: &str) -> Option<(char, &str)> {
    let text = text.strip_prefix('\\').filter(|rest| !rest.is_empty()).unwrap_or(text);
    let first = text.chars().next()?;
    Some((first, &text[first.len_utf8()..]))
}

const CLASSES: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

fn class(text: &str) -> Option<(&'static str, &str)> {
    let (name, after) = text.strip_prefix("[:")?.split_once(":]")?;
    let known = CLASSES.iter().find(|known| **known == name)?;
    Some((known, after))
}

fn is_in(class: &str, one: char) -> bool {
    match class {
        "alnum" => one.is_alphanumeric(),
        "alpha" => one.is_alphabetic(),
        "ascii" => one.is_ascii(),
        "blank" => matches!(one, ' ' | '\t'),
        "cntrl" => one.is_control(),
        "digit" => one.is_numeric(),
        "graph" => !one.is_control() && !one.is_whitespace(),
        "lower" => one.is_lowercase(),
        "print" => !one.is_control(),
        "punct" => one.is_ascii_punctuation(),
        "space" => one.is_whitespace(),
        "upper" => one.is_uppercase(),
        "word" => one.is_alphanumeric() || one == '_',
        "xdigit" => one.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_sets() {
        let matches = |pattern, name| Name::new(pattern).matches(name);
        assert!(matches("*.rs", "lib.rs") && matches("*", ".hidden") && matches("a*b*c", "aXbYbc"));
        assert!(!matches("*.rs", "lib.rsx") && !matches("*", "") && !matches("?", ""));
        assert!(matches("[a-c]x", "bx") && !matches("[!a-c]x", "bx") && matches("[]]", "]"));
        assert!(matches("[[:digit:]_]", "7") && matches("[a", "[a") && matches("\\*", "*"));
        assert!(!matches("\\*", "x") && matches("a-[0-9]*", "a-1") && matches("é?", "éü"));
    }
}

//! Patterns for the names of artifacts, as the action that downloads them has them.

use ports::depot::{DepotError, DepotErrorKind};

use super::manifest::shown;

/// A pattern that was understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// What is meant is what does not fit.
    is_negated: bool,
    /// It fits what fits one of them.
    alternatives: Vec<Vec<Token>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    Any,
    Many,
    OneOf { ranges: Vec<(char, char)>, is_negated: bool },
}

/// The longest pattern, in bytes, and the most that braces may make of it.
const MAX_PATTERN: usize = 1_024;
const MAX_ALTERNATIVES: usize = 1_000;

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, DepotError> {
        let refused = |why: &str| {
            let what = format!("the pattern `{}` {why}", shown(text.as_bytes()));
            Err(DepotError::new(DepotErrorKind::Invalid, what))
        };
        if text.is_empty() {
            return refused("is empty");
        }
        if text.len() > MAX_PATTERN {
            return refused(&format!("has more than {MAX_PATTERN} bytes"));
        }
        let rest = text.trim_start_matches('!');
        let is_negated = (text.len() - rest.len()) % 2 == 1;
        let has_list = "has a list in parentheses, which is not known here";
        if rest.len() < text.len() && rest.starts_with('(') {
            return refused(has_list);
        }
        let Some(texts) = braces(rest) else {
            return refused(&format!("stands for more than {MAX_ALTERNATIVES} others"));
        };
        let mut alternatives = Vec::with_capacity(texts.len());
        for alternative in texts {
            match tokens(&alternative) {
                Some(tokens) => alternatives.push(tokens),
                None => return refused(has_list),
            }
        }
        Ok(Self { is_negated, alternatives })
    }

    pub(super) fn fits(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let fits = self.alternatives.iter().any(|tokens| fits(tokens, &name));
        fits != self.is_negated
    }
}

/// What a pattern becomes when one of each of its braces is chosen. A brace without a comma, or
/// without an end, is nothing but itself.
fn braces(text: &str) -> Option<Vec<String>> {
    let chars: Vec<char> = text.chars().collect();
    let mut done = Vec::new();
    let mut open = vec![chars];
    while let Some(text) = open.pop() {
        if open.len() + done.len() >= MAX_ALTERNATIVES {
            return None;
        }
        match first_brace(&text) {
            None => done.push(text.iter().collect()),
            Some((start, end, choices)) => {
                open.extend(
                    choices
                        .iter()
                        .rev()
                        .map(|choice| [&text[..start], choice, &text[end..]].concat()),
                );
            }
        }
    }
    Some(done)
}

/// Where the first brace with a choice begins and ends, and what may be chosen.
fn first_brace(text: &[char]) -> Option<(usize, usize, Vec<&[char]>)> {
    (0..text.len()).find_map(|start| {
        if text[start] != '{' || is_escaped(text, start) {
            return None;
        }
        let (mut depth, mut from, mut choices) = (0, start + 1, Vec::new());
        for at in start..text.len() {
            if is_escaped(text, at) {
                continue;
            }
            match text[at] {
                '{' => depth += 1,
                ',' if depth == 1 => {
                    choices.push(&text[from..at]);
                    from = at + 1;
                }
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        choices.push(&text[from..at]);
                        return (choices.len() > 1).then_some((start, at + 1, choices));
                    }
                }
                _ => {}
            }
        }
        None
    })
}

fn is_escaped(text: &[char], at: usize) -> bool {
    text[..at].iter().rev().take_while(|c| **c == '\\').count() % 2 == 1
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if "?*+@!".contains(c) && after.starts_with('(') {
            return None;
        }
        rest = after;
        let token = match c {
            '*' => Token::Many,
            '?' => Token::Any,
            '[' => match one_of(after) {
                Some((token, after)) => {
                    rest = after;
                    token
                }
                None => Token::Char('['),
            },
            '\\' => match after.chars().next() {
                Some(escaped) => {
                    rest = &after[escaped.len_utf8()..];
                    Token::Char(escaped)
                }
                None => Token::Char('\\'),
            },
            c => Token::Char(c),
        };
        // Two in a row mean no more than one, and cost more.
        if token != Token::Many || tokens.last() != Some(&Token::Many) {
            tokens.push(token);
        }
    }
    Some(tokens)
}

/// A list of characters, and what is behind it. `None` when it has no end.
fn one_of(text: &str) -> Option<(Token, &str)> {
    let (is_negated, text) = match text.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut chars = text.char_indices().peekable();
    let mut ranges = Vec::new();
    while let Some((at, c)) = chars.next() {
        if c == ']' && !ranges.is_empty() {
            return Some((Token::OneOf { ranges, is_negated }, &text[at + 1..]));
        }
        let first = if c == '\\' { chars.next()?.1 } else { c };
        let is_range = text[at..].len() > first.len_utf8()
            && chars.peek().is_some_and(|(_, c)| *c == '-')
            && !text[chars.peek()?.0 + 1..].starts_with(']');
        let last = if is_range {
            chars.next();
            chars.next()?.1
        } else {
            first
        };
        ranges.push((first, last));
    }
    None
}

/// Goes back to the last `*` only, so that no pattern takes long.
fn fits(tokens: &[Token], name: &[char]) -> bool {
    // What is hidden is meant only by who says so.
    if name.first() == Some(&'.') && tokens.first() != Some(&Token::Char('.')) {
        return false;
    }
    let (mut token, mut at) = (0, 0);
    let mut last_many: Option<(usize, usize)> = None;
    while at < name.len() {
        let fits_here = match tokens.get(token) {
            Some(Token::Many) => {
                last_many = Some((token, at));
                token += 1;
                continue;
            }
            Some(Token::Any) => true,
            Some(Token::Char(c)) => *c == name[at],
            Some(Token::OneOf { ranges, is_negated }) => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&name[at]))
                    != *is_negated
            }
            None => false,
        };
        if fits_here {
            token += 1;
            at += 1;
            continue;
        }
        match &mut last_many {
            Some((many, from)) => {
                *from += 1;
                (token, at) = (*many + 1, *from);
            }
            None => return false,
        }
    }
    tokens[token..].iter().all(|token| *token == Token::Many)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        Pattern::new(pattern).unwrap().fits(name)
    }

    #[test]
    fn patterns_fit_what_they_mean() {
        for (pattern, fitting, others) in [
            ("dist", &["dist"][..], &["dist2", "dis", ""][..]),
            ("*", &["dist", "a.b", ""], &[".hidden"]),
            ("**", &["dist"], &[".hidden"]),
            (".*", &[".hidden"], &["shown"]),
            ("test-*", &["test-", "test-linux"], &["test", "a-test-1"]),
            ("*-linux-*", &["a-linux-b", "a-linux-linux-b"], &["a-linux", "linux-a"]),
            ("a?c", &["abc", "aäc"], &["ac", "abbc"]),
            ("v[0-9]", &["v0", "v9"], &["va", "v10", "v"]),
            ("v[!0-9]", &["va"], &["v0"]),
            ("v[^0-9]", &["va"], &["v0"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[a", &["[a"], &["a"]),
            ("{a,b}-{1,2}", &["a-1", "b-2"], &["a-3", "c-1", "{a,b}-1"]),
            ("{a,{b,c}d}", &["a", "bd", "cd"], &["b", "ad"]),
            ("x{,-debug}", &["x", "x-debug"], &["x-"]),
            ("{a}", &["{a}"], &["a"]),
            ("{a,b", &["{a,b"], &["a"]),
            ("!dist", &["other"], &["dist"]),
            ("!!dist", &["dist"], &["other"]),
            ("!{a,b}", &["c"], &["a", "b"]),
            ("a\\*", &["a*"], &["ab"]),
            ("\\{a,b\\}", &["{a,b}"], &["a"]),
        ] {
            for name in fitting {
                assert!(fits(pattern, name), "{pattern} fits {name}");
            }
            for name in others {
                assert!(!fits(pattern, name), "{pattern} does not fit {name}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let long = "x".repeat(MAX_PATTERN + 1);
        let many = "{a,b}".repeat(12);
        for pattern in ["", "@(a|b)", "!(a)", "x*(a)", &long, &many] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = "*a".repeat(300);
        assert!(!fits(&pattern, &("a".repeat(255) + "b")));
    }
}

//! Patterns as JavaScript writes them, made into ours.

use regex::bytes::{Regex, RegexBuilder};

/// A pattern that needs more memory is refused.
const MOST_MEMORY: usize = 1 << 20;

/// Compiles a pattern. It never takes more than linear time, so there is no looking around.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(&translated(pattern))
        .unicode(false)
        .size_limit(MOST_MEMORY)
        .dfa_size_limit(2 * MOST_MEMORY)
        .build();
    compiled.map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        format!("the pattern {pattern} cannot be used: {reason}")
    })
}

/// What means something else here than in JavaScript, or nothing, is escaped.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut is_class = false;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escaped = tail.chars().next();
                match escaped {
                    // Word borders here, mere brackets there.
                    Some(bracket @ ('<' | '>')) => out.push(bracket),
                    // Escaped for no reason, which JavaScript allows.
                    Some(letter) if letter.is_ascii_alphabetic() && !MEANING.contains(letter) => {
                        out.push(letter);
                    }
                    Some(other) => out.extend(['\\', other]),
                    None => out.push_str(r"\\"),
                }
                rest = &tail[escaped.map_or(0, char::len_utf8)..];
                continue;
            }
            '[' if is_class => out.push_str(r"\["),
            '[' => {
                if let Some(after) = tail.strip_prefix("^]") {
                    out.push_str(r"[\s\S]");
                    rest = after;
                    continue;
                }
                is_class = true;
                out.push('[');
            }
            ']' => {
                is_class = false;
                out.push(']');
            }
            '&' | '~' if is_class => out.extend(['\\', c]),
            '-' if is_class && tail.starts_with('-') => out.push_str(r"\-"),
            '{' if !is_class && !is_repetition(tail) => out.push_str(r"\{"),
            _ => out.push(c),
        }
        rest = tail;
    }
    out
}

/// Letters that mean something behind a backslash.
const MEANING: &str = "bBdDfnrsStuvwWx";

fn is_repetition(tail: &str) -> bool {
    let Some((range, _)) = tail.split_once('}') else { return false };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match range.split_once(',') {
        Some((least, most)) => !least.is_empty() && digits(least) && digits(most),
        None => !range.is_empty() && digits(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_javascript_means_is_meant() {
        for (pattern, matching, other) in [
            (r"^(?:\s+\d+\>)?x$", " 12>x", " 12x"),
            (r"\<a\>", "<a>", "a"),
            (r"a\/b\-c", "a/b-c", "ab"),
            ("[[]", "[", "a"),
            ("[^]]", "a]", "a"),
            ("[a&&b]", "&", "c"),
            ("[+--]", "-", "b"),
            ("a[^]b", "a\nb", "ab"),
            ("{a}", "{a}", "a"),
            ("a{2}", "aa", "a"),
            ("a{,2}", "a{,2}", "aa"),
            (r"\e\d", "e1", "1"),
            (r"\w+é", "xé", "x"),
            (r"x\u0041", "xA", "xB"),
        ] {
            let regex = compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            assert!(regex.is_match(matching.as_bytes()), "{pattern} {matching}");
            assert!(!regex.is_match(other.as_bytes()), "{pattern} {other}");
        }
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let error = compile("(?!x)y").unwrap_err();
        assert!(error.contains("look-around"), "{error}");
        assert!(compile(r"(a)\1").unwrap_err().contains("backreferences"));
        assert!(compile("(").unwrap_err().contains("unclosed group"));
        assert!(compile("((a{100}){100}){100}").unwrap_err().contains("size limit"));
    }
}

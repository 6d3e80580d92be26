//! Rust source as tokens and comments: enough to tell code from words about code, and no more.

/// What a file says to the compiler, and what it says to the reader.
#[derive(Debug, Default)]
pub(super) struct Source<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// One entry for each line of a comment, doc comments included.
    pub(super) comments: Vec<Comment<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier or a keyword; a raw identifier comes without its `r#`.
    Word,
    /// `::`, or any other single character.
    Punct,
    /// A string, a character, a number or a lifetime: never a place where a rule applies.
    Literal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Comment<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// `std::fs::read` as its segments, wherever it is written out or imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path<'a> {
    pub(super) segments: Vec<&'a str>,
    pub(super) line: usize,
}

impl<'a> Source<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let mut lexer = Lexer { text, at: 0, line: 1, out: Source::default() };
        while lexer.step() {}
        lexer.out
    }
}

impl<'a> Token<'a> {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    pub(super) fn is_punct(&self, punct: &str) -> bool {
        self.kind == Kind::Punct && self.text == punct
    }

    fn word(&self) -> Option<&'a str> {
        (self.kind == Kind::Word).then_some(self.text)
    }
}

impl Path<'_> {
    /// Whether `other`, such as `std::fs`, is this path or a stretch of it.
    pub(super) fn mentions(&self, other: &str) -> bool {
        let other: Vec<&str> = other.split("::").collect();
        self.segments.windows(other.len()).any(|window| window == other)
    }
}

/// Calls of macros such as `todo!`, as (name, line).
pub(super) fn macro_calls<'a>(tokens: &[Token<'a>]) -> Vec<(&'a str, usize)> {
    tokens
        .windows(3)
        .filter(|t| t[1].is_punct("!") && !t[2].is_punct("="))
        .filter_map(|t| Some((t[0].word()?, t[0].line)))
        .collect()
}

/// Every path in the code; `use a::{b, c::d}` counts as `a::b` and `a::c::d`.
pub(super) fn paths<'a>(tokens: &[Token<'a>]) -> Vec<Path<'a>> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // `use<'a>` in a bound is about lifetimes, not about an import.
        if tokens[at].is_word("use") && !tokens.get(at + 1).is_some_and(|t| t.is_punct("<")) {
            at = use_tree(tokens, at + 1, &[], &mut paths);
        } else if let Some(first) = tokens[at].word() {
            let line = tokens[at].line;
            let mut segments = vec![first];
            at += 1;
            while let [colons, next, ..] = &tokens[at..]
                && colons.is_punct("::")
                && let Some(word) = next.word()
            {
                segments.push(word);
                at += 2;
            }
            paths.push(Path { segments, line });
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one branch of an import and returns where it ends.
fn use_tree<'a>(
    tokens: &[Token<'a>],
    mut at: usize,
    prefix: &[&'a str],
    paths: &mut Vec<Path<'a>>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = 0;
    while let Some(token) = tokens.get(at) {
        match token.text {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|t| !t.is_punct("}")) {
                    at = use_tree(tokens, at, &segments, paths);
                    if tokens.get(at).is_some_and(|t| t.is_punct(",")) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "," | "}" | ";" => break,
            // What a thing is called here does not change what it is.
            "as" => at += 1,
            "::" => {}
            segment => {
                segments.push(segment);
                line = token.line;
            }
        }
        at += 1;
    }
    paths.push(Path { segments, line });
    // A `;` is stepped over by the caller like any other token.
    at
}

/// The outer and inner attributes of a file: each from its `[` to its `]`, without them.
pub(super) fn attributes<'s, 'a>(tokens: &'s [Token<'a>]) -> Vec<&'s [Token<'a>]> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if let Some(attribute) = attribute_at(tokens, at) {
            found.push(&tokens[attribute.body]);
        }
    }
    found
}

/// A file without what is compiled for tests only.
#[derive(Debug)]
pub(super) struct Shipped<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// Names of the test modules that live in files of their own.
    pub(super) test_modules: Vec<&'a str>,
}

pub(super) fn shipped<'a>(tokens: &[Token<'a>]) -> Shipped<'a> {
    let mut shipped = Shipped { tokens: Vec::new(), test_modules: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        match attribute_at(tokens, at) {
            Some(attribute) if is_cfg_test(&tokens[attribute.body.clone()]) => {
                if attribute.inner {
                    break;
                }
                let end = item_end(tokens, attribute.end);
                shipped.test_modules.extend(module_elsewhere(&tokens[attribute.end..end]));
                at = end;
            }
            _ => {
                shipped.tokens.push(tokens[at]);
                at += 1;
            }
        }
    }
    shipped
}

struct Attribute {
    inner: bool,
    body: std::ops::Range<usize>,
    end: usize,
}

fn attribute_at(tokens: &[Token<'_>], at: usize) -> Option<Attribute> {
    let punct = |at: usize, text| tokens.get(at).is_some_and(|t: &Token<'_>| t.is_punct(text));
    if !punct(at, "#") {
        return None;
    }
    let inner = punct(at + 1, "!");
    let open = at + 1 + usize::from(inner);
    if !punct(open, "[") {
        return None;
    }
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        if token.is_punct("[") {
            depth += 1;
        } else if token.is_punct("]") {
            depth -= 1;
            if depth == 0 {
                return Some(Attribute { inner, body: open + 1..index, end: index + 1 });
            }
        }
    }
    None
}

/// `cfg(test)` or `cfg(all(test, …))`: nothing that can end up in the program.
fn is_cfg_test(attribute: &[Token<'_>]) -> bool {
    let texts: Vec<&str> = attribute.iter().map(|token| token.text).collect();
    texts == ["cfg", "(", "test", ")"] || texts.starts_with(&["cfg", "(", "all", "(", "test", ","])
}

/// Where the item that begins at `at` ends: after its `;` or its closing brace.
fn item_end(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some(attribute) = attribute_at(tokens, at) {
        at = attribute.end;
    }
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        if token.kind == Kind::Punct {
            match token.text {
                "(" | "[" | "{" => depth += 1,
                // The brace of what the item stands in: a field or a variant ends before it.
                ")" | "]" | "}" if depth == 0 => return at,
                ")" | "]" => depth -= 1,
                "}" => {
                    depth -= 1;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                ";" if depth == 0 => return at + 1,
                _ => {}
            }
        }
        at += 1;
    }
    at
}

fn module_elsewhere<'a>(item: &[Token<'a>]) -> Option<&'a str> {
    match item {
        [.., keyword, name, end] if keyword.is_word("mod") && end.is_punct(";") => name.word(),
        _ => None,
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    out: Source<'a>,
}

impl<'a> Lexer<'a> {
    /// Takes one token, comment or space; false at the end of the file.
    fn step(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.take(first.len_utf8());
        } else if rest.starts_with("//") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(block_comment(rest));
        } else if let Some(length) = literal(rest) {
            self.token(Kind::Literal, length, 0);
        } else if is_word_start(first) {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            let length = raw + word_length(&rest[raw..]);
            self.token(Kind::Word, length, raw);
        } else if rest.starts_with("::") {
            self.token(Kind::Punct, 2, 0);
        } else {
            self.token(Kind::Punct, first.len_utf8(), 0);
        }
        true
    }

    fn token(&mut self, kind: Kind, length: usize, skip: usize) {
        let line = self.line;
        let text = &self.take(length)[skip..];
        self.out.tokens.push(Token { kind, text, line });
    }

    fn comment(&mut self, length: usize) {
        let line = self.line;
        let lines = self.take(length).lines().enumerate();
        self.out.comments.extend(lines.map(|(n, text)| Comment { text, line: line + n }));
    }

    fn take(&mut self, length: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + length];
        self.at += length;
        self.line += taken.matches('\n').count();
        taken
    }
}

fn is_word_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())
}

/// Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if rest.starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of the literal (or lifetime) that `text` begins with.
fn literal(text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    if first.is_ascii_digit() {
        return Some(number(text));
    }
    if first == '\'' {
        return Some(quote(text));
    }
    if text.starts_with("b'") {
        return Some(1 + quote(&text[1..]));
    }
    for prefix in ["", "b", "c", "r", "br", "cr"] {
        let Some(body) = text.strip_prefix(prefix) else { continue };
        let end = if prefix.ends_with('r') { raw_string(body) } else { string(body) };
        if let Some(length) = end {
            return Some(prefix.len() + length);
        }
    }
    None
}

/// `1.5` is one number, `1..5` are two, and `1.max(5)` is a number and a word.
fn number(text: &str) -> usize {
    let whole = word_length(text);
    match text[whole..].strip_prefix('.') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            whole + 1 + word_length(rest)
        }
        _ => whole,
    }
}

/// A character such as `'"'`, or a lifetime such as `'a`, which has no closing quote.
fn quote(text: &str) -> usize {
    let mut after = text[1..].chars();
    match (after.next(), after.next()) {
        (Some('\\'), Some(escaped)) => {
            let from = 2 + escaped.len_utf8();
            text[from..].find('\'').map_or(text.len(), |end| from + end + 1)
        }
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1 + word_length(&text[1..]),
    }
}

fn string(text: &str) -> Option<usize> {
    let body = text.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 2),
            _ => {}
        }
    }
    Some(text.len())
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.find(|c| c != '#')?;
    let body = text[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", &text[..hashes]);
    Some(body.find(&close).map_or(text.len(), |end| hashes + 1 + end + close.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        Source::read(source).tokens.iter().map(|token| token.text).collect()
    }

    fn words(source: &str) -> Vec<&str> {
        Source::read(source).tokens.iter().filter_map(Token::word).collect()
    }

    fn path_texts(source: &str) -> Vec<String> {
        paths(&Source::read(source).tokens).iter().map(|p| p.segments.join("::")).collect()
    }

    #[test]
    fn a_word_in_a_string_is_not_code() {
        assert_eq!(words(r#"let a = "unsafe \" todo!"; b"#), ["let", "a", "b"]);
        assert_eq!(words(r##"let a = r#"unsafe " todo!"#; b"##), ["let", "a", "b"]);
        assert_eq!(words(r#"f(b"unsafe", c"unsafe", br"unsafe\", cr"x") b"#), ["f", "b"]);
        assert_eq!(words("let a = \"two\nlines // unsafe\"; b"), ["let", "a", "b"]);
    }

    #[test]
    fn a_word_in_a_comment_is_not_code() {
        assert_eq!(words("a // unsafe \" todo!\nb"), ["a", "b"]);
        assert_eq!(words("a /* unsafe /* todo! */ \" */ b"), ["a", "b"]);
        assert_eq!(words("//! unsafe\n/// unsafe\na"), ["a"]);
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(words("match c { '\"' => unsafe_one, '\\'' => two }").len(), 4);
        assert_eq!(words("'\\u{1F600}' a '\\\\' b b'\"' c 'é' d"), ["a", "b", "c", "d"]);
        assert_eq!(
            texts("fn f<'a, 'b>(x: &'a str)"),
            ["fn", "f", "<", "'a", ",", "'b", ">", "(", "x", ":", "&", "'a", "str", ")"]
        );
        assert_eq!(texts("'outer: loop"), ["'outer", ":", "loop"]);
    }

    #[test]
    fn numbers_do_not_swallow_what_follows() {
        assert_eq!(texts("1.5e3 0xff_u8 1..2"), ["1.5e3", "0xff_u8", "1", ".", ".", "2"]);
        assert_eq!(texts("1.max(x.0.y)")[..3], ["1", ".", "max"]);
    }

    #[test]
    fn a_prefix_letter_is_still_a_word_of_its_own() {
        assert_eq!(words("r#type br c b r"), ["type", "br", "c", "b", "r"]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let source = Source::read("/* 1\n2 */ \"\n3\n\" a // tail\nb");
        let lines: Vec<_> = source.tokens.iter().map(|t| t.line).collect();
        assert_eq!(lines, [2, 4, 5]);
        let comments: Vec<_> = source.comments.iter().map(|c| (c.line, c.text)).collect();
        assert_eq!(comments, [(1, "/* 1"), (2, "2 */"), (4, "// tail")]);
    }

    #[test]
    fn an_unfinished_file_ends() {
        for source in ["\"abc", "r#\"abc", "/* abc", "'", "'\\", "b'", "#[", "use a::{b", "r#"] {
            let source = Source::read(source);
            paths(&source.tokens);
            attributes(&source.tokens);
            shipped(&source.tokens);
        }
    }

    #[test]
    fn imports_are_written_out() {
        assert_eq!(
            path_texts("use std::{self, fs::{self, File as F}, net::*}; ::std::env::var(x)"),
            ["std::self", "std::fs::self", "std::fs::File", "std::net::*", "std::env::var", "x"]
        );
        assert_eq!(path_texts("fn f() -> impl T + use<'a> {}")[2..], ["impl", "T", "use"]);
    }

    #[test]
    fn a_path_mentions_whole_segments() {
        let source = Source::read("jiff::Timestamp::now");
        let path = &paths(&source.tokens)[0];
        assert!(path.mentions("Timestamp::now"));
        assert!(path.mentions("jiff"));
        assert!(!path.mentions("jiff::now"));
        assert!(!path.mentions("Time"));
    }

    #[test]
    fn macros_are_told_from_comparisons() {
        let source = Source::read("todo!(); todo != 1; vec![dbg!(x)]");
        let names: Vec<_> = macro_calls(&source.tokens).iter().map(|call| call.0).collect();
        assert_eq!(names, ["todo", "vec", "dbg"]);
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        let text = "
            a;
            #[cfg(test)] #[path = \"x\"] mod b { fn c() { d; } }
            #[cfg(test)] fn e() -> [u8; 2] { f }
            #[cfg(all(test, unix))] use g::{h};
            #[cfg(test)] pub(crate) mod i;
            #[cfg(not(test))] j;
            struct K { #[cfg(test)] l: M }
            n";
        let source = Source::read(text);
        let shipped = shipped(&source.tokens);
        let words: Vec<_> = shipped.tokens.iter().filter_map(Token::word).collect();
        assert_eq!(words, ["a", "cfg", "not", "test", "j", "struct", "K", "n"]);
        assert_eq!(shipped.test_modules, ["i"]);
    }

    #[test]
    fn a_file_for_tests_ships_nothing() {
        let source = Source::read("#![cfg(test)]\nuse std::fs;");
        assert!(shipped(&source.tokens).tokens.is_empty());
    }
}

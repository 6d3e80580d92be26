//! What every Rust file keeps: how it opens, how long it is, and what is never left in it.

use std::collections::{BTreeMap, BTreeSet};

use super::rust::{Kind, Source, Token, attributes, macro_calls, paths};
use super::{File, Finding, Tree};

/// A file that is read top to bottom has an end.
const MOST_LINES: usize = 900;

const NEVER_CALLED: &[(&str, &str)] = &[
    ("todo", "write it, or leave it out"),
    ("unimplemented", "write it, or leave it out"),
    ("dbg", "remove it; a fact or a trace says it for good"),
];

const MARKERS: &[&str] = &["TODO", "FIXME", "XXX"];

/// The one place where the program may end itself.
const EXIT: &str = "crates/cli/src/main.rs";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.with_extension("rs").flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let source = Source::read(&file.text);
    let mut found = Found { path: &file.path, findings: Vec::new() };
    opening(file, &mut found);
    length(file, &mut found);
    unsafe_code(file, &source, &mut found);
    calls(&source, &mut found);
    markers(&source, &mut found);
    ignored_tests(&source, &mut found);
    silenced_lints(&source, &mut found);
    exits(&source, &mut found);
    found.findings
}

struct Found<'a> {
    path: &'a str,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn add(&mut self, line: usize, what: impl Into<String>, mend: impl Into<String>) {
        self.findings.push(Finding::new(self.path, line, what, mend));
    }
}

fn opening(file: &File, found: &mut Found<'_>) {
    let first = file.text.lines().next().unwrap_or_default();
    if first.strip_prefix("//!").is_none_or(|words| words.trim().is_empty()) {
        found.add(1, "does not open with a `//!` line", "say there what lives in this file");
    }
}

fn length(file: &File, found: &mut Found<'_>) {
    let lines = file.text.lines().count();
    if lines > MOST_LINES {
        let what = format!("has {lines} lines, more than {MOST_LINES}");
        found.add(MOST_LINES + 1, what, "find the seam and make two files of it");
    }
}

fn unsafe_code(file: &File, source: &Source<'_>, found: &mut Found<'_>) {
    let comments: BTreeMap<usize, &str> =
        source.comments.iter().map(|comment| (comment.line, comment.text)).collect();
    let code: BTreeSet<usize> = source.tokens.iter().map(|token| token.line).collect();
    let lines: Vec<&str> = file.text.lines().collect();
    // Directly above: nothing but the rest of the comment and attributes in between.
    let is_explained = |line: usize| {
        (1..line)
            .rev()
            .take_while(|above| {
                (comments.contains_key(above) && !code.contains(above))
                    || lines[above - 1].trim_start().starts_with("#[")
            })
            .any(|above| comments.get(&above).is_some_and(|c| c.starts_with("// SAFETY:")))
    };
    for token in &source.tokens {
        if token.is_word("unsafe") && !is_explained(token.line) {
            found.add(
                token.line,
                "`unsafe` without a reason",
                "say in a `// SAFETY:` comment directly above why it holds, or do without",
            );
        }
    }
}

fn calls(source: &Source<'_>, found: &mut Found<'_>) {
    for (name, line) in macro_calls(&source.tokens) {
        for (never, mend) in NEVER_CALLED {
            if name == *never {
                found.add(line, format!("`{name}!` is left in the code"), *mend);
            }
        }
    }
}

fn markers(source: &Source<'_>, found: &mut Found<'_>) {
    for comment in &source.comments {
        let words = comment.text.split(|c: char| c != '_' && !c.is_alphanumeric());
        for marker in words.filter(|word| MARKERS.contains(word)) {
            let what = format!("a {marker} is left in a comment");
            found.add(comment.line, what, "do it now, or say plainly what is not supported");
        }
    }
}

fn ignored_tests(source: &Source<'_>, found: &mut Found<'_>) {
    for attribute in attributes(&source.tokens) {
        let conditional = is_called(attribute, &["cfg_attr"]);
        let ignored = attribute.iter().find(|token| token.is_word("ignore"));
        if let Some(token) = ignored
            && (conditional || is_called(attribute, &["ignore"]))
        {
            found.add(token.line, "an ignored test", "make it pass, or remove it");
        }
    }
}

fn silenced_lints(source: &Source<'_>, found: &mut Found<'_>) {
    for attribute in attributes(&source.tokens) {
        if !is_called(attribute, &["allow", "expect", "cfg_attr"]) {
            continue;
        }
        let silences = attribute
            .iter()
            .find(|token| token.is_word("allow") || token.is_word("expect"))
            .filter(|_| !has_reason(attribute));
        if let Some(token) = silences {
            found.add(
                token.line,
                format!("`{}` without a reason", token.text),
                "add `reason = \"…\"`, or follow the lint",
            );
        }
    }
}

fn has_reason(attribute: &[Token<'_>]) -> bool {
    attribute.windows(3).any(|t| {
        t[0].is_word("reason")
            && t[1].is_punct("=")
            && t[2].kind == Kind::Literal
            && t[2].text != "\"\""
    })
}

fn is_called(attribute: &[Token<'_>], names: &[&str]) -> bool {
    attribute.first().is_some_and(|name| names.iter().any(|n| name.is_word(n)))
}

fn exits(source: &Source<'_>, found: &mut Found<'_>) {
    if found.path == EXIT {
        return;
    }
    for path in paths(&source.tokens) {
        if path.mentions("process::exit") {
            found.add(
                path.line,
                "ends the process from the inside",
                format!("return an error; {EXIT} turns it into an exit code"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found in a file with this after its opening line, as `line: what`.
    fn found(code: &str) -> Vec<String> {
        found_at("crates/store/src/lib.rs", &format!("//! Opens well.\n{code}"))
    }

    fn found_at(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check_file(&file).iter().map(|f| format!("{}: {}", f.line, f.what)).collect()
    }

    #[test]
    fn a_file_opens_by_saying_what_lives_there() {
        for opening in ["", "fn f() {}\n", "\n//! Late.\n", "//!\n", "/// About what follows.\n"] {
            assert_eq!(found_at("a.rs", opening), ["1: does not open with a `//!` line"]);
        }
        assert!(found_at("a.rs", "//! Something.\n").is_empty());
    }

    #[test]
    fn a_file_ends_before_line_901() {
        let lines = |count: usize| "//! X.\n".repeat(count);
        assert!(found_at("a.rs", &lines(MOST_LINES)).is_empty());
        assert_eq!(found_at("a.rs", &lines(901)), ["901: has 901 lines, more than 900"]);
    }

    #[test]
    fn unsafe_code_is_explained_directly_above() {
        let complaint = ["2: `unsafe` without a reason"];
        assert_eq!(found("let x = unsafe { f() };\n"), complaint);
        assert!(found("// SAFETY: f is total.\nlet x = unsafe { f() };\n").is_empty());
        assert!(
            found(
                "// SAFETY: f is total,\n// as g shows.\n#[expect(a, reason = \"b\")]\nunsafe {}\n"
            )
            .is_empty()
        );
        assert_eq!(found("// SAFETY: f is total.\n\nunsafe { f() };\n").len(), 1);
        assert_eq!(found("// SAFETY: f is total.\nlet a = 1;\nunsafe { f() };\n").len(), 1);
        assert_eq!(found("// f is total.\nunsafe { f() };\n").len(), 1);
        assert_eq!(found("let s = \"\n// SAFETY: no comment\"; unsafe {}\n").len(), 1);
        assert!(found("#![deny(unsafe_code)]\n// unsafe\nlet s = \"unsafe\";\n").is_empty());
    }

    #[test]
    fn nothing_is_left_half_done() {
        assert_eq!(
            found(
                "fn f() {\n    todo!()\n}\nfn g() { unimplemented!(\"x\") }\nfn h() { dbg!(1); }"
            ),
            [
                "3: `todo!` is left in the code",
                "5: `unimplemented!` is left in the code",
                "6: `dbg!` is left in the code",
            ]
        );
        assert!(found("// todo! dbg!\nlet todo = \"unimplemented!\"; todo != x;\n").is_empty());
    }

    #[test]
    fn no_marker_is_left_in_a_comment() {
        assert_eq!(found("// TODO: more\n"), ["2: a TODO is left in a comment"]);
        assert_eq!(found("/*\n * FIXME\n */\n"), ["3: a FIXME is left in a comment"]);
        assert_eq!(found("/// XXX(me)\nf();\n"), ["2: a XXX is left in a comment"]);
        assert!(found("// XXXX TODOS todo\nlet s = \"TODO\";\n").is_empty());
    }

    #[test]
    fn no_test_is_ignored() {
        assert_eq!(found("#[test]\n#[ignore]\nfn f() {}\n"), ["3: an ignored test"]);
        assert_eq!(found("#[ignore = \"slow\"]\n"), ["2: an ignored test"]);
        assert_eq!(found("#[cfg_attr(miri, ignore)]\n"), ["2: an ignored test"]);
        assert!(found("#[arg(ignore)]\n// #[ignore]\nlet s = \"#[ignore]\";\n").is_empty());
    }

    #[test]
    fn a_silenced_lint_has_a_reason() {
        assert_eq!(found("#[allow(dead_code)]\n"), ["2: `allow` without a reason"]);
        assert_eq!(found("#![expect(\n    dead_code\n)]\n"), ["2: `expect` without a reason"]);
        assert_eq!(found("#[expect(dead_code, reason = \"\")]\n").len(), 1);
        assert_eq!(found("#[cfg_attr(test, allow(dead_code))]\n").len(), 1);
        assert!(found("#[expect(dead_code, reason = \"used on Windows\")]\n").is_empty());
        assert!(found("#[cfg_attr(test, derive(Debug))]\nx.expect(\"y\");\n").is_empty());
    }

    #[test]
    fn only_the_main_of_cli_ends_the_process() {
        let complaint = ["2: ends the process from the inside"];
        assert_eq!(found("fn f() { std::process::exit(1) }\n"), complaint);
        assert_eq!(found("use std::process::{Command, exit};\n"), complaint);
        assert!(found("use std::process::{Command, ExitCode};\nself.exit(1);\n").is_empty());
        assert!(found_at(EXIT, "//! Main.\nfn f() { std::process::exit(1) }\n").is_empty());
    }
}

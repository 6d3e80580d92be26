//! What the pure crates must not mention, because `cargo metadata` does not see the standard library.
//!
//! The same (state, input, now) must give the same decision, today and in a replay a year later.

use std::collections::BTreeSet;

use super::rust::{Kind, Source, macro_calls, paths, shipped};
use super::{Finding, Tree};

const PURE: &[&str] = &["model", "workflow", "evidence", "engine"];

/// What no pure crate mentions, and what it does instead.
const NEVER: &[(&str, &str)] = &[
    ("std::fs", "take the content as an argument; an adapter reads the file"),
    ("std::net", "want it by an intent; an adapter speaks to the network"),
    ("std::process", "want it by an intent; an adapter starts the program"),
    ("std::env", "take the value as an argument; `cli` reads the environment"),
    ("std::thread", "return what to want; the conductor does it"),
    ("SystemTime", "take `now` as an argument"),
    ("Instant", "take `now` as an argument"),
    ("Timestamp::now", "take `now` as an argument"),
    ("Zoned::now", "take `now` as an argument"),
    ("HashMap", "use `BTreeMap`: the order of iteration would make a decision differ"),
    ("HashSet", "use `BTreeSet`: the order of iteration would make a decision differ"),
];

/// What `engine`, on top of that, has no use for.
const ENGINE_KEYWORDS: &[&str] = &["async", "await"];
const ENGINE_MACROS: &[&str] = &["print", "println", "eprint", "eprintln"];

/// Reads the code of the pure crates; tests and comments may say what they like.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in PURE {
        let folder = format!("crates/{name}/");
        let files: Vec<_> = tree
            .with_extension("rs")
            .filter(|file| file.path.starts_with(&folder))
            .map(|file| (file.path.as_str(), shipped(&Source::read(&file.text).tokens)))
            .collect();
        let tests: BTreeSet<String> = files
            .iter()
            .flat_map(|(path, code)| code.test_modules.iter().map(|m| module_path(path, m)))
            .collect();
        for (path, code) in &files {
            if is_test_folder(&path[folder.len()..]) || is_within(path, &tests) {
                continue;
            }
            for mention in paths(&code.tokens) {
                for (what, mend) in NEVER {
                    if mention.mentions(what) {
                        let what = format!("`{name}` is pure and must not mention `{what}`");
                        findings.push(Finding::new(path, mention.line, what, *mend));
                    }
                }
            }
            if *name == "engine" {
                for token in &code.tokens {
                    if token.kind == Kind::Word && ENGINE_KEYWORDS.contains(&token.text) {
                        findings.push(Finding::new(
                            path,
                            token.line,
                            format!("a decider does not wait, so it has no `{}`", token.text),
                            "return an intent; the conductor waits for what comes of it",
                        ));
                    }
                }
                for (called, line) in macro_calls(&code.tokens) {
                    if ENGINE_MACROS.contains(&called) {
                        findings.push(Finding::new(
                            path,
                            line,
                            format!("a decider does not talk, so it has no `{called}!`"),
                            "return a fact or a reason",
                        ));
                    }
                }
            }
        }
    }
    findings
}

/// Folders of a crate whose files cargo builds for tests only.
fn is_test_folder(path_in_crate: &str) -> bool {
    ["tests/", "benches/", "examples/"].iter().any(|folder| path_in_crate.starts_with(folder))
}

/// Where `mod name;` in the file at `path` points to, without `.rs` or `/mod.rs`.
fn module_path(path: &str, name: &str) -> String {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    match file {
        "lib.rs" | "main.rs" | "mod.rs" => format!("{folder}/{name}"),
        _ => format!("{}/{name}", path.trim_end_matches(".rs")),
    }
}

/// Whether the file at `path` is one of these modules, or lies below one.
fn is_within(path: &str, modules: &BTreeSet<String>) -> bool {
    modules.iter().any(|module| {
        path.strip_prefix(module.as_str()).is_some_and(|r| r == ".rs" || r.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, places};
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let fixture = Fixture::empty();
        for (path, text) in files {
            fixture.write(path, text);
        }
        places(&check(&fixture.tree()))
    }

    fn in_engine(code: &str) -> Vec<String> {
        found(&[("crates/engine/src/lib.rs", code)])
    }

    #[test]
    fn each_facility_is_seen_in_each_pure_crate() {
        for name in PURE {
            for (what, _) in NEVER {
                let path = format!("crates/{name}/src/a/b.rs");
                assert_eq!(
                    found(&[(&path, &format!("//! X.\nfn f() {{ {what}::x(); }}\n"))]),
                    [format!("{path}:2: `{name}` is pure and must not mention `{what}`")]
                );
            }
        }
    }

    #[test]
    fn a_grouped_import_is_seen() {
        assert_eq!(
            in_engine("use std::{\n    collections::{BTreeMap, HashMap as Map},\n    fs,\n};\n"),
            [
                "crates/engine/src/lib.rs:2: `engine` is pure and must not mention `HashMap`",
                "crates/engine/src/lib.rs:3: `engine` is pure and must not mention `std::fs`",
            ]
        );
    }

    #[test]
    fn words_about_code_are_not_code() {
        assert!(
            in_engine(
                "//! No std::fs here.\nfn f<'a>() { let s = \"HashMap async\"; } // SystemTime\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn names_that_only_look_alike_are_fine() {
        assert!(
            in_engine("use std::fmt; struct Instance; fn now(t: Timestamp) { my::fs() }\n")
                .is_empty()
        );
    }

    #[test]
    fn tests_may_touch_the_world() {
        assert!(
            found(&[
                (
                    "crates/engine/src/lib.rs",
                    "#[cfg(test)]\nmod fixture;\n#[cfg(test)]\nmod tests { use std::fs; }\n",
                ),
                ("crates/engine/src/fixture.rs", "use std::fs;\n"),
                ("crates/engine/src/fixture/deep.rs", "use std::env;\n"),
                ("crates/engine/src/rollout.rs", "#[cfg(test)]\nmod tests;\n"),
                ("crates/engine/src/rollout/tests.rs", "use std::env;\n"),
                ("crates/engine/tests/golden.rs", "use std::fs;\n"),
            ])
            .is_empty()
        );
    }

    #[test]
    fn a_module_is_a_test_only_if_it_is_declared_so() {
        assert_eq!(
            found(&[
                ("crates/engine/src/lib.rs", "mod tests;\n#[cfg(test)]\nmod fixture;\n"),
                ("crates/engine/src/tests.rs", "use std::fs;\n"),
                ("crates/engine/src/fixtures.rs", "use std::env;\n"),
            ]),
            [
                "crates/engine/src/fixtures.rs:1: `engine` is pure and must not mention `std::env`",
                "crates/engine/src/tests.rs:1: `engine` is pure and must not mention `std::fs`",
            ]
        );
    }

    #[test]
    fn a_decider_neither_waits_nor_talks() {
        let code = "async fn f() {\n    g().await;\n    println!(\"x\");\n}\n";
        assert_eq!(
            in_engine(code),
            [
                "crates/engine/src/lib.rs:1: a decider does not wait, so it has no `async`",
                "crates/engine/src/lib.rs:2: a decider does not wait, so it has no `await`",
                "crates/engine/src/lib.rs:3: a decider does not talk, so it has no `println!`",
            ]
        );
        assert!(found(&[("crates/conductor/src/lib.rs", code)]).is_empty());
        assert!(found(&[("crates/workflow/src/lib.rs", code)]).is_empty());
    }

    #[test]
    fn other_crates_touch_the_world() {
        assert!(found(&[("crates/store/src/lib.rs", "use std::fs;\n")]).is_empty());
    }
}

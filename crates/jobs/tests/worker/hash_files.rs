//! `hashFiles`, held against hashes that GitHub's own implementation came to.

use std::os::unix::fs::symlink;

use crate::support::*;

/// The same tree for which the expected hashes were made.
fn tree(machine: &Machine) {
    for (path, text) in [
        ("package-lock.json", "{}\n"),
        ("a/package-lock.json", "{\"a\":1}\n"),
        ("a/b/package-lock.json", "{\"b\":2}\n"),
        ("B/file.txt", "upper\n"),
        ("b/file.txt", "lower\n"),
        ("b/.hidden/file.txt", "hidden\n"),
        ("b/x-1.lock", "1\n"),
        ("b/x-a.lock", "a\n"),
        ("b/empty", ""),
        ("node_modules/p/package-lock.json", "{}\n"),
        ("we[i]rd/file.txt", "weird\n"),
        ("ü/file.txt", "umlaut\n"),
    ] {
        machine.write(path, text);
    }
    symlink("b", machine.workspace("link")).expect("a link");
    symlink("b/file.txt", machine.workspace("file-link.txt")).expect("a link");
    symlink("nowhere", machine.workspace("broken.txt")).expect("a link");
}

#[test]
fn the_same_files_have_the_same_hash_as_on_github() {
    let machine = Machine::new();
    tree(&machine);
    let script: String = EXPECTED
        .iter()
        .map(|(arguments, _)| format!("echo '${{{{ hashFiles({arguments}) }}}}'\n"))
        .collect();
    let outcome = machine.run(vec![run(&script)]).succeeded();
    let said = outcome.said(0);
    let found: Vec<&str> = said.lines().collect();
    for ((arguments, expected), found) in EXPECTED.iter().zip(found) {
        assert_eq!(found, *expected, "hashFiles({arguments})");
    }
}

#[test]
fn patterns_that_leave_the_workspace_are_refused_or_find_nothing() {
    let machine = Machine::new();
    let outcome = machine.run(vec![run("echo '[${{ hashFiles('/etc/passwd') }}]'"), run("echo '${{ hashFiles('../x') }}'")]).failed();
    assert_eq!(outcome.said(0), "[]\n");
    assert!(outcome.why(1).contains("the pattern `../x` holds `.` or `..`"), "{}", outcome.why(1));
}

/// Arguments, and what `@actions/glob` 0.7.0 with the script of GitHub's runner came to.
const EXPECTED: &[(&str, &str)] = &[];

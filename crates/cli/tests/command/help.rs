//! Help, completions and manual pages: all from one definition, none forgets a command.

use std::path::Path;

use crate::{Repository, command, highroad};

const COMMANDS: &[&str] = &[
    "init",
    "check",
    "run",
    "logs",
    "cache",
    "artifact",
    "server",
    "runner",
    "node",
    "token",
    "approve",
    "reject",
    "cancel",
    "secret",
    "journal",
    "schema",
    "completions",
    "man",
    "help",
];
/// With the commands of commands.
const PAGES: &[&str] = &[
    "init",
    "check",
    "run",
    "logs",
    "cache",
    "cache list",
    "cache explain",
    "cache remove",
    "artifact",
    "artifact list",
    "artifact get",
    "server",
    "runner",
    "node",
    "node status",
    "node top",
    "node logs",
    "token",
    "token create",
    "token list",
    "token revoke",
    "approve",
    "reject",
    "cancel",
    "secret",
    "secret set",
    "secret list",
    "secret rotate",
    "secret rm",
    "journal",
    "journal verify",
    "schema",
    "completions",
    "man",
    "help",
];

fn page(line: &str, columns: u16) -> String {
    let output = command(Path::new("/"), line).env("COLUMNS", columns.to_string()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_front_page() {
    insta::assert_snapshot!("front_80", page("--help", 80));
    insta::assert_snapshot!("front_60", page("--help", 60));
}

#[test]
fn every_way_to_the_front_page_is_the_same() {
    let front = page("--help", 80);
    for line in ["", "-h", "help"] {
        assert_eq!(page(line, 80), front, "highroad {line}");
    }
}

#[test]
fn the_page_of_every_command() {
    for name in PAGES {
        let long = page(&format!("{name} --help"), 80);
        assert_eq!(page(&format!("help {name}"), 80), long);
        assert!(long.contains("\nExamples\n"), "{name}");
        insta::assert_snapshot!(format!("page_{}", name.replace(' ', "_")), long);
    }
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for columns in [60, 80, 120] {
        for name in PAGES.iter().chain(&["exit-codes", "environment"]) {
            let page = page(&format!("help {name}"), columns);
            // Lines to type are not folded: they would not work when copied.
            let prose = page.lines().filter(|line| !line.starts_with("  highroad "));
            for line in prose {
                assert!(line.chars().count() <= usize::from(columns), "{columns}: {line}");
            }
        }
    }
}

#[test]
fn topics() {
    insta::assert_snapshot!("exit_codes", page("help exit-codes", 80));
    let environment = page("help environment --data /here", 80);
    assert!(environment.ends_with("\nHere and now the data folder is /here\n"), "{environment}");
    let environment = page("help environment --database postgres://ada:pw@db/roads", 80);
    assert!(environment.ends_with(" and the\ndatabase postgres://db/roads\n"), "{environment}");
    let environment = page("help environment", 80);
    assert!(environment.contains("/nonexistent/.local/share/highroad"), "{environment}");
}

#[test]
fn the_version() {
    assert_eq!(page("--version", 80), concat!("highroad ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = page(&format!("completions {shell}"), 80);
        for name in COMMANDS {
            assert!(script.contains(name), "{shell} does not know {name}");
        }
        assert!(script.contains("dry-run"), "{shell} does not know --dry-run");
    }
}

#[test]
fn the_main_manual_page_names_every_command() {
    let main = page("man", 80);
    for name in COMMANDS {
        assert!(main.contains(&format!(r"highroad\-{name}(1)")), "{name}");
    }
    assert!(main.contains(".SH EXAMPLES") && main.contains(r#".SH "EXIT STATUS""#));
}

#[test]
fn manual_pages_are_written_one_by_one() {
    let repository = Repository::with(&[]);
    let ran = repository.run("man --dir pages/man1");
    let told = format!("wrote {} pages to pages/man1\n", PAGES.len() + 1);
    assert_eq!((ran.code, ran.out), (Some(0), told));
    assert!(repository.read("pages/man1/highroad.1").contains(".SH SUBCOMMANDS"));
    for name in PAGES.iter().map(|name| name.replace(' ', "-")) {
        let page = repository.read(&format!("pages/man1/highroad-{name}.1"));
        assert!(page.contains(".SH EXAMPLES"), "{name}");
        assert!(page.starts_with(".ie") && page.contains(".TH HIGHROAD"), "{name}");
    }
    let files = repository.run("man --dir pages/man1 --json").json();
    assert_eq!(files["files"].as_array().unwrap().len(), PAGES.len() + 1);
}

#[test]
fn manual_pages_that_cannot_be_written() {
    let repository = Repository::with(&[("file", "")]);
    let ran = repository.run("man --dir file/pages");
    assert_eq!(ran.code, Some(74));
    assert!(ran.err.starts_with("error: cannot write 'file/pages'\n  caused by: "), "{}", ran.err);
}

#[test]
fn the_schema_is_json_and_always_the_same() {
    let schema = highroad(Path::new("/"), "schema");
    assert_eq!(schema.code, Some(0));
    assert!(schema.json().is_object());
    assert_eq!(highroad(Path::new("/"), "schema --json").out, schema.out);
}

//! `highroad init` on repositories that wish it ill: each ends quickly, in a file that passes
//! `highroad check` or in a plain refusal.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use serde_json::Value;

use crate::Repository;

fn notes(repository: &Repository) -> Vec<String> {
    let told = repository.run("init --json");
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{}", told.out);
    assert_eq!(repository.run("check --strict").code, Some(0));
    let notes = told.json()["notes"].clone();
    notes.as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect()
}

#[test]
fn broken_files_become_notes() {
    let repository = Repository::with(&[
        ("package.json", "{ \"name\": "),
        ("Cargo.toml", "[package\n"),
        ("pyproject.toml", "= 3"),
        ("compose.yaml", "services: [a\n"),
        ("Procfile", "web bin/web\n: x\nweb:\n"),
    ]);
    insta::assert_snapshot!(notes(&repository).join("\n"));
}

#[test]
fn files_of_the_wrong_shape_are_nothing_special() {
    let repository = Repository::with(&[
        ("package.json", "[]"),
        ("Cargo.toml", "package = 3\nworkspace = []\nbin = 'x'\n"),
        ("pyproject.toml", "project = []\n[tool]\npoetry = 1\n"),
        ("compose.yaml", "services:\n  - a\n"),
        ("Dockerfile", "EXPOSE 0 99999 x\nFROM\n"),
        ("go.mod", ""),
        (".github/CODEOWNERS", "* @ \n"),
    ]);
    assert_eq!(notes(&repository), Vec::<String>::new());
    let repository = Repository::with(&[("compose.yaml", "- a\n"), ("package.json", "3")]);
    assert_eq!(notes(&repository), Vec::<String>::new());
    let wrong = r#"{ "name": 3, "scripts": [], "workspaces": 3, "dependencies": "x", "main": {} }"#;
    let repository = Repository::with(&[("package.json", wrong)]);
    assert_eq!(notes(&repository), Vec::<String>::new());
}

#[test]
fn large_and_binary_files_are_left_aside() {
    let repository = Repository::with(&[]);
    repository.write("package.json", vec![b' '; 5 << 20]);
    repository.write("Procfile", b"web: \xff\n");
    repository.write("Dockerfile", vec![0; 100]);
    insta::assert_snapshot!(notes(&repository).join("\n"));
}

#[test]
fn pipes_and_loops_do_not_hold_it_up() {
    let repository = Repository::with(&[]);
    for name in ["package.json", "Dockerfile", "CODEOWNERS"] {
        let made = Command::new("mkfifo").arg(repository.path.join(name)).status().unwrap();
        assert!(made.success());
    }
    symlink("Cargo.toml", repository.path.join("Cargo.toml")).unwrap();
    symlink("/dev/zero", repository.path.join("Procfile")).unwrap();
    symlink(".", repository.path.join("cmd")).unwrap();
    fs::create_dir(repository.path.join("pyproject.toml")).unwrap();
    insta::assert_snapshot!(notes(&repository).join("\n"));
}

#[test]
fn names_and_commands_cannot_break_out_of_the_file() {
    let odd = "a\\nb\\u001b[2J: #\\\"'{}[]&*!|>%@`\\u0000\\u2028";
    let package = format!(
        r#"{{ "name": "{odd}", "engines": {{ "node": "{odd}" }}, "scripts": {{ "start": "x" }} }}"#
    );
    let repository = Repository::with(&[("package.json", &package)]);
    assert_eq!(notes(&repository), Vec::<String>::new());

    for command in
        ["- x", "? y: z", "!!binary x", "*a", "'", "\"", "| x", "{", "\\x", "# c", "~", "%"]
    {
        let repository = Repository::with(&[("Procfile", &format!("web: {command}\n"))]);
        notes(&repository);
        let told: Value = repository.run("init --force --json").json();
        assert_eq!(told["services"][0]["run"], command);
    }
    let compose =
        "services: { web: { build: ., command: \"a\\nb\\e[2Jc\" }, ? \"x\\ny\" : { build: . } }";
    let repository = Repository::with(&[("compose.yaml", compose)]);
    notes(&repository);
    let told = repository.run("init --force");
    assert!(!told.out.contains('\u{1b}') && !told.out.contains("a\nb"), "{}", told.out);
}

#[test]
fn paths_do_not_lead_outside() {
    let repository = Repository::with(&[
        ("Cargo.toml", "[workspace]\nmembers = ['../*', '/etc', '..', 'a/../../..']\n"),
        ("package.json", r#"{ "workspaces": ["../../*", "/"] }"#),
        ("compose.yaml", "services: { web: { build: .. }, db: { build: /etc } }"),
    ]);
    insta::assert_snapshot!(notes(&repository).join("\n"));
}

#[test]
fn too_much_is_cut() {
    let long = "x".repeat(100_000);
    let lines: Vec<_> = (0..60).map(|number| format!("p{number}: run {number}")).collect();
    let repository =
        Repository::with(&[("Procfile", &format!("long: {long}\n{}\n", lines.join("\n")))]);
    insta::assert_snapshot!(notes(&repository).join("\n"));

    let repository = Repository::with(&[("Cargo.toml", "[workspace]\nmembers = ['*']\n")]);
    for number in 0..100 {
        repository.write(&format!("m{number}/Cargo.toml"), "broken");
    }
    let notes = notes(&repository);
    assert_eq!((notes.len(), notes.last().unwrap().as_str()), (13, "and 88 more of this kind"));
}

#[test]
fn a_folder_that_cannot_be_written() {
    let repository = Repository::with(&[("index.html", "")]);
    fs::create_dir(repository.path.join("highroad.yaml")).unwrap();
    let told = repository.run("init --force");
    assert_eq!(told.code, Some(74), "{told:?}");
    assert!(told.err.starts_with("error: cannot write highroad.yaml\n"), "{}", told.err);
    let left: Vec<_> =
        fs::read_dir(&repository.path).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no half-written file stays: {left:?}");
}

#[test]
fn the_file_is_for_everybody_to_read() {
    let repository = Repository::with(&[]);
    repository.run("init");
    let mode = fs::metadata(repository.path.join("highroad.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o400, 0o400);
    assert_eq!(mode & 0o111, 0, "{mode:o}");
}

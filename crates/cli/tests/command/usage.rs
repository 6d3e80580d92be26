//! Wrong command lines: always exit code 2, the nearest right word, the page to read.

use std::path::Path;

use crate::highroad;

#[test]
fn each_mistake_in_words() {
    let lines = [
        "chek",
        "check --strct",
        "check one two",
        "check --strict --strict",
        "--color blue check",
        "--data= check",
        "--json-lines check",
        "--color never",
        "completions",
        "completions zs",
        "help chek",
        "help check twice",
        "init --dry-rum",
    ];
    let told = lines.map(|line| {
        let ran = highroad(Path::new("/"), line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{line}");
        format!("$ highroad {line}\n{}", ran.err)
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn programs_get_the_same_as_json() {
    let ran = highroad(Path::new("/"), "chek --json");
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""));
    insta::assert_snapshot!(ran.err);
    for line in ["--json", "--json --color", "check --json --strct", "completions --json"] {
        let error = &highroad(Path::new("/"), line).error()["error"];
        assert_eq!((&error["kind"], &error["exit"]), (&"usage".into(), &2.into()), "{line}");
    }
}

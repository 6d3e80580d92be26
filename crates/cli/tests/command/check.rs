//! `highroad check`: what it says of good files, wrong files, and what is no file at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::Repository;

#[test]
fn what_is_not_there() {
    let repository = Repository::with(&[("empty/x", ""), ("yml/highroad.yml", ""), ("file", "")]);
    let lines =
        ["check", "check empty", "check nowhere", "check file", "check file/x", "check yml"];
    let told = lines.map(|line| {
        let ran = repository.run(line);
        format!("$ highroad {line}\n{}exit {}\n", ran.err, ran.code.unwrap())
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_no_file() {
    let repository = Repository::with(&[]);
    let made = Command::new("mkfifo").arg(repository.path.join("highroad.yaml")).status().unwrap();
    assert!(made.success());
    let told = |name: &str, make: &dyn Fn(&std::path::Path)| {
        let dir = repository.path.join(name);
        fs::create_dir(&dir).unwrap();
        make(&dir.join("highroad.yaml"));
        let ran = repository.run(&format!("check {name}"));
        format!("$ highroad check {name}\n{}exit {}\n", ran.err, ran.code.unwrap())
    };
    let told = [
        told("pipe", &|path| symlink(repository.path.join("highroad.yaml"), path).unwrap()),
        told("folder", &|path| fs::create_dir(path).unwrap()),
        told("device", &|path| symlink("/dev/zero", path).unwrap()),
        told("loop", &|path| symlink("highroad.yaml", path).unwrap()),
        told("dangling", &|path| symlink("nothing", path).unwrap()),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn programs_are_told_what_is_not_there() {
    let ran = Repository::with(&[]).run("check --json");
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
    insta::assert_snapshot!(ran.err);
}

const GOOD: &str = "\
owner: shop
services:
  till: { run: bin/till }
  shop: { run: bin/shop }
environments:
  staging:
  production:
";

const WRONG: &str = "\
servce: till
owner: shop
run:
  command: bin/till
  port: 80801
environments:
  staging:
  production: { after: stagin }
";

const WARNED: &str = "service: till\nrun: bin/till\n";

/// What a person sees, and the code.
fn told(file: &str, line: &str) -> String {
    let ran = Repository::with(&[("highroad.yaml", file)]).run(line);
    assert_eq!(ran.err, "");
    format!("{}exit {}\n", ran.out, ran.code.unwrap())
}

#[test]
fn a_good_file() {
    insta::assert_snapshot!(told(GOOD, "check"));
}

#[test]
fn roads_that_part() {
    let file = "\
owner: shop
environments: { staging: , europe: , america: { after: staging }, asia: { after: [europe, america] } }
services:
  till: { run: bin/till }
  work: { run: { command: bin/work, port: none }, environments: { asia: { after: [] } } }
  shop: { run: bin/shop }
";
    insta::assert_snapshot!(told(file, "check"));
}

#[test]
fn a_wrong_file() {
    insta::assert_snapshot!(told(WRONG, "check"));
}

#[test]
fn a_file_that_is_no_yaml() {
    insta::assert_snapshot!(told("services: [a\n", "check"));
}

#[test]
fn warnings_fail_only_if_asked_to() {
    insta::assert_snapshot!(told(WARNED, "check"));
    assert!(told(WARNED, "check --strict").ends_with("\nexit 1\n"));
}

#[test]
fn findings_can_be_coloured() {
    let plain = told(WRONG, "check");
    let colored = told(WRONG, "check --color always");
    assert!(colored.contains("\u{1b}["));
    let mut stripped = String::new();
    let mut parts = colored.split("\u{1b}[");
    stripped.push_str(parts.next().unwrap());
    stripped.extend(parts.map(|part| part.split_once('m').unwrap().1));
    assert_eq!(stripped, plain);
}

#[test]
fn findings_for_programs() {
    let repository = Repository::with(&[("highroad.yaml", WRONG)]);
    let ran = repository.run("check --json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let report = ran.json();
    let keys: Vec<_> = report.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["files", "findings", "errors", "warnings"]);
    assert_eq!(report["files"], serde_json::json!(["highroad.yaml"]));
    let findings = report["findings"].as_array().unwrap();
    let errors = findings.iter().filter(|finding| finding["severity"] == "error").count();
    assert_eq!(report["errors"], errors);
    assert!(errors > 0);

    let good = Repository::with(&[("highroad.yaml", GOOD)]).run("check --json");
    assert_eq!(
        (good.code, good.out.as_str()),
        (Some(0), "{\"files\":[\"highroad.yaml\"],\"findings\":[],\"errors\":0,\"warnings\":0}\n")
    );
}

#[test]
fn it_is_found_from_inside_the_repository_only() {
    let repository =
        Repository::with(&[("highroad.yaml", GOOD), ("a/b/x", ""), ("own/.git/HEAD", "")]);
    assert_eq!(
        repository.run("check a/b").code,
        Some(3),
        "without git nothing tells how far to look"
    );
    repository.write(".git/HEAD", "");
    assert_eq!(repository.run("check a/b").code, Some(0));
    let below = crate::highroad(&repository.path.join("a/b"), "check");
    assert!(below.out.starts_with("../../highroad.yaml is well\n"), "{}", below.out);
    assert_eq!(repository.run("check own").code, Some(3), "a repository in it is another one");
}

#[test]
fn size_and_bytes() {
    let repository = Repository::with(&[]);
    repository.write("highroad.yaml", GOOD.to_owned() + &"#".repeat((1 << 20) - GOOD.len()));
    assert_eq!(repository.run("check").code, Some(0), "exactly as large as may be");
    let checks: [(&str, Vec<u8>); 4] = [
        ("too large", vec![b'#'; 64 << 20]),
        ("binary", vec![0xff; 100]),
        ("nul", vec![0; 100]),
        ("empty", Vec::new()),
    ];
    for (name, bytes) in checks {
        repository.write("highroad.yaml", bytes);
        let ran = repository.run("check");
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{name}");
        assert!(ran.out.len() < 2_000, "{name}: {}", ran.out.len());
        assert!(ran.out.ends_with("1 error in highroad.yaml\n"), "{name}: {}", ran.out);
    }
}

#[test]
fn workflows_are_checked_too_and_their_secrets_are_not_shown() {
    let token = format!("ghp_{}", "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bD1fG3hJ5");
    let workflow = format!(
        "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    env: {{ TOKEN: {token} }}\n    steps:\n      \
         - run: echo ${{{{ github.event.pull_request.title }}}}\n      - run: echo ${{{{ steps.gone.outputs.x }}}}\n"
    );
    let repository = Repository::with(&[(".github/workflows/ci.yml", workflow.as_str())]);
    let ran = repository.run("check");
    assert!(!ran.out.contains(&token), "{}", ran.out);
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert_eq!(repository.run("check --strict").code, Some(1));
    insta::assert_snapshot!(ran.out);
}

#[test]
fn a_workflow_that_cannot_be_read_is_a_finding_among_others() {
    let repository = Repository::with(&[
        (
            ".github/workflows/good.yml",
            "on: push\njobs: { a: { runs-on: x, steps: [{ run: x }] } }\n",
        ),
        (".github/workflows/empty.yml", ""),
        (".github/workflows/folder.yml/x", ""),
    ]);
    let folder = repository.path.join(".github/workflows");
    symlink("loop.yml", folder.join("loop.yml")).unwrap();
    symlink("nothing", folder.join("gone.yml")).unwrap();
    let ran = repository.run("check");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    insta::assert_snapshot!(ran.out);
}

//! `highroad check`: what it says of good files, wrong files, and what is no file at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::{Repository, highroad};

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

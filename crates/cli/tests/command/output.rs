//! Colour, pipes, full disks: how the output behaves where it goes.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::process::Stdio;

use crate::{Ran, Repository, command};

const ESCAPE: char = '\u{1b}';

#[test]
fn colour_follows_the_conventions() {
    let repository = Repository::with(&[]);
    let colored = |line: &str, variables: &[(&str, &str)]| {
        let variables = variables.iter().copied();
        let ran: Ran = command(&repository.path, line).envs(variables).output().unwrap().into();
        (ran.out + &ran.err).contains(ESCAPE)
    };
    for line in ["--help", "help exit-codes", "check", "chek", "init --dry-run extra words"] {
        assert!(!colored(line, &[]), "into a pipe: {line}");
        assert!(colored(line, &[("CLICOLOR_FORCE", "1")]), "forced: {line}");
        assert!(!colored(line, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]), "{line}");
        assert!(colored(&format!("{line} --color always"), &[("NO_COLOR", "1")]), "{line}");
        assert!(!colored(&format!("--color=never {line}"), &[("CLICOLOR_FORCE", "1")]), "{line}");
    }
}

#[test]
fn json_and_scripts_are_never_coloured() {
    let repository = Repository::with(&[("package.json", "{")]);
    for line in ["schema", "completions bash", "man", "init -n", "init -n --json", "check --json"] {
        let ran = repository.run(&format!("{line} --color always"));
        assert!(!(ran.out + &ran.err).contains(ESCAPE), "{line}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let repository = Repository::with(&[]);
    for line in ["schema", "completions bash", "--help", "man"] {
        let mut child = command(&repository.path, line)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""), "{line}");
    }
}

#[test]
fn a_full_disk_is_told() {
    let repository = Repository::with(&[]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&repository.path, "schema").stdout(full).output().unwrap();
    let ran: Ran = output.into();
    assert_eq!(ran.code, Some(74));
    assert_eq!(
        ran.err,
        "error: cannot write to standard output\n  caused by: no space left on device\n"
    );
}

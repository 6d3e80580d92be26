//! Workflows that call those of other repositories: what `check` and `run` make of them.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::run::Pipeline;

const CALLER: &str = "\
on: push
jobs:
  greet:
    uses: acme/tools/.github/workflows/greet.yml@v1
    with: { who: Ada }
";

const OTHER: &str = "\
on: workflow_dispatch
jobs:
  gone:
    uses: acme/gone/.github/workflows/gone.yml@v1
";

const CALLED: &str = "\
on:
  workflow_call:
    inputs: { who: { type: string, required: true } }
jobs:
  say:
    runs-on: ubuntu-latest
    steps:
      - uses: $/say
        with: { who: '${{ inputs.who }}' }
";

const ACTION: &str = "\
inputs: { who: { required: true } }
runs:
  using: composite
  steps:
    - { shell: bash, run: 'echo \"$(cat \"$GITHUB_ACTION_PATH/word\") ${{ inputs.who }}\"; exit 1' }
";

/// A repository that calls, and another one in a folder of mirrors.
fn repositories() -> (Pipeline, TempDir, String) {
    let caller = Pipeline::with(&[
        (".github/workflows/ci.yml", CALLER),
        (".github/workflows/other.yml", OTHER),
    ]);
    let mirrors = tempfile::tempdir().unwrap();
    let tools = mirrors.path().join("acme/tools");
    for (path, text) in [
        (".github/workflows/greet.yml", CALLED),
        ("say/action.yml", ACTION),
        ("say/word", "hello\n"),
    ] {
        let path = tools.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for words in ["init -q -b main", "add .", "commit -q -m begin", "tag v1"] {
        let git = Command::new("git")
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
            .args(words.split(' '))
            .current_dir(&tools)
            .status();
        assert!(git.unwrap().success(), "git {words}");
    }
    let url = format!("file://{}/{{owner}}/{{repo}}", mirrors.path().display());
    (caller, mirrors, url)
}

#[test]
fn checking_passes_over_them_and_running_says_what_it_lacks() {
    let (caller, ..) = repositories();
    let checked = caller.run("check --strict");
    assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{}", checked.out);
    let ran = caller.run("run");
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    insta::assert_snapshot!(format!("{}\n{}", checked.out, ran.out));
    let listed = caller.run("run --list");
    assert_eq!(listed.code, Some(0), "{}", listed.out);
    assert!(listed.out.contains("nothing says where that comes from"), "{}", listed.out);
}

#[test]
fn they_are_read_from_where_actions_come_from() {
    let (caller, mirrors, url) = repositories();
    let ran = caller.command("run --actions").arg(&url).output().unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    // What no event starts is not fetched.
    assert_eq!(ran.status.code(), Some(1), "{out}");
    assert!(out.contains("hello Ada"), "{out}");
    assert!(out.contains("greet / say"), "{out}");

    caller.write(".github/workflows/ci.yml", &CALLER.replace("@v1", "@v2"));
    let ran = caller.command("run --actions").arg(&url).output().unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(out.contains("acme/tools has no tag, branch or commit `v2`"), "{out}");

    caller.write(".github/workflows/ci.yml", &CALLER.replace("who", "whom"));
    let ran = caller.command("run --actions").arg(&url).output().unwrap();
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(out.contains("error[missing-input]: the input `who` is missing"), "{out}");
    drop(mirrors);
}

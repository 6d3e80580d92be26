//! `highroad run`: workflows executed for real, as people and programs see it.

mod follow;
mod groups;
mod limits;
mod secrets;
mod shell;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Ran, Repository, command};

/// A repository with one commit, a workflow, and a folder for data of its own.
pub(crate) struct Pipeline {
    pub(crate) repository: Repository,
}

impl Pipeline {
    pub(crate) fn new(workflow: &str) -> Self {
        Self::with(&[(".github/workflows/ci.yml", workflow)])
    }

    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let pipeline = Self { repository: Repository::with(files) };
        for words in ["init -q -b main", "add .", "commit -q -m begin"] {
            let git = Command::new("git")
                .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.org"])
                .args(words.split(' '))
                .current_dir(&pipeline.repository.path)
                .status();
            assert!(git.unwrap().success(), "git {words}");
        }
        pipeline
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = command(&self.repository.path, line);
        command.env("HIGHROAD_DATA", self.data());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        self.command(line).output().unwrap().into()
    }

    fn data(&self) -> PathBuf {
        self.repository.path.join(".git/highroad")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.repository.path.join(path), text).unwrap();
    }

    /// What a job wrote into a file that lasts longer than its workspace.
    pub(crate) fn noted(&self) -> String {
        fs::read_to_string(self.repository.path.join(".git/noted")).unwrap_or_default()
    }
}

/// The output with times that are the same on every machine.
fn timeless(text: &str) -> String {
    let mut words = Vec::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for unit in [" ms", " s"] {
            while let Some(end) = line.find(unit).filter(|end| ends_a_number(&line, *end)) {
                let number = line[..end].trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
                let start = number.trim_end().len();
                line = format!("{} TIME{}", &line[..start], &line[end + unit.len()..]);
            }
        }
        words.push(line);
    }
    words.join("\n")
}

fn ends_a_number(line: &str, end: usize) -> bool {
    line[..end].ends_with(|c: char| c.is_ascii_digit())
}

const ROAD: &str = r#"
name: CI
on: [push, pull_request]
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: cat file
  test:
    needs: lint
    runs-on: ubuntu-latest
    strategy:
      max-parallel: 1
      matrix: { node: [18, 20] }
    outputs:
      version: ${{ steps.version.outputs.version }}
    steps:
      - id: version
        run: echo "version=1.${{ matrix.node }}" >> "$GITHUB_OUTPUT"
  build:
    needs: test
    runs-on: ubuntu-latest
    steps:
      - run: test '${{ needs.test.outputs.version }}' = 1.20
      - name: Speak
        run: |
          echo first
          echo '::error file=src/main.rs,line=3::it is broken'
          exit 3
      - if: always()
        run: echo always >> "$NOTED"
  deploy:
    needs: build
    runs-on: ubuntu-latest
    steps: [{ run: 'true' }]
"#;

#[test]
fn a_failure_is_shown_with_the_last_lines_of_its_step() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", ROAD), ("file", "one\n")]);
    let noted = format!("NOTED={}", pipeline.repository.path.join(".git/noted").display());
    let ran = pipeline.run(&format!("run --env {noted} --jobs 1"));
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let shown = ran.out.replace(&noted[6..], "NOTED").replace("/usr/bin/bash", "bash");
    insta::assert_snapshot!(timeless(&shown.replace("/bin/bash", "bash")));
    assert_eq!(pipeline.noted(), "always\n");
}

#[test]
fn what_would_run_is_drawn() {
    let pipeline = Pipeline::with(&[
        (".github/workflows/ci.yml", ROAD),
        (
            ".github/workflows/release.yml",
            "on: { push: { tags: ['v*'] } }\njobs: { publish: { runs-on: [self-hosted, big], environment: production, steps: [{ run: make }] } }\n",
        ),
    ]);
    let ran = pipeline.run("run --list");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ran.out);
    let workflows = pipeline.run("run --list --json").json();
    assert_eq!(workflows["workflows"][1]["runs"], false);
}

#[test]
fn what_is_not_committed_is_in_and_what_is_ignored_is_not() {
    let pipeline = Pipeline::with(&[
        (
            ".github/workflows/ci.yml",
            "on: push\njobs:\n  look:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: test \"$(ls)\" = \"$(printf 'new\\nold')\" && grep changed old\n",
        ),
        (".gitignore", "secret\n"),
        ("old", "as it was\n"),
    ]);
    pipeline.write("old", "changed\n");
    pipeline.write("new", "\n");
    pipeline.write("secret", "\n");
    let ran = pipeline.run("run");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
}

#[test]
fn a_secret_is_used_and_never_seen() {
    let pipeline = Pipeline::new(
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    env: { TOKEN: '${{ secrets.TOKEN }}' }\n    steps:\n      - run: |\n          test \"${#TOKEN}\" = 15\n          echo \"it is $TOKEN and $(printf %s \"$TOKEN\" | base64)\"\n          exit 1\n",
    );
    let mut command = pipeline.command("run -s TOKEN");
    let ran: Ran = command.env("TOKEN", "hunter2-hunter2").output().unwrap().into();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.contains("it is *** and ***"), "{}", ran.out);
    let found =
        Command::new("grep").args(["-rl", "hunter2"]).arg(pipeline.data()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "files that hold the secret");
    let missing = pipeline.run("run -s TOKEN");
    assert_eq!(missing.code, Some(2), "{missing:?}");
}

#[test]
fn a_run_by_hand_has_typed_inputs() {
    let pipeline = Pipeline::new(
        "on:\n  workflow_dispatch:\n    inputs:\n      count: { type: number, default: 2 }\n      dry: { type: boolean, required: true }\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n      - if: inputs.dry && inputs.count == 3\n        run: exit 7\n",
    );
    let by_push = pipeline.run("run");
    assert_eq!(by_push.code, Some(3), "{by_push:?}");
    let right = pipeline.run("run workflow_dispatch --input count=3 --input dry=true");
    assert_eq!(right.code, Some(1), "{right:?}");
    assert!(right.out.contains("exit code 7"), "{}", right.out);
    let wrong = pipeline.run("run workflow_dispatch --input count=three --input dri=true");
    assert_eq!(wrong.code, Some(2));
    insta::assert_snapshot!(wrong.err);
}

#[test]
fn one_job_and_one_cell_can_be_chosen() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", ROAD), ("file", "one\n")]);
    let ran = pipeline.run("run -j test --matrix node:20");
    assert_eq!(ran.code, Some(0), "{}", ran.out);
    assert!(ran.out.contains("test (20)") && !ran.out.contains("test (18)"), "{}", ran.out);
    assert!(ran.out.contains("lint") && !ran.out.contains("build"), "{}", ran.out);
    let unknown = pipeline.run("run -j tset");
    assert_eq!(unknown.code, Some(3));
    assert!(unknown.err.contains("there is 'test'"), "{}", unknown.err);
}

#[test]
fn what_is_not_there_is_told_before_anything_runs() {
    let pipeline = Pipeline::new(
        "on: [push, workflow_dispatch]\njobs:\n  a:\n    runs-on: ubuntu-latest\n    strategy: { matrix: \
         { os: [x, y], include: [{ os: z, n: 7 }] } }\n    steps: [{ run: 'true' }]\n",
    );
    for (line, code, told) in [
        ("run --matrix so:x", 3, "no matrix has the key 'so'"),
        ("run --matrix os:w", 3, "no matrix has the value 'w' for 'os'"),
        ("run --matrix n:7", 0, ""),
        ("run --input os=x", 2, "push takes no inputs"),
        ("run -e /dev/zero", 2, "the event in /dev/zero has more than 1048576 bytes"),
    ] {
        let ran = pipeline.run(line);
        assert_eq!(ran.code, Some(code), "{line}: {}", ran.err);
        assert!(ran.err.contains(told), "{line}: {}", ran.err);
    }
}

#[test]
fn programs_read_a_line_for_each_thing() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", ROAD), ("file", "one\n")]);
    let ran = pipeline.run("run -j lint --json");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!(kinds, ["run.started", "run.job-ordered", "run.job-ended", "run.ended"]);
    let steps = lines.iter().filter_map(|line| line["event"]["step-ended"]["report"].as_object());
    let names: Vec<_> = steps.map(|report| report["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"Run cat file"), "{names:?}");
}

#[test]
fn what_failed_is_done_again_and_what_succeeded_stands() {
    let pipeline = Pipeline::new(
        "on: push\njobs:\n  good:\n    runs-on: ubuntu-latest\n    outputs: { word: '${{ steps.s.outputs.word }}' }\n    steps:\n      - id: s\n        run: echo good >> \"$NOTED\"; echo word=yes >> \"$GITHUB_OUTPUT\"\n  bad:\n    needs: good\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo first >> \"$NOTED\"; echo left > left\n      - name: Second\n        run: test -e \"$MENDED\" && cat left && test '${{ needs.good.outputs.word }}' = yes\n",
    );
    let git = pipeline.repository.path.join(".git");
    let line = |rest: &str| {
        let git = git.display();
        format!("run {rest} --env NOTED={git}/noted --env MENDED={git}/mended")
    };
    assert_eq!(pipeline.run(&line("")).code, Some(1));
    assert_eq!(pipeline.noted(), "good\nfirst\n");
    assert_eq!(pipeline.run(&line("--again failed")).code, Some(1));
    assert_eq!(pipeline.noted(), "good\nfirst\nfirst\n");
    fs::write(git.join("mended"), "").unwrap();
    let from = pipeline.run(&line("--again bad --from Second"));
    assert_eq!(from.code, Some(0), "{from:?}");
    assert_eq!(pipeline.noted(), "good\nfirst\nfirst\n", "the first step is not done again");
    let nothing = pipeline.run(&line("--again failed"));
    assert_eq!(nothing.code, Some(3), "{nothing:?}");
}

#[test]
fn a_wrong_file_is_shown_with_its_place() {
    let pipeline = Pipeline::new(
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    step:\n      - run: ${{ github.evnt }\n",
    );
    let ran = pipeline.run("run");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert!(ran.out.contains("ci.yml:5:5"), "{}", ran.out);
}

#[test]
fn the_folder_for_data_may_be_relative() {
    let pipeline = Pipeline::new(
        "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: echo it works}]}}",
    );
    let ran = pipeline.run("run --data .git/elsewhere");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let logs = pipeline.run("logs a --data .git/elsewhere");
    assert!(logs.out.contains("it works\n"), "{logs:?}");
}

#[test]
fn an_interrupted_run_ends_its_processes_and_says_so() {
    let pipeline = Pipeline::new(
        "on: push\njobs:\n  long:\n    runs-on: ubuntu-latest\n    steps:\n      - run: |\n          (setsid sleep 7431 &)\n          touch \"$NOTED\"\n          sleep 7431\n      - if: always()\n        run: echo always > \"$NOTED\"\n",
    );
    let noted = pipeline.repository.path.join(".git/noted");
    let mut child = pipeline
        .command(&format!("run --json --env NOTED={}", noted.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The step has begun; what it does first is to leave a mark.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.by_ref().map(Result::unwrap).find(|line| line.contains("step-began")).unwrap();
    while !noted.exists() {
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(pipeline.noted(), "always\n");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let command_lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    assert_eq!(command_lines.filter(|line| line == b"sleep\x007431\x00").count(), 0, "were left");
}

#[test]
fn logs_know_all_workflows_that_were_run_together() {
    let text = |job: &str| {
        format!(
            "on: push\njobs:\n  {job}: {{runs-on: ubuntu-latest, steps: [{{run: echo {job}}}]}}\n"
        )
    };
    let pipeline = Pipeline::with(&[
        (".github/workflows/one.yml", &text("first")),
        (".github/workflows/two.yml", &text("second")),
    ]);
    assert_eq!(pipeline.run("run").code, Some(0));
    let listed = pipeline.run("logs");
    for part in [".github/workflows/one.yml", "first", ".github/workflows/two.yml", "second"] {
        assert!(listed.out.contains(part), "{listed:?}");
    }
    assert!(pipeline.run("logs first").out.contains("first"));
    // One alone needs no heading.
    assert_eq!(pipeline.run("run -W two.yml").code, Some(0));
    let listed = pipeline.run("logs");
    assert!(!listed.out.contains("one.yml") && !listed.out.contains("two.yml"), "{listed:?}");
}

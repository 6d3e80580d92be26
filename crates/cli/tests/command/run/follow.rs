//! `highroad logs --follow`: what jobs write, seen from another terminal.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::Pipeline;

const PATIENT: &str = r#"
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - name: Wait
        run: |
          echo first
          until test -e "$MARK"; do sleep 0.05; done
          echo second
  two:
    needs: one
    runs-on: ubuntu-latest
    steps: [{ name: Last, run: echo third }]
"#;

/// A command, and its lines as they come.
struct Watched {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watched {
    fn start(pipeline: &Pipeline, line: &str) -> Self {
        let mut command = pipeline.command(line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The run of the pipeline, once its first step has begun; and its id.
    fn run(pipeline: &Pipeline) -> (Self, String) {
        let mark = pipeline.repository.path.join(".git/mark");
        let mut run = Self::start(pipeline, &format!("run --json --env MARK={}", mark.display()));
        let begun = run.until("run.started");
        let begun: Value = serde_json::from_str(&begun).unwrap();
        run.until("\"name\":\"Wait\"");
        (run, begun["run"].as_str().unwrap().to_owned())
    }

    /// It has found the run under way.
    fn wait_until_it_looks(&self) {
        let files = format!("/proc/{}/fd", self.child.id());
        let is_live = |link: fs::DirEntry| {
            fs::read_link(link.path())
                .is_ok_and(|path| path.extension().is_some_and(|it| it == "live"))
        };
        while !fs::read_dir(&files).unwrap().flatten().any(is_live) {
            std::thread::yield_now();
        }
    }

    fn until(&mut self, words: &str) -> String {
        let found = self.lines.by_ref().map(Result::unwrap).find(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("it ended without '{words}'"))
    }

    /// The rest of its lines, what it complains of, and how it ended.
    fn ends(mut self) -> (Vec<String>, String, Option<i32>) {
        let rest = self.lines.by_ref().map(Result::unwrap).collect();
        let mut told = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        (rest, told, self.child.wait().unwrap().code())
    }
}

fn go_on(pipeline: &Pipeline) {
    fs::write(pipeline.repository.path.join(".git/mark"), "").unwrap();
}

#[test]
fn a_job_is_followed_to_its_end() {
    let pipeline = Pipeline::new(PATIENT);
    assert_eq!(pipeline.run("logs -f").code, Some(3), "nothing is under way");
    let (run, _) = Watched::run(&pipeline);
    let mut following = Watched::start(&pipeline, "logs -f one");
    following.until("first");
    go_on(&pipeline);
    let (rest, told, code) = following.ends();
    assert_eq!((told.as_str(), code), ("", Some(0)));
    assert_eq!(rest.iter().filter(|line| *line == "second").count(), 1, "{rest:?}");
    assert!(!rest.contains(&"third".to_owned()), "of another job: {rest:?}");
    assert_eq!(run.ends().2, Some(0));
    let after = pipeline.run("logs -f one");
    assert_eq!(after.code, Some(0), "what is over is shown: {after:?}");
    assert!(after.out.contains("Wait\n") && after.out.contains("second\n"), "{}", after.out);
}

#[test]
fn a_run_is_followed_with_all_its_jobs() {
    let pipeline = Pipeline::new(PATIENT);
    let (run, id) = Watched::run(&pipeline);
    let mut following = Watched::start(&pipeline, &format!("logs -f {id}"));
    following.until("one: Wait");
    following.until("first");
    let lines = Watched::start(&pipeline, "logs --follow --json");
    let missing = Watched::start(&pipeline, "logs -f three");
    lines.wait_until_it_looks();
    missing.wait_until_it_looks();
    go_on(&pipeline);
    following.until("second");
    following.until("two: Last");
    let (rest, told, code) = following.ends();
    assert_eq!((told.as_str(), code), ("", Some(0)));
    assert!(rest.contains(&"third".to_owned()), "{rest:?}");
    let (lines, _, code) = lines.ends();
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let said =
        |job: &str, text: &str| lines.iter().any(|it| it["job"] == job && it["text"] == text);
    assert!(code == Some(0) && said("one", "first") && said("two", "third"), "{lines:?}");
    let (_, told, code) = missing.ends();
    assert_eq!(code, Some(3));
    assert!(told.contains("executed no job 'three'"), "{told}");
    assert_eq!(run.ends().2, Some(0));
}

#[test]
fn an_interruption_ends_the_looking_and_nothing_else() {
    let pipeline = Pipeline::new(PATIENT);
    let (run, _) = Watched::run(&pipeline);
    let mut following = Watched::start(&pipeline, "logs -f one");
    following.until("first");
    let pid = following.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let (_, told, code) = following.ends();
    assert_eq!((told.as_str(), code), ("", Some(130)));
    go_on(&pipeline);
    assert_eq!(run.ends().2, Some(0));
}

#[test]
fn a_run_that_was_killed_is_not_waited_for() {
    let pipeline = Pipeline::new(PATIENT);
    let (mut run, _) = Watched::run(&pipeline);
    let mut following = Watched::start(&pipeline, "logs -f one");
    following.until("first");
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    assert_eq!(following.ends().2, Some(0));
    assert_eq!(pipeline.run("logs -f").code, Some(3));
}

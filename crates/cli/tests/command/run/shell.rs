//! `highroad run --shell-on-failure`: a person at a terminal, where a step has failed.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::Pipeline;

/// A command whose only place is a terminal.
struct AtTerminal {
    keys: File,
    child: Child,
    /// What the terminal shows, as it comes.
    screen: Receiver<Vec<u8>>,
    shown: String,
}

impl AtTerminal {
    fn start(pipeline: &Pipeline, line: &str) -> Self {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap().into_string().unwrap();
        let stream: OwnedFd = File::options().read(true).write(true).open(name).unwrap().into();
        let command = pipeline.command(line);
        // The terminal is its own, so that keys can interrupt what is in front.
        let mut own = Command::new("setsid");
        own.arg("-c").arg(command.get_program()).args(command.get_args());
        own.current_dir(command.get_current_dir().unwrap()).env_clear();
        own.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        own.env("SHELL", "bash");
        let streams = [stream.try_clone().unwrap(), stream.try_clone().unwrap(), stream];
        let [input, output, error] = streams;
        let child = own.stdin(input).stdout(output).stderr(error).spawn().unwrap();
        // They hold the terminal's other end.
        drop(own);
        let keys = File::from(keys);
        let (show, screen) = channel();
        let mut reader = keys.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut chunk) {
                if show.send(chunk[..length].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keys, child, screen, shown: String::new() }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn waits_for(&mut self, words: &str) {
        while !self.shown.contains(words) {
            let chunk = self.screen.recv();
            let chunk = chunk.unwrap_or_else(|_| panic!("no '{words}' in {}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    fn ends(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        self.shown.extend(self.screen.iter().map(|it| String::from_utf8_lossy(&it).into_owned()));
        (code, self.shown)
    }
}

const FAILING: &str = r#"
on: push
jobs:
  one:
    runs-on: ubuntu-latest
    steps:
      - run: exit 1
        continue-on-error: true
      - run: mkdir below && echo left > below/file
      - name: Greet
        working-directory: below
        env: { WORD: "${{ secrets.WORD }}" }
        run: |
          echo said by the step
          exit 7
      - if: always()
        run: echo "always, $SEEN" >> "$NOTED"
"#;

#[test]
fn a_person_looks_around_where_a_step_has_failed() {
    let pipeline = Pipeline::new(FAILING);
    let noted = pipeline.repository.path.join(".git/noted");
    let line = format!("run --shell-on-failure -s WORD=hunter2 --env NOTED={}", noted.display());
    let mut person = AtTerminal::start(&pipeline, &line);
    person.waits_for("a shell in ");
    assert!(person.shown.contains("has failed at: Greet"), "{}", person.shown);
    assert!(person.shown.contains("said by the step"), "{}", person.shown);
    // What is interrupted is what is in front, and nothing else.
    let begun = pipeline.repository.path.join(".git/begun");
    person.types(&format!("sh -c 'touch {}; exec sleep 7432'\r", begun.display()));
    while !begun.exists() {
        std::thread::yield_now();
    }
    person.types("\u{3}");
    person.types("echo \"$WORD $(basename $PWD) $(cat file)\" >> $NOTED\r");
    person.types("echo SEEN=hello >> $GITHUB_ENV\rexit\r");
    let (code, shown) = person.ends();
    assert_eq!(code, Some(1), "{shown}");
    assert_eq!(pipeline.noted(), "hunter2 below left\nalways, hello\n", "{shown}");
    assert_eq!(shown.matches("│ said by the step").count(), 1, "it is shown once: {shown}");
    assert!(shown.contains("failed: 1 of 1 job"), "{shown}");
    let found =
        Command::new("grep").args(["-rla", "hunter2"]).arg(pipeline.data()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "files that hold the secret");
}

#[test]
fn jobs_that_fail_at_once_have_their_shells_in_turn() {
    let job = "runs-on: ubuntu-latest, steps: [{ run: 'false' }]";
    let pipeline =
        Pipeline::new(&format!("on: push\njobs: {{ a: {{ {job} }}, b: {{ {job} }} }}\n"));
    let mut person = AtTerminal::start(&pipeline, "run --shell-on-failure --jobs 2");
    for _ in 0..2 {
        person.waits_for("a shell in ");
        person.shown.clear();
        person.types("exit\r");
    }
    let (code, shown) = person.ends();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("failed: 2 of 2 jobs"), "{shown}");
}

#[test]
fn without_a_terminal_there_is_no_shell() {
    let pipeline = Pipeline::new(FAILING);
    for (line, words) in [
        ("run --shell-on-failure", "--shell-on-failure takes a terminal"),
        ("run --shell-on-failure --json", "--shell-on-failure does not go with --json"),
    ] {
        let ran = pipeline.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{line}");
        assert!(ran.err.contains(words), "{}", ran.err);
    }
    assert!(!fs::exists(pipeline.data().join("jobs")).unwrap(), "nothing was begun");
}

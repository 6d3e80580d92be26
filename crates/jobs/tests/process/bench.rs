//! A bench for tests that run real processes: a log, masks, and an ear for what steps say.

#![expect(dead_code, reason = "each test program uses what it needs")]

use std::ffi::OsString;
use std::ops::ControlFlow::Continue;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jobs::command::{Command, Matchers, Shown};
use jobs::log::{Item, Log, LogLimits, LogReader};
use jobs::mask::Masks;
use jobs::output::{Attention, Ended, Linger, Listener, attend};
use jobs::process::{Confinement, Exit, Grace, ProcessTree, Program, Stop, Wrapper};
use model::pipeline::Annotation;
use ports::clock::{Clock, SystemClock};
use tempfile::TempDir;

pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) log: Log,
    pub(crate) masks: Masks,
    pub(crate) matchers: Matchers,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tree: ProcessTree,
    pub(crate) confinement: Option<Arc<Confinement>>,
    pub(crate) grace: Grace,
    pub(crate) linger: Linger,
}

/// What became of a step.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    pub(crate) commands: Vec<Command>,
    pub(crate) found: Vec<Annotation>,
}

impl Outcome {
    pub(crate) fn exit(&self) -> Exit {
        self.ended.exit
    }
}

/// Hears everything, and does something when it hears a debug message.
struct Ear<'a> {
    commands: Vec<Command>,
    found: Vec<Annotation>,
    on_debug: &'a mut dyn FnMut(&str),
}

impl Listener for Ear<'_> {
    fn command(&mut self, command: Command) -> Shown {
        let shown = command.shown(false, false);
        if let Command::Debug(message) = &command {
            (self.on_debug)(message);
        }
        self.commands.push(command);
        shown
    }

    fn found(&mut self, annotation: Annotation) {
        self.found.push(annotation);
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let log = Log::create(folder.path(), LogLimits::default()).unwrap();
        Self {
            folder,
            log,
            masks: Masks::default(),
            matchers: Matchers::default(),
            clock: Arc::new(SystemClock),
            tree: ProcessTree::begin().unwrap(),
            confinement: None,
            grace: Grace::default(),
            linger: Linger::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn sh(&self, script: &str) -> Program {
        Program {
            program: OsString::from("sh"),
            args: vec!["-c".into(), script.into()],
            env: vec![
                ("PATH".into(), std::env::var_os("PATH").unwrap()),
                ("F".into(), self.path().as_os_str().to_owned()),
            ],
            folder: self.path().to_owned(),
            confinement: self.confinement.clone(),
        }
    }

    /// Runs a script as step 1.
    pub(crate) fn run(&self, script: &str) -> Outcome {
        self.run_step(1, &self.sh(script), None, &Stop::new().unwrap(), &mut |_| {})
    }

    /// Runs a script as step 1 and stops it when it says `::debug::`.
    pub(crate) fn run_and_stop(&self, script: &str, how: impl Fn(&Stop)) -> Outcome {
        let stop = Stop::new().unwrap();
        self.run_step(1, &self.sh(script), None, &stop, &mut |_| how(&stop))
    }

    pub(crate) fn run_step(
        &self,
        step: u32,
        program: &Program,
        deadline: Option<Timestamp>,
        ending: &Stop,
        on_debug: &mut dyn FnMut(&str),
    ) -> Outcome {
        let child = self.tree.start(program).unwrap();
        let attention = Attention {
            step,
            log: &self.log,
            masks: &self.masks,
            matchers: &self.matchers,
            clock: &self.clock,
            deadline,
            stop: ending,
            grace: self.grace,
            linger: self.linger,
        };
        let mut ear = Ear { commands: Vec::new(), found: Vec::new(), on_debug };
        let ended = attend(child, &attention, &mut ear).unwrap();
        Outcome { ended, commands: ear.commands, found: ear.found }
    }

    /// The lines of a step so far; what is cut says from how long.
    pub(crate) fn lines(&self, step: u32) -> Vec<String> {
        self.log.flush();
        let mut lines = Vec::new();
        let mut visit = |item: Item<'_>| {
            lines.push(match item {
                Item::Line(line) => {
                    let text = String::from_utf8_lossy(line.text);
                    match line.cut_from {
                        None => text.into_owned(),
                        Some(length) => format!("{}… {} of {length}", &text[..9], text.len()),
                    }
                }
                Item::Gap(gap) => panic!("{gap:?}"),
            });
            Continue(())
        };
        let mut reader = LogReader::open(self.path()).unwrap();
        reader.read(step, 0..u64::MAX, &mut visit).unwrap();
        lines
    }

    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let path = self.path().join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        path
    }
}

/// A test that fails leaves nothing running, either.
impl Drop for Bench {
    fn drop(&mut self) {
        self.tree.sweep(Duration::ZERO);
    }
}

/// The wrapper, which cargo builds with the tests.
pub(crate) fn wrapper() -> Wrapper {
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    program.push("examples/internal_exec");
    assert!(program.exists(), "build it first: cargo build -p jobs --examples");
    Wrapper { program, args: Vec::new() }
}

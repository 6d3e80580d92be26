//! A bench in a temporary folder, orders made of a few words, and what came of them.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use jobs::action::Mirrors;
use jobs::event::Event;
use jobs::log::{Item, LogReader};
use jobs::process::ProcessTree;
use jobs::workbench::{Folders, Host, Limits, Runner, Source, Workbench};
use jobs::worker::{CancelSignal, execute};
use model::id::{JobId, RunId};
use model::pipeline::{Defaults, Ending, JobReport, Order, Secrets, StepSheet, StepWork, Tree};
use ports::clock::SystemClock;
use ports::entropy::SystemEntropy;
use serde_json::{Value, json};
use store::depot::{EmbeddedDepot, Options};
use tempfile::TempDir;

/// One machine for one test.
pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    pub(crate) bench: Workbench,
    processes: ProcessTree,
    jobs: u32,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it is there");
        let clock = Arc::new(SystemClock);
        let depot = EmbeddedDepot::open(
            root.join("depot"),
            Options::default(),
            clock.clone(),
            Arc::new(SystemEntropy),
        );
        let processes = ProcessTree::begin().expect("a process may adopt");
        let bench = Workbench {
            folders: Folders::within(&root.join("job-1")),
            runner: Runner::here("bench", root.join("tools")),
            host: Host {
                path: std::env::var("PATH").expect("a PATH"),
                variables: vec![("LANG".to_owned(), "C.UTF-8".to_owned())],
                home: std::env::var_os("HOME").map(PathBuf::from),
            },
            secrets: Vec::new(),
            hidden: Vec::new(),
            source: Source::Nothing,
            mirrors: Mirrors { rules: Vec::new(), cache: root.join("actions") },
            depot: Arc::new(depot.expect("a depot")),
            mutable_caches: false,
            clock,
            processes: processes.clone(),
            confinement: None,
            breakpoint: None,
            limits: Limits::default(),
            debug: false,
        };
        Self { folder, bench, processes, jobs: 1 }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().expect("it is there").join(path)
    }

    pub(crate) fn workspace(&self, path: &str) -> PathBuf {
        self.bench.folders.workspace.join(path)
    }

    /// A file in the workspace of the next job.
    pub(crate) fn write(&self, path: &str, text: &str) {
        write(&self.workspace(path), text);
    }

    /// From now on another job is meant, with folders of its own.
    pub(crate) fn next_job(&mut self) {
        self.jobs += 1;
        self.bench.folders = Folders::within(&self.path(&format!("job-{}", self.jobs)));
        self.bench.processes = self.processes.clone();
    }

    pub(crate) fn run(&self, steps: Vec<StepSheet>) -> Outcome {
        self.execute(&order(steps))
    }

    pub(crate) fn execute(&self, order: &Order) -> Outcome {
        self.execute_until(order, &CancelSignal::new(), |_| {})
    }

    /// Executes, and shows each event as it comes.
    pub(crate) fn execute_until(
        &self,
        order: &Order,
        cancel: &CancelSignal,
        mut show: impl FnMut(&Event) + Send,
    ) -> Outcome {
        let mut events = Vec::new();
        let report = execute(order, &self.bench, cancel, &mut |event| {
            show(&event);
            events.push(event);
        });
        Outcome { report, events, log: self.bench.folders.log.clone() }
    }
}

/// What came of a job.
pub(crate) struct Outcome {
    pub(crate) report: JobReport,
    pub(crate) events: Vec<Event>,
    log: PathBuf,
}

impl Outcome {
    /// What a step has logged.
    pub(crate) fn log(&self, step: usize) -> String {
        let step = u32::try_from(step).expect("few steps");
        let mut reader = LogReader::open(&self.log).expect("a log");
        let mut text = String::new();
        let read = reader.read(step, 0..u64::MAX, &mut |item| {
            if let Item::Line(line) = item {
                text.push_str(&String::from_utf8_lossy(line.text));
                text.push('\n');
            }
            ControlFlow::Continue(())
        });
        read.expect("it can be read");
        text
    }

    /// The same without what the worker says before a step begins.
    pub(crate) fn said(&self, step: usize) -> String {
        let log = self.log(step);
        log.rsplit_once("##[endgroup]\n").map_or(log.as_str(), |(_, said)| said).to_owned()
    }

    pub(crate) fn everything(&self) -> String {
        (0..self.report.steps.len()).map(|step| self.log(step)).collect()
    }

    /// How each step of the order, and what follows, came out.
    pub(crate) fn outcomes(&self) -> Vec<&'static str> {
        self.report.steps.iter().map(|step| step.conclusion.word()).collect()
    }

    pub(crate) fn why(&self, step: usize) -> &str {
        self.report.steps[step].why.as_deref().unwrap_or_default()
    }

    /// The log of the step of that name.
    pub(crate) fn named(&self, name: &str) -> String {
        let step = self.report.steps.iter().position(|step| step.name == name);
        self.log(step.unwrap_or_else(|| panic!("there is no step `{name}`: {:?}", self.names())))
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.report.steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.report.ending, Ending::Success, "{}", self.everything());
        self
    }

    #[track_caller]
    pub(crate) fn failed(self) -> Self {
        assert_eq!(self.report.ending, Ending::Failure, "{}", self.everything());
        self
    }

    #[track_caller]
    pub(crate) fn invalid(&self) -> &str {
        match &self.report.ending {
            Ending::Invalid(why) => why,
            other => panic!("{other:?}: {}", self.everything()),
        }
    }
}

pub(crate) fn order(steps: Vec<StepSheet>) -> Order {
    let github = json!({
        "repository": "acme/shop",
        "repository_owner": "acme",
        "ref": "refs/heads/main",
        "ref_name": "main",
        "ref_type": "branch",
        "ref_protected": true,
        "sha": "0123456789012345678901234567890123456789",
        "event_name": "push",
        "run_id": "17",
        "run_attempt": "1",
        "actor": "ada",
        "server_url": "https://git.acme.example",
        "workflow": "CI",
        "event": {"repository": {"default_branch": "main"}, "head_commit": {"message": "Hello"}},
    });
    let contexts = [
        ("github", github),
        ("inputs", json!({})),
        ("vars", json!({"REGION": "eu"})),
        ("needs", json!({"build": {"result": "success", "outputs": {"version": "1.2"}}})),
        ("matrix", json!({"node": 20})),
        ("strategy", json!({"job-total": 2})),
    ];
    Order {
        job: JobId::new(Timestamp::UNIX_EPOCH, [7; 10]),
        run: RunId::new(Timestamp::UNIX_EPOCH, [8; 10]),
        service: "shop".parse().expect("a name"),
        name: "test".to_owned(),
        key: "test".to_owned(),
        path: ".github/workflows/ci.yml".to_owned(),
        labels: vec!["self-hosted".to_owned()],
        contexts: contexts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        env: Vec::new(),
        defaults: Defaults::default(),
        timeout_seconds: 600,
        cancel_timeout_minutes: None,
        cache_mode: None,
        permissions: None,
        environment: None,
        container: None,
        services: None,
        outputs: Vec::new(),
        steps,
        secrets: Secrets::All,
        resume: None,
    }
}

fn sheet(work: StepWork) -> StepSheet {
    StepSheet {
        line: 7,
        id: None,
        name: None,
        condition: String::new(),
        env: Tree::Null,
        continue_on_error: None,
        timeout_minutes: None,
        background: false,
        work,
    }
}

pub(crate) fn run(script: &str) -> StepSheet {
    sheet(StepWork::Run { script: script.to_owned(), shell: None, working_directory: None })
}

pub(crate) fn shell(shell: &str, script: &str) -> StepSheet {
    let shell = Some(shell.to_owned());
    sheet(StepWork::Run { script: script.to_owned(), shell, working_directory: None })
}

pub(crate) fn uses(action: &str, with: Value) -> StepSheet {
    sheet(StepWork::Uses { action: action.to_owned(), with })
}

pub(crate) fn control(work: StepWork) -> StepSheet {
    sheet(work)
}

/// What a step says besides.
pub(crate) trait Say: Sized {
    fn id(self, id: &str) -> Self;
    fn name(self, name: &str) -> Self;
    fn when(self, condition: &str) -> Self;
    fn env(self, env: Value) -> Self;
    fn tolerated(self) -> Self;
    fn minutes(self, minutes: f64) -> Self;
    fn within(self, folder: &str) -> Self;
    fn in_background(self) -> Self;
}

impl Say for StepSheet {
    fn id(self, id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..self }
    }

    fn name(self, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..self }
    }

    fn when(self, condition: &str) -> Self {
        Self { condition: condition.to_owned(), ..self }
    }

    fn env(self, env: Value) -> Self {
        Self { env, ..self }
    }

    fn tolerated(self) -> Self {
        Self { continue_on_error: Some(json!(true)), ..self }
    }

    fn minutes(self, minutes: f64) -> Self {
        Self { timeout_minutes: Some(json!(minutes)), ..self }
    }

    fn within(mut self, folder: &str) -> Self {
        if let StepWork::Run { working_directory, .. } = &mut self.work {
            *working_directory = Some(folder.to_owned());
        }
        self
    }

    fn in_background(self) -> Self {
        Self { background: true, ..self }
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

/// A git command in a folder, as nobody in particular.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args([
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@acme.example",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .output()
        .expect("git");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// A repository with one commit of these files.
pub(crate) fn repository(folder: &Path, files: &[(&str, &str)]) -> String {
    fs::create_dir_all(folder).expect("made");
    git(folder, &["init", "--quiet"]);
    for (path, text) in files {
        write(&folder.join(path), text);
    }
    commit(folder, "First")
}

/// Commits all that lies there.
pub(crate) fn commit(folder: &Path, message: &str) -> String {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--message", message]);
    git(folder, &["rev-parse", "HEAD"])
}

//! `highroad server`, `runner` and `token`: real processes that are killed, drained and refused.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::run::Pipeline;
use crate::{Ran, command, highroad};

/// A server with its data, and the tokens that it knows.
struct Server {
    folder: TempDir,
    process: Option<Running>,
    address: String,
}

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    fn code(mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start() -> Self {
        Self::with("")
    }

    fn with(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, process: None, address: "127.0.0.1:0".to_owned() };
        server.begin(options);
        for (name, purpose) in [("ada", "operator"), ("build", "runner")] {
            let made = server.token(name, purpose);
            fs::write(server.folder.path().join(name), made).unwrap();
        }
        server
    }

    /// Starts it again where it was, once it was killed.
    fn begin(&mut self, options: &str) {
        let runner = if options.contains("--runner-slots") { "" } else { "--no-runner" };
        let line = format!("server --listen {} {runner} {options}", self.address);
        let mut process = command(self.folder.path(), &line)
            .env("HIGHROAD_DATA", self.data())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = ready.trim().strip_prefix("ready http://").expect("it says where it is");
        address.clone_into(&mut self.address);
        self.process = Some(Running(process));
    }

    fn kill(&mut self) {
        self.process.take().unwrap().signal("-KILL");
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    fn token(&self, name: &str, purpose: &str) -> String {
        let line = format!("token create {name} --for {purpose}");
        let ran = self.highroad(&line);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.out.trim().to_owned()
    }

    fn highroad(&self, line: &str) -> Ran {
        let mut command = command(self.folder.path(), line);
        command.env("HIGHROAD_DATA", self.data()).output().unwrap().into()
    }

    fn runner(&self, name: &str, options: &str) -> Running {
        let line = format!("runner --name {name} --token-file build --keep-failed 5 {options}");
        let mut command = command(self.folder.path(), &line);
        command.env("HIGHROAD_DATA", self.folder.path().join(name));
        command.env("HIGHROAD_URL", self.url()).stderr(Stdio::piped());
        Running(command.spawn().unwrap())
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A run of what a pipeline's push would start, on this server.
    fn run(&self, pipeline: &Pipeline, line: &str) -> Command {
        let token = self.folder.path().join("ada");
        let line =
            format!("run --remote --url {} --token-file {} {line}", self.url(), token.display());
        pipeline.command(&line)
    }

    fn ran(&self, pipeline: &Pipeline, line: &str) -> Ran {
        self.run(pipeline, line).output().unwrap().into()
    }
}

/// Waits until a job has left its mark.
fn wait_for(path: &Path) {
    while !path.exists() {
        std::thread::yield_now();
    }
}

/// A workflow of one job whose step leaves marks in the repository's own folder, and waits there.
fn waiting(pipeline: &str) -> (Pipeline, PathBuf, PathBuf) {
    let pipeline = Pipeline::new(pipeline);
    let marks = pipeline.repository.path.join(".git/marks");
    fs::create_dir(&marks).unwrap();
    let text = fs::read_to_string(pipeline.repository.path.join(WORKFLOW)).unwrap();
    pipeline.write(WORKFLOW, &text.replace("MARKS", &marks.display().to_string()));
    let (began, go) = (marks.join("began"), marks.join("go"));
    (pipeline, began, go)
}

const WORKFLOW: &str = ".github/workflows/ci.yml";

const WAITING: &str = r"
on: push
jobs:
  wait:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo before
          echo $$ >> MARKS/began
          until test -e MARKS/go; do sleep 0.01; done
          echo after
";

#[test]
fn a_push_runs_on_a_server() {
    let pipeline = Pipeline::with(&[
        (
            WORKFLOW,
            "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    outputs: {v: '${{ steps.v.outputs.v }}'}\n    steps:\n      - uses: actions/checkout@v4\n      - id: v\n        run: echo \"v=$(cat file)\" >> \"$GITHUB_OUTPUT\"\n  test:\n    needs: build\n    runs-on: [self-hosted, linux]\n    steps:\n      - run: echo \"it is ${{ needs.build.outputs.v }}\"; exit 3\n",
        ),
        ("file", "committed"),
    ]);
    pipeline.write("file", "changed");
    let server = Server::start();
    let _runner = server.runner("one", "");
    let ran = server.ran(&pipeline, "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    // What is not committed is in; the failing step's last lines are shown.
    assert!(ran.out.contains("it is changed"), "{ran:?}");
    assert!(ran.out.contains("exit code 3"), "{ran:?}");
    let logs = pipeline.run("logs build");
    assert!(logs.out.contains("Runner: one"), "{logs:?}");
    // The repository is as it was.
    let repository = &pipeline.repository.path;
    let refs = Command::new("git").arg("for-each-ref").current_dir(repository).output();
    assert_eq!(String::from_utf8(refs.unwrap().stdout).unwrap().lines().count(), 1);
    // Everything is in the server's journal, with who began it.
    let journal = server.highroad("journal --kind run.started");
    assert!(journal.out.contains("token:ada"), "{journal:?}");
}

#[test]
fn a_killed_server_loses_no_job() {
    let (pipeline, began, go) = waiting(WAITING);
    let mut server = Server::start();
    let _runner = server.runner("one", "");
    let mut run = server.run(&pipeline, "--json").stdout(Stdio::piped()).spawn().unwrap();
    wait_for(&began);
    server.kill();
    // It says more while nobody listens.
    fs::write(&go, "").unwrap();
    server.begin("");
    let mut told = String::new();
    run.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{told}");
    assert!(told.contains(r#""kind":"run.ended""#), "{told}");
    let logs = pipeline.run("logs wait");
    assert!(logs.out.contains("before\nafter\n"), "{logs:?}");
    // Once, and not again.
    assert_eq!(fs::read_to_string(&began).unwrap().lines().count(), 1);
}

#[test]
fn a_runner_that_is_told_to_end_finishes_first() {
    let (pipeline, began, go) = waiting(WAITING);
    let server = Server::start();
    let first = server.runner("first", "");
    let mut run = server.run(&pipeline, "").stdout(Stdio::null()).spawn().unwrap();
    wait_for(&began);
    first.signal("-TERM");
    // Who comes later is not its business any more.
    let other =
        Pipeline::new("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}");
    let _second = server.runner("second", "");
    let ran = server.ran(&other, "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(other.run("logs a").out.contains("Runner: second"));
    fs::write(&go, "").unwrap();
    assert_eq!(first.code(), Some(0));
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert!(pipeline.run("logs wait").out.contains("Runner: first"));
}

#[test]
fn a_job_whose_runner_was_killed_is_begun_again() {
    let (pipeline, began, go) = waiting(WAITING);
    let server = Server::start();
    let runner = server.runner("one", "");
    let mut run = server.run(&pipeline, "--json").stdout(Stdio::piped()).spawn().unwrap();
    wait_for(&began);
    runner.signal("-KILL");
    drop(runner);
    fs::write(&go, "").unwrap();
    // The same runner, in its next life, says that the job was lost.
    let _runner = server.runner("one", "");
    let mut told = String::new();
    run.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{told}");
    assert!(told.contains(r#""again":true"#) && told.contains(r#""attempt":2"#), "{told}");
    assert_eq!(fs::read_to_string(&began).unwrap().lines().count(), 2);
}

#[test]
fn a_job_whose_runner_is_gone_is_begun_again_elsewhere() {
    let (pipeline, began, go) = waiting(WAITING);
    let server = Server::with("--runner-timeout 1");
    let runner = server.runner("one", "");
    let mut run = server.run(&pipeline, "").stdout(Stdio::null()).spawn().unwrap();
    wait_for(&began);
    drop(runner);
    fs::write(&go, "").unwrap();
    let _other = server.runner("other", "");
    assert_eq!(run.wait().unwrap().code(), Some(0));
    assert!(pipeline.run("logs wait").out.contains("Runner: other"));
}

#[test]
fn jobs_go_to_runners_that_offer_their_labels() {
    let pipeline = Pipeline::new(
        "on: push\njobs:\n  large:\n    runs-on: [self-hosted, gpu]\n    steps: [{run: echo}]\n  small:\n    runs-on: ubuntu-latest\n    steps: [{run: echo}]\n",
    );
    let server = Server::start();
    let _plain = server.runner("plain", "");
    let _gpu = server.runner("gpu", "--label GPU --stand-in-for none-");
    let ran = server.ran(&pipeline, "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(pipeline.run("logs large").out.contains("Runner: gpu"));
    assert!(pipeline.run("logs small").out.contains("Runner: plain"));
}

#[test]
fn an_interrupted_run_is_cancelled_on_the_server() {
    let (pipeline, began, _) = waiting(WAITING);
    let server = Server::start();
    let _runner = server.runner("one", "");
    let mut run = Running(server.run(&pipeline, "").stdout(Stdio::piped()).spawn().unwrap());
    let mut out = run.0.stdout.take().unwrap();
    wait_for(&began);
    run.signal("-INT");
    let mut told = String::new();
    out.read_to_string(&mut told).unwrap();
    assert_eq!(run.code(), Some(130), "{told}");
    let journal = server.highroad("journal --kind run.cancelling");
    assert!(journal.out.contains("token:ada"), "{journal:?}");
}

#[test]
fn a_failed_job_is_taken_up_where_it_stopped() {
    let (pipeline, began, _) = waiting(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo kept > file\n      - name: second\n        run: cat file >> MARKS/began; test -e MARKS/go\n",
    );
    let server = Server::start();
    let _runner = server.runner("one", "");
    let _other = server.runner("other", "");
    assert_eq!(server.ran(&pipeline, "").code, Some(1));
    fs::write(began.with_file_name("go"), "").unwrap();
    let again = server.ran(&pipeline, "--again a --from second");
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(fs::read_to_string(began).unwrap(), "kept\nkept\n");
}

#[test]
fn an_environment_is_entered_with_somebodys_consent() {
    let pipeline = Pipeline::with(&[
        (
            WORKFLOW,
            "on: push\njobs:\n  ship:\n    runs-on: ubuntu-latest\n    environment: production\n    steps: [{run: echo}]\n",
        ),
        (
            "highroad.yaml",
            "service: shop\nrun: serve\nenvironments:\n  production: {approvals: 1}\n",
        ),
    ]);
    let server = Server::start();
    let _runner = server.runner("one", "");
    let eve = server.token("eve", "operator");
    fs::write(server.folder.path().join("eve"), eve).unwrap();
    let mut run = server.run(&pipeline, "").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines().map(Result::unwrap);
    let how = lines.find_map(|line| Some(line.split_once("highroad ")?.1.to_owned())).unwrap();
    let say =
        |who: &str| server.highroad(&format!("{how} --url {} --token-file {who}", server.url()));
    let own = say("ada");
    assert_eq!(own.code, Some(4), "{own:?}");
    assert!(own.err.contains("somebody else has to approve"), "{own:?}");
    let other = say("eve");
    assert_eq!(other.code, Some(0), "{other:?}");
    lines.for_each(drop);
    assert_eq!(run.wait().unwrap().code(), Some(0));
    let journal = server.highroad("journal --kind run.approved");
    assert!(journal.out.contains("token:eve"), "{journal:?}");
    // Too late, and said so.
    assert_eq!(say("eve").code, Some(4));

    pipeline.write("highroad.yaml", "service: shop\nenvironment: {}\n");
    let broken = server.ran(&pipeline, "");
    assert_eq!(broken.code, Some(1), "{broken:?}");
    assert!(broken.err.contains("highroad check"), "{broken:?}");
}

#[test]
fn secrets_of_the_server_reach_its_jobs_and_nothing_else() {
    let pipeline = Pipeline::with(&[
        (
            WORKFLOW,
            "on: push\njobs:\n  use:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo \"$KEY\"; test \"${#KEY}\" -eq 14\n        env: {KEY: '${{ secrets.KEY }}'}\n",
        ),
        ("highroad.yaml", "service: shop\nrun: serve\n"),
    ]);
    let mut server = Server::start();
    let address = server.address.clone();
    drop(server.process.take());
    fs::write(server.folder.path().join("value"), "hush-hush-hush").unwrap();
    let set = server.highroad("secret set KEY --service shop --from-file value");
    assert_eq!(set.code, Some(0), "{set:?}");
    server.begin("");
    assert_eq!(server.address, address);
    let _runner = server.runner("one", "");
    let ran = server.ran(&pipeline, "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(pipeline.run("logs use").out.contains("***"));
    let mut grep = Command::new("grep");
    grep.args(["-rl", "hush-hush-hush", "."]).current_dir(server.folder.path());
    assert_eq!(String::from_utf8(grep.output().unwrap().stdout).unwrap(), "./value\n");
}

#[test]
fn who_shows_no_right_token_gets_nothing() {
    let server = Server::start();
    let ask = |path: &str, token: Option<&str>| {
        let stream = std::net::TcpStream::connect(&server.address).unwrap();
        let header = token.map(|it| format!("authorization: Bearer {it}\r\n")).unwrap_or_default();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{header}\r\n");
        std::io::Write::write_all(&mut &stream, request.as_bytes()).unwrap();
        let mut answer = String::new();
        (&stream).read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let read = |name: &str| fs::read_to_string(server.folder.path().join(name)).unwrap();
    let (ada, build) = (read("ada"), read("build"));
    assert_eq!(ask("/healthz", None), "200");
    let job = "job_01m7zrww4be48t4g8tjm687t6j";
    let run = "run_01m7zrww4be48t4g8tjm687t6j";
    let people = ["/api/v1/facts".to_owned(), format!("/api/v1/jobs/{job}/nothing")];
    let runners = [format!("/runner/v1/sources/{run}")];
    for path in &people {
        assert_eq!(ask(path, None), "401", "{path}");
        assert_eq!(ask(path, Some("hr_operator_00")), "401", "{path}");
        assert_eq!(ask(path, Some(&build)), "403", "{path}");
    }
    for path in &runners {
        assert_eq!(ask(path, None), "401", "{path}");
        assert_eq!(ask(path, Some(&ada)), "403", "{path}");
        assert_eq!(ask(path, Some(&build)), "404", "{path}");
    }
    assert_eq!(ask("/api/v1/facts", Some(&ada)), "200");
    assert_eq!(ask("/api/v1/facts?after=x", Some(&ada)), "400");
    assert_eq!(ask("/api/v1/nothing", Some(&ada)), "404");
    let told = |line: &str, token: &str| {
        let mut runner = command(server.folder.path(), line);
        let runner = runner.env("HIGHROAD_DATA", server.folder.path().join("x"));
        Ran::from(runner.env("HIGHROAD_TOKEN", token).output().unwrap())
    };
    let refused = told(&format!("runner --url {}", server.url()), &ada);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("this path for runners"), "{refused:?}");
    let clear = told("runner --url http://example.com", &build);
    assert_eq!(clear.code, Some(2), "{clear:?}");
    assert!(clear.err.contains("use https://"), "{clear:?}");
    let none = highroad(server.folder.path(), "runner --url http://127.0.0.1:1");
    assert_eq!(none.code, Some(2), "{none:?}");
    assert!(none.err.contains("HIGHROAD_TOKEN"), "{none:?}");

    // From the next question on.
    assert_eq!(server.highroad("token revoke ada").code, Some(0));
    assert_eq!(ask("/api/v1/facts", Some(&ada)), "401");
    assert_eq!(server.highroad("token revoke ada").code, Some(3));
    assert_eq!(server.highroad("token create build --for runner").code, Some(4));
    assert!(server.highroad("token list").out.contains("build  for runners"));
}

#[test]
fn two_servers_or_runners_do_not_share_a_folder() {
    let server = Server::start();
    let second = server.highroad("server --listen 127.0.0.1:0 --no-runner");
    assert_eq!(second.code, Some(5), "{second:?}");
    let there =
        command(server.folder.path(), &format!("server --no-runner --listen {}", server.address))
            .env("HIGHROAD_DATA", server.folder.path().join("another"))
            .output();
    let there = Ran::from(there.unwrap());
    assert_eq!(there.code, Some(74), "{there:?}");
    assert!(there.err.contains("--listen"), "{there:?}");
    let _runner = server.runner("one", "");
    wait_for(&server.folder.path().join("one/runner/runner.json"));
    let mut second = server.runner("one", "");
    let mut err = String::new();
    second.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(second.code(), Some(4), "{err}");
    assert!(err.contains("another runner uses"), "{err}");
}

#[test]
fn caches_and_artifacts_go_from_one_runner_to_another() {
    let pipeline = Pipeline::new(
        "on: push\njobs:\n  make:\n    runs-on: [self-hosted, first]\n    steps:\n      - run: mkdir out && echo made > out/file && ln -s file out/link\n      - uses: actions/upload-artifact@v4\n        with: {name: dist, path: out}\n      - uses: actions/cache/save@v4\n        with: {key: k-1, path: out}\n  use:\n    needs: make\n    runs-on: [self-hosted, second]\n    steps:\n      - uses: actions/download-artifact@v4\n        with: {name: dist, path: got}\n      - run: test \"$(cat got/file)\" = made && test \"$(cat got/link)\" = made\n      - id: cache\n        uses: actions/cache/restore@v4\n        with: {key: k-1, path: out}\n      - run: test \"$(cat out/link)\" = made && test '${{ steps.cache.outputs.cache-hit }}' = true\n      - uses: actions/cache/restore@v4\n        with: {key: k-2, path: out}\n",
    );
    let server = Server::start();
    let _first = server.runner("first", "--label first");
    let _second = server.runner("second", "--label second");
    let ran = server.ran(&pipeline, "");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(pipeline.run("logs use").out.contains("Runner: second"));
    // They are at the server, and a miss is explained there.
    let listed = server.highroad("cache list");
    assert!(listed.out.contains("k-1"), "{listed:?}");
    let missed = server.highroad("cache explain k-2");
    assert!(missed.out.contains("k-1"), "{missed:?}");
    for runner in ["first", "second"] {
        assert!(!server.folder.path().join(runner).join("depot").exists());
    }
}

/// The runner beside a server, for as long as a test lasts.
struct Beside(PathBuf);

impl Beside {
    fn pid(&self) -> String {
        fs::read_to_string(&self.0).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended.
        let _ = Command::new("kill").args(["-KILL", &self.pid()]).status();
    }
}

#[test]
fn the_runner_beside_a_server_outlives_it() {
    let (pipeline, began, go) = waiting(&WAITING.replace("ubuntu-latest", "[self-hosted, own]"));
    let mut server = Server::with("--runner-slots 2 --runner-label own");
    let beside = Beside(server.data().join("runner.pid"));
    let mut run = server.run(&pipeline, "--json").stdout(Stdio::piped()).spawn().unwrap();
    wait_for(&began);
    let pid = beside.pid();
    server.kill();
    fs::write(&go, "").unwrap();
    // It is this server's runner again, and there is no other.
    server.begin("--runner-slots 2 --runner-label own");
    let mut told = String::new();
    run.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{told}");
    assert_eq!(fs::read_to_string(&began).unwrap().lines().count(), 1);
    assert_eq!(beside.pid(), pid);
    assert!(server.highroad("token list").out.contains("the runner beside the server"));
}

#[test]
fn a_runner_beside_a_server_that_was_killed_is_started_again() {
    let pipeline =
        Pipeline::new("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}");
    let server = Server::with("--runner-slots 1");
    let beside = Beside(server.data().join("runner.pid"));
    assert_eq!(server.ran(&pipeline, "").code, Some(0));
    let pid = beside.pid();
    drop(Beside(server.data().join("runner.pid")));
    assert_eq!(server.ran(&pipeline, "").code, Some(0));
    assert_ne!(beside.pid(), pid);
}

#[test]
fn what_was_kept_for_long_enough_is_removed_and_told() {
    let (pipeline, began, go) = waiting(WAITING);
    let other =
        Pipeline::new("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}");
    let mut server = Server::start();
    let _runner = server.runner("one", "--slots 2");
    assert_eq!(server.ran(&other, "").code, Some(0));
    let mut run = server.run(&pipeline, "").stdout(Stdio::null()).spawn().unwrap();
    wait_for(&began);
    let sources = || fs::read_dir(server.data().join("sources")).unwrap().count();
    assert_eq!(sources(), 2);
    server.kill();
    server.begin("--keep-logs 0d --keep-sources 0h");
    // What is under way is left alone.
    let data = server.data();
    while fs::read_dir(data.join("sources")).unwrap().count() > 1 {
        std::thread::yield_now();
    }
    let jobs = fs::read_dir(data.join("jobs")).unwrap().map(|entry| entry.unwrap().path());
    let (removed, kept): (Vec<_>, Vec<_>) = jobs.partition(|job| job.join("removed.json").exists());
    assert!(removed.len() == 1 && kept.len() == 1, "{removed:?} {kept:?}");
    assert!(!removed[0].join("log/log.zst").exists() && removed[0].join("report.json").exists());
    let job = removed[0].file_name().unwrap().to_str().unwrap();
    let token = fs::read_to_string(server.folder.path().join("ada")).unwrap();
    let stream = std::net::TcpStream::connect(&server.address).unwrap();
    let request = format!(
        "GET /api/v1/jobs/{job}/log?offset=0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         authorization: Bearer {}\r\n\r\n",
        token.trim()
    );
    std::io::Write::write_all(&mut &stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    (&stream).read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 410"), "{answer}");
    assert!(answer.contains("the log was removed"), "{answer}");
    fs::write(&go, "").unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0));
}

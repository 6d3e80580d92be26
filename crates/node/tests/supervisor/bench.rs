//! A supervisor in a folder of its own, with a group to play with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::id::ReleaseId;
use model::intent::{Group, GroupHealth};
use model::manifest::{Command, Piece};
use model::workload::{Health, Limits, Port, Probe, Signal, Stop, Variable, Workload};
use node::logs::LogQuery;
use node::rota::Rota;
use node::supervisor::{InstanceReport, InstanceState, Launcher, Settings, Supervisor};
use ports::clock::{Clock, SystemClock};
use ports::entropy::SystemEntropy;
use rustix::fs::{Mode, OFlags};
use tempfile::TempDir;
use tokio::time::timeout;

/// Nothing here takes as long, however busy the machine is.
const LONG: Duration = Duration::from_mins(1);

/// A server that answers with 200, and with 500 as long as there is a file called `sick`.
pub(crate) const SERVER: &str = r#"
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists("sick") else 200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False
port = int(os.environ.get("LISTEN") or os.environ["PORT"])
server = Server(("127.0.0.1", port), Handler)
import signal, threading
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("listening on", port, flush=True)
server.serve_forever()
server.server_close()
"#;

pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) rota: Arc<Rota>,
    pub(crate) supervisor: Supervisor,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(settings(), Arc::new(SystemClock))
    }

    pub(crate) fn with(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Programs that run as somebody else start there, too.
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path(), everybody).unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        let (rota, supervisor) = open_with(&folder.path().join("node"), settings, clock);
        Self { folder, rota, supervisor }
    }

    /// Where programs are started.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    pub(crate) fn sh(&self, script: &str) -> Workload {
        workload(&self.work(), &["sh", "-c", script])
    }

    pub(crate) fn server(&self) -> Workload {
        server(&self.work())
    }

    pub(crate) fn ensure(&self, count: u32, workload: &Workload) {
        self.supervisor.ensure(&group(1), count, Arc::new(workload.clone()));
    }

    pub(crate) fn health(&self) -> GroupHealth {
        self.supervisor.health(&group(1).place).remove(0)
    }

    /// Waits until something is so, looking whenever anything has changed.
    pub(crate) async fn until<T>(&self, mut what: impl FnMut(&Self) -> Option<T>) -> T {
        let mut changes = self.supervisor.changes();
        let found = timeout(LONG, async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = what(self) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        });
        match found.await {
            Ok(found) => found,
            Err(late) => panic!(
                "it never was so, {late}: {:?} {:?}",
                self.supervisor.instances(),
                self.supervisor.health(&group(1).place)
            ),
        }
    }

    pub(crate) async fn until_ready(&self, count: usize) -> Vec<InstanceReport> {
        self.until(|bench| {
            let mut ready = bench.supervisor.instances();
            ready.retain(|instance| instance.state == InstanceState::Ready);
            (ready.len() == count).then_some(ready)
        })
        .await
    }

    /// The first words of why an instance of the group ended.
    pub(crate) async fn reason(&self) -> String {
        self.until(|bench| bench.health().last_words).await
    }

    pub(crate) async fn lines(&self) -> Vec<String> {
        let mut stream = self.supervisor.logs(LogQuery::default()).await.unwrap();
        stream.ready().into_iter().map(|line| line.text).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.supervisor.leave();
        kill_all_in(&self.state());
    }
}

/// Has all keepers end that work in a folder, however a test went.
pub(crate) fn kill_all_in(folder: &Path) {
    for entry in std::fs::read_dir(folder.join("instances")).into_iter().flatten().flatten() {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK;
        if let Ok(orders) = rustix::fs::open(entry.path().join("orders"), flags, Mode::empty()) {
            let _ = rustix::io::write(orders, b"k");
        }
    }
}

pub(crate) fn open(folder: &Path) -> (Arc<Rota>, Supervisor) {
    open_with(folder, settings(), Arc::new(SystemClock))
}

fn open_with(folder: &Path, settings: Settings, clock: Arc<dyn Clock>) -> (Arc<Rota>, Supervisor) {
    let rota = Arc::new(Rota::default());
    let entropy = Arc::new(SystemEntropy);
    let supervisor = Supervisor::open(folder, Arc::clone(&rota), clock, entropy, settings).unwrap();
    (rota, supervisor)
}

pub(crate) fn settings() -> Settings {
    let launcher = Launcher { program: example("internal_instance"), args: Vec::new() };
    let mut settings = Settings::new(launcher);
    settings.backoff.first = Duration::from_millis(20);
    settings.backoff.most = Duration::from_millis(100);
    settings.log_budget = 1 << 20;
    settings
}

/// A program that cargo builds with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let mut program = std::env::current_exe().unwrap();
    program.pop();
    program.pop();
    program.push("examples");
    program.push(name);
    assert!(program.exists(), "build it first: cargo build -p node --examples");
    program
}

pub(crate) fn group(number: u8) -> Group {
    let place = "shop/production".parse().unwrap();
    Group { place, release: ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10]) }
}

pub(crate) fn command(words: &[&str]) -> Command {
    let piece = |word: &str| match word.strip_prefix('$') {
        Some(name) => Piece::Variable(name.to_owned()),
        None => Piece::Text(word.to_owned()),
    };
    Command::try_from(words.iter().map(|word| vec![piece(word)]).collect::<Vec<_>>()).unwrap()
}

pub(crate) fn workload(folder: &Path, words: &[&str]) -> Workload {
    Workload {
        version: "1.5.0".to_owned(),
        command: command(words),
        folder: folder.to_str().unwrap().to_owned(),
        env: BTreeMap::new(),
        port: Port::None,
        health: Health {
            probe: Probe::Alive,
            interval: SignedDuration::from_millis(100),
            timeout: SignedDuration::from_secs(10),
            failures: 2,
            ready_within: SignedDuration::from_mins(1),
        },
        stop: Stop { signal: Signal::Term, grace: SignedDuration::from_secs(30) },
        limits: Limits::default(),
        user: None,
    }
}

pub(crate) fn server(folder: &Path) -> Workload {
    let mut server = workload(folder, &["python3", "-c", SERVER]);
    server.port = Port::Auto;
    server.health.probe = Probe::Http("/health".to_owned());
    server
}

pub(crate) fn set(workload: &mut Workload, name: &str, value: &str) {
    workload.env.insert(name.to_owned(), Variable::Plain(value.to_owned()));
}

pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_ascii_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

/// Waits for what no event tells of.
pub(crate) async fn eventually<T>(mut what: impl FnMut() -> Option<T>) -> T {
    let found = timeout(LONG, async {
        loop {
            if let Some(found) = what() {
                return found;
            }
            ports::clock::pause(Duration::from_millis(20)).await;
        }
    });
    found.await.expect("it never was so")
}

/// What a program has written into a file, once it has.
pub(crate) async fn written(file: &Path) -> String {
    eventually(|| std::fs::read_to_string(file).ok().filter(|text| text.ends_with('\n'))).await
}

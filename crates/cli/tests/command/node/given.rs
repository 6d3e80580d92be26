//! A node with its data, and a service on it whose instances do as their release says.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::id::{InstanceId, ReleaseId};
use model::intent::{Generation, Group, Instances, Share, Split, Weight, Weights};
use model::manifest::{Command as Words, Piece};
use model::name::Place;
use model::route::Route;
use model::workload::{Health, Limits, Port, Probe, Signal, Stop, Variable, Workload};
use node::client::NodeClient;
use node::status::{InstanceState, Status};
use ports::BoxFuture;
use ports::clock::pause;
use ports::releases::Releases;
use ports::traffic::Traffic;
use ports::workloads::{Rejection, Workloads as _};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::command;

pub(super) const OLD: u8 = 1;
pub(super) const NEW: u8 = 2;
pub(super) const SECRET: &str = "correct horse battery staple";

/// What the instances run: `well`, `fails`, or `dies`.
const PROGRAM: &str = r"
import os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
nature = sys.argv[1]
if nature == 'dies':
    print('no database', file=sys.stderr)
    sys.exit(3)
class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = os.environ['KEY' if self.path == '/secret' else 'NAME'].encode()
        bad = nature == 'fails' and self.path != '/health'
        head = 'HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n' % ('500 Broken' if bad else '200 OK', len(body))
        self.wfile.write(head.encode() + body)
    def log_message(self, *words):
        pass
class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = False
import signal, threading
server = Server(('127.0.0.1', int(os.environ['PORT'])), Handler)
def end(*_):
    threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, end)
server.serve_forever()
os._exit(0)
";

/// A node that does not outlive its test, nor do its instances.
pub(super) struct Given {
    data: TempDir,
    process: Mutex<Option<Child>>,
    address: String,
    releases: Arc<Natures>,
}

/// What each release is like.
#[derive(Debug, Default)]
struct Natures(Mutex<BTreeMap<ReleaseId, String>>);

impl Given {
    /// Nothing is wanted of it yet.
    pub(super) fn new(options: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("program.py"), PROGRAM).unwrap();
        let process = Mutex::default();
        let releases = Arc::default();
        let mut node = Self { data, process, address: "127.0.0.1:0".to_owned(), releases };
        node.begin(options);
        node
    }

    /// It serves these releases: number, instances, nature. The first has all the traffic.
    pub(super) async fn serving(releases: &[(u8, u32, &str)]) -> Self {
        let node = Self::new("");
        for (number, count, nature) in releases {
            node.run(1, *number, *count, nature).await;
        }
        node.steer(1, &[(releases[0].0, 10_000)]).await.expect("it is taken over");
        let led = node.client().lead(&Self::place(), Some(&Self::route()), Generation(1)).await;
        led.expect("it is taken over");
        for (number, count, nature) in releases {
            if *nature != "dies" {
                node.ready(*number, *count).await;
            }
        }
        node
    }

    /// Starts it, where it was if it was killed.
    pub(super) fn begin(&mut self, options: &str) {
        let (process, address) = self.start(options);
        self.address = address;
        *self.process.lock().unwrap() = Some(process);
    }

    /// Another one takes its place; the one before ends by itself.
    pub(super) async fn replace(&mut self) {
        let before = self.begin_heir();
        self.ended(before).await;
    }

    /// Another one serves in its place; the one before is returned.
    pub(super) fn begin_heir(&self) -> Child {
        let (heir, address) = self.start("--replace");
        assert_eq!(address, self.address);
        self.process.lock().unwrap().replace(heir).expect("there was one")
    }

    pub(super) async fn ended(&self, mut before: Child) {
        let ended = tokio::task::spawn_blocking(move || before.wait());
        assert!(ended.await.unwrap().unwrap().success());
    }

    /// The generation of the split, as a new connection hears it.
    pub(super) async fn generation(&self) -> Option<Generation> {
        let kept = Traffic::kept(&self.client(), &Self::place()).await.expect("it answers");
        kept.map(|kept| kept.generation)
    }

    /// A connection that was used and is kept.
    pub(super) async fn idle(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let mut connection = Connection { stream, read: Vec::new() };
        connection.get("/").await.expect("it is well");
        connection.stream
    }

    fn start(&self, options: &str) -> (Child, String) {
        let line = self.line(&format!("node --http {} {options}", self.address));
        let mut process = command(self.folder(), &line).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let address = ready.trim().strip_prefix("ready http://").expect("it says where it is");
        (process, address.to_owned())
    }

    pub(super) fn kill(&self) {
        let mut process = self.process.lock().unwrap().take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(super) fn folder(&self) -> &Path {
        self.data.path()
    }

    /// A command line about this node.
    pub(super) fn line(&self, line: &str) -> String {
        format!("--data {} {line}", self.folder().display())
    }

    pub(super) fn client(&self) -> NodeClient {
        NodeClient::of_server(&self.socket(), Arc::new(self.programs()))
    }

    /// What it says of itself to somebody who only looks.
    pub(super) async fn status(&self) -> Status {
        NodeClient::of_watcher(&self.socket()).status().await.unwrap()
    }

    fn programs(&self) -> Programs {
        Programs { folder: self.folder().to_owned(), natures: Arc::clone(&self.releases) }
    }

    fn socket(&self) -> PathBuf {
        self.folder().join("node/node.sock")
    }

    pub(super) fn place() -> Place {
        "shop/production".parse().unwrap()
    }

    pub(super) fn route() -> Route {
        let route =
            serde_json::json!({ "service": "shop", "environment": "production", "hosts": ["*"] });
        serde_json::from_value(route).unwrap()
    }

    pub(super) fn split(split: Split) -> Weights {
        Weights { place: Self::place(), split }
    }

    pub(super) async fn steer(
        &self,
        generation: u64,
        shares: &[(u8, u16)],
    ) -> Result<(), Rejection> {
        let shares: Vec<_> =
            shares.iter().map(|(number, weight)| share(*number, *weight)).collect();
        self.client().steer(&Self::split(shares.into()), Generation(generation)).await
    }

    pub(super) async fn run(&self, generation: u64, number: u8, count: u32, nature: &str) {
        self.releases.0.lock().unwrap().insert(release(number), nature.to_owned());
        let group = Group { place: Self::place(), release: release(number) };
        let want = Instances { group, count };
        self.client().ensure(&want, Generation(generation)).await.expect("it is taken over");
    }

    /// Waits until so many instances of a release are ready.
    pub(super) async fn ready(&self, number: u8, count: u32) {
        loop {
            let health = self.client().health(&Self::place()).await.unwrap();
            if health.iter().any(|group| group.release == release(number) && group.ready == count) {
                return;
            }
            self.changed().await;
        }
    }

    /// Waits until a release has no instance any more.
    pub(super) async fn gone(&self, number: u8) {
        loop {
            let status = self.status().await;
            if !status.instances.iter().any(|instance| instance.group.release == release(number)) {
                return;
            }
            self.changed().await;
        }
    }

    /// Nothing tells a client of changes yet, so it asks again soon.
    pub(super) async fn changed(&self) {
        pause(Duration::from_millis(20)).await;
    }

    /// The instances that are ready, and their processes.
    pub(super) async fn instances(&self) -> Vec<(InstanceId, Option<u32>)> {
        let status = self.status().await;
        let ready = status.instances.into_iter().filter(|it| it.state == InstanceState::Ready);
        let mut ready: Vec<_> = ready.map(|instance| (instance.id, instance.pid)).collect();
        ready.sort_unstable();
        ready
    }

    /// The body of a good answer, or what came instead.
    pub(super) async fn get(&self, path: &str) -> Result<String, String> {
        let stream = TcpStream::connect(&self.address).await.map_err(|error| error.to_string())?;
        let mut connection = Connection { stream, read: Vec::new() };
        let (head, body) = connection.get(path).await.map_err(|error| error.to_string())?;
        if head.starts_with("HTTP/1.1 200") { Ok(body) } else { Err(format!("{head}{body}")) }
    }

    pub(super) async fn put_raw(&self, path: &str, header: &str, body: &str) -> String {
        self.raw(&format!(
            "PUT {path} HTTP/1.1\r\nhost: n\r\n{header}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    /// A word of which only the beginning comes.
    pub(super) async fn put_cut(&self, path: &str, body: &str) -> String {
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: n\r\nhighroad-protocol: 1\r\ncontent-length: 999\r\n\r\n"
        );
        let mut stream = self.said(&(head + body)).await;
        stream.shutdown().await.unwrap();
        to_end(stream).await
    }

    /// What the control socket answers, until it ends.
    pub(super) async fn raw(&self, request: &str) -> String {
        to_end(self.said(request).await).await
    }

    async fn said(&self, request: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}

async fn to_end(mut stream: UnixStream) -> String {
    let mut answer = Vec::new();
    // It may break off whatever makes no sense to it.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

impl Drop for Given {
    fn drop(&mut self) {
        // Whatever became of the node: the next one takes over what runs, and stops it.
        let running = self.process.lock().unwrap().take();
        if let Some(mut process) = running {
            let _ = process.kill();
            let _ = process.wait();
        }
        let told = self.folder().join("node/told/instances");
        let files = std::fs::read_dir(told).into_iter().flatten().flatten();
        for file in files {
            let Ok(text) = std::fs::read_to_string(file.path()) else { continue };
            let Ok(mut told) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
            told["count"] = 0.into();
            let _ = std::fs::write(file.path(), told.to_string());
        }
        let (mut process, _) = self.start("");
        let runs = |folder: &Path| {
            let record = std::fs::read_to_string(folder.join("instance.json"));
            record.is_ok_and(|record| !record.contains("\"is_over\":true"))
        };
        let instances = || std::fs::read_dir(self.folder().join("node/instances"));
        while instances().into_iter().flatten().flatten().any(|folder| runs(&folder.path())) {
            std::thread::yield_now();
        }
        let _ = process.kill();
        let _ = process.wait();
    }
}

/// Requests that come in all the while, on connections that are kept.
pub(super) struct Requests {
    is_over: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Requests {
    pub(super) fn begin(node: &Given, clients: usize) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU64::new(0));
        let clients = (0..clients).map(|_| {
            let (address, is_over, answered) =
                (node.address.clone(), Arc::clone(&is_over), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut failed = Vec::new();
                let mut connection: Option<Connection> = None;
                while !is_over.load(Ordering::Relaxed) {
                    let kept = match connection.take() {
                        Some(kept) => kept,
                        None => match TcpStream::connect(&address).await {
                            Ok(stream) => Connection { stream, read: Vec::new() },
                            Err(error) => {
                                failed.push(format!("connect: {error}"));
                                continue;
                            }
                        },
                    };
                    let mut kept = kept;
                    match kept.get("/").await {
                        Ok((head, _)) if head.starts_with("HTTP/1.1 200") => {
                            connection = (!head.to_lowercase().contains("connection: close"))
                                .then_some(kept);
                        }
                        Ok((head, body)) => failed.push(head + &body),
                        Err(error) => failed.push(error.to_string()),
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                failed
            })
        });
        let clients = clients.collect();
        Self { is_over, answered, clients }
    }

    /// Waits until each client has had some more answers.
    pub(super) async fn some_more(&self) {
        let enough = self.answered.load(Ordering::Relaxed) + 25 * self.clients.len() as u64;
        while self.answered.load(Ordering::Relaxed) < enough {
            pause(Duration::from_millis(1)).await;
        }
    }

    /// What went wrong.
    pub(super) async fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        for client in self.clients {
            failed.extend(client.await.unwrap());
        }
        failed
    }
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Head and body of the answer.
    async fn get(&mut self, path: &str) -> std::io::Result<(String, String)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.read[..end + 4]).into_owned();
                let length = head.to_lowercase().lines().find_map(|line| {
                    line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok()
                });
                let whole = end + 4 + length.unwrap_or(0);
                if self.read.len() >= whole {
                    let body = String::from_utf8_lossy(&self.read[end + 4..whole]).into_owned();
                    self.read.drain(..whole);
                    return Ok((head, body));
                }
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(std::io::Error::other("closed without an answer"));
            }
        }
    }
}

#[derive(Debug)]
struct Programs {
    folder: PathBuf,
    natures: Arc<Natures>,
}

impl Releases for Programs {
    fn workload<'a>(&'a self, group: &'a Group) -> BoxFuture<'a, Result<Workload, Rejection>> {
        let nature = self.natures.0.lock().unwrap().get(&group.release).cloned();
        Box::pin(async move { Ok(self.of(group.release, nature.as_deref())) })
    }
}

impl Programs {
    /// Who has no nature only waits.
    fn of(&self, id: ReleaseId, nature: Option<&str>) -> Workload {
        let words: Vec<String> = match nature {
            Some(nature) => {
                let program = self.folder.join("program.py").display().to_string();
                vec!["python3".to_owned(), program, nature.to_owned()]
            }
            None => vec!["sleep".to_owned(), "1000".to_owned()],
        };
        let words: Vec<Vec<Piece>> =
            words.into_iter().map(|word| vec![Piece::Text(word)]).collect();
        let version = if id == release(OLD) { "1.4.1" } else { "1.5.0" };
        Workload {
            version: version.to_owned(),
            command: Words::try_from(words).expect("it has words"),
            folder: self.folder.display().to_string(),
            env: BTreeMap::from([
                ("NAME".to_owned(), Variable::Plain(version.to_owned())),
                ("KEY".to_owned(), Variable::Secret(SECRET.to_owned().into())),
            ]),
            port: if nature.is_some() { Port::Auto } else { Port::None },
            health: Health {
                probe: if nature.is_some() {
                    Probe::Http("/health".to_owned())
                } else {
                    Probe::Alive
                },
                interval: SignedDuration::from_secs(1),
                timeout: SignedDuration::from_secs(5),
                failures: 5,
                ready_within: SignedDuration::from_secs(60),
            },
            stop: Stop { signal: Signal::Term, grace: SignedDuration::from_secs(10) },
            limits: Limits::default(),
            user: None,
        }
    }
}

pub(super) fn release(number: u8) -> ReleaseId {
    ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

pub(super) fn share(number: u8, hundredths: u16) -> Share {
    let weight = Weight::from_hundredths(hundredths).expect("at most the whole");
    Share { release: release(number), weight }
}

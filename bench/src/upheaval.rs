//! A node under load while everything about it changes: how many requests fail, and how long they
//! take.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use evidence::histogram::Histogram;
use jiff::{SignedDuration, Timestamp};
use model::id::ReleaseId;
use model::intent::{Generation, Group, Instances, Share, Weight, Weights};
use model::manifest::{Command as Words, Piece};
use model::name::Place;
use model::route::Route;
use model::workload::{Health, Limits, Port, Probe, Signal, Stop, Workload};
use node::client::NodeClient;
use ports::BoxFuture;
use ports::clock::{Stopwatch, moment, pause};
use ports::releases::Releases;
use ports::traffic::Traffic as _;
use ports::workloads::{Rejection, Workloads as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Done;

const REQUESTS_A_SECOND: u64 = 5_000;
const CONNECTIONS: u64 = 200;
const WEIGHT_CHANGES: u32 = 1_000;
const REPLACEMENTS: u8 = 50;
const SERVER_RESTARTS: u32 = 20;
const HANDOVERS: u32 = 5;

pub(super) fn measure(binary: &Path) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(binary))
}

/// What an instance is here: it answers every request with a few bytes until it is told to end.
pub(super) fn backend() -> Done {
    let port = std::env::var("PORT")?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        std::thread::spawn(move || {
            let mut read = [0; 16 << 10];
            let mut rest = Vec::new();
            while let Ok(count @ 1..) = stream.read(&mut read) {
                rest.extend_from_slice(&read[..count]);
                while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
                    rest.drain(..end + 4);
                    if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err()
                    {
                        return;
                    }
                }
            }
        });
    }
    Ok(())
}

async fn run(binary: &Path) -> Done {
    println!("a node under {REQUESTS_A_SECOND} requests a second while everything changes");
    let data = tempfile::tempdir()?;
    let mut node = Node::start(binary, data.path())?;
    let load = Load::begin(&node.address);
    let mut server = Server::new(&node.socket);

    server.replace().await?;
    load.is_on.store(true, Ordering::Relaxed);
    server.bring_up().await?;
    for _ in 0..WEIGHT_CHANGES {
        server.shift().await?;
        pause(Duration::from_millis(4)).await;
    }
    server.take_over().await?;
    load.told(&format!("{WEIGHT_CHANGES} changes of weights"));
    for _ in 0..REPLACEMENTS {
        server.replace().await?;
    }
    load.told(&format!("{REPLACEMENTS} replacements of all instances"));
    for _ in 0..SERVER_RESTARTS {
        server = server.again();
        server.say_everything().await?;
        pause(Duration::from_millis(50)).await;
    }
    load.told(&format!("{SERVER_RESTARTS} new servers that say everything again"));
    for _ in 0..HANDOVERS {
        node = node.replaced(binary, data.path()).await?;
        pause(Duration::from_millis(500)).await;
    }
    load.told(&format!("{HANDOVERS} hand-overs of the node"));
    load.end().await;
    server.stop().await?;
    drop(node);
    println!();
    Ok(())
}

struct Node {
    process: Child,
    address: String,
    socket: PathBuf,
}

impl Node {
    fn start(binary: &Path, data: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        Self::with(binary, data, &["--http", "127.0.0.1:0"])
    }

    fn with(
        binary: &Path,
        data: &Path,
        options: &[&str],
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut process = Command::new(binary)
            .args(["node", "--data"])
            .arg(data)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut ready = String::new();
        let out = process.stdout.take().ok_or("the node has no output")?;
        BufReader::new(out).read_line(&mut ready)?;
        let address =
            ready.trim().strip_prefix("ready http://").ok_or("the node does not start")?;
        let address = address.to_owned();
        Ok(Self { process, address, socket: data.join("node/node.sock") })
    }

    /// Another one takes its place, and it ends by itself.
    async fn replaced(
        mut self,
        binary: &Path,
        data: &Path,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let heir = Self::with(binary, data, &["--replace"])?;
        while self.process.try_wait()?.is_none() {
            pause(Duration::from_millis(5)).await;
        }
        Ok(heir)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended where it was replaced.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a server would tell.
struct Server {
    client: NodeClient,
    socket: PathBuf,
    generation: u64,
    live: u8,
    before: u8,
    /// The share of the live release; the one before has the rest, and runs as long as it has any.
    weight: u16,
}

const INSTANCES: u32 = 2;

impl Server {
    fn new(socket: &Path) -> Self {
        let client = NodeClient::of_server(socket, Arc::new(Backends));
        Self { client, socket: socket.to_owned(), generation: 0, live: 0, before: 0, weight: 0 }
    }

    /// The same one, in a new process: nothing of its connections is left.
    fn again(self) -> Self {
        Self { client: NodeClient::of_server(&self.socket, Arc::new(Backends)), ..self }
    }

    /// A new release takes everything over, and the one before is stopped.
    async fn replace(&mut self) -> Done {
        self.bring_up().await?;
        self.take_over().await
    }

    /// A new release runs, without traffic.
    async fn bring_up(&mut self) -> Done {
        self.generation += 1;
        (self.before, self.live) = (self.live, self.live % 200 + 1);
        self.weight = 0;
        self.run(self.live, INSTANCES).await?;
        loop {
            let health = self.client.health(&place()).await?;
            let of = |group: &&model::intent::GroupHealth| group.release == release(self.live);
            if health.iter().find(of).is_some_and(|group| group.ready == INSTANCES) {
                break;
            }
            pause(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The new release has all the traffic; the one before ends.
    async fn take_over(&mut self) -> Done {
        self.generation += 1;
        self.weight = 10_000;
        self.say_everything().await?;
        if self.before > 0 {
            self.run(self.before, 0).await?;
        }
        Ok(())
    }

    /// Another share for the new release.
    async fn shift(&mut self) -> Done {
        self.generation += 1;
        self.weight = (self.weight + 37) % 9_999 + 1;
        Ok(self.say_everything().await?)
    }

    async fn say_everything(&self) -> Result<(), Rejection> {
        let route = Route {
            place: place(),
            hosts: vec!["*".to_owned()],
            path: "/".to_owned(),
            strip_path: false,
            instead: None,
            https_only: false,
            sticky: None,
            limits: model::route::Limits::default(),
            timeouts: model::route::Timeouts::default(),
            retries: model::route::Retries { times: 0, percent: 0 },
            headers: BTreeMap::new(),
        };
        self.client.lead(&place(), Some(&route), Generation(1)).await?;
        let share = |release, weight| Share {
            release,
            weight: Weight::from_hundredths(weight).unwrap_or(Weight::ALL),
        };
        let rest =
            (self.weight < 10_000).then(|| share(release(self.before), 10_000 - self.weight));
        let shares: Vec<_> =
            [share(release(self.live), self.weight)].into_iter().chain(rest).collect();
        let want = Weights { place: place(), split: shares.into() };
        self.client.steer(&want, Generation(self.generation)).await
    }

    async fn run(&self, number: u8, count: u32) -> Result<(), Rejection> {
        let group = Group { place: place(), release: release(number) };
        self.client.ensure(&Instances { group, count }, Generation(self.generation)).await
    }

    async fn stop(mut self) -> Done {
        self.generation += 1;
        self.run(self.live, 0).await?;
        while !self.client.status().await?.instances.is_empty() {
            pause(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Backends;

impl Releases for Backends {
    fn workload<'a>(&'a self, _: &'a Group) -> BoxFuture<'a, Result<Workload, Rejection>> {
        Box::pin(async move {
            let refused = |error: &dyn std::fmt::Display| Rejection::Refused(error.to_string());
            let program = std::env::current_exe().map_err(|error| refused(&error))?;
            let words = [program.display().to_string(), "backend".to_owned()];
            let words = words.map(|word| vec![Piece::Text(word)]).to_vec();
            Ok(Workload {
                version: "1".to_owned(),
                command: Words::try_from(words).map_err(|error| refused(&error))?,
                folder: "/".to_owned(),
                env: BTreeMap::new(),
                port: Port::Auto,
                health: Health {
                    probe: Probe::Http("/".to_owned()),
                    interval: SignedDuration::from_secs(1),
                    timeout: SignedDuration::from_secs(2),
                    failures: 3,
                    ready_within: SignedDuration::from_secs(20),
                },
                stop: Stop { signal: Signal::Term, grace: SignedDuration::from_secs(5) },
                limits: Limits::default(),
                user: None,
            })
        })
    }
}

fn place() -> Place {
    "shop/production".parse().expect("a place")
}

fn release(number: u8) -> ReleaseId {
    ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

/// Requests at a steady pace, whatever the answers.
struct Load {
    is_on: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    requests: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    times: Arc<Mutex<Histogram>>,
    since: Mutex<Stopwatch>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn begin(address: &str) -> Self {
        let mut load = Self {
            is_on: Arc::default(),
            is_over: Arc::default(),
            requests: Arc::default(),
            failed: Arc::default(),
            times: Arc::new(Mutex::new(Histogram::new())),
            since: Mutex::new(Stopwatch::start()),
            clients: Vec::new(),
        };
        load.clients = (0..CONNECTIONS).map(|_| load.client(address.to_owned())).collect();
        load
    }

    fn client(&self, address: String) -> tokio::task::JoinHandle<()> {
        let (is_on, is_over) = (Arc::clone(&self.is_on), Arc::clone(&self.is_over));
        let (requests, failed) = (Arc::clone(&self.requests), Arc::clone(&self.failed));
        let times = Arc::clone(&self.times);
        tokio::spawn(async move {
            let mut kept: Option<TcpStream> = None;
            let mut ticks = tokio::time::interval(Duration::from_micros(
                1_000_000 * CONNECTIONS / REQUESTS_A_SECOND,
            ));
            while !is_over.load(Ordering::Relaxed) {
                ticks.tick().await;
                if !is_on.load(Ordering::Relaxed) {
                    continue;
                }
                let began = moment();
                match ask(&mut kept, &address).await {
                    Ok(()) => {
                        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                        times.lock().unwrap_or_else(PoisonError::into_inner).add(micros);
                    }
                    Err(error) => {
                        if failed.fetch_add(1, Ordering::Relaxed) < 5 {
                            println!("  a request failed: {error}");
                        }
                        kept = None;
                    }
                }
                requests.fetch_add(1, Ordering::Relaxed);
            }
        })
    }

    /// What came since it was told last.
    fn told(&self, of: &str) {
        let requests = self.requests.swap(0, Ordering::Relaxed);
        let failed = self.failed.swap(0, Ordering::Relaxed);
        let empty = Histogram::new();
        let times = std::mem::replace(
            &mut *self.times.lock().unwrap_or_else(PoisonError::into_inner),
            empty,
        );
        let ms = |quantile| {
            #[expect(clippy::cast_precision_loss, reason = "it is shown with two digits")]
            times.quantile(quantile).map_or(f64::NAN, |micros| micros as f64 / 1_000.0)
        };
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::cast_precision_loss, reason = "it is shown without digits")]
        let rate = requests as f64 / since.elapsed().as_secs_f64();
        *since = Stopwatch::start();
        println!(
            "  {failed:>5} of {requests:>7} requests failed (wanted: 0), {rate:.0}/s, p50 {:.2} ms, p99 {:.2} ms: {of}",
            ms(0.5),
            ms(0.99)
        );
    }

    async fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            // A client that panicked has printed why.
            let _ = client.await;
        }
    }
}

async fn ask(kept: &mut Option<TcpStream>, address: &str) -> std::io::Result<()> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => TcpStream::connect(address).await?,
    };
    stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n").await?;
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(b"\r\n\r\nok") {
        if stream.read_buf(&mut answer).await? == 0 {
            let got = String::from_utf8_lossy(&answer).into_owned();
            return Err(std::io::Error::other(format!("the answer is cut: {got:?}")));
        }
    }
    if !answer.starts_with(b"HTTP/1.1 200") {
        return Err(std::io::Error::other(String::from_utf8_lossy(&answer).into_owned()));
    }
    let closes = answer.to_ascii_lowercase().windows(17).any(|part| part == b"connection: close");
    *kept = (!closes).then_some(stream);
    Ok(())
}

//! A server's depot over HTTP: all that a depot promises, and what only happens on the way.

mod suite {
    mod remote_depot {
        ports::depot_suite!(async { super::super::Fresh::new() });
    }
}

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use jobs::remote::{Client, RemoteDepot, for_depot};
use ports::clock::Clock;
use ports::depot::{Carrier, Depot as _, DepotError};
use ports::entropy::SystemEntropy;
use ports::suite::depot::{ARTIFACT_DAYS, CACHE_DAYS, Ground, QUOTA, SetClock};
use store::depot::{EmbeddedDepot, Options};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A depot behind a server, as the suite wants it.
struct Fresh {
    ground: Ground,
    server: Server,
    folder: TempDir,
}

struct Server {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn of(depot: EmbeddedDepot) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (end, told) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, for_depot(Arc::new(depot))) => served.unwrap(),
                    _ = told => {}
                }
            });
        });
        Self { address, end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.end.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Fresh {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let options =
            Options { quota: QUOTA, cache_days: CACHE_DAYS, artifact_days: ARTIFACT_DAYS };
        let kept = open(&folder.path().join("depot"), options, clock.clone()).unwrap();
        let server = Server::of(kept);
        let client = Client::new(&format!("http://{}", server.address), "token").unwrap();
        let time: Arc<dyn Clock> = clock.clone();
        let make = move |folder: &Path| {
            let options = Options { quota: 1 << 50, ..Options::default() };
            Ok(Box::new(open(folder, options, time.clone())?) as Box<dyn Carrier>)
        };
        let passing = folder.path().join("passing");
        let depot = RemoteDepot::new(Arc::new(client), passing, Box::new(make));
        let work = folder.path().join("ground");
        std::fs::create_dir(&work).unwrap();
        let ground = Ground { depot: Box::new(depot), clock, folder: work };
        Self { ground, server, folder }
    }

    fn packs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("depot/packs")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn open(
    folder: &Path,
    options: Options,
    clock: Arc<dyn Clock>,
) -> Result<EmbeddedDepot, DepotError> {
    EmbeddedDepot::open(folder, options, clock, Arc::new(SystemEntropy))
}

impl Deref for Fresh {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let fresh = Fresh::new();
    let tree = {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let depot = open(&folder.path().join("depot"), Options::default(), clock).unwrap();
        packed(&depot, folder.path())
    };
    let question = r#"{"save-artifact":{"run":"1","name":"a","keep_days":null,"overwrite":false}}"#;
    let mut stream = TcpStream::connect(fresh.server.address).unwrap();
    let length = question.len() + 1 + tree.len();
    write!(stream, "POST /runner/v1/depot HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n")
        .unwrap();
    writeln!(stream, "{question}").unwrap();
    stream.write_all(&tree[..tree.len() - 1]).unwrap();
    while fresh.packs().is_empty() {
        std::thread::yield_now();
    }
    drop(stream);
    while !fresh.packs().is_empty() {
        std::thread::yield_now();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let usage = runtime.block_on(fresh.depot.usage()).unwrap();
    assert_eq!((usage.artifacts, usage.stored), (0, 0));
    // Nothing of what passed through is left either.
    let passing = std::fs::read_dir(fresh.folder.path().join("passing"));
    assert_eq!(passing.map_or(0, Iterator::count), 0);
}

/// A tree of two megabytes that do not shrink, the same ones each time: where content is cut, and with
/// that what is written before all has come, depends on it.
fn packed(depot: &EmbeddedDepot, folder: &Path) -> Vec<u8> {
    use std::io::Read as _;

    use ports::depot::{Holding, Limits, Root, SaveArtifact, Source};
    let work = folder.join("work");
    std::fs::create_dir(&work).unwrap();
    let mut state = 1_u64;
    let noise = (0..2_000_000).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    });
    std::fs::write(work.join("noise"), noise.collect::<Vec<u8>>()).unwrap();
    let save = SaveArtifact {
        run: "1".to_owned(),
        name: "a".to_owned(),
        source: Source {
            roots: vec![Root { name: "workspace".to_owned(), path: work.clone() }],
            paths: vec!["noise".into()],
            limits: Limits::default(),
        },
        base: work,
        keep_days: None,
        overwrite: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tree = runtime.block_on(async {
        let saved = depot.save_artifact(save).await.unwrap();
        depot.give(Holding::Artifact(saved.artifact.id)).await.unwrap()
    });
    let mut bytes = Vec::new();
    tree.unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let mut fresh = Fresh::new();
    fresh.server = {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        Server::of(open(folder.path(), Options::default(), clock).unwrap())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(fresh.depot.usage()).unwrap_err();
    assert!(error.what.contains("cannot be reached"), "{error}");
}

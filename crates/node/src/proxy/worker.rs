//! A worker: one thread with its own runtime, connections and instances. Requests never change
//! threads.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::Version;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use jiff::Timestamp;
use model::intent::Group;
use ports::clock::moment;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::access_log::{Entry, Lines, Sampler};
use super::backend::{Backend, Backends};
use super::chance::Chance;
use super::connection;
use super::here::{Here, Heres};
use super::peer::{Ask, Patience, Peer};
use super::table::Way;
use super::{LocalExecutor, Shared};
use crate::rota::Seat;

/// How often a worker looks at its connections.
const LOOKS_PER_SECOND: u64 = 10;
/// How long a client that keeps a connection without using it may still send a request on it, when
/// the worker drains. Closed at once, it would meet every request that is on its way.
const LAST_REQUEST: Duration = Duration::from_secs(5);
/// After so many an accepting loop lets the connections have their turn.
const ACCEPTS_IN_A_ROW: u32 = 16;
/// How long nothing is accepted when the process has no more files.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) backends: Backends,
    pub(super) heres: Heres,
    pub(super) chance: Chance,
    /// Milliseconds since the worker began, as of its last look.
    pub(super) now: Rc<Cell<u64>>,
    /// The time of day, as of its last look.
    pub(super) wall: Cell<Timestamp>,
    pub(super) shadows: Cell<usize>,
    pub(super) http1: hyper::server::conn::http1::Builder,
    pub(super) http2: hyper::server::conn::http2::Builder<LocalExecutor>,
    pub(super) draining: Cell<bool>,
    peers: RefCell<HashMap<u64, Rc<Peer>>>,
    next_peer: Cell<u64>,
    sampler: Sampler,
    lines: Option<Lines>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("number", &self.number).finish_non_exhaustive()
    }
}

/// What a worker is told from outside.
#[derive(Debug)]
pub(super) enum Order {
    /// Accept from these.
    Open(Doors),
    /// Accept no more, end what is under way, and say when that is done.
    Drain { grace: Duration, done: oneshot::Sender<usize> },
}

/// What a worker accepts from.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) plain: Vec<std::net::TcpListener>,
    pub(super) encrypted: Vec<std::net::TcpListener>,
}

impl Doors {
    pub(super) fn clones(
        plain: &[std::net::TcpListener],
        encrypted: &[std::net::TcpListener],
    ) -> io::Result<Self> {
        let clones = |listeners: &[std::net::TcpListener]| {
            listeners.iter().map(std::net::TcpListener::try_clone).collect::<io::Result<Vec<_>>>()
        };
        Ok(Self { plain: clones(plain)?, encrypted: clones(encrypted)? })
    }
}

/// Works until it is told to drain, or until nobody can tell it any more.
pub(super) fn run(
    number: usize,
    shared: Arc<Shared>,
    orders: mpsc::UnboundedReceiver<Order>,
) -> io::Result<()> {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(work(number, shared, orders))
}

async fn work(
    number: usize,
    shared: Arc<Shared>,
    mut orders: mpsc::UnboundedReceiver<Order>,
) -> io::Result<()> {
    let worker = Rc::new(Worker::new(number, shared));
    let mut accepting = Vec::new();
    let looking = tokio::task::spawn_local(look(Rc::clone(&worker)));
    let (grace, done) = loop {
        match orders.recv().await {
            Some(Order::Open(doors)) => accepting.extend(open(&worker, doors)?),
            Some(Order::Drain { grace, done }) => break (grace, done),
            None => return Ok(()),
        }
    };
    for accepting in accepting {
        accepting.abort();
    }
    worker.draining.set(true);
    let drain = |all: bool| {
        let peers = worker.peers.borrow();
        for peer in peers.values().filter(|peer| all || peer.is_told_of_ends()) {
            peer.ask(Ask::Drain);
        }
    };
    drain(false);
    let empty = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        let last_request = moment() + grace.min(LAST_REQUEST);
        while !worker.peers.borrow().is_empty() {
            if moment() >= last_request {
                drain(true);
            }
            ticks.tick().await;
        }
    };
    // What is left after the grace is cut off, and counted.
    let _ = tokio::time::timeout(grace, empty).await;
    looking.abort();
    let left = worker.peers.borrow().len();
    // Whoever drains may have stopped waiting.
    let _ = done.send(left);
    Ok(())
}

fn open(worker: &Rc<Worker>, doors: Doors) -> io::Result<Vec<JoinHandle<()>>> {
    let mut accepting = Vec::new();
    for (listeners, encrypted) in [(doors.plain, false), (doors.encrypted, true)] {
        for listener in listeners {
            listener.set_nonblocking(true)?;
            let listener = TcpListener::from_std(listener)?;
            let accept = accept(Rc::clone(worker), listener, encrypted);
            accepting.push(tokio::task::spawn_local(accept));
        }
    }
    Ok(accepting)
}

impl Worker {
    fn new(number: usize, shared: Arc<Shared>) -> Self {
        let limits = &shared.limits;
        let mut http1 = hyper::server::conn::http1::Builder::new();
        http1
            .half_close(true)
            .max_buf_size(limits.head_bytes.max(16 * 1024))
            .max_header_size(limits.head_bytes);
        let mut http2 = hyper::server::conn::http2::Builder::new(LocalExecutor);
        http2
            .timer(hyper_util::rt::TokioTimer::new())
            .max_concurrent_streams(limits.http2_streams)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(20)
            .max_local_error_reset_streams(100)
            .max_send_buf_size(256 * 1024)
            .initial_stream_window_size(256 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .keep_alive_interval(limits.idle)
            .keep_alive_timeout(limits.head_within);
        let lines = shared.access_log.as_ref().and_then(super::access_log::AccessLog::sender);
        Self {
            number,
            backends: Backends::default(),
            heres: Heres::default(),
            chance: Chance::new(),
            now: Rc::default(),
            wall: Cell::new(shared.now()),
            shadows: Cell::new(0),
            http1,
            http2,
            draining: Cell::new(false),
            peers: RefCell::default(),
            next_peer: Cell::new(0),
            sampler: Sampler::default(),
            lines,
            shared,
        }
    }

    /// The line of a request in the access log, if it is to have one.
    pub(super) fn entry(&self, parts: &Parts, peer: &Peer) -> Option<Box<Entry>> {
        let lines = self.lines.as_ref()?;
        if !self.sampler.takes(self.now.get()) {
            lines.leave_out();
            return None;
        }
        let host = parts.headers.get(header::HOST).map(HeaderValue::as_bytes);
        let host = parts.uri.host().map(str::as_bytes).or(host).unwrap_or_default();
        Some(Box::new(Entry {
            at: self.shared.now(),
            peer: peer.address.ip(),
            method: parts.method.as_str().to_owned(),
            host: String::from_utf8_lossy(host).into_owned(),
            path: parts.uri.path_and_query().map_or("", |target| target.as_str()).to_owned(),
            version: match parts.version {
                Version::HTTP_10 => "1.0",
                Version::HTTP_2 => "2",
                _ => "1.1",
            },
            status: 0,
            place: None,
            release: None,
            instance: None,
            request_id: None,
            answer_ms: 0.0,
            whole_ms: 0.0,
            bytes_in: 0,
            bytes_out: 0,
            whole: false,
            left_out: 0,
        }))
    }

    pub(super) fn log(&self, entry: Box<Entry>) {
        if let Some(lines) = &self.lines {
            lines.write(entry);
        }
    }

    /// Who is in rotation now.
    pub(super) fn backends_of(&self, group: &Group) -> Vec<Rc<Backend>> {
        let seats = self.shared.rota.seats();
        let seats = seats.get(group).map_or(&[][..], |seats| seats);
        seats.iter().map(|seat| self.backends.of(seat)).collect()
    }

    /// Looked at once more after the instance's time has been taken: one that left in between may
    /// have been found idle and be gone.
    pub(super) fn is_in_rotation(&self, seat: &Arc<Seat>, here: &Here) -> bool {
        let seats = self.shared.rota.seats();
        here.is_as_of(&seats)
            || seats
                .get(&seat.group)
                .is_some_and(|seats| seats.iter().any(|s| Arc::ptr_eq(s, seat)))
    }

    /// A route as it is to be followed now.
    pub(super) fn here(&self, way: &Arc<Way>) -> Rc<Here> {
        self.heres.of(way, &self.shared.rota, &self.backends)
    }

    fn welcome(self: &Rc<Self>, stream: TcpStream, address: SocketAddr, encrypted: bool) {
        let shared = &self.shared;
        if shared.connections.fetch_add(1, Ordering::AcqRel) >= shared.limits.connections {
            shared.connections.fetch_sub(1, Ordering::AcqRel);
            return;
        }
        // Without it small answers wait for acknowledgements; they still arrive.
        let _ = stream.set_nodelay(true);
        let trusted = shared.trusted.iter().any(|network| network.contains(address.ip()));
        let peer = Rc::new(Peer::new(address, encrypted, trusted, Rc::clone(&self.now)));
        let number = self.next_peer.replace(self.next_peer.get() + 1);
        self.peers.borrow_mut().insert(number, Rc::clone(&peer));
        let open = Open { worker: Rc::clone(self), number };
        tokio::task::spawn_local(async move {
            connection::serve(&open.worker, peer, stream).await;
        });
    }
}

/// A connection as it is counted, until it is dropped.
struct Open {
    worker: Rc<Worker>,
    number: u64,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.worker.peers.borrow_mut().remove(&self.number);
        self.worker.shared.connections.fetch_sub(1, Ordering::AcqRel);
    }
}

async fn accept(worker: Rc<Worker>, listener: TcpListener, encrypted: bool) {
    let mut in_a_row = 0;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => worker.welcome(stream, address, encrypted),
            Err(error) => {
                let is_of_client = matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                );
                if !is_of_client {
                    tracing::warn!(%error, "cannot accept a connection; raise the limit of open files if it is reached");
                    let _ = tokio::time::timeout(OUT_OF_FILES, std::future::pending::<()>()).await;
                }
            }
        }
        in_a_row += 1;
        if in_a_row >= ACCEPTS_IN_A_ROW {
            in_a_row = 0;
            tokio::task::yield_now().await;
        }
    }
}

async fn look(worker: Rc<Worker>) {
    let limits = &worker.shared.limits;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let patience = Patience {
        head_ms: ms(limits.head_within),
        idle_ms: ms(limits.idle),
        park_ms: ms(limits.park_after),
        body_bytes_per_second: limits.body_bytes_per_second,
        body_looks: u32::try_from(limits.body_patience.as_secs() * LOOKS_PER_SECOND)
            .unwrap_or(u32::MAX)
            .max(1),
        looks_per_second: LOOKS_PER_SECOND,
    };
    let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / LOOKS_PER_SECOND));
    let began = moment();
    loop {
        ticks.tick().await;
        worker.now.set(ms(began.elapsed()));
        worker.wall.set(worker.shared.now());
        for peer in worker.peers.borrow().values() {
            peer.look(&patience);
        }
        worker.heres.forget();
        let seats = worker.shared.rota.seats();
        worker.backends.tidy(|seat| {
            let group = seats.get(&seat.group);
            group.is_some_and(|group| {
                group.iter().any(|other| std::ptr::eq(&raw const **other, seat))
            })
        });
    }
}

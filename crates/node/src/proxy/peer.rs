//! A client's connection as the worker watches it: what it waits for, since when, and when that has
//! been too long. Watching costs a request no timer: the worker looks at all of them now and then.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes};
use hyper::header::HeaderValue;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::connection::Tunnel;

/// A client's connection.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) ip: HeaderValue,
    pub(super) encrypted: bool,
    /// What it says of others is believed.
    pub(super) trusted: bool,
    /// The worker's own time, in milliseconds, as of its last look.
    now: Rc<Cell<u64>>,
    phase: Cell<Phase>,
    since: Cell<u64>,
    head: Cell<Head>,
    bytes_read: Cell<u64>,
    waits_for_bytes: Cell<bool>,
    write_is_blocked: Cell<bool>,
    starved: Cell<Starved>,
    asked: Cell<Option<Ask>>,
    waker: RefCell<Option<Waker>>,
    forwarded: RefCell<Option<(HeaderValue, HeaderValue)>>,
    /// What the connection becomes once the answer that says so has been sent.
    pub(super) tunnel: RefCell<Option<Tunnel>>,
    /// A request's body was not read to its end.
    pub(super) left_unread: Cell<bool>,
    /// Something of the answer has been sent.
    has_answered: Cell<bool>,
    /// When the request under way has waited long enough, in the worker's own time.
    deadline: Cell<u64>,
}

/// What goes on, with one request at a time on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between two requests.
    Idle,
    /// A head has begun.
    Head,
    /// A request is under way.
    Request,
    /// Others than HTTP/1 have several requests at a time, and watch over themselves.
    Many,
}

/// What was seen of the head that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// Nothing yet.
    Unseen,
    /// All of it came at once, without a line that tells a length.
    Plain,
    /// All of it came at once, and it tells a length.
    Length,
    /// It came in parts, or together with something else.
    Mixed,
}

/// What the connection's own task is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Give up the memory that only a busy connection needs.
    Park,
    /// The client is too slow with a head: say so and close.
    HeadIsLate,
    /// The client is too slow with a body, or takes no answer.
    Stalled,
    /// End when the request under way is over.
    Drain,
}

#[derive(Debug, Clone, Copy, Default)]
struct Starved {
    looks: u32,
    bytes: u64,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) head_ms: u64,
    pub(super) idle_ms: u64,
    pub(super) park_ms: u64,
    pub(super) body_bytes_per_second: u64,
    /// How many looks in a row a slow body is borne.
    pub(super) body_looks: u32,
    pub(super) looks_per_second: u64,
}

impl Peer {
    pub(super) fn new(
        address: SocketAddr,
        encrypted: bool,
        trusted: bool,
        now: Rc<Cell<u64>>,
    ) -> Self {
        let ip = address.ip().to_canonical();
        Self {
            ip: HeaderValue::from_str(&ip.to_string()).expect("an address is plain text"),
            address: SocketAddr::new(ip, address.port()),
            encrypted,
            trusted,
            since: Cell::new(now.get()),
            now,
            phase: Cell::new(Phase::Idle),
            head: Cell::new(Head::Unseen),
            bytes_read: Cell::new(0),
            waits_for_bytes: Cell::new(false),
            write_is_blocked: Cell::new(false),
            starved: Cell::default(),
            asked: Cell::new(None),
            waker: RefCell::default(),
            forwarded: RefCell::default(),
            tunnel: RefCell::default(),
            left_unread: Cell::new(false),
            has_answered: Cell::new(false),
            deadline: Cell::new(u64::MAX),
        }
    }

    pub(super) fn scheme(&self) -> HeaderValue {
        HeaderValue::from_static(if self.encrypted { "https" } else { "http" })
    }

    /// This connection as an element of `Forwarded`; most requests of a connection have one host.
    pub(super) fn forwarded(&self, host: &HeaderValue) -> HeaderValue {
        let mut kept = self.forwarded.borrow_mut();
        if let Some((of, value)) = &*kept
            && of == host
        {
            return value.clone();
        }
        let ip = match self.address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("\"[{ip}]\""),
        };
        let proto = if self.encrypted { "https" } else { "http" };
        let named = host.to_str().unwrap_or_default();
        let value = format!("for={ip};host=\"{named}\";proto={proto}");
        let value = HeaderValue::from_str(&value).expect("the host was checked");
        // A copy: the given one would keep everything in memory that was read together with it.
        let host = HeaderValue::from_bytes(host.as_bytes()).expect("it was one before");
        *kept = Some((host, value.clone()));
        value
    }

    /// Several requests at a time are to be expected.
    pub(super) fn many(&self) {
        self.phase.set(Phase::Many);
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        if self.phase.get() != Phase::Many {
            self.enter(Phase::Request);
            self.has_answered.set(false);
            self.starved.set(Starved::default());
        }
    }

    /// The answer has been taken over whole.
    pub(super) fn rest(&self) {
        if self.phase.get() != Phase::Many {
            self.enter(Phase::Idle);
            self.head.set(Head::Unseen);
        }
    }

    /// Whether a head with a chunked body tells a length too. Where that cannot be known, because
    /// more than the head was read at once, the connection has to end with this request.
    pub(super) fn chunked_head_told_a_length(&self) -> bool {
        self.head.get() == Head::Length
    }

    pub(super) fn must_end_after_chunked(&self) -> bool {
        self.phase.get() != Phase::Many && self.head.get() != Head::Plain
    }

    /// What has been asked since the last time; remembers whom to wake when something is.
    pub(super) fn asked(&self, cx: &Context<'_>) -> Option<Ask> {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.asked.take()
    }

    pub(super) fn ask(&self, ask: Ask) {
        self.asked.set(Some(ask));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Whether several requests may be under way, so that none can be waited for by the looks.
    pub(super) fn has_many(&self) -> bool {
        self.phase.get() == Phase::Many
    }

    /// Wakes the connection at the first look after so many milliseconds.
    pub(super) fn wake_in(&self, ms: u64) {
        self.deadline.set(self.now.get().saturating_add(ms));
    }

    pub(super) fn sleep_on(&self) {
        self.deadline.set(u64::MAX);
    }

    pub(super) fn is_past_deadline(&self) -> bool {
        self.now.get() > self.deadline.get()
    }

    /// Whether the client can still be told what it did wrong.
    pub(super) fn has_answered(&self) -> bool {
        self.has_answered.get()
    }

    /// Whether nothing is under way and nothing waits to be sent.
    pub(super) fn is_at_rest(&self) -> bool {
        self.phase.get() == Phase::Idle && !self.write_is_blocked.get()
    }

    /// Looks at how long it has been as it is.
    pub(super) fn look(&self, patience: &Patience) {
        let age = self.now.get().saturating_sub(self.since.get());
        if self.is_past_deadline()
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
        match self.phase.get() {
            _ if self.write_is_blocked.get() && age > patience.idle_ms => self.ask(Ask::Stalled),
            Phase::Idle if age > patience.idle_ms => self.ask(Ask::Drain),
            Phase::Idle if age > patience.park_ms && !self.write_is_blocked.get() => {
                self.ask(Ask::Park);
            }
            Phase::Head if age > patience.head_ms => self.ask(Ask::HeadIsLate),
            Phase::Request => self.look_at_body(patience),
            Phase::Idle | Phase::Head | Phase::Many => {}
        }
    }

    /// A body that trickles for the whole time that is borne is too slow. Only time in which the
    /// proxy waited for the client counts.
    fn look_at_body(&self, patience: &Patience) {
        let mut starved = self.starved.get();
        let bytes = self.bytes_read.replace(0);
        if !self.waits_for_bytes.get() {
            self.starved.set(Starved::default());
            return;
        }
        starved.looks += 1;
        starved.bytes += bytes;
        if starved.looks < patience.body_looks {
            self.starved.set(starved);
            return;
        }
        self.starved.set(Starved::default());
        let seconds = u64::from(starved.looks) / patience.looks_per_second.max(1);
        if starved.bytes < seconds * patience.body_bytes_per_second {
            self.ask(Ask::Stalled);
        }
    }

    /// The request's body is being waited for, or not any more.
    pub(super) fn waits_for_body(&self, waits: bool) {
        self.waits_for_bytes.set(waits);
    }

    /// Whether its protocol tells the client which requests are still answered, when a connection
    /// ends.
    pub(super) fn is_told_of_ends(&self) -> bool {
        self.phase.get() == Phase::Many
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.now.get());
    }

    fn has_read(&self, bytes: &[u8]) {
        let more = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.bytes_read.set(self.bytes_read.get().saturating_add(more));
        match self.phase.get() {
            Phase::Idle => {
                self.enter(Phase::Head);
                self.head.set(if tells_length(bytes) { Head::Length } else { Head::Plain });
            }
            Phase::Head | Phase::Request => self.head.set(Head::Mixed),
            Phase::Many => {}
        }
    }

    fn has_written(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Ready(Ok(_)) => {
                self.has_answered.set(true);
                if self.write_is_blocked.replace(false) {
                    self.since.set(self.now.get());
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                if !self.write_is_blocked.replace(true) {
                    self.since.set(self.now.get());
                }
            }
        }
    }
}

/// Whether a line of a head, or of what follows it, begins with the name of the length.
fn tells_length(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"content-length";
    bytes
        .split(|byte| *byte == b'\n')
        .skip(1)
        .any(|line| line.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME)))
}

/// Short messages are written in one piece: copying them costs less than the kernel takes to gather
/// them.
const ONE_PIECE: usize = 2048;

/// Writes several pieces, short ones as one.
pub(super) fn write_pieces(
    mut stream: Pin<&mut impl AsyncWrite>,
    cx: &mut Context<'_>,
    pieces: &[io::IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    if let [only] = pieces {
        return stream.poll_write(cx, only);
    }
    let mut whole = [0; ONE_PIECE];
    let mut end = 0;
    for piece in pieces {
        let Some(free) = whole.get_mut(end..end + piece.len()) else {
            return stream.poll_write_vectored(cx, pieces);
        };
        free.copy_from_slice(piece);
        end += piece.len();
    }
    stream.as_mut().poll_write(cx, &whole[..end])
}

/// The bytes of a connection, plain or encrypted.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Transport {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Encrypted(stream) => stream.get_ref().0,
        }
    }
}

/// A transport that tells its peer's watch what passes, and gives back first what was read too early.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) transport: Transport,
    pub(super) peer: Rc<Peer>,
    pub(super) early: Bytes,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.early.is_empty() {
            let read = match &mut self.transport {
                Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
                Transport::Encrypted(stream) => Pin::new(stream).poll_read(cx, buf),
            };
            if !matches!(read, Poll::Ready(Ok(()))) {
                return read;
            }
        } else {
            let count = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early[..count]);
            self.early.advance(count);
        }
        let read = &buf.filled()[before..];
        if !read.is_empty() {
            self.peer.has_read(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Encrypted(stream) => Pin::new(stream).poll_write(cx, buf),
        };
        self.peer.has_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.transport {
            Transport::Plain(stream) => write_pieces(Pin::new(stream), cx, bufs),
            Transport::Encrypted(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        self.peer.has_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

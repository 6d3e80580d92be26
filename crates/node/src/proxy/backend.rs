//! An instance as one worker sees it: its open connections, how fast it answers, whether it fails.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use model::id::InstanceId;
use ports::clock::moment;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::LocalExecutor;
use super::body::Upload;
use super::chance::Chance;
use super::peer::write_pieces;
use crate::rota::Seat;

/// Idle connections that a worker keeps to one instance.
const MOST_IDLE: usize = 512;
/// An idle connection that nobody has used for so long is closed.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// No instance closes a connection so soon after it has answered, unless it says so.
const SURELY_OPEN: Duration = Duration::from_secs(1);
/// For how long what an instance did counts in how fast it seems.
const MEMORY: Duration = Duration::from_secs(10);
/// Failures in a row after which an instance is left out for a while.
const MOST_FAILURES: u32 = 5;
const LEFT_OUT: Duration = Duration::from_secs(5);
const LEFT_OUT_MOST: Duration = Duration::from_mins(1);
/// A new instance is given its full part by and by.
const SLOW_START: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Backend {
    pub(super) seat: Arc<Seat>,
    idle: RefCell<Vec<Link>>,
    many: RefCell<Option<http2::SendRequest<Upload>>>,
    /// Microseconds until an answer begins; rises at once, falls slowly.
    micros: Cell<f64>,
    measured: Cell<Instant>,
    failures: Cell<u32>,
    times_out: Cell<u32>,
    out_until: Cell<Option<Instant>>,
}

/// An own connection by HTTP/1, driven by whoever uses it: no task of its own, nobody to be woken.
#[derive(Debug)]
pub(super) struct Link {
    sender: http1::SendRequest<Upload>,
    connection: Option<Box<Connection>>,
    /// The connection has nothing more to do with HTTP.
    is_over: bool,
    idle_since: Instant,
    pub(super) is_used: bool,
}

type Connection = http1::Connection<TokioIo<Stream>, Upload>;

/// The bytes of a connection to an instance.
#[derive(Debug)]
struct Stream(TcpStream);

/// Why no connection came about.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the instance accepts no connection")]
    Refused(#[source] io::Error),
    #[error("the instance does not accept in time")]
    Late,
    #[error("the instance speaks no HTTP")]
    Handshake(#[source] hyper::Error),
}

impl Backend {
    fn new(seat: Arc<Seat>) -> Self {
        Self {
            seat,
            idle: RefCell::default(),
            many: RefCell::default(),
            micros: Cell::new(0.0),
            measured: Cell::new(moment()),
            failures: Cell::new(0),
            times_out: Cell::new(0),
            out_until: Cell::new(None),
        }
    }

    /// A connection that is open already. One that the instance has closed is not handed out, nor,
    /// for a request that can be sent only once, one that the instance may be about to close.
    pub(super) fn open_link(&self, can_repeat: bool) -> Option<Link> {
        if !can_repeat {
            let idle = self.idle.borrow();
            if idle.last().is_none_or(|link| link.idle_since.elapsed() > SURELY_OPEN) {
                return None;
            }
        }
        loop {
            let mut link = self.idle.borrow_mut().pop()?;
            if link.is_alive() {
                return Some(link);
            }
        }
    }

    pub(super) async fn connect(&self, within: Duration) -> Result<Link, ConnectError> {
        let stream = self.stream(within).await?;
        let shaken = http1::Builder::new().handshake(TokioIo::new(Stream(stream))).await;
        let (sender, connection) = shaken.map_err(ConnectError::Handshake)?;
        Ok(Link {
            sender,
            connection: Some(Box::new(connection)),
            is_over: false,
            idle_since: moment(),
            is_used: false,
        })
    }

    /// The one connection by HTTP/2, which many requests share; a task drives it.
    pub(super) async fn connect_many(
        &self,
        within: Duration,
    ) -> Result<http2::SendRequest<Upload>, ConnectError> {
        if let Some(sender) = self.many.borrow().as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = self.stream(within).await?;
        let shaken = http2::Builder::new(LocalExecutor)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = shaken.map_err(ConnectError::Handshake)?;
        tokio::task::spawn_local(async move {
            // Its end is told to each request that it carries.
            let _ = connection.await;
        });
        *self.many.borrow_mut() = Some(sender.clone());
        Ok(sender)
    }

    /// Keeps a connection whose answer has been read to its end.
    pub(super) fn keep(&self, mut link: Link, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MOST_IDLE && link.is_at_rest() {
            link.idle_since = now;
            link.is_used = true;
            idle.push(link);
        }
    }

    /// An answer began after so long.
    pub(super) fn took(&self, took: Duration, now: Instant) {
        let took = took.as_secs_f64() * 1e6;
        let known = self.micros.get();
        let age = now.saturating_duration_since(self.measured.replace(now)).as_secs_f64();
        let kept = (-age / MEMORY.as_secs_f64()).exp();
        self.micros.set(if took > known { took } else { known * kept + took * (1.0 - kept) });
    }

    pub(super) fn did_well(&self) {
        self.failures.set(0);
        if self.out_until.get().is_none() {
            self.times_out.set(0);
        }
    }

    /// Several failures in a row leave the instance out, for longer each time.
    pub(super) fn failed(&self, now: Instant) {
        let failures = self.failures.get() + 1;
        self.failures.set(failures);
        if failures >= MOST_FAILURES {
            let times = self.times_out.get();
            self.times_out.set(times.saturating_add(1));
            self.failures.set(0);
            let long = LEFT_OUT.saturating_mul(1 << times.min(10)).min(LEFT_OUT_MOST);
            self.out_until.set(now.checked_add(long));
        }
    }

    /// Of two that are drawn, the one that costs less. `tried` are passed over while there are
    /// others, and so are those that fail.
    pub(super) fn pick(
        all: &[Rc<Self>],
        most: u32,
        tried: &[InstanceId],
        chance: &Chance,
        wall: Timestamp,
    ) -> Picked {
        if all.is_empty() {
            return Picked::Nobody;
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if let [only] = all {
            return take(only, most).unwrap_or(Picked::Full);
        }
        let now = moment();
        let out = all.iter().filter(|backend| backend.is_out(now)).count();
        // Where most fail, it is not the instances' fault.
        let out_counts = out * 2 <= all.len();
        let is_untried = |b: &&Rc<Backend>| !tried.contains(&b.seat.instance);
        let is_well = |b: &&Rc<Backend>| !out_counts || !b.is_out(now);
        let mut fit: Vec<_> = all.iter().filter(is_untried).filter(is_well).collect();
        if fit.is_empty() {
            fit = all.iter().filter(is_well).collect();
        }
        let [first, second] = draw_two(&fit, chance);
        let (better, other) =
            if second.cost(wall) < first.cost(wall) { (second, first) } else { (first, second) };
        if let Some(picked) = take(better, most).or_else(|| take(other, most)) {
            return picked;
        }
        all.iter().filter(is_well).find_map(|backend| take(backend, most)).unwrap_or(Picked::Full)
    }

    fn is_out(&self, now: Instant) -> bool {
        self.out_until.get().is_some_and(|until| until > now)
    }

    /// What one more request would cost here: the time it takes, times those before it.
    fn cost(&self, wall: Timestamp) -> f64 {
        let busy = u32::try_from(self.seat.busy()).unwrap_or(u32::MAX);
        let age = wall.duration_since(self.seat.since).as_secs_f64();
        let ready = (age / SLOW_START.as_secs_f64()).clamp(0.1, 1.0);
        // One that is not known yet costs little, so that it becomes known.
        (self.micros.get() + 1.0) * (f64::from(busy) + 1.0) / ready
    }

    async fn stream(&self, within: Duration) -> Result<TcpStream, ConnectError> {
        let connecting = TcpStream::connect(self.seat.address);
        let stream = tokio::time::timeout(within, connecting).await;
        let stream = stream.map_err(|_| ConnectError::Late)?.map_err(ConnectError::Refused)?;
        stream.set_nodelay(true).map_err(ConnectError::Refused)?;
        Ok(stream)
    }

    /// Closes connections that have not been used for long or that the instance has closed.
    fn tidy(&self, now: Instant) {
        self.idle.borrow_mut().retain_mut(|link| {
            now.saturating_duration_since(link.idle_since) < IDLE_FOR && link.is_alive()
        });
    }
}

impl Link {
    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Upload>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Upload>>> {
        let mut answer = std::pin::pin!(self.sender.try_send_request(request));
        let (connection, is_over) = (&mut self.connection, &mut self.is_over);
        std::future::poll_fn(|cx| {
            drive(connection, is_over, cx);
            // Whatever happens to the answer happens while the connection is driven here, so only
            // the connection has to be able to wake.
            let mut nobody = Context::from_waker(Waker::noop());
            let polled = answer.as_mut().poll(&mut nobody);
            if polled.is_pending() && *is_over {
                // It hands back what it had not taken yet.
                *connection = None;
                return answer.as_mut().poll(&mut nobody);
            }
            polled
        })
        .await
    }

    /// Moves bytes, for whoever reads the answer's body.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.connection, &mut self.is_over, cx);
    }

    /// What is left of the connection after an answer that changes its protocol.
    pub(super) fn into_stream(self) -> Option<(TcpStream, bytes::Bytes)> {
        let parts = self.connection?.into_parts();
        Some((parts.io.into_inner().0, parts.read_buf))
    }

    fn is_alive(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.is_over && self.sender.is_ready()
    }

    fn is_at_rest(&mut self) -> bool {
        !self.is_over && (self.sender.is_ready() || self.is_alive())
    }
}

fn drive(connection: &mut Option<Box<Connection>>, is_over: &mut bool, cx: &mut Context<'_>) {
    if let Some(connection) = connection
        && !*is_over
    {
        // What goes wrong is told to the request that it goes wrong for.
        *is_over = connection.poll_without_shutdown(cx).is_ready();
    }
}

/// The instances that one worker has to do with.
#[derive(Debug, Default)]
pub(super) struct Backends(RefCell<HashMap<InstanceId, Rc<Backend>>>);

/// Who could take a request.
#[derive(Debug)]
pub(super) enum Picked {
    One(Rc<Backend>, crate::rota::Busy),
    /// Everybody has as many requests as they may have.
    Full,
    Nobody,
}

impl Backends {
    /// Forgets instances that have left, and closes what is idle for too long.
    pub(super) fn tidy(&self, is_in_rotation: impl Fn(&Seat) -> bool) {
        let now = moment();
        self.0.borrow_mut().retain(|_, backend| {
            backend.tidy(now);
            is_in_rotation(&backend.seat)
        });
    }

    pub(super) fn of(&self, seat: &Arc<Seat>) -> Rc<Backend> {
        let mut all = self.0.borrow_mut();
        match all.get(&seat.instance) {
            Some(backend) if Arc::ptr_eq(&backend.seat, seat) => Rc::clone(backend),
            _ => {
                let backend = Rc::new(Backend::new(Arc::clone(seat)));
                all.insert(seat.instance, Rc::clone(&backend));
                backend
            }
        }
    }
}

fn draw_two<'a>(fit: &[&'a Rc<Backend>], chance: &Chance) -> [&'a Rc<Backend>; 2] {
    let count = u32::try_from(fit.len()).unwrap_or(u32::MAX);
    let at = |index: u32| fit[usize::try_from(index).unwrap_or(0)];
    let first = chance.below(count);
    if count < 2 {
        return [at(0), at(0)];
    }
    let second = (first + 1 + chance.below(count - 1)) % count;
    [at(first), at(second)]
}

fn take(backend: &Rc<Backend>, most: usize) -> Option<Picked> {
    let busy = backend.seat.begin();
    // Counted first and looked at then, so that two workers never both take the last place.
    (backend.seat.busy() <= most).then(|| Picked::One(Rc::clone(backend), busy))
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        write_pieces(Pin::new(&mut self.0), cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

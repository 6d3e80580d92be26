//! Bodies on their way through: never more of one in memory than is read at a time.

use std::cell::Cell;
use std::future::Pending;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use ports::clock::moment;
use tokio::sync::oneshot;
use tokio::time::Timeout;

use super::backend::Link;
use super::peer::Peer;
use super::story::Story;

/// The body of a request on its way to an instance.
#[derive(Debug)]
pub(super) enum Upload {
    Empty,
    Whole(Bytes),
    Stream(Box<Stream>),
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) incoming: Incoming,
    pub(super) peer: Rc<Peer>,
    pub(super) progress: Rc<Progress>,
    /// Bytes that may still come.
    pub(super) left: u64,
    pub(super) hold: Option<Hold>,
    pub(super) copy: Option<Copy>,
}

/// How far a body has come, for whoever waits for the answer to it.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) bytes: Cell<u64>,
    pub(super) moved: Cell<Instant>,
    pub(super) fault: Cell<Option<Fault>>,
    pub(super) is_over: Cell<bool>,
}

/// Why a body did not come to its end; each is the client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge,
    Broken,
}

impl Progress {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            bytes: Cell::new(0),
            moved: Cell::new(moment()),
            fault: Cell::new(None),
            is_over: Cell::new(false),
        })
    }
}

/// Keeps a body back until the instance says that it wants it, or says nothing for too long.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) is_wanted: Arc<AtomicBool>,
    pub(super) patience: Timer,
}

/// How long a body is kept back for an instance that does not know to ask for it.
const HOLD_FOR: Duration = Duration::from_secs(1);

impl Hold {
    pub(super) fn new() -> Self {
        Self { is_wanted: Arc::default(), patience: timer(HOLD_FOR) }
    }
}

/// Notes what passes, for a shadow; gives up when it is too much.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) parts: Vec<Bytes>,
    pub(super) left: usize,
    pub(super) to: Option<oneshot::Sender<Vec<Bytes>>>,
}

/// What is wrong with a body, for hyper to end the message badly.
#[derive(Debug, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body is longer than allowed")]
    TooLarge,
    #[error("the client's body ended badly")]
    FromClient(#[source] hyper::Error),
    #[error("the instance's body ended badly")]
    FromInstance(#[source] hyper::Error),
    #[error("nothing has moved for too long")]
    Idle,
}

type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

impl Body for Upload {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream(stream) => stream.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(length(bytes)),
            Self::Stream(stream) => stream.incoming.size_hint(),
        }
    }
}

impl Stream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        if let Some(hold) = &mut self.hold {
            if !hold.is_wanted.load(Ordering::Acquire) {
                ready!(hold.patience.as_mut().poll(cx)).ok();
            }
            self.hold = None;
        }
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        self.peer.waits_for_body(polled.is_pending());
        let frame = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                self.progress.fault.set(Some(Fault::Broken));
                return Poll::Ready(Some(Err(BodyError::FromClient(error))));
            }
            None => {
                self.end();
                return Poll::Ready(None);
            }
        };
        self.progress.moved.set(moment());
        if let Some(data) = frame.data_ref() {
            let count = length(data);
            self.progress.bytes.set(self.progress.bytes.get() + count);
            let Some(left) = self.left.checked_sub(count) else {
                self.progress.fault.set(Some(Fault::TooLarge));
                return Poll::Ready(Some(Err(BodyError::TooLarge)));
            };
            self.left = left;
            if let Some(copy) = &mut self.copy {
                match copy.left.checked_sub(data.len()) {
                    Some(left) => {
                        copy.left = left;
                        copy.parts.push(data.clone());
                    }
                    None => self.copy = None,
                }
            }
        }
        if self.incoming.is_end_stream() {
            self.end();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn end(&mut self) {
        self.progress.is_over.set(true);
        if let Some(mut copy) = self.copy.take()
            && let Some(to) = copy.to.take()
        {
            // The shadow may have been given up meanwhile.
            let _ = to.send(std::mem::take(&mut copy.parts));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.peer.waits_for_body(false);
        if !self.progress.is_over.get() {
            self.peer.left_unread.set(true);
        }
    }
}

/// The body of an answer on its way to the client.
#[derive(Debug)]
pub(super) enum Download {
    /// Of the proxy's own, or an answer without any.
    Whole(Bytes, #[expect(dead_code, reason = "it tells by being dropped")] Rest),
    Relayed(Box<Relayed>),
}

/// Tells the watch that the connection is free for the next request.
#[derive(Debug)]
pub(super) struct Rest(pub(super) Rc<Peer>);

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.rest();
    }
}

#[derive(Debug)]
pub(super) struct Relayed {
    pub(super) incoming: Incoming,
    /// The connection that the body comes over; a shared one drives itself.
    pub(super) link: Option<Link>,
    pub(super) story: Story,
    pub(super) idle: Idle,
    pub(super) is_begun: bool,
    pub(super) _rest: Rest,
}

/// Watches that a body does not stand still, with one timer for all of it.
#[derive(Debug)]
pub(super) struct Idle {
    most: Duration,
    moved: Option<Instant>,
    timer: Option<Timer>,
    end: Option<Instant>,
}

impl Idle {
    pub(super) fn new(most: Duration, end: Option<Instant>) -> Self {
        Self { most, moved: None, timer: None, end }
    }

    fn has_moved(&mut self) {
        if self.timer.is_some() {
            self.moved = Some(moment());
        }
    }

    /// Ready when nothing has moved for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = moment();
            let moved = *self.moved.get_or_insert(now);
            let until = moved + self.most;
            let until = self.end.map_or(until, |end| until.min(end));
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return Poll::Ready(());
            }
            let timer = self.timer.get_or_insert_with(|| timer(left));
            ready!(timer.as_mut().poll(cx)).ok();
            self.timer = None;
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Polled {
        match &mut *self {
            Self::Whole(bytes, _) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes, _) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Relayed(relayed) => relayed.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes, _) => bytes.is_empty(),
            Self::Relayed(relayed) => relayed.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes, _) => SizeHint::with_exact(length(bytes)),
            Self::Relayed(relayed) => relayed.incoming.size_hint(),
        }
    }
}

impl Relayed {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Polled {
        if !std::mem::replace(&mut self.is_begun, true)
            && let Some(link) = &mut self.link
        {
            // Asking for the body wakes who has last driven the connection; that would be this very
            // task, which does not have to be woken.
            link.drive(&mut Context::from_waker(Waker::noop()));
        }
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(link) = &mut self.link
        {
            link.drive(cx);
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        let frame = match polled {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => {
                self.story.was_cut();
                return Poll::Ready(Some(Err(BodyError::FromInstance(error))));
            }
            Poll::Ready(None) => {
                self.end();
                return Poll::Ready(None);
            }
            Poll::Pending => {
                ready!(self.idle.poll(cx));
                self.story.timed_out();
                return Poll::Ready(Some(Err(BodyError::Idle)));
            }
        };
        self.idle.has_moved();
        if let Some(data) = frame.data_ref() {
            self.story.bytes_out += length(data);
        }
        if self.incoming.is_end_stream() {
            self.end();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn end(&mut self) {
        self.story.is_whole = true;
        if let Some(link) = self.link.take() {
            self.story.backend.keep(link, moment());
        }
    }
}

/// A wait that ends by itself.
pub(super) type Timer = Pin<Box<Timeout<Pending<()>>>>;

pub(super) fn timer(long: Duration) -> Timer {
    Box::pin(tokio::time::timeout(long, std::future::pending()))
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

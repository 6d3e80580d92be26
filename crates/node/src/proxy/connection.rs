//! A client's connection: which protocol it speaks, its requests one after the other, its end.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::peer::{Ask, Peer, Transport, Wire};
use super::request;
use super::story::Story;
use super::worker::Worker;

/// What every connection by HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Enough for most heads, which are then read again as a whole.
const FIRST_READ: usize = 4096;
/// What a client that is cut off may still send, and how long, so that it gets to read the answer.
const LINGER_BYTES: usize = 1024 * 1024;
const LINGER_FOR: Duration = Duration::from_secs(1);
const TOO_LATE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A connection to an instance that speaks another protocol from now on.
#[derive(Debug)]
pub(super) struct Tunnel {
    pub(super) stream: TcpStream,
    /// What came from the instance already.
    pub(super) early: Bytes,
    pub(super) story: Story,
}

/// Serves a connection to its end.
pub(super) async fn serve(worker: &Rc<Worker>, peer: Rc<Peer>, stream: TcpStream) {
    let within = worker.shared.limits.head_within;
    let (transport, is_http2) = if peer.encrypted {
        let Some(acceptor) = worker.shared.certificates.acceptor() else { return };
        let accepted = Box::pin(tokio::time::timeout(within, acceptor.accept(stream)));
        let Ok(Ok(stream)) = accepted.await else {
            return;
        };
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        (Transport::Encrypted(Box::new(stream)), Some(is_http2))
    } else {
        (Transport::Plain(stream), None)
    };
    let mut wire = Wire { transport, peer: Rc::clone(&peer), early: Bytes::new() };
    let is_http2 = match is_http2 {
        Some(is_http2) => is_http2,
        None => match first_bytes(&mut wire).await {
            Ok(is_http2) => is_http2,
            Err(_) => return,
        },
    };
    if is_http2 {
        // Boxed, as is all that few connections come to: each one has room for its longest part.
        Box::pin(by_http2(worker, peer, wire)).await;
    } else {
        by_http1(worker, peer, wire).await;
    }
}

/// Reads until it is clear which protocol is spoken; what was read is read again.
async fn first_bytes(wire: &mut Wire) -> io::Result<bool> {
    let mut first = BytesMut::new();
    let is_http2 = loop {
        let asked = std::future::poll_fn(|cx| {
            if let Some(ask @ (Ask::HeadIsLate | Ask::Drain | Ask::Stalled)) = wire.peer.asked(cx) {
                return Poll::Ready(Err(ask));
            }
            let mut buffer = [0; FIRST_READ];
            let mut buffer = tokio::io::ReadBuf::new(&mut buffer);
            match tokio::io::AsyncRead::poll_read(Pin::new(wire), cx, &mut buffer) {
                Poll::Ready(Ok(())) => {
                    first.extend_from_slice(buffer.filled());
                    Poll::Ready(Ok(Ok(buffer.filled().len())))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Ok(Err(error))),
                Poll::Pending => Poll::Pending,
            }
        });
        match asked.await {
            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
            Err(Ask::HeadIsLate) => {
                wire.write_all(TOO_LATE).await?;
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
        let compared = first.len().min(PREFACE.len());
        if first[..compared] != PREFACE[..compared] {
            break false;
        }
        if compared == PREFACE.len() {
            break true;
        }
    };
    wire.early = first.freeze();
    wire.peer.rest();
    Ok(is_http2)
}

/// How serving by HTTP/1 ended.
enum End {
    /// Badly, if the client did what no client may do; it was told so.
    Over {
        badly: bool,
    },
    Ask(Ask),
}

async fn by_http1(worker: &Rc<Worker>, peer: Rc<Peer>, mut wire: Wire) {
    loop {
        let service = service_fn(|asked: Request<Incoming>| {
            request::serve(Rc::clone(worker), Rc::clone(&peer), asked)
        });
        let mut connection = Box::new(worker.http1.serve_connection(TokioIo::new(wire), service));
        let end = std::future::poll_fn(|cx| {
            loop {
                if let Poll::Ready(end) = Pin::new(&mut *connection).poll(cx) {
                    return Poll::Ready(End::Over { badly: end.is_err() });
                }
                match peer.asked(cx) {
                    Some(Ask::Drain) => Pin::new(&mut *connection).graceful_shutdown(),
                    Some(Ask::Park) if !peer.is_at_rest() => {}
                    Some(ask) => return Poll::Ready(End::Ask(ask)),
                    None => return Poll::Pending,
                }
            }
        })
        .await;
        let parts = connection.into_parts();
        wire = parts.io.into_inner();
        wire.early = [&*parts.read_buf, &*wire.early].concat().into();
        match end {
            End::Ask(Ask::Park) if wire.early.is_empty() => {
                if !rest(&mut wire).await {
                    return;
                }
            }
            End::Ask(Ask::Park | Ask::Drain) => {}
            End::Ask(Ask::Stalled) if peer.has_answered() => return,
            End::Ask(Ask::HeadIsLate | Ask::Stalled) => {
                if wire.write_all(TOO_LATE).await.is_ok() {
                    Box::pin(linger(wire)).await;
                }
                return;
            }
            End::Over { badly } => {
                let tunnel = peer.tunnel.borrow_mut().take();
                match tunnel {
                    Some(tunnel) => Box::pin(through(tunnel, wire, &peer)).await,
                    None if badly || peer.left_unread.get() => Box::pin(linger(wire)).await,
                    None => {
                        // The other end may be gone already.
                        let _ = wire.shutdown().await;
                    }
                }
                return;
            }
        }
    }
}

/// Waits for the next request with nothing but the socket in memory; says whether one comes.
async fn rest(wire: &mut Wire) -> bool {
    enum Woken {
        Bytes,
        Nothing,
    }
    let peer = Rc::clone(&wire.peer);
    let woken = {
        let Transport::Plain(_) = &wire.transport else {
            return parked_encrypted(wire).await;
        };
        let readable = wire.transport.tcp().readable();
        let mut readable = std::pin::pin!(readable);
        std::future::poll_fn(|cx| {
            match peer.asked(cx) {
                None | Some(Ask::Park) => {}
                Some(_) => return Poll::Ready(Woken::Nothing),
            }
            readable.as_mut().poll(cx).map(|ready| match ready {
                Ok(()) => Woken::Bytes,
                Err(_) => Woken::Nothing,
            })
        })
        .await
    };
    matches!(woken, Woken::Bytes)
}

/// Encryption may hold bytes that the socket no longer has, so it is read through.
async fn parked_encrypted(wire: &mut Wire) -> bool {
    let mut byte = [0];
    let mut buffer = tokio::io::ReadBuf::new(&mut byte);
    let peer = Rc::clone(&wire.peer);
    let came = std::future::poll_fn(|cx| {
        match peer.asked(cx) {
            None | Some(Ask::Park) => {}
            Some(_) => return Poll::Ready(false),
        }
        match &mut wire.transport {
            Transport::Encrypted(stream) => {
                tokio::io::AsyncRead::poll_read(Pin::new(stream), cx, &mut buffer)
                    .map(|read| read.is_ok())
            }
            Transport::Plain(_) => Poll::Ready(true),
        }
    })
    .await;
    wire.early = Bytes::copy_from_slice(buffer.filled());
    came && !wire.early.is_empty()
}

/// Reads on for a while, so that what was sent is not destroyed by what is still coming.
async fn linger(mut wire: Wire) {
    let read = async {
        wire.shutdown().await?;
        let mut left = LINGER_BYTES;
        let mut buffer = [0; 4096];
        while left > 0 {
            match wire.read(&mut buffer).await? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        Ok::<_, io::Error>(())
    };
    // Whatever comes of it, the connection is over.
    let _ = tokio::time::timeout(LINGER_FOR, read).await;
}

/// Moves bytes both ways until both are done, each side's end being told to the other.
async fn through(mut tunnel: Tunnel, mut wire: Wire, peer: &Rc<Peer>) {
    peer.many();
    let early = std::mem::take(&mut tunnel.early);
    if !early.is_empty() {
        if wire.write_all(&early).await.is_err() {
            return;
        }
        tunnel.story.bytes_out += u64::try_from(early.len()).unwrap_or(0);
    }
    let copied = {
        let mut both = std::pin::pin!(tokio::io::copy_bidirectional(&mut wire, &mut tunnel.stream));
        std::future::poll_fn(|cx| {
            if matches!(peer.asked(cx), Some(Ask::Stalled)) {
                return Poll::Ready(None);
            }
            both.as_mut().poll(cx).map(Result::ok)
        })
        .await
    };
    if let Some((_, given)) = copied {
        tunnel.story.bytes_out += given;
    }
    tunnel.story.is_whole = true;
}

async fn by_http2(worker: &Rc<Worker>, peer: Rc<Peer>, wire: Wire) {
    peer.many();
    let service = {
        let (worker, peer) = (Rc::clone(worker), Rc::clone(&peer));
        service_fn(move |asked: Request<Incoming>| {
            request::serve(Rc::clone(&worker), Rc::clone(&peer), asked)
        })
    };
    let mut connection = Box::pin(worker.http2.serve_connection(TokioIo::new(wire), service));
    if worker.draining.get() {
        connection.as_mut().graceful_shutdown();
    }
    std::future::poll_fn(|cx| {
        loop {
            // What the client did wrong was told to it.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            match peer.asked(cx) {
                Some(Ask::Drain) => connection.as_mut().graceful_shutdown(),
                Some(Ask::Stalled) => return Poll::Ready(()),
                Some(_) => {}
                None => return Poll::Pending,
            }
        }
    })
    .await;
}

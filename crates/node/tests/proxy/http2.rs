//! HTTP/2 without encryption, gRPC, and clients that abuse what it offers.

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::stage::{Backend, Stage, ok};

async fn client(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = shaken.await.expect("a handshake");
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn many_requests_share_a_connection_before_instances_that_do_not() {
    let backend = Backend::new(|asked, stream| {
        let text = format!("{} {}", asked.target(), String::from_utf8_lossy(&asked.body));
        stream.write_all(ok(&text).as_bytes()).is_ok()
    });
    let stage = Stage::before(&[backend.address]);
    let sender = client(stage.address).await;
    let asked = (0..50).map(|number| {
        let mut sender = sender.clone();
        async move {
            let request = Request::post(format!("http://shop.example.org/{number}"))
                .header("cookie", "a=1")
                .header("cookie", "b=2")
                .body(Full::from(format!("body {number}")))
                .expect("a request");
            let answer = sender.send_request(request).await.expect("an answer");
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            assert_eq!(body, format!("/{number} body {number}"));
        }
    });
    futures_util::future::join_all(asked).await;
    let asked = backend.asked();
    assert_eq!(asked.len(), 50);
    assert_eq!(asked[0].header("host").as_deref(), Some("shop.example.org"));
    assert_eq!(asked[0].header("cookie").as_deref(), Some("a=1; b=2"));
}

/// Says each message back, and ends with trailers.
async fn grpc_backend() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(|request: Request<Incoming>| async move {
                assert_eq!(request.headers()["te"], "trailers");
                assert_eq!(
                    request.uri().authority().map(ToString::to_string).as_deref(),
                    Some("shop.example.org")
                );
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().expect("a value"));
                let messages = request.into_body().into_data_stream();
                let frames = futures_util::StreamExt::map(messages, |data| data.map(Frame::data));
                let end = futures_util::stream::once(async { Ok(Frame::trailers(trailers)) });
                let body = StreamBody::new(futures_util::StreamExt::chain(frames, end));
                let answer =
                    Response::builder().header("content-type", "application/grpc").body(body);
                Ok::<_, Infallible>(answer.expect("an answer"))
            });
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(serving);
        }
    });
    address
}

#[tokio::test]
async fn grpc_passes_end_to_end_with_its_trailers_and_both_ways_at_once() {
    let stage = Stage::before(&[grpc_backend().await]);
    let stream = tokio::net::TcpStream::connect(stage.address).await.expect("a connection");
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut sender, connection) = shaken.await.expect("a handshake");
    tokio::spawn(connection);
    for _ in 0..3 {
        let (said, heard) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
        let messages = futures_util::stream::unfold(heard, |mut heard| async {
            let message = heard.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(message)), heard))
        });
        let request = Request::post("http://shop.example.org/echo")
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .body(StreamBody::new(Box::pin(messages)))
            .expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut body = answer.into_body();
        // Each message is said only when the one before it has come back.
        for word in ["one", "two", "three"] {
            said.send(Bytes::from(word)).expect("taken");
            let frame = body.frame().await.expect("a frame").expect("a good one");
            assert_eq!(frame.into_data().expect("data"), word);
        }
        drop(said);
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            trailers = frame.expect("a good one").into_trailers().ok().or(trailers);
        }
        assert_eq!(trailers.expect("trailers")["grpc-status"], "0");
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
/// A request for the whole of a host that is called `a`.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Writes until the proxy has had enough; says whether it had.
fn is_ended_by(address: SocketAddr, frames: impl Iterator<Item = Vec<u8>>) -> bool {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    let mut reader = stream.try_clone().expect("a second handle");
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = reader.read_to_end(&mut all);
        let mut rest = &*all;
        while rest.len() >= 9 {
            if rest[3] == GOAWAY {
                return true;
            }
            let length =
                usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
            rest = rest.get(9 + length..).unwrap_or_default();
        }
        false
    });
    let mut bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let mut was_cut = false;
    for frame in frames {
        bytes.extend(frame);
        if bytes.len() > 16_000 && stream.write_all(&std::mem::take(&mut bytes)).is_err() {
            was_cut = true;
            break;
        }
    }
    was_cut |= stream.write_all(&bytes).is_err();
    was_cut | reading.join().expect("no panic")
}

#[test]
fn floods_are_ended() {
    let backend = Backend::saying("well");
    let stage = Stage::before(&[backend.address]);
    let streams = || (0..50_000).map(|number| number * 2 + 1);
    let rapid_reset = streams().flat_map(|stream| {
        [frame(HEADERS, 0b101, stream, GET), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])]
    });
    assert!(is_ended_by(stage.address, rapid_reset), "rapid reset");
    let field = [&[0x40, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let continuation = std::iter::once(frame(HEADERS, 0, 1, GET))
        .chain((0..100_000).map(|_| frame(CONTINUATION, 0, 1, &field)));
    assert!(is_ended_by(stage.address, continuation), "continuation");
    let empty = std::iter::once(frame(HEADERS, 0, 1, GET))
        .chain((0..2_000_000).map(|_| frame(CONTINUATION, 0, 1, &[])));
    assert!(is_ended_by(stage.address, empty), "empty continuation");
    // The proxy is as well as before.
    assert_eq!(stage.get("/").text(), "well");
}

#[test]
fn what_has_to_be_acknowledged_is_not_hoarded() {
    let backend = Backend::saying("well");
    let stage = Stage::before(&[backend.address]);
    let mut stream = TcpStream::connect(stage.address).expect("a connection");
    stream.set_write_timeout(Some(Duration::from_secs(2))).expect("set");
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).expect("written");
    // Nothing is read here, so acknowledgements cannot be sent for ever: the proxy must stop reading.
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(1_000);
    let settings = frame(SETTINGS, 0, 0, &[]).repeat(1_000);
    let mut taken = 0;
    while taken < 64 << 20 {
        let written = stream.write_all(&pings).and_then(|()| stream.write_all(&settings));
        if written.is_err() {
            break;
        }
        taken += pings.len() + settings.len();
    }
    assert!(taken < 64 << 20, "it takes all that is sent");
    assert_eq!(stage.get("/").text(), "well");
}

//! HTTP/1 as its rules have it.

use std::io::{Read as _, Write as _};
use std::sync::mpsc::channel;

use serde_json::json;

use crate::stage::{Backend, Stage, ok, raw};

#[test]
fn a_connection_serves_many_requests_also_when_they_are_said_at_once() {
    let backend =
        Backend::new(|asked, stream| stream.write_all(ok(asked.target()).as_bytes()).is_ok());
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    let request = |path: &str| format!("GET /{path} HTTP/1.1\r\nhost: a\r\n\r\n");
    client.say(request("1"));
    assert_eq!(client.answer().text(), "/1");
    client.say([request("2"), request("3"), request("4")].concat());
    for path in ["/2", "/3", "/4"] {
        assert_eq!(client.answer().text(), path);
    }
    client.say("POST /5 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabcGET /6 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "/5");
    assert_eq!(client.answer().text(), "/6");
    assert_eq!(backend.asked()[4].body, b"abc");
}

#[test]
fn an_old_client_is_answered_and_let_go() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    client.say("GET / HTTP/1.0\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (200, "abcde"));
    assert_eq!(answer.header("transfer-encoding"), None);
    assert!(client.is_closed());

    let mut client = stage.client();
    client.say("GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(client.answer().text(), "abcde");
}

#[test]
fn what_is_between_two_ends_here() {
    let backend = Backend::answering(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nx-end: 2\r\n\r\n",
    );
    let stage = Stage::before(&[backend.address]);
    let answer = stage.ask(
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: x-mine, close\r\nx-mine: 1\r\nkeep-alive: 5\r\nte: gzip\r\nproxy-connection: keep-alive\r\nupgrade: h2c\r\nx-end: 3\r\n\r\n",
    );
    assert_eq!(answer.header("x-hop"), None);
    assert_eq!(answer.header("keep-alive"), None);
    assert_eq!(answer.header("x-end").as_deref(), Some("2"));
    let asked = backend.only();
    for name in ["x-mine", "keep-alive", "te", "proxy-connection", "upgrade", "connection"] {
        assert_eq!(asked.header(name), None, "{name}");
    }
    assert_eq!(asked.header("x-end").as_deref(), Some("3"));
    assert_eq!(asked.header("host").as_deref(), Some("a"));
}

#[test]
fn answers_without_a_body_have_none() {
    let backend = Backend::new(|asked, stream| {
        let answer: &[u8] = match asked.target() {
            "/204" => b"HTTP/1.1 204 No Content\r\n\r\n",
            "/304" => b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: \"a\"\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        };
        stream.write_all(answer).is_ok()
    });
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    client.say("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = client.answer_to_head();
    assert_eq!((answer.status, answer.header("content-length").as_deref()), (200, Some("5")));
    client.say("GET /204 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.answer().status, 204);
    client.say("GET /304 HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = client.answer();
    assert_eq!((answer.status, answer.header("etag").as_deref()), (304, Some("\"a\"")));
    client.say("GET /204 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.answer().status, 204);
}

#[test]
fn an_instance_may_refuse_a_body_before_it_is_sent() {
    let backend = Backend::new(|asked, stream| {
        if asked.target() == "/no" {
            stream
                .write_all(
                    b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno",
                )
                .expect("written");
            return false;
        }
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").expect("written");
        let mut body = [0; 4];
        stream.read_exact(&mut body).expect("the body");
        stream.write_all(ok(&String::from_utf8_lossy(&body)).as_bytes()).is_ok()
    });
    let stage = Stage::before(&[backend.address]);
    let head = |path: &str| {
        format!(
            "PUT {path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
        )
    };
    let mut client = stage.client();
    client.say(head("/no"));
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (413, "no"));

    let mut client = stage.client();
    client.say(head("/yes"));
    assert_eq!(client.answer().status, 100);
    client.say("data");
    assert_eq!(client.answer().text(), "data");
}

#[test]
fn an_early_answer_is_passed_on_before_the_body_has_come() {
    let backend = raw(|mut stream| {
        let mut some = [0; 100];
        let _ = stream.read(&mut some).expect("a head");
        stream
            .write_all(
                b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno",
            )
            .expect("written");
    });
    let stage = Stage::before(&[backend]);
    let mut client = stage.client();
    client.say("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nabc");
    let answer = client.answer();
    assert_eq!((answer.status, answer.text()), (403, "no"));
}

#[test]
fn who_has_said_all_still_hears_the_answer() {
    let backend = Backend::saying("heard");
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    client.end();
    assert_eq!(client.answer().text(), "heard");
}

#[test]
fn events_are_passed_on_as_they_come() {
    let (next, events) = channel::<&str>();
    let events = std::sync::Mutex::new(events);
    let backend = Backend::new(move |_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            .expect("written");
        for event in events.lock().expect("one").iter() {
            stream.write_all(format!("data: {event}\n\n").as_bytes()).expect("written");
        }
        false
    });
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    while client.line() != "\r\n" {}
    // The next event is not made before the one before it has arrived.
    for event in ["one", "two", "three"] {
        next.send(event).expect("taken");
        client.line();
        assert_eq!(client.line(), format!("data: {event}\n\n\r\n"));
    }
    drop(next);
    assert_eq!(client.line(), "0\r\n");
}

#[test]
fn another_protocol_goes_through_both_ways() {
    let backend = Backend::new(|asked, stream| {
        assert_eq!(asked.header("upgrade").as_deref(), Some("websocket"));
        assert_eq!(asked.header("connection").as_deref(), Some("upgrade"));
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello")
            .expect("written");
        let mut bytes = [0; 4];
        while stream.read_exact(&mut bytes).is_ok() {
            bytes.reverse();
            stream.write_all(&bytes).expect("written");
        }
        stream.write_all(b"end").expect("written");
        false
    });
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    client.say("GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("upgrade").as_deref(), Some("websocket"));
    assert_eq!(client.exactly(5), b"hello");
    for word in ["abcd", "1234"] {
        client.say(word);
        assert_eq!(client.exactly(4), word.bytes().rev().collect::<Vec<_>>());
    }
    client.end();
    assert_eq!(client.exactly(3), b"end");
    assert!(client.is_closed());
}

#[test]
fn big_bodies_pass_without_being_kept() {
    const MEGABYTE: usize = 1 << 20;
    const MEGABYTES: usize = 1 << 10;
    let backend = raw(|mut stream| {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let mut buffer = vec![0; MEGABYTE];
        for _ in 0..MEGABYTES {
            stream.read_exact(&mut buffer).expect("the body");
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", MEGABYTE * MEGABYTES);
        stream.write_all(head.as_bytes()).expect("written");
        for _ in 0..MEGABYTES {
            stream.write_all(&buffer).expect("written");
        }
    });
    let stage = Stage::before(&[backend]);
    let mut client = stage.client();
    let before = memory();
    client.say(format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        MEGABYTE * MEGABYTES
    ));
    let megabyte = vec![7; MEGABYTE];
    for _ in 0..MEGABYTES {
        client.say(&megabyte);
    }
    while client.line() != "\r\n" {}
    let mut buffer = vec![0; MEGABYTE];
    let mut left = MEGABYTE * MEGABYTES - client.take().len();
    while left > 0 {
        let count = client.stream.read(&mut buffer).expect("more of it");
        assert!(count > 0 && buffer[..count].iter().all(|byte| *byte == 7));
        left -= count;
    }
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
}

fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it says");
    let kilobytes: usize =
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kilobytes << 10
}

#[test]
fn a_client_that_is_not_believed_cannot_say_where_it_comes_from() {
    let backend = Backend::saying("");
    let stage = Stage::before(&[backend.address]);
    stage.ask(
        "GET / HTTP/1.1\r\nhost: Shop.example.org:80\r\nx-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: https\r\nx-forwarded-host: evil\r\nforwarded: for=1.2.3.4\r\nx-real-ip: 1.2.3.4\r\nx_forwarded_for: 1.2.3.4\r\nx-request-id: keep-me\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n\r\n",
    );
    let asked = backend.only();
    assert_eq!(asked.header("x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(asked.header("x-forwarded-proto").as_deref(), Some("http"));
    assert_eq!(asked.header("x-forwarded-host").as_deref(), Some("Shop.example.org:80"));
    assert_eq!(
        asked.header("forwarded").as_deref(),
        Some("for=127.0.0.1;host=\"Shop.example.org:80\";proto=http")
    );
    assert_eq!(asked.header("x-real-ip"), None);
    assert_eq!(asked.header("x_forwarded_for"), None);
    assert_eq!(asked.header("x-request-id").as_deref(), Some("keep-me"));
    assert_eq!(
        asked.header("traceparent").as_deref(),
        Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
    );
}

#[test]
fn a_trusted_proxy_is_believed_and_added_to() {
    let backend = Backend::saying("");
    let stage = Stage::with(node::proxy::Settings {
        trusted_proxies: vec!["127.0.0.0/8".parse().expect("a network")],
        ..Default::default()
    });
    stage.serve(&[backend.address], &json!({ "https_only": true }));
    let answer = stage.ask(
        "GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: https\r\nforwarded: for=1.2.3.4\r\nx-request-id: bad id\r\n\r\n",
    );
    assert_eq!(answer.status, 200);
    let asked = backend.only();
    assert_eq!(asked.header("x-forwarded-for").as_deref(), Some("1.2.3.4, 127.0.0.1"));
    assert_eq!(asked.header("x-forwarded-proto").as_deref(), Some("https"));
    assert_eq!(
        asked.header("forwarded").as_deref(),
        Some("for=1.2.3.4, for=127.0.0.1;host=\"a\";proto=http")
    );
    assert!(asked.header("x-request-id").is_some_and(|id| id.len() == 32));
    assert!(asked.header("traceparent").is_some_and(|trace| trace.len() == 55));
}

#[test]
fn a_chunked_body_does_not_end_the_connection() {
    let backend = Backend::new(|asked, stream| {
        stream.write_all(ok(&String::from_utf8_lossy(&asked.body)).as_bytes()).is_ok()
    });
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    for _ in 0..3 {
        client.say(
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        );
        let answer = client.answer();
        assert_eq!((answer.text(), answer.header("connection")), ("abc", None));
    }
}

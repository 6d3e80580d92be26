//! Instances that come, go, fail, and are full.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::stage::{Asked, Backend, Stage, group, instance_id, nobody, ok, raw, share};

#[test]
fn without_an_instance_it_is_said_so() {
    let stage = Stage::before(&[]);
    let answer = stage.get("/");
    assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("1")));
    let stage = Stage::before(&[nobody()]);
    assert_eq!(stage.get("/").status, 502);
}

#[test]
fn who_does_not_accept_is_tried_once_and_another_answers() {
    let backend = Backend::saying("well");
    let stage = Stage::before(&[nobody(), backend.address]);
    for _ in 0..50 {
        assert_eq!(stage.get("/").text(), "well");
    }
    let totals = stage.proxy().stats().totals();
    let counts = &totals[0].counts;
    assert_eq!((counts.requests, counts.answers[1], counts.bad), (50, 50, 0));
    // Each worker learns by itself, five failures each, and leaves it out then.
    assert!((1..=10).contains(&counts.connect_errors), "{}", counts.connect_errors);
    assert_eq!(counts.connect_errors, counts.retries);
}

#[test]
fn a_connection_that_the_instance_closed_is_no_error() {
    // Each connection serves one request, and ends without having said that it would.
    let backend = Backend::new(|asked, stream| {
        stream.write_all(ok(asked.target()).as_bytes()).expect("written");
        false
    });
    let stage = Stage::before(&[backend.address]);
    let mut client = stage.client();
    for number in 0..300 {
        client.say(format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n"));
        assert_eq!(client.answer().text(), format!("/{number}"));
    }
    assert_eq!(backend.asked().len(), 300);
    let counts = stage.proxy().stats().totals()[0].counts.clone();
    assert_eq!((counts.bad, counts.retries), (0, 0));
}

#[test]
fn what_may_have_been_done_is_not_done_twice() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let backend = raw(move |mut stream| {
        let mut some = [0; 1000];
        let _ = stream.read(&mut some);
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let stage = Stage::before(&[backend]);
    let answer = stage.ask("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab");
    assert_eq!((answer.status, tries.load(Ordering::SeqCst)), (502, 1));
    let answer = stage.ask("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    assert_eq!((answer.status, tries.load(Ordering::SeqCst)), (502, 2));
    assert_eq!(stage.get("/").status, 502);
    assert_eq!(tries.load(Ordering::SeqCst), 5, "a GET is tried twice more");
}

#[test]
fn retries_have_a_budget() {
    let stage = Stage::before(&[nobody()]);
    for _ in 0..100 {
        assert_eq!(stage.get("/").status, 502);
    }
    let counts = stage.proxy().stats().totals()[0].counts.clone();
    // Ten at any time, and one for each five requests.
    assert!(counts.retries <= 10 + 20, "{}", counts.retries);
    assert_eq!((counts.requests, counts.bad), (100, 100));
}

#[test]
fn a_late_instance_is_given_up() {
    let backend = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stage = Stage::new();
    let address = backend.local_addr().expect("an address");
    stage.serve(&[address], &json!({ "timeouts": { "answer": "PT0.1S" } }));
    assert_eq!(stage.get("/").status, 504);
    let backend = Backend::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").is_ok()
    });
    let stage = Stage::new();
    stage.serve(&[backend.address], &json!({ "timeouts": { "idle": "PT0.1S" } }));
    let mut client = stage.client();
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(client.try_answer().is_none());
    let counts = stage.proxy().stats().totals()[0].counts.clone();
    assert_eq!((counts.timeouts, counts.bad), (1, 1));
}

/// A backend whose answers wait for a word each.
fn held() -> (Backend, std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<Asked>) {
    let (go, wait) = channel();
    let (told, came) = channel();
    let (wait, told) = (Mutex::new(wait), Mutex::new(told));
    let backend = Backend::new(move |asked, stream| {
        // A test that is over listens no more.
        let _ = told.lock().expect("no panic").send(asked.clone());
        if wait.lock().expect("no panic").recv().is_err() {
            return false;
        }
        stream.write_all(ok(asked.target()).as_bytes()).is_ok()
    });
    (backend, go, came)
}

#[test]
fn a_full_instance_has_a_short_queue_and_the_rest_is_turned_away() {
    let (backend, go, came) = held();
    let stage = Stage::new();
    let limits = json!({ "per_instance": 1, "queue": 1, "queue_for": "PT60S" });
    stage.serve(&[backend.address], &json!({ "limits": limits }));
    let mut first = stage.client();
    first.say("GET /1 HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(came.recv().expect("it came").target(), "/1");
    // Of two more, one waits and one is turned away; which one is not said.
    let mut others = [2, 3].map(|number| {
        let mut client = stage.client();
        client.stream.set_nonblocking(false).expect("set");
        client.say(format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n"));
        client
    });
    let (told, answers) = channel();
    std::thread::scope(|scope| {
        for client in &mut others {
            let told = told.clone();
            scope.spawn(move || told.send(client.answer()).expect("taken"));
        }
        let turned_away = answers.recv().expect("an answer");
        assert_eq!(turned_away.status, 503);
        assert_eq!(turned_away.header("retry-after").as_deref(), Some("1"));
        go.send(()).expect("taken");
        assert_eq!(first.answer().text(), "/1");
        came.recv().expect("the one that waited");
        go.send(()).expect("taken");
        assert_eq!(answers.recv().expect("an answer").status, 200);
    });
}

#[test]
fn who_leaves_the_rota_gets_nothing_new_and_ends_what_it_has() {
    let (old, go, came) = held();
    let new = Backend::saying("new");
    let stage = Stage::before(&[old.address]);
    let mut client = stage.client();
    client.say("GET /last HTTP/1.1\r\nhost: a\r\n\r\n");
    came.recv().expect("it came");
    stage.seat(1, 9, new.address);
    let seat = stage.rota.leave(&group(1), instance_id(1, 0)).expect("it was there");
    for _ in 0..20 {
        assert_eq!(stage.get("/").text(), "new");
    }
    assert_eq!(seat.busy(), 1);
    go.send(()).expect("taken");
    assert_eq!(client.answer().text(), "/last");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    runtime.block_on(seat.drained());
}

#[test]
fn draining_ends_what_is_under_way_and_nothing_else() {
    let (backend, go, came) = held();
    let mut stage = Stage::before(&[backend.address]);
    let mut busy = stage.client();
    busy.say("GET /last HTTP/1.1\r\nhost: a\r\n\r\n");
    came.recv().expect("it came");
    let mut idle = stage.client();
    idle.say("GET /first HTTP/1.1\r\nhost: a\r\n\r\n");
    came.recv().expect("it came");
    go.send(()).expect("taken");
    // Which of the two was let go is not said, so the other one is let go as well, later.
    let proxy = stage.proxy.take().expect("it runs");
    let proxy = Arc::new(proxy);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("one");
    let drained = runtime.spawn({
        let proxy = Arc::clone(&proxy);
        async move { proxy.drain(Duration::from_secs(20)).await }
    });
    go.send(()).expect("taken");
    for (client, path) in [(&mut busy, "/last"), (&mut idle, "/first")] {
        let mut answer = client.answer();
        assert_eq!(answer.text(), path);
        // Who was let go before the draining began has not been told that this was the last.
        while answer.header("connection").as_deref() != Some("close") {
            client.say("GET /more HTTP/1.1\r\nhost: a\r\n\r\n");
            came.recv().expect("it came");
            go.send(()).expect("taken");
            answer = client.answer();
        }
        assert!(client.is_closed());
    }
    assert_eq!(runtime.block_on(drained).expect("it ends"), 0);
}

#[test]
fn nothing_fails_while_weights_change_and_instances_are_replaced() {
    let backends: Vec<_> = (0..4).map(|n| Backend::saying(&n.to_string())).collect();
    let stage = Stage::before(&[backends[0].address]);
    stage.seat(2, 0, backends[1].address);
    let asked = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = stage.client();
                    for _ in 0..2_000 {
                        client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
                        assert_eq!(client.answer().status, 200);
                    }
                })
            })
            .collect();
        let mut changes = 0_u16;
        while clients.iter().any(|client| !client.is_finished()) {
            changes = changes.wrapping_add(1);
            let weight = changes % 10_000;
            let split = vec![share((1, 10_000 - weight)), share((2, weight))].into();
            stage.split(&split, u64::from(changes) + 2);
            let next = u8::try_from(changes % 200 + 1).expect("small");
            let backend = &backends[usize::from(changes % 4)];
            stage.seat(1, next, backend.address);
            stage.rota.leave(&group(1), instance_id(1, next - 1));
            if next == 200 {
                stage.seat(1, 0, backend.address);
                stage.rota.leave(&group(1), instance_id(1, next));
            }
            std::thread::yield_now();
        }
        for client in clients {
            client.join().expect("no request failed");
        }
        changes
    });
    assert!(asked > 10, "{asked}");
}

#[test]
fn the_log_says_what_was_asked_and_what_came_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("access.log");
    let backend = Backend::saying("hello");
    let mut stage =
        Stage::with(node::proxy::Settings { access_log: Some(path.clone()), ..Default::default() });
    stage.serve(&[backend.address], &json!({}));
    stage.ask("POST /a?b HTTP/1.1\r\nhost: shop.example.org\r\nx-request-id: r1\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab");
    stage.ask("GET /a b HTTP/1.1\r\nhost: shop.example.org\r\n\r\n");
    stage.ask("GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
    let proxy = stage.proxy.take().expect("it runs");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("one");
    runtime.block_on(proxy.drain(Duration::from_secs(10)));
    let lines = std::fs::read_to_string(path).expect("a log");
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [first, second] = &*lines else { panic!("two lines: {lines:?}") };
    for (name, value) in [
        ("method", json!("POST")),
        ("host", json!("shop.example.org")),
        ("path", json!("/a?b")),
        ("status", json!(200)),
        ("request_id", json!("r1")),
        ("peer", json!("127.0.0.1")),
        ("bytes_in", json!(2)),
        ("bytes_out", json!(5)),
        ("whole", json!(true)),
        ("instance", json!(instance_id(1, 0))),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert_eq!(second["status"], json!(400));
}

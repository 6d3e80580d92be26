//! Clients that take their time, on purpose or not, and those that take too much of everything.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use node::proxy::{Limits, Settings};
use serde_json::json;

use crate::stage::{Backend, Client, Stage, ok};

fn impatient() -> Stage {
    Stage::with(Settings {
        limits: Limits {
            head_within: Duration::from_secs(1),
            idle: Duration::from_secs(3),
            park_after: Duration::from_millis(200),
            body_patience: Duration::from_secs(1),
            ..Limits::default()
        },
        ..Settings::default()
    })
}

#[test]
fn a_head_that_never_ends_is_given_up() {
    let backend = Backend::saying("well");
    let stage = impatient();
    stage.serve(&[backend.address], &json!({}));
    for start in ["G", "P", "PRI * HT", "GET / HTTP/1.1\r\nhost: a\r\nx-a"] {
        let mut client = stage.client();
        client.say(start);
        assert_eq!(client.answer().status, 408, "{start}");
        assert!(client.is_closed());
    }
    let mut client = stage.client();
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "well");
    client.say("GET / HT");
    assert_eq!(client.answer().status, 408);
    assert_eq!(backend.asked().len(), 1);
}

#[test]
fn a_body_that_trickles_is_given_up() {
    let backend = Backend::saying("well");
    let stage = impatient();
    stage.serve(&[backend.address], &json!({}));
    let mut client = stage.client();
    client.say("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\na");
    assert_eq!(client.answer().status, 408);
    assert!(client.is_closed());
}

#[test]
fn a_connection_rests_and_goes_on() {
    let backend =
        Backend::new(|asked, stream| stream.write_all(ok(asked.target()).as_bytes()).is_ok());
    let stage = impatient();
    stage.serve(&[backend.address], &json!({}));
    let mut clients: Vec<Client> = (0..10).map(|_| stage.client()).collect();
    for round in 0..3 {
        for client in &mut clients {
            client.say(format!("GET /{round} HTTP/1.1\r\nhost: a\r\n\r\n"));
            assert_eq!(client.answer().text(), format!("/{round}"));
        }
        // Longer than it takes to be parked, shorter than to be closed; either way it must work.
        std::thread::park_timeout(Duration::from_millis(1_200));
    }
    for client in &mut clients {
        assert!(client.is_closed(), "nobody may stay for ever");
    }
}

#[test]
fn too_many_connections_are_closed_and_the_others_served() {
    let backend = Backend::saying("well");
    let stage = Stage::with(Settings {
        limits: Limits { connections: 5, ..Limits::default() },
        ..Settings::default()
    });
    stage.serve(&[backend.address], &json!({}));
    let mut clients: Vec<Client> = (0..5).map(|_| stage.client()).collect();
    for client in &mut clients {
        client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(client.answer().text(), "well");
    }
    let mut more = TcpStream::connect(stage.address).expect("the kernel accepts");
    assert!(matches!(more.read(&mut [0]), Ok(0) | Err(_)));
    clients[0].stream.shutdown(Shutdown::Both).expect("closed");
    while stage.proxy().connections() >= 5 {
        std::thread::yield_now();
    }
    let mut client = stage.client();
    client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(client.answer().text(), "well");
}

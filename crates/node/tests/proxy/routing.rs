//! Which place and release a request goes to, and what a route says in their place.

use std::collections::BTreeSet;

use model::intent::{Cohort, Mark, Split};
use model::name::Place;
use serde_json::json;

use crate::stage::{Backend, Stage, place, release, route, share};

#[test]
fn a_route_is_followed_changed_and_forgotten() {
    let backend = Backend::saying("shop");
    let stage = Stage::new();
    assert_eq!(stage.get("/").status, 404);
    stage.serve(
        &[backend.address],
        &json!({ "hosts": ["shop.example.org"], "path": "/api", "strip_path": true }),
    );
    assert_eq!(stage.get("/").status, 404);
    assert_eq!(stage.get("/api/x?y=1").text(), "shop");
    assert_eq!(stage.get("/api?y=1").text(), "shop");
    let targets: Vec<_> = backend.asked().iter().map(|asked| asked.target().to_owned()).collect();
    assert_eq!(targets, ["/x?y=1", "/?y=1"]);
    stage.proxy().remove_route(&place());
    assert_eq!(stage.get("/api/x").status, 404);
}

#[test]
fn two_places_cannot_have_the_same_address() {
    let stage = Stage::new();
    stage.route(&json!({ "hosts": ["a.example.org"] }));
    let mut other = route(&json!({ "hosts": ["A.example.org"] }));
    other.place = "other/production".parse::<Place>().expect("a place");
    let refused = stage.proxy().set_route(&other).expect_err("taken").to_string();
    assert!(refused.contains("shop/production") && refused.contains("A.example.org"), "{refused}");
}

#[test]
fn a_route_can_answer_in_the_place_of_its_instances() {
    let backend = Backend::saying("shop");
    let stage = Stage::before(&[backend.address]);
    stage.route(&json!({
        "instead": { "maintenance": { "message": "Back at nine.", "retry_after": "PT2M" } },
        "headers": { "x-frame-options": "DENY" },
    }));
    let answer = stage.get("/");
    assert_eq!((answer.status, answer.header("retry-after").as_deref()), (503, Some("120")));
    assert!(answer.text().contains("Back at nine."));
    assert_eq!(answer.header("x-frame-options").as_deref(), Some("DENY"));

    stage.route(
        &json!({ "instead": { "redirect": { "to": "https://new.example.org/", "status": 301 } } }),
    );
    let answer = stage.get("/a?b=c");
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location").as_deref(), Some("https://new.example.org/a?b=c"));

    stage.route(&json!({ "https_only": true }));
    let answer = stage.ask("GET /a?b HTTP/1.1\r\nhost: a.example.org:8080\r\n\r\n");
    assert_eq!(answer.status, 308);
    assert_eq!(answer.header("location").as_deref(), Some("https://a.example.org/a?b"));
    assert!(backend.asked().is_empty());

    stage.route(&json!({ "headers": { "x-frame-options": "DENY" } }));
    let answer = stage.get("/");
    assert_eq!((answer.status, answer.header("x-frame-options").as_deref()), (200, Some("DENY")));
}

#[test]
fn cohorts_and_cookies_find_their_release() {
    let [old, new] = ["old", "new"].map(Backend::saying);
    let stage = Stage::before(&[old.address]);
    stage.seat(2, 0, new.address);
    let mut split: Split = vec![share((1, 10_000)), share((2, 0))].into();
    let mark = Mark::Header { name: "x-beta".to_owned(), value: "1".to_owned() };
    split.cohorts.push(Cohort { mark, release: release(2) });
    stage.split(&split, 2);
    assert_eq!(stage.ask("GET / HTTP/1.1\r\nhost: a\r\nx-beta: 1\r\n\r\n").text(), "new");
    assert_eq!(stage.get("/").text(), "old");

    stage.route(&json!({ "sticky": { "cookie": "highroad" } }));
    stage.split(&vec![share((1, 5_000)), share((2, 5_000))].into(), 3);
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        let first = stage.get("/");
        let cookie = first.header("set-cookie").expect("a cookie");
        let cookie = cookie.split(';').next().expect("its value");
        seen.insert(first.text().to_owned());
        for _ in 0..3 {
            let again =
                stage.ask(&format!("GET / HTTP/1.1\r\nhost: a\r\ncookie: {cookie}\r\n\r\n"));
            assert_eq!(again.text(), first.text());
            assert_eq!(again.header("set-cookie"), None);
        }
    }
    assert_eq!(seen.len(), 2);
}

#[test]
fn a_shadow_is_sent_copies_and_nobody_hears_it() {
    let (seen, copies) = std::sync::mpsc::channel();
    let shadow = Backend::new(move |asked, _| {
        seen.send(asked.clone()).expect("taken");
        // It never answers: nobody may notice.
        true
    });
    let backend = Backend::saying("real");
    let stage = Stage::before(&[backend.address]);
    stage.seat(2, 0, shadow.address);
    let mut split: Split = vec![share((1, 10_000))].into();
    split.shadow = Some(share((2, 10_000)));
    stage.split(&split, 2);
    let answer = stage.ask("POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody");
    assert_eq!(answer.text(), "real");
    let copy = copies.recv().expect("a copy");
    assert_eq!((copy.target(), &*copy.body), ("/x", b"body".as_slice()));
    assert_eq!(stage.get("/y").text(), "real");
    assert_eq!(copies.recv().expect("a copy").target(), "/y");
}

#[test]
fn limits_are_held() {
    let backend = Backend::saying("ok");
    let stage = Stage::new();
    stage.serve(
        &[backend.address],
        &json!({ "limits": { "body": 10, "head": 1000, "headers": 20 } }),
    );
    let post = |length: usize, body: &str| {
        stage.ask(&format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"))
    };
    assert_eq!(post(10, "0123456789").status, 200);
    assert_eq!(post(11, "0123456789a").status, 413);
    let chunked = stage.ask("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n");
    assert_eq!(chunked.status, 413);
    let get =
        |headers: &str| stage.ask(&format!("GET / HTTP/1.1\r\nhost: a\r\n{headers}\r\n")).status;
    assert_eq!(get(&"a: b\r\n".repeat(19)), 200);
    assert_eq!(get(&"a: b\r\n".repeat(20)), 431);
    assert_eq!(get(&format!("a: {}\r\n", "b".repeat(1000))), 431);
    assert_eq!(get(&"a: b\r\n".repeat(200)), 431);
    assert_eq!(get(&format!("a: {}\r\n", "b".repeat(100_000))), 431);
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(66_000));
    assert!(matches!(stage.ask(&long).status, 414 | 431));
}

//! `highroad node`: real processes that are killed, replaced and refused while requests come in.

mod given;
mod suite;

use model::intent::{Generation, Share, Split, Weight};
use model::rollout::Guard;
use model::route::{Instead, Route};
use ports::traffic::Traffic as _;
use ports::workloads::{Rejection, Workloads as _};

use self::given::{Given, NEW, OLD, Requests, release, share};
use crate::highroad;

#[tokio::test]
async fn a_killed_node_leaves_instances_that_the_next_one_takes_over() {
    let mut node = Given::serving(&[(OLD, 2, "well")]).await;
    let before = node.instances().await;
    assert_eq!(node.get("/").await, Ok("1.4.1".to_owned()));

    node.kill();
    assert!(node.get("/").await.is_err(), "nobody listens");
    node.begin("");
    assert_eq!(node.get("/").await, Ok("1.4.1".to_owned()), "at once, without a word of a server");
    assert_eq!(node.instances().await, before, "the same processes");
    let heard = node.status().await.heard;
    assert!(heard.is_none(), "nobody has spoken, and it says so: {heard:?}");
}

#[tokio::test]
async fn a_node_is_replaced_while_requests_come_in_and_none_fails() {
    let mut node = Given::serving(&[(OLD, 2, "well")]).await;
    let before = node.instances().await;
    let requests = Requests::begin(&node, 4);
    for _ in 0..3 {
        requests.some_more().await;
        node.replace().await;
    }
    requests.some_more().await;
    assert_eq!(requests.end().await, Vec::<String>::new());
    assert_eq!(node.instances().await, before, "instances do not notice");
}

#[tokio::test]
async fn what_is_told_while_a_node_is_replaced_is_told_to_its_heir() {
    let node = Given::serving(&[(OLD, 1, "well")]).await;
    let server = node.client();
    let all = || Given::split(shares(&[(OLD, 10_000)]));
    server.steer(&all(), Generation(2)).await.expect("it is taken over");
    // A connection that nobody uses holds the one before up for a while.
    let idle = node.idle().await;
    let before = node.begin_heir();
    server.steer(&all(), Generation(3)).await.expect("on the connection that it had");
    let kept = node.generation().await;
    assert_eq!(kept, Some(Generation(3)), "the heir knows it");
    drop(idle);
    node.ended(before).await;
}

#[tokio::test]
async fn an_heir_that_dies_before_it_serves_changes_nothing() {
    let node = Given::serving(&[(OLD, 1, "well")]).await;
    let requests = Requests::begin(&node, 2);
    let socket = node.folder().join("node/handover.sock");
    for _ in 0..3 {
        requests.some_more().await;
        let (inheritance, heir) = node::handover::take_over(&socket).expect("it gives");
        drop((inheritance, heir));
    }
    node.steer(5, &[(OLD, 10_000)]).await.expect("it still hears its server");
    assert_eq!(requests.end().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_candidate_that_fails_is_cut_off_until_somebody_acknowledges_it() {
    let mut node = Given::serving(&[(OLD, 1, "well"), (NEW, 1, "fails")]).await;
    node.client()
        .steer(&Given::split(guarded(2_000)), Generation(2))
        .await
        .expect("it is taken over");
    let requests = Requests::begin(&node, 4);
    let trip = loop {
        requests.some_more().await;
        if let Some(trip) = node.client().trip(&Given::place()).await.unwrap() {
            break trip;
        }
    };
    let failed = requests.end().await;
    assert!((1..40).contains(&failed.len()), "{} bad answers were enough", failed.len());
    assert_eq!((trip.candidate, trip.generation), (release(NEW), Generation(2)));
    let after = Requests::begin(&node, 2);
    after.some_more().await;
    assert_eq!(after.end().await, Vec::<String>::new(), "it gets nothing any more");

    // Neither a split that does not know of it nor a new process brings it back.
    let unaware = node.steer(3, &[(OLD, 5_000), (NEW, 5_000)]).await;
    assert_eq!(unaware, Err(Rejection::Tripped(Box::new(trip.clone()))));
    node.kill();
    node.begin("");
    assert_eq!(node.client().trip(&Given::place()).await, Ok(Some(trip.clone())));
    let after = Requests::begin(&node, 2);
    after.some_more().await;
    assert_eq!(after.end().await, Vec::<String>::new());
    let status = highroad(node.folder(), &node.line("node status"));
    assert!(status.out.contains("was cut off"), "{status:?}");

    let back = Split { acknowledges: Some(trip.generation), ..shares(&[(OLD, 10_000)]) };
    node.client().steer(&Given::split(back), Generation(3)).await.expect("it knows of the trip");
    assert_eq!(node.client().trip(&Given::place()).await, Ok(None));
}

#[tokio::test]
async fn replacing_every_instance_under_load_loses_no_request() {
    let node = Given::serving(&[(OLD, 2, "well")]).await;
    let requests = Requests::begin(&node, 4);
    for generation in 2..5 {
        let (to, from) = if generation % 2 == 0 { (NEW, OLD) } else { (OLD, NEW) };
        requests.some_more().await;
        node.run(generation, to, 2, "well").await;
        node.ready(to, 2).await;
        node.steer(generation, &[(to, 10_000)]).await.expect("it is taken over");
        node.run(generation, from, 0, "well").await;
        node.gone(from).await;
    }
    assert_eq!(requests.end().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_crash_says_what_was_printed_last() {
    let node = Given::serving(&[(NEW, 1, "dies")]).await;
    let health = loop {
        let health = node.client().health(&Given::place()).await.unwrap();
        if health.iter().any(|group| group.crash_looping) {
            break health;
        }
        node.changed().await;
    };
    let words = health[0].last_words.as_deref().unwrap_or_default();
    assert!(words.contains("exited with 3") && words.contains("no database"), "{words}");
    let logs = highroad(node.folder(), &node.line("node logs shop/production"));
    assert!(logs.out.contains("no database"), "{logs:?}");
}

#[tokio::test]
async fn words_that_cannot_be_followed_are_refused_and_change_nothing() {
    let node = Given::serving(&[(OLD, 1, "well")]).await;
    let older = node.steer(0, &[(OLD, 10_000)]).await;
    assert_eq!(older, Err(Rejection::Older(Generation(1))));
    let twice = node.steer(2, &[(OLD, 5_000), (OLD, 5_000)]).await;
    assert!(matches!(&twice, Err(Rejection::Refused(why)) if why.contains("twice")), "{twice:?}");
    let route = Route { hosts: vec!["no host".to_owned()], ..Given::route() };
    let wrong = node.client().lead(&Given::place(), Some(&route), Generation(2)).await;
    assert!(matches!(&wrong, Err(Rejection::Refused(why)) if why.contains("no host")), "{wrong:?}");

    for (header, body, says) in [
        (
            "highroad-protocol: 7",
            r#"{"generation":9,"split":{"shares":[]}}"#,
            "speaks protocol 1 and is asked in protocol 7",
        ),
        ("x: y", r#"{"generation":9,"split":{"shares":[]}}"#, "is asked in none"),
        (
            "highroad-protocol: 1",
            r#"{"generation":9,"split":{"shares":["#,
            "the word makes no sense: EOF",
        ),
        (
            "highroad-protocol: 1",
            r#"{"generation":9,"split":{"shares":[]},"more":1}"#,
            "unknown field `more`",
        ),
    ] {
        let answer = node.put_raw("/v1/splits/shop/production", header, body).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(says), "{answer}");
    }
    // A word that is cut short in its middle.
    let answer = node.put_cut("/v1/splits/shop/production", r#"{"generation":9"#).await;
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    assert_eq!(node.get("/").await, Ok("1.4.1".to_owned()), "all is as it was");
}

#[tokio::test]
async fn a_page_can_stand_in_for_the_instances() {
    let node = Given::serving(&[(OLD, 1, "well")]).await;
    let page = Instead::Maintenance { message: "back at noon".to_owned(), retry_after: None };
    let route = Route { instead: Some(page), ..Given::route() };
    node.client()
        .lead(&Given::place(), Some(&route), Generation(2))
        .await
        .expect("it is taken over");
    let answer = node.get("/").await;
    assert!(
        matches!(&answer, Err(why) if why.contains("503") && why.contains("back at noon")),
        "{answer:?}"
    );
    node.client().lead(&Given::place(), None, Generation(3)).await.expect("it is taken over");
    assert!(matches!(node.get("/").await, Err(why) if why.contains("404")));
    node.client()
        .lead(&Given::place(), Some(&Given::route()), Generation(4))
        .await
        .expect("it is taken over");
    assert_eq!(node.get("/").await, Ok("1.4.1".to_owned()), "the split was not forgotten");
}

#[tokio::test]
async fn secrets_are_sealed_at_rest_and_shown_to_the_instance_alone() {
    let node = Given::serving(&[(OLD, 1, "well")]).await;
    assert_eq!(node.get("/secret").await, Ok(given::SECRET.to_owned()));
    let seen = walk(node.folder()).into_iter().filter(|path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes.windows(given::SECRET.len()).any(|window| window == given::SECRET.as_bytes())
    });
    assert_eq!(seen.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn one_folder_has_one_node() {
    let node = Given::new("");
    let other = highroad(node.folder(), &node.line("node --http 127.0.0.1:0"));
    assert_eq!(other.code, Some(4), "{other:?}");
    assert!(
        other.err.contains("another node runs in") && other.err.contains("--replace"),
        "{other:?}"
    );
}

#[tokio::test]
async fn seconds_are_told_with_their_times_also_to_who_comes_late() {
    let node = Given::serving(&[(OLD, 1, "well")]).await;
    for _ in 0..20 {
        node.get("/").await.expect("it is well");
    }
    let client = node.client();
    let mut seconds = client.seconds(100, true).await.unwrap();
    let mut requests = 0;
    while requests < 20 {
        let second = seconds.next().await.unwrap().expect("it goes on");
        requests += second.rows.iter().map(|row| row.counts.requests).sum::<u64>();
    }
    assert_eq!(requests, 20);
    let top = highroad(node.folder(), &node.line("--json node top"));
    assert_eq!(top.json()[0]["release"], "1.4.1", "{top:?}");
    let metrics = node.raw("GET /metrics HTTP/1.1\r\nhost: n\r\nconnection: close\r\n\r\n").await;
    assert!(metrics.contains("highroad_instances_ready{service=\"shop\""), "{metrics}");
}

fn shares(shares: &[(u8, u16)]) -> Split {
    shares.iter().map(|(number, weight)| share(*number, *weight)).collect::<Vec<Share>>().into()
}

/// So much for the new release, watched beside the old one.
fn guarded(hundredths: u16) -> Split {
    let tripwire = Guard::default().tripwire(release(NEW), release(OLD));
    let rest = Weight::ALL.hundredths() - hundredths;
    Split { tripwire: Some(tripwire), ..shares(&[(OLD, rest), (NEW, hundredths)]) }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => walk(&entry.path()),
            Ok(kind) if kind.is_file() => vec![entry.path()],
            _ => Vec::new(),
        })
        .collect()
}

//! Servers that die under the store, older and newer databases, and what edits leave behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::SignedDuration;
use model::id::CommandId;
use model::intent::{Generation, Intent};
use model::journal::Break;
use ports::clock::{Clock, SystemClock};
use ports::store::{Audit, Commit, CommitError, Query, Settled, Store, StoreErrorKind};
use ports::suite::store::change;
use store::postgres::PostgresStore;
use store::postgres::local::{Cluster, Settings};

use super::given::{at, client, database, decision, fresh, process, verify};

/// Set to write the golden files of a released schema.
const WRITE: &str = "HIGHROAD_WRITE_GOLDEN";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_the_death_of_the_server() {
    const TASKS: u16 = 16;
    let cluster =
        Arc::new(Cluster::start(Settings { durable: true, ..Settings::default() }).unwrap());
    let store = Arc::new(PostgresStore::open(&cluster.database().await.unwrap()).await.unwrap());
    let acknowledged = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let (store, acknowledged) = (store.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let mut version = None;
                loop {
                    match store.commit(decision(change(process(number), version))).await {
                        Ok(committed) => version = Some(committed.version),
                        Err(CommitError::Store(error)) => {
                            assert_eq!(error.kind, StoreErrorKind::Unreachable, "{error}");
                            return version;
                        }
                        Err(error) => panic!("{error}"),
                    }
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    while acknowledged.load(Ordering::Relaxed) < 400 {
        nap().await;
    }
    let killed = cluster.clone();
    tokio::task::spawn_blocking(move || killed.kill()).await.unwrap();
    let mut versions = Vec::new();
    for task in tasks {
        versions.push(task.await.unwrap());
    }
    assert_eq!(store.head().await.unwrap_err().kind, StoreErrorKind::Unreachable);

    let again = cluster.clone();
    tokio::task::spawn_blocking(move || again.restart()).await.unwrap().unwrap();
    let head = loop {
        match store.head().await {
            Ok(head) => break head,
            Err(error) => assert_eq!(error.kind, StoreErrorKind::Unreachable, "{error}"),
        }
        nap().await;
    };
    let known: u64 = versions.iter().flatten().sum();
    // Those that nobody acknowledged may be there or not.
    assert!((known..=known + u64::from(TASKS)).contains(&head.seq), "{known} and {}", head.seq);
    assert_eq!(verify(&*store).await, Ok(head));
    for (number, version) in (0..).zip(versions) {
        let Some(stored) = store.load(process(number)).await.unwrap() else {
            assert_eq!(version, None);
            continue;
        };
        assert!([version, version.map(|version| version + 1)].contains(&Some(stored.version)));
        let next = decision(change(process(number), Some(stored.version)));
        while let Err(error) = store.commit(next.clone()).await {
            assert!(matches!(error, CommitError::Store(_)), "{error}");
            nap().await;
        }
    }
    verify(&*store).await.unwrap();
}

#[tokio::test]
async fn connections_that_were_cut_are_made_anew() {
    let url = database().await;
    let store = PostgresStore::open(&url).await.unwrap();
    store.commit(decision(change(process(1), None))).await.unwrap();
    store.head().await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'highroad' AND datname = current_database()";
    client(&url).await.batch_execute(cut).await.unwrap();
    // Reading is not even disturbed; a commit is, at most once, when the cut is not yet noticed.
    assert_eq!(store.head().await.unwrap().seq, 1);
    let next = decision(change(process(1), Some(1)));
    if let Err(error) = store.commit(next.clone()).await {
        let CommitError::Store(error) = error else { panic!("{error}") };
        assert_eq!(error.kind, StoreErrorKind::Unreachable);
        assert!(error.to_string().contains("may or may not"), "{error}");
        store.commit(next).await.unwrap();
    }
    assert_eq!(verify(&store).await.unwrap().seq, 2);
}

#[tokio::test]
async fn a_database_of_the_first_version_is_migrated_and_used() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/postgres-v1.sql");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(path, dump().await).unwrap();
    }
    let url = database().await;
    client(&url).await.batch_execute(&std::fs::read_to_string(path).unwrap()).await.unwrap();
    let store = PostgresStore::open(&url).await.unwrap();
    assert_eq!(verify(&store).await.unwrap().seq, 3);
    let stored = store.load(process(1)).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.slot.as_deref()), (2, Some("slot")));
    let open = stored.open.into_iter().map(|open| (open.generation, open.intent));
    assert_eq!(open.collect::<Vec<_>>(), [(Generation(2), survey("shop/b"))]);
    let reply = store.reply_to(CommandId::new(at(0), [7; 10])).await.unwrap();
    assert_eq!(reply.as_deref(), Some("taken"));
    let audit = Audit { not_since: at(9), now: at(9), limit: 9 };
    assert_eq!(store.audit(audit).await.unwrap().len(), 1);
    store.commit(decision(change(process(1), Some(2)))).await.unwrap();
    assert_eq!(verify(&store).await.unwrap().seq, 4);
}

#[tokio::test]
async fn edits_of_the_journal_are_found() {
    let url = database().await;
    let store = PostgresStore::open(&url).await.unwrap();
    for number in 1..=20 {
        store.commit(decision(change(process(number), None))).await.unwrap();
    }
    verify(&store).await.unwrap();
    let changed = Break::Changed { seq: 7, kind: "word.refused".to_owned() };
    let edits = [
        ("UPDATE facts SET actor = 'person:eve' WHERE seq = 7", changed),
        ("DELETE FROM facts WHERE seq = 7", Break::Missing { seq: 7, next: 8 }),
        ("DELETE FROM facts WHERE seq > 18", Break::CutOff { first: 19, last: 20 }),
    ];
    let client = client(&url).await;
    client.batch_execute("CREATE TABLE whole AS SELECT * FROM highroad.facts").await.unwrap();
    for (edit, found) in edits {
        let edit = format!("SET search_path = highroad, public; {edit}");
        client.batch_execute(&edit).await.unwrap();
        assert_eq!(verify(&store).await, Err(found));
        let mend = "DELETE FROM facts; INSERT INTO facts SELECT * FROM whole";
        client.batch_execute(mend).await.unwrap();
    }
    verify(&store).await.unwrap();
}

#[tokio::test]
async fn an_error_of_the_server_has_no_second_life() {
    let store = fresh().await;
    let query = Query { limit: 1, ..Query::default() };
    for _ in 0..3 {
        let mut bad = change(process(1), None);
        bad.state = "\0".to_owned();
        store.commit(decision(bad)).await.unwrap_err();
        assert_eq!(store.entries(query.clone()).await.unwrap(), []);
    }
    assert_eq!(store.commit(decision(change(process(1), None))).await.unwrap().head, 1);
}

/// A small store as this version writes it.
async fn dump() -> String {
    let url = database().await;
    let store = PostgresStore::open(&url).await.unwrap();
    let mut new = change(process(1), None);
    (new.slot, new.wake_at) = (Some("slot".to_owned()), Some(at(60)));
    new.intents = vec![survey("shop/a"), survey("shop/b")];
    let command = Some((CommandId::new(at(0), [7; 10]), "taken".to_owned()));
    store.commit(Commit { command, ..decision(new.clone()) }).await.unwrap();
    let target = survey("shop/a").target();
    new.expected = Some(1);
    new.settled = vec![Settled { target, generation: Generation(1), upheld: true }];
    new.intents.remove(0);
    store.commit(decision(new)).await.unwrap();
    store.commit(decision(change(process(2), None))).await.unwrap();
    let options = ["--schema=highroad", "--inserts", "--no-owner", "--dbname", &url];
    let output = Cluster::shared().run("pg_dump", &options).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // What begins with a backslash is for psql alone.
    let lines = text.lines().filter(|line| !line.starts_with(['\\', '-']) && !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn survey(place: &str) -> Intent {
    Intent::Survey(place.parse().unwrap())
}

async fn nap() {
    let clock = SystemClock;
    clock.sleep_until(clock.now() + SignedDuration::from_millis(5)).await;
}

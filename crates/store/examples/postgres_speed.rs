//! How fast the store in PostgreSQL is on this machine, beside what PostgreSQL does by itself:
//! `cargo run --release --example postgres_speed --features local-postgres`.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use model::id::{AnyId, Prefix};
use model::journal::{Record, Sealed};
use ports::store::{Change, Claim, Commit, CommitError, Hold, Query, Status, Store};
use store::postgres::PostgresStore;
use store::postgres::local::{Cluster, Settings};
use tokio_postgres::{Client, NoTls};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    for durable in [true, false] {
        println!("fsync {}", if durable { "on" } else { "off" });
        let cluster = Cluster::start(Settings { durable, ..Settings::default() })?;
        compare_with_bare_inserts(&cluster).await?;
        for (committers, rounds) in [(8, 500), (64, 200), (256, 100)] {
            let store = Arc::new(PostgresStore::open(&cluster.database().await?).await?);
            let took = committed(&store, committers, rounds).await?;
            let all = u64::from(committers) * rounds;
            println!("{committers:>3} committers      {:>8.0}/s", per_second(all, took));
        }
        read(&cluster).await?;
    }
    Ok(())
}

/// By turns, so that both meet the same weather.
async fn compare_with_bare_inserts(cluster: &Cluster) -> Result<()> {
    const TURNS: u64 = 30;
    const ROWS: u64 = 50;
    let url = cluster.database().await?;
    let client = connect(&url).await?;
    client.batch_execute("CREATE TABLE bare (seq bigserial PRIMARY KEY, body text)").await?;
    let insert = client.prepare("INSERT INTO bare (body) VALUES ($1)").await?;
    let body = "x".repeat(1_000);
    let store = PostgresStore::open(&url).await?;
    let (mut bare, mut ours) = (Duration::ZERO, Duration::ZERO);
    for turn in 0..TURNS {
        let began = now();
        for _ in 0..ROWS {
            client.execute(&insert, &[&body]).await?;
        }
        bare += began.elapsed();
        let began = now();
        for row in 0..ROWS {
            store.commit(decision(1, turn * ROWS + row)).await?;
        }
        ours += began.elapsed();
    }
    println!("bare inserts        {:>8.0}/s", per_second(TURNS * ROWS, bare));
    println!("  1 committer       {:>8.0}/s", per_second(TURNS * ROWS, ours));
    Ok(())
}

async fn read(cluster: &Cluster) -> Result<()> {
    let store = Arc::new(PostgresStore::open(&cluster.database().await?).await?);
    committed(&store, 200, 100).await?;
    let hold = Hold { server: "here".to_owned(), until: at(2_000_000) };
    let idle = Claim { hold: hold.clone(), anew: false, now: at(-1), limit: 256 };
    store.claim(idle.clone()).await?;
    let began = now();
    for _ in 0..100 {
        store.claim(idle.clone()).await?;
    }
    println!("claim of nothing    {:?}", began.elapsed() / 100);
    let began = now();
    let claim = Claim { hold, anew: true, now: at(1_000_000), limit: 256 };
    let due = store.claim(claim).await?.due.len();
    println!("claim of {due}        {:?}", began.elapsed());
    let began = now();
    for number in 0..100 {
        store.load(process(number)).await?;
    }
    println!("load                {:?}", began.elapsed() / 100);
    let began = now();
    let all = store.entries(Query { limit: 20_000, ..Query::default() }).await?.len();
    println!("read {all} facts    {:?}", began.elapsed());
    Ok(())
}

async fn committed(store: &Arc<PostgresStore>, committers: u32, rounds: u64) -> Result<Duration> {
    let began = now();
    let tasks: Vec<_> = (0..committers)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..rounds {
                    store.commit(decision(number, round)).await?;
                }
                Ok::<_, CommitError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(began.elapsed())
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

fn decision(number: u32, round: u64) -> Commit {
    let process = process(number);
    let seconds = i64::try_from(round).unwrap_or(0);
    let record = Record {
        at: at(seconds).as_microsecond(),
        schema: 1,
        kind: "rollout.step-passed".to_owned(),
        actor: "system:conductor".to_owned(),
        cause: "answer:weights/shop/production@3".to_owned(),
        subject: process.to_string(),
        scope: format!("shop/production-{}", number % 20),
        body: r#"{"step":1,"weight":500,"evidence":{"ready":3,"requests":1000,"bad":0}}"#
            .to_owned(),
    };
    let change = Change {
        process,
        kind: "rollout".to_owned(),
        expected: (round > 0).then_some(round),
        state: "x".repeat(1_000),
        status: Status::Active,
        wake_at: Some(at(seconds)),
        slot: Some(format!("rollout/shop/production-{number}")),
        intents: Vec::new(),
        settled: Vec::new(),
        hold: Hold { server: "here".to_owned(), until: at(15) },
        now: at(seconds),
    };
    let facts = vec![Sealed { digest: record.digest(), record }];
    Commit { change: Some(change), facts, command: None }
}

fn process(number: u32) -> AnyId {
    let [a, b, c, d] = number.to_be_bytes();
    AnyId::new(Prefix::literal("tst"), at(0), [0, 0, 0, 0, 0, 0, a, b, c, d])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("it stays in this century")
}

fn per_second(count: u64, took: Duration) -> f64 {
    1.0 / (took / u32::try_from(count).expect("a measure is not that long")).as_secs_f64()
}

#[expect(clippy::disallowed_methods, reason = "it is speed that is measured here")]
fn now() -> Instant {
    Instant::now()
}

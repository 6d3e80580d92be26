//! How fast the embedded store is on this machine: `cargo run --release --example sqlite_speed`.
//!
//! With a number, fills a journal with so many facts and tells how it is opened and read.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::id::{AnyId, CommandId, Prefix};
use model::journal::{Record, Sealed};
use ports::store::{Change, Claim, Commit, Hold, Query, Status, Store};
use rusqlite::Connection;
use store::sqlite::{Mode, SqliteStore};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    match std::env::args().nth(1) {
        Some(facts) => history(&folder.path().join("highroad.db"), facts.parse()?).await,
        None => commits(folder.path()).await,
    }
}

async fn commits(folder: &Path) -> Result<()> {
    compare_with_bare_inserts(folder).await?;
    for (committers, rounds) in [(8, 2_000), (64, 1_500), (256, 500)] {
        let path = folder.join(format!("{committers}.db"));
        let store = Arc::new(SqliteStore::open(&path, Mode::Server)?);
        let took = committed(&store, committers, rounds).await?;
        let all = u64::from(committers) * rounds;
        println!("{committers:>3} committers      {:>8.0}/s", per_second(all, took));
        drop(store);
        let bytes = std::fs::metadata(&path)?.len();
        println!("                    {:>8} bytes for each", bytes / all);
    }
    Ok(())
}

/// What SQLite alone can do with one row and one wait for the disk each. By turns, so that both
/// meet the same weather.
async fn compare_with_bare_inserts(folder: &Path) -> Result<()> {
    const TURNS: u64 = 30;
    const ROWS: u64 = 100;
    let connection = Connection::open(folder.join("bare.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 8000;
         CREATE TABLE facts (seq INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;",
    )?;
    let mut insert = connection.prepare("INSERT INTO facts (body) VALUES (?1)")?;
    let body = "x".repeat(1_000);
    let store = SqliteStore::open(folder.join("one.db"), Mode::Server)?;
    let (mut bare, mut ours) = (Duration::ZERO, Duration::ZERO);
    for turn in 0..TURNS {
        let began = now();
        for _ in 0..ROWS {
            insert.execute([&body])?;
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

async fn committed(store: &Arc<SqliteStore>, committers: u32, rounds: u64) -> Result<Duration> {
    let began = now();
    let run = |number| {
        let store = store.clone();
        async move {
            for round in 0..rounds {
                let commit = decision(number, round);
                store.commit(commit).await?;
            }
            Ok::<_, ports::store::CommitError>(())
        }
    };
    let tasks: Vec<_> = (0..committers).map(|number| tokio::spawn(run(number))).collect();
    for task in tasks {
        task.await??;
    }
    Ok(began.elapsed())
}

async fn history(path: &Path, facts: u64) -> Result<()> {
    let store = Arc::new(SqliteStore::open(path, Mode::Server)?);
    let took = committed(&store, 1_000, facts / 1_000).await?;
    println!("{facts} facts in {took:?}, {} bytes each", std::fs::metadata(path)?.len() / facts);
    drop(store);
    let began = now();
    let store = SqliteStore::open(path, Mode::Server)?;
    println!("open                {:?}", began.elapsed());
    let hold = Hold { server: "here".to_owned(), until: at(2_000_000) };
    let began = now();
    let claimed = store.claim(Claim { hold, anew: true, now: at(1_000_000), limit: 256 }).await?;
    println!("claim               {:?} ({} due)", began.elapsed(), claimed.due.len());
    let all = Query { limit: 10_000, ..Query::default() };
    let newest = Query { limit: 100, newest_first: true, ..Query::default() };
    let queries = [
        ("one subject", Query { subject: Some(process(500, 25)), ..all.clone() }),
        ("newest 100", newest.clone()),
        ("of a service", Query { scope: Some("shop".parse()?), ..newest.clone() }),
        ("of a kind", Query { kind: Some("rollout".to_owned()), ..newest.clone() }),
        ("of an actor", Query { actor: Some("person:ada".parse()?), ..newest.clone() }),
        ("since half", Query { since: Some(at(i64::try_from(facts)? / 2_000)), ..newest }),
    ];
    for (name, query) in queries {
        let began = now();
        let found = store.entries(query).await?.len();
        println!("{name:<19} {:?} ({found} facts)", began.elapsed());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let memory =
        status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    memory.for_each(|line| println!("{line}"));
    Ok(())
}

/// One committer's next decision: after twenty of them its process is over, and a new one begins.
fn decision(number: u32, round: u64) -> Commit {
    const DECISIONS: u64 = 20;
    let (process, before) = (process(number, round / DECISIONS), round % DECISIONS);
    let seconds = i64::try_from(round).unwrap_or(0);
    let record = Record {
        at: at(seconds).as_microsecond(),
        schema: 1,
        kind: "rollout.step-passed".to_owned(),
        actor: if round.is_multiple_of(50) { "person:ada" } else { "system:conductor" }.to_owned(),
        cause: "answer:weights/shop/production@3".to_owned(),
        subject: process.to_string(),
        scope: format!("shop/production-{}", number % 20),
        body: r#"{"step":1,"weight":500,"evidence":{"ready":3,"requests":1000,"bad":0}}"#
            .to_owned(),
    };
    let change = Change {
        process,
        kind: "rollout".to_owned(),
        expected: (before > 0).then_some(before),
        state: format!("{{\"V1\":{{\"round\":{round:>10},\"rest\":\"{}\"}}}}", "x".repeat(660)),
        status: if before + 1 < DECISIONS { Status::Active } else { Status::Ended },
        wake_at: Some(at(seconds + 60)),
        slot: Some(format!("rollout/shop/{number}")),
        intents: Vec::new(),
        settled: Vec::new(),
        hold: Hold { server: "here".to_owned(), until: at(seconds + 15) },
        now: at(seconds),
    };
    let mut random = [0; 10];
    random[..4].copy_from_slice(&number.to_be_bytes());
    let command = CommandId::new(at(seconds), random);
    Commit {
        change: Some(change),
        facts: vec![Sealed { digest: record.digest(), record }],
        command: Some((command, r#"{"is_refusal":false,"text":"promoted"}"#.to_owned())),
    }
}

fn process(number: u32, turn: u64) -> AnyId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    AnyId::new(Prefix::literal("rol"), at(i64::try_from(turn).unwrap_or(0)), random)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("it stays in this century")
}

fn per_second(count: u64, took: Duration) -> f64 {
    1.0 / (took / u32::try_from(count).expect("a measure is not that long")).as_secs_f64()
}

#[expect(clippy::disallowed_methods, reason = "it is speed that is measured here")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

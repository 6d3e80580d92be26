//! Decisions committed per second, through the whole conductor, beside a bare `INSERT` loop
//! through the same driver and beside the device's own fsync rate.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use conductor::{Conductor, Hands, Kinds, Settings};
use engine::rollout::{Rollouts, Word};
use jiff::SignedDuration;
use model::fact::Actor;
use model::id::{CommandId, ReleaseId, RolloutId};
use model::intent::Weight;
use model::name::Place;
use model::rollout::{Plan, PlanDraft, Release, Rollout, Step};
use ports::clock::{Clock, SystemClock};
use ports::entropy::{Entropy, SystemEntropy};
use ports::fake::FakeNode;
use ports::store::{Query, Store};
use store::postgres::local::{Cluster, Settings as ClusterSettings};

use crate::Done;

const LONG: SignedDuration = SignedDuration::from_secs(3);
/// About what a decision writes: a state and a fact.
const BODY: usize = 1_000;

pub(crate) fn measure() -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = tempfile::tempdir_in(".")?;
    println!("decisions committed per second, with durability on");
    println!("  {:>9.0} fdatasync a second is what the device does", fsync_rate(folder.path())?);

    let bare = bare_sqlite(folder.path())?;
    println!(
        "  SQLite: {bare:>9.0} bare INSERTs a second (wanted: 0.7 of it with 1, 20,000 with 64)"
    );
    for processes in [1, 8, 64] {
        let path = folder.path().join(format!("{processes}.db"));
        let url = format!("sqlite:{}", path.display());
        let rate = runtime.block_on(decide(&url, processes))?;
        println!(
            "  SQLite: {rate:>9.0} decisions with {processes} at once, {:.2} of bare",
            rate / bare
        );
    }

    let cluster = Cluster::start(ClusterSettings { durable: true, ..ClusterSettings::default() })?;
    let bare = runtime.block_on(async { bare_postgres(&cluster.database().await?).await })?;
    println!("  PostgreSQL: {bare:>5.0} bare INSERTs a second (wanted: 0.7 of it with 1)");
    for processes in [1, 8, 64] {
        let rate =
            runtime.block_on(async { decide(&cluster.database().await?, processes).await })?;
        println!(
            "  PostgreSQL: {rate:>5.0} decisions with {processes} at once, {:.2} of bare",
            rate / bare
        );
    }
    println!();
    Ok(())
}

/// How often the device makes a page durable.
fn fsync_rate(folder: &Path) -> std::io::Result<f64> {
    let mut file = File::create(folder.join("fsync"))?;
    file.set_len(64 * 4_096)?;
    file.sync_all()?;
    let (end, mut count) = (SystemClock.now() + SignedDuration::from_secs(1), 0_u32);
    while SystemClock.now() < end {
        file.seek(SeekFrom::Start(u64::from(count % 64) * 4_096))?;
        file.write_all(&[1; 4_096])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count))
}

fn bare_sqlite(folder: &Path) -> rusqlite::Result<f64> {
    let connection = rusqlite::Connection::open(folder.join("bare.db"))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT) STRICT")?;
    let mut insert = connection.prepare("INSERT INTO t (body) VALUES (?1)")?;
    let body = "x".repeat(BODY);
    let (began, mut count) = (SystemClock.now(), 0_u32);
    while SystemClock.now() < began + LONG {
        insert.execute([&body])?;
        count += 1;
    }
    Ok(f64::from(count) / LONG.as_secs_f64())
}

async fn bare_postgres(url: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE t (id bigserial PRIMARY KEY, body text)").await?;
    let insert = client.prepare("INSERT INTO t (body) VALUES ($1)").await?;
    let body = "x".repeat(BODY);
    let (began, mut count) = (SystemClock.now(), 0_u32);
    while SystemClock.now() < began + LONG {
        client.execute(&insert, &[&body]).await?;
        count += 1;
    }
    Ok(f64::from(count) / LONG.as_secs_f64())
}

/// So many rollouts at once, each paused and resumed as fast as it answers.
async fn decide(url: &str, processes: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let store = sim::stores::open(url).await?;
    let node = Arc::new(FakeNode::new(Arc::new(SystemClock)));
    let hands = Hands { workloads: node.clone(), traffic: node, ..Hands::default() };
    let kinds = Kinds::default().with(Rollouts);
    let (conductor, handle) = Conductor::new(
        store.clone(),
        hands,
        Arc::new(SystemClock),
        kinds,
        Settings::alone("bench"),
    );
    let server = tokio::spawn(conductor.run());
    let entropy: &'static dyn Entropy = &SystemEntropy;
    let mut ids = Vec::new();
    for number in 0..processes {
        let now = SystemClock.now();
        let id = entropy.id(RolloutId::new, now);
        let release = |version: &str| Release {
            id: entropy.id(ReleaseId::new, now),
            version: version.to_owned(),
        };
        let place: Place = format!("shop-{number}/production").parse()?;
        let stable = Some(release("1.4.1"));
        let state = Rollout::new(id, place, release("1.5.0"), stable, long_plan(), now);
        let command = entropy.id(CommandId::new, now);
        handle.start::<Rollouts>(id.into(), state, operator(), command).await?;
        ids.push(id);
    }
    while count(&*store, "rollout.shifted").await? < processes {
        SystemClock.sleep_until(SystemClock.now() + SignedDuration::from_millis(5)).await;
    }
    let before = decisions(&*store, &ids).await?;
    let end = SystemClock.now() + LONG;
    let tellers = ids.iter().copied().map(|id| {
        let handle = handle.clone();
        tokio::spawn(async move {
            let mut told = 0_u32;
            while SystemClock.now() < end {
                let word = if told.is_multiple_of(2) { Word::Pause } else { Word::Resume };
                let command = entropy.id(CommandId::new, SystemClock.now());
                let reply = handle.tell::<Rollouts>(id.into(), word, operator(), command).await;
                assert!(!reply.expect("the store is there").is_refusal);
                told += 1;
            }
        })
    });
    for teller in tellers.collect::<Vec<_>>() {
        teller.await?;
    }
    server.abort();
    // Every version is a decision of its own: on a word, or on the survey that a resumed rollout
    // asks for.
    let decided = decisions(&*store, &ids).await? - before;
    Ok(f64::from(u32::try_from(decided)?) / LONG.as_secs_f64())
}

async fn decisions(store: &dyn Store, ids: &[RolloutId]) -> Result<u64, ports::store::StoreError> {
    let mut total = 0;
    for id in ids {
        total += store.load((*id).into()).await?.map_or(0, |stored| stored.version);
    }
    Ok(total)
}

async fn count(store: &dyn Store, kind: &str) -> Result<usize, ports::store::StoreError> {
    let query = Query { kind: Some(kind.to_owned()), limit: 1_000, ..Query::default() };
    Ok(store.entries(query).await?.len())
}

fn operator() -> Actor {
    "person:ada".parse().expect("a well-formed actor")
}

/// One step that is held for an hour.
fn long_plan() -> Plan {
    let step = |percent, hours| Step {
        weight: Weight::from_percent(percent).expect("at most the whole"),
        hold: SignedDuration::from_hours(hours),
    };
    let draft = PlanDraft {
        instances: 2,
        steps: vec![step(10, 1), step(100, 1)],
        ready_within: SignedDuration::from_mins(5),
        look_every: SignedDuration::from_hours(1),
        unwell_for: SignedDuration::from_mins(5),
    };
    Plan::try_from(draft).expect("a sane draft")
}

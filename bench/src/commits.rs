//! Decisions committed per second, through the whole conductor, beside a bare `INSERT` loop
//! through the same driver and beside the device's own fsync rate.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use conductor::{Conductor, Handle, Hands, Kinds, Settings};
use engine::rollout::{Rollouts, Word};
use jiff::{SignedDuration, Timestamp};
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

const ENTROPY: &dyn Entropy = &SystemEntropy;
/// Bare statements and decisions take turns, so that both meet the machine in the same mood.
const TURNS: u32 = 10;
const TURN: SignedDuration = SignedDuration::from_millis(300);
/// About what a decision writes: a state and a fact.
const BODY: usize = 1_000;

pub(crate) fn measure() -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let folder = tempfile::tempdir_in(".")?;
    println!("decisions committed per second, with durability on");
    println!("  {:>9.0} fdatasync a second is what the device does", fsync_rate(folder.path())?);
    println!(
        "  wanted: 0.7 of the bare INSERTs of the same seconds with 1, on SQLite 20,000 with 64"
    );
    for processes in [1, 8, 64] {
        let file = |name: &str| folder.path().join(format!("{name}-{processes}.db"));
        let mut bare = BareSqlite::open(&file("bare"))?;
        let url = format!("sqlite:{}", file("highroad").display());
        let rates = runtime.block_on(take_turns(&mut bare, &url, processes))?;
        println!("  SQLite:     {rates}");
    }
    let cluster = Cluster::start(ClusterSettings { durable: true, ..ClusterSettings::default() })?;
    for processes in [1, 8, 64] {
        let rates = runtime.block_on(async {
            let mut bare = BarePostgres::open(&cluster.database().await?).await?;
            take_turns(&mut bare, &cluster.database().await?, processes).await
        })?;
        println!("  PostgreSQL: {rates}");
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

/// A loop of bare statements through a store's driver.
trait Bare {
    async fn insert(&mut self) -> Done;
}

struct BareSqlite {
    connection: rusqlite::Connection,
    body: String,
}

impl BareSqlite {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let connection = rusqlite::Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT) STRICT")?;
        Ok(Self { connection, body: "x".repeat(BODY) })
    }
}

impl Bare for BareSqlite {
    async fn insert(&mut self) -> Done {
        let mut insert = self.connection.prepare_cached("INSERT INTO t (body) VALUES (?1)")?;
        insert.execute([&self.body])?;
        Ok(())
    }
}

struct BarePostgres {
    client: tokio_postgres::Client,
    insert: tokio_postgres::Statement,
    body: String,
}

impl BarePostgres {
    async fn open(url: &str) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        client.batch_execute("CREATE TABLE t (id bigserial PRIMARY KEY, body text)").await?;
        let insert = client.prepare("INSERT INTO t (body) VALUES ($1)").await?;
        Ok(Self { client, insert, body: "x".repeat(BODY) })
    }
}

impl Bare for BarePostgres {
    async fn insert(&mut self) -> Done {
        self.client.execute(&self.insert, &[&self.body]).await?;
        Ok(())
    }
}

/// How many decisions and bare statements were done in a second.
struct Rates {
    processes: usize,
    decisions: f64,
    bare: f64,
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processes, decisions, bare } = self;
        let ratio = decisions / bare;
        write!(
            f,
            "{decisions:>6.0} decisions with {processes:>2} at once, {ratio:.2} of {bare:.0} bare INSERTs"
        )
    }
}

/// So many rollouts at once, each paused and resumed as fast as it answers.
async fn take_turns(
    bare: &mut impl Bare,
    url: &str,
    processes: usize,
) -> Result<Rates, Box<dyn Error>> {
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
    let mut ids = Vec::new();
    for number in 0..processes {
        ids.push(start(&handle, number).await?);
    }
    while count(&*store, "rollout.shifted").await? < processes {
        SystemClock.sleep_until(SystemClock.now() + SignedDuration::from_millis(5)).await;
    }
    let (mut inserting, mut deciding) = (Pace::default(), Pace::default());
    for turn in 0..=TURNS {
        let began = SystemClock.now();
        let inserted = insert_until(bare, began + TURN).await?;
        let inserted_in = SystemClock.now().duration_since(began);
        let before = decisions(&*store, &ids).await?;
        let began = SystemClock.now();
        tell_until(&handle, &ids, began + TURN).await?;
        // Every version is a decision of its own: on a word, or on the survey that a resumed
        // rollout asks for.
        let decided = decisions(&*store, &ids).await? - before;
        let decided_in = SystemClock.now().duration_since(began);
        // The first turn warms both up.
        if turn > 0 {
            inserting.add(inserted, inserted_in)?;
            deciding.add(decided, decided_in)?;
        }
    }
    server.abort();
    Ok(Rates { processes, decisions: deciding.a_second(), bare: inserting.a_second() })
}

/// How often something was done in how long.
#[derive(Default)]
struct Pace {
    count: f64,
    seconds: f64,
}

impl Pace {
    fn add(&mut self, count: u64, took: SignedDuration) -> Done {
        self.count += f64::from(u32::try_from(count)?);
        self.seconds += took.as_secs_f64();
        Ok(())
    }

    fn a_second(&self) -> f64 {
        self.count / self.seconds
    }
}

async fn insert_until(bare: &mut impl Bare, end: Timestamp) -> Result<u64, Box<dyn Error>> {
    let mut inserted = 0;
    while SystemClock.now() < end {
        bare.insert().await?;
        inserted += 1;
    }
    Ok(inserted)
}

async fn tell_until(handle: &Handle, ids: &[RolloutId], end: Timestamp) -> Done {
    let tellers = ids.iter().copied().map(|id| {
        let handle = handle.clone();
        tokio::spawn(async move {
            while SystemClock.now() < end {
                for word in [Word::Pause, Word::Resume] {
                    let command = ENTROPY.id(CommandId::new, SystemClock.now());
                    let reply = handle.tell::<Rollouts>(id.into(), word, operator(), command).await;
                    assert!(!reply.expect("the store is there").is_refusal);
                }
            }
        })
    });
    for teller in tellers.collect::<Vec<_>>() {
        teller.await?;
    }
    Ok(())
}

async fn start(handle: &Handle, number: usize) -> Result<RolloutId, Box<dyn Error>> {
    let now = SystemClock.now();
    let id = ENTROPY.id(RolloutId::new, now);
    let release = |version: &str| Release {
        id: ENTROPY.id(ReleaseId::new, now),
        version: version.to_owned(),
    };
    let place: Place = format!("shop-{number}/production").parse()?;
    let stable = Some(release("1.4.1"));
    let state = Rollout::new(id, place, release("1.5.0"), stable, long_plan(), now);
    let command = ENTROPY.id(CommandId::new, now);
    handle.start::<Rollouts>(id.into(), state, operator(), command).await?;
    Ok(id)
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
        guard: None,
    };
    Plan::try_from(draft).expect("a sane draft")
}

//! A journal of a million facts: how soon a server is up, how soon it answers, and what it takes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use conductor::{Conductor, Hands, Kinds, Settings};
use engine::rollout::Rollouts;
use jiff::{SignedDuration, Timestamp};
use model::fact::{Actor, Cause, Fact, RolloutEnded, RolloutShifted, RolloutStepPassed, What};
use model::id::{ReleaseId, RolloutId};
use model::intent::Weight;
use model::journal::Sealed;
use model::name::Scope;
use model::rollout::{Evidence, Release, Verdict};
use ports::clock::SystemClock;
use ports::entropy::Entropy;
use ports::fake::{FakeNode, Seeded};
use ports::store::{Commit, Query, Store};
use store::sqlite::{Mode, SqliteStore};

use crate::{Done, median, seconds};

const FACTS: u32 = 1_000_000;
const PER_ROLLOUT: u32 = 10;

pub(crate) fn measure(binary: &Path) -> Done {
    println!("a journal of {FACTS} facts, on SQLite");
    let folder = tempfile::tempdir_in(".")?;
    let database = folder.path().join("highroad.db");
    let (subject, took) = seconds(|| fill(&database));
    let subject = subject?;
    println!(
        "  {:>9.0} facts a second were written, {PER_ROLLOUT} a commit",
        f64::from(FACTS) / took
    );
    let bytes = f64::from(u32::try_from(fs::metadata(&database)?.len())?);
    println!("  {:>9.0} bytes a fact in the database, with its indexes", bytes / f64::from(FACTS));

    let this = std::env::current_exe()?;
    let status = Command::new(this).arg("journal-probe").arg(&database).arg(&subject).status()?;
    if !status.success() {
        return Err("the probe failed".into());
    }
    let data = folder.path().as_os_str();
    let mut command = Command::new(binary);
    command.arg("--data").arg(data).args(["journal", "--subject", &subject]).stdout(Stdio::null());
    let mut times = Vec::new();
    for _ in 0..20 {
        let (status, took) = seconds(|| command.status());
        if !status?.success() {
            return Err("`highroad journal` failed".into());
        }
        times.push(took * 1_000.0);
    }
    println!("  {:>9.2} ms for `highroad journal --subject …`, the whole process", median(times));
    let mut command = Command::new(binary);
    command.arg("--data").arg(data).args(["journal", "verify"]).stdout(Stdio::null());
    let (status, took) = seconds(|| command.status());
    if !status?.success() {
        return Err("`highroad journal verify` failed".into());
    }
    println!("  {took:>9.2} s for `highroad journal verify`, the whole process\n");
    Ok(())
}

/// What a server's start and first answers take, in a process of their own.
pub(crate) fn probe(database: &Path, subject: &str) -> Done {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let query = Query { subject: Some(subject.parse()?), limit: 100, ..Query::default() };
    let (started, start) = seconds(|| {
        runtime.block_on(async {
            let store: Arc<dyn Store> = Arc::new(SqliteStore::open(database, Mode::Server)?);
            let node = Arc::new(FakeNode::new(Arc::new(SystemClock)));
            let hands = Hands { workloads: node.clone(), traffic: node, ..Hands::default() };
            let kinds = Kinds::default().with(Rollouts);
            let settings = Settings::alone("bench");
            let (conductor, _handle) =
                Conductor::new(store.clone(), hands, Arc::new(SystemClock), kinds, settings);
            tokio::select! {
                () = conductor.run() => unreachable!("its handle is held"),
                entries = store.entries(query.clone()) => entries.map(|entries| (store.clone(), entries.len())),
            }
        })
    });
    let (store, found) = started?;
    assert_eq!(found, PER_ROLLOUT as usize, "the subject's history is whole");
    println!("  {:>9.2} ms from nothing to the first answer (wanted: under 200)", start * 1_000.0);
    let mut times = Vec::new();
    for _ in 0..100 {
        let (entries, took) = seconds(|| runtime.block_on(store.entries(query.clone())));
        entries?;
        times.push(took * 1_000.0);
    }
    println!("  {:>9.2} ms for one subject's history (wanted: under 5)", median(times));
    let newest = Query { newest_first: true, limit: 1_000, ..Query::default() };
    let (entries, took) = seconds(|| runtime.block_on(store.entries(newest)));
    entries?;
    println!("  {:>9.2} ms for the newest thousand", took * 1_000.0);
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown");
    println!("  {:>9} of memory at most (wanted: under 150 MB)", peak.trim());
    Ok(())
}

/// Writes what rollouts write, and names one of them from the middle.
fn fill(database: &Path) -> Result<String, Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let store = SqliteStore::open(database, Mode::Server)?;
    let seeded = Seeded::new(1);
    let mut one = String::new();
    runtime.block_on(async {
        let mut batch = Vec::new();
        for number in 0..FACTS / PER_ROLLOUT {
            let at = Timestamp::from_second(1_700_000_000 + i64::from(number) * 60)?;
            let rollout = RolloutId::new(at, seeded.draw());
            if number == FACTS / PER_ROLLOUT / 2 {
                one = rollout.to_string();
            }
            let facts = facts_of(rollout, at, number, &seeded);
            batch.push(store.commit(Commit { facts, ..Commit::default() }));
            if batch.len() == 256 {
                for committed in futures_util::future::join_all(batch.drain(..)).await {
                    committed?;
                }
            }
        }
        for committed in futures_util::future::join_all(batch.drain(..)).await {
            committed?;
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    Ok(one)
}

fn facts_of(rollout: RolloutId, at: Timestamp, number: u32, seeded: &Seeded) -> Vec<Sealed> {
    let place = format!("shop-{}/production", number % 500).parse().expect("a well-formed place");
    let scope = Scope::Place(place);
    let weight = Weight::from_percent(25).expect("at most the whole");
    (0..PER_ROLLOUT)
        .map(|step| {
            let at = at + SignedDuration::from_secs(step.into());
            let release =
                Release { id: ReleaseId::new(at, seeded.draw()), version: "1.5.0".to_owned() };
            let evidence = Evidence {
                asked_at: at,
                wanted: 4,
                ready: 4,
                restarts: 0,
                requests: 6_100,
                bad: 3,
                judgement: None,
            };
            let index = usize::try_from(step).unwrap_or(0);
            let what: What = match step {
                9 => RolloutEnded {
                    verdict: Verdict::Promoted,
                    release: release.id,
                    live: Some(release),
                    seconds: 600,
                }
                .into(),
                _ if step % 2 == 0 => RolloutShifted { step: index, weight }.into(),
                _ => RolloutStepPassed { step: index, weight, evidence }.into(),
            };
            let (actor, subject, scope) = (Actor::conductor(), rollout.into(), scope.clone());
            Sealed::from(&Fact { at, actor, cause: Cause::Wake, subject, scope, what })
        })
        .collect()
}

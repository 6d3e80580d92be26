//! `highroad journal`: facts of a real database, filtered, for people and for programs.

use jiff::Timestamp;
use model::fact::{
    Actor, Cause, DriftFound, Fact, ProcessParked, RolloutEnded, RolloutPaused, RolloutRetreating,
    RolloutShifted, RolloutStarted, What, WordRefused,
};
use model::id::{AnyId, ReleaseId, RolloutId};
use model::intent::{Generation, Target, Weight};
use model::journal::{Record, Sealed};
use model::rollout::{Because, Release, Step, Verdict};
use ports::clock::{Clock as _, SystemClock};
use ports::store::{Commit, Store, StoreErrorKind};
use serde_json::Value;
use store::sqlite::{Mode, SqliteStore};
use tempfile::TempDir;

use crate::{Ran, command};

/// A data folder with a database in it.
pub(crate) struct Recorded {
    pub(crate) data: TempDir,
}

impl Recorded {
    pub(crate) fn with(facts: &[Fact]) -> Self {
        let recorded = Self { data: tempfile::tempdir().unwrap() };
        recorded.record(facts.iter().map(Sealed::from).collect());
        recorded
    }

    pub(crate) fn story() -> Self {
        Self::with(&story())
    }

    pub(crate) fn numbered(count: usize) -> Self {
        let recorded = Self::with(&[]);
        for batch in (1..=count).collect::<Vec<_>>().chunks(10_000) {
            recorded.record(batch.iter().map(|n| Sealed::from(&numbered(*n))).collect());
        }
        recorded
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.data.path().join("highroad.db")
    }

    /// As a server that comes up, records this, and goes down.
    pub(crate) fn record(&self, facts: Vec<Sealed>) {
        record(&self.server(), facts);
    }

    pub(crate) fn server(&self) -> SqliteStore {
        loop {
            match SqliteStore::open(self.path(), Mode::Server) {
                // Another test is just starting a command, which for a moment has all locks of
                // this process.
                Err(error) if error.kind == StoreErrorKind::Locked => wait(10),
                opened => return opened.unwrap(),
            }
        }
    }

    pub(crate) fn command(&self, line: &str) -> std::process::Command {
        let mut command = command(self.data.path(), line);
        command.env("HIGHROAD_DATA", self.data.path()).env("TZ", "Europe/Zurich");
        command
    }

    pub(crate) fn run(&self, line: &str) -> Ran {
        self.command(line).output().unwrap().into()
    }

    /// What is printed when all is well.
    fn told(&self, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}: {}", ran.out);
        ran.out
    }

    /// The numbers of the facts that are shown.
    pub(crate) fn shown(&self, line: &str) -> Vec<u64> {
        let ran = self.run(&format!("journal --json {line}"));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{line}");
        objects(&ran.out).iter().map(|object| object["seq"].as_u64().unwrap()).collect()
    }
}

pub(crate) fn record(store: &dyn Store, facts: Vec<Sealed>) {
    let commit = Commit { facts, ..Commit::default() };
    block_on(store.commit(commit)).unwrap();
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn wait(milliseconds: i64) {
    let until = SystemClock.now() + jiff::SignedDuration::from_millis(milliseconds);
    block_on(async { SystemClock.sleep_until(until).await });
}

pub(crate) fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn at(minute: i64) -> Timestamp {
    // 2026-11-20 08:00 in Zurich
    "2026-11-20T07:00:00.25Z".parse::<Timestamp>().unwrap()
        + jiff::SignedDuration::from_mins(minute)
}

fn rollout(number: u8) -> AnyId {
    RolloutId::new(at(0), [number; 10]).into()
}

fn release(version: &str) -> Release {
    Release { id: ReleaseId::new(at(0), [9; 10]), version: version.to_owned() }
}

pub(crate) fn fact(
    minute: i64,
    actor: &str,
    subject: u8,
    scope: &str,
    what: impl Into<What>,
) -> Fact {
    Fact {
        at: at(minute),
        actor: actor.parse::<Actor>().unwrap(),
        cause: Cause::Wake,
        subject: rollout(subject),
        scope: scope.parse().unwrap(),
        what: what.into(),
    }
}

pub(crate) fn numbered(number: usize) -> Fact {
    let refused = WordRefused { word: number.to_string(), why: "it is over".to_owned() };
    fact(i64::try_from(number).unwrap(), "system:conductor", 1, "shop/production", refused)
}

/// Ten facts of two days: one of every look that a line can have.
fn story() -> Vec<Fact> {
    let conductor = "system:conductor";
    let target = || Target::Weights("shop/production".parse().unwrap());
    let quarter = Weight::from_percent(25).unwrap();
    let started = RolloutStarted {
        release: release("1.5.0"),
        replaces: Some(release("1.4.2")),
        instances: 3,
        steps: vec![Step { weight: quarter, hold: jiff::SignedDuration::from_mins(10) }],
    };
    let ended = |verdict, version| RolloutEnded {
        verdict,
        release: release("1.5.0").id,
        live: Some(release(version)),
        seconds: 600,
    };
    let because = Because::CrashLoop {
        restarts: 5,
        last_words: Some("panicked: \u{1b}[2Jno such table: orders".to_owned()),
    };
    let seen = "90 % of the traffic on the old release".to_owned();
    let generation = Generation(7);
    let refused = WordRefused { word: "promote".to_owned(), why: "it is over".to_owned() };
    vec![
        fact(0, "person:ada", 1, "shop/staging", started),
        fact(1, conductor, 1, "shop/staging", RolloutShifted { step: 0, weight: quarter }),
        fact(11, conductor, 1, "shop/staging", ended(Verdict::Promoted, "1.5.0")),
        fact(12, "agent:pilot", 2, "shop/production", RolloutPaused { step: None }),
        fact(13, conductor, 2, "shop/production", RolloutRetreating { because, evidence: None }),
        fact(14, conductor, 2, "shop/production", ended(Verdict::RolledBack, "1.4.2")),
        fact(15, "token:ci", 2, "shop/production", refused),
        fact(1_500, conductor, 3, "", ProcessParked { why: "deciding panicked".to_owned() }),
        fact(1_501, conductor, 4, "till", DriftFound { target: target(), generation, seen }),
        fact(1_502, conductor, 4, "till/production", ended(Verdict::Aborted, "0.9")),
    ]
}

/// What a newer Highroad may have recorded.
pub(crate) fn unknown() -> Sealed {
    let record = Record {
        kind: "moon.landed".to_owned(),
        body: r#"{"site":"Tranquility","crew":2}"#.to_owned(),
        schema: 2,
        ..Record::from(&fact(1_503, "person:neil", 5, "moon", ProcessParked { why: String::new() }))
    };
    Sealed { digest: record.digest(), record }
}

#[test]
fn facts_for_people() {
    let recorded = Recorded::story();
    recorded.record(vec![unknown()]);
    insta::assert_snapshot!(recorded.told("journal"));
}

#[test]
fn facts_in_colour() {
    let told = Recorded::story().told("journal --color always");
    assert!(
        told.contains("\u{1b}[32m●\u{1b}[0m \u{1b}[32mpromoted\u{1b}[0m: 1.5.0 is live\n"),
        "{told:?}"
    );
    assert!(told.contains("\u{1b}[1m\u{1b}[31mrolled back\u{1b}[0m: 1.4.2"), "{told:?}");
    assert!(!told.contains("\u{1b}[2J"), "a fact does not steer the terminal");
}

#[test]
fn facts_for_programs() {
    let recorded = Recorded::story();
    recorded.record(vec![unknown()]);
    let told = recorded.told("journal --json --after 9");
    let objects = objects(&told);
    let keys: Vec<_> = objects[0].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["seq", "at", "schema", "kind", "actor", "cause", "subject", "scope", "body", "link"]
    );
    assert_eq!(objects[0]["at"], "2026-11-21T08:02:00.250000Z");
    assert_eq!(objects[0]["body"]["verdict"], "aborted");
    assert_eq!(objects[0]["link"].as_str().unwrap().len(), 64);
    assert_eq!((&objects[1]["kind"], &objects[1]["schema"]), (&"moon.landed".into(), &2.into()));
    assert_eq!(objects[1]["body"]["crew"], 2);
}

#[test]
fn filters() {
    let recorded = Recorded::story();
    let subject = format!("--subject {}", rollout(2));
    for (line, shown) in [
        ("", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10][..]),
        (&subject, &[4, 5, 6, 7]),
        ("--scope shop", &[1, 2, 3, 4, 5, 6, 7]),
        ("--scope shop/production", &[4, 5, 6, 7]),
        ("--scope till", &[9, 10]),
        ("--scope nowhere", &[]),
        ("--kind rollout.ended", &[3, 6, 10]),
        ("--kind rollout --actor system:conductor", &[2, 3, 5, 6, 10]),
        ("--actor agent:pilot", &[4]),
        ("--since 2026-11-21", &[8, 9, 10]),
        ("--until 2026-11-21", &[1, 2, 3, 4, 5, 6, 7]),
        ("--since 2026-11-20T08:13 --until 2026-11-20T07:15:00Z", &[5, 6]),
        ("--after 8", &[9, 10]),
        ("--after 2 --lines 2", &[9, 10]),
        ("--after 9 --lines 5", &[10]),
        ("--lines 3", &[8, 9, 10]),
        ("--lines 0", &[]),
        ("--lines all --reverse", &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("-r -n 2 --kind rollout", &[10, 6]),
        ("-r --after 7", &[10, 9, 8]),
    ] {
        assert_eq!(recorded.shown(line), shown, "{line}");
    }
}

#[test]
fn the_last_fifty_unless_told_otherwise() {
    let recorded = Recorded::numbered(2_503);
    let last = |count: u64| (2_504 - count..=2_503).collect::<Vec<_>>();
    assert_eq!(recorded.shown(""), last(50));
    for (line, count) in [
        ("--lines 999", 999),
        ("--lines 1000", 1_000),
        ("--lines 1001", 1_001),
        ("--lines 2000", 2_000),
        ("--lines 9999", 2_503),
        ("--lines all", 2_503),
        ("--after 3", 2_500),
        ("--since 2020-01-01", 2_503),
        ("--lines 1200 --after 1000", 1_200),
        ("--lines 1600 --after 1000", 1_503),
    ] {
        assert_eq!(recorded.shown(line), last(count), "{line}");
    }
    let mut all = last(2_503);
    all.reverse();
    assert_eq!(recorded.shown("--lines all --reverse"), all);
}

#[test]
fn nothing_to_show() {
    let empty = Recorded::with(&[]);
    let ran = empty.run("journal");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert_eq!(ran.err, "the journal is empty: nothing has been recorded yet\n");
    let ran = Recorded::story().run("journal --kind drift.mended");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", "no fact fits\n"));
}

#[test]
fn each_wrong_value() {
    let recorded = Recorded::with(&[]);
    let lines = [
        "journal --kind rollout.startd",
        "journal --kind moon",
        "journal --actor ada",
        "journal --subject rol_1",
        "journal --scope Shop/Production",
        "journal --since yesteday",
        "journal --since 2026-11-21 --until 2026-11-20",
        "journal --until 99999y",
        "journal --after x",
        "journal --lines al",
        "journal --follow --reverse",
        "journal --follow --until now",
        "journal --kind rollout verify",
        "journal verfy",
        "journal verify --expect 7",
        "journal --database mysql://ada:hunter2@db/roads",
        "journal postgres://ada:hunter2@db/roads",
        "journal --datbase=postgres://ada:hunter2@db/roads",
        "postgres://ada:hunter2@db/roads",
    ];
    let told = lines.map(|line| {
        let ran = recorded.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{line}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{line}: {}", ran.err);
        format!("$ highroad {line}\n{}", ran.err)
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    use std::io::Read as _;
    use std::process::Stdio;
    let recorded = Recorded::numbered(20_000);
    for form in ["", "--json"] {
        let line = format!("journal --lines all {form}");
        let mut child =
            recorded.command(&line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut some = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut some).unwrap();
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""), "{line}");
    }
}

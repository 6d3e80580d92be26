//! The embedded store: the suite on real files, and what only a file can suffer.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::Timestamp;
use model::id::{AnyId, CommandId, Prefix};
use model::intent::{Generation, Intent};
use model::journal::{Break, Head, Record, Sealed, Verifier};
use ports::store::{
    Change, Claim, Commit, CommitError, Hold, Query, Settled, Status, Store, StoreError,
    StoreErrorKind,
};
use ports::suite::store::change;
use rusqlite::Connection;
use store::sqlite::{Mode, SqliteStore};
use tempfile::TempDir;

mod conforms {
    use super::Fresh;

    ports::store_suite!(async { Fresh::new() });
}

mod sqlite {
    mod catalogue;
}

/// A store in a folder that vanishes with it.
struct Fresh {
    store: SqliteStore,
    folder: TempDir,
}

impl Fresh {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("highroad.db"), Mode::Server).unwrap();
        Self { store, folder }
    }
}

impl Deref for Fresh {
    type Target = SqliteStore;

    fn deref(&self) -> &SqliteStore {
        &self.store
    }
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/new/folder/highroad.db");
    let store = serve(&path);
    let wanting = Change {
        intents: vec![survey("shop/a"), steer("shop/b")],
        slot: Some("one".to_owned()),
        wake_at: Some(at(60)),
        ..change(process(1), None)
    };
    let command = CommandId::new(at(0), [1; 10]);
    let commit = Commit {
        facts: (1..=3).map(fact).collect(),
        command: Some((command, "taken".to_owned())),
        ..whole(wanting)
    };
    store.commit(commit).await.unwrap();
    let settled =
        Settled { target: steer("shop/b").target(), generation: Generation(1), upheld: true };
    store
        .commit(whole(Change { settled: vec![settled], ..change(process(1), Some(1)) }))
        .await
        .unwrap();
    store
        .commit(whole(Change { wake_at: Some(at(60)), ..change(process(2), None) }))
        .await
        .unwrap();
    store
        .commit(whole(Change { status: Status::Parked, ..change(process(3), None) }))
        .await
        .unwrap();
    let before = store.load(process(1)).await.unwrap();
    let head = store.head().await.unwrap();
    assert_eq!(due(&store, 60).await, [process(1), process(2)]);
    assert_eq!(due(&store, 60).await, []);
    drop(store);

    let store = serve(&path);
    assert_eq!(store.load(process(1)).await.unwrap(), before);
    assert_eq!(store.reply_to(command).await.unwrap().as_deref(), Some("taken"));
    assert_eq!(verified(&store).await, Ok(head));
    // What was held is due, what waits for its time still does, what is parked stays so.
    assert_eq!(due(&store, 10).await, [process(1)]);
    assert_eq!(due(&store, 60).await, [process(2)]);
    let next = store.commit(Commit { facts: vec![fact(4)], ..Commit::default() }).await.unwrap();
    assert_eq!(next.head, 4);
    assert!(verified(&store).await.is_ok());
    let again = Change { intents: vec![steer("shop/b")], ..change(process(1), Some(2)) };
    let again = store.commit(whole(again)).await.unwrap();
    assert_eq!(again.generations, [Generation(2)]);
}

#[tokio::test]
async fn an_end_without_a_goodbye_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    let store = serve(&path);
    for number in 1..=100 {
        store.commit(told(number)).await.unwrap();
    }
    // As the disk would be after the loss of power: the log was not carried over.
    let crashed = folder.path().join("crashed.db");
    for ending in ["", "-wal"] {
        fs::copy(with(&path, ending), with(&crashed, ending)).unwrap();
    }
    let after = serve(&crashed);
    assert_eq!(verified(&after).await, Ok(store.head().await.unwrap()));
    assert_eq!(after.head().await.unwrap().seq, 100);
}

#[tokio::test]
async fn a_reader_sees_what_a_live_server_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    let store = serve(&path);
    store.commit(told(1)).await.unwrap();
    let reader = SqliteStore::open(&path, Mode::Reader).unwrap();
    for number in 2..=50 {
        store.commit(told(number)).await.unwrap();
        assert_eq!(reader.head().await.unwrap(), store.head().await.unwrap());
    }
    assert!(verified(&reader).await.is_ok());
    let Err(CommitError::Store(error)) = reader.commit(told(1)).await else {
        panic!("a reader wrote")
    };
    assert_eq!(error.kind, StoreErrorKind::ReadOnly);
    drop(store);
    assert_eq!(verified(&reader).await.unwrap().seq, 50);
    drop(reader);
    let reader = SqliteStore::open(&path, Mode::Reader).unwrap();
    assert_eq!(verified(&reader).await.unwrap().seq, 50);
}

#[tokio::test]
async fn only_one_server_has_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    let store = serve(&path);
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for path in [&path, &link] {
        let error = refused(path, Mode::Server, StoreErrorKind::Locked);
        let process = format!("process {}", std::process::id());
        assert!(error.to_string().ends_with(&process), "{error}");
    }
    store.commit(told(1)).await.unwrap();
    drop(store);
    assert_eq!(serve(&path).head().await.unwrap().seq, 1);
}

#[test]
fn a_reader_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    refused(&path, Mode::Reader, StoreErrorKind::Missing);
    fs::write(&path, "").unwrap();
    refused(&path, Mode::Reader, StoreErrorKind::Missing);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_not_ours_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let text = folder.path().join("text.db");
    fs::write(&text, "dear diary, ".repeat(100)).unwrap();
    let short = folder.path().join("short.db");
    fs::write(&short, "x").unwrap();
    for path in [&other, &text, &short] {
        let before = fs::read(path).unwrap();
        for mode in [Mode::Server, Mode::Reader] {
            refused(path, mode, StoreErrorKind::Foreign);
        }
        assert_eq!(fs::read(path).unwrap(), before);
    }
    refused(folder.path(), Mode::Server, StoreErrorKind::Foreign);
    refused(folder.path(), Mode::Reader, StoreErrorKind::Foreign);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing was put beside them");
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    let store = serve(&path);
    for number in 1..=200 {
        store.commit(told(number)).await.unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    for length in [whole.len() - 1, whole.len() / 2, 4_096, 99, 10] {
        fs::write(&path, &whole[..length]).unwrap();
        for mode in [Mode::Server, Mode::Reader] {
            refused(&path, mode, StoreErrorKind::Damaged);
        }
    }
    let mut overwritten = whole.clone();
    overwritten[4_096..].fill(0xa5);
    fs::write(&path, overwritten).unwrap();
    refused(&path, Mode::Server, StoreErrorKind::Damaged);
    fs::write(&path, whole).unwrap();
    assert_eq!(verified(&serve(&path)).await.unwrap().seq, 200);
}

#[test]
fn a_newer_schema_is_left_to_newer_programs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    drop(serve(&path));
    tamper(&path, "PRAGMA user_version = 99");
    for mode in [Mode::Server, Mode::Reader] {
        let error = refused(&path, mode, StoreErrorKind::Newer);
        assert!(error.to_string().contains("schema 99"), "{error}");
    }
}

#[tokio::test]
async fn the_golden_database_of_every_schema_still_serves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    let golden = include_str!("golden/sqlite-v1.sql");
    Connection::open(&path).unwrap().execute_batch(golden).unwrap();
    let store = serve(&path);
    assert_eq!(verified(&store).await.unwrap().seq, 3);
    let stored = store.load(process(1)).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.slot.as_deref()), (2, Some("one")));
    assert_eq!(stored.open.len(), 1);
    let entries = store.entries(Query { limit: 9, ..Query::default() }).await.unwrap();
    assert!(entries.iter().all(|entry| entry.record.read().is_ok()));
    let command = CommandId::new(at(0), [1; 10]);
    assert_eq!(store.reply_to(command).await.unwrap().as_deref(), Some("taken"));
    assert_eq!(due(&store, 60).await, [process(1), process(2)]);
    store
        .commit(Commit { facts: vec![fact(4)], ..whole(change(process(1), Some(2))) })
        .await
        .unwrap();
    assert_eq!(verified(&store).await.unwrap().seq, 4);
}

#[tokio::test]
async fn tampering_is_found_where_it_began() {
    let link = "UPDATE facts SET link = zeroblob(32) WHERE seq = 6";
    let swap = "UPDATE facts SET seq = -seq WHERE seq IN (3, 8);
                UPDATE facts SET seq = CASE seq WHEN -3 THEN 8 ELSE 3 END WHERE seq < 0";
    let unreadable = "UPDATE facts SET body = CAST(x'ff' AS TEXT) WHERE seq = 2";
    let changed = |seq| Break::Changed { seq, kind: "word.refused".to_owned() };
    let cases = [
        ("UPDATE facts SET actor = 'person:eve' WHERE seq = 4", changed(4)),
        (link, changed(6)),
        (unreadable, changed(2)),
        ("DELETE FROM facts WHERE seq BETWEEN 5 AND 7", Break::Missing { seq: 5, next: 8 }),
        ("DELETE FROM facts WHERE seq > 8", Break::CutOff { first: 9, last: 10 }),
        (swap, Break::Moved { seq: 3, found_at: 8 }),
    ];
    for (tampering, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("highroad.db");
        let store = serve(&path);
        for number in 1..=10 {
            store.commit(told(number)).await.unwrap();
        }
        tamper(&path, tampering);
        assert_eq!(verified(&store).await, Err(expected.clone()), "{tampering}");
        drop(store);
        assert_eq!(verified(&serve(&path)).await, Err(expected), "{tampering}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let Some(disk) = Disk::of_megabytes(8) else { return };
    let path = disk.folder.path().join("highroad.db");
    let store = serve(&path);
    store.commit(told(1)).await.unwrap();
    let ballast = disk.folder.path().join("ballast");
    fs::write(&ballast, vec![0; 3 << 20]).unwrap();
    let mut number = 1;
    let error = loop {
        number += 1;
        assert!(number < 10_000, "the disk never filled");
        match store.commit(told_at_length(number)).await {
            Ok(committed) => assert_eq!(i64::try_from(committed.head), Ok(number)),
            Err(CommitError::Store(error)) => break error,
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
    let kept = u64::try_from(number - 1).unwrap();
    assert_eq!(verified(&store).await.unwrap().seq, kept);
    assert!(store.commit(told_at_length(number)).await.is_err());
    fs::remove_file(ballast).unwrap();
    assert_eq!(store.commit(told_at_length(number)).await.unwrap().head, kept + 1);
    assert_eq!(verified(&store).await.unwrap().seq, kept + 1);
    drop(store);
    assert_eq!(verified(&serve(&path)).await.unwrap().seq, kept + 1);
}

#[tokio::test]
async fn a_disk_for_reading_only_can_be_read() {
    let Some(disk) = Disk::of_megabytes(8) else { return };
    let path = disk.folder.path().join("is it? 100% #1.db");
    let store = serve(&path);
    store.commit(told(1)).await.unwrap();
    drop(store);
    disk.mount(&["-o", "remount,ro"]);
    let reader = SqliteStore::open(&path, Mode::Reader).unwrap();
    assert_eq!(verified(&reader).await.unwrap().seq, 1);
    refused(&path, Mode::Server, StoreErrorKind::ReadOnly);
    let new = disk.folder.path().join("new/highroad.db");
    refused(&new, Mode::Server, StoreErrorKind::ReadOnly);
}

#[tokio::test]
async fn one_that_cannot_be_written_takes_no_other_with_it() {
    let store = Fresh::new();
    let path = store.folder.path().join("highroad.db");
    tamper(&path, "INSERT INTO intents VALUES ('survey/shop/a', 'x', -5, 1, 0, 0, '')");
    let spoilt = whole(Change { intents: vec![survey("shop/a")], ..change(process(1), None) });
    let (first, second, third) = tokio::join!(
        store.commit(told(1)),
        store.commit(spoilt),
        store.commit(Commit { facts: vec![fact(2)], ..whole(change(process(2), None)) }),
    );
    assert_eq!(first.unwrap().head, 1);
    let Err(CommitError::Store(error)) = second else { panic!("{second:?}") };
    assert_eq!(error.kind, StoreErrorKind::Damaged, "{error}");
    assert_eq!(third.unwrap().head, 2);
    assert_eq!(store.load(process(1)).await.unwrap(), None);
    assert_eq!(verified(&store).await.unwrap().seq, 2);
}

fn serve(path: &Path) -> SqliteStore {
    SqliteStore::open(path, Mode::Server).unwrap()
}

fn refused(path: &Path, mode: Mode, kind: StoreErrorKind) -> StoreError {
    let error = SqliteStore::open(path, mode).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    error
}

/// Somebody else's hand in the file.
fn tamper(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

async fn verified(store: &SqliteStore) -> Result<Head, Break> {
    let mut verifier = Verifier::default();
    let everything = Query { limit: usize::MAX, ..Query::default() };
    for entry in store.entries(everything).await.unwrap() {
        verifier.feed(entry);
    }
    verifier.finish(store.head().await.unwrap())
}

async fn due(store: &SqliteStore, now: i64) -> Vec<AnyId> {
    let hold = Hold { server: "first".to_owned(), until: at(now + 100) };
    let claim = Claim { hold, anew: false, now: at(now), limit: 100 };
    store.claim(claim).await.unwrap().due.into_iter().map(|stored| stored.id).collect()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn process(number: u8) -> AnyId {
    AnyId::new(Prefix::literal("tst"), at(0), [number; 10])
}

fn survey(place: &str) -> Intent {
    Intent::Survey(place.parse().unwrap())
}

fn steer(place: &str) -> Intent {
    let place = place.parse().unwrap();
    Intent::Steer(model::intent::Weights { place, split: model::intent::Split::default() })
}

fn whole(change: Change) -> Commit {
    Commit { change: Some(change), ..Commit::default() }
}

fn fact(number: i64) -> Sealed {
    sealed(number, "it is over")
}

fn told(number: i64) -> Commit {
    Commit { facts: vec![fact(number)], ..Commit::default() }
}

fn told_at_length(number: i64) -> Commit {
    Commit { facts: vec![sealed(number, &"x".repeat(20_000))], ..Commit::default() }
}

fn sealed(number: i64, why: &str) -> Sealed {
    let record = Record {
        at: at(number).as_microsecond(),
        schema: 1,
        kind: "word.refused".to_owned(),
        actor: "system:conductor".to_owned(),
        cause: "wake".to_owned(),
        subject: process(1).to_string(),
        scope: "shop/production".to_owned(),
        body: format!(r#"{{"word":"{number}","why":"{why}"}}"#),
    };
    Sealed { digest: record.digest(), record }
}

/// A small disk of its own, where the test may mount one.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn of_megabytes(size: u32) -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        let is_mounted = disk.mount(&["-t", "tmpfs", "-o", &format!("size={size}m"), "tmpfs"]);
        if !is_mounted {
            eprintln!("skipped: only root can mount a small disk");
        }
        is_mounted.then_some(disk)
    }

    fn mount(&self, options: &[&str]) -> bool {
        let mount = Command::new("mount").args(options).arg(self.folder.path()).output();
        mount.is_ok_and(|mount| mount.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is still open is let go with the test.
        drop(Command::new("umount").arg("--lazy").arg(self.folder.path()).output());
    }
}

//! The little world in which the cases of the store take place.

use std::future::poll_fn;
use std::task::Poll;

use jiff::Timestamp;
use model::id::{AnyId, CommandId, Prefix, ReleaseId};
use model::intent::{Group, Instances, Intent, Share, Weight, Weights};
use model::journal::{Head, Record, Sealed, Verifier};
use model::name::Place;

use crate::store::{
    Audit, Change, Claim, Claimed, Commit, CommitError, Committed, Hold, Query, Standing, Status,
    Store, StoreErrorKind, Stored,
};

/// So many seconds after everything began.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("the suite stays in this century")
}

/// Processes sort by their number.
pub(super) fn process(number: u8) -> AnyId {
    AnyId::new(Prefix::literal("tst"), at(0), numbered(number))
}

pub(super) fn command(number: u8) -> CommandId {
    CommandId::new(at(0), numbered(number))
}

pub(super) fn release(number: u8) -> ReleaseId {
    ReleaseId::new(at(0), numbered(number))
}

fn numbered(number: u8) -> [u8; 10] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, number]
}

pub(super) fn place(text: &str) -> Place {
    text.parse().expect("a place")
}

pub(super) fn run(of: &str, number: u8, count: u32) -> Intent {
    Intent::Run(Instances { group: Group { place: place(of), release: release(number) }, count })
}

pub(super) fn steer(of: &str, number: u8) -> Intent {
    let shares = vec![Share { release: release(number), weight: Weight::ALL }];
    Intent::Steer(Weights { place: place(of), split: shares.into() })
}

pub(super) fn survey(of: &str) -> Intent {
    Intent::Survey(place(of))
}

/// A decision at the beginning of time that changes next to nothing.
pub fn change(process: AnyId, expected: Option<u64>) -> Change {
    Change {
        process,
        kind: "test".to_owned(),
        expected,
        state: format!(r#"{{"after":{}}}"#, expected.unwrap_or(0)),
        status: Status::Active,
        wake_at: None,
        slot: None,
        intents: Vec::new(),
        settled: Vec::new(),
        hold: hold("first", 15),
        now: at(0),
    }
}

pub(super) fn hold(server: &str, until: i64) -> Hold {
    Hold { server: server.to_owned(), until: at(until) }
}

/// A fact as a decider would tell it, with a number to know it by.
pub(super) fn record(number: i64) -> Record {
    Record {
        at: at(number).as_microsecond(),
        schema: 1,
        kind: "word.refused".to_owned(),
        actor: "system:conductor".to_owned(),
        cause: "wake".to_owned(),
        subject: process(1).to_string(),
        scope: "shop/production".to_owned(),
        body: format!(r#"{{"word":"{number}","why":"it is over"}}"#),
    }
}

pub(super) fn sealed(record: Record) -> Sealed {
    Sealed { digest: record.digest(), record }
}

pub(super) fn told(records: impl IntoIterator<Item = Record>) -> Commit {
    Commit { facts: records.into_iter().map(sealed).collect(), ..Commit::default() }
}

impl From<Change> for Commit {
    fn from(change: Change) -> Self {
        Self { change: Some(change), ..Self::default() }
    }
}

pub(super) async fn commit(store: &dyn Store, commit: impl Into<Commit>) -> Committed {
    store.commit(commit.into()).await.expect("the commit is taken")
}

pub(super) async fn refused(store: &dyn Store, commit: impl Into<Commit>) -> CommitError {
    store.commit(commit.into()).await.expect_err("the commit is refused")
}

pub(super) async fn refused_as_too_large(store: &dyn Store, commit: impl Into<Commit>) {
    match refused(store, commit).await {
        CommitError::Store(error) => assert_eq!(error.kind, StoreErrorKind::TooLarge, "{error}"),
        other => panic!("too large, but refused because {other}"),
    }
}

pub(super) async fn load(store: &dyn Store, process: AnyId) -> Stored {
    store.load(process).await.expect("the store serves").expect("the process is known")
}

pub(super) async fn open(store: &dyn Store, process: AnyId) -> Vec<(u64, Intent)> {
    let open = load(store, process).await.open;
    open.into_iter().map(|open| (open.generation.0, open.intent)).collect()
}

pub(super) async fn audit(store: &dyn Store, not_since: i64, now: i64) -> Vec<Standing> {
    let audit = Audit { not_since: at(not_since), now: at(now), limit: usize::MAX };
    let mut standing = store.audit(audit).await.expect("the store serves");
    standing.sort_by_key(|standing| standing.intent.target());
    standing
}

/// A claim of the server `first` until a time.
pub(super) fn claim(now: i64, until: i64) -> Claim {
    Claim { hold: hold("first", until), anew: false, now: at(now), limit: 100 }
}

pub(super) async fn claimed(store: &dyn Store, claim: Claim) -> Claimed {
    store.claim(claim).await.expect("the store serves")
}

/// Which processes a claim hands out.
pub(super) async fn due(store: &dyn Store, claim: Claim) -> Vec<AnyId> {
    claimed(store, claim).await.due.into_iter().map(|stored| stored.id).collect()
}

pub(super) fn everything() -> Query {
    Query { limit: usize::MAX, ..Query::default() }
}

/// The numbers of the facts that a query finds, in its order.
pub(super) async fn found(store: &dyn Store, query: Query) -> Vec<u64> {
    let entries = store.entries(query).await.expect("the store serves");
    entries.into_iter().map(|entry| entry.seq).collect()
}

/// The head, once the whole journal was found to lead there.
pub(super) async fn verified(store: &dyn Store) -> Head {
    let mut verifier = Verifier::default();
    for entry in store.entries(everything()).await.expect("the store serves") {
        verifier.feed(entry);
    }
    let head = store.head().await.expect("the store serves");
    verifier.finish(head).expect("the chain is whole")
}

/// Runs all of them at once, as the tasks of one server do.
pub(super) async fn side_by_side<F: Future>(
    futures: impl IntoIterator<Item = F>,
) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut all = Poll::Ready(());
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(value) => *output = Some(value),
                Poll::Pending => all = Poll::Pending,
            }
        }
        all
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

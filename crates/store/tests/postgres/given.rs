//! Fresh stores, and the least that can be told in them.

use jiff::Timestamp;
use model::fact::{Actor, Cause, Fact, WordRefused};
use model::id::{AnyId, Prefix};
use model::journal::{Break, Head, Sealed, Verifier};
use model::name::Scope;
use ports::store::{Change, Commit, Query, Store};
use store::postgres::PostgresStore;
use store::postgres::local::Cluster;

pub(crate) async fn database() -> String {
    Cluster::shared().database().await.unwrap()
}

pub(crate) async fn fresh() -> Box<PostgresStore> {
    Box::new(PostgresStore::open(&database().await).await.unwrap())
}

/// A bare connection, for what the store would never do.
pub(crate) async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn process(number: u16) -> AnyId {
    let [high, low] = number.to_be_bytes();
    AnyId::new(Prefix::literal("tst"), at(0), [0, 0, 0, 0, 0, 0, 0, 0, high, low])
}

/// A decision with one fact.
pub(crate) fn decision(change: Change) -> Commit {
    let what = WordRefused { word: "promote".to_owned(), why: "it is over".to_owned() };
    let fact = Fact {
        at: at(0),
        actor: Actor::conductor(),
        cause: Cause::Wake,
        subject: change.process,
        scope: Scope::Everything,
        what: what.into(),
    };
    Commit { facts: vec![Sealed::from(&fact)], change: Some(change), command: None }
}

pub(crate) async fn verify(store: &dyn Store) -> Result<Head, Break> {
    let mut verifier = Verifier::default();
    let all = Query { limit: usize::MAX, ..Query::default() };
    for entry in store.entries(all).await.unwrap() {
        verifier.feed(entry);
    }
    verifier.finish(store.head().await.unwrap())
}

/// Everything an error says, with its reasons.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text = format!("{text}: {reason}");
        source = reason.source();
    }
    text
}

//! Databases that cannot be used, and what is said of them.

use ports::store::{Claim, Commit, CommitError, Hold, Store, StoreErrorKind};
use ports::suite::store::change;
use store::postgres::local::{Cluster, Settings};
use store::postgres::{Mode, PostgresStore};

use super::given::{at, chain, client, database, decision, process, verify};

const CERTIFICATE: &str = include_str!("../golden/localhost.crt");
const KEY: &str = include_str!("../golden/localhost.key");

#[tokio::test]
async fn who_does_not_answer_is_named() {
    let (kind, text) = refused("postgres://ada@127.0.0.1:1/roads").await;
    assert_eq!(kind, StoreErrorKind::Unreachable);
    assert!(text.starts_with("PostgreSQL does not answer at 127.0.0.1:1: is it running"), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
}

#[tokio::test]
async fn a_missing_database_is_named() {
    let (kind, text) = refused(&Cluster::shared().url("moon")).await;
    assert_eq!(kind, StoreErrorKind::Missing);
    assert!(text.contains("create it with `createdb moon`"), "{text}");
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let url = database().await;
    let client = client(&url).await;
    client.batch_execute("CREATE ROLE guarded LOGIN PASSWORD 'right'").await.unwrap();
    let (kind, text) = refused(&url.replace("highroad@", "guarded:wrong@")).await;
    assert_eq!(kind, StoreErrorKind::Denied);
    assert!(text.contains("refuses the password of the user `guarded`"), "{text}");
    // The right one lets in, but not create anything.
    let (kind, text) = refused(&url.replace("highroad@", "guarded:right@")).await;
    assert_eq!(kind, StoreErrorKind::Denied);
    assert!(text.contains("`guarded` may not do this"), "{text}");
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let url = database().await;
    PostgresStore::open(&url).await.unwrap();
    let newer = "INSERT INTO highroad.migrations VALUES (7, 0)";
    client(&url).await.batch_execute(newer).await.unwrap();
    let (kind, text) = refused(&url).await;
    assert_eq!(kind, StoreErrorKind::Newer);
    assert!(
        text.ends_with("its schema has version 7, this program knows version 1 and older"),
        "{text}"
    );
    let error = PostgresStore::open_read_only(&url).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Newer);
}

#[tokio::test]
async fn a_schema_of_somebody_else_is_left_alone() {
    let url = database().await;
    let other = "CREATE SCHEMA highroad; CREATE TABLE highroad.cars (plate text)";
    client(&url).await.batch_execute(other).await.unwrap();
    assert_eq!(refused(&url).await.0, StoreErrorKind::Foreign);
    let settings =
        store::postgres::Settings { schema: "our \"own\"".to_owned(), ..Default::default() };
    let store = PostgresStore::open_with(&url, settings).await.unwrap();
    store.commit(decision(change(process(1), None))).await.unwrap();
    verify(&store).await.unwrap();
}

#[tokio::test]
async fn text_that_is_not_unicode_is_refused() {
    let url = database().await;
    let create = "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'";
    client(&url).await.batch_execute(create).await.unwrap();
    let (_, text) = refused(&Cluster::shared().url("latin")).await;
    assert!(text.ends_with("keeps its text in LATIN1: create it with `-E UTF8`"), "{text}");
}

#[tokio::test]
async fn reading_only_writes_nothing() {
    let url = database().await;
    let error = PostgresStore::open_read_only(&url).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Missing);
    assert_eq!(
        PostgresStore::open_read_only(&url).await.unwrap_err().kind,
        StoreErrorKind::Missing
    );

    let writing = PostgresStore::open(&url).await.unwrap();
    writing.commit(decision(change(process(1), None))).await.unwrap();
    let store = PostgresStore::open_read_only(&url).await.unwrap();
    assert_eq!(verify(&store).await.unwrap().seq, 1);
    assert_eq!(store.load(process(1)).await.unwrap().unwrap().version, 1);
    match store.commit(Commit::default()).await.unwrap_err() {
        CommitError::Store(error) => assert_eq!(error.kind, StoreErrorKind::ReadOnly),
        other => panic!("{other}"),
    }
    let hold = Hold { server: "first".to_owned(), until: at(10) };
    let claim = Claim { hold, anew: false, now: at(0), limit: 1 };
    assert_eq!(store.claim(claim).await.unwrap_err().kind, StoreErrorKind::ReadOnly);
}

#[tokio::test]
async fn a_server_that_only_lets_read_is_refused_by_who_wants_to_write() {
    let url = database().await;
    PostgresStore::open(&url).await.unwrap();
    let alter = format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        url.rsplit('/').next().unwrap()
    );
    client(&url).await.batch_execute(&alter).await.unwrap();
    assert_eq!(refused(&url).await.0, StoreErrorKind::ReadOnly);
    let settings = store::postgres::Settings { mode: Mode::Reader, ..Default::default() };
    PostgresStore::open_with(&url, settings).await.unwrap();
}

#[tokio::test]
async fn connections_are_as_secret_as_was_asked_for() {
    let settings = Settings { identity: Some((CERTIFICATE, KEY)), ..Settings::default() };
    let cluster = Cluster::start(settings).unwrap();
    let url = cluster.database().await.unwrap();
    let roots = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/localhost.crt");
    let with = |options: &str| format!("{url}?{options}");
    let named =
        with(&format!("sslmode=verify-full&sslrootcert={roots}")).replace("127.0.0.1", "localhost");
    let signed = with(&format!("sslmode=verify-ca&sslrootcert={roots}"));
    for url in [&with("sslmode=disable"), &url, &with("sslmode=require"), &signed, &named] {
        let store = PostgresStore::open(url).await.unwrap_or_else(|e| panic!("{}", chain(&e)));
        assert_eq!(verify(&store).await.unwrap().seq, 0);
    }
    // The certificate is good for localhost only, and no system trusts it.
    let unnamed = with(&format!("sslmode=verify-full&sslrootcert={roots}"));
    for url in [&unnamed, &with("sslmode=verify-full&sslrootcert=system")] {
        let (kind, text) = refused(url).await;
        assert_eq!(kind, StoreErrorKind::Unreachable);
        assert!(text.starts_with("no secure connection to PostgreSQL at 127.0.0.1:"), "{text}");
        assert!(text.contains("certificate"), "{text}");
    }
    let plain = format!("{}?sslmode=require", Cluster::shared().url("postgres"));
    let (_, text) = refused(&plain).await;
    assert!(text.contains("server does not support TLS"), "{text}");
}

async fn refused(url: &str) -> (StoreErrorKind, String) {
    let error = PostgresStore::open(url).await.unwrap_err();
    (error.kind, chain(&error))
}

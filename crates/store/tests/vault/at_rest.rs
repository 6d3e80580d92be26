//! What can be found at rest, in facts and in what is printed: no value, in no form.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use model::fact::What;
use model::vault::Bytes;
use ports::fake::Seeded;
use ports::memory::MemoryStore;
use ports::store::{Query, Store};
use ports::vault::{Value, Vault, Word};
use store::sqlite::{Mode, SqliteStore};
use store::vault::{EmbeddedVault, RootKeys};
use tokio_postgres::NoTls;

use super::given::{
    Hands, RawRow, database, given, key, map, passphrase, postgres, rows, secret, set, store_of,
    told, try_given, vault_on, wanted, word,
};

const VALUE: &str = "correct-horse-battery-staple-7f3a";
const OLD: &str = "an-older-value-of-the-same-one-91";
const REMOVED: &str = "the-value-of-one-that-was-removed";

/// Everything that can be done with secrets.
async fn live(store: &Arc<dyn Store>) -> EmbeddedVault {
    let vault = vault_on(store.clone(), &[key(1)]);
    set(&vault, "shop/production/TOKEN", OLD).await;
    set(&vault, "shop/GONE", REMOVED).await;
    vault.rotate(&secret("shop/production/TOKEN"), &value(VALUE), &word()).await.unwrap();
    given(&vault, "shop/production").await;
    vault.remove(&secret("shop/GONE"), &word()).await.unwrap();
    vault.rekey(&"shop/production".parse().unwrap(), &word()).await.unwrap();
    vault.replace_root(&passphrase("a passphrase of many words"), &word()).await.unwrap();
    vault_on(store.clone(), &[passphrase("a passphrase of many words")])
}

fn value(text: &str) -> Value {
    Value::new(text.to_owned()).unwrap()
}

/// A value as it stands, and as it is commonly written down otherwise.
fn forms() -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    let key = [1; 32];
    for text in [VALUE, OLD, REMOVED, "a passphrase of many words"] {
        let text = text.as_bytes();
        forms.push(text.to_vec());
        forms.push(text.iter().rev().copied().collect());
        forms.push(text.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
        for offset in 0..3 {
            // Without the ends, which depend on what stands beside it.
            let whole = text[offset..text.len() - (text.len() - offset) % 3].to_vec();
            forms.push(Bytes(whole).to_string().into_bytes());
        }
    }
    forms.push(key.to_vec());
    forms.push(Bytes(key.to_vec()).to_string().into_bytes());
    forms
}

fn holds(bytes: &[u8], form: &[u8]) -> bool {
    bytes.windows(form.len()).any(|window| window == form)
}

#[test]
fn the_forms_would_be_found() {
    for (before, after) in [("", ""), ("x", "y"), ("xy", ""), ("xyz", "z")] {
        let text = format!("{before}{VALUE}{after}");
        let encoded = Bytes(text.clone().into_bytes()).to_string();
        for written in [text, encoded] {
            assert!(forms().iter().any(|form| holds(written.as_bytes(), form)), "{written}");
        }
    }
}

#[tokio::test]
async fn no_file_of_the_database_holds_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("highroad.db");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, Mode::Server).unwrap());
    let vault = live(&store).await;
    let search = || {
        let mut searched = 0;
        for entry in fs::read_dir(folder.path()).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            searched += bytes.len();
            for form in forms() {
                assert!(!holds(&bytes, &form), "{}", String::from_utf8_lossy(&form));
            }
        }
        assert!(searched > 20_000, "{searched}");
    };
    search();
    drop((vault, store));
    search();
    // What was acknowledged is there again.
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path, Mode::Server).unwrap());
    let vault = vault_on(store, &[passphrase("a passphrase of many words")]);
    assert_eq!(given(&vault, "shop/production").await, map(&[("TOKEN", VALUE)]));
}

#[tokio::test]
async fn no_row_of_the_shared_database_holds_a_value() {
    let url = database().await;
    let vault = live(&postgres(&url).await).await;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    let tables = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables
                  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let mut searched = 0;
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let all = format!("SELECT row_to_json(it)::text FROM {table} it");
        for row in client.query(&all, &[]).await.unwrap() {
            let row: String = row.get(0);
            searched += row.len();
            for form in forms() {
                assert!(!holds(row.as_bytes(), &form), "{table}: {row}");
            }
        }
    }
    assert!(searched > 3_000, "{searched}");
    assert_eq!(given(&vault, "shop/production").await, map(&[("TOKEN", VALUE)]));
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_value() {
    let memory = Arc::new(MemoryStore::default());
    let store: Arc<dyn Store> = memory.clone();
    let vault = live(&store).await;
    let mut shown = format!("{vault:?} {:?} {:?}", value(VALUE), vault.list(None).await.unwrap());
    let resolved = vault.resolve(&wanted("shop/production")).await.unwrap();
    write!(shown, "{resolved:?} {store:?}").unwrap();
    let entries = store.entries(Query { limit: 100, ..Query::default() }).await.unwrap();
    for entry in &entries {
        let fact = entry.record.read().unwrap();
        write!(shown, "{entry:?} {fact:?} {}", fact.what.sentence()).unwrap();
    }
    for keys in [vec![], vec![key(1)], vec![passphrase("another passphrase")]] {
        let vault = vault_on(store.clone(), &keys);
        shown.push_str(&told(&try_given(&vault, "shop/production").await.unwrap_err()));
        write!(shown, "{vault:?}").unwrap();
    }
    assert!(shown.len() > 5_000);
    for form in forms() {
        assert!(!holds(shown.as_bytes(), &form), "{}", String::from_utf8_lossy(&form));
    }
}

#[tokio::test]
async fn the_journal_tells_every_change_and_no_value() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    live(&store).await;
    let query = Query { kind: Some("secret".to_owned()), limit: 100, ..Query::default() };
    let entries = store.entries(query).await.unwrap();
    let told = entries.iter().map(|entry| {
        let fact = entry.record.read().unwrap();
        assert_eq!(fact.actor.to_string(), "person:ada");
        assert!(fact.cause.to_string().starts_with("command:cmd_"));
        assert!(fact.subject.to_string().starts_with("vlt_"));
        assert!(matches!(fact.what, What::SecretSet(_) | What::SecretRemoved(_)));
        format!("{}: {}", fact.scope, fact.what.sentence())
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "shop/production: secret TOKEN was set",
            "shop: secret GONE was set",
            "shop/production: secret TOKEN was set anew, version 2",
            "shop: secret GONE was removed",
        ]
    );
}

#[tokio::test]
async fn lengths_are_blurred() {
    let store = Arc::new(MemoryStore::default());
    let vault = vault_on(store.clone(), &[key(1)]);
    for length in [1, 8, 40, 64] {
        set(&vault, &format!("shop/OF_{length}"), &"x".repeat(length)).await;
    }
    let values = rows(&store).into_iter().filter(|row| row.kind == "vault-value");
    let lengths: std::collections::BTreeSet<_> = values.map(|row| row.state.len()).collect();
    assert_eq!(lengths.len(), 1, "{lengths:?}");
}

/// What version 1 wrote is opened for ever: a new form adds a file beside this one.
#[tokio::test]
async fn vaults_of_version_1_open() {
    let golden = include_str!("../golden/vault-v1.txt");
    let parse = |line: &str| {
        let mut parts = line.splitn(3, ' ');
        let mut next = || parts.next().expect("an id, a kind and a state").to_owned();
        RawRow { id: next().parse().unwrap(), kind: next(), state: next() }
    };
    let golden: Vec<_> = golden.lines().map(parse).collect();
    let vault = vault_on(store_of(&golden).await, &[passphrase("correct horse")]);
    let all = map(&[("A", "the second"), ("B", "of production")]);
    assert_eq!(given(&vault, "shop/production").await, all);
    assert_eq!(vault.recall(&secret("shop/A"), 1).await.unwrap().expose(), "the first");
    assert_eq!(set(&vault, "shop/GONE", "again").await, 2);
    // As long as version 1 is the newest, it is also what is written.
    assert_eq!(rows(&*written().await), golden);
}

async fn written() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::default());
    let keys = RootKeys::new(vec![passphrase("correct horse")]);
    let entropy = Arc::new(Seeded::new(1));
    let vault = EmbeddedVault::new(store.clone(), Arc::new(Hands::default()), entropy, keys);
    let mut words = (1..).map(|number| Word {
        command: model::id::CommandId::new(jiff::Timestamp::UNIX_EPOCH, [number; 10]),
        ..word()
    });
    for (path, text) in [
        ("shop/A", "the first"),
        ("shop/A", "the second"),
        ("shop/production/B", "of production"),
        ("shop/GONE", "removed"),
    ] {
        vault.set(&secret(path), &value(text), &words.next().unwrap()).await.unwrap();
    }
    vault.remove(&secret("shop/GONE"), &words.next().unwrap()).await.unwrap();
    given(&vault, "shop").await;
    store
}

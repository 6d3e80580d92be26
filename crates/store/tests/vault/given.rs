//! Vaults on fresh stores, and the least that can be asked of them.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use model::id::{AnyId, CommandId, JobId};
use model::vault::VaultPath;
use ports::BoxFuture;
use ports::clock::Clock;
use ports::entropy::{Entropy, SystemEntropy};
use ports::memory::MemoryStore;
use ports::store::{Change, Commit, Hold, Status, Store};
use ports::vault::{SecretPath, Value, Vault, VaultError, Wanted, Word};
use store::postgres::PostgresStore;
use store::postgres::local::Cluster;
use store::sqlite::{Mode, SqliteStore};
use store::vault::{Cost, EmbeddedVault, RootKey, RootKeys};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// A vault, with what must outlive it.
pub(crate) struct Fresh {
    vault: EmbeddedVault,
    _folder: Option<TempDir>,
}

impl Deref for Fresh {
    type Target = EmbeddedVault;

    fn deref(&self) -> &EmbeddedVault {
        &self.vault
    }
}

pub(crate) fn in_memory() -> Fresh {
    let store = Arc::new(MemoryStore::default());
    Fresh { vault: vault_on(store, &[key(1)]), _folder: None }
}

pub(crate) fn in_sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("highroad.db"), Mode::Server).unwrap();
    Fresh { vault: vault_on(Arc::new(store), &[key(1)]), _folder: Some(folder) }
}

pub(crate) async fn in_postgres() -> Fresh {
    Fresh { vault: vault_on(postgres(&database().await).await, &[key(1)]), _folder: None }
}

pub(crate) async fn database() -> String {
    Cluster::shared().database().await.unwrap()
}

pub(crate) async fn postgres(url: &str) -> Arc<dyn Store> {
    Arc::new(PostgresStore::open(url).await.unwrap())
}

pub(crate) fn vault_on(store: Arc<dyn Store>, keys: &[RootKey]) -> EmbeddedVault {
    vault_at(store, Arc::new(Hands::default()), keys)
}

pub(crate) fn vault_at(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    keys: &[RootKey],
) -> EmbeddedVault {
    EmbeddedVault::new(store, clock, Arc::new(SystemEntropy), RootKeys::new(keys.to_vec()))
}

/// A root key that is always the same.
pub(crate) fn key(number: u8) -> RootKey {
    let bytes = model::vault::Bytes(vec![number; 32]);
    RootKey::from_text(&bytes.to_string()).unwrap()
}

/// Cheap to stretch.
pub(crate) fn passphrase(text: &str) -> RootKey {
    let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    RootKey::passphrase(Zeroizing::new(text.to_owned()), cost).unwrap()
}

/// A clock that is set by hand.
#[derive(Debug)]
pub(crate) struct Hands(Mutex<Timestamp>);

impl Default for Hands {
    fn default() -> Self {
        Self(Mutex::new(Timestamp::from_second(1_800_000_000).unwrap()))
    }
}

impl Hands {
    pub(crate) fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// `service/NAME` or `service/environment/NAME`.
pub(crate) fn secret(text: &str) -> SecretPath {
    let (vault, name) = text.rsplit_once('/').unwrap();
    SecretPath { vault: vault.parse().unwrap(), name: name.parse().unwrap() }
}

pub(crate) fn word() -> Word {
    let entropy: &dyn Entropy = &SystemEntropy;
    let command = entropy.id(CommandId::new, Timestamp::UNIX_EPOCH);
    Word { by: "person:ada".parse().unwrap(), command }
}

pub(crate) fn job(number: u8) -> AnyId {
    JobId::new(Timestamp::UNIX_EPOCH, [number; 10]).into()
}

pub(crate) async fn try_set(vault: &dyn Vault, path: &str, text: &str) -> Result<u32, VaultError> {
    vault.set(&secret(path), &Value::new(text.to_owned()).unwrap(), &word()).await
}

pub(crate) async fn set(vault: &dyn Vault, path: &str, text: &str) -> u32 {
    try_set(vault, path, text).await.unwrap()
}

pub(crate) fn wanted(place: &str) -> Wanted {
    let VaultPath { service, environment } = place.parse().unwrap();
    Wanted { service, environment, names: None, by: job(1) }
}

pub(crate) async fn try_given(
    vault: &dyn Vault,
    place: &str,
) -> Result<BTreeMap<String, String>, VaultError> {
    let given = vault.resolve(&wanted(place)).await?;
    let plain = |(name, resolved): (_, ports::vault::Resolved)| {
        (String::from(name), resolved.value.expose().to_owned())
    };
    Ok(given.into_iter().map(plain).collect())
}

/// What a job in this place is given, by name.
pub(crate) async fn given(vault: &dyn Vault, place: &str) -> BTreeMap<String, String> {
    try_given(vault, place).await.unwrap()
}

pub(crate) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A row as whoever has the database sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawRow {
    pub(crate) id: AnyId,
    pub(crate) kind: String,
    pub(crate) state: String,
}

pub(crate) fn rows(store: &MemoryStore) -> Vec<RawRow> {
    let rows = store.processes().into_iter();
    rows.map(|it| RawRow { id: it.id, kind: it.kind, state: it.state }).collect()
}

/// A store with these rows and nothing else.
pub(crate) async fn store_of(rows: &[RawRow]) -> Arc<MemoryStore> {
    let store = MemoryStore::default();
    for RawRow { id, kind, state } in rows {
        let now = Timestamp::UNIX_EPOCH;
        let change = Change {
            process: *id,
            kind: kind.clone(),
            expected: None,
            state: state.clone(),
            status: Status::Active,
            wake_at: None,
            slot: None,
            intents: Vec::new(),
            settled: Vec::new(),
            hold: Hold { server: "tamperer".to_owned(), until: now },
            now,
        };
        let commit = Commit { change: Some(change), ..Commit::default() };
        store.commit(commit).await.unwrap();
    }
    Arc::new(store)
}

/// Everything an error says, with its reasons, in every format.
pub(crate) fn told(error: &VaultError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(reason) = source {
        text = format!("{text} {reason} {reason:?}");
        source = reason.source();
    }
    text
}

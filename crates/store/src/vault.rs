//! The embedded vault: secrets sealed in the rows of any store.
//!
//! Every vault is a row with the vault's key, sealed under the root key, and an index of names and
//! times with the data keys, sealed under the vault's key. Each value is a row of its own, written
//! before the index names it and never changed, so that keys are replaced without touching values.
//! Everything sealed is bound to its place: moved to another one, it does not open.
//!
//! Who can write the database can still delete what is there, or put back a whole earlier state.

mod change;
mod key;
mod opened;
mod resolve;
mod root;
mod rotation;
mod rows;

use std::fmt;
use std::sync::Arc;

use model::id::AnyId;
use model::name::ServiceName;
use model::persisted::Persisted;
use model::vault::{KeyId, Register, VaultPath};
use ports::clock::Clock;
use ports::entropy::Entropy;
use ports::store::Store;
use ports::vault::{Answer, Listed, Resolved, SecretPath, Value, Vault, VaultError, Wanted, Word};
use tokio::sync::Mutex;

pub use root::{Cost, RootKey, RootKeyError, RootKeys};
pub use rotation::Replaced;

/// Secrets in a store, opened by root keys that are not in it.
///
/// Passphrases are stretched on a blocking thread of tokio's.
pub struct EmbeddedVault {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    keys: RootKeys,
    /// Changes made here wait for each other; those of other servers are raced against.
    changing: Mutex<()>,
}

impl EmbeddedVault {
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        keys: RootKeys,
    ) -> Self {
        Self { store, clock, entropy, keys, changing: Mutex::new(()) }
    }

    /// The root key that the secrets of a store are sealed under, if there have ever been any.
    pub async fn sealed_under(store: &dyn Store) -> Result<Option<KeyId>, VaultError> {
        let Some(stored) = store.load(AnyId::from(Register::id())).await? else { return Ok(None) };
        let register = Register::load(&stored.state)
            .map_err(|source| VaultError::Unreadable { what: rows::REGISTER.to_owned(), source })?;
        Ok(Some(register.root.id))
    }

    /// The vaults that there are: of one service, or all.
    pub async fn vaults(
        &self,
        service: Option<&ServiceName>,
    ) -> Result<Vec<VaultPath>, VaultError> {
        let register = self.register().await?;
        let vaults = register.into_iter().flat_map(|(_, register)| register.vaults);
        Ok(vaults.filter(|path| service.is_none_or(|it| *it == path.service)).collect())
    }
}

impl Vault for EmbeddedVault {
    fn set<'a>(
        &'a self,
        secret: &'a SecretPath,
        value: &'a Value,
        word: &'a Word,
    ) -> Answer<'a, u32> {
        Box::pin(self.put(secret, value, word, false))
    }

    fn rotate<'a>(
        &'a self,
        secret: &'a SecretPath,
        value: &'a Value,
        word: &'a Word,
    ) -> Answer<'a, u32> {
        Box::pin(self.put(secret, value, word, true))
    }

    fn remove<'a>(&'a self, secret: &'a SecretPath, word: &'a Word) -> Answer<'a, ()> {
        Box::pin(self.take_out(secret, word))
    }

    fn list<'a>(&'a self, service: Option<&'a ServiceName>) -> Answer<'a, Vec<Listed>> {
        Box::pin(self.listed(service))
    }

    fn resolve<'a>(
        &'a self,
        wanted: &'a Wanted,
    ) -> Answer<'a, std::collections::BTreeMap<model::vault::SecretName, Resolved>> {
        Box::pin(self.given_out(wanted))
    }

    fn recall<'a>(&'a self, secret: &'a SecretPath, version: u32) -> Answer<'a, Value> {
        Box::pin(self.recalled(secret, version))
    }
}

impl fmt::Debug for EmbeddedVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedVault").field("keys", &self.keys).finish_non_exhaustive()
    }
}

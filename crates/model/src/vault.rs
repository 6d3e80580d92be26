//! Vaults at rest: names, times, and sealed bytes that nothing at rest beside them can open.
//!
//! A value is sealed by a key of its own, the data key of one version; data keys are sealed by the
//! key of their vault, and vault keys by the root key, which is kept elsewhere.

mod bytes;
mod name;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::fact::Actor;
use crate::id::{AnyId, VaultId};
use crate::name::{EnvironmentName, NameError, Place, Scope, ServiceName};
use crate::persisted::versions;

pub use bytes::{Bytes, KeyId};
pub use name::{MAX_SECRET_NAME, SecretName, SecretNameError};

/// Which root key the vaults are sealed under, and which vaults there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    pub root: Root,
    /// The root key that is taking over: vaults are being sealed under it too.
    pub next: Option<Root>,
    /// The root key that was replaced: vaults are being freed of it.
    pub former: Option<Root>,
    /// A vault is named here before it is made.
    pub vaults: BTreeSet<VaultPath>,
}

versions! {
    /// Every released form of the register at rest.
    StoredRegister for Register { V1(Register) }
}

impl Register {
    /// The one register of a store.
    pub fn id() -> VaultId {
        id_of(&["register"])
    }

    /// The root key of this name, if it is one of those in use.
    pub fn root_called(&self, id: KeyId) -> Option<&Root> {
        [Some(&self.root), self.next.as_ref(), self.former.as_ref()]
            .into_iter()
            .flatten()
            .find(|root| root.id == id)
    }

    /// The root keys that a vault is to be sealed under: two while one takes over.
    pub fn current(&self) -> impl Iterator<Item = &Root> {
        [Some(&self.root), self.next.as_ref()].into_iter().flatten()
    }
}

/// A root key as it is known by, and how it is made if it is made from a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    pub id: KeyId,
    pub stretched: Option<Stretched>,
}

/// How Argon2id makes a key from a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretched {
    pub salt: Bytes,
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

/// The secrets of one service, or of one of its environments.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vault {
    pub path: VaultPath,
    /// The vault's own key.
    pub key: KeyId,
    /// The vault's key, sealed once under each root key.
    pub wrapped: Vec<Wrapped>,
    /// An [`Index`]. It stays the text that was sealed, so that the seal can be verified by a later
    /// version too.
    pub index: Box<RawValue>,
    /// The seal of the index under the vault's key.
    pub seal: Bytes,
}

versions! {
    /// Every released form of a vault at rest.
    StoredVault for Vault { V1(Vault) }
}

/// A key sealed under another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrapped {
    pub by: KeyId,
    pub sealed: Bytes,
}

/// What is in a vault: everything but the values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Index {
    pub secrets: BTreeMap<SecretName, Secret>,
    /// The last version of secrets that were removed: a version's number is never used twice.
    pub removed: BTreeMap<SecretName, u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// The newest last; there is always one.
    pub versions: Vec<Version>,
    pub last_use: Option<Use>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub number: u32,
    /// Where its sealed value is.
    pub value: VaultId,
    /// Its data key, sealed under the vault's key.
    pub wrapped: Bytes,
    pub at: Timestamp,
    pub by: Actor,
}

/// When a value was given out, and to what: a job, an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    pub at: Timestamp,
    pub by: AnyId,
}

/// The value of one version, sealed once under its data key and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedValue {
    /// Nothing once the version is forgotten.
    pub sealed: Option<Bytes>,
}

versions! {
    /// Every released form of a sealed value at rest.
    StoredValue for SealedValue { V1(SealedValue) }
}

/// Whose secrets: `shop`, or `shop/production`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VaultPath {
    pub service: ServiceName,
    /// Without one, the secrets are for every environment of the service.
    pub environment: Option<EnvironmentName>,
}

impl VaultPath {
    /// The same path always has the same id.
    pub fn id(&self) -> VaultId {
        id_of(&["vault", &self.to_string()])
    }

    pub fn scope(&self) -> Scope {
        let service = self.service.clone();
        match self.environment.clone() {
            None => Scope::Service(service),
            Some(environment) => Scope::Place(Place { service, environment }),
        }
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scope().fmt(f)
    }
}

impl FromStr for VaultPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            None => Ok(Self { service: text.parse()?, environment: None }),
            Some((service, environment)) => {
                Ok(Self { service: service.parse()?, environment: Some(environment.parse()?) })
            }
        }
    }
}

impl TryFrom<String> for VaultPath {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<VaultPath> for String {
    fn from(path: VaultPath) -> Self {
        path.to_string()
    }
}

/// An id that follows from what it names, so that it is found without being looked for.
fn id_of(parts: &[&str]) -> VaultId {
    let mut sha = Sha256::new();
    for part in ["highroad vault 1"].iter().chain(parts) {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    let digest: [u8; 32] = sha.finalize().into();
    let random = digest[..10].try_into().expect("ten bytes of a digest");
    VaultId::new(Timestamp::UNIX_EPOCH, random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_its_text_and_has_one_id() {
        let mut ids = BTreeSet::from([Register::id()]);
        for text in ["shop", "shop/production", "shop/staging", "shop-production", "till"] {
            let path: VaultPath = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
            assert_eq!(path.id(), text.parse::<VaultPath>().unwrap().id());
            ids.insert(path.id());
        }
        assert_eq!(ids.len(), 6);
        // What is at rest is found by these for ever.
        assert_eq!(Register::id().to_string(), "vlt_0000000000ez9a27pyzy955sem");
        let path: VaultPath = "shop/production".parse().unwrap();
        assert_eq!(path.id().to_string(), "vlt_0000000000fasvenbwq4wmx460");
        for text in ["", "/production", "shop/", "shop/a/b", "Shop"] {
            assert!(text.parse::<VaultPath>().is_err(), "{text}");
        }
    }
}

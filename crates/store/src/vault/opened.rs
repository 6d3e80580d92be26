//! An opened vault: its key at hand, its index verified. Nothing here touches the store.

use model::id::VaultId;
use model::vault::{Bytes, Index, KeyId, Root, Vault, VaultPath, Version, Wrapped};
use ports::entropy::Entropy;
use ports::vault::{SecretPath, Value, VaultError};
use serde_json::value::RawValue;

use super::key::{Context, Key};

/// A vault and the version of its row that it was read from; none before it is first written.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) path: VaultPath,
    pub(super) row: Option<u64>,
    pub(super) index: Index,
    pub(super) wrapped: Vec<Wrapped>,
    key: Key,
}

impl Opened {
    /// An empty vault with a key of its own.
    pub(super) fn new(path: VaultPath, roots: &[(Root, Key)], entropy: &dyn Entropy) -> Self {
        let key = Key::draw(entropy);
        let wrapped = wrap(&path, &key, roots, entropy);
        Self { path, row: None, index: Index::default(), wrapped, key }
    }

    /// Opens what was stored, by a root key that it is sealed under.
    pub(super) fn open(
        path: &VaultPath,
        row: u64,
        vault: &Vault,
        root: &Key,
    ) -> Result<Self, VaultError> {
        let tampered = || VaultError::Tampered { what: format!("the vault of {path}") };
        let wrapped = vault.wrapped.iter().find(|wrapped| wrapped.by == root.id());
        let sealed = &wrapped.ok_or_else(tampered)?.sealed;
        let key = root.open_key(&vault_key(path, root.id(), vault.key), sealed);
        let key = key.filter(|key| key.id() == vault.key).ok_or_else(tampered)?;
        let text = vault.index.get();
        if vault.path != *path || key.open(&index(path, vault.key, text), &vault.seal).is_none() {
            return Err(tampered());
        }
        let wrapped = vault.wrapped.clone();
        Ok(Self { path: path.clone(), row: Some(row), index: read(path, text)?, wrapped, key })
    }

    /// As it is to be stored.
    pub(super) fn close(&self, entropy: &dyn Entropy) -> Vault {
        let text = serde_json::to_string(&self.index).expect("an index has text keys");
        let id = self.key.id();
        Vault {
            path: self.path.clone(),
            key: id,
            wrapped: self.wrapped.clone(),
            seal: self.key.seal(entropy, &index(&self.path, id, &text), &[]),
            index: RawValue::from_string(text).expect("it was just written as JSON"),
        }
    }

    pub(super) fn key_id(&self) -> KeyId {
        self.key.id()
    }

    /// Seals the vault under these root keys and no others.
    pub(super) fn wrap_under(&mut self, roots: &[(Root, Key)], entropy: &dyn Entropy) {
        self.wrapped = wrap(&self.path, &self.key, roots, entropy);
    }

    /// Gives the vault a new key. Values stay as they are: only their keys are sealed anew.
    pub(super) fn rekey(
        &mut self,
        roots: &[(Root, Key)],
        entropy: &dyn Entropy,
    ) -> Result<(), VaultError> {
        let key = Key::draw(entropy);
        let mut index = self.index.clone();
        for (name, secret) in &mut index.secrets {
            let path = SecretPath { vault: self.path.clone(), name: name.clone() };
            for version in &mut secret.versions {
                let plain = self.data_key(&path, version)?;
                let context = data_key(&path, key.id(), version.number, version.value);
                version.wrapped = key.seal(entropy, &context, plain.bytes());
            }
        }
        self.key = key;
        self.index = index;
        self.wrap_under(roots, entropy);
        Ok(())
    }

    /// A data key as the index keeps it.
    pub(super) fn seal_data_key(
        &self,
        secret: &SecretPath,
        sheet: &Sheet,
        entropy: &dyn Entropy,
    ) -> Bytes {
        let context = data_key(secret, self.key.id(), sheet.number, sheet.value);
        self.key.seal(entropy, &context, sheet.key.bytes())
    }

    /// Opens the value of a version.
    pub(super) fn value(
        &self,
        secret: &SecretPath,
        version: &Version,
        sealed: &Bytes,
    ) -> Result<Value, VaultError> {
        let tampered = || VaultError::Tampered { what: format!("secret {secret}") };
        let context = value(secret, version.number, version.value);
        let plain = self.data_key(secret, version)?.open(&context, sealed).ok_or_else(tampered)?;
        let length = plain.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let text = std::str::from_utf8(&plain[..length]).map_err(|_| tampered())?;
        Value::new(text.to_owned()).map_err(|_| tampered())
    }

    fn data_key(&self, secret: &SecretPath, version: &Version) -> Result<Key, VaultError> {
        let context = data_key(secret, self.key.id(), version.number, version.value);
        let key = self.key.open_key(&context, &version.wrapped);
        key.ok_or_else(|| VaultError::Tampered { what: format!("secret {secret}") })
    }
}

/// A value on its way into the store, with the key that it is sealed by.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) number: u32,
    pub(super) value: VaultId,
    pub(super) sealed: Bytes,
    key: Key,
}

impl Sheet {
    pub(super) fn seal(
        secret: &SecretPath,
        number: u32,
        id: VaultId,
        plain: &Value,
        entropy: &dyn Entropy,
    ) -> Self {
        let key = Key::draw(entropy);
        let sealed = key.seal(entropy, &value(secret, number, id), &padded(plain));
        Self { number, value: id, sealed, key }
    }
}

/// What the index says, verified or not.
pub(super) fn read(path: &VaultPath, text: &str) -> Result<Index, VaultError> {
    let read: Result<Index, _> = serde_json::from_str(text);
    read.map_err(|error| VaultError::Unreadable {
        what: format!("the vault of {path}"),
        source: error.into(),
    })
}

/// With NULs, which no value holds, to a length that tells little about the value.
fn padded(value: &Value) -> zeroize::Zeroizing<Vec<u8>> {
    const SHORTEST: usize = 64;
    let text = value.expose().as_bytes();
    let length = text.len().next_power_of_two().max(SHORTEST);
    let mut padded = zeroize::Zeroizing::new(vec![0; length]);
    padded[..text.len()].copy_from_slice(text);
    padded
}

fn wrap(path: &VaultPath, key: &Key, roots: &[(Root, Key)], entropy: &dyn Entropy) -> Vec<Wrapped> {
    let wrapped = roots.iter().map(|(root, root_key)| Wrapped {
        by: root.id,
        sealed: root_key.seal(entropy, &vault_key(path, root.id, key.id()), key.bytes()),
    });
    wrapped.collect()
}

fn vault_key(path: &VaultPath, root: KeyId, key: KeyId) -> Context {
    within("vault key", path).and(&root.0).and(&key.0)
}

fn index(path: &VaultPath, key: KeyId, text: &str) -> Context {
    within("index", path).and(&key.0).and(text.as_bytes())
}

fn data_key(secret: &SecretPath, key: KeyId, number: u32, value: VaultId) -> Context {
    version("data key", secret, number, value).and(&key.0)
}

fn value(secret: &SecretPath, number: u32, value: VaultId) -> Context {
    version("value", secret, number, value)
}

fn version(what: &str, secret: &SecretPath, number: u32, value: VaultId) -> Context {
    within(what, &secret.vault)
        .and(secret.name.as_str().as_bytes())
        .and(&number.to_be_bytes())
        .and(value.to_string().as_bytes())
}

fn within(what: &str, path: &VaultPath) -> Context {
    let environment = path.environment.as_ref().map_or("", |environment| environment.as_str());
    Context::new(what).and(path.service.as_str().as_bytes()).and(environment.as_bytes())
}

#[cfg(test)]
mod tests {
    use model::vault::Secret;
    use ports::entropy::SystemEntropy;

    use super::*;

    /// A vault with two versions each of two secrets, and their sealed values. The index is edited
    /// below as nobody could who has not the vault's key: what is sealed is bound to its place by
    /// itself too.
    fn filled(path: &str) -> (Opened, Vec<Bytes>) {
        let mut opened = Opened::new(path.parse().unwrap(), &[], &SystemEntropy);
        let mut sealed = Vec::new();
        for (name, number) in [("A", 1), ("A", 2), ("B", 1), ("B", 2)] {
            let secret = secret(path, name);
            let id = VaultId::new(
                jiff::Timestamp::UNIX_EPOCH,
                super::super::key::random(&SystemEntropy),
            );
            let plain = Value::new(format!("{secret} {number}")).unwrap();
            let sheet = Sheet::seal(&secret, number, id, &plain, &SystemEntropy);
            let version = Version {
                number,
                value: id,
                wrapped: opened.seal_data_key(&secret, &sheet, &SystemEntropy),
                at: jiff::Timestamp::UNIX_EPOCH,
                by: model::fact::Actor::conductor(),
            };
            let entry = opened.index.secrets.entry(secret.name);
            let entry = entry.or_insert(Secret { versions: Vec::new(), last_use: None });
            entry.versions.push(version);
            sealed.push(sheet.sealed);
        }
        (opened, sealed)
    }

    fn secret(path: &str, name: &str) -> SecretPath {
        SecretPath { vault: path.parse().unwrap(), name: name.parse().unwrap() }
    }

    fn versions(opened: &Opened) -> Vec<(SecretPath, Version)> {
        let secrets = opened.index.secrets.iter().flat_map(|(name, secret)| {
            let path = SecretPath { vault: opened.path.clone(), name: name.clone() };
            secret.versions.iter().map(move |version| (path.clone(), version.clone()))
        });
        secrets.collect()
    }

    #[test]
    fn every_value_opens_in_its_place_only() {
        let (mut opened, sealed) = filled("shop/production");
        let versions = versions(&opened);
        for ((secret, version), bytes) in versions.iter().zip(&sealed) {
            let value = opened.value(secret, version, bytes).unwrap();
            assert_eq!(value.expose(), format!("{secret} {}", version.number));
            for ((other, wrong), wrong_bytes) in versions.iter().zip(&sealed) {
                if version == wrong {
                    continue;
                }
                let fields = [
                    Version { wrapped: wrong.wrapped.clone(), ..version.clone() },
                    Version { value: wrong.value, ..version.clone() },
                    Version { number: version.number + 1, ..version.clone() },
                    Version {
                        wrapped: wrong.wrapped.clone(),
                        value: wrong.value,
                        ..version.clone()
                    },
                ];
                for version in fields {
                    assert!(opened.value(secret, &version, bytes).is_err());
                    assert!(opened.value(secret, &version, wrong_bytes).is_err());
                }
                assert!(opened.value(secret, version, wrong_bytes).is_err());
                if other != secret {
                    assert!(opened.value(other, version, bytes).is_err());
                }
            }
        }
        for path in ["shop", "shop/staging", "till/production"] {
            opened.path = path.parse().unwrap();
            for ((secret, version), bytes) in versions.iter().zip(&sealed) {
                let elsewhere = SecretPath { vault: opened.path.clone(), ..secret.clone() };
                assert!(opened.value(&elsewhere, version, bytes).is_err());
            }
        }
    }

    #[test]
    fn a_new_key_opens_the_same_values_and_the_old_one_no_more() {
        let (mut opened, sealed) = filled("shop");
        let (before, old) = (versions(&opened), opened.key.clone());
        opened.rekey(&[], &SystemEntropy).unwrap();
        assert_ne!(opened.key_id(), old.id());
        for ((secret, version), bytes) in versions(&opened).iter().zip(&sealed) {
            assert!(opened.value(secret, version, bytes).is_ok());
        }
        for ((secret, version), bytes) in before.iter().zip(&sealed) {
            assert!(opened.value(secret, version, bytes).is_err());
        }
    }

    #[test]
    fn lengths_are_told_by_powers_of_two() {
        for (length, told) in [(1, 64), (64, 64), (65, 128), (1_000, 1_024), (49_152, 65_536)] {
            let value = Value::new("x".repeat(length)).unwrap();
            assert_eq!(padded(&value).len(), told);
        }
    }
}

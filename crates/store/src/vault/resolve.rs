//! Giving values out, and showing everything but the values.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use model::id::AnyId;
use model::name::ServiceName;
use model::vault::{SealedValue, SecretName, Use, VaultPath, Version};
use ports::vault::{Listed, Resolved, SecretPath, Value, VaultError, Wanted};

use super::EmbeddedVault;
use super::change::newest;
use super::opened::Opened;
use super::rows::{Outcome, TRIES};

/// A secret that is given out often is noted once in this time.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

impl EmbeddedVault {
    pub(super) async fn given_out(
        &self,
        wanted: &Wanted,
    ) -> Result<BTreeMap<SecretName, Resolved>, VaultError> {
        let path = |environment| VaultPath { service: wanted.service.clone(), environment };
        let mut paths = vec![path(None)];
        if let Some(environment) = &wanted.environment {
            // First, because what it has goes before what the service has.
            paths.insert(0, path(Some(environment.clone())));
        }
        let mut given = BTreeMap::new();
        for path in &paths {
            let Some((opened, found)) = self.values(path, wanted, &given).await? else { continue };
            let names: BTreeSet<_> = found.keys().cloned().collect();
            self.note_use(opened, &names, wanted.by).await?;
            given.extend(found);
        }
        Ok(given)
    }

    pub(super) async fn recalled(
        &self,
        secret: &SecretPath,
        version: u32,
    ) -> Result<Value, VaultError> {
        let mut before = None;
        loop {
            let opened = self.open(&secret.vault).await?;
            let entry = opened.as_ref().and_then(|it| it.index.secrets.get(&secret.name));
            let (Some(opened), Some(entry)) = (opened.as_ref(), entry) else {
                return Err(VaultError::NoSecret(secret.clone()));
            };
            let kept = entry.versions.iter().find(|kept| kept.number == version);
            let Some(kept) = kept else {
                return Err(VaultError::NoVersion { secret: secret.clone(), version });
            };
            if let Some(value) = self.value(opened, secret, kept, before).await? {
                return Ok(value);
            }
            before = opened.row;
        }
    }

    pub(super) async fn listed(
        &self,
        service: Option<&ServiceName>,
    ) -> Result<Vec<Listed>, VaultError> {
        let mut listed = Vec::new();
        for path in self.vaults(service).await? {
            let Some(index) = self.peek(&path).await? else { continue };
            for (name, secret) in index.secrets {
                let Some(version) = newest(&secret).cloned() else { continue };
                listed.push(Listed {
                    secret: SecretPath { vault: path.clone(), name },
                    version: version.number,
                    set_at: version.at,
                    set_by: version.by,
                    last_use: secret.last_use,
                });
            }
        }
        Ok(listed)
    }

    /// What one vault has of what is wanted and not given yet.
    async fn values(
        &self,
        path: &VaultPath,
        wanted: &Wanted,
        given: &BTreeMap<SecretName, Resolved>,
    ) -> Result<Option<(Opened, BTreeMap<SecretName, Resolved>)>, VaultError> {
        let mut before = None;
        'anew: loop {
            let Some(opened) = self.open(path).await? else { return Ok(None) };
            let mut found = BTreeMap::new();
            for (name, secret) in &opened.index.secrets {
                let is_wanted = wanted.names.as_ref().is_none_or(|names| names.contains(name));
                let Some(version) = newest(secret).filter(|_| is_wanted) else { continue };
                if given.contains_key(name) {
                    continue;
                }
                let secret = SecretPath { vault: path.clone(), name: name.clone() };
                let Some(value) = self.value(&opened, &secret, version, before).await? else {
                    before = opened.row;
                    continue 'anew;
                };
                let version = version.number;
                found.insert(name.clone(), Resolved { value, version, path: path.clone() });
            }
            return Ok(Some((opened, found)));
        }
    }

    /// The value of a version that an index names; `None` when it is gone because the index has
    /// changed meanwhile, which it has not if it was the same already `before`.
    async fn value(
        &self,
        opened: &Opened,
        secret: &SecretPath,
        version: &Version,
        before: Option<u64>,
    ) -> Result<Option<Value>, VaultError> {
        let what = || format!("secret {secret}");
        let stored: Option<(_, SealedValue)> = self.load(version.value, what).await?;
        match stored.and_then(|(_, value)| value.sealed) {
            Some(sealed) => opened.value(secret, version, &sealed).map(Some),
            None if before == opened.row => Err(VaultError::Tampered { what: what() }),
            None => Ok(None),
        }
    }

    async fn note_use(
        &self,
        opened: Opened,
        names: &BTreeSet<SecretName>,
        by: AnyId,
    ) -> Result<(), VaultError> {
        if unnoted(&opened, names, self.clock.now()).is_empty() {
            return Ok(());
        }
        let _turn = self.changing.lock().await;
        let path = opened.path.clone();
        let mut opened = Some(opened);
        for _ in 0..TRIES {
            let Some(mut current) = opened else { return Ok(()) };
            let now = self.clock.now();
            let unnoted = unnoted(&current, names, now);
            if unnoted.is_empty() {
                return Ok(());
            }
            for name in unnoted {
                if let Some(secret) = current.index.secrets.get_mut(&name) {
                    secret.last_use = Some(Use { at: now, by });
                }
            }
            match self.write_vault(&current, None).await? {
                Outcome::Done | Outcome::Repeated(_) => return Ok(()),
                Outcome::Lost => opened = self.open(&path).await?,
            }
        }
        Err(VaultError::Contended { what: format!("the vault of {path}") })
    }
}

/// Those whose last use was noted too long ago, or never.
fn unnoted(opened: &Opened, names: &BTreeSet<SecretName>, now: Timestamp) -> Vec<SecretName> {
    let is_due = |name: &&SecretName| {
        let secret = opened.index.secrets.get(*name);
        secret.is_some_and(|secret| {
            let noted = secret.last_use.as_ref();
            noted.is_none_or(|noted| now.duration_since(noted.at) >= NOTED_EVERY)
        })
    };
    names.iter().filter(is_due).cloned().collect()
}

//! Changing secrets: new versions, and removal.

use model::fact::{SecretRemoved, SecretSet, What};
use model::id::VaultId;
use model::vault::{SealedValue, Secret, Version};
use ports::vault::{KEPT_VERSIONS, MAX_SECRETS, SecretPath, Value, VaultError, Word};

use super::EmbeddedVault;
use super::opened::{Opened, Sheet};
use super::rows::{Outcome, TRIES, Told};

/// How many removed secrets a vault remembers the last version of.
const REMEMBERED: usize = MAX_SECRETS;

impl EmbeddedVault {
    /// Gives a secret its next version.
    pub(super) async fn put(
        &self,
        secret: &SecretPath,
        plain: &Value,
        word: &Word,
        must_exist: bool,
    ) -> Result<u32, VaultError> {
        let _turn = self.changing.lock().await;
        if let Some(reply) = self.store.reply_to(word.command).await? {
            return Ok(version_in(&reply));
        }
        let mut laid: Option<Sheet> = None;
        for _ in 0..TRIES {
            let mut opened = self.open_or_make(&secret.vault).await?;
            let number = next_version(&opened, secret, must_exist)?;
            let sheet = match laid.take() {
                Some(sheet) if sheet.number == number => sheet,
                other => {
                    self.clear(other.map(|sheet| sheet.value)).await;
                    self.lay(secret, number, plain).await?
                }
            };
            let forgotten = self.enter(&mut opened, secret, &sheet, word);
            let what = SecretSet { name: secret.name.to_string(), version: number };
            match self.write_vault(&opened, Some(told(secret, word, what, number))).await? {
                Outcome::Done => {
                    self.clear(forgotten).await;
                    return Ok(number);
                }
                Outcome::Lost => laid = Some(sheet),
                Outcome::Repeated(reply) => {
                    self.clear([sheet.value]).await;
                    return Ok(version_in(&reply));
                }
            }
        }
        self.clear(laid.map(|sheet| sheet.value)).await;
        Err(VaultError::Contended { what: format!("the vault of {}", secret.vault) })
    }

    /// Forgets a secret.
    pub(super) async fn take_out(
        &self,
        secret: &SecretPath,
        word: &Word,
    ) -> Result<(), VaultError> {
        let _turn = self.changing.lock().await;
        if self.store.reply_to(word.command).await?.is_some() {
            return Ok(());
        }
        for _ in 0..TRIES {
            let Some(mut opened) = self.open(&secret.vault).await? else {
                return Err(VaultError::NoSecret(secret.clone()));
            };
            let Some(removed) = opened.index.secrets.remove(&secret.name) else {
                return Err(VaultError::NoSecret(secret.clone()));
            };
            let last = newest(&removed).map_or(0, |version| version.number);
            let remembered = &mut opened.index.removed;
            if remembered.len() >= REMEMBERED {
                remembered.pop_first();
            }
            remembered.insert(secret.name.clone(), last);
            let what = SecretRemoved { name: secret.name.to_string() };
            match self.write_vault(&opened, Some(told(secret, word, what, last))).await? {
                Outcome::Done => {
                    self.clear(removed.versions.into_iter().map(|version| version.value)).await;
                    return Ok(());
                }
                Outcome::Lost => {}
                Outcome::Repeated(_) => return Ok(()),
            }
        }
        Err(VaultError::Contended { what: format!("the vault of {}", secret.vault) })
    }

    /// Seals a value and writes it where no index names it yet.
    async fn lay(
        &self,
        secret: &SecretPath,
        number: u32,
        plain: &Value,
    ) -> Result<Sheet, VaultError> {
        let id = self.entropy.id(VaultId::new, self.clock.now());
        let sheet = Sheet::seal(secret, number, id, plain, &*self.entropy);
        let value = SealedValue { sealed: Some(sheet.sealed.clone()) };
        match self.write(id, None, &value, None).await? {
            Outcome::Done => Ok(sheet),
            // The id is drawn, so nobody else has it.
            Outcome::Lost | Outcome::Repeated(_) => {
                Err(VaultError::Contended { what: format!("secret {secret}") })
            }
        }
    }

    /// Names a value in the index. Versions that are too old are no longer named.
    fn enter(
        &self,
        opened: &mut Opened,
        secret: &SecretPath,
        sheet: &Sheet,
        word: &Word,
    ) -> Vec<VaultId> {
        let version = Version {
            number: sheet.number,
            value: sheet.value,
            wrapped: opened.seal_data_key(secret, sheet, &*self.entropy),
            at: self.clock.now(),
            by: word.by.clone(),
        };
        opened.index.removed.remove(&secret.name);
        let entry = opened.index.secrets.entry(secret.name.clone());
        let versions =
            &mut entry.or_insert(Secret { versions: Vec::new(), last_use: None }).versions;
        versions.push(version);
        let too_many = versions.len().saturating_sub(KEPT_VERSIONS);
        versions.drain(..too_many).map(|version| version.value).collect()
    }
}

/// The version that is in force.
pub(super) fn newest(secret: &Secret) -> Option<&Version> {
    secret.versions.last()
}

fn next_version(opened: &Opened, secret: &SecretPath, must_exist: bool) -> Result<u32, VaultError> {
    let index = &opened.index;
    let last = match index.secrets.get(&secret.name) {
        Some(there) => newest(there).map(|version| version.number),
        None if must_exist => return Err(VaultError::NoSecret(secret.clone())),
        None if index.secrets.len() >= MAX_SECRETS => {
            return Err(VaultError::Full(secret.vault.clone()));
        }
        None => index.removed.get(&secret.name).copied(),
    };
    Ok(last.unwrap_or(0).saturating_add(1))
}

fn told<'a>(secret: &SecretPath, word: &'a Word, what: impl Into<What>, version: u32) -> Told<'a> {
    let scope = secret.vault.scope();
    Told { word, scope, what: what.into(), reply: version.to_string() }
}

/// The version in the answer to an earlier command.
fn version_in(reply: &str) -> u32 {
    reply.parse().unwrap_or(0)
}

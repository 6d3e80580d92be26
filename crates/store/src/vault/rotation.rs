//! Replacing keys while secrets are in use: a vault's own key in one step, the root key in steps
//! that can be interrupted anywhere and gone on with.

use std::collections::BTreeMap;

use model::fact::VaultRekeyed;
use model::name::Scope;
use model::vault::{KeyId, Register, Root, VaultPath};
use ports::vault::{KeyTrouble, VaultError, Word};

use super::EmbeddedVault;
use super::key::Key;
use super::opened::Opened;
use super::root::{RootKey, RootKeys};
use super::rows::{Outcome, REGISTER, TRIES, Told};

/// What came of replacing the root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    pub key: KeyId,
    pub vaults: usize,
    pub secrets: usize,
}

impl EmbeddedVault {
    /// Gives a vault a new key. Answers with the number of secrets that are sealed under it.
    pub async fn rekey(&self, path: &VaultPath, word: &Word) -> Result<usize, VaultError> {
        let _turn = self.changing.lock().await;
        if let Some(reply) = self.store.reply_to(word.command).await? {
            return Ok(count_in(&reply));
        }
        for _ in 0..TRIES {
            let Some(mut opened) = self.open(path).await? else { return Ok(0) };
            // Read after the vault: should the root key begin to be replaced behind this, either
            // that comes to the vault later, or this comes too late.
            let Some((_, register)) = self.register().await? else {
                return Err(VaultError::Tampered { what: REGISTER.to_owned() });
            };
            opened.rekey(&self.current(&register).await?, &*self.entropy)?;
            let secrets = opened.index.secrets.len();
            let what = VaultRekeyed { key: format!("vault key {}", opened.key_id()), secrets };
            let reply = secrets.to_string();
            let told = Told { word, scope: path.scope(), what: what.into(), reply };
            match self.write_vault(&opened, Some(told)).await? {
                Outcome::Done => return Ok(secrets),
                Outcome::Lost => {}
                Outcome::Repeated(reply) => return Ok(count_in(&reply)),
            }
        }
        Err(VaultError::Contended { what: format!("the vault of {path}") })
    }

    /// Seals every vault under a new root key, and then under that one only.
    ///
    /// Who has the old key reads until the last step comes to a vault; who has both always reads.
    /// When this was interrupted, calling it again with the same keys goes on where it was.
    pub async fn replace_root(&self, by: &RootKey, word: &Word) -> Result<Replaced, VaultError> {
        let _turn = self.changing.lock().await;
        let by = RootKeys::new(vec![by.clone()]);
        let (mut taken, mut freed) = (Sealed::new(), Sealed::new());
        for _ in 0..TRIES {
            let Some((row, register)) = self.register().await? else {
                return Err(VaultError::Key(KeyTrouble::NothingSealed));
            };
            let in_force = by.find(register.root.id, Some(&register.root)).await?;
            let replaced = match (&register.next, in_force) {
                (None, Some(key)) => self.free(row, register, key, &mut freed).await?,
                (None, None) => self.begin(row, register, &by).await?,
                (Some(_), _) => self.take_over(row, register, &by, word, &mut taken).await?,
            };
            if let Some(replaced) = replaced {
                return Ok(replaced);
            }
        }
        Err(VaultError::Contended { what: REGISTER.to_owned() })
    }

    /// Says that a root key is taking over. From now on, new vaults are sealed under it too.
    async fn begin(
        &self,
        row: u64,
        mut register: Register,
        by: &RootKeys,
    ) -> Result<Option<Replaced>, VaultError> {
        // Nothing is begun that could not be finished.
        self.current(&register).await?;
        register.next = Some(by.introduce(&*self.entropy).await?);
        self.is_written(Some(row), &register, None).await?;
        Ok(None)
    }

    /// Seals every vault under the new root key too, and then says that it is the root key.
    async fn take_over(
        &self,
        row: u64,
        mut register: Register,
        by: &RootKeys,
        word: &Word,
        taken: &mut Sealed,
    ) -> Result<Option<Replaced>, VaultError> {
        let Some(next) = register.next.take() else { return Ok(None) };
        let Some(new) = by.find(next.id, Some(&next)).await? else {
            let by = next.id.to_string();
            return Err(VaultError::Key(KeyTrouble::BeingReplaced { by }));
        };
        let mut roots = self.current(&register).await?;
        roots.push((next.clone(), new));
        let secrets = self.seal_all(&register, &roots, taken).await?;
        let what = VaultRekeyed { key: format!("root key {}", next.id), secrets };
        register.former = Some(std::mem::replace(&mut register.root, next));
        let reply = secrets.to_string();
        let told = Told { word, scope: Scope::Everything, what: what.into(), reply };
        // A vault that was registered meanwhile makes this fail, and is met in the next round.
        self.is_written(Some(row), &register, Some(told)).await?;
        Ok(None)
    }

    /// Frees every vault of the root key that was replaced.
    async fn free(
        &self,
        row: u64,
        mut register: Register,
        key: Key,
        freed: &mut Sealed,
    ) -> Result<Option<Replaced>, VaultError> {
        let roots = [(register.root.clone(), key)];
        let secrets = self.seal_all(&register, &roots, freed).await?;
        if register.former.take().is_some() && !self.is_written(Some(row), &register, None).await? {
            return Ok(None);
        }
        let vaults = register.vaults.len();
        Ok(Some(Replaced { key: register.root.id, vaults, secrets }))
    }

    /// Seals every vault that was not yet, and counts the secrets of all.
    async fn seal_all(
        &self,
        register: &Register,
        roots: &[(Root, Key)],
        sealed: &mut Sealed,
    ) -> Result<usize, VaultError> {
        for path in &register.vaults {
            if !sealed.contains_key(path) {
                sealed.insert(path.clone(), self.seal_under(path, roots).await?);
            }
        }
        Ok(sealed.values().sum())
    }

    /// Sees to it that a vault is sealed under these root keys and no others.
    async fn seal_under(
        &self,
        path: &VaultPath,
        roots: &[(Root, Key)],
    ) -> Result<usize, VaultError> {
        for _ in 0..TRIES {
            let mut opened = match self.open_with(path, roots).await? {
                Some(opened) => opened,
                // Somebody may be about to make it under the root key of before. Being there
                // already, it makes them come too late and look again.
                None => Opened::new(path.clone(), roots, &*self.entropy),
            };
            let secrets = opened.index.secrets.len();
            let sealed_under = opened.wrapped.iter().map(|wrapped| wrapped.by);
            let is_so = sealed_under.eq(roots.iter().map(|(root, _)| root.id));
            if is_so && opened.row.is_some() {
                return Ok(secrets);
            }
            opened.wrap_under(roots, &*self.entropy);
            if let Outcome::Done = self.write_vault(&opened, None).await? {
                return Ok(secrets);
            }
        }
        Err(VaultError::Contended { what: format!("the vault of {path}") })
    }
}

/// The vaults that are sealed as they are to be, with the number of their secrets. They stay so:
/// whoever changes one goes by the register, which says the same.
type Sealed = BTreeMap<VaultPath, usize>;

/// The count in the answer to an earlier command.
fn count_in(reply: &str) -> usize {
    reply.parse().unwrap_or(0)
}

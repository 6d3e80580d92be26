//! The rows that the vault keeps in the store, and what is said of them in the journal.

use model::fact::{Cause, Fact, What};
use model::id::{AnyId, VaultId};
use model::journal::Sealed;
use model::name::Scope;
use model::persisted::Persisted;
use model::vault::{Index, Register, Root, SealedValue, Vault, VaultPath};
use ports::store::{Change, Commit, CommitError, Hold, Status};
use ports::vault::{KeyTrouble, VaultError, Word};

use super::EmbeddedVault;
use super::key::Key;
use super::opened::{Opened, read};

/// What the register is called where it is spoken of.
pub(super) const REGISTER: &str = "the register of the vaults";

/// How often a change is tried again after others were quicker.
pub(super) const TRIES: usize = 100;

/// What is kept in a row of its own.
pub(super) trait Row: Persisted {
    /// The kind of the process that the store takes it for. It is never due: it has no time to be
    /// woken at, and wants nothing.
    const KIND: &'static str;
}

impl Row for Register {
    const KIND: &'static str = "vault-register";
}

impl Row for Vault {
    const KIND: &'static str = "vault";
}

impl Row for SealedValue {
    const KIND: &'static str = "vault-value";
}

/// What became of a commit.
#[derive(Debug)]
pub(super) enum Outcome {
    Done,
    /// Somebody else was quicker.
    Lost,
    /// The command was taken before, and answered with this.
    Repeated(String),
}

/// A change as the journal tells it, and the answer to the command that asked for it.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) word: &'a Word,
    pub(super) scope: Scope,
    pub(super) what: What,
    pub(super) reply: String,
}

impl EmbeddedVault {
    pub(super) async fn load<T: Row>(
        &self,
        id: VaultId,
        what: impl Fn() -> String,
    ) -> Result<Option<(u64, T)>, VaultError> {
        let Some(stored) = self.store.load(AnyId::from(id)).await? else { return Ok(None) };
        if stored.kind != T::KIND {
            return Err(VaultError::Tampered { what: what() });
        }
        let state = T::load(&stored.state)
            .map_err(|source| VaultError::Unreadable { what: what(), source })?;
        Ok(Some((stored.version, state)))
    }

    /// Writes a row, if it still has the version that it was read with.
    pub(super) async fn write<T: Row>(
        &self,
        id: VaultId,
        expected: Option<u64>,
        state: &T,
        told: Option<Told<'_>>,
    ) -> Result<Outcome, VaultError> {
        let now = self.clock.now();
        let change = Change {
            process: id.into(),
            kind: T::KIND.to_owned(),
            expected,
            state: state.save(),
            status: Status::Active,
            wake_at: None,
            slot: None,
            intents: Vec::new(),
            settled: Vec::new(),
            hold: Hold { server: "vault".to_owned(), until: now },
            now,
        };
        let mut commit = Commit { change: Some(change), ..Commit::default() };
        if let Some(Told { word, scope, what, reply }) = told {
            let fact = Fact {
                at: now,
                actor: word.by.clone(),
                cause: Cause::Command(word.command),
                subject: id.into(),
                scope,
                what,
            };
            commit.facts.push(Sealed::from(&fact));
            commit.command = Some((word.command, reply));
        }
        match self.store.commit(commit).await {
            Ok(_) => Ok(Outcome::Done),
            // No slot is ever asked for.
            Err(CommitError::Conflict | CommitError::SlotTaken { .. }) => Ok(Outcome::Lost),
            Err(CommitError::Repeated { reply }) => Ok(Outcome::Repeated(reply)),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }

    pub(super) async fn register(&self) -> Result<Option<(u64, Register)>, VaultError> {
        self.load(Register::id(), || REGISTER.to_owned()).await
    }

    pub(super) async fn vault(&self, path: &VaultPath) -> Result<Option<(u64, Vault)>, VaultError> {
        self.load(path.id(), || format!("the vault of {path}")).await
    }

    /// Opens a vault, if there is one.
    pub(super) async fn open(&self, path: &VaultPath) -> Result<Option<Opened>, VaultError> {
        self.open_with(path, &[]).await
    }

    /// Opens a vault by one of these root keys, or by one of those that were given.
    pub(super) async fn open_with(
        &self,
        path: &VaultPath,
        roots: &[(Root, Key)],
    ) -> Result<Option<Opened>, VaultError> {
        let mut before = None;
        loop {
            let Some((row, vault)) = self.vault(path).await? else { return Ok(None) };
            // After the vault: what it was sealed under a moment ago is then still registered, or
            // the vault has changed since.
            let register = self.register().await?.map(|(_, register)| register);
            for wrapped in &vault.wrapped {
                let root = register.as_ref().and_then(|it| it.root_called(wrapped.by));
                let at_hand = roots.iter().find(|(root, _)| root.id == wrapped.by);
                let key = match at_hand {
                    Some((_, key)) => Some(key.clone()),
                    None => self.keys.find(wrapped.by, root).await?,
                };
                if let Some(key) = key {
                    return Opened::open(path, row, &vault, &key).map(Some);
                }
            }
            if before == Some(row) {
                let by = vault.wrapped.last().map(|wrapped| wrapped.by);
                return Err(by.map_or_else(
                    || VaultError::Tampered { what: format!("the vault of {path}") },
                    |by| self.keys.trouble(by),
                ));
            }
            before = Some(row);
        }
    }

    /// Opens a vault to change it, or makes one. It is written with the change.
    pub(super) async fn open_or_make(&self, path: &VaultPath) -> Result<Opened, VaultError> {
        for _ in 0..TRIES {
            let opened = self.open(path).await?;
            let (row, mut register) = match self.register().await? {
                Some((row, register)) => (Some(row), register),
                None if opened.is_some() => {
                    return Err(VaultError::Tampered { what: REGISTER.to_owned() });
                }
                None => {
                    let root = self.keys.introduce(&*self.entropy).await?;
                    (None, Register { root, next: None, former: None, vaults: [].into() })
                }
            };
            // What is there is changed under the root key that opened it.
            let opened = if let Some(opened) = opened {
                opened
            } else {
                let roots = self.current(&register).await?;
                Opened::new(path.clone(), &roots, &*self.entropy)
            };
            if register.vaults.insert(path.clone())
                && !self.is_written(row, &register, None).await?
            {
                continue;
            }
            return Ok(opened);
        }
        Err(VaultError::Contended { what: REGISTER.to_owned() })
    }

    /// The root keys that a vault is to be sealed under, all of them at hand.
    pub(super) async fn current(
        &self,
        register: &Register,
    ) -> Result<Vec<(Root, Key)>, VaultError> {
        let mut roots = Vec::new();
        for root in register.current() {
            match self.keys.find(root.id, Some(root)).await? {
                Some(key) => roots.push((root.clone(), key)),
                None if register.next.as_ref() == Some(root) => {
                    let by = root.id.to_string();
                    return Err(VaultError::Key(KeyTrouble::BeingReplaced { by }));
                }
                None => return Err(self.keys.trouble(root.id)),
            }
        }
        Ok(roots)
    }

    /// Writes the register; false when somebody else was quicker.
    pub(super) async fn is_written(
        &self,
        row: Option<u64>,
        register: &Register,
        told: Option<Told<'_>>,
    ) -> Result<bool, VaultError> {
        let outcome = self.write(Register::id(), row, register, told).await?;
        Ok(matches!(outcome, Outcome::Done))
    }

    /// Writes an opened vault.
    pub(super) async fn write_vault(
        &self,
        opened: &Opened,
        told: Option<Told<'_>>,
    ) -> Result<Outcome, VaultError> {
        let vault = opened.close(&*self.entropy);
        self.write(opened.path.id(), opened.row, &vault, told).await
    }

    /// Leaves nothing of values that no index names any more. Without their keys they are noise, so
    /// it is no failure when they stay.
    pub(super) async fn clear(&self, values: impl IntoIterator<Item = VaultId>) {
        for id in values {
            let cleared = async {
                let found = self.load::<SealedValue>(id, || "a value".to_owned()).await?;
                let Some((row, _)) = found else { return Ok(()) };
                self.write(id, Some(row), &SealedValue { sealed: None }, None).await.map(|_| ())
            };
            if let Err(error) = cleared.await {
                tracing::debug!(%error, %id, "a value that nobody can open stays at rest");
            }
        }
    }

    /// What an index says to whoever has no key: it is verified only if one is at hand.
    pub(super) async fn peek(&self, path: &VaultPath) -> Result<Option<Index>, VaultError> {
        match self.open(path).await {
            Ok(opened) => Ok(opened.map(|opened| opened.index)),
            Err(VaultError::Key(_)) => match self.vault(path).await? {
                Some((_, vault)) => read(path, vault.index.get()).map(Some),
                None => Ok(None),
            },
            Err(error) => Err(error),
        }
    }
}

//! The port to secrets: values that jobs and workloads are given and that people never read back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};

use jiff::Timestamp;
use model::fact::Actor;
use model::id::{AnyId, CommandId};
use model::name::{EnvironmentName, ServiceName};
use model::persisted::LoadError;
use model::vault::{SecretName, Use, VaultPath};
use zeroize::Zeroizing;

use crate::BoxFuture;
use crate::store::StoreError;

/// Keeps secrets, by service and environment. What was acknowledged is kept, and a change that
/// lost a race against another is tried again.
///
/// A command that is said again changes nothing and gets its first answer.
pub trait Vault: Send + Sync + Debug {
    /// Gives a secret its value: the first, or its next version. Answers with the version.
    fn set<'a>(
        &'a self,
        secret: &'a SecretPath,
        value: &'a Value,
        word: &'a Word,
    ) -> Answer<'a, u32>;

    /// Gives a secret that there is its next version.
    fn rotate<'a>(
        &'a self,
        secret: &'a SecretPath,
        value: &'a Value,
        word: &'a Word,
    ) -> Answer<'a, u32>;

    /// Forgets a secret with all its versions.
    fn remove<'a>(&'a self, secret: &'a SecretPath, word: &'a Word) -> Answer<'a, ()>;

    /// What there is, in the order of paths and names: of one service, or of all.
    fn list<'a>(&'a self, service: Option<&'a ServiceName>) -> Answer<'a, Vec<Listed>>;

    /// The values for a job or an instance, and a note of who was given them. What the environment
    /// has goes before what the service has under the same name; names that nobody has are left out.
    fn resolve<'a>(&'a self, wanted: &'a Wanted) -> Answer<'a, BTreeMap<SecretName, Resolved>>;

    /// One of the last [`KEPT_VERSIONS`], so that what a job was given can still be kept out of its
    /// log.
    fn recall<'a>(&'a self, secret: &'a SecretPath, version: u32) -> Answer<'a, Value>;
}

/// What the methods of [`Vault`] return.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, VaultError>>;

/// The most bytes in one value.
pub const MAX_VALUE: usize = 48 << 10;
/// The most secrets in one vault.
pub const MAX_SECRETS: usize = 1_000;
/// How many versions of a secret are kept.
pub const KEPT_VERSIONS: usize = 3;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretPath {
    pub vault: VaultPath,
    pub name: SecretName,
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.vault)
    }
}

/// Whose word a change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub by: Actor,
    pub command: CommandId,
}

/// A secret as everybody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub secret: SecretPath,
    pub version: u32,
    pub set_at: Timestamp,
    pub set_by: Actor,
    /// To the minute.
    pub last_use: Option<Use>,
}

/// What somebody is to be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub service: ServiceName,
    pub environment: Option<EnvironmentName>,
    /// Only these; without, everything.
    pub names: Option<BTreeSet<SecretName>>,
    /// The job or instance that is given them.
    pub by: AnyId,
}

#[derive(Debug, Clone)]
pub struct Resolved {
    pub value: Value,
    pub version: u32,
    /// Whose it is: the service's or the environment's.
    pub path: VaultPath,
}

/// The value of a secret. It is wiped when it is dropped, and shown by no format.
#[derive(Clone)]
pub struct Value(Zeroizing<String>);

impl Value {
    pub fn new(text: impl Into<Zeroizing<String>>) -> Result<Self, ValueError> {
        let text = text.into();
        match text.len() {
            0 => Err(ValueError::Empty),
            _ if text.len() > MAX_VALUE => Err(ValueError::TooLarge),
            _ if text.contains('\0') => Err(ValueError::Nul),
            _ => Ok(Self(text)),
        }
    }

    /// Takes bytes from a file or a pipe.
    pub fn from_bytes(bytes: &Zeroizing<Vec<u8>>) -> Result<Self, ValueError> {
        if bytes.len() > MAX_VALUE {
            return Err(ValueError::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ValueError::NotText)?;
        Self::new(Zeroizing::new(text.to_owned()))
    }

    /// The value itself, for whoever needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why something cannot be the value of a secret. Nothing of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("the value is empty")]
    Empty,
    #[error("the value has more than {} KiB", MAX_VALUE >> 10)]
    TooLarge,
    #[error("the value holds a NUL character, which no variable can hold")]
    Nul,
    #[error("the value is not UTF-8 text")]
    NotText,
}

/// Why the vault did not do as it was told.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("there is no secret {0}")]
    NoSecret(SecretPath),
    #[error("there is no version {version} of {secret}: the last {KEPT_VERSIONS} are kept")]
    NoVersion { secret: SecretPath, version: u32 },
    #[error("{0} has {MAX_SECRETS} secrets already")]
    Full(VaultPath),
    #[error("{0}")]
    Key(KeyTrouble),
    /// Somebody was at the database.
    #[error("{what} cannot be opened: it was changed or moved in the database")]
    Tampered { what: String },
    #[error("{what} cannot be read")]
    Unreadable { what: String, source: LoadError },
    #[error("{what} was changed by others again and again meanwhile")]
    Contended { what: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with the root key. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyTrouble {
    #[error("there are no secrets yet, and so no root key to replace")]
    NothingSealed,
    #[error("no root key was given to seal the first secret under")]
    NoneYet,
    #[error("the secrets are sealed under root key {sealed_under}, and no root key was given")]
    Missing { sealed_under: String },
    #[error("the secrets are sealed under root key {sealed_under}, but {given} was given")]
    Wrong { sealed_under: String, given: String },
    #[error("the root key is being replaced by {by}, which was not given")]
    BeingReplaced { by: String },
    #[error("the passphrase cannot be stretched to a key: {0}")]
    Stretching(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> Result<Value, ValueError> {
        Value::from_bytes(&Zeroizing::new(bytes.to_vec()))
    }

    #[test]
    fn a_value_has_limits_and_is_never_shown() {
        assert_eq!(value(b"hunter2\n").unwrap().expose(), "hunter2\n");
        assert_eq!(value(&vec![b'x'; MAX_VALUE]).unwrap().expose().len(), MAX_VALUE);
        assert_eq!(value(&vec![b'x'; MAX_VALUE + 1]).unwrap_err(), ValueError::TooLarge);
        assert_eq!(value(b"").unwrap_err(), ValueError::Empty);
        assert_eq!(value(b"a\0b").unwrap_err(), ValueError::Nul);
        assert_eq!(value(b"\xff").unwrap_err(), ValueError::NotText);
        assert_eq!(format!("{:?}", value(b"hunter2").unwrap()), "***");
    }
}

//! Root keys: where they come from, and how a passphrase becomes one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use argon2::{Algorithm, Argon2, Params};
use model::vault::{Bytes, KeyId, Root, Stretched};
use ports::entropy::Entropy;
use ports::vault::{KeyTrouble, VaultError};
use zeroize::Zeroizing;

use super::key::{Key, LENGTH, random};

/// The shortest passphrase, in bytes.
const SHORTEST: usize = 12;
/// The longest passphrase, in bytes.
const LONGEST: usize = 1 << 10;
/// What stretching may cost at most, whatever a database says.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 32;
const MOST_LANES: u32 = 16;
const SALT: usize = 16;

/// A root key, or a passphrase to stretch to one.
#[derive(Clone)]
pub struct RootKey(Source);

#[derive(Clone)]
enum Source {
    Key(Key),
    Passphrase { text: Arc<Zeroizing<String>>, cost: Cost },
}

/// What it costs to stretch a passphrase, and so to guess it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl Default for Cost {
    /// What RFC 9106 recommends where memory is not plenty, in one lane.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, passes: 3, lanes: 1 }
    }
}

impl RootKey {
    /// Reads a key: 32 bytes in base 64.
    pub fn from_text(text: &str) -> Result<Self, RootKeyError> {
        let bytes: Bytes = text.trim().parse().map_err(|_| RootKeyError::Malformed)?;
        let bytes = Zeroizing::new(bytes.0);
        Key::from_bytes(&bytes).map(|key| Self(Source::Key(key))).ok_or(RootKeyError::Malformed)
    }

    pub fn passphrase(text: Zeroizing<String>, cost: Cost) -> Result<Self, RootKeyError> {
        match text.len() {
            ..SHORTEST => Err(RootKeyError::Short),
            SHORTEST..=LONGEST => Ok(Self(Source::Passphrase { text: Arc::new(text), cost })),
            _ => Err(RootKeyError::Long),
        }
    }

    /// A new key, and its text for [`RootKey::from_text`].
    pub fn draw(entropy: &dyn Entropy) -> (Self, Zeroizing<String>) {
        let key = Key::draw(entropy);
        let bytes = Bytes(key.bytes().to_vec());
        let text = Zeroizing::new(bytes.to_string());
        drop(Zeroizing::new(bytes.0));
        (Self(Source::Key(key)), text)
    }

    /// The key under the name that it is to be known by from now on; a passphrase gets a salt.
    async fn introduce(&self, entropy: &dyn Entropy) -> Result<(Root, Key), VaultError> {
        match &self.0 {
            Source::Key(key) => Ok((Root { id: key.id(), stretched: None }, key.clone())),
            Source::Passphrase { text, cost } => {
                let salt: [u8; SALT] = random(entropy);
                let stretched = Stretched {
                    salt: Bytes(salt.to_vec()),
                    memory_kib: cost.memory_kib,
                    passes: cost.passes,
                    lanes: cost.lanes,
                };
                let key = stretch(text.clone(), stretched.clone()).await?;
                Ok((Root { id: key.id(), stretched: Some(stretched) }, key))
            }
        }
    }

    /// The key of this name, if this is it.
    async fn answer_to(&self, root: &Root) -> Result<Option<Key>, VaultError> {
        let key = match (&self.0, &root.stretched) {
            (Source::Key(key), _) => key.clone(),
            (Source::Passphrase { text, .. }, Some(stretched)) => {
                stretch(text.clone(), stretched.clone()).await?
            }
            (Source::Passphrase { .. }, None) => return Ok(None),
        };
        Ok(Some(key).filter(|key| key.id() == root.id))
    }
}

impl fmt::Display for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Key(key) => key.id().fmt(f),
            Source::Passphrase { .. } => f.write_str("a passphrase"),
        }
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why something is no root key. Nothing of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RootKeyError {
    #[error("a root key is {LENGTH} random bytes in base 64: 44 letters and digits")]
    Malformed,
    #[error("the passphrase is too short: at least {SHORTEST} bytes are needed")]
    Short,
    #[error("the passphrase is too long: at most {LONGEST} bytes are taken")]
    Long,
}

/// The root keys that this process was given. The first one seals what is sealed first.
#[derive(Default)]
pub struct RootKeys {
    given: Vec<RootKey>,
    /// Whether a passphrase makes the key of a name: stretching is slow on purpose.
    stretched: Mutex<BTreeMap<KeyId, Option<Key>>>,
}

impl RootKeys {
    pub fn new(given: Vec<RootKey>) -> Self {
        Self { given, stretched: Mutex::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// Introduces the first one, to seal by it from now on.
    pub(super) async fn introduce(&self, entropy: &dyn Entropy) -> Result<Root, VaultError> {
        let first = self.given.first().ok_or(VaultError::Key(KeyTrouble::NoneYet))?;
        let (root, key) = first.introduce(entropy).await?;
        if root.stretched.is_some() {
            self.stretched().insert(root.id, Some(key));
        }
        Ok(root)
    }

    /// The key of this name, if it was given. What is not in the register any more can only be a
    /// key without a passphrase.
    pub(super) async fn find(
        &self,
        id: KeyId,
        root: Option<&Root>,
    ) -> Result<Option<Key>, VaultError> {
        let root = root.cloned().unwrap_or(Root { id, stretched: None });
        let known = root.stretched.as_ref().and_then(|_| self.stretched().get(&id).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let mut found = None;
        for key in &self.given {
            found = key.answer_to(&root).await?;
            if found.is_some() {
                break;
            }
        }
        if root.stretched.is_some() {
            self.stretched().insert(id, found.clone());
        }
        Ok(found)
    }

    /// What is wrong when none of these keys is the one of this name.
    pub(super) fn trouble(&self, id: KeyId) -> VaultError {
        let sealed_under = id.to_string();
        let given: Vec<_> = self.given.iter().map(ToString::to_string).collect();
        VaultError::Key(if given.is_empty() {
            KeyTrouble::Missing { sealed_under }
        } else {
            KeyTrouble::Wrong { sealed_under, given: given.join(" and ") }
        })
    }

    fn stretched(&self) -> std::sync::MutexGuard<'_, BTreeMap<KeyId, Option<Key>>> {
        self.stretched.lock().expect("nothing panics while it holds the keys")
    }
}

impl fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.given.fmt(f)
    }
}

async fn stretch(text: Arc<Zeroizing<String>>, how: Stretched) -> Result<Key, VaultError> {
    let trouble = |why: String| VaultError::Key(KeyTrouble::Stretching(why));
    let Stretched { salt, memory_kib, passes, lanes } = how;
    if memory_kib > MOST_MEMORY_KIB || passes > MOST_PASSES || lanes > MOST_LANES {
        return Err(trouble(format!(
            "{memory_kib} KiB, {passes} passes and {lanes} lanes are more than is sensible"
        )));
    }
    let params = Params::new(memory_kib, passes, lanes, Some(LENGTH));
    let params = params.map_err(|error| trouble(error.to_string()))?;
    let stretching = tokio::task::spawn_blocking(move || {
        let mut key = Zeroizing::new([0; LENGTH]);
        let argon2 = Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params);
        argon2.hash_password_into(text.as_bytes(), &salt.0, &mut *key)?;
        Ok::<_, argon2::Error>(key)
    });
    let key = stretching.await.map_err(|error| trouble(error.to_string()))?;
    let key = key.map_err(|error| trouble(error.to_string()))?;
    Ok(Key::from_bytes(&*key).expect("it has the length of a key"))
}

#[cfg(test)]
mod tests {
    use ports::entropy::SystemEntropy;

    use super::*;

    #[test]
    fn a_drawn_key_survives_its_text() {
        let (key, text) = RootKey::draw(&SystemEntropy);
        assert_eq!(text.len(), 44);
        let read = RootKey::from_text(&format!("  {}\n", *text)).unwrap();
        assert_eq!(read.to_string(), key.to_string());
        assert!(!format!("{key:?}").contains(&text[..8]));
    }

    #[test]
    fn what_is_no_key_is_not_repeated() {
        let short = Bytes(vec![7; 31]).to_string();
        for text in ["", "hunter2", &short, &"A".repeat(4_000_000)] {
            let error = RootKey::from_text(text).unwrap_err();
            assert_eq!(error, RootKeyError::Malformed);
            assert!(error.to_string().len() < 100);
        }
        let passphrase = |text: &str| {
            RootKey::passphrase(Zeroizing::new(text.to_owned()), Cost::default()).map(|_| ())
        };
        assert_eq!(passphrase("hunter2"), Err(RootKeyError::Short));
        assert_eq!(passphrase(&"x".repeat(1025)), Err(RootKeyError::Long));
        assert_eq!(passphrase("correct horse"), Ok(()));
    }

    #[tokio::test]
    async fn a_passphrase_is_stretched_as_the_reference_does() {
        let salt = Bytes(b"somesalt".to_vec());
        let how = Stretched { salt, memory_kib: 256, passes: 2, lanes: 1 };
        let text = Arc::new(Zeroizing::new("password".to_owned()));
        let key = stretch(text, how).await.unwrap();
        let known = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4=";
        assert_eq!(Bytes(key.bytes().to_vec()).to_string(), known);
    }

    #[tokio::test]
    async fn a_database_cannot_ask_for_too_much() {
        let passphrase = Zeroizing::new("correct horse".to_owned());
        let key = RootKey::passphrase(passphrase, Cost { memory_kib: 64, passes: 1, lanes: 1 });
        let (root, _) = key.as_ref().unwrap().introduce(&SystemEntropy).await.unwrap();
        let dear = |change: fn(&mut Stretched)| {
            let mut stretched = root.stretched.clone().unwrap();
            change(&mut stretched);
            Root { id: root.id, stretched: Some(stretched) }
        };
        for root in [
            dear(|it| it.memory_kib = u32::MAX),
            dear(|it| it.memory_kib = 0),
            dear(|it| it.passes = u32::MAX),
            dear(|it| it.lanes = u32::MAX),
            dear(|it| it.salt.0.clear()),
        ] {
            let answer = key.as_ref().unwrap().answer_to(&root).await;
            let told = matches!(answer, Err(VaultError::Key(KeyTrouble::Stretching(_))));
            assert!(told, "{answer:?}");
        }
        assert!(key.unwrap().answer_to(&root).await.unwrap().is_some());
    }
}

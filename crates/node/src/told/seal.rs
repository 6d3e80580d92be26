//! Seals workloads that hold secrets, so that a copy of the node's folder without its key shows none.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::vault::Bytes;
use model::workload::{Variable, Workload};
use ports::entropy::Entropy;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const KEY_LENGTH: usize = 32;

/// The key that a node seals with.
pub struct Key {
    aead: LessSafeKey,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the node's key in {} cannot be read: {error}", .path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("the node's key cannot be made in {}: {error}", .path.display())]
    Make { path: PathBuf, error: io::Error },
    #[error("{} holds no key: expected {KEY_LENGTH} bytes", .0.display())]
    Length(PathBuf),
}

impl Key {
    /// The key in a file, which is made if it is not there.
    pub fn in_file(path: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, KeyError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(path, &*entropy)
                .map_err(|error| KeyError::Make { path: path.to_owned(), error })?,
            Err(error) => return Err(KeyError::Read { path: path.to_owned(), error }),
        };
        let key =
            UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| KeyError::Length(path.to_owned()))?;
        Ok(Self { aead: LessSafeKey::new(key), entropy })
    }

    pub(super) fn seal(&self, name: &str, workload: &Workload) -> Sealed {
        let is_secret = |value: &Variable| matches!(value, Variable::Secret(_));
        if !workload.env.values().any(is_secret) {
            return Sealed::Open(Box::new(workload.clone()));
        }
        let mut text =
            Zeroizing::new(serde_json::to_vec(workload).expect("a workload can be written down"));
        let nonce = self.nonce();
        let tag = self
            .aead
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name.as_bytes()),
                &mut text,
            )
            .expect("a workload is far shorter than what can be sealed");
        let sealed = [&nonce[..], text.as_slice(), tag.as_ref()].concat();
        Sealed::Sealed(Bytes(sealed))
    }

    /// What was sealed under the same name.
    pub(super) fn open(&self, name: &str, sealed: &Sealed) -> Result<Workload, OpenError> {
        let sealed = match sealed {
            Sealed::Open(workload) => return Ok((**workload).clone()),
            Sealed::Sealed(Bytes(sealed)) => sealed,
        };
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(OpenError)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let text = self
            .aead
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut text)
            .map_err(|_| OpenError)?;
        serde_json::from_slice(text).map_err(|_| OpenError)
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = [0; NONCE_LEN];
        for piece in nonce.chunks_mut(10) {
            piece.copy_from_slice(&self.entropy.draw()[..piece.len()]);
        }
        nonce
    }
}

fn make(path: &Path, entropy: &dyn Entropy) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; KEY_LENGTH]);
    for piece in bytes.chunks_mut(10) {
        piece.copy_from_slice(&entropy.draw()[..piece.len()]);
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(bytes)
}

/// A workload at rest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sealed {
    /// It holds no secret.
    Open(Box<Workload>),
    Sealed(Bytes),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it was not sealed with this node's key, or for another target, or was changed since")]
pub(super) struct OpenError;

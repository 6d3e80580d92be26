//! Certificates from a folder, chosen by the name that the client asks for, read anew when files
//! change. One that cannot be read leaves the one before it in service.

pub(super) mod der;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// Certificates in one folder.
const MOST_CERTIFICATES: usize = 10_000;
/// Bytes of one file.
const MOST_BYTES: u64 = 1024 * 1024;

/// A certificate in service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub file: PathBuf,
    pub names: Vec<String>,
    pub begins: Timestamp,
    pub ends: Timestamp,
}

/// A pair of files that could not be taken into service; what was read of it before still is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCertificate {
    pub file: PathBuf,
    pub why: String,
}

/// Why there are no certificates at all.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    #[error("{path}: cannot be listed; name a folder that the node may read")]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot set encryption up")]
    Encryption(#[from] tokio_rustls::rustls::Error),
}

#[derive(Debug, thiserror::Error)]
enum PairError {
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("has more than {MOST_BYTES} bytes, which no certificate has")]
    TooLarge,
    #[error("has no key beside it; put the private key into {0}")]
    NoKey(String),
    #[error("holds no certificate in PEM; it must have `-----BEGIN CERTIFICATE-----`")]
    NoCertificate,
    #[error("its key is no private key in PEM: {0}")]
    BadKey(String),
    #[error("the certificate is not for this key; put both of one pair there")]
    Mismatch,
    #[error("the certificate is malformed")]
    Malformed,
    #[error("the certificate names no host (subjectAltName); have it issued for its hosts")]
    NoNames,
}

pub(super) struct Certificates {
    folder: Option<PathBuf>,
    acceptor: Option<TlsAcceptor>,
    book: Arc<Shelf>,
    files: Mutex<BTreeMap<PathBuf, Files>>,
}

/// What was last seen of one pair of files.
#[derive(Debug)]
struct Files {
    stamps: Stamps,
    pair: Option<Pair>,
    why: Option<String>,
}

type Stamps = [Option<(SystemTime, u64)>; 2];

#[derive(Debug, Clone)]
struct Pair {
    certificate: Certificate,
    key: Arc<CertifiedKey>,
}

/// Certificates by name.
#[derive(Debug, Default)]
struct Shelf(ArcSwap<HashMap<String, Arc<CertifiedKey>>>);

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Certificates {
    pub(super) fn open(folder: Option<PathBuf>) -> Result<Self, CertificatesError> {
        let book = Arc::new(Shelf::default());
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&book) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = folder.is_some().then(|| TlsAcceptor::from(Arc::new(config)));
        let certificates = Self { folder, acceptor, book, files: Mutex::default() };
        certificates.read()?;
        Ok(certificates)
    }

    pub(super) fn acceptor(&self) -> Option<&TlsAcceptor> {
        self.acceptor.as_ref()
    }

    /// Reads what has changed since the last time.
    pub(super) fn look(&self) {
        if let Err(error) = self.read() {
            tracing::debug!(%error, "the certificates stay as they are");
        }
    }

    pub(super) fn list(&self) -> (Vec<Certificate>, Vec<BadCertificate>) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let good = files.values().filter_map(|files| files.pair.as_ref());
        let bad = files.iter().filter_map(|(file, files)| {
            files.why.clone().map(|why| BadCertificate { file: file.clone(), why })
        });
        (good.map(|pair| pair.certificate.clone()).collect(), bad.collect())
    }

    fn read(&self) -> Result<(), CertificatesError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let unreadable = |source| CertificatesError::Folder { path: folder.clone(), source };
        let mut there = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable)?.take(2 * MOST_CERTIFICATES) {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "crt" || extension == "pem") {
                there.push(path);
            }
        }
        there.sort();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut has_changed = false;
        let before = files.len();
        files.retain(|path, _| there.contains(path));
        has_changed |= files.len() != before;
        for path in there {
            let stamps = stamps(&path);
            let known = files.remove(&path);
            if let Some(known) = known {
                if known.stamps == stamps {
                    files.insert(path, known);
                    continue;
                }
                let read = Files::read(&path, stamps, known.pair);
                files.insert(path, read);
            } else {
                let read = Files::read(&path, stamps, None);
                files.insert(path, read);
            }
            has_changed = true;
        }
        if has_changed {
            self.book.fill(files.values().filter_map(|files| files.pair.as_ref()));
        }
        Ok(())
    }
}

impl Files {
    fn read(path: &Path, stamps: Stamps, before: Option<Pair>) -> Self {
        match Pair::read(path) {
            Ok(pair) => Self { stamps, pair: Some(pair), why: None },
            Err(error) => {
                let kept =
                    if before.is_some() { "; the one before it stays in service" } else { "" };
                tracing::warn!(path = %path.display(), "{error}{kept}");
                Self { stamps, pair: before, why: Some(error.to_string()) }
            }
        }
    }
}

impl Pair {
    fn read(path: &Path) -> Result<Self, PairError> {
        let key_path = path.with_extension("key");
        let chain = CertificateDer::pem_slice_iter(&bytes(path)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| PairError::NoCertificate)?;
        let leaf = chain.first().ok_or(PairError::NoCertificate)?;
        let told = der::read(leaf).ok_or(PairError::Malformed)?;
        if told.names.is_empty() {
            return Err(PairError::NoNames);
        }
        if !key_path.exists() {
            let name = key_path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(PairError::NoKey(name));
        }
        let key = PrivateKeyDer::from_pem_slice(&bytes(&key_path)?)
            .map_err(|error| PairError::BadKey(error.to_string()))?;
        let key = ring::sign::any_supported_type(&key)
            .map_err(|error| PairError::BadKey(error.to_string()))?;
        let certificate = Certificate {
            file: path.to_owned(),
            names: told.names,
            begins: told.begins,
            ends: told.ends,
        };
        let key = CertifiedKey::new(chain, key);
        key.keys_match().map_err(|_| PairError::Mismatch)?;
        Ok(Self { certificate, key: Arc::new(key) })
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, PairError> {
    let length = std::fs::metadata(path).map_err(PairError::Unreadable)?.len();
    if length > MOST_BYTES {
        return Err(PairError::TooLarge);
    }
    std::fs::read(path).map_err(PairError::Unreadable)
}

fn stamps(path: &Path) -> Stamps {
    [path.to_owned(), path.with_extension("key")].map(|path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

impl Shelf {
    /// Of several certificates for one name, the one that is good for longest is shown.
    fn fill<'a>(&self, pairs: impl Iterator<Item = &'a Pair>) {
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_by_key(|pair| pair.certificate.ends);
        let mut names = HashMap::new();
        for pair in pairs {
            for name in &pair.certificate.names {
                names.insert(name.to_ascii_lowercase(), Arc::clone(&pair.key));
            }
        }
        self.0.store(Arc::new(names));
    }

    fn find(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let names = self.0.load();
        let name = name.to_ascii_lowercase();
        let wild = || names.get(&format!("*.{}", name.split_once('.')?.1));
        names.get(&name).or_else(wild).cloned()
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            return self.find(name);
        }
        // A client that names nobody gets the only certificate there is, if so.
        let names = self.0.load();
        let first = names.values().next()?;
        names.values().all(|key| Arc::ptr_eq(key, first)).then(|| Arc::clone(first))
    }
}

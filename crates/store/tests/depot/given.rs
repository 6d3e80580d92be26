//! Depots in folders that vanish with them.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ports::clock::SystemClock;
use ports::depot::{
    Depot, DepotError, Hit, Limits, RestoreArtifacts, RestoreCache, Root, SaveArtifact, SaveCache,
    Saved, Scope, Source, Which,
};
use ports::entropy::SystemEntropy;
use ports::suite::depot::{ARTIFACT_DAYS, CACHE_DAYS, Ground, QUOTA, SetClock};
use store::depot::{EmbeddedDepot, Options};
use tempfile::TempDir;

/// A depot as the suite wants it.
pub(super) struct Fresh {
    ground: Ground,
    #[expect(dead_code, reason = "the folder goes when this does")]
    folder: TempDir,
}

impl Fresh {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SetClock::default());
        let options =
            Options { quota: QUOTA, cache_days: CACHE_DAYS, artifact_days: ARTIFACT_DAYS };
        let entropy = Arc::new(SystemEntropy);
        let path = folder.path().join("depot");
        let depot = EmbeddedDepot::open(&path, options, clock.clone(), entropy).unwrap();
        let work = folder.path().join("ground");
        fs::create_dir(&work).unwrap();
        let ground = Ground { depot: Box::new(depot), clock, folder: work };
        Self { ground, folder }
    }
}

impl Deref for Fresh {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

/// Files by their paths in a folder.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A depot as a job has it, with the machine's own clock, and a folder to work in.
pub(super) struct Yard {
    pub(super) depot: EmbeddedDepot,
    pub(super) home: PathBuf,
    pub(super) ground: PathBuf,
}

impl Yard {
    pub(super) fn open(folder: &Path, options: Options) -> Result<Self, DepotError> {
        let home = folder.join("depot");
        let depot =
            EmbeddedDepot::open(&home, options, Arc::new(SystemClock), Arc::new(SystemEntropy))?;
        Ok(Self { depot, home, ground: folder.to_path_buf() })
    }

    pub(super) fn new(folder: &Path) -> Self {
        Self::open(folder, Options::default()).unwrap()
    }

    /// Puts files into the folder that is saved, and nothing else.
    pub(super) fn prepare(&self, work: &str, files: &Files) {
        let folder = self.ground.join(work).join("out");
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        for (path, content) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    pub(super) fn source(&self, work: &str) -> Source {
        Source {
            roots: vec![self.root(work)],
            paths: vec!["out".into()],
            limits: Limits::default(),
        }
    }

    fn root(&self, work: &str) -> Root {
        Root { name: "workspace".to_owned(), path: self.ground.join(work) }
    }

    /// Saves what is prepared in a folder.
    pub(super) async fn save(&self, key: &str, work: &str) -> Result<Saved, DepotError> {
        let save = SaveCache {
            repository: "shop".to_owned(),
            git_ref: "refs/heads/main".to_owned(),
            key: key.to_owned(),
            paths: vec!["out".to_owned()],
            source: self.source(work),
            mutable: true,
        };
        self.depot.save_cache(save).await
    }

    /// Looks for a key, and puts what is found into a folder.
    pub(super) async fn restore(&self, key: &str, work: &str) -> Result<Option<Hit>, DepotError> {
        let restore = RestoreCache {
            scope: Scope {
                repository: "shop".to_owned(),
                own: "refs/heads/main".to_owned(),
                ..Scope::default()
            },
            key: key.to_owned(),
            restore_keys: Vec::new(),
            paths: vec!["out".to_owned()],
            into: Some(vec![self.root(work)]),
        };
        self.depot.restore_cache(restore).await
    }

    /// Saves what is prepared in a folder as an artifact of run 1.
    pub(super) async fn upload(&self, name: &str, work: &str) -> Result<(), DepotError> {
        let save = SaveArtifact {
            run: "1".to_owned(),
            name: name.to_owned(),
            source: self.source(work),
            base: self.ground.join(work),
            keep_days: None,
            overwrite: true,
        };
        self.depot.save_artifact(save).await.map(drop)
    }

    pub(super) async fn download(&self, name: &str, work: &str) -> Result<(), DepotError> {
        let restore = RestoreArtifacts {
            run: "1".to_owned(),
            which: Which::Named(name.to_owned()),
            into: self.ground.join(work),
            apart: false,
        };
        self.depot.restore_artifacts(restore).await.map(drop)
    }

    /// What is in a folder, in `out` or beside it. A folder that is not there has nothing.
    pub(super) fn files(&self, work: &str) -> Files {
        let top = self.ground.join(work);
        let mut files = Files::new();
        let mut ahead = vec![top.clone()];
        while let Some(folder) = ahead.pop() {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                if path.is_symlink() {
                    let target = fs::read_link(&path).unwrap();
                    files.insert(path, target.into_os_string().into_vec());
                } else if path.is_dir() {
                    ahead.push(path);
                } else {
                    let content = fs::read(&path).unwrap();
                    let path = path.strip_prefix(&top).unwrap();
                    files.insert(path.strip_prefix("out").unwrap_or(path).into(), content);
                }
            }
        }
        files
    }

    pub(super) fn clear(&self, work: &str) {
        let folder = self.ground.join(work);
        if folder.exists() {
            fs::remove_dir_all(folder).unwrap();
        }
    }

    pub(super) fn packs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.home.join("packs")).unwrap();
        let mut packs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        packs.sort();
        packs
    }
}

/// Content that no compression makes shorter, the same for the same seed.
pub(super) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut content = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut content);
    content
}

pub(super) fn files<const N: usize>(files: [(&str, Vec<u8>); N]) -> Files {
    files.into_iter().map(|(path, content)| (path.into(), content)).collect()
}

/// Copies a folder and all that is in it.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

//! The ground on which the cases of the depot take place.

use std::collections::BTreeMap;
use std::fs;
use std::future::poll_fn;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use jiff::{SignedDuration, Timestamp};

use crate::BoxFuture;
use crate::clock::Clock;
use crate::depot::{
    Artifact, Cache, CacheFilter, Depot, DepotError, DepotErrorKind, Explanation, Hit, Limits,
    LookupFilter, RestoreArtifacts, RestoreCache, Root, SaveArtifact, SaveCache, Saved, Scope,
    Source, Which,
};

/// A fresh depot, its clock, and an empty folder.
#[derive(Debug)]
pub struct Ground {
    pub depot: Box<dyn Depot>,
    pub clock: Arc<SetClock>,
    pub folder: PathBuf,
}

/// A clock that goes only when it is told to.
#[derive(Debug)]
pub struct SetClock(Mutex<Timestamp>);

impl Default for SetClock {
    fn default() -> Self {
        let beginning = Timestamp::from_second(1_800_000_000).expect("a time in this century");
        Self(Mutex::new(beginning))
    }
}

impl SetClock {
    pub fn pass(&self, duration: SignedDuration) {
        let mut now = self.0.lock().expect("nobody panics with it");
        *now += duration;
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("nobody panics with it")
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// What a file, folder or link is, so that two trees can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    File { content: Vec<u8>, mode: u32, changed_at: Option<Timestamp> },
    Folder { mode: u32 },
    Link(PathBuf),
}

impl Ground {
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the disk serves");
        fs::write(path, content).expect("the disk serves");
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).expect("it is there")
    }

    pub(super) fn make(&self, path: &str) {
        fs::create_dir_all(self.at(path)).expect("the disk serves");
    }

    pub(super) fn link(&self, path: &str, target: impl AsRef<Path>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the disk serves");
        symlink(target, path).expect("the disk serves");
    }

    pub(super) fn set_mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode))
            .expect("the disk serves");
    }

    pub(super) fn is_there(&self, path: &str) -> bool {
        fs::symlink_metadata(self.at(path)).is_ok()
    }

    /// Everything below a folder, by its path there.
    pub(super) fn tree(&self, path: &str) -> BTreeMap<PathBuf, Thing> {
        let mut things = BTreeMap::new();
        let top = self.at(path);
        let mut ahead = vec![top.clone()];
        while let Some(folder) = ahead.pop() {
            for entry in fs::read_dir(&folder).expect("it is a folder") {
                let path = entry.expect("the disk serves").path();
                let metadata = fs::symlink_metadata(&path).expect("the disk serves");
                let mode = metadata.permissions().mode() & 0o777;
                let thing = if metadata.is_symlink() {
                    Thing::Link(fs::read_link(&path).expect("the disk serves"))
                } else if metadata.is_dir() {
                    ahead.push(path.clone());
                    Thing::Folder { mode }
                } else {
                    let content = fs::read(&path).expect("the disk serves");
                    let changed_at = metadata.modified().expect("the disk knows it");
                    let changed_at = Timestamp::try_from(changed_at).ok();
                    Thing::File { content, mode, changed_at }
                };
                let path = path.strip_prefix(&top).expect("it is below").to_path_buf();
                things.insert(path, thing);
            }
        }
        things
    }

    pub(super) fn wait(&self, seconds: i64) {
        self.clock.pass(SignedDuration::from_secs(seconds));
    }

    pub(super) fn wait_days(&self, days: u32) {
        self.clock.pass(SignedDuration::from_hours(24 * i64::from(days)));
    }

    /// Saves the folder `work/out` under a key, from the default branch.
    pub(super) async fn save(&self, key: &str) -> Cache {
        new(self.depot.save_cache(self.saving(key)).await)
    }

    /// The same with this content in one file.
    pub(super) async fn save_content(&self, key: &str, content: impl AsRef<[u8]>) -> Cache {
        self.write("work/out/file", content);
        self.save(key).await
    }

    pub(super) fn saving(&self, key: &str) -> SaveCache {
        SaveCache {
            repository: "shop".to_owned(),
            git_ref: MAIN.to_owned(),
            key: key.to_owned(),
            paths: vec!["out".to_owned()],
            source: self.source(&["out"]),
            mutable: false,
        }
    }

    pub(super) fn source(&self, paths: &[&str]) -> Source {
        Source {
            roots: vec![self.root("workspace", "work")],
            paths: paths.iter().map(PathBuf::from).collect(),
            limits: Limits::default(),
        }
    }

    pub(super) fn root(&self, name: &str, path: &str) -> Root {
        Root { name: name.to_owned(), path: self.at(path) }
    }

    /// Looks for a key and puts what is found into the folder `back`.
    pub(super) async fn restore(&self, key: &str) -> Option<Hit> {
        self.restore_with(key, &[]).await
    }

    pub(super) async fn restore_with(&self, key: &str, restore_keys: &[&str]) -> Option<Hit> {
        let restore_keys = restore_keys.iter().map(ToString::to_string).collect();
        self.found(RestoreCache { restore_keys, ..self.restoring(key) }).await
    }

    pub(super) async fn found(&self, restore: RestoreCache) -> Option<Hit> {
        self.depot.restore_cache(restore).await.expect("the depot serves")
    }

    pub(super) fn restoring(&self, key: &str) -> RestoreCache {
        RestoreCache {
            scope: scope(MAIN),
            key: key.to_owned(),
            restore_keys: Vec::new(),
            paths: vec!["out".to_owned()],
            into: Some(vec![self.root("workspace", "back")]),
        }
    }

    /// The keys of all caches, the last used first.
    pub(super) async fn keys(&self) -> Vec<String> {
        let caches = self.depot.caches(CacheFilter::default()).await.expect("the depot serves");
        caches.into_iter().map(|cache| cache.key).collect()
    }

    /// Why the last look-up did not find its key.
    pub(super) async fn explained(&self) -> Explanation {
        let newest = LookupFilter { limit: 1, ..LookupFilter::default() };
        let lookups = self.depot.lookups(newest).await.expect("the depot serves");
        let lookup = lookups.first().expect("something was looked for").id;
        self.depot.explain(lookup).await.expect("the depot serves").expect("it is known")
    }

    /// Saves the folder `work/NAME` as an artifact of run 1.
    pub(super) async fn upload(&self, name: &str) -> Artifact {
        let saved = self.depot.save_artifact(self.uploading(name)).await;
        saved.expect("it is saved").artifact
    }

    pub(super) fn uploading(&self, name: &str) -> SaveArtifact {
        SaveArtifact {
            run: "1".to_owned(),
            name: name.to_owned(),
            source: self.source(&[name]),
            base: self.at("work").join(name),
            keep_days: None,
            overwrite: false,
        }
    }

    pub(super) fn downloading(&self, which: Which) -> RestoreArtifacts {
        RestoreArtifacts { run: "1".to_owned(), which, into: self.at("back"), apart: false }
    }
}

pub(super) const MAIN: &str = "refs/heads/main";
pub(super) const FEATURE: &str = "refs/heads/feature";

pub(super) fn scope(own: &str) -> Scope {
    Scope {
        repository: "shop".to_owned(),
        own: own.to_owned(),
        base: None,
        default: Some(MAIN.to_owned()),
    }
}

pub(super) fn named(name: &str) -> Which {
    Which::Named(name.to_owned())
}

pub(super) fn new(saved: Result<Saved, DepotError>) -> Cache {
    match saved.expect("it is saved") {
        Saved::New { cache, .. } => cache,
        Saved::Taken(cache) => panic!("`{}` is taken", cache.key),
    }
}

pub(super) fn refused<T>(result: Result<T, DepotError>, kind: DepotErrorKind) -> String {
    let Err(error) = result else { panic!("it is refused") };
    assert_eq!(error.kind, kind, "{error}");
    error.what
}

/// Content that no compression makes shorter, the same for the same seed.
pub(super) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut content = Vec::with_capacity(length + 8);
    while content.len() < length {
        content.extend_from_slice(&next());
    }
    content.truncate(length);
    content
}

/// Runs all of them at once, as the tasks of one server do.
pub(super) async fn side_by_side<F: Future>(
    futures: impl IntoIterator<Item = F>,
) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut all = Poll::Ready(());
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(value) => *output = Some(value),
                Poll::Pending => all = Poll::Pending,
            }
        }
        all
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

//! What the depot takes of the disk and gives back to it.

use std::fs;
use std::future::poll_fn;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::task::Poll;

use ports::depot::{CacheFilter, Depot, DepotErrorKind, Saved};
use tempfile::TempDir;

use super::given::{Files, Yard, files, noise};

#[tokio::test]
async fn what_nobody_needs_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    let shared = || ("shared", noise(1_500_000, 1));
    yard.prepare("work", &files([shared(), ("own", noise(3_000_000, 2))]));
    yard.save("both", "work").await.unwrap();
    yard.prepare("work", &files([shared()]));
    yard.save("one", "work").await.unwrap();
    let on_disk = || -> u64 {
        yard.packs().iter().map(|pack| fs::metadata(pack).unwrap().blocks() * 512).sum()
    };
    assert!(on_disk() > 4_400_000);

    let both = CacheFilter { key: Some("both".to_owned()), ..CacheFilter::default() };
    yard.depot.remove_caches(both).await.unwrap();
    assert!(on_disk() < 1_700_000, "{}", on_disk());
    assert!(yard.restore("one", "back").await.unwrap().is_some());
    assert_eq!(yard.files("back"), files([shared()]));

    yard.depot.remove_caches(CacheFilter::default()).await.unwrap();
    assert!(yard.packs().is_empty());
    assert_eq!(yard.depot.usage().await.unwrap().stored, 0);
}

#[tokio::test]
async fn what_is_shared_does_not_keep_all_that_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    let some = |numbers: std::ops::Range<u64>, step| -> Files {
        let file = |number: u64| (number.to_string().into(), noise(4_000, number));
        numbers.step_by(step).map(file).collect()
    };
    yard.prepare("work", &some(0..500, 1));
    yard.save("all", "work").await.unwrap();
    yard.prepare("work", &some(0..500, 20));
    yard.save("few", "work").await.unwrap();
    let all = CacheFilter { key: Some("all".to_owned()), ..CacheFilter::default() };
    yard.depot.remove_caches(all).await.unwrap();
    let stored = yard.depot.usage().await.unwrap().stored;
    assert!(stored < 150_000, "{stored}");
    assert!(yard.restore("few", "back").await.unwrap().is_some());
    assert_eq!(yard.files("back"), some(0..500, 20));
}

#[tokio::test]
async fn the_depot_does_not_save_itself() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    yard.prepare("", &files([("file", noise(1_000, 1))]));
    let mut source = yard.source("");
    source.paths = vec![".".into()];
    let save = ports::depot::SaveCache {
        repository: "shop".to_owned(),
        git_ref: "main".to_owned(),
        key: "all".to_owned(),
        paths: vec![".".to_owned()],
        source,
        mutable: false,
    };
    let Saved::New { cache, skipped, .. } = yard.depot.save_cache(save).await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!(cache.files, 2);
    assert_eq!(skipped[0].path, yard.home);
    assert_eq!(skipped[0].because, "the depot itself");
}

#[test]
fn a_saving_that_nobody_waits_for_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    yard.prepare("work", &files([("file", noise(200_000_000, 1))]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut saving = Box::pin(yard.save("key", "work"));
        let is_done = poll_fn(|context| Poll::Ready(saving.as_mut().poll(context).is_ready()));
        assert!(!is_done.await);
    });
    // Waits for the threads that work.
    drop(runtime);
    assert!(yard.packs().is_empty());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(yard.restore("key", "back")).unwrap(), None);
}

#[tokio::test]
async fn a_full_disk_is_told_and_survived() {
    let Some(disk) = Disk::of_megabytes(4) else { return };
    let yard = Yard::new(disk.folder.path());
    let big = tempfile::tempdir().unwrap();
    let elsewhere = Yard::new(big.path());
    elsewhere.prepare("work", &files([("file", noise(20_000_000, 1))]));
    let mut source = elsewhere.source("work");
    source.paths = vec!["out".into()];
    let save = |key: &str| ports::depot::SaveCache {
        repository: "shop".to_owned(),
        git_ref: "refs/heads/main".to_owned(),
        key: key.to_owned(),
        paths: vec!["out".to_owned()],
        source: source.clone(),
        mutable: false,
    };
    let error = yard.depot.save_cache(save("big")).await.unwrap_err();
    assert_eq!(error.kind, DepotErrorKind::Full, "{error}");
    assert!(yard.packs().is_empty());

    elsewhere.prepare("work", &files([("file", noise(500_000, 2))]));
    yard.depot.save_cache(save("small")).await.unwrap();
    assert!(yard.restore("small", "back").await.unwrap().is_some());
    assert_eq!(yard.files("back"), files([("file", noise(500_000, 2))]));
    // Nor is anything put into place by halves.
    elsewhere.prepare("work", &files([("a", noise(10, 3)), ("b", vec![0; 9_000_000])]));
    yard.depot.save_cache(save("zeros")).await.unwrap();
    let error = yard.restore("zeros", "other").await.unwrap_err();
    assert_eq!(error.kind, DepotErrorKind::Full, "{error}");
    assert!(yard.files("other").is_empty());
}

/// A small disk of its own, where the test may mount one.
struct Disk {
    folder: TempDir,
}

impl Disk {
    fn of_megabytes(size: u32) -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        let size = format!("size={size}m");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(disk.folder.path());
        let is_mounted = mount.output().is_ok_and(|mount| mount.status.success());
        if !is_mounted {
            eprintln!("skipped: only root can mount a small disk");
        }
        is_mounted.then_some(disk)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is still open is let go with the test.
        drop(Command::new("umount").arg("--lazy").arg(self.folder.path()).output());
    }
}

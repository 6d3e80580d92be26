//! Trees on their way from one depot to another.

use std::io::{Cursor, Read as _};

use ports::depot::{
    Cache, CacheFilter, Carrier as _, Depot as _, DepotErrorKind, Holding, Limits, SaveCache,
    Saved, Source,
};
use tempfile::TempDir;

use super::given::{Files, Yard, files, noise};

fn some_files() -> Files {
    let text = b"some text, some text, some text\n".repeat(20);
    files([
        ("text", text.clone()),
        ("folder/the same", text),
        ("empty", Vec::new()),
        ("noise", noise(2_000, 1)),
        ("large", noise(3_000_000, 2)),
    ])
}

/// A depot with some files in it, and these files packed.
async fn packed() -> (TempDir, Yard, Cache, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    yard.prepare("work", &some_files());
    let Saved::New { cache, .. } = yard.save("key", "work").await.unwrap() else { panic!() };
    let mut bytes = Vec::new();
    let packed = yard.depot.give(Holding::Cache(cache.id)).await.unwrap();
    packed.unwrap().read_to_end(&mut bytes).unwrap();
    (folder, yard, cache, bytes)
}

fn saving(cache: &Cache, limits: Limits) -> SaveCache {
    SaveCache {
        repository: cache.repository.clone(),
        git_ref: cache.git_ref.clone(),
        key: cache.key.clone(),
        paths: cache.paths.clone(),
        source: Source { roots: Vec::new(), paths: Vec::new(), limits },
        mutable: true,
    }
}

#[tokio::test]
async fn a_tree_arrives_as_it_was_and_is_not_kept_twice() {
    let (_folder, yard, cache, bytes) = packed().await;
    let there = tempfile::tempdir().unwrap();
    let there = Yard::new(there.path());
    let take = || {
        let tree = Box::new(Cursor::new(bytes.clone()));
        there.depot.take_cache(saving(&cache, Limits::default()), tree)
    };
    let Saved::New { added, cache: arrived, .. } = take().await.unwrap() else { panic!() };
    assert!(added > 3_000_000, "{added}");
    assert_eq!((arrived.size, arrived.files), (cache.size, cache.files));
    there.restore("key", "back").await.unwrap().unwrap();
    assert_eq!(there.files("back"), some_files());
    let again = take().await.unwrap();
    assert!(matches!(again, Saved::New { added: 0, .. }), "{again:?}");
    assert_eq!(yard.depot.give(Holding::Cache(77)).await.unwrap().map(drop), None);
}

#[tokio::test]
async fn a_tree_that_was_cut_or_changed_leaves_nothing() {
    let (_folder, _yard, cache, bytes) = packed().await;
    let there = tempfile::tempdir().unwrap();
    let there = Yard::new(there.path());
    let mut wrong = Vec::new();
    for part in 1..16 {
        let at = bytes.len() * part / 16;
        wrong.push(bytes[..at].to_vec());
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        wrong.push(changed);
    }
    wrong.extend([Vec::new(), bytes[..bytes.len() - 1].to_vec(), b"nonsense".to_vec()]);
    wrong.push([bytes.as_slice(), &bytes].concat());
    for wrong in wrong {
        let length = wrong.len();
        let tree = Box::new(Cursor::new(wrong));
        let taken = there.depot.take_cache(saving(&cache, Limits::default()), tree).await;
        assert!(taken.is_err(), "{length}: {taken:?}");
        assert!(there.packs().is_empty(), "{length}");
    }
    assert!(there.depot.caches(CacheFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_tree_above_the_limits_is_not_taken() {
    let (_folder, _yard, cache, bytes) = packed().await;
    let there = tempfile::tempdir().unwrap();
    let there = Yard::new(there.path());
    for limits in
        [Limits { bytes: 3_000_000, ..Limits::default() }, Limits { files: 4, ..Limits::default() }]
    {
        let tree = Box::new(Cursor::new(bytes.clone()));
        let refused = there.depot.take_cache(saving(&cache, limits), tree).await.unwrap_err();
        assert_eq!(refused.kind, DepotErrorKind::TooLarge, "{refused}");
    }
    assert!(there.packs().is_empty());
}

//! Several programs use one depot at once, with less room than they need.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use ports::depot::{CacheFilter, Depot, DepotErrorKind};
use ports::fake::Seeded;
use store::depot::Options;

use super::given::{Files, Yard, files, noise};

const PROGRAMS: u64 = 4;
const STEPS: usize = 60;
const OPTIONS: Options = Options { quota: 3_000_000, cache_days: 7, artifact_days: 90 };
/// Tells a child where to work, and with which luck.
const FOLDER: &str = "HIGHROAD_DEPOT_TEST_SHARED";
const SEED: &str = "HIGHROAD_DEPOT_TEST_SEED";

/// What is saved under a number. Neighbours share content.
fn numbered(number: u64) -> Files {
    files([
        ("own", noise(200_000, 1_000 + number)),
        ("shared", noise(400_000, number / 3)),
        ("folder/small", number.to_string().into_bytes()),
    ])
}

#[tokio::test]
async fn one_of_several_children() {
    let (Ok(folder), Ok(seed)) = (env::var(FOLDER), env::var(SEED)) else { return };
    let luck = Seeded::new(seed.parse().unwrap());
    let yard = Yard::open(Path::new(&folder), OPTIONS).unwrap();
    let (work, back) = (format!("work-{seed}"), format!("back-{seed}"));
    for _ in 0..STEPS {
        let number = luck.below(12);
        let key = format!("key-{number}");
        match luck.below(10) {
            0..4 => {
                yard.prepare(&work, &numbered(number));
                yard.save(&key, &work).await.unwrap();
            }
            4..8 => {
                yard.clear(&back);
                let expected = match yard.restore(&key, &back).await.unwrap() {
                    // The beginning of another key does as well.
                    Some(hit) => numbered(hit.cache.key["key-".len()..].parse().unwrap()),
                    None => Files::new(),
                };
                assert!(yard.files(&back) == expected, "{key}");
            }
            8 => {
                let filter = CacheFilter { key: Some(key), ..CacheFilter::default() };
                yard.depot.remove_caches(filter).await.unwrap();
            }
            _ => drop(yard.depot.tend().await.unwrap()),
        }
        let usage = yard.depot.usage().await.unwrap();
        assert!(usage.stored <= OPTIONS.quota, "{usage:?}");
    }
}

#[tokio::test]
async fn several_programs_share_a_depot() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<_> = (0..PROGRAMS)
        .map(|seed| {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "depot::processes::one_of_several_children", "--nocapture"]);
            child.env(FOLDER, folder.path()).env(SEED, seed.to_string());
            child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
    }
    let yard = Yard::open(folder.path(), OPTIONS).unwrap();
    assert!(!yard.depot.caches(CacheFilter::default()).await.unwrap().is_empty());
    for number in 0..12 {
        yard.clear("back");
        if let Some(hit) = yard.restore(&format!("key-{number}"), "back").await.unwrap() {
            assert!(!hit.exact || yard.files("back") == numbered(number));
        }
    }
    yard.depot.remove_caches(CacheFilter::default()).await.unwrap();
    yard.depot.tend().await.unwrap();
    assert!(yard.packs().is_empty(), "nothing of nobody is left");
    // A tree that is larger than the quota is refused while it is being read.
    yard.prepare("work", &files([("file", noise(4_000_000, 1))]));
    let error = yard.save("big", "work").await.unwrap_err();
    assert_eq!(error.kind, DepotErrorKind::NoRoom, "{error}");
    assert!(yard.packs().is_empty());
}

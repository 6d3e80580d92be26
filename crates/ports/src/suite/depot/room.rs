//! What stays and what goes when there is not room for everything.

use crate::clock::Clock;
use crate::depot::{
    ArtifactFilter, Cache, CacheFilter, DepotErrorKind, SaveArtifact, SaveCache, Saved,
};

use super::given::{named, new, noise, refused};
use super::{ARTIFACT_DAYS, CACHE_DAYS, Ground, QUOTA};

/// So many thirds of the quota.
fn thirds(count: usize, seed: u64) -> Vec<u8> {
    noise(usize::try_from(QUOTA).expect("a small number") / 3 * count - 20_000, seed)
}

pub async fn the_longest_unused_cache_makes_room(ground: &Ground) {
    for key in ["a", "b", "c"] {
        ground.save_content(key, thirds(1, u64::from(key.as_bytes()[0]))).await;
        ground.wait(1);
    }
    ground.restore("a").await.expect("it is found");
    ground.wait(1);
    ground.save_content("d", thirds(1, 9)).await;
    assert_eq!(ground.keys().await, ["d", "a", "c"]);
    ground.wait(1);
    ground.save_content("e", thirds(2, 10)).await;
    assert_eq!(ground.keys().await, ["e", "d"]);
    let usage = ground.depot.usage().await.expect("the depot serves");
    assert!(usage.stored <= QUOTA && usage.quota == QUOTA, "{usage:?}");
    assert_eq!((usage.caches, usage.artifacts, usage.artifacts_stored), (2, 0, 0));
    for (key, length) in [("d", thirds(1, 9)), ("e", thirds(2, 10))] {
        ground.restore(key).await.expect("it is found");
        assert!(std::fs::read(ground.at("back/out/file")).expect("it is there") == length);
    }
}

pub async fn what_can_never_fit_is_refused_and_nothing_goes(ground: &Ground) {
    ground.save_content("a", thirds(1, 1)).await;
    ground.write("work/out/file", thirds(4, 2));
    let saved = ground.depot.save_cache(ground.saving("b")).await;
    refused(saved, DepotErrorKind::NoRoom);
    assert_eq!(ground.keys().await, ["a"]);
}

pub async fn artifacts_do_not_make_room(ground: &Ground) {
    ground.write("work/dist/file", thirds(2, 1));
    ground.upload("dist").await;
    ground.wait(1);
    ground.save_content("a", thirds(1, 2)).await;
    ground.wait(1);
    ground.save_content("b", thirds(1, 3)).await;
    assert_eq!(ground.keys().await, ["b"]);
    ground.write("work/out/file", thirds(2, 4));
    let refusal =
        refused(ground.depot.save_cache(ground.saving("c")).await, DepotErrorKind::NoRoom);
    assert!(refusal.contains("artifacts"), "{refusal}");
    // Caches make room for artifacts.
    ground.write("work/more/file", thirds(1, 5));
    ground.upload("more").await;
    assert!(ground.keys().await.is_empty());
    let usage = ground.depot.usage().await.expect("the depot serves");
    assert_eq!((usage.artifacts, usage.artifacts_stored), (2, usage.stored));
    ground.depot.restore_artifacts(ground.downloading(named("dist"))).await.expect("it is there");
}

pub async fn the_same_content_is_kept_once(ground: &Ground) {
    let added = async |key: &str| match ground
        .depot
        .save_cache(ground.saving(key))
        .await
        .expect("it is saved")
    {
        Saved::New { added, .. } => added,
        Saved::Taken(Cache { key, .. }) => panic!("`{key}` is taken"),
    };
    ground.write("work/out/one", thirds(2, 1));
    ground.write("work/out/again", thirds(2, 1));
    let first = added("a").await;
    assert!(first < QUOTA * 3 / 4, "{first}");
    ground.write("work/out/more", "a little more");
    let second = added("b").await;
    assert!(second < 2_000, "{second}");
    assert_eq!(added("c").await, 0);
    let usage = ground.depot.usage().await.expect("the depot serves");
    assert_eq!((usage.caches, usage.stored), (3, first + second));
    // What one of them still needs stays.
    for key in ["a", "c"] {
        let filter = CacheFilter { key: Some(key.to_owned()), ..CacheFilter::default() };
        ground.depot.remove_caches(filter).await.expect("the depot serves");
    }
    ground.restore("b").await.expect("it is found");
    assert!(std::fs::read(ground.at("back/out/again")).expect("it is there") == thirds(2, 1));
}

pub async fn what_nobody_uses_goes_in_time(ground: &Ground) {
    for key in ["used", "unused"] {
        ground.save_content(key, key).await;
    }
    ground.wait_days(CACHE_DAYS - 1);
    ground.restore("used").await.expect("it is found");
    assert!(ground.depot.tend().await.expect("the depot serves").caches.is_empty());
    ground.wait_days(2);
    let tended = ground.depot.tend().await.expect("the depot serves");
    assert_eq!(tended.caches.iter().map(|cache| &cache.key).collect::<Vec<_>>(), ["unused"]);
    assert_eq!(ground.keys().await, ["used"]);
}

pub async fn saving_tends_now_and_then(ground: &Ground) {
    ground.save_content("old", "old").await;
    ground.wait_days(CACHE_DAYS + 1);
    ground.save_content("new", "new").await;
    assert_eq!(ground.keys().await, ["new"]);
}

pub async fn artifacts_go_when_their_time_is_over(ground: &Ground) {
    ground.write("work/dist/file", "one");
    let usual = ground.upload("dist").await;
    let short =
        SaveArtifact { name: "short".to_owned(), keep_days: Some(1), ..ground.uploading("dist") };
    ground.depot.save_artifact(short).await.expect("it is saved");
    let names = async || {
        let filter = ArtifactFilter::default();
        let artifacts = ground.depot.artifacts(filter).await.expect("the depot serves");
        artifacts.into_iter().map(|artifact| artifact.name).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["short", "dist"]);
    ground.wait_days(1);
    // It is not there any more, tended or not.
    assert_eq!(names().await, ["dist"]);
    let gone = ground.depot.restore_artifacts(ground.downloading(named("short"))).await;
    refused(gone, DepotErrorKind::Missing);
    let tended = ground.depot.tend().await.expect("the depot serves");
    assert_eq!(tended.artifacts.len(), 1);
    let gone = ground.depot.restore_artifacts(ground.downloading(named("short"))).await;
    let told = refused(gone, DepotErrorKind::Missing);
    assert!(told.contains("its time was over"), "{told}");

    ground.wait_days(ARTIFACT_DAYS);
    assert!(usual.expires_at <= ground.clock.now());
    ground.depot.tend().await.expect("the depot serves");
    assert_eq!(ground.depot.usage().await.expect("the depot serves").stored, 0);
}

pub async fn replaced_content_goes(ground: &Ground) {
    for seed in 1..=5 {
        ground.write("work/out/file", thirds(1, seed));
        let save = SaveCache { mutable: true, ..ground.saving("a") };
        new(ground.depot.save_cache(save).await);
    }
    let usage = ground.depot.usage().await.expect("the depot serves");
    assert!(usage.stored < QUOTA / 3, "{usage:?}");
}

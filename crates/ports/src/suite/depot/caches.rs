//! Which cache is found, and by whom.

use crate::depot::{CacheFilter, DepotErrorKind, MAX_KEY, RestoreCache, SaveCache, Saved, Scope};

use super::Ground;
use super::given::{FEATURE, MAIN, new, refused, scope, side_by_side};

pub async fn nothing_is_found_where_nothing_was_saved(ground: &Ground) {
    assert_eq!(ground.restore_with("npm-1", &["npm-", "n"]).await, None);
    assert!(ground.keys().await.is_empty());
    assert!(!ground.is_there("back"));
}

pub async fn a_key_is_found(ground: &Ground) {
    let saved = ground.save_content("npm-1", "one").await;
    ground.wait(60);
    let hit = ground.restore("npm-1").await.expect("it is found");
    assert!(hit.exact);
    assert_eq!((hit.cache.id, hit.cache.key.as_str()), (saved.id, "npm-1"));
    assert_eq!((hit.cache.size, hit.cache.files), (3, 2));
    assert_eq!(hit.cache.saved_at, saved.saved_at);
    assert!(hit.cache.used_at > saved.used_at);
    assert_eq!(ground.read("back/out/file"), "one");
}

pub async fn a_key_is_found_by_its_beginning(ground: &Ground) {
    for (key, content) in [("npm-1-a", "first"), ("npm-1-b", "second"), ("npm-2", "third")] {
        ground.save_content(key, content).await;
        ground.wait(1);
    }
    let hit = ground.restore("npm-1").await.expect("it is found");
    assert_eq!((hit.exact, hit.cache.key.as_str()), (false, "npm-1-b"));
    assert_eq!(ground.read("back/out/file"), "second");
    assert_eq!(ground.restore("npm-1-c").await, None);
}

pub async fn restore_keys_are_tried_in_their_order(ground: &Ground) {
    for key in ["npm-linux-1", "npm-linux-2", "npm-mac-1", "npm-"] {
        ground.save_content(key, key).await;
        ground.wait(1);
    }
    for (restore_keys, expected) in [
        (&["npm-linux-", "npm-"][..], "npm-linux-2"),
        (&["npm-mac-", "npm-linux-"], "npm-mac-1"),
        (&["gone-", "npm-linux-1"], "npm-linux-1"),
        // The whole of a restore key goes before what only begins like it.
        (&["npm-"], "npm-"),
        (&["npm"], "npm-"),
    ] {
        let hit = ground.restore_with("npm-linux-3", restore_keys).await.expect("it is found");
        assert_eq!((hit.exact, hit.cache.key.as_str()), (false, expected), "{restore_keys:?}");
        assert_eq!(ground.read("back/out/file"), expected);
    }
    let hit = ground.restore_with("npm-linux-1", &["npm-linux-2"]).await.expect("it is found");
    assert_eq!((hit.exact, hit.cache.key.as_str()), (true, "npm-linux-1"));
}

pub async fn the_own_ref_goes_before_the_others(ground: &Ground) {
    let base = "refs/heads/next";
    for (git_ref, key) in [(MAIN, "npm-1"), (base, "npm-1"), (FEATURE, "npm-0")] {
        ground.write("work/out/file", git_ref);
        let save = SaveCache { git_ref: git_ref.to_owned(), ..ground.saving(key) };
        new(ground.depot.save_cache(save).await);
        ground.wait(1);
    }
    let all = Scope { base: Some(base.to_owned()), ..scope(FEATURE) };
    for (scope, restore_keys, expected, exact) in [
        (all.clone(), &[][..], base, true),
        (scope(FEATURE), &[], MAIN, true),
        // As GitHub does it: the beginning of a key in the own ref goes before the whole key in
        // the next.
        (all, &["npm-"], FEATURE, false),
        (scope(MAIN), &["npm-"], MAIN, true),
    ] {
        let restore_keys = restore_keys.iter().map(ToString::to_string).collect();
        let restore = RestoreCache { scope, restore_keys, ..ground.restoring("npm-1") };
        let hit = ground.found(restore).await.expect("it is found");
        assert_eq!((hit.cache.git_ref.as_str(), hit.exact), (expected, exact));
        assert_eq!(ground.read("back/out/file"), expected);
    }
}

pub async fn another_ref_and_another_repository_are_not_read(ground: &Ground) {
    let save = SaveCache { git_ref: FEATURE.to_owned(), ..ground.saving("npm-1") };
    ground.write("work/out/file", "of a feature");
    new(ground.depot.save_cache(save).await);
    assert_eq!(ground.restore_with("npm-1", &["npm-"]).await, None);
    let scope = Scope { repository: "other".to_owned(), ..scope(FEATURE) };
    let restore = RestoreCache { scope, ..ground.restoring("npm-1") };
    assert_eq!(ground.found(restore).await, None);
}

pub async fn other_paths_are_another_cache(ground: &Ground) {
    ground.save_content("npm-1", "out").await;
    let paths = |paths: &[&str]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    for other in [&["out", "more"][..], &["ou"], &[]] {
        let restore = RestoreCache { paths: paths(other), ..ground.restoring("npm-1") };
        assert_eq!(ground.found(restore).await, None, "{other:?}");
    }
    ground.write("work/more/file", "more");
    let both = SaveCache {
        paths: paths(&["out", "more"]),
        source: ground.source(&["out", "more"]),
        ..ground.saving("npm-1")
    };
    new(ground.depot.save_cache(both).await);
    let restore = RestoreCache { paths: paths(&["out", "more"]), ..ground.restoring("npm-1") };
    ground.found(restore).await.expect("it is found");
    assert_eq!(ground.read("back/more/file"), "more");
    assert_eq!(ground.keys().await, ["npm-1", "npm-1"]);
}

pub async fn a_key_keeps_its_first_content(ground: &Ground) {
    let first = ground.save_content("npm-1", "first").await;
    ground.wait(1);
    ground.write("work/out/file", "second");
    let saved = ground.depot.save_cache(ground.saving("npm-1")).await.expect("it answers");
    assert_eq!(saved, Saved::Taken(first));
    ground.restore("npm-1").await.expect("it is found");
    assert_eq!(ground.read("back/out/file"), "first");
}

pub async fn a_mutable_key_takes_new_content(ground: &Ground) {
    let first = ground.save_content("npm-1", "first").await;
    for content in ["second", "second", "third"] {
        ground.wait(1);
        ground.write("work/out/file", content);
        let save = SaveCache { mutable: true, ..ground.saving("npm-1") };
        let cache = new(ground.depot.save_cache(save).await);
        assert!(cache.id > first.id && cache.saved_at > first.saved_at);
        ground.restore("npm-1").await.expect("it is found");
        assert_eq!(ground.read("back/out/file"), content);
    }
    assert_eq!(ground.keys().await, ["npm-1"]);
}

pub async fn a_cache_can_be_looked_for_and_left(ground: &Ground) {
    ground.save_content("npm-1", "one").await;
    let restore = RestoreCache { into: None, ..ground.restoring("npm-1") };
    assert!(ground.found(restore).await.expect("it is found").exact);
    assert!(!ground.is_there("back"));
}

pub async fn caches_are_listed_and_removed(ground: &Ground) {
    for key in ["npm-1", "npm-2", "cargo-1"] {
        ground.save_content(key, key).await;
        ground.wait(1);
    }
    ground.restore("npm-1").await.expect("it is found");
    assert_eq!(ground.keys().await, ["npm-1", "cargo-1", "npm-2"]);
    let all = CacheFilter::default;
    let list = async |filter| {
        let caches = ground.depot.caches(filter).await.expect("the depot serves");
        caches.into_iter().map(|cache| cache.key).collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(list(CacheFilter { limit: 2, ..all() }).await, ["npm-1", "cargo-1"]);
    assert_eq!(list(CacheFilter { key: text("npm-2"), ..all() }).await, ["npm-2"]);
    assert_eq!(list(CacheFilter { prefix: text("npm-"), ..all() }).await, ["npm-1", "npm-2"]);
    assert_eq!(list(CacheFilter { repository: text("shop"), ..all() }).await.len(), 3);
    assert!(list(CacheFilter { repository: text("other"), ..all() }).await.is_empty());
    assert!(list(CacheFilter { git_ref: text(FEATURE), ..all() }).await.is_empty());

    let npm = CacheFilter { prefix: text("npm-"), ..all() };
    let removed = ground.depot.remove_caches(npm).await.expect("the depot serves");
    assert_eq!(removed.len(), 2);
    assert_eq!(ground.restore_with("npm-1", &["npm-"]).await, None);
    let cargo = ground.depot.caches(all()).await.expect("the depot serves");
    let one = CacheFilter { id: Some(cargo[0].id), ..all() };
    ground.depot.remove_caches(one).await.expect("the depot serves");
    assert!(ground.keys().await.is_empty());
    assert_eq!(ground.depot.usage().await.expect("the depot serves").stored, 0);
}

pub async fn unusual_keys_mean_themselves(ground: &Ground) {
    let keys =
        ["%", "_", "a%b", "a_b", "a*b", "[a]", "a'b", "a\\b", "ä", "日本", "\u{10ffff}", " x"];
    for key in keys {
        ground.save_content(key, key).await;
    }
    for key in keys {
        let hit = ground.restore(key).await.expect("it is found");
        assert_eq!((hit.exact, hit.cache.key.as_str()), (true, key));
        assert_eq!(ground.read("back/out/file"), key);
    }
    for near in ["%%", "axb", "__", "A_B", "[", "\u{10fffe}"] {
        let hit = ground.restore(near).await;
        assert_eq!(hit.map(|hit| hit.cache.key), (near == "[").then(|| "[a]".to_owned()));
    }
}

pub async fn keys_that_cannot_be_are_refused(ground: &Ground) {
    ground.write("work/out/file", "one");
    for key in ["", "a,b", &"x".repeat(MAX_KEY + 1)] {
        let saved = ground.depot.save_cache(ground.saving(key)).await;
        refused(saved, DepotErrorKind::Invalid);
        let restored = ground.depot.restore_cache(ground.restoring(key)).await;
        refused(restored, DepotErrorKind::Invalid);
        let restore_keys = vec![key.to_owned()];
        let restore = RestoreCache { restore_keys, ..ground.restoring("npm-1") };
        refused(ground.depot.restore_cache(restore).await, DepotErrorKind::Invalid);
    }
    let restore_keys = (0..10).map(|number| format!("npm-{number}")).collect();
    let restore = RestoreCache { restore_keys, ..ground.restoring("npm-1") };
    refused(ground.depot.restore_cache(restore).await, DepotErrorKind::Invalid);
}

pub async fn of_many_who_save_one_key_one_wins(ground: &Ground) {
    let mut saving = Vec::new();
    for number in 0..8 {
        ground.write(&format!("work/{number}/out/file"), number.to_string());
        let mut save = ground.saving("npm-1");
        save.source.roots = vec![ground.root("workspace", &format!("work/{number}"))];
        saving.push(ground.depot.save_cache(save));
    }
    let saved = side_by_side(saving).await;
    let saved: Vec<_> = saved.into_iter().map(|saved| saved.expect("it answers")).collect();
    let winners: Vec<_> = saved.iter().filter(|saved| matches!(saved, Saved::New { .. })).collect();
    let [Saved::New { cache: winner, .. }] = &winners[..] else { panic!("{winners:?}") };
    for saved in &saved {
        let (Saved::New { cache, .. } | Saved::Taken(cache)) = saved;
        assert_eq!(cache.id, winner.id);
    }
    ground.restore("npm-1").await.expect("it is found");
    assert_eq!(ground.keys().await, ["npm-1"]);
}

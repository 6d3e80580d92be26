//! Why a key was not found.

use crate::depot::{
    CacheFilter, Difference, LookupFilter, Outcome, Reason, RestoreCache, SaveCache, Why,
};

use super::given::{FEATURE, MAIN, new, noise, scope};
use super::{CACHE_DAYS, Ground, QUOTA};

pub async fn every_look_up_is_noted(ground: &Ground) {
    ground.save_content("npm-1", "one").await;
    ground.restore("npm-1").await;
    ground.wait(1);
    ground.restore_with("npm-2", &["npm-"]).await;
    ground.wait(1);
    let gone = RestoreCache { scope: scope(FEATURE), into: None, ..ground.restoring("gone") };
    ground.found(gone).await;

    let list = async |filter| ground.depot.lookups(filter).await.expect("the depot serves");
    let all = LookupFilter::default;
    let [miss, partial, exact] = &list(all()).await[..] else { panic!("three were noted") };
    assert!(miss.at > partial.at && partial.at > exact.at);
    assert_eq!((miss.key.as_str(), &miss.outcome), ("gone", &Outcome::Miss));
    assert_eq!((&miss.scope, &miss.paths), (&scope(FEATURE), &vec!["out".to_owned()]));
    let git_ref = MAIN.to_owned();
    let key = "npm-1".to_owned();
    assert_eq!(partial.outcome, Outcome::Partial { key, git_ref: git_ref.clone() });
    assert_eq!(partial.restore_keys, ["npm-"]);
    assert_eq!(exact.outcome, Outcome::Exact { git_ref });
    assert_eq!((&exact.version, exact.key.as_str()), (&miss.version, "npm-1"));

    let ids = async |filter| list(filter).await.iter().map(|one| one.id).collect::<Vec<_>>();
    assert_eq!(ids(LookupFilter { missed: true, ..all() }).await, [miss.id, partial.id]);
    assert_eq!(ids(LookupFilter { limit: 1, ..all() }).await, [miss.id]);
    let key = Some("npm-2".to_owned());
    assert_eq!(ids(LookupFilter { key, ..all() }).await, [partial.id]);
    let git_ref = Some(FEATURE.to_owned());
    assert_eq!(ids(LookupFilter { git_ref, ..all() }).await, [miss.id]);
    let repository = Some("other".to_owned());
    assert!(ids(LookupFilter { repository, ..all() }).await.is_empty());

    let explained = ground.depot.explain(exact.id).await.expect("the depot serves");
    assert!(explained.expect("it is known").reasons.is_empty());
    assert_eq!(ground.depot.explain(u64::MAX).await.expect("the depot serves"), None);
}

pub async fn a_miss_names_the_nearest_key(ground: &Ground) {
    let hashes = ["1f3a9c0d", "77e0b1c2"];
    ground.save_content("cargo-1", "other").await;
    let cache = ground.save_content(&format!("npm-linux-{}", hashes[0]), "one").await;
    ground.wait(1);
    assert_eq!(ground.restore(&format!("npm-linux-{}", hashes[1])).await, None);
    let difference = Difference {
        alike: "npm-linux-".to_owned(),
        asked: hashes[1].to_owned(),
        saved: hashes[0].to_owned(),
        is_hash: true,
    };
    assert_eq!(ground.explained().await.reasons, [Reason::Nearest { cache, difference }]);
}

pub async fn a_miss_names_the_ref_that_may_not_be_read(ground: &Ground) {
    ground.write("work/out/file", "one");
    let save = SaveCache { git_ref: FEATURE.to_owned(), ..ground.saving("npm-1") };
    let cache = new(ground.depot.save_cache(save).await);
    assert_eq!(ground.restore("npm-1").await, None);
    let nothing = Reason::NothingReadable { others: 1 };
    assert_eq!(ground.explained().await.reasons, [Reason::OtherRef(cache), nothing]);
}

pub async fn a_miss_names_the_paths_that_differ(ground: &Ground) {
    let cache = ground.save_content("npm-1", "one").await;
    let paths = vec!["out".to_owned(), "more".to_owned()];
    let restore = RestoreCache { paths, ..ground.restoring("npm-1") };
    assert_eq!(ground.found(restore).await, None);
    let only_asked = vec!["more".to_owned()];
    let other_paths = Reason::OtherPaths { cache, only_asked, only_saved: Vec::new() };
    assert_eq!(ground.explained().await.reasons, [other_paths]);
}

pub async fn a_miss_tells_when_the_cache_went_and_why(ground: &Ground) {
    let first_reason = async || {
        ground.wait(60);
        assert_eq!(ground.restore("npm-1").await, None);
        let Some(Reason::Gone(gone)) = ground.explained().await.reasons.into_iter().next() else {
            panic!("it has gone");
        };
        assert_eq!(gone.cache.key, "npm-1");
        gone.why
    };
    ground.save_content("npm-1", "one").await;
    let key = Some("npm-1".to_owned());
    let one = CacheFilter { key, ..CacheFilter::default() };
    ground.depot.remove_caches(one).await.expect("the depot serves");
    assert_eq!(first_reason().await, Why::Removed);

    ground.save_content("npm-1", "one").await;
    ground.wait_days(CACHE_DAYS + 1);
    ground.depot.tend().await.expect("the depot serves");
    assert_eq!(first_reason().await, Why::Unused);

    let most = usize::try_from(QUOTA).expect("a small number") * 3 / 4;
    ground.save_content("npm-1", noise(most, 1)).await;
    ground.wait(1);
    ground.save_content("npm-big", noise(most, 2)).await;
    assert_eq!(first_reason().await, Why::Evicted { by: "npm-big".to_owned() });
}

pub async fn a_miss_is_explained_by_what_was_there_then(ground: &Ground) {
    assert_eq!(ground.restore("npm-1").await, None);
    ground.wait(1);
    let cache = ground.save_content("npm-1", "one").await;
    ground.save_content("npm-2", "two").await;
    let reasons = ground.explained().await.reasons;
    assert_eq!(reasons, [Reason::Later(cache), Reason::NothingReadable { others: 0 }]);

    ground.wait(1);
    assert_eq!(ground.restore("npm-3").await, None);
    ground.wait(1);
    ground.depot.remove_caches(CacheFilter::default()).await.expect("the depot serves");
    let reasons = ground.explained().await.reasons;
    let [Reason::Nearest { cache, .. }] = &reasons[..] else { panic!("{reasons:?}") };
    assert_eq!(cache.key, "npm-2");
}

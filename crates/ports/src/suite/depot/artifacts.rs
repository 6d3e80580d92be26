//! Artifacts by their names.

use crate::depot::{
    ArtifactFilter, DepotErrorKind, RestoreArtifacts, SaveArtifact, SavedArtifact, Which,
};

use super::given::{named, refused};
use super::{ARTIFACT_DAYS, Ground};

pub async fn an_artifact_is_put_into_place(ground: &Ground) {
    ground.write("work/dist/app.js", "app");
    ground.write("work/dist/css/app.css", "css");
    ground.set_mode("work/dist/app.js", 0o755);
    let saved = ground.depot.save_artifact(ground.uploading("dist")).await.expect("it is saved");
    let SavedArtifact { artifact, added, skipped } = saved;
    assert!(added > 0 && skipped.is_empty());
    assert_eq!((artifact.run.as_str(), artifact.name.as_str()), ("1", "dist"));
    assert_eq!((artifact.size, artifact.files), (6, 3));
    let stays = artifact.expires_at.duration_since(artifact.saved_at);
    assert_eq!(stays.as_hours(), i64::from(ARTIFACT_DAYS) * 24);
    let restored = ground.depot.restore_artifacts(ground.downloading(named("dist"))).await;
    assert_eq!(restored.expect("it is there"), [artifact]);
    assert_eq!(ground.read("back/app.js"), "app");
    assert_eq!(ground.read("back/css/app.css"), "css");
}

pub async fn paths_begin_at_the_base(ground: &Ground) {
    ground.write("work/a/b/one", "one");
    ground.write("work/a/c/two", "two");
    let source = ground.source(&["a/b/one", "a/c"]);
    for (base, expected) in [
        ("work", ["back/a/b/one", "back/a/c/two"]),
        ("work/a", ["back/b/one", "back/c/two"]),
        ("", ["back/work/a/b/one", "back/work/a/c/two"]),
    ] {
        let save = SaveArtifact {
            source: source.clone(),
            base: ground.at(base),
            overwrite: true,
            ..ground.uploading("both")
        };
        ground.depot.save_artifact(save).await.expect("it is saved");
        let restore = ground.downloading(named("both"));
        ground.depot.restore_artifacts(restore).await.expect("it is there");
        assert_eq!(expected.map(|path| ground.read(path)), ["one", "two"]);
    }
    let save = SaveArtifact { source, base: ground.at("work/a/b"), ..ground.uploading("beside") };
    let told = refused(ground.depot.save_artifact(save).await, DepotErrorKind::Outside);
    assert!(told.contains("a/c"), "{told}");
}

pub async fn a_name_is_taken_until_it_is_overwritten(ground: &Ground) {
    ground.write("work/dist/file", "first");
    let first = ground.upload("dist").await;
    ground.write("work/dist/file", "second");
    let again = ground.depot.save_artifact(ground.uploading("dist")).await;
    let told = refused(again, DepotErrorKind::Exists);
    assert!(told.contains("`dist`"), "{told}");
    let other_run = SaveArtifact { run: "2".to_owned(), ..ground.uploading("dist") };
    ground.depot.save_artifact(other_run).await.expect("it is another name");
    let overwrite = SaveArtifact { overwrite: true, ..ground.uploading("dist") };
    let second = ground.depot.save_artifact(overwrite).await.expect("it is saved").artifact;
    assert!(second.id != first.id && second.digest != first.digest);
    let restored = ground.depot.restore_artifacts(ground.downloading(named("dist"))).await;
    assert_eq!(restored.expect("it is there"), [second]);
    assert_eq!(ground.read("back/file"), "second");
}

pub async fn the_same_content_has_the_same_digest(ground: &Ground) {
    ground.write("work/dist/file", "same");
    let one = ground.upload("dist").await;
    ground.write("work/dist/file", "same");
    let other = SaveArtifact { run: "2".to_owned(), ..ground.uploading("dist") };
    let other = ground.depot.save_artifact(other).await.expect("it is saved");
    assert_eq!((other.artifact.digest, other.added), (one.digest, 0));
}

pub async fn artifacts_are_chosen_by_name_pattern_and_id(ground: &Ground) {
    let names = ["test-linux", "test-mac", "dist"];
    let mut ids = Vec::new();
    for name in names {
        ground.write(&format!("work/{name}/{name}"), name);
        ids.push(ground.upload(name).await.id);
        ground.wait(1);
    }
    let [linux, mac, dist] = names;
    let matching = |pattern: &str| Which::Matching(pattern.to_owned());
    for (which, expected) in [
        (Which::All, &[dist, mac, linux][..]),
        (named("test-mac"), &[mac]),
        (named("test-*"), &[]),
        (matching("test-*"), &[mac, linux]),
        (matching("{dist,test-l*}"), &[dist, linux]),
        (matching("!test-*"), &[dist]),
        (matching("nothing"), &[]),
        (Which::Ids(vec![ids[2], ids[0], u64::MAX]), &[dist, linux]),
    ] {
        let filter = ArtifactFilter { which: which.clone(), ..ArtifactFilter::default() };
        let found = ground.depot.artifacts(filter).await.expect("the depot serves");
        let found: Vec<_> = found.iter().map(|artifact| artifact.name.as_str()).collect();
        assert_eq!(found, expected, "{which:?}");
    }
    let first = ArtifactFilter { limit: 1, ..ArtifactFilter::default() };
    assert_eq!(ground.depot.artifacts(first).await.expect("the depot serves").len(), 1);
    let other = ArtifactFilter { run: Some("2".to_owned()), ..ArtifactFilter::default() };
    assert!(ground.depot.artifacts(other).await.expect("the depot serves").is_empty());
    let filter = ArtifactFilter { which: matching("@(a|b)"), ..ArtifactFilter::default() };
    refused(ground.depot.artifacts(filter).await, DepotErrorKind::Invalid);

    let test = ArtifactFilter { which: matching("test-*"), ..ArtifactFilter::default() };
    let removed = ground.depot.remove_artifacts(test).await.expect("the depot serves");
    assert_eq!(removed.len(), 2);
    let left = ground.depot.artifacts(ArtifactFilter::default()).await.expect("the depot serves");
    assert_eq!(left.iter().map(|artifact| artifact.id).collect::<Vec<_>>(), [ids[2]]);
}

pub async fn several_artifacts_are_put_apart_or_together(ground: &Ground) {
    for (name, file) in [("one", "a"), ("two", "b"), ("three", "b")] {
        ground.write(&format!("work/{name}/{file}"), name);
        ground.write(&format!("work/{name}/folder/{name}"), name);
        ground.upload(name).await;
        ground.wait(1);
    }
    let apart = RestoreArtifacts { apart: true, ..ground.downloading(Which::All) };
    let restored = ground.depot.restore_artifacts(apart).await.expect("they are there");
    let names: Vec<_> = restored.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["one", "two", "three"]);
    assert_eq!(ground.read("back/one/a"), "one");
    assert_eq!(ground.read("back/three/folder/three"), "three");

    let together =
        RestoreArtifacts { into: ground.at("together"), ..ground.downloading(Which::All) };
    ground.depot.restore_artifacts(together).await.expect("they are there");
    assert_eq!(ground.read("together/a"), "one");
    assert_eq!(ground.read("together/b"), "three", "the newest wins");
    assert_eq!(ground.tree("together/folder").len(), 3);
}

pub async fn of_artifacts_that_cannot_be_joined_none_is_put(ground: &Ground) {
    ground.write("work/one/a", "one");
    ground.write("work/one/same", "a file");
    ground.write("work/two/same/file", "in a folder");
    ground.upload("two").await;
    ground.wait(1);
    ground.upload("one").await;
    let restored = ground.depot.restore_artifacts(ground.downloading(Which::All)).await;
    refused(restored, DepotErrorKind::InTheWay);
    assert!(ground.tree("back").is_empty());
}

pub async fn what_is_missing_is_told(ground: &Ground) {
    let missing = async |which| {
        let restored = ground.depot.restore_artifacts(ground.downloading(which)).await;
        refused(restored, DepotErrorKind::Missing)
    };
    let told = missing(named("dist")).await;
    assert!(told.contains("`dist`") && told.contains("run 1"), "{told}");
    ground.write("work/dist/file", "one");
    let artifact = ground.upload("dist").await;
    let told = missing(named("dits")).await;
    assert!(told.contains("`dist`"), "{told}");
    missing(Which::Ids(vec![artifact.id + 1])).await;
    ground.depot.remove_artifacts(ArtifactFilter::default()).await.expect("the depot serves");
    let told = missing(named("dist")).await;
    assert!(told.contains("removed"), "{told}");

    let nothing = ground.downloading(Which::Matching("d*".to_owned()));
    let restored =
        ground.depot.restore_artifacts(nothing).await.expect("a pattern may fit nothing");
    assert!(restored.is_empty());
}

pub async fn names_that_cannot_be_are_refused(ground: &Ground) {
    ground.write("work/dist/file", "one");
    for name in ["", ".", "..", "a/b", "../a", "a\\b", "a:b", "a\nb", "a\0b", &"x".repeat(256)] {
        let name = name.to_owned();
        let save = SaveArtifact { name, ..ground.uploading("dist") };
        refused(ground.depot.save_artifact(save).await, DepotErrorKind::Invalid);
    }
    for keep_days in [0, u32::MAX] {
        let save = SaveArtifact { keep_days: Some(keep_days), ..ground.uploading("dist") };
        refused(ground.depot.save_artifact(save).await, DepotErrorKind::Invalid);
    }
    let save = SaveArtifact { run: String::new(), ..ground.uploading("dist") };
    refused(ground.depot.save_artifact(save).await, DepotErrorKind::Invalid);
}

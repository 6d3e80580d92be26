//! What becomes of files, on the way in and on the way back.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::depot::{
    DepotErrorKind, FileEntry, FileKind, Holding, Limits, RestoreCache, SaveCache, Saved, Source,
};

use super::Ground;
use super::given::{Thing, named, new, noise, refused};

pub async fn everything_comes_back_as_it_was(ground: &Ground) {
    ground.write("work/out/a/b/c/deep", "deep");
    ground.write("work/out/a/empty", "");
    ground.write("work/out/a-b", "beside a folder that begins like it");
    ground.write("work/out/run.sh", "#!/bin/sh\n");
    ground.write("work/out/secret", "for me alone");
    ground.write("work/out/ä 日本 \u{1f511}\n", "an unusual name");
    // Many small files, some larger ones, and one that is cut into pieces.
    for number in 0..300 {
        ground.write(&format!("work/out/many/{number}"), format!("file {number}\n").repeat(number));
    }
    ground.write("work/out/large", noise(700_000, 1));
    ground.write("work/out/larger", [noise(900_000, 2), vec![7; 20_000_000]].concat());
    ground.make("work/out/nothing/in/here");
    ground.link("work/out/link", "a/b/c/deep");
    ground.link("work/out/dangling", "/nowhere/at/all");
    ground.link("work/out/to-folder", "a");
    for (path, mode) in [("run.sh", 0o755), ("secret", 0o600), ("a/empty", 0o444), ("many", 0o700)]
    {
        ground.set_mode(&format!("work/out/{path}"), mode);
    }
    let saved = ground.save("all").await;
    let hit = ground.restore("all").await.expect("it is found");
    let (before, after) = (ground.tree("work"), ground.tree("back"));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    for (path, thing) in &before {
        assert!(after[path] == *thing, "{}", path.display());
    }
    assert_eq!(hit.cache.files, before.len() as u64);
    let size = |thing: &Thing| match thing {
        Thing::File { content, .. } => content.len() as u64,
        Thing::Folder { .. } | Thing::Link(_) => 0,
    };
    assert_eq!(saved.size, before.values().map(size).sum::<u64>());
}

pub async fn a_folder_that_lets_nobody_write_comes_back(ground: &Ground) {
    ground.write("work/out/closed/file", "one");
    ground.set_mode("work/out/closed", 0o555);
    ground.save("closed").await;
    ground.restore("closed").await.expect("it is found");
    let tree = ground.tree("back");
    assert_eq!(tree[&PathBuf::from("out/closed")], Thing::Folder { mode: 0o555 });
    assert_eq!(ground.read("back/out/closed/file"), "one");
    for path in ["work/out/closed", "back/out/closed"] {
        ground.set_mode(path, 0o755);
    }
}

pub async fn files_go_to_where_their_root_is_now(ground: &Ground) {
    ground.write("work/target/one", "one");
    ground.write("home/.cache/two", "two");
    let source = Source {
        roots: vec![ground.root("workspace", "work"), ground.root("home", "home")],
        paths: vec!["target".into(), ground.at("home/.cache")],
        limits: Limits::default(),
    };
    new(ground.depot.save_cache(SaveCache { source, ..ground.saving("both") }).await);
    let into = Some(vec![ground.root("home", "new/home"), ground.root("workspace", "new/work")]);
    ground.found(RestoreCache { into, ..ground.restoring("both") }).await.expect("it is found");
    assert_eq!(ground.read("new/work/target/one"), "one");
    assert_eq!(ground.read("new/home/.cache/two"), "two");

    let into = Some(vec![ground.root("workspace", "elsewhere")]);
    let restore = RestoreCache { into, ..ground.restoring("both") };
    let told = refused(ground.depot.restore_cache(restore).await, DepotErrorKind::Outside);
    assert!(told.contains("`home`"), "{told}");
    assert!(!ground.is_there("elsewhere/target"));
}

pub async fn the_innermost_root_counts(ground: &Ground) {
    ground.write("work/temp/one", "one");
    let source = Source {
        roots: vec![ground.root("workspace", "work"), ground.root("temp", "work/temp")],
        paths: vec!["temp/one".into()],
        limits: Limits::default(),
    };
    new(ground.depot.save_cache(SaveCache { source, ..ground.saving("one") }).await);
    let into = Some(vec![ground.root("temp", "new")]);
    ground.found(RestoreCache { into, ..ground.restoring("one") }).await.expect("it is found");
    assert_eq!(ground.read("new/one"), "one");
}

pub async fn what_stands_there_is_replaced_and_the_rest_is_left(ground: &Ground) {
    ground.write("work/out/file", "saved");
    ground.write("work/out/folder/file", "saved");
    ground.link("work/out/link", "file");
    ground.save("one").await;
    ground.write("back/out/file", "before");
    ground.write("back/out/other", "left alone");
    ground.write("back/out/folder/other", "left alone");
    ground.write("back/out/link", "before");
    ground.restore("one").await.expect("it is found");
    assert_eq!(ground.read("back/out/file"), "saved");
    assert_eq!(ground.read("back/out/folder/file"), "saved");
    assert_eq!(ground.read("back/out/other"), "left alone");
    assert_eq!(ground.read("back/out/folder/other"), "left alone");
    let tree = ground.tree("back");
    assert_eq!(tree[&PathBuf::from("out/link")], Thing::Link("file".into()));
    assert_eq!(tree.len(), 7, "nothing else was left there: {:?}", tree.keys());
}

pub async fn what_stands_in_its_place_is_set_right(ground: &Ground) {
    for number in 0..600 {
        ground.write(&format!("work/out/folder/{number}"), number.to_string());
    }
    ground.write("work/out/script", "same");
    ground.write("work/out/large", noise(1_500_000, 1));
    ground.link("work/out/link", "script");
    ground.set_mode("work/out/script", 0o755);
    ground.save("one").await;
    ground.restore("one").await.expect("it is found");
    let saved = ground.tree("back");
    assert!(saved == ground.tree("work"));

    ground.restore("one").await.expect("it is found");
    assert!(ground.tree("back") == saved);
    // The same content at another time, other content of the same size, and something else again.
    ground.write("back/out/script", "same");
    ground.set_mode("back/out/script", 0o600);
    ground.write("back/out/folder/7", "8");
    ground.write("back/out/large", noise(1_500_000, 2));
    std::fs::remove_file(ground.at("back/out/link")).expect("it is there");
    ground.link("back/out/link", "elsewhere");
    std::fs::remove_file(ground.at("back/out/folder/9")).expect("it is there");
    std::fs::hard_link(ground.at("work/out/folder/11"), ground.at("back/hard")).expect("it is");
    std::fs::rename(ground.at("back/hard"), ground.at("back/out/folder/11")).expect("it is");
    ground.restore("one").await.expect("it is found");
    assert!(ground.tree("back") == saved);
    ground.write("back/out/folder/11", "ours alone");
    assert_eq!(ground.read("work/out/folder/11"), "11");
}

pub async fn nothing_is_written_through_a_link(ground: &Ground) {
    ground.write("work/out/folder/file", "saved");
    ground.write("work/out/file", "saved");
    ground.save("one").await;
    ground.write("outside/file", "not ours");
    ground.link("back/out/folder", ground.at("outside"));
    ground.link("back/out/file", ground.at("outside/file"));
    ground.restore("one").await.expect("it is found");
    assert_eq!(ground.read("outside/file"), "not ours");
    assert_eq!(ground.read("back/out/folder/file"), "saved");
    assert_eq!(ground.read("back/out/file"), "saved");
    assert_eq!(ground.tree("outside").len(), 1);
    // The folder itself may be a link: whoever restores has named it.
    ground.make("real");
    ground.link("named", ground.at("real"));
    let into = Some(vec![ground.root("workspace", "named")]);
    ground.found(RestoreCache { into, ..ground.restoring("one") }).await.expect("it is found");
    assert_eq!(ground.read("real/out/file"), "saved");
}

pub async fn a_folder_in_the_way_stops_everything(ground: &Ground) {
    ground.write("work/out/a", "saved");
    ground.write("work/out/b", "saved");
    ground.save("one").await;
    ground.write("back/out/b/precious", "not ours");
    let told = refused(
        ground.depot.restore_cache(ground.restoring("one")).await,
        DepotErrorKind::InTheWay,
    );
    assert!(told.contains("back/out/b"), "{told}");
    assert_eq!(ground.read("back/out/b/precious"), "not ours");
    assert_eq!(ground.tree("back").len(), 3, "nothing was put there");
}

pub async fn what_leaves_the_roots_is_refused(ground: &Ground) {
    ground.write("outside/file", "not ours");
    ground.write("work/out/file", "ours");
    ground.link("work/way", ground.at("outside"));
    ground.link("work/up", "../outside");
    for path in [
        "../outside/file",
        "../outside",
        "..",
        "out/../../outside/file",
        "/etc/passwd",
        "/",
        "way/file",
        "up/file",
        "../workshop",
    ] {
        let save = SaveCache { source: ground.source(&["out", path]), ..ground.saving("one") };
        let told = refused(ground.depot.save_cache(save).await, DepotErrorKind::Outside);
        assert!(told.contains(path), "{told}");
        let mut upload = ground.uploading("out");
        upload.source = ground.source(&[path]);
        refused(ground.depot.save_artifact(upload).await, DepotErrorKind::Outside);
    }
    assert!(ground.keys().await.is_empty());
    assert_eq!(ground.depot.usage().await.expect("the depot serves").stored, 0);
}

pub async fn links_are_saved_as_links(ground: &Ground) {
    ground.write("outside/file", "not ours");
    ground.write("work/real/file", "ours");
    ground.link("work/out/way", ground.at("outside"));
    ground.link("work/inside", "real");
    let source = ground.source(&["out", "inside", "real/../inside/file"]);
    let told = refused(
        ground.depot.save_cache(SaveCache { source, ..ground.saving("both") }).await,
        DepotErrorKind::Invalid,
    );
    assert!(told.contains("inside/file"), "{told}");
    // A link on the way that stays inside is followed, and what it leads to comes back as it was
    // called.
    let source = ground.source(&["out", "inside/file"]);
    new(ground.depot.save_cache(SaveCache { source, ..ground.saving("one") }).await);
    ground.restore("one").await.expect("it is found");
    let tree = ground.tree("back");
    assert_eq!(tree[&PathBuf::from("out/way")], Thing::Link(ground.at("outside")));
    assert_eq!(ground.read("back/inside/file"), "ours");
    assert_eq!(tree.len(), 4);
}

pub async fn what_is_not_there_is_passed_over(ground: &Ground) {
    ground.write("work/out/file", "one");
    let source = ground.source(&["out", "gone", "out/file/below", "out/file"]);
    let saved = ground.depot.save_cache(SaveCache { source, ..ground.saving("one") }).await;
    let Ok(Saved::New { cache, skipped, .. }) = saved else { panic!("it is saved: {saved:?}") };
    assert_eq!(cache.files, 2);
    let skipped: Vec<_> = skipped.into_iter().map(|one| (one.path, one.because)).collect();
    assert_eq!(skipped, [(ground.at("work/gone"), "not there")]);

    let nothing = SaveCache { source: ground.source(&["gone"]), ..ground.saving("nothing") };
    let told = refused(ground.depot.save_cache(nothing).await, DepotErrorKind::Empty);
    assert!(told.contains("`gone`"), "{told}");
}

pub async fn what_is_no_file_is_passed_over(ground: &Ground) {
    ground.write("work/out/file", "one");
    let path = ground.at("work/out/socket");
    let _socket = UnixListener::bind(&path).expect("a socket can be made");
    let saved = ground.depot.save_cache(ground.saving("one")).await;
    let Ok(Saved::New { cache, skipped, .. }) = saved else { panic!("it is saved: {saved:?}") };
    assert_eq!(cache.files, 2);
    let skipped: Vec<_> = skipped.into_iter().map(|one| (one.path, one.because)).collect();
    assert_eq!(skipped, [(path, "a socket")]);
}

pub async fn what_is_above_the_limits_is_not_saved(ground: &Ground) {
    ground.write("work/out/one", [1; 600]);
    ground.write("work/out/two", [2; 600]);
    for (limits, is_within) in [
        (Limits { bytes: 1_200, files: 3 }, true),
        (Limits { bytes: 1_199, files: 3 }, false),
        (Limits { bytes: 1_200, files: 2 }, false),
    ] {
        let source = Source { limits, ..ground.source(&["out"]) };
        let mutable = true;
        let save = SaveCache { source, mutable, ..ground.saving("one") };
        let saved = ground.depot.save_cache(save).await;
        if is_within {
            new(saved);
        } else {
            refused(saved, DepotErrorKind::TooLarge);
        }
    }
}

pub async fn a_tree_tells_what_is_in_it(ground: &Ground) {
    ground.write("work/out/file", "content");
    ground.set_mode("work/out/file", 0o640);
    ground.set_mode("work/out", 0o750);
    ground.link("work/out/link", "file");
    let cache = ground.save("one").await;
    let files = async |of| ground.depot.files(of).await.expect("the depot serves");
    let entry = |root: &str, path: &str, mode, kind| FileEntry {
        root: root.to_owned(),
        path: path.into(),
        mode,
        kind,
    };
    let link = || FileKind::Link { target: "file".into() };
    let expected = vec![
        entry("workspace", "out", 0o750, FileKind::Folder),
        entry("workspace", "out/file", 0o640, FileKind::File { size: 7 }),
        entry("workspace", "out/link", 0, link()),
    ];
    assert_eq!(files(Holding::Cache(cache.id)).await, Some(expected));
    let artifact = ground.upload("out").await;
    let expected =
        vec![entry("", "file", 0o640, FileKind::File { size: 7 }), entry("", "link", 0, link())];
    assert_eq!(files(Holding::Artifact(artifact.id)).await, Some(expected));
    assert_eq!(files(Holding::Artifact(artifact.id + 1)).await, None);
    assert_eq!(files(Holding::Cache(u64::MAX)).await, None);
    ground.depot.restore_artifacts(ground.downloading(named("out"))).await.expect("it is there");
    assert_eq!(ground.tree("back").len(), 2);
}

//! What is cut short, changed, swapped or missing is never restored.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use ports::depot::{CacheFilter, Depot, DepotErrorKind, LookupFilter, Reason, Why};
use rusqlite::Connection;

use super::given::{Files, Yard, copy, files, noise};

fn some_files() -> Files {
    files([
        ("text", b"some text, some text, some text\n".repeat(20)),
        ("folder/other", b"other text, other text\n".repeat(30)),
        ("noise", noise(2_000, 1)),
        ("large", noise(1_200_000, 2)),
    ])
}

/// Damages a pack in one way after another. Each time the cache in it is a miss that says why, and
/// the artifact in it an error; nothing of them is put anywhere, and both can be saved again.
async fn no_harm_is_believed(harms: impl IntoIterator<Item = Harm>) {
    let folder = tempfile::tempdir().unwrap();
    let sound = |of: &str| folder.path().join(of);
    {
        let yard = Yard::new(&sound("cache"));
        yard.prepare("work", &some_files());
        yard.save("key", "work").await.unwrap();
        let yard = Yard::new(&sound("artifact"));
        yard.prepare("work", &some_files());
        yard.upload("dist", "work").await.unwrap();
    }
    for harm in harms {
        let damaged = |of: &str| {
            let damaged = folder.path().join(format!("damaged-{of}"));
            copy(&sound(of), &damaged);
            let yard = Yard::new(&damaged);
            harm.inflict(&yard);
            yard
        };

        let yard = damaged("cache");
        assert_eq!(yard.restore("key", "back").await.unwrap(), None, "{harm:?}");
        assert!(yard.files("back").is_empty(), "{harm:?}");
        assert!(yard.depot.caches(CacheFilter::default()).await.unwrap().is_empty());
        let lookups = yard.depot.lookups(LookupFilter::default()).await.unwrap();
        let explained = yard.depot.explain(lookups[0].id).await.unwrap().unwrap();
        let Reason::Gone(gone) = &explained.reasons[0] else { panic!("{explained:?}") };
        assert!(matches!(gone.why, Why::Damaged { .. }), "{gone:?}");

        yard.save("key", "work").await.unwrap();
        assert!(yard.restore("key", "back").await.unwrap().is_some(), "{harm:?}");
        assert_eq!(yard.files("back"), some_files());
        fs::remove_dir_all(&yard.ground).unwrap();

        let yard = damaged("artifact");
        let error = yard.download("dist", "back").await.unwrap_err();
        assert_eq!(error.kind, DepotErrorKind::Damaged, "{harm:?}: {error}");
        assert!(error.what.contains("`dist`"), "{error}");
        assert!(yard.files("back").is_empty(), "{harm:?}");
        yard.upload("dist", "work").await.unwrap();
        yard.download("dist", "back").await.unwrap();
        assert_eq!(yard.files("back"), some_files());
        fs::remove_dir_all(&yard.ground).unwrap();
    }
}

#[derive(Debug)]
enum Harm {
    /// So many bytes are left; counted from the end where it is negative.
    Cut(i64),
    /// A byte is another; counted from the end where it is negative.
    Change(i64),
    Remove,
}

impl Harm {
    fn inflict(&self, yard: &Yard) {
        let pack = &yard.packs()[0];
        let file = File::options().read(true).write(true).open(pack).unwrap();
        let length = i64::try_from(file.metadata().unwrap().len()).unwrap();
        let place = |place: i64| u64::try_from(place.rem_euclid(length)).unwrap();
        match self {
            Self::Cut(left) => file.set_len(place(*left)).unwrap(),
            Self::Change(at) => {
                let mut byte = [0];
                file.read_exact_at(&mut byte, place(*at)).unwrap();
                file.write_all_at(&[byte[0] ^ 0x55], place(*at)).unwrap();
            }
            Self::Remove => fs::remove_file(pack).unwrap(),
        }
    }
}

#[tokio::test]
async fn a_pack_that_is_cut_short_is_noticed() {
    // The list of files is what was written last.
    let cuts = (1..200).step_by(7).map(|left| Harm::Cut(-left));
    no_harm_is_believed([0, 1, 15, 16, 17, 1_000, 600_000].map(Harm::Cut).into_iter().chain(cuts))
        .await;
}

#[tokio::test]
async fn a_pack_that_was_changed_is_noticed() {
    let all_over = (20..1_200_000).step_by(40_000).map(Harm::Change);
    no_harm_is_believed(all_over.chain((1..150).step_by(7).map(|at| Harm::Change(-at)))).await;
}

#[tokio::test]
async fn a_pack_that_is_missing_is_noticed() {
    no_harm_is_believed([Harm::Remove]).await;
}

#[tokio::test]
async fn packs_that_were_swapped_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    for (key, seed) in [("one", 1), ("two", 2)] {
        yard.prepare("work", &files([("file", noise(5_000, seed))]));
        yard.save(key, "work").await.unwrap();
    }
    let [one, two] = &yard.packs()[..] else { panic!("each has its own") };
    let aside = folder.path().join("aside");
    fs::rename(one, &aside).unwrap();
    fs::rename(two, one).unwrap();
    fs::rename(&aside, two).unwrap();
    for key in ["one", "two"] {
        assert_eq!(yard.restore(key, "back").await.unwrap(), None);
    }
    assert!(yard.files("back").is_empty());
}

#[tokio::test]
async fn a_saving_does_not_count_on_what_is_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    yard.prepare("work", &some_files());
    yard.save("one", "work").await.unwrap();
    Harm::Cut(1_000).inflict(&yard);
    // Nobody has looked for the first one, so nobody knows yet.
    yard.save("two", "work").await.unwrap();
    assert!(yard.restore("two", "back").await.unwrap().is_some());
    assert_eq!(yard.files("back"), some_files());
}

#[tokio::test]
async fn one_damaged_cache_does_not_hide_another() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    yard.prepare("work", &files([("file", noise(5_000, 1))]));
    yard.save("key-old", "work").await.unwrap();
    let old = yard.packs();
    yard.prepare("work", &files([("file", noise(5_000, 2))]));
    yard.save("key-new", "work").await.unwrap();
    let new = yard.packs().into_iter().find(|pack| !old.contains(pack)).unwrap();
    fs::write(new, b"something else").unwrap();
    let hit = yard.restore("key-", "back").await.unwrap().unwrap();
    assert_eq!(hit.cache.key, "key-old");
    assert_eq!(yard.files("back"), files([("file", noise(5_000, 1))]));
}

/// Puts a list of files into the depot that no saving would have written, as whoever may write the
/// folder could.
fn forge(yard: &Yard, items: &[(&str, Forged)]) {
    let content = b"forged";
    let mut manifest = b"highroad tree\x01\x01\x09workspace".to_vec();
    manifest.push(u8::try_from(items.len()).unwrap());
    for (path, kind) in items {
        manifest.push(0);
        // Permissions, whether there is a time, and the kind, in one number of two bytes.
        let form = (0o644 * 2) * 4 + kind.number();
        manifest.extend([u8::try_from(form & 0x7f).unwrap() | 0x80]);
        manifest.extend([u8::try_from(form >> 7).unwrap()]);
        manifest.push(0);
        manifest.push(u8::try_from(path.len()).unwrap());
        manifest.extend(path.as_bytes());
        match kind {
            Forged::Link(target) => {
                manifest.push(u8::try_from(target.len()).unwrap());
                manifest.extend(target.as_bytes());
            }
            Forged::File => {
                manifest.extend([1, u8::try_from(content.len()).unwrap()]);
                manifest.extend(blake3::hash(content).as_bytes());
            }
        }
    }
    let pack = [content.as_slice(), &manifest].concat();
    fs::write(yard.home.join("packs/forged.pack"), &pack).unwrap();
    let index = Connection::open(yard.home.join("index.db")).unwrap();
    let hash = |of: &[u8]| *blake3::hash(of).as_bytes();
    let size = |of: &[u8]| i64::try_from(of.len()).unwrap();
    let short = |of: &[u8]| i64::from_be_bytes(*hash(of).first_chunk().unwrap());
    let length = pack.len();
    index
        .execute_batch(&format!(
            "INSERT INTO packs (id, name, live) VALUES (1, 'forged', {length});
             INSERT INTO frames (id, pack, offset, stored, raw) VALUES (1, 1, 0, {length}, {length});
             INSERT INTO tree_frames (tree, frame) VALUES (1, 1);"
        ))
        .unwrap();
    let blob = "INSERT INTO blobs (frame, start, size, digest, short) VALUES (1, ?1, ?2, ?3, ?4)";
    index.execute(blob, (0, size(content), hash(content), short(content))).unwrap();
    index
        .execute(blob, (size(content), size(&manifest), hash(&manifest), short(&manifest)))
        .unwrap();
    let tree = "INSERT INTO trees (id, manifest, files, size) VALUES (1, ?1, 1, 6)";
    index.execute(tree, [hash(&manifest)]).unwrap();
    index.execute("UPDATE caches SET tree = 1", []).unwrap();
}

#[derive(Debug, Clone, Copy)]
enum Forged {
    File,
    Link(&'static str),
}

impl Forged {
    fn number(self) -> u32 {
        match self {
            Self::Link(_) => 1,
            Self::File => 2,
        }
    }
}

#[tokio::test]
async fn a_forged_list_of_files_writes_nothing_outside() {
    for (items, is_harmless) in [
        (&[("fine", Forged::File)][..], true),
        (&[("a", Forged::Link("elsewhere")), ("b", Forged::File)], true),
        (&[("../outside", Forged::File)], false),
        (&[("a/../../outside", Forged::File)], false),
        (&[("/tmp/highroad-outside", Forged::File)], false),
        (&[("a", Forged::Link("/tmp")), ("a/highroad-outside", Forged::File)], false),
        (&[("a", Forged::Link("..")), ("a/outside", Forged::File)], false),
        (&[("b", Forged::File), ("a", Forged::File)], false),
        (&[("a", Forged::File), ("a", Forged::File)], false),
        (&[("", Forged::File)], false),
        (&[("a\0b", Forged::File)], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let yard = Yard::new(folder.path());
        yard.prepare("work", &files([("file", noise(10, 1))]));
        yard.save("key", "work").await.unwrap();
        // A save of its own has the lowest numbers; the forged ones take their places.
        let index = Connection::open(yard.home.join("index.db")).unwrap();
        for table in ["packs", "frames", "blobs", "trees", "tree_frames"] {
            index.execute(&format!("DELETE FROM {table}"), []).unwrap();
        }
        forge(&yard, items);
        let hit = yard.restore("key", "deep/back").await.unwrap();
        assert_eq!(hit.is_some(), is_harmless, "{items:?}");
        assert_eq!(yard.files("deep/back").is_empty(), !is_harmless, "{items:?}");
        for outside in ["outside", "deep/outside"] {
            assert!(!folder.path().join(outside).exists(), "{items:?}");
        }
        assert!(!fs::exists("/tmp/highroad-outside").unwrap());
    }
}

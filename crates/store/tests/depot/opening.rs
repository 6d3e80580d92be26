//! Opening what is damaged, newer, or somebody else's.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Barrier;

use ports::depot::{CacheFilter, Depot, DepotError, DepotErrorKind};
use rusqlite::Connection;
use store::depot::Options;

use super::given::{Files, Yard, copy, files, noise};

fn some_files() -> Files {
    files([("one", noise(3_000, 1)), ("two", noise(2_000, 2))])
}

fn refused(folder: &Path, kind: DepotErrorKind) -> String {
    let Err(error) = Yard::open(folder, Options::default()) else { panic!("it is refused") };
    assert_eq!(error.kind, kind, "{error}");
    error.what
}

fn with_depot(work: impl FnOnce(&Path)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(Yard::new(folder.path()));
    work(&folder.path().join("depot"));
    folder
}

#[test]
fn a_newer_depot_is_refused() {
    let folder = with_depot(|depot| {
        let index = Connection::open(depot.join("index.db")).unwrap();
        index.pragma_update(None, "user_version", 99).unwrap();
    });
    let told = refused(folder.path(), DepotErrorKind::Newer);
    assert!(told.contains("99"), "{told}");
}

#[test]
fn what_another_program_wrote_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("depot/index.db");
    fs::create_dir(folder.path().join("depot")).unwrap();
    Connection::open(&index).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = fs::read(&index).unwrap();
    refused(folder.path(), DepotErrorKind::Foreign);
    assert!(fs::read(&index).unwrap() == before);

    fs::write(&index, "no database at all, but long enough to look like one").unwrap();
    refused(folder.path(), DepotErrorKind::Damaged);
}

#[test]
fn where_no_folder_can_be_the_reason_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("depot"), "a file").unwrap();
    let told = refused(folder.path(), DepotErrorKind::Failed);
    assert!(told.contains("depot"), "{told}");
}

/// Whatever is left of the index: it opens and serves what is right, or it says that it is damaged
/// and what to do about it.
#[tokio::test]
async fn an_index_that_is_cut_short_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound");
    {
        let yard = Yard::new(&sound);
        yard.prepare("work", &some_files());
        yard.save("key", "work").await.unwrap();
    }
    let length = fs::metadata(sound.join("depot/index.db")).unwrap().len();
    let (mut told, mut lengths) = (0, vec![1, 50, 99, 100, 101, 512, 1_000, length - 1]);
    lengths.extend((0..length).step_by(2_048));
    for left in lengths {
        let damaged = folder.path().join("damaged");
        copy(&sound, &damaged);
        let index = File::options().write(true).open(damaged.join("depot/index.db")).unwrap();
        index.set_len(left).unwrap();
        match try_everything(&damaged).await {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error.kind, DepotErrorKind::Damaged, "{left}: {error:?}");
                assert!(error.what.contains("move the folder"), "{error}");
                told += 1;
            }
        }
        fs::remove_dir_all(damaged).unwrap();
    }
    assert!(told > 10, "{told}");
}

#[tokio::test]
async fn an_index_that_was_overwritten_is_never_believed_blindly() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound");
    {
        let yard = Yard::new(&sound);
        yard.prepare("work", &some_files());
        yard.save("key", "work").await.unwrap();
    }
    let index = fs::read(sound.join("depot/index.db")).unwrap();
    for page in 0..index.len() / 4_096 {
        let damaged = folder.path().join("damaged");
        copy(&sound, &damaged);
        let mut bytes = index.clone();
        bytes[page * 4_096..][..4_096].copy_from_slice(&noise(4_096, page as u64));
        fs::write(damaged.join("depot/index.db"), bytes).unwrap();
        if let Err(error) = try_everything(&damaged).await {
            assert_eq!(error.kind, DepotErrorKind::Damaged, "{page}: {error:?}");
        }
        fs::remove_dir_all(damaged).unwrap();
    }
}

/// Uses a depot that may be damaged. What it restores must be right.
async fn try_everything(folder: &Path) -> Result<(), DepotError> {
    let yard = Yard::open(folder, Options::default())?;
    let hit = yard.restore("key", "back").await?;
    let expected = if hit.is_some() { some_files() } else { Files::new() };
    assert_eq!(yard.files("back"), expected);
    yard.depot.caches(CacheFilter::default()).await?;
    yard.prepare("work", &files([("more", noise(100, 3))]));
    yard.save("more", "work").await?;
    yard.depot.tend().await?;
    yard.depot.remove_caches(CacheFilter::default()).await?;
    yard.depot.usage().await?;
    Ok(())
}

#[test]
fn many_may_open_a_new_depot_at_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    Yard::new(folder.path());
                });
            }
        });
    }
}

#[tokio::test]
async fn everything_is_there_again_when_it_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    yard.prepare("work", &some_files());
    yard.save("key", "work").await.unwrap();
    yard.upload("dist", "work").await.unwrap();
    drop(yard);
    let yard = Yard::new(folder.path());
    assert!(yard.restore("key", "back").await.unwrap().is_some());
    assert_eq!(yard.files("back"), some_files());
    yard.clear("back");
    yard.download("dist", "back").await.unwrap();
    assert_eq!(yard.files("back"), some_files());
}

//! Trees of many small files, and files that are large.

use std::fs;

use ports::depot::Saved;

use super::given::{Yard, files, noise};

#[tokio::test]
async fn fifty_thousand_small_files_come_back() {
    const FOLDERS: usize = 500;
    const FILES: usize = 100;
    // In memory where that can be had: this is about how many, not about the disk.
    let memory = tempfile::tempdir_in("/dev/shm");
    let folder = memory.or_else(|_| tempfile::tempdir()).unwrap();
    let yard = Yard::new(folder.path());
    let content = |number: usize| format!("export const number = {number};\n").repeat(number % 20);
    for one in 0..FOLDERS {
        let folder = folder.path().join(format!("work/out/package-{one}/lib"));
        fs::create_dir_all(&folder).unwrap();
        for other in 0..FILES {
            let content = content(one * FILES + other);
            fs::write(folder.join(format!("file-{other}.js")), content).unwrap();
        }
    }
    let Saved::New { cache, .. } = yard.save("many", "work").await.unwrap() else {
        panic!("it is new")
    };
    assert_eq!(cache.files, (FOLDERS * FILES + 2 * FOLDERS + 1) as u64);
    assert!(yard.restore("many", "back").await.unwrap().is_some());
    let path = |one, other| format!("back/out/package-{one}/lib/file-{other}.js");
    for number in 0..FOLDERS * FILES {
        let path = folder.path().join(path(number / FILES, number % FILES));
        assert_eq!(fs::read_to_string(path).unwrap(), content(number));
    }
    assert_eq!(yard.packs().len(), 1);
}

#[tokio::test]
async fn a_large_file_that_changes_a_little_takes_a_little() {
    let folder = tempfile::tempdir().unwrap();
    let yard = Yard::new(folder.path());
    // More than one thread takes at once.
    let mut content = noise(150 << 20, 1);
    let save = async |key: &str, content: &[u8]| {
        yard.prepare("work", &files([("large", content.to_vec())]));
        let Saved::New { added, .. } = yard.save(key, "work").await.unwrap() else {
            panic!("it is new")
        };
        added
    };
    assert!(save("one", &content).await >= 150 << 20);
    content.splice(70 << 20..70 << 20, *b"put in between");
    let added = save("two", &content).await;
    assert!(added < 30 << 20, "{added}");
    assert!(yard.restore("two", "back").await.unwrap().is_some());
    assert!(fs::read(folder.path().join("back/out/large")).unwrap() == content);
}

//! `highroad journal` on databases that are not there or not right, and on PostgreSQL.

use std::fmt::Write as _;
use std::fs;
use std::process::Stdio;

use model::journal::Sealed;
use rusqlite::Connection;
use store::postgres::PostgresStore;
use store::postgres::local::Cluster;

use crate::journal::{Recorded, block_on, numbered, objects};
use crate::{Ran, Repository};

/// What a person sees, wherever the folder is.
fn told(recorded: &Recorded, line: &str) -> (Option<i32>, String) {
    let ran = recorded.run(line);
    assert_eq!(ran.out, "", "{line}");
    let folder = recorded.data.path().display().to_string();
    (ran.code, ran.err.replace(&folder, "/data"))
}

fn on_the_connection(sql: &str) -> Recorded {
    let recorded = Recorded::numbered(5);
    Connection::open(recorded.path()).unwrap().execute_batch(sql).unwrap();
    recorded
}

fn with_the_file(bytes: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Recorded {
    let recorded = Recorded::numbered(5_000);
    let path = recorded.path();
    let whole = fs::read(&path).unwrap();
    fs::write(path, bytes(whole)).unwrap();
    recorded
}

#[test]
fn what_cannot_be_read() {
    let missing = Recorded { data: tempfile::tempdir().unwrap() };
    let folder = Recorded { data: tempfile::tempdir().unwrap() };
    fs::create_dir(folder.path()).unwrap();
    let cases = [
        ("missing", missing),
        ("a folder", folder),
        ("newer", on_the_connection("PRAGMA user_version = 99")),
        ("another program's", on_the_connection("PRAGMA application_id = 7")),
        ("no database", with_the_file(|_| b"dear diary, nothing happened today\n".repeat(99))),
        (
            "overwritten",
            with_the_file(|mut bytes| {
                bytes[8_192..].fill(b'x');
                bytes
            }),
        ),
        (
            "cut short",
            with_the_file(|mut bytes| {
                bytes.truncate(bytes.len() / 2);
                bytes
            }),
        ),
    ];
    let mut page = String::new();
    for (name, recorded) in &cases {
        for line in ["journal", "journal verify"] {
            let before = fs::read_dir(recorded.data.path()).unwrap().count();
            let (code, told) = told(recorded, line);
            writeln!(page, "{name}\n$ highroad {line}\n{told}exit {}\n", code.unwrap()).unwrap();
            let after = fs::read_dir(recorded.data.path()).unwrap().count();
            assert!(after <= before + 2, "{name}: nothing is made but what SQLite needs to read");
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn programs_are_told_the_same() {
    let missing = Recorded { data: tempfile::tempdir().unwrap() };
    let ran = missing.run("journal --json");
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""));
    let error = &ran.error()["error"];
    assert_eq!((&error["kind"], &error["exit"]), (&"not_found".into(), &3.into()));
    let newer = on_the_connection("PRAGMA user_version = 99").run("journal verify --json");
    assert_eq!(newer.error()["error"]["kind"], "store");
}

#[test]
fn nothing_is_made_where_nothing_is() {
    let repository = Repository::with(&[]);
    let ran = repository.run("journal --data nowhere/at/all");
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.starts_with("error: there is no nowhere/at/all/highroad.db: "), "{}", ran.err);
    assert!(!repository.path.join("nowhere").exists());
}

#[test]
fn postgres_is_read_alike() {
    let recorded = Recorded::numbered(1_200);
    let url = block_on(async {
        let url = Cluster::shared().database().await.unwrap();
        let store = PostgresStore::open(&url).await.unwrap();
        let facts = (1..=1_200).map(|number| Sealed::from(&numbered(number))).collect();
        let commit = ports::store::Commit { facts, ..Default::default() };
        ports::store::Store::commit(&store, commit).await.unwrap();
        url
    });
    for line in [
        "journal",
        "journal --lines all --json",
        "journal --scope shop --since 2026-11-20T20:00",
        "journal verify",
    ] {
        let run = |variables: &[(&str, &str)]| -> Ran {
            let variables = variables.iter().copied();
            recorded.command(line).envs(variables).output().unwrap().into()
        };
        let (file, postgres) = (run(&[]), run(&[("HIGHROAD_DATABASE", &url)]));
        assert_eq!((postgres.code, &postgres.err), (Some(0), &file.err), "{line}");
        assert_eq!(postgres.out, file.out, "{line}");
    }
    let told = recorded.run(&format!("journal --database {url} --after 1198 --json"));
    assert_eq!(objects(&told.out).len(), 2);
}

#[test]
fn postgres_that_does_not_serve() {
    let recorded = Recorded::with(&[]);
    let cluster = Cluster::shared();
    let empty = block_on(cluster.database()).unwrap();
    let (place, name) = empty.rsplit_once('/').unwrap();
    let secret = place.replacen("highroad@", "highroad:secret@", 1);
    for (url, code, said) in [
        ("postgres://ada:secret@127.0.0.1:1/roads".to_owned(), 5, "does not answer at 127.0.0.1:1"),
        (format!("{secret}/nowhere"), 3, "there is no database `nowhere`"),
        (format!("{secret}/{name}"), 3, name),
        ("postgres://ada:secret@127.0.0.1:1/roads?sslmode=odd".to_owned(), 5, "`sslmode=odd`"),
        ("postgres://ada:secret@127.0.0.1:port/roads".to_owned(), 5, "not the URL"),
    ] {
        for form in ["", "--json"] {
            let ran = recorded
                .command(&format!("journal {form} --database"))
                .arg(&url)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let ran = Ran::from(ran);
            assert!(!ran.err.contains("secret"), "{}", ran.err);
            assert!(ran.err.contains(said), "{url}: {}", ran.err);
            assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{}", ran.err);
        }
    }
}

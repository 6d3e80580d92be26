//! `highroad secret`: what is kept, what is shown, and who is told what.

mod keys;
mod typed;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use jiff::Timestamp;
use model::id::JobId;
use model::vault::VaultPath;
use ports::clock::SystemClock;
use ports::entropy::SystemEntropy;
use ports::vault::{Vault as _, Wanted};
use serde_json::json;
use store::postgres::local::Cluster;
use store::vault::{EmbeddedVault, RootKey, RootKeys};

use crate::journal::{Recorded, block_on};
use crate::{Ran, Repository, command};

/// A data folder of its own.
struct Kept(Recorded);

impl Kept {
    fn new() -> Self {
        Self(Recorded { data: tempfile::tempdir().unwrap() })
    }

    fn data(&self) -> &Path {
        self.0.data.path()
    }

    /// Runs a command on this folder, in a folder without a manifest.
    fn run(&self, line: &str) -> Ran {
        self.0.run(line)
    }

    /// The same with standard input from a pipe.
    fn piped(&self, line: &str, input: &str) -> Ran {
        piped(self.0.command(line), input)
    }

    fn set(&self, line: &str, value: &str) {
        let ran = self.piped(&format!("secret set {line}"), value);
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    /// What a job in this place would be given, as `NAME=value`.
    fn given(&self, place: &str) -> Vec<String> {
        let key = fs::read_to_string(self.data().join("root.key")).unwrap();
        self.given_with(place, RootKey::from_text(&key).unwrap())
    }

    fn given_with(&self, place: &str, key: RootKey) -> Vec<String> {
        let keys = RootKeys::new(vec![key]);
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let vault = EmbeddedVault::new(Arc::new(self.0.server()), clock, entropy, keys);
        let VaultPath { service, environment } = place.parse().unwrap();
        let by = JobId::new(Timestamp::UNIX_EPOCH, [7; 10]).into();
        let wanted = Wanted { service, environment, names: None, by };
        let given = block_on(vault.resolve(&wanted)).unwrap();
        given.iter().map(|(name, it)| format!("{name}={}", it.value.expose())).collect()
    }
}

fn piped(mut command: std::process::Command, input: &str) -> Ran {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    // A command that refuses does not read to the end.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_value_comes_by_a_pipe_or_from_a_file() {
    let kept = Kept::new();
    let first = kept.piped("secret set token --service shop", "hunter2\n");
    assert_eq!((first.code, first.out.as_str()), (Some(0), "TOKEN of shop is set, version 1\n"));
    assert!(first.err.starts_with("made ") && first.err.contains("/root.key: keep a copy"));
    let next = kept.piped("secret set TOKEN --service shop --json", "hunter3\r\n");
    assert_eq!(next.err, "");
    let report = json!({ "name": "TOKEN", "service": "shop", "environment": null, "version": 2 });
    assert_eq!(next.json(), report);
    fs::write(kept.data().join("value"), "from a\nfile\n").unwrap();
    let ran = kept.run("secret set PEM --service shop -e production --from-file value");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(ran.out, "PEM of shop/production is set, version 1\n");
    assert_eq!(kept.given("shop/production"), ["PEM=from a\nfile\n", "TOKEN=hunter3"]);
    assert_eq!(kept.given("shop"), ["TOKEN=hunter3"]);
}

#[test]
fn what_is_there_is_rotated_and_removed() {
    let kept = Kept::new();
    kept.set("A --service shop", "one");
    let ran = kept.piped("secret rotate A --service shop", "two");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "A of shop is set anew, version 2\n"));
    assert_eq!(kept.given("shop"), ["A=two"]);
    let ran = kept.run("secret rm a --service shop");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "A of shop is removed\n"));
    assert!(kept.given("shop").is_empty());
    for (line, input) in [
        ("secret rm A --service shop", ""),
        ("secret rotate A --service shop", "three"),
        ("secret rm A --service till", ""),
    ] {
        let ran = kept.piped(line, input);
        assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{line}");
        assert!(ran.err.starts_with("error: there is no secret A of "), "{}", ran.err);
    }
    kept.set("A --service shop", "four");
    let ran = kept.run("secret rm A --service shop --json");
    let report = json!({ "name": "A", "service": "shop", "environment": null, "removed": true });
    assert_eq!(ran.json(), report);
}

#[test]
fn the_list_shows_everything_but_values() {
    let kept = Kept::new();
    let empty = kept.run("secret list");
    assert_eq!((empty.code, empty.out.as_str()), (Some(3), ""), "nothing was ever recorded");
    for (line, value) in [
        ("B --service shop", "hunter2"),
        ("A --service shop", "hunter2"),
        ("A --service shop", "hunter3"),
        ("A --service shop --env production", "hunter2"),
        ("C --service till", "hunter2"),
    ] {
        kept.set(line, value);
    }
    kept.given("shop/production");
    let listed = kept.run("secret list").out;
    let names: Vec<_> = listed.lines().map(|line| line.split(", set").next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "shop",
            "  A  version 2",
            "  B  version 1",
            "",
            "shop/production",
            "  A  version 1",
            "",
            "till",
            "  C  version 1",
        ]
    );
    let used: Vec<_> = listed.lines().map(|line| line.contains(" by job_")).collect();
    assert_eq!(used, [false, false, true, false, false, true, false, false, false]);
    assert!(listed.lines().nth(1).unwrap().ends_with(", never used"), "{listed}");

    let all = kept.run("secret list --json").json();
    let secrets = all["secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 4);
    assert_eq!(secrets[0]["version"], 2);
    assert_eq!(secrets[0]["last_use"], json!(null));
    assert!(secrets[0]["set_by"].as_str().unwrap().starts_with("person:"));
    assert!(secrets[0]["set_at"].as_str().unwrap().parse::<Timestamp>().is_ok());
    assert!(secrets[2]["last_use"]["by"].as_str().unwrap().starts_with("job_"));
    assert!(!listed.contains("hunter") && !all.to_string().contains("hunter"));
    for (line, count) in
        [("--service shop", 3), ("--service shop -e production", 1), ("--service other", 0)]
    {
        let listed = kept.run(&format!("secret list {line} --json")).json();
        assert_eq!(listed["secrets"].as_array().unwrap().len(), count, "{line}");
    }
    let none = kept.run("secret list --service other");
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "there are no secrets\n"));
}

#[test]
fn a_value_on_the_command_line_is_refused_and_not_repeated() {
    let kept = Kept::new();
    for line in [
        "secret set TOKEN hunter2 --service shop",
        "secret set TOKEN hunter2 and more --service shop",
        "secret set TOKEN=hunter2 --service shop",
        "secret rotate TOKEN=hunter2 --service shop",
        "secret set hunter2! --service shop",
    ] {
        for json in ["", " --json"] {
            let ran = kept.piped(&format!("{line}{json}"), "another");
            assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{line}");
            assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        }
    }
    assert_eq!(fs::read_dir(kept.data()).unwrap().count(), 0, "nothing was begun");
}

#[test]
fn wrong_words_and_values_are_explained() {
    let kept = Kept::new();
    kept.set("THERE --service shop", "value");
    let long = "x".repeat(48 * 1024 + 1);
    let cases = [
        ("secret set 1A --service shop", "x"),
        ("secret set GitHub_Token --service shop", "x"),
        ("secret set A --service Shop", "x"),
        ("secret set A --service shop --env a/b", "x"),
        ("secret set A", "x"),
        ("secret list --env production", ""),
        ("secret set A --service shop", ""),
        ("secret set A --service shop", "\n"),
        ("secret set A --service shop", "a\0b"),
        ("secret set A --service shop", &long),
        ("secret set A --service shop --from-file missing", ""),
        ("secret set A --service shop --from-file .", ""),
        ("secret rotate", ""),
        ("secret rotate A --root-key", ""),
        ("secret rotate --root-key --env production", ""),
        ("secret rotate --vault-keys --from-file x", ""),
        ("secret rm", ""),
        ("secret", ""),
        ("secret sett", ""),
    ];
    let mut page = String::new();
    for (line, input) in cases {
        let ran = kept.piped(line, input);
        assert_eq!(ran.out, "", "{line}");
        writeln!(page, "$ highroad {line}\n{}exit {}\n", ran.err, ran.code.unwrap()).unwrap();
    }
    insta::assert_snapshot!(page);
    let mut binary = kept.0.command("secret set A --service shop");
    let file = kept.data().join("binary");
    fs::write(&file, b"\xff\xfe\x00").unwrap();
    let ran: Ran = binary.stdin(fs::File::open(file).unwrap()).output().unwrap().into();
    assert_eq!(ran.code, Some(4));
    assert!(ran.err.starts_with("error: the value is not UTF-8 text\nhint: "), "{}", ran.err);
    assert_eq!(kept.given("shop"), ["THERE=value"]);
}

#[test]
fn the_service_is_the_one_of_the_manifest() {
    let kept = Kept::new();
    let run = |repository: &Repository, line: &str| {
        let mut command = command(&repository.path, line);
        command.env("HIGHROAD_DATA", kept.data());
        piped(command, "value")
    };
    let one =
        "service: shop\nowner: team\nrun: ./shop\nenvironments: {staging: {}, production: {}}\n";
    let repository = Repository::with(&[("highroad.yaml", one)]);
    let ran = run(&repository, "secret set A");
    assert_eq!(ran.out, "A of shop is set, version 1\n", "{ran:?}");
    let ran = run(&repository, "secret set A --env production");
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str()),
        ("A of shop/production is set, version 1\n", "")
    );
    let ran = run(&repository, "secret set A --env prodction");
    assert_eq!(ran.code, Some(0), "a workflow may know it");
    assert_eq!(
        ran.err,
        "note: highroad.yaml has no environment prodction; did you mean production?\n"
    );
    kept.set("B --service till", "value");
    let listed = run(&repository, "secret list --json").json();
    assert_eq!(listed["secrets"].as_array().unwrap().len(), 3, "those of shop");

    let services = "owner: team\nservices:\n  shop: {run: ./shop}\n  till: {run: ./till}\n";
    for (text, told) in [
        (services, "no service is named, and highroad.yaml has several: shop, till"),
        ("service: [", "no service is named, and highroad.yaml has errors"),
    ] {
        let repository = Repository::with(&[("highroad.yaml", text)]);
        let ran = run(&repository, "secret set A");
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.starts_with(&format!("error: {told}\nhint: --service ")), "{}", ran.err);
        assert_eq!(run(&repository, "secret set A --service shop").code, Some(0));
    }
}

#[test]
fn a_running_server_is_told_plainly() {
    let kept = Kept::new();
    kept.set("A --service shop", "value");
    let before = kept.run("secret list").out;
    let server = kept.0.server();
    for line in [
        "secret set B --service shop",
        "secret rotate A --service shop",
        "secret rm A --service shop",
        "secret rotate --vault-keys",
        "secret rotate --root-key",
    ] {
        let ran = kept.piped(line, "value");
        assert_eq!((ran.code, ran.out.as_str()), (Some(5), ""), "{line}");
        assert!(ran.err.contains("cannot be changed beside a running server yet"), "{}", ran.err);
    }
    assert_eq!(kept.run("secret list").out, before, "reading works beside it");
    drop(server);
    assert_eq!(kept.given("shop"), ["A=value"]);
    assert_eq!(kept.piped("secret rotate A --service shop", "other").code, Some(0));
}

#[test]
fn no_file_holds_a_value() {
    let kept = Kept::new();
    kept.set("A --service shop", "a-value-that-would-be-found");
    kept.set("B --service shop --env production", "a-value-that-would-be-found");
    kept.run("secret rm A --service shop");
    kept.run("secret rotate --vault-keys");
    let mut searched = 0;
    for entry in fs::read_dir(kept.data()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        searched += bytes.len();
        let found = bytes.windows(11).any(|window| window == b"would-be-fo");
        assert!(!found);
    }
    assert!(searched > 20_000, "{searched}");
    let journal = kept.run("journal --kind secret").out;
    assert!(journal.contains("secret B was set") && !journal.contains("would-be"), "{journal}");
}

#[test]
fn postgres_keeps_secrets_for_servers_that_run() {
    let url = block_on(async { Cluster::shared().database().await.unwrap() });
    let kept = Kept::new();
    let database = format!("--database {url}");
    let running = block_on(async { store::postgres::PostgresStore::open(&url).await.unwrap() });
    let ran = kept.piped(&format!("secret set A --service shop {database}"), "value");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "A of shop is set, version 1\n"));
    let ran = kept.run(&format!("secret list {database}"));
    assert!(ran.out.starts_with("shop\n  A  version 1, set "), "{ran:?}");
    drop(running);
    let elsewhere = Kept::new();
    let ran = elsewhere.piped(&format!("secret set A --service shop {database}"), "value");
    assert_eq!(ran.code, Some(4));
    assert!(ran.err.contains("and no root key was given"), "{}", ran.err);
    assert!(!elsewhere.data().join("root.key").exists(), "no second key is made");
    let mode = fs::metadata(kept.data().join("root.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

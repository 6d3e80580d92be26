//! Secrets of `highroad secret` in `highroad run`: who is given them, and where they are not seen.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use store::sqlite::{Mode, SqliteStore};

use super::Pipeline;
use crate::Ran;

const SHOP: (&str, &str) = (
    "highroad.yaml",
    "service: shop\nowner: team-shop\nrun: ./shop\nenvironments: {staging: {}, production: {}}\n",
);

/// Each job notes how long its token is, and says it.
const JOBS: &str = r#"
on: [push, pull_request]
jobs:
  plain:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo "plain ${#TOKEN}" >> "$NOTED"
          echo "it is $TOKEN"
        env: { TOKEN: "${{ secrets.token }}" }
  deploy:
    needs: plain
    runs-on: ubuntu-latest
    environment: Production
    steps:
      - run: |
          echo "deploy ${#TOKEN} ${#KEY}" >> "$NOTED"
          echo "it is $TOKEN"
        env: { TOKEN: "${{ secrets.TOKEN }}", KEY: "${{ secrets.KEY }}" }
"#;

impl Pipeline {
    fn set(&self, line: &str, value: &str) {
        let mut command = self.command(&format!("secret set {line}"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }

    /// Runs with these words, and tells what the jobs noted.
    fn tries(&self, words: &str) -> (Ran, String) {
        let noted = self.repository.path.join(".git/noted");
        let _ = fs::remove_file(&noted);
        let ran = self.run(&format!("run {words} --env NOTED={}", noted.display()));
        (ran, self.noted())
    }

    /// How many secrets were given to a job.
    fn used(&self) -> usize {
        let listed = self.run("secret list --json").json();
        let secrets = listed["secrets"].as_array().unwrap().iter();
        secrets.filter(|secret| secret["last_use"]["by"].is_string()).count()
    }
}

#[test]
fn the_vault_gives_what_the_workflow_names_and_it_is_seen_nowhere() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", JOBS), SHOP]);
    pipeline.set("TOKEN", "hunter2-hunter2");
    pipeline.set("TOKEN --env production", "hunter2-of-production");
    pipeline.set("KEY", "hunter2-key");
    pipeline.set("OTHER", "hunter2-other");
    let (ran, noted) = pipeline.tries("");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran:?}");
    assert_eq!(noted, "plain 15\ndeploy 21 11\n");
    assert_eq!(pipeline.used(), 3, "what nobody asked for is not given");
    assert!(pipeline.run("logs deploy").out.contains("it is ***"));
    let found =
        Command::new("grep").args(["-rla", "hunter2"]).arg(pipeline.data()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "files that hold a secret");

    let (_, noted) = pipeline.tries("-s Token=12345678");
    assert_eq!(noted, "plain 8\ndeploy 8 11\n", "what is said has the last word");
}

#[test]
fn a_fork_sees_no_secret() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", JOBS), SHOP]);
    pipeline.set("TOKEN", "hunter2-hunter2");
    let event = |from: &str| {
        let repo = |name: &str| format!("{{\"repo\":{{\"full_name\":\"{name}\"}}}}");
        let (head, base) = (repo(from), repo("ada/shop"));
        let text = format!("{{\"pull_request\":{{\"head\":{head},\"base\":{base}}}}}");
        pipeline.write(".git/event.json", &text);
    };
    event("bob/shop");
    let (ran, noted) = pipeline.tries("pull_request -e .git/event.json -s KEY=12345678");
    assert_eq!((ran.code, noted.as_str()), (Some(0), "plain 0\ndeploy 0 0\n"), "{ran:?}");
    assert_eq!(pipeline.used(), 0);
    event("ada/shop");
    let (_, noted) = pipeline.tries("pull_request -e .git/event.json -s KEY=12345678");
    assert_eq!(noted, "plain 15\ndeploy 15 8\n");
}

#[test]
fn a_vault_that_does_not_open_matters_only_to_who_asks() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", JOBS), SHOP]);
    let quiet = "on: push\njobs: { quiet: { runs-on: ubuntu-latest, steps: [{ run: 'echo quiet >> $NOTED' }] } }\n";
    pipeline.write(".github/workflows/quiet.yml", quiet);
    pipeline.set("TOKEN", "hunter2-hunter2");
    fs::remove_file(pipeline.data().join("root.key")).unwrap();
    let (ran, noted) = pipeline.tries("-W .github/workflows/quiet.yml");
    assert_eq!((ran.code, noted.as_str()), (Some(0), "quiet\n"), "{ran:?}");
    let (ran, noted) = pipeline.tries("-j plain");
    assert_eq!((ran.code, noted.as_str()), (Some(1), ""), "{ran:?}");
    for words in ["TOKEN cannot be had from the vault: ", "no root key was given", "root.key in"] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    let (ran, noted) = pipeline.tries("-j plain -s TOKEN=12345678");
    assert_eq!((ran.code, noted.as_str()), (Some(0), "plain 8\n"), "{ran:?}");
}

#[test]
fn secrets_are_given_beside_a_running_server() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", JOBS), SHOP]);
    pipeline.set("TOKEN", "hunter2-hunter2");
    pipeline.set("TOKEN --env production", "hunter2-of-production");
    let server = SqliteStore::open(pipeline.data().join("highroad.db"), Mode::Server).unwrap();
    let (ran, noted) = pipeline.tries("");
    assert_eq!((ran.code, noted.as_str()), (Some(0), "plain 15\ndeploy 21 0\n"), "{ran:?}");
    drop(server);
}

#[test]
fn a_repository_of_several_services_has_to_say_which() {
    let several = "owner: team-shop\nenvironments: {production: {}}\nservices:\n  web: {run: ./web}\n  api: {run: ./api}\n";
    let pipeline =
        Pipeline::with(&[(".github/workflows/ci.yml", JOBS), ("highroad.yaml", several)]);
    let (ran, noted) = pipeline.tries("-j plain");
    assert_eq!((ran.code, noted.as_str()), (Some(0), "plain 0\n"), "nothing is kept: {ran:?}");
    pipeline.set("TOKEN --service api", "hunter2-hunter2");
    let (ran, _) = pipeline.tries("-j plain");
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("has several services: web, api; say with --service"), "{}", ran.out);
    let (_, noted) = pipeline.tries("-j plain --service api");
    assert_eq!(noted, "plain 15\n");
}

#[test]
fn what_nobody_has_is_empty_and_told_when_the_run_fails() {
    let pipeline = Pipeline::with(&[(
        ".github/workflows/ci.yml",
        "on: push\njobs:\n  one:\n    runs-on: ubuntu-latest\n    steps:\n      - run: test -n '${{ secrets.GONE }}${{ secrets.GITHUB_TOKEN }}'\n",
    )]);
    let ran = pipeline.run("run");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.starts_with("note: nobody has a value for GONE, so"), "{}", ran.err);
}

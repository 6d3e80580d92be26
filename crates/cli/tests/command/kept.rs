//! `highroad cache` and `highroad artifact`: what real runs kept, seen and fetched.

use std::fs;

use crate::run::Pipeline;

const KEEPER: &str = r"
on: push
jobs:
  keep:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: cache
        uses: actions/cache@v4
        with:
          path: deps
          key: npm-${{ hashFiles('lock') }}
          restore-keys: npm-
      - if: steps.cache.outputs.cache-hit != 'true'
        run: mkdir -p deps && cp lock deps/installed
      - run: cat deps/installed
      - uses: actions/upload-artifact@v4
        with: { name: report, path: deps }
";

#[test]
fn a_miss_is_explained_and_an_artifact_is_fetched() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", KEEPER), ("lock", "one\n")]);
    let nothing = pipeline.run("cache list");
    assert_eq!((nothing.code, nothing.out.lines().count()), (Some(0), 1), "{nothing:?}");
    assert_eq!(pipeline.run("run").code, Some(0));
    pipeline.write("lock", "two\n");
    assert_eq!(pipeline.run("run").code, Some(0));

    let listed = pipeline.run("cache list npm-");
    let keys = listed.out.lines().filter(|line| line.starts_with("npm-")).count();
    assert_eq!(keys, 2, "{}", listed.out);
    let explained = pipeline.run("cache explain");
    assert_eq!(explained.code, Some(0), "{explained:?}");
    for words in ["not found; npm-", "took its place", "what is hashed after `npm-` has changed"] {
        assert!(explained.out.contains(words), "{words}: {}", explained.out);
    }
    let removed = pipeline.run("cache remove npm-");
    assert_eq!((removed.code, removed.out.lines().count()), (Some(0), 2), "{removed:?}");
    assert_eq!(pipeline.run("cache remove npm-").code, Some(3));

    let artifacts = pipeline.run("artifact list --json").json();
    assert_eq!(artifacts["artifacts"].as_array().map(Vec::len), Some(2));
    let got = pipeline.run("artifact get report .git/out");
    assert_eq!(got.code, Some(0), "{got:?}");
    let installed = pipeline.repository.path.join(".git/out/installed");
    assert_eq!(fs::read_to_string(installed).unwrap(), "two\n", "the newest");
    assert_eq!(pipeline.run("artifact get other").code, Some(3));
}

#[test]
fn logs_are_listed_shown_and_searched() {
    let pipeline = Pipeline::with(&[(".github/workflows/ci.yml", KEEPER), ("lock", "Needle\n")]);
    assert_eq!(pipeline.run("logs").code, Some(3), "nothing was run yet");
    assert_eq!(pipeline.run("run").code, Some(0));
    let listed = pipeline.run("logs");
    assert!(listed.out.contains("keep"), "{}", listed.out);
    let shown = pipeline.run("logs keep -n 1");
    assert!(shown.out.contains("Run cat deps/installed\nNeedle\n"), "{}", shown.out);
    let mut search = pipeline.command("logs --ignore-case --search needle --json");
    let found: crate::Ran = search.output().unwrap().into();
    let lines: Vec<_> = found.out.lines().collect();
    assert_eq!((found.code, lines.len()), (Some(0), 1), "{}", found.out);
    assert_eq!(pipeline.run("logs --search nothing-of-the-kind").code, Some(1));
    assert_eq!(pipeline.run("logs other").code, Some(3));
}

//! What is said of mistakes in workflow files, and of what the called have to do with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::source::Paint;
use workflow::syntax::{
    self, Files, Limits, Options, Place, ProblemKind, Reading, Repository, TokenPolicy,
};

/// Files by what they are called in `uses`.
#[derive(Default)]
struct Folder(BTreeMap<String, String>);

impl Folder {
    fn with(mut self, name: &str, text: &str) -> Self {
        self.0.insert(name.to_owned(), text.to_owned());
        self
    }
}

impl Files for Folder {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        let found = self.0.get(&place.to_string());
        found
            .map(|text| text.clone().into_bytes())
            .ok_or_else(|| "there is no such file".to_owned())
    }
}

fn read(text: &str) -> Reading {
    syntax::read(".github/workflows/ci.yml", text.as_bytes(), None, &Options::default())
}

fn rendered(reading: &Reading) -> String {
    let mut page = String::new();
    for (source, finding) in reading.findings() {
        writeln!(page, "{}", finding.render(source, Paint::Plain)).unwrap();
    }
    page
}

/// The codes of everything that is found.
fn codes(reading: &Reading) -> Vec<&'static str> {
    reading.findings().iter().map(|(_, finding)| finding.code).collect()
}

#[test]
fn mistakes_of_everyday() {
    insta::assert_snapshot!(rendered(&read(
        "name: CI
on:
  pull_request:
    branch: main
    types: [opened, synchronise]
  pussh:
  schedule:
    - cron: '0 25 * * *'
  workflow_dispatch:
    inputs:
      stage:
        type: choice
permission:
  contents: read
env:
  TOKEN: ${{ secret.TOKEN }}
jobs:
  build:
    runs-on: ubuntu-latest
    timeout-minutes: '10'
    strategy:
      matrix:
        os: []
        exclude:
          - node: 18
    steps:
      - uses: actions/checkout
      - run: echo ${{ github.ref }
      - name: Test
        run: |
          make ${{ matrix.os }}
          echo ${{ format('{0}' github.sha) }}
        shell: true
        shel: bash
      - name: Nothing
      - id: 9lives
        run: make
      - id: cover
        run: make
      - id: Cover
        run: make
  1test:
    needs: [build, biuld]
    steps:
      - run: make test
  build:
    runs-on: ubuntu-latest
  call:
    uses: ./.github/workflow/x.yml
    runs-on: ubuntu-latest
"
    )));
}

#[test]
fn numbers_that_are_no_text() {
    insta::assert_snapshot!(rendered(&read(
        "on: push
env:
  VERSION: 1.10
  ACCOUNT: 1234567890123456789
  FINE: 1.1
  ZERO: 0
  QUOTED: '3.10'
jobs:
  build:
    runs-on: ubuntu-latest
    timeout-minutes: 10.0
    strategy:
      matrix:
        python: [3.9, 3.10]
    steps:
      - run: make
"
    )));
}

#[test]
fn orders_in_the_background() {
    insta::assert_snapshot!(rendered(&read(
        "on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - id: server
        run: npm start
        background: true
      - wait: [sever, __run]
      - id: wait
        wait: wait
      - wait-all: false
      - cancel: nobody
      - parallel:
          - run: make
            background: true
          - wait-all:
"
    )));
}

#[test]
fn jobs_that_wait_for_one_another() {
    insta::assert_snapshot!(rendered(&read(
        "on: push
jobs:
  first: { runs-on: x, steps: [{ run: x }] }
  a: { needs: [first, c], runs-on: x }
  b: { needs: A, runs-on: x }
  c: { needs: b, runs-on: x }
  after: { needs: a, runs-on: x }
  alone: { needs: alone, runs-on: x }
"
    )));
    // Where nobody can begin it is the rings that are told.
    let all =
        read("on: push\njobs:\n  a: { needs: b, runs-on: x }\n  b: { needs: a, runs-on: x }\n");
    assert_eq!(codes(&all), ["needs-cycle"]);
    assert_eq!(codes(&read("on: push\njobs: {}\n")), ["no-jobs"]);
}

const CALLER: &str = "on: push
permissions:
  contents: read
jobs:
  release:
    uses: acme/tools/.github/workflows/release.yml@v1
    with:
      stag: production
      dry-run: 'yes'
    secrets:
      token: ${{ secrets.TOKEN }}
  local:
    uses: ./.github/workflows/test.yml
  gone:
    uses: ./.github/workflows/gone.yml
  strange:
    uses: acme/tools@v1
";

const CALLED: &str = "on:
  workflow_call:
    inputs:
      stage: { type: string, required: true }
      dry-run: { type: boolean }
    secrets:
      key: { required: true }
permissions:
  contents: write
jobs:
  publish:
    permissions: write-all
    uses: ./.github/workflows/publish.yml
";

#[test]
fn callers_and_called() {
    let files = Folder::default()
        .with("acme/tools/.github/workflows/release.yml@v1", CALLED)
        .with(
            "acme/tools/.github/workflows/publish.yml@v1",
            "on: workflow_call\njobs:\n  a:\n    steps: []\n",
        )
        .with(".github/workflows/test.yml", "on: push\njobs: { a: { runs-on: x } }\n");
    let reading = syntax::read(
        ".github/workflows/ci.yml",
        CALLER.as_bytes(),
        Some(&files),
        &Options::default(),
    );
    insta::assert_snapshot!(rendered(&reading));
    let names: Vec<&str> = reading.sources.iter().map(|source| source.name()).collect();
    assert_eq!(
        names,
        [
            ".github/workflows/ci.yml",
            "acme/tools/.github/workflows/release.yml@v1",
            "acme/tools/.github/workflows/publish.yml@v1",
            ".github/workflows/test.yml",
        ]
    );
    // Without anybody to ask for files, nothing is said of the called.
    let alone = read(CALLER);
    assert!(alone.problems.is_empty(), "{}", rendered(&alone));
}

#[test]
fn calls_in_a_ring() {
    let files = Folder::default()
        .with(
            ".github/workflows/b.yml",
            "on: workflow_call\njobs: { c: { uses: ./.github/workflows/c.yml } }\n",
        )
        .with(
            ".github/workflows/c.yml",
            "on: workflow_call\njobs: { b: { uses: ./.github/workflows/b.yml } }\n",
        );
    let text = "on: push\njobs:\n  b: { uses: ./.github/workflows/b.yml }\n  again: { uses: ./.github/workflows/b.yml }\n";
    let reading = syntax::read("ci.yml", text.as_bytes(), Some(&files), &Options::default());
    insta::assert_snapshot!(rendered(&reading));
}

/// Every file calls the next one twice.
fn doubling(levels: usize) -> (String, Folder) {
    let file = |next: usize| {
        let uses = format!("uses: ./.github/workflows/{next}.yml");
        format!("on: workflow_call\njobs:\n  a: {{ {uses} }}\n  b: {{ {uses} }}\n")
    };
    let last = "on: workflow_call\njobs: { a: { runs-on: x } }\n";
    let files = (1..=levels).fold(Folder::default(), |files, level| {
        let name = format!(".github/workflows/{level}.yml");
        files.with(&name, &if level == levels { last.to_owned() } else { file(level + 1) })
    });
    (file(1), files)
}

#[test]
fn calls_have_limits() {
    let codes_of = |levels: usize, limits: Limits| {
        let (text, files) = doubling(levels);
        let options = Options { limits, ..Options::default() };
        let reading = syntax::read("ci.yml", text.as_bytes(), Some(&files), &options);
        codes(&reading)
    };
    assert!(codes_of(9, Limits::default()).is_empty());
    assert!(codes_of(10, Limits::default()).iter().all(|code| *code == "call-too-deep"));
    let few_files = Limits { files: 3, ..Limits::default() };
    assert!(codes_of(4, few_files).contains(&"too-many-files"));
    let few_jobs = Limits { jobs: 10, ..Limits::default() };
    assert_eq!(codes_of(4, few_jobs), ["too-many-jobs"]);
    let small = Limits { result: 20_000, ..Limits::default() };
    assert_eq!(codes_of(9, small), ["too-large"]);
    // 50 calls in each of nine levels would be more than anybody can follow.
    let wide = |next: usize| {
        let mut text = "on: workflow_call\njobs:\n".to_owned();
        for call in 0..50 {
            writeln!(text, "  a{call}: {{ uses: ./.github/workflows/{next}.yml }}").unwrap();
        }
        text
    };
    let files = (1..=9).fold(Folder::default(), |files, level| {
        files.with(&format!(".github/workflows/{level}.yml"), &wide(level + 1))
    });
    let reading = syntax::read("ci.yml", wide(1).as_bytes(), Some(&files), &Options::default());
    assert!(reading.has_errors());
}

#[test]
fn permissions_are_held_against_the_policy_if_it_is_known() {
    let files = Folder::default().with(
        ".github/workflows/a.yml",
        "on: workflow_call\npermissions: { contents: write, id-token: write }\njobs: { a: { runs-on: x } }\n",
    );
    let text = "on: push\njobs: { a: { uses: ./.github/workflows/a.yml } }\n";
    let exceeded = |policy| {
        let options = Options { policy, ..Options::default() };
        let reading = syntax::read("ci.yml", text.as_bytes(), Some(&files), &options);
        let exceeded = reading.problems.iter().map(|problem| match &problem.kind {
            ProblemKind::Permissions { exceeded, .. } => exceeded.len(),
            other => panic!("{other:?}"),
        });
        exceeded.sum::<usize>()
    };
    assert_eq!(exceeded(None), 0);
    assert_eq!(exceeded(Some(TokenPolicy::Permissive)), 0);
    assert_eq!(exceeded(Some(TokenPolicy::Restricted)), 2);
}

#[test]
fn limits_of_a_file() {
    let with = |text: &str, limits: Limits| {
        let options = Options { limits, ..Options::default() };
        codes(&syntax::read("ci.yml", text.as_bytes(), None, &options))
    };
    let text = "on: push\njobs: { a: { runs-on: x, steps: [{ run: make }] } }\n";
    assert!(with(text, Limits::default()).is_empty());
    assert_eq!(with(text, Limits { file: 10, ..Limits::default() }), ["file-too-large"]);
    assert_eq!(with(text, Limits { depth: 4, ..Limits::default() }), ["too-deep"]);
    assert_eq!(with(text, Limits { result: 500, ..Limits::default() }), ["too-large"]);
    let deep = format!("on: push\nx: {}{}\n", "[".repeat(300), "]".repeat(300));
    assert_eq!(with(&deep, Limits::default()), ["too-deep"]);
    let anchors =
        "on: push\nenv: &env { A: b }\njobs: { a: { runs-on: x, env: *env, steps: [] } }\n";
    assert!(with(anchors, Limits::default()).is_empty());
    assert_eq!(with(anchors, Limits { anchors: 0, ..Limits::default() }), ["too-many-anchors"]);
}

#[test]
fn places_within_texts() {
    let text = r#"on: push
jobs:
  a:
    runs-on: x
    name: "é \"quoted\" ${{ a }} ${{ github.nothing && b.c }}"
    if: "github.x == env.y"
    steps:
      - run: |-
          one ${{ github.ref }}
          two ${{ c.d }}
      - run: >
          folded
          text ${{ e
          .f }}
      - run: 'it''s ${{ ''x'' == g }}'
"#;
    let found: Vec<String> = read(text)
        .findings()
        .iter()
        .map(|(source, finding)| source.slice(finding.span).to_owned())
        .collect();
    assert_eq!(found, ["a", "b", "env", "c", "e", "${{ ''x'' == g }}"]);
}

/// Where repositories that are not at hand are not looked at.
struct AtHand;

impl Files for AtHand {
    fn read(&self, _: &Place) -> Result<Vec<u8>, String> {
        Err("there is no such file".to_owned())
    }

    fn passes_over(&self, repository: &Repository) -> Option<String> {
        Some(format!("{} is another repository", repository.name))
    }
}

#[test]
fn what_is_passed_over_is_no_mistake() {
    let text = "on: push
jobs:
  out:
    uses: acme/tools/.github/workflows/x.yml@v1
  gone:
    uses: $/.github/workflows/gone.yml
  versioned:
    uses: $/.github/workflows/gone.yml@v1
  steps:
    runs-on: x
    steps: [{ uses: $/act }, { uses: $/act@v1 }]
";
    let reading = syntax::read("ci.yml", text.as_bytes(), Some(&AtHand), &Options::default());
    insta::assert_snapshot!(rendered(&reading));
    let alone = "on: push\njobs: { out: { uses: acme/tools/.github/workflows/x.yml@v1 } }\n";
    let reading = syntax::read("ci.yml", alone.as_bytes(), Some(&AtHand), &Options::default());
    assert!(!reading.has_errors());
    assert_eq!(codes(&reading), ["call-elsewhere"]);
}

//! From a workflow file to the sheet by which it is executed.

use model::pipeline::{CacheMode, PassedSecrets, Sheet, StepWork, Work};
use serde_json::json;
use workflow::sheet::sheet;
use workflow::syntax::{self, Files, Options, Place, Reading, Repository};

/// One file that is called.
struct Called;

impl Files for Called {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        if place.path != ".github/workflows/release.yml" {
            return Err("there is no such file".to_owned());
        }
        Ok(b"name: Release
on:
  workflow_call:
    inputs:
      stage: { type: string, required: true, description: Where to }
    secrets:
      KEY: { required: true }
    outputs:
      url: { value: '${{ jobs.publish.outputs.url }}' }
jobs:
  publish:
    runs-on: { group: large, labels: [linux, x64] }
    outputs:
      url: ${{ steps.publish.outputs.url }}
    steps:
      - id: publish
        run: ./publish
"
        .to_vec())
    }
}

fn read(text: &str) -> Reading {
    syntax::read(".github/workflows/ci.yml", text.as_bytes(), Some(&Called), &Options::default())
}

fn made(text: &str) -> Sheet {
    let reading = read(text);
    assert!(!reading.has_errors(), "{:?}", reading.problems);
    sheet(&reading).unwrap()
}

#[test]
fn everything_comes_over() {
    let sheet = made(
        "name: CI
run-name: CI of ${{ github.actor }}
on:
  push:
  workflow_dispatch:
    inputs:
      level: { type: choice, options: [low, high], default: low }
permissions: { contents: read, issues: none }
env: { A: 1.10, B: true }
defaults: { run: { shell: bash } }
concurrency: { group: 'ci-${{ github.ref }}', cancel-in-progress: true, queue: max }
jobs:
  build:
    name: Build ${{ matrix.os }}
    runs-on: ${{ matrix.os }}
    strategy:
      fail-fast: false
      max-parallel: 2
      matrix:
        os: [linux, macos]
        include: [{ os: linux, extra: .inf }]
    environment: { name: staging, url: 'https://${{ github.ref }}', deployment: false }
    cache-mode: read
    timeout-minutes: ${{ fromJSON('10') }}
    cancel-timeout-minutes: 2
    continue-on-error: ${{ matrix.os == 'macos' }}
    container: { image: node, ports: [80], credentials: { username: u, password: p } }
    services: { db: 'postgres:16' }
    env: ${{ fromJSON(vars.ENV) }}
    steps:
      - uses: actions/checkout@v4
        with: { fetch-depth: 0 }
      - id: make
        name: Make
        if: ${{ success() }}
        run: |
          make ${{ '${{ as it is }}' }}
        shell: sh
        working-directory: src
        env: { X: '${{ github.sha }}' }
        background: true
      - wait: make
      - wait-all:
      - parallel:
          - run: one
          - run: two
  Test:
    needs: [build, BUILD]
    if: always()
    runs-on: linux
    strategy: ${{ fromJSON(vars.STRATEGY) }}
",
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&sheet).unwrap());
}

#[test]
fn called_workflows_are_within() {
    let sheet = made(
        "on: push
jobs:
  release:
    uses: ./.github/workflows/release.yml
    with: { stage: '${{ github.ref }}' }
    secrets: { KEY: '${{ secrets.KEY }}' }
  again:
    needs: release
    uses: ./.github/workflows/release.yml
    with: { stage: production }
    secrets: inherit
",
    );
    let calls: Vec<_> = sheet
        .jobs
        .iter()
        .map(|job| match &job.work {
            Work::Call(call) => call,
            Work::Steps(_) => panic!("{} is a call", job.key),
        })
        .collect();
    assert_eq!(calls[0].with, [("stage".to_owned(), json!("${{ github.ref }}"))]);
    let named = vec![("KEY".to_owned(), "${{ secrets.KEY }}".to_owned())];
    assert_eq!(calls[0].secrets, PassedSecrets::Named(named));
    assert_eq!(calls[1].secrets, PassedSecrets::Inherit);
    assert_eq!(sheet.jobs[1].needs, [0]);
    let called = &calls[0].sheet;
    assert_eq!(called.path, ".github/workflows/release.yml");
    assert_eq!(called.name.as_deref(), Some("Release"));
    assert_eq!(called.interface.secrets, [("KEY".to_owned(), true)]);
    assert_eq!(called.interface.outputs[0].1, "${{ jobs.publish.outputs.url }}");
    let Work::Steps(work) = &called.jobs[0].work else { panic!("a job with steps") };
    assert_eq!(work.runs_on.group.as_deref(), Some("large"));
    assert_eq!(work.runs_on.labels, json!(["linux", "x64"]));
    let step = &work.steps[0];
    assert_eq!((step.line, step.id.as_deref()), (16, Some("publish")));
    assert!(matches!(&step.work, StepWork::Run { script, .. } if script == "./publish"));
}

/// A repository elsewhere, with a workflow that calls another one in it.
struct Elsewhere;

impl Files for Elsewhere {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        let (repository, file) = (place.repository.as_ref(), place.path.rsplit('/').next());
        let text = match (repository.map(|it| it.reference.as_str()), file) {
            (Some("v1"), Some("outer.yml")) => {
                "on: workflow_call\ncache-mode: write\njobs:\n  a:\n    uses: \
                 $/.github/workflows/inner.yml\n  b:\n    uses: ./.github/workflows/inner.yml\n    \
                 cache-mode: write-only\n"
            }
            (Some("v1"), Some("inner.yml")) => {
                "on: workflow_call\njobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: \
                 $/act\n      - parallel: [{ uses: $/ }]\n      - uses: ./act\n"
            }
            (None, Some("own.yml")) => {
                "on: workflow_call\njobs: { a: { runs-on: x, steps: [{ uses: $/act }] } }\n"
            }
            _ => return Err("there is no such file".to_owned()),
        };
        Ok(text.as_bytes().to_vec())
    }

    fn commit(&self, repository: &Repository) -> Option<String> {
        Some(format!("commit-of-{}", repository.reference))
    }
}

#[test]
fn what_is_elsewhere_stays_there_and_is_pinned() {
    let text = "on: push
jobs:
  out:
    cache-mode: read
    uses: acme/tools/.github/workflows/outer.yml@v1
  own:
    uses: $/.github/workflows/own.yml
";
    let path = ".github/workflows/ci.yml";
    let reading = syntax::read(path, text.as_bytes(), Some(&Elsewhere), &Options::default());
    let sheet = sheet(&reading).unwrap();
    let called = |sheet: &Sheet, job: usize| match &sheet.jobs[job].work {
        Work::Call(call) => call.sheet.clone(),
        Work::Steps(_) => panic!("it is a call"),
    };
    let steps = |sheet: &Sheet| match &sheet.jobs[0].work {
        Work::Steps(steps) => steps.clone(),
        Work::Call(_) => panic!("it has steps"),
    };
    let outer = called(&sheet, 0);
    assert_eq!(outer.path, "acme/tools/.github/workflows/outer.yml@v1");
    assert_eq!(outer.commit.as_deref(), Some("commit-of-v1"));
    let inner = steps(&called(&outer, 0));
    let action = |work: &StepWork| match work {
        StepWork::Uses { action, .. } => action.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(action(&inner.steps[0].work), "acme/tools/act@commit-of-v1");
    let StepWork::Parallel(within) = &inner.steps[1].work else { panic!("a parallel block") };
    assert_eq!(action(&within[0].work), "acme/tools@commit-of-v1");
    assert_eq!(action(&inner.steps[2].work), "./act", "the workspace is the caller's");
    // A caller that may only read lets nobody write.
    assert_eq!(inner.cache_mode, Some(CacheMode::Read));
    assert_eq!(steps(&called(&outer, 1)).cache_mode, Some(CacheMode::None));

    let own = called(&sheet, 1);
    assert_eq!((own.path.as_str(), own.commit), (".github/workflows/own.yml", None));
    assert_eq!(action(&steps(&called(&sheet, 1)).steps[0].work), "$/act");
    assert_eq!(steps(&called(&sheet, 1)).cache_mode, None);
}

#[test]
fn there_is_no_sheet_of_what_is_wrong() {
    assert!(sheet(&read("on: push\njobs: {}\n")).is_none());
    assert!(sheet(&read("on: push\njobs: { a: { uses: ./.github/workflows/x.yml } }\n")).is_none());
    let text = "on: push\njobs: { a: { uses: ./.github/workflows/release.yml } }\n";
    let alone = syntax::read("ci.yml", text.as_bytes(), None, &Options::default());
    assert!(!alone.has_errors());
    assert!(sheet(&alone).is_none(), "nobody read what it calls");
}

//! Doing a run again, or only what of it failed.

use engine::pipeline::{Again, NotAgain, Word, again};
use model::id::RunId;
use model::pipeline::{Conclusion, Request, Run};

use super::road::{Road, at};

const JOBS: &str = "
  build: {outputs: {v: x}, $work}
  test: {needs: build, strategy: {fail-fast: false, matrix: {n: [1, 2, 3]}}, $work}
  ship: {needs: test, $work}
  always: {needs: test, if: always(), $work}
  lint: {name: 'lint ${{ github.ref_name }}', $work}
  note: {needs: lint, name: '${{ needs.lint.outputs.o }}', $work}
";

/// A run of which one cell failed.
fn failed() -> Road {
    let mut road = Road::of(JOBS);
    road.succeeds_with("build", &[("v", "1.2")]);
    road.succeeds_with("lint", &[("o", "clean")]);
    road.succeeds("clean");
    road.succeeds("test (1)");
    road.fails("test (2)");
    road.succeeds("test (3)");
    road.succeeds("always");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
    road
}

fn anew(road: &Road, what: Again<'_>) -> Road {
    begin(road, again(road.run(), what).unwrap())
}

fn begin(road: &Road, request: Request) -> Road {
    let Run { service, sheet, .. } = road.run().clone();
    Road::again(Run::new(RunId::new(at(100), [2; 10]), service, request, sheet, at(100)))
}

#[test]
fn only_what_failed_and_what_comes_after_it_is_executed_again() {
    let before = failed();
    let mut road = anew(&before, Again::Failed);
    assert_eq!(road.under_way(), ["test (2)"]);
    assert_eq!(road.result("test (1)"), before.result("test (1)"), "with the attempt it came of");
    assert_eq!(road.result("clean").conclusion, Conclusion::Success, "by its evaluated name");
    road.succeeds("test (2)");
    assert_eq!(road.under_way(), ["ship", "always"], "what needs it is executed again as well");
    assert_eq!(road.order("ship").contexts["needs"]["test"]["result"], "success");
    road.goes_well();
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
    assert_eq!(road.orders.len(), 3);
}

#[test]
fn all_is_executed_again_where_all_is_wanted() {
    let road = anew(&failed(), Again::All);
    assert_eq!(road.under_way(), ["build", "lint"]);
}

#[test]
fn one_job_is_executed_again_with_what_comes_after_it() {
    let mut road = anew(&failed(), Again::Job("lint"));
    assert_eq!(road.under_way(), ["lint"]);
    assert_eq!(road.result("test (2)").conclusion, Conclusion::Failure, "it stands");
    road.succeeds_with("lint", &[("o", "spotless")]);
    assert_eq!(road.under_way(), ["spotless"]);
    road.succeeds("spotless");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));

    let road = anew(&failed(), Again::Job("test[2]"));
    assert_eq!(road.under_way(), ["test (3)"], "named by its path");
    let road = anew(&failed(), Again::Job("test"));
    assert_eq!(road.under_way(), ["test (1)", "test (2)", "test (3)"]);
}

#[test]
fn cells_of_one_name_are_told_apart() {
    let mut before = Road::of(
        "
  test:
    name: on ${{ matrix.os }}
    strategy: {max-parallel: 1, fail-fast: false, matrix: {os: [x], n: [1, 2]}}
    runs-on: linux
    steps: [{run: make}]
",
    );
    before.succeeds("on x");
    before.fails("on x");
    let road = anew(&before, Again::Failed);
    assert_eq!(road.under_way(), ["on x"]);
    assert_eq!(road.order("on x").contexts["matrix"]["n"], 2);
    let error = again(before.run(), Again::Job("on x")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "several jobs are called `on x`: name one by its path, as `build[2]`"
    );
}

#[test]
fn jobs_of_called_workflows_keep_their_results_too() {
    let called = "
on: {workflow_call: {outputs: {o: {value: '${{ jobs.a.outputs.o }}'}}}}
jobs: {a: {outputs: {o: x}, $work}, b: {needs: a, $work}, c: {needs: b, $work}}
";
    let mut before = Road::calling(
        "
on: push
jobs:
  one: {uses: ./.github/workflows/called.yml}
  two: {needs: one, name: 'two ${{ needs.one.outputs.o }}', $work}
  three: {$work}
",
        &[("called.yml", called)],
    );
    before.succeeds_with("one / a", &[("o", "7")]);
    before.fails("one / b");
    before.succeeds("three");
    let mut road = anew(&before, Again::Failed);
    assert_eq!(road.under_way(), ["one / b"]);
    road.succeeds("one / b");
    road.succeeds("one / c");
    assert_eq!(road.under_way(), ["two 7"]);
    road.succeeds("two 7");
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
    let road = anew(&road, Again::Job("one"));
    assert_eq!(road.under_way(), ["one / a"], "all of the call");
}

#[test]
fn what_was_cancelled_is_executed_again() {
    let mut before = Road::of("  a: {$work}\n  b: {needs: a, $work}");
    before.tells("person:ada", Word::Cancel { force: false });
    before.ends("a", model::pipeline::Ending::Cancelled);
    let mut road = anew(&before, Again::Failed);
    road.goes_well();
    assert_eq!(road.results(), "a success, b success");
}

#[test]
fn a_job_may_be_taken_up_where_it_stopped() {
    let mut before = Road::of(
        "
  a: {runs-on: linux, steps: [{run: one}, {run: two}]}
  b: {needs: a, $work}
",
    );
    let attempt = before.attempt("a");
    before.fails("a");
    let mut road = anew(&before, Again::Step { job: "a", step: 1 });
    let resume = road.order("a").resume.unwrap();
    assert_eq!((resume.of, resume.step), (attempt, 1));
    road.is_lost("a");
    assert_eq!(road.order("a").resume, None, "what it was in is lost with its runner");
    road.succeeds("a");
    assert_eq!(road.order("b").resume, None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |road: &Road, what| again(road.run(), what).unwrap_err().to_string();
    let mut going = Road::of(JOBS);
    assert_eq!(again(going.run(), Again::All).unwrap_err(), NotAgain::StillGoing);
    assert_eq!(refused(&failed(), Again::Job("moon")), "the run has no job `moon`");
    let of_step = |job, step| Again::Step { job, step };
    assert_eq!(
        refused(&failed(), of_step("ship", 0)),
        "`ship` was not executed, so it has no step"
    );
    assert_eq!(
        refused(&failed(), of_step("test", 0)),
        "`test` was not executed, so it has no step"
    );
    assert_eq!(refused(&failed(), of_step("build", 1)), "`build` has 1 steps");
    going.goes_well();
    assert_eq!(refused(&going, Again::Failed), "nothing of the run failed");
}

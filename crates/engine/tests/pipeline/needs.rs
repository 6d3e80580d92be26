//! Which jobs wait for which, and what they hear of one another.

use model::pipeline::{Conclusion, Ending};

use super::road::Road;

#[test]
fn jobs_begin_when_all_that_they_need_is_over() {
    let mut road = Road::of(
        "
  build: {$work}
  lint: {$work}
  test: {needs: build, $work}
  ship: {needs: [test, lint], $work}
",
    );
    assert_eq!(
        road.tells_of(),
        [
            ".github/workflows/ci.yml begins by push at 0123456789: 4 jobs",
            "build goes to the runners",
            "lint goes to the runners"
        ]
    );
    assert_eq!(road.wants(), ["work on build", "work on lint"]);
    road.succeeds("build");
    assert_eq!(road.wants(), ["work on test"]);
    road.succeeds("test");
    assert_eq!(road.wants(), [""; 0], "lint is not over");
    road.succeeds("lint");
    assert_eq!(road.wants(), ["work on ship"]);
    assert_eq!(road.conclusion(), None);
    road.succeeds("ship");
    assert_eq!(
        road.tells_of(),
        ["ship ended with success after 5 s", "ended with success after 5 s"]
    );
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
}

#[test]
fn jobs_may_stand_in_any_order_in_the_file() {
    let mut road = Road::of(
        "
  last: {needs: middle, $work}
  middle: {needs: first, $work}
  first: {$work}
",
    );
    assert_eq!(road.under_way(), ["first"]);
    road.goes_well();
    assert_eq!(
        road.orders.iter().map(|order| &*order.name).collect::<Vec<_>>(),
        ["first", "middle", "last"]
    );
}

#[test]
fn a_failure_skips_all_that_come_after_it() {
    let mut road = Road::of(
        "
  build: {$work}
  test: {needs: build, $work}
  ship: {needs: test, $work}
  lint: {$work}
",
    );
    road.fails("build");
    assert_eq!(
        road.tells_of(),
        ["build ended with failure after 5 s", "test is skipped", "ship is skipped"]
    );
    assert_eq!(road.conclusion(), None, "lint still runs");
    road.succeeds("lint");
    assert_eq!(road.results(), "build failure, test skipped, ship skipped, lint success");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn a_workflow_of_which_nothing_runs_is_skipped() {
    let road = Road::of("  build: {if: false, $work}\n  test: {needs: build, $work}");
    assert_eq!(road.results(), "build skipped, test skipped");
    assert_eq!(road.conclusion(), Some(Conclusion::Skipped));
}

#[test]
fn results_and_outputs_of_needed_jobs_are_known_and_of_no_others() {
    let mut road = Road::of(
        "
  a: {outputs: {version: x}, $work}
  b: {$work}
  c: {needs: b, $work}
  d:
    needs: [a, c]
    if: always()
    name: ${{ needs.a.outputs.version }} ${{ needs.A.Result }} ${{ needs.c.result }} (${{ needs.b.result }})
    $more
"
        .replace("$more", "runs-on: linux\n    steps: [{run: make}]")
        .as_str(),
    );
    road.succeeds_with("a", &[("version", "1.2")]);
    road.fails("b");
    assert_eq!(road.wants(), ["work on 1.2 success skipped ()"]);
    let needs = &road.order("1.2 success skipped ()").contexts["needs"];
    let expected = serde_json::json!({
        "a": {"result": "success", "outputs": {"version": "1.2"}},
        "c": {"result": "skipped", "outputs": {}},
    });
    assert_eq!(*needs, expected);
}

#[test]
fn a_tolerated_failure_counts_as_success() {
    let mut road = Road::of(
        "
  a: {continue-on-error: true, $work}
  b: {needs: a, if: \"needs.a.result == 'success'\", $work}
",
    );
    road.fails("a");
    assert!(road.result("a").tolerated);
    assert_eq!(road.result("a").conclusion, Conclusion::Failure);
    assert_eq!(road.under_way(), ["b"]);
    road.succeeds("b");
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
}

#[test]
fn why_a_job_failed_is_told() {
    let step = |why: Option<&str>| model::pipeline::StepReport {
        name: "Run make".to_owned(),
        outcome: Conclusion::Failure,
        conclusion: Conclusion::Failure,
        milliseconds: 3,
        why: why.map(str::to_owned),
    };
    let report = |ending, why| model::pipeline::JobReport {
        ending,
        steps: vec![step(why)],
        ..super::road::report()
    };
    for (report, why) in [
        (report(Ending::Failure, None), "Run make"),
        (report(Ending::Failure, Some("exit code 2")), "Run make: exit code 2"),
        (report(Ending::TimedOut, None), "it took longer than it may"),
        (report(Ending::Invalid("no docker here".to_owned()), None), "no docker here"),
    ] {
        let mut road = Road::of("  build: {$work}");
        road.reports("build", report);
        assert_eq!(road.why("build"), why);
        assert_eq!(road.conclusion(), Some(Conclusion::Failure));
    }
}

#[test]
fn what_comes_for_no_job_changes_nothing() {
    use model::intent::{Outcome, Target};

    let mut road = Road::of("  build: {$work}\n  test: {needs: build, $work}");
    let attempt = road.attempt("build");
    let before = road.run().clone();
    road.answers(attempt, Outcome::Done(None));
    road.takes(engine::decision::Input::Answered(engine::decision::Answered {
        target: Target::Survey("shop/production".parse().unwrap()),
        asked_at: super::road::at(0),
        outcome: Outcome::Done(None),
    }));
    assert_eq!(*road.run(), before);
    road.succeeds("build");
    let before = road.run().clone();
    // The answer of a server that had it as well, too late.
    road.answers(attempt, Outcome::Worked(Box::new(super::road::report())));
    assert_eq!(*road.run(), before);
    assert!(road.last.facts.is_empty() && road.last.intents.is_empty());
}

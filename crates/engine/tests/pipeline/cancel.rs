//! Ending a run before its time.

use engine::pipeline::Word;
use model::pipeline::{Conclusion, Ending};

use super::road::Road;

const POLITELY: Word = Word::Cancel { force: false };
const BY_FORCE: Word = Word::Cancel { force: true };

const JOBS: &str = "
  a: {$work}
  keeps: {if: always(), $work}
  b: {needs: a, $work}
  cleans: {needs: [a, keeps], if: always(), $work}
  notes: {needs: a, if: cancelled(), $work}
  last: {needs: cleans, if: '!cancelled()', $work}
";

#[test]
fn what_always_runs_goes_on_and_still_begins() {
    let mut road = Road::of(JOBS);
    road.tells("person:ada", POLITELY);
    assert_eq!(road.tells_of(), ["cancelled"]);
    assert_eq!(road.wants(), ["halt a"], "what says always() is not told to stop");
    road.ends("a", Ending::Cancelled);
    assert_eq!(road.wants(), ["work on notes"]);
    road.succeeds("keeps");
    assert_eq!(road.wants(), ["work on cleans"]);
    road.succeeds("cleans");
    road.succeeds("notes");
    assert_eq!(
        road.results(),
        "a cancelled, keeps success, b cancelled, cleans success, notes success, last cancelled"
    );
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
}

#[test]
fn by_force_nothing_goes_on_and_nothing_begins() {
    let mut road = Road::of(JOBS);
    road.tells("person:ada", BY_FORCE);
    assert_eq!(road.wants(), ["halt a", "halt keeps"]);
    road.ends("a", Ending::Cancelled);
    road.ends("keeps", Ending::Cancelled);
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
    assert_eq!(road.orders.len(), 2);
}

#[test]
fn who_asked_politely_may_use_force_and_not_the_other_way_round() {
    let mut road = Road::of(JOBS);
    road.tells("person:ada", POLITELY);
    road.is_refused("person:ada", POLITELY, "it is being cancelled already");
    road.tells("person:ada", BY_FORCE);
    assert_eq!(road.wants(), ["halt keeps"], "a is stopping already");
    road.is_refused("person:ada", BY_FORCE, "it is being cancelled by force already");
    road.is_refused("person:ada", POLITELY, "it is being cancelled by force already");
    road.ends("a", Ending::Cancelled);
    road.ends("keeps", Ending::Cancelled);
    for word in [POLITELY, BY_FORCE] {
        road.is_refused("person:ada", word, "it is over");
    }
}

#[test]
fn a_run_without_anything_under_way_is_over_at_once() {
    let mut road = Road::of("  a: {$work}\n  b: {needs: a, $work}");
    road.tells("person:ada", POLITELY);
    road.succeeds("a");
    assert_eq!(road.results(), "a success, b cancelled", "a was quicker than the word");
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
}

#[test]
fn a_failure_remains_one_when_the_run_is_cancelled() {
    let mut road = Road::of(
        "
  a: {$work}
  b: {$work}
  c: {needs: a, if: failure(), $work}
",
    );
    road.fails("a");
    assert_eq!(road.under_way(), ["b", "c"]);
    road.tells("person:ada", POLITELY);
    assert_eq!(road.wants(), ["halt b"], "what handles the failure goes on");
    road.ends("b", Ending::Cancelled);
    road.succeeds("c");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn cells_without_a_place_yet_are_cancelled_unless_their_job_runs_always() {
    let jobs = "
  a: {strategy: {max-parallel: 1, matrix: {n: [1, 2]}}, $work}
  b: {if: always(), strategy: {max-parallel: 1, matrix: {n: [1, 2]}}, $work}
";
    let mut road = Road::of(jobs);
    road.tells("person:ada", POLITELY);
    assert_eq!(road.wants(), ["halt a (1)"]);
    road.succeeds("b (1)");
    assert_eq!(road.wants(), ["work on b (2)"]);
    road.ends("a (1)", Ending::Cancelled);
    road.succeeds("b (2)");
    assert_eq!(
        road.results(),
        "a cancelled, b success, a (1) cancelled, a (2) cancelled, b (1) success, b (2) success"
    );
}

#[test]
fn in_called_workflows_each_job_speaks_for_itself() {
    let mut road = Road::calling(
        "on: push\njobs: {call: {uses: ./.github/workflows/called.yml}}",
        &[(
            "called.yml",
            "on: workflow_call\njobs: {a: {$work}, b: {needs: a, $work}, c: {needs: a, if: always(), $work}}",
        )],
    );
    road.tells("person:ada", POLITELY);
    assert_eq!(road.wants(), ["halt call / a"]);
    road.ends("call / a", Ending::Cancelled);
    assert_eq!(road.under_way(), ["call / c"]);
    road.succeeds("call / c");
    assert_eq!(
        road.results(),
        "call cancelled, call / a cancelled, call / b cancelled, call / c success"
    );
}

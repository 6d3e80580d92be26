//! `if`, and what it knows of the jobs before.

use model::pipeline::Conclusion;

use super::road::Road;

/// Three jobs in a row: the first ends as told, and the last has a condition.
fn third_after(first: Conclusion, condition: &str) -> String {
    let skip = if first == Conclusion::Skipped { "if: false, " } else { "" };
    let mut road = Road::of(&format!(
        "
  first: {{{skip}$work}}
  second: {{needs: first, if: always(), $work}}
  third: {{needs: second, if: \"{condition}\", $work}}
"
    ));
    match first {
        Conclusion::Success => road.succeeds("first"),
        Conclusion::Failure => road.fails("first"),
        Conclusion::Cancelled => road.ends("first", model::pipeline::Ending::Cancelled),
        Conclusion::Skipped => {}
    }
    road.succeeds("second");
    road.goes_well();
    road.result("third").conclusion.to_string()
}

#[test]
fn status_functions_ask_all_that_came_before_not_only_what_is_needed() {
    use Conclusion::{Cancelled, Failure, Skipped, Success};
    for (condition, runs_after) in [
        ("", &[Success][..]),
        ("success()", &[Success]),
        ("failure()", &[Failure]),
        ("cancelled()", &[]),
        ("always()", &[Success, Failure, Cancelled, Skipped]),
        ("!cancelled()", &[Success, Failure, Cancelled, Skipped]),
        ("!failure()", &[Success, Cancelled, Skipped]),
        ("success() || failure()", &[Success, Failure]),
        ("true", &[Success]),
        ("${{ github.event_name == 'push' }}", &[Success]),
        ("github.event_name == 'tag'", &[]),
        ("always() && needs.second.result == 'success'", &[Success, Failure, Cancelled, Skipped]),
    ] {
        for first in [Success, Failure, Cancelled, Skipped] {
            let expected = if runs_after.contains(&first) { "success" } else { "skipped" };
            assert_eq!(third_after(first, condition), expected, "{condition:?} after {first}");
        }
    }
}

#[test]
fn a_job_that_needs_several_goes_by_all_of_them() {
    let mut road = Road::of(
        "
  good: {$work}
  bad: {$work}
  one: {needs: [good, bad], $work}
  other: {needs: [good, bad], if: failure(), $work}
",
    );
    road.fails("bad");
    assert_eq!(road.wants(), [""; 0], "good is not over");
    road.succeeds("good");
    assert_eq!(road.wants(), ["work on other"]);
    road.succeeds("other");
    assert_eq!(road.results(), "good success, bad failure, one skipped, other success");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_its_job_and_nothing_else() {
    let mut road = Road::of(
        "
  wrong: {if: \"fromJSON('{')\", $work}
  right: {$work}
  after: {needs: wrong, if: failure(), $work}
",
    );
    assert_eq!(road.under_way(), ["right", "after"]);
    let why = road.why("wrong");
    assert!(why.starts_with("`if` cannot be evaluated: fromJSON"), "{why}");
    assert!(road.tells_of().iter().any(|told| told.starts_with("wrong ended with failure: `if`")));
    road.goes_well();
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

//! What is begun again by itself, and what is not.

use model::intent::Outcome;
use model::pipeline::{Conclusion, Ending};

use super::road::Road;

#[test]
fn a_job_whose_runner_was_lost_is_begun_again_twice_at_most() {
    let mut road = Road::of("  a: {$work}");
    let first = road.attempt("a");
    road.is_lost("a");
    assert_eq!(
        road.tells_of(),
        [
            "a ended with failure after 5 s: its machine is gone; it is begun again",
            "a goes to the runners again, attempt 2"
        ]
    );
    assert_ne!(road.attempt("a"), first);
    road.is_lost("a");
    assert_eq!(road.under_way(), ["a"]);
    road.is_lost("a");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
    assert_eq!(road.why("a"), "its machine is gone");
    assert_eq!(road.orders.len(), 3);
    assert_eq!(road.run().retries, 2);
}

#[test]
fn all_jobs_of_a_run_have_a_budget_together() {
    let cells: Vec<_> = (0..20).map(|cell| cell.to_string()).collect();
    let jobs = format!(
        "  a: {{strategy: {{fail-fast: false, matrix: {{n: [{}]}}}}, $work}}",
        cells.join(", ")
    );
    let mut road = Road::of(&jobs);
    for cell in cells {
        road.is_lost(&format!("a ({cell})"));
    }
    assert_eq!(road.under_way().len(), 10);
    assert_eq!(road.orders.len(), 30);
}

#[test]
fn what_failed_by_itself_is_not_begun_again() {
    for ending in [
        Ending::Failure,
        Ending::TimedOut,
        Ending::Cancelled,
        Ending::Invalid("no such image".to_owned()),
    ] {
        let mut road = Road::of("  a: {$work}");
        road.ends("a", ending);
        assert_eq!(road.orders.len(), 1);
        assert!(road.conclusion().is_some());
    }
}

#[test]
fn what_was_told_to_end_is_not_begun_again() {
    let mut road = Road::of("  a: {strategy: {matrix: {n: [1, 2]}}, $work}");
    road.fails("a (1)");
    assert_eq!(road.wants(), ["halt a (2)"]);
    road.is_lost("a (2)");
    assert_eq!(road.orders.len(), 2);
    assert_eq!(road.result("a (2)").conclusion, Conclusion::Cancelled);
    let mut road = Road::of("  a: {$work}\n  b: {if: always(), $work}");
    road.tells("person:ada", engine::pipeline::Word::Cancel { force: false });
    road.is_lost("b");
    road.is_lost("a");
    assert_eq!(road.orders.len(), 2, "nor is anything while the run is being cancelled");
    assert_eq!(road.results(), "a cancelled, b failure");
}

#[test]
fn what_cannot_be_carried_out_fails_and_what_is_unknown_waits() {
    let mut road = Road::of("  a: {$work}\n  b: {needs: a, if: always(), $work}");
    let attempt = road.attempt("a");
    let before = road.run().clone();
    road.answers(attempt, Outcome::Unknown("no answer".to_owned()));
    assert!(road.tells_of()[0].starts_with("not known what became of job_"));
    assert_eq!(*road.run(), before, "nothing is decided on it");
    road.answers(attempt, Outcome::Failed("nobody offers `moon`".to_owned()));
    assert_eq!(road.why("a"), "nobody offers `moon`");
    assert_eq!(road.result("a").job, Some(attempt));
    assert_eq!(road.under_way(), ["b"]);
}

//! What a run does not take in, because it is stored whole with every decision.

use model::persisted::Persisted;
use model::pipeline::{Conclusion, JobReport};
use serde_json::json;

use super::road::{Road, read, report, workflow};

#[test]
fn outputs_that_are_too_large_fail_their_job() {
    let mut road = Road::of("  a: {$work}\n  b: {$work}\n  c: {$work}");
    let of =
        |bytes: usize| JobReport { outputs: vec![("o".to_owned(), "x".repeat(bytes))], ..report() };
    road.reports("a", of(1_000_000));
    assert_eq!(road.result("a").conclusion, Conclusion::Success);
    road.reports("b", of(100_000));
    assert_eq!(
        road.why("b"),
        "its outputs: they take 100001 bytes, and of the 1048576 that a run keeps of all its jobs \
         1000001 are taken"
    );
    road.reports("c", of(1_000));
    assert_eq!(road.results(), "a success, b failure, c success");
    assert!(road.run().save().len() < 1_100_000);
}

#[test]
fn a_matrix_may_not_hold_more_than_a_run_keeps() {
    let mut road = Road::of(
        "
  plan: {outputs: {m: x}, $work}
  test: {needs: plan, strategy: {matrix: \"${{ fromJSON(needs.plan.outputs.m) }}\"}, $work}
",
    );
    let numbers: Vec<_> = (0..200).collect();
    let matrix = json!({"n": numbers, "include": [{"big": "x".repeat(10_000)}]});
    road.succeeds_with("plan", &[("m", &matrix.to_string())]);
    assert!(
        road.why("test").starts_with("the values of its matrix: they take 20"),
        "{}",
        road.why("test")
    );
}

#[test]
fn a_run_has_no_more_than_9000_jobs() {
    let list = (0..200).map(|item| item.to_string()).collect::<Vec<_>>().join(", ");
    let called =
        format!("on: workflow_call\njobs: {{a: {{strategy: {{matrix: {{n: [{list}]}}}}, $work}}}}");
    let file = format!(
        "on: push\njobs: {{c: {{strategy: {{fail-fast: false, matrix: {{n: [{list}]}}}}, uses: ./.github/workflows/c.yml}}}}"
    );
    let road = Road::calling(&file, &[("c.yml", &called)]);
    assert!(road.run().jobs.len() <= 9_000);
    assert!(road.run().jobs.len() > 8_000);
    assert_eq!(
        road.why("c (199) / a"),
        "the run would come to 9001 jobs, and 9000 are the most"
            .replace("9001", &(road.run().jobs.len() + 200).to_string())
    );
}

#[test]
fn a_workflow_of_more_jobs_than_a_run_takes_fails_at_once() {
    let mut sheet = read(&workflow("  a: {$work}"), &[]);
    sheet.jobs = vec![sheet.jobs[0].clone(); 9_001];
    let road = Road::begin(sheet, |_| {});
    assert_eq!(
        road.tells_of()[1..],
        [
            ".github/workflows/ci.yml ended with failure: the run would come to 9001 jobs, and 9000 are the most",
            "ended with failure after 1 s"
        ]
    );
    assert!(road.orders.is_empty());
}

#[test]
fn reasons_from_outside_are_cut() {
    let mut road = Road::of("  a: {$work}");
    road.ends("a", model::pipeline::Ending::Invalid("é".repeat(3_000_000)));
    assert_eq!(road.why("a").len(), 499);
}

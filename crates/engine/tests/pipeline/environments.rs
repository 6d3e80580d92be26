//! Protected environments: who may let a job in.

use engine::pipeline::Word;
use model::fact::What;
use model::pipeline::{Conclusion, Progress, Protection, Request};

use super::road::Road;

const JOBS: &str = "
  build: {$work}
  ship: {needs: build, environment: Production, $work}
  after: {needs: ship, $work}
";

fn protect(environment: &str, approvals: u32) -> impl FnOnce(&mut Request) {
    let protection = Protection { environment: environment.to_owned(), approvals };
    |request| request.protected.push(protection)
}

/// With a job that waits for two people.
fn held() -> Road {
    let mut road = Road::asked(JOBS, protect("production", 2));
    road.succeeds("build");
    road
}

fn approve() -> Word {
    Word::Approve { environment: "production".to_owned() }
}

fn reject() -> Word {
    Word::Reject { environment: "production".to_owned() }
}

#[test]
fn a_job_enters_once_enough_people_have_agreed() {
    let mut road = held();
    assert_eq!(road.under_way(), [""; 0]);
    assert_eq!(road.tells_of()[1], "ship waits for 2 approvals to enter production");
    road.tells("person:bob", approve());
    assert_eq!(road.tells_of(), ["ship has an approval for production, 1 to go"]);
    assert_eq!(road.wants(), [""; 0]);
    road.is_refused(
        "person:bob",
        approve(),
        "person:bob has approved already: somebody else has to",
    );
    road.is_refused(
        "person:ada",
        approve(),
        "person:ada began this run: somebody else has to approve",
    );
    road.tells("person:cy", Word::Approve { environment: "PRODUCTION".to_owned() });
    assert_eq!(road.tells_of(), ["ship may enter production", "ship goes to the runners"]);
    assert_eq!(road.wants(), ["work on ship"]);
    road.is_refused("person:dan", approve(), "no job waits to enter production");
    road.goes_well();
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
}

#[test]
fn one_no_is_enough() {
    let mut road = held();
    road.tells("person:bob", approve());
    road.tells("person:ada", reject());
    assert!(matches!(road.last.facts[0], What::RunRejected(_)));
    assert_eq!(road.why("ship"), "it may not enter production");
    assert_eq!(road.results(), "build success, ship failure, after skipped");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn environments_that_nobody_protects_are_open() {
    let none = protect("production", 0);
    for ask in [protect("staging", 1), none] {
        let mut road = Road::asked(JOBS, ask);
        road.succeeds("build");
        assert_eq!(road.under_way(), ["ship"]);
    }
}

#[test]
fn words_for_an_environment_concern_all_that_wait_for_it_and_nobody_else() {
    let mut road = Road::asked(
        "
  a: {environment: one, $work}
  b: {environment: one, $work}
  c: {environment: two, $work}
",
        |request| {
            protect("one", 1)(request);
            protect("two", 1)(request);
        },
    );
    road.is_refused(
        "person:bob",
        Word::Approve { environment: "three".to_owned() },
        "no job waits to enter three",
    );
    road.tells("person:bob", Word::Approve { environment: "one".to_owned() });
    assert_eq!(road.wants(), ["work on a", "work on b"]);
    road.tells("person:bob", Word::Reject { environment: "two".to_owned() });
    assert_eq!(road.results(), "c failure");
}

#[test]
fn a_cell_may_wait_while_others_run() {
    let mut road = Road::asked(
        "
  ship:
    strategy: {max-parallel: 2, fail-fast: true, matrix: {where: [production, test, dev]}}
    environment: ${{ matrix.where }}
    runs-on: linux
    steps: [{run: make}]
",
        protect("production", 1),
    );
    assert_eq!(road.under_way(), ["ship (test)"], "who waits for consent takes a place");
    road.fails("ship (test)");
    assert_eq!(
        road.results(),
        "ship failure, ship (production) cancelled, ship (test) failure, ship (dev) cancelled"
    );
}

#[test]
fn cancelling_ends_who_waits_for_consent() {
    let mut road = held();
    road.tells("person:ada", Word::Cancel { force: false });
    assert_eq!(road.results(), "build success, ship cancelled, after cancelled");
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
    road.is_refused("person:bob", approve(), "it is over");
    road.is_refused("person:bob", reject(), "it is over");
    assert!(!road.run().jobs.iter().any(|job| matches!(job.progress, Progress::Held(_))));
}

#[test]
fn what_runs_always_still_needs_consent() {
    let jobs = "
  build: {$work}
  clean: {needs: build, if: always(), environment: production, $work}
";
    let mut road = Road::asked(jobs, protect("production", 1));
    road.tells("person:ada", Word::Cancel { force: false });
    road.ends("build", model::pipeline::Ending::Cancelled);
    assert_eq!(road.conclusion(), None, "it waits");
    road.tells("person:bob", approve());
    assert_eq!(road.under_way(), ["clean"]);
    road.succeeds("clean");
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
}

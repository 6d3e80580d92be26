//! Concurrency groups among the jobs of a run.

use engine::pipeline::Word;
use model::message::Word as Said;
use model::pipeline::{Conclusion, Ending, Progress, Protection};

use super::road::Road;

fn queued(road: &Road) -> Vec<String> {
    road.which(|job| matches!(job.progress, Progress::Queued { .. }))
}

#[test]
fn one_job_of_a_group_is_under_way_and_the_newest_waits() {
    let mut road = Road::of(
        "
  a: {concurrency: db, $work}
  b: {concurrency: DB, $work}
  c: {concurrency: '${{ format(\"{0}b\", vars.D) }}', $work}
  d: {concurrency: other, $work}
"
        .replace("'${{ format(\"{0}b\", vars.D) }}'", "db")
        .as_str(),
    );
    assert_eq!(road.under_way(), ["a", "d"]);
    assert_eq!(queued(&road), ["c"]);
    assert_eq!(road.why("b"), "c took its place in the group `db`");
    assert_eq!(road.result("b").conclusion, Conclusion::Cancelled);
    road.succeeds("a");
    assert_eq!(road.wants(), ["work on c"]);
    road.goes_well();
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
}

#[test]
fn where_all_may_wait_they_go_in_the_order_in_which_they_came() {
    let group = "concurrency: {group: db, queue: max}, $work";
    let mut road = Road::of(
        &"
  late: {needs: quick, $group}
  slow: {$group}
  next: {$group}
  quick: {$work}
"
        .replace("$group", group),
    );
    assert_eq!(road.under_way(), ["slow", "quick"]);
    road.succeeds("quick");
    assert_eq!(queued(&road), ["late", "next"]);
    road.succeeds("slow");
    assert_eq!(road.wants(), ["work on next"], "it has waited longer");
    road.fails("next");
    assert_eq!(road.wants(), ["work on late"]);
}

#[test]
fn a_queue_holds_a_hundred() {
    let cells: Vec<_> = (0..103).map(|cell| cell.to_string()).collect();
    let road = Road::of(&format!(
        "
  a:
    strategy: {{fail-fast: false, matrix: {{n: [{}]}}}}
    concurrency: {{group: db, queue: max}}
    runs-on: linux
    steps: [{{run: make}}]
",
        cells.join(", ")
    ));
    assert_eq!(road.under_way(), ["a (0)"]);
    assert_eq!(queued(&road).len(), 100);
    assert_eq!(road.results(), "a (101) cancelled, a (102) cancelled");
    assert_eq!(road.why("a (102)"), "100 wait in the group `db` already");
}

#[test]
fn a_newcomer_may_end_who_is_under_way() {
    let mut road = Road::of(
        "
  first: {$work}
  a: {concurrency: db, $work}
  b: {needs: first, concurrency: {group: db, cancel-in-progress: \"${{ github.event_name == 'push' }}\"}, $work}
",
    );
    road.succeeds("first");
    assert_eq!(road.wants(), ["halt a"]);
    assert_eq!(queued(&road), ["b"], "who is told to end is not over yet");
    road.ends("a", Ending::Cancelled);
    assert_eq!(road.wants(), ["work on b"]);
}

#[test]
fn who_waits_for_consent_is_in_its_group() {
    let ask = |request: &mut model::pipeline::Request| {
        request.protected.push(Protection { environment: "production".to_owned(), approvals: 1 });
    };
    let jobs = "
  first: {$work}
  a: {concurrency: db, environment: production, $work}
  b: {needs: first, concurrency: {group: db, $how}, $work}
";
    let mut road = Road::asked(&jobs.replace("$how", "cancel-in-progress: false"), ask);
    road.succeeds("first");
    assert_eq!(queued(&road), ["b"]);
    road.tells("person:bob", Word::Reject { environment: "production".to_owned() });
    assert_eq!(road.wants(), ["work on b"]);
    let mut road = Road::asked(&jobs.replace("$how", "cancel-in-progress: true"), ask);
    road.succeeds("first");
    assert_eq!(road.wants(), ["work on b"]);
    assert_eq!(road.why("a"), "b takes its place in the group `db`");
}

#[test]
fn who_waits_for_its_turn_may_be_cancelled() {
    let mut road = Road::of("  a: {concurrency: g, $work}\n  b: {concurrency: g, $work}");
    road.tells("person:ada", Word::Cancel { force: false });
    assert_eq!(road.results(), "b cancelled");
    road.ends("a", Ending::Cancelled);
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
}

#[test]
fn a_group_must_have_a_name() {
    let road = Road::of("  a: {concurrency: \"${{ vars.NOTHING }}\", $work}");
    assert_eq!(road.why("a"), "`concurrency` comes to no group");
    let road = Road::asked("  a: {concurrency: \"${{ vars.LONG }}\", $work}", |request| {
        request.vars.insert("LONG".to_owned(), "x".repeat(401).into());
    });
    assert_eq!(road.why("a"), "a group's name has at most 400 characters");
}

#[test]
fn a_call_is_in_its_groups_until_all_its_jobs_are_over() {
    let called = "
on: {workflow_call: {inputs: {db: {type: string}}}}
concurrency: ${{ inputs.db }}
jobs: {x: {$work}, y: {needs: x, $work}}
";
    let mut road = Road::calling(
        "
on: push
jobs:
  call: {concurrency: one, uses: ./.github/workflows/called.yml, with: {db: two}}
  first: {$work}
  a: {needs: first, concurrency: one, $work}
  b: {needs: first, concurrency: two, $work}
",
        &[("called.yml", called)],
    );
    road.succeeds("first");
    assert_eq!(queued(&road), ["a", "b"]);
    road.succeeds("call / x");
    assert_eq!(road.under_way(), ["call / y"]);
    road.succeeds("call / y");
    assert_eq!(road.wants(), ["work on a", "work on b"]);
}

#[test]
fn a_call_may_be_ended_by_a_newcomer_as_a_whole() {
    let called = "on: workflow_call\njobs: {x: {$work}, y: {needs: x, if: always(), $work}}";
    let mut road = Road::calling(
        "
on: push
jobs:
  call: {concurrency: one, uses: ./.github/workflows/called.yml}
  first: {$work}
  a: {needs: first, concurrency: {group: one, cancel-in-progress: true}, $work}
",
        &[("called.yml", called)],
    );
    road.succeeds("first");
    assert_eq!(road.wants(), ["halt call / x"]);
    assert_eq!(road.why("call / y"), "a takes its place in the group `one`");
    road.ends("call / x", Ending::Cancelled);
    assert_eq!(road.wants(), ["work on a"]);
}

#[test]
fn nobody_waits_for_itself() {
    const WHY: &str = "its concurrency group would never be free: who is in it waits for this job";
    // A part of a call in the call's own group.
    let called = "on: workflow_call\njobs: {x: {concurrency: {group: one, cancel-in-progress: true}, $work}}";
    let file = "on: push\njobs: {call: {concurrency: one, uses: ./.github/workflows/called.yml}}";
    let road = Road::calling(file, &[("called.yml", called)]);
    assert_eq!(road.why("call / x"), WHY);
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
    // Two calls, each with a part that wants into the other's group.
    let mut road = Road::calling(
        "
on: push
jobs:
  a: {concurrency: ga, uses: ./.github/workflows/called.yml, with: {group: gb}}
  b: {concurrency: gb, uses: ./.github/workflows/called.yml, with: {group: ga}}
",
        &[(
            "called.yml",
            "
on: {workflow_call: {inputs: {group: {type: string}}}}
jobs: {first: {$work}, second: {needs: first, concurrency: '${{ inputs.group }}', $work}}
",
        )],
    );
    road.succeeds("a / first");
    assert_eq!(queued(&road), ["a / second"]);
    road.succeeds("b / first");
    assert_eq!(road.why("b / second"), WHY);
    assert_eq!(road.wants(), ["work on a / second"], "the other goes on");
    road.succeeds("a / second");
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

const WHOLE: &str = "
on: push
concurrency: {group: Deploy, $how}
jobs:
  a: {$work}
  b: {if: always(), $work}
";

fn whole(how: &str) -> String {
    WHOLE.replace("$how", how)
}

#[test]
fn a_run_waits_as_a_whole_until_another_run_is_over() {
    let mut road = Road::behind(&["deploy"], &whole("queue: max"));
    assert_eq!(road.wants(), [""; 0]);
    let said = road.tells_of();
    let waits = "the run waits for its turn in the group `Deploy`, which Other (run_";
    assert!(said.last().is_some_and(|last| last.starts_with(waits)), "{said:?}");
    road.another_leaves("DEPLOY");
    assert_eq!(road.wants(), ["work on a", "work on b"]);
    road.another_enters("deploy", false);
    assert_eq!(road.elsewhere.len(), 2, "admitted, and now told to wait");
    road.goes_well();
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
    assert_eq!(road.elsewhere.last(), Some(&Said::Admit), "the run has left at its end");
}

#[test]
fn a_run_that_waits_gives_way_to_a_newer_one_and_nothing_of_it_begins() {
    let mut road = Road::behind(&["deploy"], &whole("cancel-in-progress: false"));
    road.newer_enters("deploy", false);
    assert_eq!(road.results(), "a cancelled, b cancelled");
    assert!(road.why("b").ends_with("took its place in the group `deploy`"), "{}", road.why("b"));
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
    assert!(road.orders.is_empty());
    assert!(road.tells_of()[0].starts_with("the run gives way: Newer (run_"));
}

#[test]
fn a_run_that_is_in_its_group_is_cancelled_by_a_newcomer_that_says_so() {
    let mut road = Road::behind(&[], &whole("cancel-in-progress: false"));
    assert_eq!(road.under_way(), ["a", "b"]);
    road.another_enters("deploy", false);
    assert_eq!(road.wants(), [""; 0]);
    road.newer_enters("deploy", true);
    assert_eq!(road.wants(), ["halt a"], "what always runs still does");
    assert_eq!(road.tells_of().len(), 2);
    road.ends("a", Ending::Cancelled);
    assert!(!road.elsewhere.contains(&Said::Admit), "it is not over yet");
    road.succeeds("b");
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
    assert_eq!(road.elsewhere.last(), Some(&Said::Admit));
}

#[test]
fn a_run_that_waits_for_its_turn_may_be_cancelled_and_leaves_the_queue() {
    let mut road = Road::behind(&["deploy"], &whole("queue: max"));
    road.tells("person:ada", Word::Cancel { force: false });
    assert_eq!(road.results(), "a cancelled, b cancelled");
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
    road.another_leaves("deploy");
    road.newer_enters("deploy", false);
    assert_eq!(road.elsewhere.last(), Some(&Said::Admit), "nobody is before it");
}

#[test]
fn a_run_whose_group_has_no_name_does_not_begin() {
    let road = Road::behind(&[], &whole("queue: max").replace("Deploy", "'${{ vars.NOTHING }}'"));
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
    assert!(road.tells_of().iter().any(|said| said.contains("`concurrency` comes to no group")));
}

#[test]
fn jobs_of_several_runs_are_in_one_group() {
    let mut road = Road::behind(
        &["db"],
        "on: push\njobs: {a: {concurrency: {group: DB, queue: max}, $work}, b: {$work}}",
    );
    assert_eq!(road.under_way(), ["b"]);
    road.another_leaves("db");
    assert_eq!(road.wants(), ["work on a"]);
    road.newer_enters("db", true);
    assert_eq!(road.wants(), ["halt a"]);
    assert!(road.tells_of()[0].starts_with("a gives way: Newer (run_"));
    road.is_lost("a");
    assert_eq!(road.elsewhere.last(), Some(&Said::Admit));
}

#[test]
fn a_job_whose_runner_is_lost_keeps_its_place() {
    let mut road = Road::of("  a: {concurrency: db, $work}");
    road.another_enters("db", false);
    road.is_lost("a");
    assert_eq!(road.wants(), ["work on a"]);
    assert!(!road.elsewhere.contains(&Said::Admit));
    road.succeeds("a");
    assert_eq!(road.elsewhere.last(), Some(&Said::Admit));
}

#[test]
fn no_job_enters_the_group_of_its_own_run() {
    let road = Road::behind(
        &[],
        "on: push\nconcurrency: one\njobs: {a: {concurrency: ONE, $work}, b: {$work}}",
    );
    assert_eq!(
        road.why("a"),
        "its concurrency group would never be free: who is in it waits for this job"
    );
    assert_eq!(road.under_way(), ["b"]);
}

#[test]
fn a_call_enters_its_groups_one_after_the_other() {
    let called = "on: workflow_call\nconcurrency: two\njobs: {x: {$work}}";
    let mut road = Road::calling(
        "
on: push
jobs:
  first: {concurrency: two, $work}
  call: {concurrency: one, uses: ./.github/workflows/called.yml}
",
        &[("called.yml", called)],
    );
    assert_eq!(road.under_way(), ["first"]);
    road.another_enters("one", false);
    assert_eq!(road.elsewhere.len(), 1, "`one` is taken by who waits for `two`");
    road.succeeds("first");
    assert_eq!(road.wants(), ["work on call / x"]);
    road.succeeds("call / x");
    assert_eq!(road.elsewhere.last(), Some(&Said::Admit));
}

#[test]
fn a_place_that_comes_too_late_is_given_back() {
    let mut road = Road::behind(&["db"], "on: push\njobs: {a: {concurrency: db, $work}}");
    road.tells("person:ada", Word::Cancel { force: true });
    assert_eq!(road.conclusion(), Some(Conclusion::Cancelled));
    road.hears("db", Some(0), Said::Admit);
    assert_eq!(road.says(), [Said::Leave]);
    road.hears("db", Some(0), Said::GiveWay { why: "too late as well".to_owned() });
    assert!(road.says().is_empty());
    // There is no such job.
    road.hears("db", Some(77), Said::Admit);
    assert_eq!(road.says(), [Said::Leave]);
}

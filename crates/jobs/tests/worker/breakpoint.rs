//! Jobs that wait where a step has failed.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jobs::event::Event;
use jobs::worker::{Breakpoint, CancelSignal};
use model::pipeline::{Ending, Order};
use serde_json::json;

use crate::support::*;

/// Where a job has stayed: the step, its folder, its environment.
type Stay = (u32, PathBuf, BTreeMap<String, String>);

/// Executes, does something wherever the job stays, and has it go on.
fn staying(
    machine: &mut Machine,
    order: &Order,
    mut look: impl FnMut(&Stay) + Send,
) -> (Outcome, Vec<Stay>) {
    let breakpoint = Breakpoint::default();
    machine.bench.breakpoint = Some(breakpoint.clone());
    let mut stays = Vec::new();
    let outcome = machine.execute_until(order, &CancelSignal::new(), |event| {
        if let Event::Stuck { step, folder, environment } = event {
            let stay = (*step, folder.clone(), environment.iter().cloned().collect());
            look(&stay);
            stays.push(stay);
            breakpoint.go_on();
        }
    });
    (outcome, stays)
}

#[test]
fn a_job_stays_at_its_first_failure_with_all_that_the_step_had() {
    let mut machine = Machine::new();
    machine.bench.secrets = vec![("TOKEN".to_owned(), "hunter2".to_owned())];
    let steps = vec![
        run("exit 1").tolerated(),
        run("mkdir below; echo one > below/file; echo FIRST=set >> $GITHUB_ENV"),
        run("exit 3").within("below").env(json!({"OWN": "${{ secrets.TOKEN }}"})),
        run("echo $FROM_PERSON; exit 4").when("always()"),
    ];
    let workspace = machine.workspace("below");
    let (outcome, stays) = staying(&mut machine, &order(steps), |(_, folder, environment)| {
        assert_eq!(fs::read_to_string(folder.join("file")).expect("it was left"), "one\n");
        fs::write(&environment["GITHUB_ENV"], "FROM_PERSON=hello\n").expect("it is there");
    });
    let outcome = outcome.failed();
    assert_eq!(stays.len(), 1, "once is enough");
    let (step, folder, environment) = &stays[0];
    assert_eq!((*step, folder), (2, &workspace));
    for (name, value) in [("FIRST", "set"), ("OWN", "hunter2"), ("CI", "true")] {
        assert_eq!(environment[name], value, "{name}");
    }
    assert_eq!(outcome.said(3).lines().next(), Some("hello"));
    assert_eq!(outcome.outcomes()[..4], ["success", "success", "failure", "failure"]);
}

#[test]
fn the_time_that_a_person_takes_is_not_the_jobs() {
    let mut machine = Machine::new();
    let steps = vec![run("exit 3"), run("echo late").when("failure()")];
    let order = Order { timeout_seconds: 2, ..order(steps) };
    let (outcome, _) = staying(&mut machine, &order, |_| {
        // Longer than the whole job may take.
        let slept = std::process::Command::new("sleep").arg("2.5").status();
        assert!(slept.expect("sleep").success());
    });
    assert_eq!(outcome.report.ending, Ending::Failure, "{}", outcome.everything());
    assert_eq!(outcome.said(1), "late\n");
}

#[test]
fn a_cancelled_job_does_not_stay() {
    let mut machine = Machine::new();
    machine.bench.breakpoint = Some(Breakpoint::default());
    let cancel = CancelSignal::new();
    let outcome = machine.execute_until(&order(vec![run("exit 3")]), &cancel, |event| {
        if matches!(event, Event::Stuck { .. }) {
            cancel.cancel();
        }
    });
    assert_eq!(outcome.report.ending, Ending::Cancelled, "{}", outcome.everything());
}

//! Steps in the background, and those that wait for them.

use model::pipeline::{Ending, StepWork};

use crate::support::*;

#[test]
fn a_background_step_goes_on_beside_the_others_until_it_is_waited_for() {
    let machine = Machine::new();
    let steps = vec![
        run("until [ -e go ]; do sleep 0.01; done\necho x=1 >> $GITHUB_OUTPUT; echo V=2 >> $GITHUB_ENV")
            .id("server")
            .in_background(),
        run("echo \"[${{ steps.server.outputs.x }}] [$V]\"; touch go"),
        control(StepWork::Wait(vec!["server".to_owned()])),
        run("echo \"[${{ steps.server.outputs.x }}] [$V]\""),
    ];
    let outcome = machine.run(steps).succeeded();
    assert_eq!((outcome.said(1).as_str(), outcome.said(3).as_str()), ("[] []\n", "[1] [2]\n"));
}

#[test]
fn waiting_for_what_failed_fails() {
    let machine = Machine::new();
    let steps = vec![
        run("exit 4").id("a").in_background(),
        run("true"),
        control(StepWork::WaitAll),
        run("echo no"),
        run("echo ${{ steps.a.outcome }}").when("failure()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.outcomes()[..5], ["failure", "success", "failure", "skipped", "success"]);
    assert_eq!(outcome.said(4), "failure\n");
}

#[test]
fn what_a_step_ends_is_no_failure() {
    let machine = Machine::new();
    let steps = vec![
        run("echo up; exec sleep 300").id("server").in_background(),
        run("echo tested"),
        control(StepWork::Cancel("server".to_owned())),
        run("echo ${{ steps.server.conclusion }}"),
    ];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(outcome.outcomes()[..4], ["cancelled", "success", "success", "success"]);
    assert_eq!(outcome.said(3), "cancelled\n");
}

#[test]
fn what_nobody_waits_for_is_waited_for_at_the_end() {
    let machine = Machine::new();
    let outcome =
        machine.run(vec![run("sleep 0.1; exit 5").in_background(), run("echo quick")]).failed();
    assert_eq!(outcome.outcomes()[..2], ["failure", "success"]);
    assert!(outcome.names().contains(&"Wait for all background steps"));
}

#[test]
fn parallel_steps_run_at_once_and_all_of_them_end() {
    let machine = Machine::new();
    // Each waits for the other: one after the other would never end.
    let meet = |own: &str, other: &str| {
        run(&format!(
            "touch {own}; until [ -e {other} ]; do sleep 0.01; done; echo o={own} >> $GITHUB_OUTPUT"
        ))
        .id(own)
    };
    let steps = vec![
        control(StepWork::Parallel(vec![
            meet("a", "b"),
            meet("b", "a"),
            run("exit 1").tolerated(),
        ])),
        run("echo ${{ steps.a.outputs.o }}${{ steps.b.outputs.o }}"),
    ];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(outcome.said(1), "ab\n");
    assert_eq!(outcome.names()[0], "Run 3 steps at once");
}

#[test]
fn background_steps_end_with_a_cancelled_job_whatever_their_condition() {
    let machine = Machine::new();
    let cancel = jobs::worker::CancelSignal::new();
    let told = cancel.clone();
    let steps = vec![
        run("exec sleep 300").in_background().when("always()"),
        run("echo '::notice::now'; exec sleep 300"),
    ];
    let outcome = machine.execute_until(&order(steps), &cancel, move |event| {
        if let jobs::event::Event::Annotated { .. } = event {
            let told = told.clone();
            std::thread::spawn(move || told.cancel());
        }
    });
    assert_eq!(outcome.report.ending, Ending::Cancelled);
    assert_eq!(outcome.outcomes()[..2], ["cancelled", "cancelled"]);
}

#[test]
fn only_so_many_go_on_at_the_same_time() {
    let mut machine = Machine::new();
    machine.bench.limits.background = 2;
    let script =
        "mkdir running.$$; ls -d running.* | wc -l >> counts; sleep 0.05; rmdir running.$$";
    let steps = (0..8).map(|_| run(script).in_background()).collect();
    machine.run(steps).succeeded();
    let counts = std::fs::read_to_string(machine.workspace("counts")).expect("counted");
    assert_eq!(counts.lines().count(), 8);
    assert!(
        counts.split_whitespace().all(|count| count.parse::<u32>().expect("a number") <= 2),
        "{counts}"
    );
}

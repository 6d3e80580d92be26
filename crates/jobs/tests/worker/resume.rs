//! Taking up a job from a later step.

use jobs::workbench::Folders;
use model::pipeline::{Resume, StepWork};

use crate::support::*;

#[test]
fn a_later_attempt_begins_where_the_first_one_failed() {
    let mut machine = Machine::new();
    let steps = vec![
        run("echo 1 >> begun; echo v=42 >> $GITHUB_OUTPUT; echo COLOUR=blue >> $GITHUB_ENV; mkdir -p bin; echo \"$PWD/bin\" >> $GITHUB_PATH; echo kept > $HOME/note")
            .id("first"),
        run("false").id("second").tolerated(),
        run("[ -e mended ] && echo \"$COLOUR ${{ steps.first.outputs.v }} ${{ steps.second.outcome }} $(cat $HOME/note)\" && case $PATH in \"$PWD/bin:\"*) echo path;; esac"),
    ];
    let mut order = order(steps);
    let first = machine.execute(&order).failed();
    assert_eq!(first.outcomes()[..3], ["success", "success", "failure"]);

    let earlier = machine.bench.folders.clone();
    std::fs::write(machine.workspace("mended"), "").expect("written");
    machine.bench.folders = Folders::taken_up(&machine.path("job-2"), &earlier);
    order.resume = Some(Resume { of: order.job, step: 2 });
    let second = machine.execute(&order).succeeded();
    assert_eq!(second.said(2), "blue 42 failure kept\npath\n");
    // What ran before did not run again, and is told as it was.
    assert_eq!(std::fs::read_to_string(machine.workspace("begun")).expect("there"), "1\n");
    assert_eq!(second.outcomes()[..3], ["success", "success", "success"]);
    assert_eq!(second.report.steps[1].outcome.word(), "failure");

    // And once more from the attempt that was taken up itself.
    let earlier = machine.bench.folders.clone();
    machine.bench.folders = Folders::taken_up(&machine.path("job-3"), &earlier);
    order.resume = Some(Resume { of: order.job, step: 1 });
    let third = machine.execute(&order).succeeded();
    assert_eq!(third.said(2), "blue 42 failure kept\npath\n");
}

#[test]
fn nobody_takes_up_what_was_never_reached() {
    let mut machine = Machine::new();
    let mut order = order(vec![run("true"), run("true"), run("true")]);
    order.steps.truncate(1);
    machine.execute(&order).succeeded();
    order.steps = vec![run("true"), run("true"), run("true")];
    order.resume = Some(Resume { of: order.job, step: 2 });
    let earlier = machine.bench.folders.clone();
    machine.bench.folders = Folders::taken_up(&machine.path("job-7"), &earlier);
    let outcome = machine.execute(&order);
    assert_eq!(
        outcome.invalid(),
        "the earlier attempt came to step 1 only: run the job from there"
    );
    machine.next_job();
    let outcome = machine.execute(&order);
    assert!(outcome.invalid().contains("is not there any more: run the whole job again"));
}

#[test]
fn a_server_in_the_background_is_started_again() {
    let mut machine = Machine::new();
    let steps = vec![
        run("echo up >> starts; exec sleep 300").id("server").in_background(),
        run(
            "until [ -e starts ]; do sleep 0.01; done; [ -e mended ] && until [ $(wc -l < starts) = 2 ]; do sleep 0.01; done",
        ),
        control(StepWork::Cancel("server".to_owned())),
    ];
    let mut order = order(steps);
    machine.execute(&order).failed();
    let earlier = machine.bench.folders.clone();
    std::fs::write(machine.workspace("mended"), "").expect("written");
    machine.bench.folders = Folders::taken_up(&machine.path("job-2"), &earlier);
    order.resume = Some(Resume { of: order.job, step: 1 });
    machine.execute(&order).succeeded();
    assert_eq!(std::fs::read_to_string(machine.workspace("starts")).expect("there"), "up\nup\n");
}

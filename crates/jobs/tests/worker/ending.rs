//! Jobs that are cancelled, and what steps leave running.

use std::time::Duration;

use jobs::worker::CancelSignal;
use model::pipeline::Ending;
use serde_json::json;

use crate::support::*;

/// Cancels once a file is there.
fn cancel_when(path: std::path::PathBuf, cancel: &CancelSignal) -> std::thread::JoinHandle<()> {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        let status = std::process::Command::new("sh")
            .args(["-c", "until [ -e \"$1\" ]; do sleep 0.02; done", "sh"])
            .arg(path)
            .status();
        assert!(status.expect("sh").success());
        cancel.cancel();
    })
}

#[test]
fn a_cancelled_job_ends_its_step_and_runs_what_asks_for_it() {
    let mut machine = Machine::new();
    machine.bench.limits.grace.interrupt = Duration::from_millis(200);
    machine.bench.limits.grace.terminate = Duration::from_millis(200);
    let cancel = CancelSignal::new();
    let canceller = cancel_when(machine.workspace("ready"), &cancel);
    let steps = vec![
        // One that ignores every polite word, and has a child that detaches.
        run("trap '' INT TERM\nsetsid sleep 300 &\necho $! > child; touch ready; sleep 300"),
        run("echo no"),
        run("echo no").when("failure()"),
        run("echo cancelled ${{ job.status }}").when("cancelled()"),
        run("echo always; kill -0 $(cat child) && echo alive").when("always()").tolerated(),
    ];
    let outcome = machine.execute_until(&order(steps), &cancel, |_| {});
    canceller.join().expect("it cancels");
    assert_eq!(outcome.report.ending, Ending::Cancelled, "{}", outcome.everything());
    assert_eq!(outcome.outcomes()[..5], ["cancelled", "skipped", "skipped", "success", "success"]);
    assert_eq!(outcome.said(3), "cancelled cancelled\n");
    assert!(!outcome.said(4).contains("\nalive"), "{}", outcome.said(4));
}

#[test]
fn a_step_that_runs_always_is_not_ended_by_a_cancel() {
    let machine = Machine::new();
    let cancel = CancelSignal::new();
    let canceller = cancel_when(machine.workspace("ready"), &cancel);
    let script = "touch ready; for i in 1 2 3 4 5; do sleep 0.1; done; echo finished";
    let outcome =
        machine.execute_until(&order(vec![run(script).when("always()")]), &cancel, |_| {});
    canceller.join().expect("it cancels");
    assert_eq!(outcome.report.ending, Ending::Cancelled);
    assert_eq!((outcome.outcomes()[0], outcome.said(0).as_str()), ("success", "finished\n"));
}

#[test]
fn the_patience_with_such_a_step_has_an_end() {
    let mut machine = Machine::new();
    machine.bench.limits.after_cancel = Duration::from_millis(100);
    let cancel = CancelSignal::new();
    let canceller = cancel_when(machine.workspace("ready"), &cancel);
    let outcome = machine.execute_until(
        &order(vec![run("touch ready; exec sleep 300").when("always()")]),
        &cancel,
        |_| {},
    );
    canceller.join().expect("it cancels");
    assert_eq!(outcome.outcomes()[0], "cancelled");
}

#[test]
fn a_job_may_say_how_long_the_patience_is() {
    let machine = Machine::new();
    let cancel = CancelSignal::new();
    let canceller = cancel_when(machine.workspace("ready"), &cancel);
    let mut order = order(vec![run("touch ready; exec sleep 300").when("always()")]);
    order.cancel_timeout_minutes = Some("${{ fromJSON('0.002') }}".into());
    let outcome = machine.execute_until(&order, &cancel, |_| {});
    canceller.join().expect("it cancels");
    assert_eq!(outcome.outcomes()[0], "cancelled");

    let machine = Machine::new();
    order.cancel_timeout_minutes = Some("${{ github.sha }}".into());
    let outcome = machine.execute(&order);
    assert!(outcome.invalid().contains("cancel-timeout-minutes"), "{}", outcome.invalid());
}

#[test]
fn a_job_that_is_cancelled_before_it_begins_does_nothing() {
    let machine = Machine::new();
    let cancel = CancelSignal::new();
    cancel.cancel();
    let outcome = machine.execute_until(
        &order(vec![run("echo no"), run("echo yes").when("always()")]),
        &cancel,
        |_| {},
    );
    assert_eq!(outcome.report.ending, Ending::Cancelled);
    assert_eq!(outcome.outcomes()[..2], ["skipped", "success"]);
}

#[test]
fn what_steps_leave_running_is_ended_with_the_job() {
    let machine = Machine::new();
    let steps = vec![
        run("setsid sleep 300 > /dev/null 2>&1 &\necho $! > left"),
        // It may still be on its way to what it becomes.
        run("until grep -aq ^sleep /proc/$(cat left)/cmdline; do sleep 0.02; done\n\
             kill -0 $(cat left) && echo 'still there'"),
    ];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(outcome.said(1), "still there\n");
    assert!(outcome.named("Complete job").contains("which a step has left running: sleep 300"));
    let pid = std::fs::read_to_string(machine.workspace("left")).expect("a number");
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists());
}

#[test]
fn a_full_disk_ends_the_job() {
    let mut machine = Machine::new();
    machine.bench.limits.disk = Some(jobs::process::disk::Quota {
        folders: vec![machine.bench.folders.workspace.clone()],
        most: Some(1 << 20),
        keep_free: None,
        every: Duration::from_millis(10),
    });
    let outcome =
        machine.run(vec![run("head -c 4000000 /dev/zero > big; exec sleep 300")]).failed();
    assert!(outcome.why(0).contains("more than the 1 MiB"), "{}", outcome.why(0));
}

#[test]
fn after_a_cancel_built_in_actions_work_for_those_who_ask_for_them() {
    let machine = Machine::new();
    let cancel = CancelSignal::new();
    let canceller = cancel_when(machine.workspace("ready"), &cancel);
    let steps = vec![
        run("echo log > log.txt; touch ready; exec sleep 300"),
        uses(
            "actions/upload-artifact@v4",
            json!({"path": "log.txt", "name": "${{ hashFiles('log.txt') }}"}),
        )
        .when("always()"),
        uses("actions/upload-artifact@v4", json!({"path": "log.txt"})),
    ];
    let outcome = machine.execute_until(&order(steps), &cancel, |_| {});
    canceller.join().expect("it cancels");
    assert_eq!(outcome.outcomes()[..3], ["cancelled", "success", "skipped"]);
    assert!(outcome.log(1).contains("has been successfully uploaded"));
}

//! Large workflows come to their ends in good time: a decision costs little more than what it
//! changes.

use engine::decision::{Answered, Input};
use engine::pipeline::step;
use model::id::RunId;
use model::intent::{Intent, Outcome, Target};
use model::persisted::Persisted;
use model::pipeline::{Conclusion, JobSheet, Run, Sheet, Stage};

use super::road::{at, read, report, request, service, workflow};

/// As many jobs as anybody may ask for.
const MANY: usize = 5_000;

#[test]
fn many_jobs_side_by_side() {
    let (run, decisions) = live(sheet(MANY, |_| Vec::new()));
    assert_eq!((run.stage, decisions), (Stage::Over(Conclusion::Success), MANY + 1));
    // The store takes four times as much.
    assert!(run.save().len() < 1 << 21, "{} bytes", run.save().len());
}

#[test]
fn many_jobs_in_a_chain() {
    let (run, decisions) = live(sheet(MANY, |job| job.checked_sub(1).into_iter().collect()));
    assert_eq!((run.stage, decisions), (Stage::Over(Conclusion::Success), MANY + 1));
}

#[test]
fn many_jobs_in_a_chain_that_stands_in_the_file_from_its_end() {
    let next = |job| if job + 1 < MANY { vec![job + 1] } else { Vec::new() };
    let (run, decisions) = live(sheet(MANY, next));
    assert_eq!((run.stage, decisions), (Stage::Over(Conclusion::Success), MANY + 1));
}

#[test]
fn many_jobs_in_layers_that_ask_for_all_before_them() {
    const WIDE: usize = 50;
    let mut sheet = sheet(MANY, |job| {
        let layer = job / WIDE;
        if layer == 0 { Vec::new() } else { ((layer - 1) * WIDE..layer * WIDE).collect() }
    });
    for job in &mut sheet.jobs {
        job.condition = "!cancelled() && !failure()".to_owned();
    }
    let (run, decisions) = live(sheet);
    assert_eq!((run.stage, decisions), (Stage::Over(Conclusion::Success), MANY + 1));
}

#[test]
fn many_jobs_skipped_at_once() {
    let mut sheet = sheet(MANY, |job| job.checked_sub(1).into_iter().collect());
    sheet.jobs[0].condition = "false".to_owned();
    let (run, decisions) = live(sheet);
    assert_eq!((run.stage, decisions), (Stage::Over(Conclusion::Skipped), 1));
}

/// A workflow of so many jobs.
fn sheet(jobs: usize, needs: impl Fn(usize) -> Vec<usize>) -> Sheet {
    let mut sheet = read(&workflow("  a: {$work}"), &[]);
    let first = sheet.jobs[0].clone();
    let job = |place: usize| JobSheet {
        key: format!("job-{place}"),
        needs: needs(place),
        ..first.clone()
    };
    sheet.jobs = (0..jobs).map(job).collect();
    sheet
}

/// Lives through a run in which all goes well, as the loop does; the last state, and how many
/// decisions there were.
fn live(sheet: Sheet) -> (Run, usize) {
    let mut run = Run::new(RunId::new(at(0), [1; 10]), service(), request(), sheet, at(0));
    let (mut open, mut saved, mut decisions) = (Vec::new(), String::new(), 0);
    let mut input = Input::Started;
    loop {
        let decision = step(&run, input, at(1));
        decisions += 1;
        if decision.next != run {
            saved = decision.next.save();
        }
        run = decision.next;
        for intent in decision.intents {
            let Intent::Work(order) = intent else { panic!("nobody told anything to end") };
            open.push(order.job);
        }
        let Some(job) = open.pop() else { break };
        let outcome = Outcome::Worked(Box::new(report()));
        input = Input::Answered(Answered { target: Target::Job(job), asked_at: at(1), outcome });
    }
    assert_eq!(Run::load(&saved).unwrap(), run);
    (run, decisions)
}

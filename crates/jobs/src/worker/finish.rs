//! The end of a job: its outputs, and the end of what it left running.

use std::time::Duration;

use model::pipeline::Conclusion;

use super::frame::Frame;
use super::job::Job;
use crate::context::{Pairs, text};

/// What a job leaves to others.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) outputs: Pairs,
    pub(super) environment_url: Option<String>,
}

/// How long what was left running has to end by itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// `was_set_up`: whether there is anything that outputs can be made of.
pub(super) fn finish(job: &Job<'_>, was_set_up: bool) -> Finished {
    let number = job.next_number();
    let name = "Complete job";
    let began = job.step_begins(number, name);
    let finished = if was_set_up { leave(job, number) } else { Ok(Finished::default()) };
    for leftover in job.bench.processes.sweep(PATIENCE) {
        let (pid, command) = (leftover.pid, &leftover.command_line);
        let what = if leftover.survived { "Cannot end" } else { "Ended" };
        job.say(
            number,
            &format!("{what} the process {pid}, which a step has left running: {command}"),
        );
    }
    let left_out = job.state().annotations_left_out;
    if left_out > 0 {
        job.say(number, &format!("{left_out} annotations were too many and are in the log only"));
    }
    let outcome = if finished.is_ok() { Conclusion::Success } else { Conclusion::Failure };
    let why = finished.as_ref().err().cloned();
    if let Some(why) = &why {
        job.error(number, why);
        job.fail();
    }
    job.step_ends(number, began, name, (outcome, outcome), why);
    finished.unwrap_or_default()
}

fn leave(job: &Job<'_>, number: u32) -> Result<Finished, String> {
    let frame = Frame::of_job(job.fixed.inputs.clone());
    let view = job.view(&frame, None);
    let mut finished = Finished::default();
    let mut size = 0;
    for (name, template) in &job.order.outputs {
        let value = text(&format!("outputs.{name}"), template, &view)
            .map_err(|trouble| trouble.to_string())?;
        if value.is_empty() {
            continue;
        }
        if job.masks.contains(&value) {
            job.say(
                number,
                &format!("##[warning]Skip output '{name}' since it may contain secret."),
            );
            continue;
        }
        size += name.len() + value.len();
        if size > job.bench.limits.outputs {
            return Err(format!("the outputs take more than {} bytes", job.bench.limits.outputs));
        }
        job.say(number, &format!("Set output '{name}'"));
        finished.outputs.push((name.clone(), value));
    }
    if let Some(url) =
        job.order.environment.as_ref().and_then(|environment| environment.url.as_ref())
    {
        let url = text("environment.url", url, &view).map_err(|trouble| trouble.to_string())?;
        if job.masks.contains(&url) {
            job.say(number, "##[warning]Skip the environment's url since it may contain secret.");
        } else if !url.is_empty() {
            finished.environment_url = Some(url);
        }
    }
    Ok(finished)
}

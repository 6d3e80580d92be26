//! The worker: executes one planned job, from its first step to what it leaves behind.
//!
//! Everything runs on the caller's thread, but for steps in the background, which have threads of
//! their own. Nothing is shared between jobs: a job has a process for itself.

mod ask;
mod attend;
mod background;
mod breakpoint;
mod cancel;
mod composite;
mod container;
pub(crate) mod details;
mod docker;
mod engine;
mod files;
mod finish;
mod frame;
mod javascript;
mod job;
mod kept;
mod name;
mod own;
mod post;
mod prepare;
mod said;
mod script;
mod setup;
mod state;
mod step;
mod telling;
mod uses;
mod variables;

use model::pipeline::{Ending, JobReport, Order};

pub(crate) use attend::Task;
pub use breakpoint::Breakpoint;
pub use cancel::CancelSignal;
pub(crate) use files::read_small;
pub(crate) use job::Job;
pub(crate) use post::{Post, Stage};
pub(crate) use said::{Said, put_first, set};
pub(crate) use step::{Running, Site, Went};
pub(crate) use uses::{chain, inputs};

use crate::event::Event;
use crate::workbench::Workbench;

/// Who is told what happens.
pub type Tell<'a> = dyn FnMut(Event) + Send + 'a;

/// Executes one order in this process, which has begun a [`ProcessTree`] and does nothing else.
///
/// [`ProcessTree`]: crate::process::ProcessTree
pub fn execute(
    order: &Order,
    bench: &Workbench,
    cancel: &CancelSignal,
    tell: &mut Tell<'_>,
) -> JobReport {
    let started_at = bench.clock.now();
    tell(Event::Began { job: order.job, at: started_at });
    let report = match Job::begin(order, bench, cancel, started_at, tell) {
        Ok(job) => job.run(),
        // Another runner may have what this one lacks.
        Err(why) => JobReport {
            ending: Ending::Lost(why),
            started_at,
            ended_at: bench.clock.now(),
            runner: bench.runner.name.clone(),
            outputs: Vec::new(),
            environment_url: None,
            steps: Vec::new(),
            annotations: Vec::new(),
        },
    };
    tell(Event::Ended(report.clone()));
    report
}

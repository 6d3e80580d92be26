//! What the contexts of a place are known to hold.

mod fixed;
mod inputs;
mod matrix;

pub(super) use self::fixed::RESULTS;
use self::fixed::words_of;
use super::action::{self, Actions};
use super::shape::{Holder, Reason, Shape};
use crate::syntax::Given;
use crate::syntax::model::{Job, Step, StepWork, Work, Workflow};

/// What holds for a whole file.
#[derive(Debug)]
pub(super) struct FileScope {
    github: Shape,
    inputs: Shape,
    jobs: Shape,
}

/// What holds for a job, and for its steps as they come.
#[derive(Debug, Clone)]
pub(super) struct JobScope {
    needs: Vec<Needed>,
    matrix: Shape,
    services: Shape,
    steps: Vec<PassedStep>,
    /// Ids of the steps that are still to come.
    later: Vec<String>,
}

#[derive(Debug, Clone)]
struct Needed {
    id: String,
    outputs: Shape,
    /// Its failure does not stop what needs it.
    tolerant: bool,
}

#[derive(Debug, Clone)]
struct PassedStep {
    id: String,
    outputs: Shape,
    tolerant: bool,
}

/// Where an expression stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) file: &'a FileScope,
    pub(super) job: Option<&'a JobScope>,
    pub(super) guard: Guard,
}

/// Whether a condition holds only after success, whatever it says: a job's looks at the jobs that
/// it needs, a step's at the steps before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    None,
    Job,
    Step,
}

impl FileScope {
    pub(super) fn of(workflow: &Workflow) -> Self {
        let jobs = workflow.jobs.iter().map(|job| {
            let properties = vec![
                ("result".to_owned(), words_of(RESULTS)),
                ("outputs".to_owned(), job_outputs(job)),
            ];
            (job.id.value.clone(), Shape::closed(Holder::Job(job.id.value.clone()), properties))
        });
        Self {
            github: fixed::github(workflow),
            inputs: inputs::shape(workflow),
            jobs: Shape::closed(Holder::Jobs, jobs.collect()),
        }
    }
}

impl JobScope {
    /// What holds before the first step.
    pub(super) fn of(workflow: &Workflow, job: &Job) -> Self {
        let needed = job.needs.iter().filter_map(|need| workflow.job(&need.value));
        let needs = needed.map(|needed| Needed {
            id: needed.id.value.clone(),
            outputs: job_outputs(needed),
            tolerant: match &needed.work {
                Work::Steps(steps) => steps.continue_on_error.is_some(),
                Work::Call(_) => false,
            },
        });
        let mut later = Vec::new();
        gather_ids(job.steps(), &mut later);
        Self {
            needs: needs.collect(),
            matrix: matrix::shape(job),
            services: services(job),
            steps: Vec::new(),
            later,
        }
    }

    /// From now on the step has run.
    pub(super) fn pass(&mut self, step: &Step, actions: &Actions<'_>) {
        if let StepWork::Parallel(steps) = &step.work {
            for step in steps {
                self.pass(step, actions);
            }
        }
        let Some(id) = step.id.written() else { return };
        self.later.retain(|later| !later.eq_ignore_ascii_case(id));
        self.steps.push(PassedStep {
            id: id.to_owned(),
            outputs: action::outputs(step, actions),
            tolerant: step.continue_on_error.is_some(),
        });
    }

    /// Whether a step of that id is still to come.
    pub(super) fn comes_later(&self, id: &str) -> bool {
        self.later.iter().any(|later| later.eq_ignore_ascii_case(id))
    }

    fn needs(&self, guarded: bool) -> Shape {
        let needed = self.needs.iter().map(|needed| {
            let result = if guarded && !needed.tolerant {
                Shape::words(&["success"], Reason::Success)
            } else {
                words_of(RESULTS)
            };
            let properties =
                vec![("result".to_owned(), result), ("outputs".to_owned(), needed.outputs.clone())];
            (needed.id.clone(), Shape::closed(Holder::Job(needed.id.clone()), properties))
        });
        Shape::closed(Holder::Needs, needed.collect())
    }

    fn steps(&self, guarded: bool) -> Shape {
        let well = || Shape::words(&["success", "skipped"], Reason::Success);
        let steps = self.steps.iter().map(|step| {
            let outcome = if guarded && !step.tolerant { well() } else { words_of(RESULTS) };
            let conclusion = if guarded { well() } else { words_of(RESULTS) };
            let properties = vec![
                ("outputs".to_owned(), step.outputs.clone()),
                ("outcome".to_owned(), outcome),
                ("conclusion".to_owned(), conclusion),
            ];
            (step.id.clone(), Shape::closed(Holder::Step(step.id.clone()), properties))
        });
        Shape::closed(Holder::Steps, steps.collect())
    }
}

impl Scope<'_> {
    pub(super) fn context(&self, name: &str) -> Shape {
        let job = self.job;
        match name {
            "github" => self.file.github.clone(),
            "inputs" => self.file.inputs.clone(),
            "jobs" => self.file.jobs.clone(),
            "needs" => job.map_or(Shape::Any, |job| job.needs(self.guard == Guard::Job)),
            "steps" => job.map_or(Shape::Any, |job| job.steps(self.guard == Guard::Step)),
            "matrix" => job.map_or(Shape::Any, |job| job.matrix.clone()),
            "job" => {
                let services = job.map_or(Shape::Any, |job| job.services.clone());
                fixed::job(services, self.guard == Guard::Step)
            }
            "runner" => fixed::runner(),
            "strategy" => fixed::strategy(),
            "env" => Shape::open(Holder::Context("env"), Vec::new(), Shape::Text),
            "vars" => Shape::open(Holder::Context("vars"), Vec::new(), Shape::Text),
            "secrets" => Shape::open(Holder::Context("secrets"), Vec::new(), Shape::Text),
            _ => Shape::Any,
        }
    }
}

/// The outputs that a job declares.
fn job_outputs(job: &Job) -> Shape {
    let holder = Holder::JobOutputs(job.id.value.clone());
    let text = |name: &str| (name.to_owned(), Shape::Text);
    match &job.work {
        Work::Steps(steps) => {
            let outputs = steps.outputs.iter().map(|(name, _)| text(&name.value));
            Shape::closed(holder, outputs.collect())
        }
        Work::Call(call) => match call.workflow.as_deref().and_then(Workflow::call) {
            Some(called) => {
                let outputs = called.outputs.iter().map(|output| text(&output.name.value));
                Shape::closed(holder, outputs.collect())
            }
            None => Shape::open(holder, Vec::new(), Shape::Any),
        },
    }
}

fn services(job: &Job) -> Shape {
    let Work::Steps(steps) = &job.work else { return Shape::Any };
    match &steps.services {
        None => Shape::closed(Holder::Services, Vec::new()),
        Some(Given::Computed(_)) => Shape::Any,
        Some(Given::Fixed(services)) => {
            let named = services
                .iter()
                .map(|(name, _)| Some((name.literal()?.to_owned(), fixed::service())));
            match named.collect::<Option<Vec<_>>>() {
                Some(services) => Shape::closed(Holder::Services, services),
                None => Shape::Any,
            }
        }
    }
}

fn gather_ids(steps: &[Step], ids: &mut Vec<String>) {
    for step in steps {
        ids.extend(step.id.written().map(str::to_owned));
        if let StepWork::Parallel(inner) = &step.work {
            gather_ids(inner, ids);
        }
    }
}

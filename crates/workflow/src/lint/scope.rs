//! What the contexts of a place are known to hold.

mod fixed;
mod inputs;
mod matrix;

use std::collections::BTreeSet;
use std::rc::Rc;

pub(super) use self::fixed::RESULTS;
use self::fixed::words_of;
use super::action::{self, Actions};
use super::shape::{Holder, Object, Reason, Shape};
use crate::syntax::Given;
use crate::syntax::model::{Job, Step, StepWork, Work, Workflow};

/// What holds for a whole file.
#[derive(Debug)]
pub(super) struct FileScope {
    github: Shape,
    inputs: Shape,
    secrets: Shape,
    jobs: Rc<Object>,
    /// The same where all jobs went well.
    jobs_well: Rc<Object>,
}

/// What holds for a job, and for its steps as they come.
#[derive(Debug)]
pub(super) struct JobScope {
    needs: Shape,
    /// The same where all that it needs went well.
    needs_well: Shape,
    matrix: Shape,
    services: Shape,
    steps: Rc<Object>,
    /// The same where all that has run went well.
    steps_well: Rc<Object>,
    /// Ids of the steps that are still to come, in lower case.
    later: BTreeSet<String>,
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
        let jobs = |well: bool| {
            let results = workflow.jobs.iter();
            let results = results.map(|job| (job.id.value.clone(), result_of(job, well)));
            Rc::new(Object::new(Holder::Jobs, results.collect()))
        };
        Self {
            github: fixed::github(workflow),
            inputs: inputs::shape(workflow),
            secrets: fixed::secrets(workflow),
            jobs: jobs(false),
            jobs_well: jobs(true),
        }
    }
}

impl JobScope {
    /// What holds before the first step.
    pub(super) fn of(file: &FileScope, job: &Job) -> Self {
        let needs = |jobs: &Object| {
            let needed = job.needs.iter().filter_map(|need| jobs.entry(&need.value));
            Shape::closed(Holder::Needs, needed.collect())
        };
        let mut later = BTreeSet::new();
        gather_ids(job.steps(), &mut later);
        Self {
            needs: needs(&file.jobs),
            needs_well: needs(&file.jobs_well),
            matrix: matrix::shape(job),
            services: services(job),
            steps: Rc::new(Object::new(Holder::Steps, Vec::new())),
            steps_well: Rc::new(Object::new(Holder::Steps, Vec::new())),
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
        self.later.remove(&id.to_lowercase());
        let outputs = action::outputs(step, actions);
        let well = || Shape::words(&["success", "skipped"], Reason::Success);
        // With `continue-on-error` the outcome may be a failure, but never the conclusion.
        let outcome = if step.continue_on_error.is_some() { words_of(RESULTS) } else { well() };
        let ended = |outcome, conclusion| {
            let properties = vec![
                ("outputs".to_owned(), outputs.clone()),
                ("outcome".to_owned(), outcome),
                ("conclusion".to_owned(), conclusion),
            ];
            Shape::closed(Holder::Step(id.to_owned()), properties)
        };
        let any = ended(words_of(RESULTS), words_of(RESULTS));
        Rc::make_mut(&mut self.steps).put(id.to_owned(), any);
        Rc::make_mut(&mut self.steps_well).put(id.to_owned(), ended(outcome, well()));
    }

    /// Whether a step of that id is still to come.
    pub(super) fn comes_later(&self, id: &str) -> bool {
        self.later.contains(&id.to_lowercase())
    }
}

/// What another job sees of one that it needs.
fn result_of(job: &Job, well: bool) -> Shape {
    let tolerant = match &job.work {
        Work::Steps(steps) => steps.continue_on_error.is_some(),
        Work::Call(_) => false,
    };
    let result = if well && !tolerant {
        Shape::words(&["success"], Reason::Success)
    } else {
        words_of(RESULTS)
    };
    let properties = vec![("result".to_owned(), result), ("outputs".to_owned(), job_outputs(job))];
    Shape::closed(Holder::Job(job.id.value.clone()), properties)
}

impl Scope<'_> {
    pub(super) fn context(&self, name: &str) -> Shape {
        let job = self.job;
        match name {
            "github" => self.file.github.clone(),
            "inputs" => self.file.inputs.clone(),
            "jobs" => Shape::Object(self.file.jobs.clone()),
            "needs" => job.map_or(Shape::Any, |job| match self.guard {
                Guard::Job => job.needs_well.clone(),
                Guard::None | Guard::Step => job.needs.clone(),
            }),
            "steps" => job.map_or(Shape::Any, |job| match self.guard {
                Guard::Step => Shape::Object(job.steps_well.clone()),
                Guard::None | Guard::Job => Shape::Object(job.steps.clone()),
            }),
            "matrix" => job.map_or(Shape::Any, |job| job.matrix.clone()),
            "job" => {
                let services = job.map_or(Shape::Any, |job| job.services.clone());
                fixed::job(services, self.guard == Guard::Step)
            }
            "runner" => fixed::runner(),
            "strategy" => fixed::strategy(),
            "env" => Shape::open(Holder::Context("env"), Vec::new(), Shape::Text),
            "vars" => Shape::open(Holder::Context("vars"), Vec::new(), Shape::Text),
            "secrets" => self.file.secrets.clone(),
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

fn gather_ids(steps: &[Step], ids: &mut BTreeSet<String>) {
    for step in steps {
        ids.extend(step.id.written().map(str::to_lowercase));
        if let StepWork::Parallel(inner) = &step.work {
            gather_ids(inner, ids);
        }
    }
}

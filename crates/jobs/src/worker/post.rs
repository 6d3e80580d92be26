//! What actions do before the first step and after the last one.

use std::sync::Arc;

use model::pipeline::{Conclusion, StepSheet, StepWork};

use super::composite::{inner_frame, inner_site};
use super::docker::Part;
use super::frame::Frame;
use super::job::Job;
use super::name::action_names;
use super::step::{Running, Site, Went};
use super::uses::{Found, inputs};
use crate::action::{Reference, Repository, Runs};
use crate::builtin::Builtin;
use crate::context::Pairs;

/// Something that an action still has to do when all steps are over.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    stage: Stage,
    /// The step, with what decides whether this is done.
    sheet: StepSheet,
    frame: Frame,
    site: Site,
}

#[derive(Debug, Clone)]
pub(crate) enum Stage {
    JavaScript { found: Arc<Found>, script: String },
    Docker(Arc<Found>),
    Builtin { builtin: Builtin, repository: Repository, inputs: Pairs },
}

impl Post {
    pub(crate) fn new(stage: Stage, condition: &str, step: &Running<'_, '_>) -> Self {
        let condition = condition.to_owned();
        let sheet = StepSheet { condition, background: false, ..step.sheet.clone() };
        Self { stage, sheet, frame: step.frame.clone(), site: step.site.clone() }
    }
}

impl Job<'_> {
    /// Whatever happens from now on, it is done at the end if its condition holds then.
    pub(crate) fn add_post(&self, post: Post) {
        self.state().posts.push(post);
    }

    /// Does what is left to do, the last of it first.
    pub(super) fn run_posts(&self) {
        loop {
            let Some(post) = self.state().posts.pop() else { return };
            let Post { stage, sheet, frame, site } = post;
            let name = format!("Post {}", site.name);
            self.stage(&name, &sheet, &frame, site, |step| {
                self.say(step.site.number, "Post job cleanup.");
                match &stage {
                    Stage::Builtin { builtin, repository, inputs } => {
                        self.run_builtin_post(*builtin, repository, inputs, step)
                    }
                    Stage::JavaScript { found, script } => self.run_stage(found, script, step),
                    Stage::Docker(found) => self.run_docker_stage(Part::Post, found, step),
                }
            });
        }
    }

    fn run_stage(&self, found: &Found, script: &str, step: &mut Running<'_, '_>) -> Went {
        let (StepWork::Uses { with, .. }, Runs::JavaScript(action)) =
            (&step.sheet.work, &found.action.runs)
        else {
            return Went::Well;
        };
        match inputs(&found.action.inputs, with, step.view) {
            Ok(inputs) => self.run_node((action, script), &found.folder, &inputs, step),
            Err(trouble) => self.went_wrong(step.site, &trouble),
        }
    }

    fn run_docker_stage(&self, part: Part, found: &Found, step: &mut Running<'_, '_>) -> Went {
        let (StepWork::Uses { with, .. }, Runs::Docker(action)) =
            (&step.sheet.work, &found.action.runs)
        else {
            return Went::Well;
        };
        match inputs(&found.action.inputs, with, step.view) {
            Ok(inputs) => self.run_docker_part(part, action, found, &inputs, step),
            Err(trouble) => self.went_wrong(step.site, &trouble),
        }
    }

    /// Does what actions want done before the first step.
    pub(super) fn run_pre(&self, frame: &Frame) {
        let first = self.order.resume.map_or(0, |resume| resume.step);
        for (number, sheet) in (0..).zip(&self.order.steps).skip(first) {
            self.run_pre_of(sheet, frame, &self.site(number));
        }
    }

    fn run_pre_of(&self, sheet: &StepSheet, frame: &Frame, site: &Site) {
        if let StepWork::Parallel(steps) = &sheet.work {
            for (at, (step, action)) in steps.iter().zip(action_names(steps)).enumerate() {
                self.run_pre_of(step, frame, &inner_site(site, at, action));
            }
        }
        let StepWork::Uses { action, with } = &sheet.work else { return };
        let Ok(Reference::Repository(repository)) = Reference::parse(action) else { return };
        if Builtin::find(&repository).is_some() {
            return;
        }
        // What could not be fetched is told when its step begins.
        let Some(found) = self.prepared.known(&repository) else { return };
        match &found.action.runs {
            Runs::JavaScript(script) => {
                let Some((script, condition)) = &script.pre else { return };
                let sheet =
                    StepSheet { condition: condition.clone(), background: false, ..sheet.clone() };
                let name = format!("Pre {}", super::name::plain_name(&sheet));
                self.stage(&name, &sheet, frame, site.clone(), |step| {
                    self.run_stage(&found, script, step)
                });
            }
            Runs::Composite { steps, .. } => {
                let mut view = self.view(frame, None);
                super::uses::name_action(&mut view, &Reference::Repository(repository));
                let inputs = inputs(&found.action.inputs, with, &view);
                let inner =
                    inner_frame(&found.folder, &inputs.unwrap_or_default(), &view, frame, site);
                let named = steps.iter().zip(action_names(steps));
                for (at, (step, action)) in named.enumerate() {
                    self.run_pre_of(step, &inner, &inner_site(site, at, action));
                }
            }
            Runs::Docker(action) => {
                let Some((_, condition)) = &action.pre else { return };
                let sheet =
                    StepSheet { condition: condition.clone(), background: false, ..sheet.clone() };
                let name = format!("Pre {}", super::name::plain_name(&sheet));
                self.stage(&name, &sheet, frame, site.clone(), |step| {
                    self.run_docker_stage(Part::Pre, &found, step)
                });
            }
        }
    }

    /// A stage of a step that is told about as if it were a step itself.
    fn stage(
        &self,
        name: &str,
        sheet: &StepSheet,
        frame: &Frame,
        site: Site,
        work: impl FnOnce(&mut Running<'_, '_>) -> Went,
    ) {
        let number = self.next_number();
        let site =
            Site { number, deadline: None, allowed: None, halt: self.cancel.clone(), ..site };
        let mut ready = self.ready(sheet, frame, site, None);
        name.clone_into(&mut ready.name);
        let began = self.step_begins(number, name);
        let finished = self.go(sheet, frame, ready, work);
        self.settle(frame, None, &finished);
        self.step_over(number, began, &finished);
        if finished.conclusion == Conclusion::Failure {
            self.fail();
        }
    }
}

//! What actions do before the first step and after the last one.

use std::sync::Arc;

use model::pipeline::{Conclusion, StepSheet, StepWork};

use super::composite::{inner_frame, inner_site};
use super::frame::Frame;
use super::job::Job;
use super::said::Said;
use super::step::{Site, Went};
use super::uses::Found;
use crate::action::{Reference, Repository, Runs};
use crate::builtin::Builtin;
use crate::context::{Pairs, View};

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
    Builtin { builtin: Builtin, repository: Repository, inputs: Pairs },
}

impl Post {
    pub(crate) fn new(
        stage: Stage,
        condition: &str,
        sheet: &StepSheet,
        frame: &Frame,
        site: &Site,
    ) -> Self {
        let sheet = StepSheet { condition: condition.to_owned(), background: false, ..sheet.clone() };
        Self { stage, sheet, frame: frame.clone(), site: site.clone() }
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
            self.stage(&name, &sheet, &frame, site, |view, site, said| {
                self.say(site.number, "Post job cleanup.");
                self.run_post(&stage, &sheet, view, site, said)
            });
        }
    }

    fn run_post(
        &self,
        stage: &Stage,
        sheet: &StepSheet,
        view: &mut View<'_>,
        site: &Site,
        said: &mut Said,
    ) -> Went {
        match stage {
            Stage::Builtin { builtin, repository, inputs } => {
                self.run_builtin_post(*builtin, repository, inputs, view, site, said)
            }
            Stage::JavaScript { found, script } => {
                self.run_stage_script(found, script, sheet, view, site, said)
            }
        }
    }

    fn run_stage_script(
        &self,
        found: &Found,
        script: &str,
        sheet: &StepSheet,
        view: &mut View<'_>,
        site: &Site,
        said: &mut Said,
    ) -> Went {
        let (StepWork::Uses { with, .. }, Runs::JavaScript(action)) = (&sheet.work, &found.action.runs) else {
            return Went::Well;
        };
        match self.inputs(&found.action.inputs, with, view, site, said) {
            Ok(inputs) => self.run_node(action, script, found, &inputs, view, site, said),
            Err(trouble) => self.went_wrong(site, &trouble),
        }
    }

    /// Does what actions want done before the first step.
    pub(super) fn run_pre(&self, frame: &Frame) {
        let first = self.order.resume.map_or(0, |resume| resume.step);
        for (number, sheet) in (0..).zip(&self.order.steps).skip(first) {
            self.run_pre_of(sheet, frame, &self.site(sheet, number));
        }
    }

    fn run_pre_of(&self, sheet: &StepSheet, frame: &Frame, site: &Site) {
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
                let sheet = StepSheet { condition: condition.clone(), background: false, ..sheet.clone() };
                let name = format!("Pre {}", super::step::plain_name(&sheet));
                self.stage(&name, &sheet, frame, site.clone(), |view, site, said| {
                    self.run_stage_script(&found, script, &sheet, view, site, said)
                });
            }
            Runs::Composite { steps, .. } => {
                let mut view = self.view(frame, None);
                super::uses::name_action(&mut view, &Reference::Repository(repository));
                let mut unheard = Said::default();
                let inputs = self.inputs(&found.action.inputs, with, &view, site, &mut unheard);
                let inner = inner_frame(&found.folder, &inputs.unwrap_or_default(), &view, frame, site);
                for (at, step) in steps.iter().enumerate() {
                    self.run_pre_of(step, &inner, &inner_site(site, step, at, steps));
                }
            }
            Runs::Docker(_) => {}
        }
    }

    /// A stage of a step that is told about as if it were a step itself.
    fn stage(
        &self,
        name: &str,
        sheet: &StepSheet,
        frame: &Frame,
        site: Site,
        work: impl FnOnce(&mut View<'_>, &Site, &mut Said) -> Went,
    ) {
        let number = self.next_number();
        let site = Site { number, deadline: None, minutes: None, halt: self.cancel.clone(), ..site };
        let mut ready = self.ready(sheet, frame, site, None);
        name.clone_into(&mut ready.name);
        let began = self.step_begins(number, name);
        let finished = self.go(sheet, ready, work);
        self.settle(frame, None, &finished);
        self.step_over(number, began, &finished);
        if finished.conclusion == Conclusion::Failure {
            self.fail();
        }
    }
}

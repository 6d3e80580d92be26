//! One step: whether it is executed, with which variables, for how long, and what it counts as.

use jiff::Timestamp;
use model::pipeline::{Conclusion, StepSheet, StepWork};

use super::cancel::CancelSignal;
use super::frame::Frame;
use super::job::{Job, after};
use super::name::{shortened, written_name};
use super::said::{Said, set};
use super::script::Written;
use super::state::Left;
use crate::context::{Made, Trouble, View, condition, flag, mapping, minutes, text};

/// Where and how long a step is executed.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Whose log it writes.
    pub(crate) number: u32,
    /// Tells it from every other step of the job: `2`, or `2/0` within an action.
    pub(super) key: String,
    pub(crate) deadline: Option<Timestamp>,
    /// The minutes that the step may take, or the nearest around it that says so, and when they
    /// are over.
    pub(super) allowed: Option<(f64, Timestamp)>,
    /// What ends it before its time.
    pub(super) halt: CancelSignal,
    /// It goes on when the job is cancelled.
    pub(super) survives: bool,
    /// What `github.action` is.
    pub(super) action: String,
    /// What people call the step.
    pub(super) name: String,
}

impl Site {
    /// Whether it was told to end.
    pub(crate) fn is_halted(&self) -> bool {
        !self.survives && self.halt.is_cancelled()
    }

    /// The signal that ends it; one that is never given where it goes on in spite of that.
    pub(crate) fn end(&self) -> CancelSignal {
        if self.survives { CancelSignal::new() } else { self.halt.clone() }
    }
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Went {
    Well,
    /// Why, as the report says it.
    Wrong(String),
    Cancelled,
}

impl Went {
    /// The worse of the two.
    pub(super) fn and(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Well, _) | (Self::Cancelled, Self::Wrong(_)) => other,
            _ => self,
        }
    }
}

/// A step while it is executed.
#[derive(Debug)]
pub(crate) struct Running<'r, 'v> {
    pub(crate) sheet: &'r StepSheet,
    pub(crate) frame: &'r Frame,
    pub(crate) view: &'r mut View<'v>,
    pub(crate) site: &'r Site,
    pub(crate) said: &'r mut Said,
}

/// A step that is about to be executed.
#[derive(Debug)]
pub(super) struct Ready<'a> {
    pub(super) name: String,
    /// Whether its condition holds.
    pub(super) wanted: Result<bool, Trouble>,
    pub(super) view: View<'a>,
    pub(super) site: Site,
}

/// What a step has come to.
#[derive(Debug, Clone)]
pub(super) struct Finished {
    pub(super) name: String,
    pub(super) outcome: Conclusion,
    pub(super) conclusion: Conclusion,
    pub(super) why: Option<String>,
    pub(super) said: Said,
}

impl Job<'_> {
    /// Where a step of the order is executed.
    pub(super) fn site(&self, number: u32) -> Site {
        Site {
            number,
            key: number.to_string(),
            deadline: None,
            allowed: None,
            halt: self.cancel.clone(),
            survives: false,
            action: self.names.get(number as usize).cloned().unwrap_or_default(),
            name: String::new(),
        }
    }

    /// Executes a step and tells about it. What it leaves is for the caller to take in.
    pub(super) fn reported_step(&self, sheet: &StepSheet, frame: &Frame, site: Site) -> Finished {
        let number = site.number;
        let ready = self.ready(sheet, frame, site, None);
        let began = self.step_begins(number, &ready.name);
        let finished = self.go(sheet, frame, ready, |step| self.work(step));
        self.step_over(number, began, &finished);
        finished
    }

    pub(super) fn step_over(&self, number: u32, began: Timestamp, finished: &Finished) {
        let came_to = (finished.outcome, finished.conclusion);
        self.step_ends(number, began, &finished.name, came_to, finished.why.clone());
    }

    /// Finds out what a step is called and whether it is to be executed. `status` is that of the
    /// action that it belongs to.
    pub(super) fn ready<'s>(
        &'s self,
        sheet: &StepSheet,
        frame: &Frame,
        mut site: Site,
        status: Option<Conclusion>,
    ) -> Ready<'s> {
        let mut view = self.view(frame, status);
        view.set_own("action", site.action.as_str().into());
        let env = add_env(sheet, &mut view);
        let name = self.name(sheet, &view);
        site.name.clone_from(&name);
        let wanted = env.and_then(|()| self.is_wanted(sheet, &view, &mut site));
        Ready { name, wanted, view, site }
    }

    /// Executes a step, or one of its other stages, if it is wanted.
    pub(super) fn go(
        &self,
        sheet: &StepSheet,
        frame: &Frame,
        ready: Ready<'_>,
        work: impl FnOnce(&mut Running<'_, '_>) -> Went,
    ) -> Finished {
        let Ready { name, wanted, mut view, site } = ready;
        let mut said = Said::default();
        let went = match wanted {
            Ok(false) => {
                let condition = sheet.condition.trim();
                let condition = if condition.is_empty() { "success()" } else { condition };
                self.say(site.number, &format!("Skipped, as this is not so: {condition}"));
                let (outcome, conclusion) = (Conclusion::Skipped, Conclusion::Skipped);
                return Finished { name, outcome, conclusion, why: None, said };
            }
            Ok(true) => {
                let (view, said) = (&mut view, &mut said);
                work(&mut Running { sheet, frame, view, site: &site, said })
            }
            Err(trouble) => self.went_wrong(&site, &trouble),
        };
        let went = match said.wrong.first() {
            Some(wrong) => went.and(Went::Wrong(wrong.clone())),
            None => went,
        };
        let (outcome, why) = match went {
            Went::Well => (Conclusion::Success, None),
            Went::Wrong(why) => (Conclusion::Failure, Some(why)),
            Went::Cancelled => (Conclusion::Cancelled, None),
        };
        let tolerated = outcome == Conclusion::Failure && self.tolerates(sheet, &view, &site);
        let conclusion = if tolerated { Conclusion::Success } else { outcome };
        if conclusion == Conclusion::Failure && frame.is_job() {
            self.stay(&mut Running { sheet, frame, view: &mut view, site: &site, said: &mut said });
        }
        Finished { name, outcome, conclusion, why, said }
    }

    /// Whether the condition holds, and how long the step may take then.
    fn is_wanted(
        &self,
        sheet: &StepSheet,
        view: &View<'_>,
        site: &mut Site,
    ) -> Result<bool, Trouble> {
        let condition = condition(&sheet.condition)?;
        let failed = |error: workflow::expression::EvaluationError| Trouble::new("if", &error);
        if !condition.holds(view).map_err(failed)? {
            return Ok(false);
        }
        // A step in the background is ended with the job, whatever its condition says.
        site.survives =
            !sheet.background && condition.holds(&view.if_cancelled()).map_err(failed)?;
        let now = self.bench.clock.now();
        if let Some(minutes) = minutes("timeout-minutes", sheet.timeout_minutes.as_ref(), view)? {
            let until = after(now, minutes);
            if site.allowed.is_none_or(|(_, earlier)| until < earlier) {
                site.allowed = Some((minutes, until));
            }
        }
        let patience = self.base.patience;
        let of_job = self.deadline().map(|deadline| {
            let survived = || deadline.max(now).checked_add(patience).unwrap_or(Timestamp::MAX);
            if site.survives { survived() } else { deadline }
        });
        site.deadline = [site.allowed.map(|(_, until)| until), of_job].into_iter().flatten().min();
        Ok(true)
    }

    pub(super) fn work(&self, step: &mut Running<'_, '_>) -> Went {
        match &step.sheet.work {
            StepWork::Run { script, shell, working_directory } => {
                self.run_script(Written { script, shell, working_directory }, step)
            }
            StepWork::Uses { action, with } => self.run_action(action, with, step),
            // They stand in the order's own list only, and are seen to there.
            StepWork::Wait(_) | StepWork::WaitAll | StepWork::Cancel(_) | StepWork::Parallel(_) => {
                self.went_wrong(step.site, &"a step of an action cannot wait for others")
            }
        }
    }

    /// Writes why a step fails into its log.
    pub(crate) fn went_wrong(&self, site: &Site, why: &dyn std::fmt::Display) -> Went {
        let why = why.to_string();
        self.error(site.number, &why);
        Went::Wrong(why)
    }

    pub(super) fn tolerates(&self, sheet: &StepSheet, view: &View<'_>, site: &Site) -> bool {
        let tolerated = flag("continue-on-error", sheet.continue_on_error.as_ref(), view);
        tolerated.unwrap_or_else(|trouble| {
            self.error(site.number, &trouble.to_string());
            false
        })
    }

    /// Takes over what a step leaves to those after it.
    pub(super) fn settle(&self, frame: &Frame, id: Option<&str>, finished: &Finished) {
        let mut state = self.state();
        state.take_in(&finished.said);
        if let Some(id) = id {
            let Finished { said, outcome, conclusion, .. } = finished;
            let left =
                Left { outputs: said.outputs.clone(), outcome: *outcome, conclusion: *conclusion };
            state.leave(&frame.scope, id, left);
        }
    }

    /// What people call a step.
    fn name(&self, sheet: &StepSheet, view: &View<'_>) -> String {
        let (prefix, written) = written_name(sheet);
        // A name that cannot be evaluated is no reason to fail.
        let evaluated = text("name", &written, view).unwrap_or(written);
        self.masks.mask(&shortened(prefix, &evaluated)).into_owned()
    }
}

/// Puts the step's own variables over those of the job.
fn add_env(sheet: &StepSheet, view: &mut View<'_>) -> Result<(), Trouble> {
    for (name, value) in mapping("env", &sheet.env, view)? {
        set(&mut view.overrides, &name, value.clone());
        set(&mut view.env, &name, value);
    }
    view.made = Made::default();
    Ok(())
}

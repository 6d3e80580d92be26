//! Steps in the background: begun, waited for, ended.
//!
//! What such a step leaves counts once it was waited for; until then nobody sees it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use model::pipeline::{Conclusion, StepSheet, StepWork};

use super::cancel::{CancelSignal, Listening};
use super::frame::Frame;
use super::job::Job;
use super::name::action_names;
use super::said::Said;
use super::step::{Finished, Site};

pub(super) struct Background<'scope, 'env, 'j> {
    job: &'env Job<'j>,
    scope: &'scope Scope<'scope, 'env>,
    slots: Arc<Slots>,
    steps: Vec<Begun<'scope>>,
}

/// A step that was begun in the background.
struct Begun<'scope> {
    id: Option<String>,
    name: String,
    halt: CancelSignal,
    _listening: Listening,
    /// A step has ended it, so that it is no failure.
    is_unwanted: bool,
    progress: Progress<'scope>,
}

enum Progress<'scope> {
    Going(ScopedJoinHandle<'scope, Finished>),
    Over(Conclusion),
}

impl<'scope, 'env, 'j> Background<'scope, 'env, 'j> {
    pub(super) fn new(job: &'env Job<'j>, scope: &'scope Scope<'scope, 'env>) -> Self {
        let slots = Arc::new(Slots::new(job.bench.limits.background));
        Self { job, scope, slots, steps: Vec::new() }
    }

    pub(super) fn start(&mut self, sheet: &'env StepSheet, number: u32, frame: &Frame) {
        let site = self.job.site(number);
        self.start_at(sheet, site, frame);
    }

    /// Begins a step, and tells where it is in the list.
    fn start_at(&mut self, sheet: &'env StepSheet, mut site: Site, frame: &Frame) -> usize {
        let (job, frame, slots) = (self.job, frame.clone(), self.slots.clone());
        let (halt, listening) = job.cancel.child();
        site.halt = halt.clone();
        // What it sees is what there is now, however long it waits for its turn.
        let ready = job.ready(sheet, &frame, site, None);
        let (name, number) = (ready.name.clone(), ready.site.number);
        let began = job.step_begins(number, &name);
        let handle = self.scope.spawn(move || {
            let finished = match slots.take(&ready.site.halt) {
                Some(_slot) => job.go(sheet, &frame, ready, |step| job.work(step)),
                None => never_begun(ready.name),
            };
            job.step_over(number, began, &finished);
            finished
        });
        self.steps.push(Begun {
            id: sheet.id.clone(),
            name,
            halt,
            _listening: listening,
            is_unwanted: false,
            progress: Progress::Going(handle),
        });
        self.steps.len() - 1
    }

    /// A step that is about others.
    pub(super) fn control(&mut self, sheet: &'env StepSheet, number: u32, frame: &Frame) {
        let job = self.job;
        // Waiting and ending are done whatever happened, unless something else is written.
        let is_parallel = matches!(sheet.work, StepWork::Parallel(_));
        let is_free = sheet.condition.trim().is_empty() && !is_parallel;
        let condition = if is_free { "always()".to_owned() } else { sheet.condition.clone() };
        let asked = StepSheet { condition, ..sheet.clone() };
        let ready = job.ready(&asked, frame, job.site(number), None);
        let began = job.step_begins(number, &ready.name);
        let outcome = match &ready.wanted {
            Ok(true) => self.carry_out(sheet, &ready.site, frame),
            Ok(false) => Conclusion::Skipped,
            Err(trouble) => {
                job.went_wrong(&ready.site, trouble);
                Conclusion::Failure
            }
        };
        let tolerated =
            outcome == Conclusion::Failure && job.tolerates(sheet, &ready.view, &ready.site);
        let conclusion = if tolerated { Conclusion::Success } else { outcome };
        let (name, said) = (ready.name, Said::default());
        let finished = Finished { name, outcome, conclusion, why: None, said };
        job.settle(frame, sheet.id.as_deref(), &finished);
        job.step_over(number, began, &finished);
        if conclusion == Conclusion::Failure {
            job.fail();
        }
    }

    fn carry_out(&mut self, sheet: &'env StepSheet, site: &Site, frame: &Frame) -> Conclusion {
        match &sheet.work {
            StepWork::Wait(ids) => {
                let wanted = |step: &Begun<'_>| step.id.as_ref().is_some_and(|id| ids.contains(id));
                let steps = self.places(wanted);
                self.wait(&steps, site.number, frame)
            }
            StepWork::WaitAll => {
                let steps = self.places(|step| matches!(step.progress, Progress::Going(_)));
                self.wait(&steps, site.number, frame)
            }
            StepWork::Cancel(id) => {
                let steps = self.places(|step| step.id.as_ref() == Some(id));
                for step in &steps {
                    self.steps[*step].is_unwanted = true;
                    self.steps[*step].halt.cancel();
                }
                self.wait(&steps, site.number, frame);
                Conclusion::Success
            }
            StepWork::Parallel(sheets) => {
                let names = action_names(sheets);
                let steps: Vec<usize> = (sheets.iter().zip(names).enumerate())
                    .map(|(at, (sheet, action))| {
                        let number = self.job.next_number();
                        let key = format!("{}/{at}", site.key);
                        let site = Site { number, key, action, ..site.clone() };
                        self.start_at(sheet, site, frame)
                    })
                    .collect();
                self.wait(&steps, site.number, frame)
            }
            StepWork::Run { .. } | StepWork::Uses { .. } => Conclusion::Success,
        }
    }

    fn places(&self, wanted: impl Fn(&Begun<'_>) -> bool) -> Vec<usize> {
        (0..self.steps.len()).filter(|at| wanted(&self.steps[*at])).collect()
    }

    /// Waits for steps, lets what they leave count, and tells the worst that they came to.
    fn wait(&mut self, steps: &[usize], number: u32, frame: &Frame) -> Conclusion {
        let mut worst = Conclusion::Success;
        for at in steps {
            let step = &mut self.steps[*at];
            let progress =
                std::mem::replace(&mut step.progress, Progress::Over(Conclusion::Failure));
            let conclusion = match progress {
                Progress::Over(conclusion) => conclusion,
                Progress::Going(handle) => {
                    self.job.say(number, &format!("Waiting for {}", step.name));
                    match handle.join() {
                        Ok(finished) => {
                            self.job.settle(frame, step.id.as_deref(), &finished);
                            finished.conclusion
                        }
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
            };
            step.progress = Progress::Over(conclusion);
            self.job.say(number, &format!("{}: {conclusion}", step.name));
            if matters(conclusion, step.is_unwanted) && worst != Conclusion::Failure {
                worst = conclusion;
            }
        }
        worst
    }

    /// Waits for all that nobody waited for, and lets what failed count.
    pub(super) fn finish(&mut self, frame: &Frame) {
        let job = self.job;
        let going = self.places(|step| matches!(step.progress, Progress::Going(_)));
        if !going.is_empty() {
            let name = "Wait for all background steps";
            let number = job.next_number();
            let began = job.step_begins(number, name);
            let worst = self.wait(&going, number, frame);
            job.step_ends(number, began, name, (worst, worst), None);
        }
        let has_failed = self
            .steps
            .iter()
            .any(|step| matches!(step.progress, Progress::Over(Conclusion::Failure)));
        if has_failed {
            job.fail();
        }
    }
}

/// Whether what a step came to counts for who waits for it.
fn matters(conclusion: Conclusion, is_unwanted: bool) -> bool {
    match conclusion {
        Conclusion::Failure => true,
        Conclusion::Cancelled => !is_unwanted,
        Conclusion::Success | Conclusion::Skipped => false,
    }
}

fn never_begun(name: String) -> Finished {
    let (outcome, conclusion) = (Conclusion::Cancelled, Conclusion::Cancelled);
    Finished { name, outcome, conclusion, why: None, said: Said::default() }
}

/// How many may go on at the same time.
struct Slots {
    free: Mutex<usize>,
    changed: Condvar,
}

struct Slot(Arc<Slots>);

impl Slots {
    fn new(count: usize) -> Self {
        Self { free: Mutex::new(count.max(1)), changed: Condvar::new() }
    }

    /// Waits for a place; `None` when the step is ended before.
    fn take(self: &Arc<Self>, halt: &CancelSignal) -> Option<Slot> {
        let told = self.clone();
        let _listening = halt.on_cancel(move || {
            // Under the lock, so that nobody misses it who has just looked.
            let _free = told.free.lock().unwrap_or_else(PoisonError::into_inner);
            told.changed.notify_all();
        });
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if halt.is_cancelled() {
                return None;
            }
            if *free > 0 {
                *free -= 1;
                return Some(Slot(self.clone()));
            }
            free = self.changed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.changed.notify_all();
    }
}

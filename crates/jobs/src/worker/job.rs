//! One job while it is executed: what its steps share, and how it goes from first to last.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use model::pipeline::{Conclusion, Ending, JobReport, Level, Order, StepReport, StepWork};

use super::attend::Full;
use super::background::Background;
use super::cancel::CancelSignal;
use super::container::Containers;
use super::frame::Frame;
use super::kept::Kept;
use super::name::action_names;
use super::prepare::Prepared;
use super::said::Said;
use super::setup;
use super::state::State;
use super::step::Site;
use super::telling::remark;
use super::{Tell, finish};
use crate::command::Matchers;
use crate::context::{Fixed, Made, View};
use crate::log::Log;
use crate::mask::Masks;
use crate::workbench::Workbench;

pub(crate) struct Job<'a> {
    pub(crate) order: &'a Order,
    pub(crate) bench: &'a Workbench,
    pub(crate) cancel: &'a CancelSignal,
    pub(crate) log: Log,
    pub(crate) masks: Masks,
    pub(crate) matchers: Matchers,
    pub(crate) fixed: Fixed,
    pub(super) started_at: Timestamp,
    /// When the whole job has to be over, by its own time.
    deadline: Option<Timestamp>,
    /// What every program of the job has in its environment.
    pub(super) base: setup::Base,
    pub(super) prepared: Prepared,
    pub(super) containers: Containers,
    /// The run's own repository, once an action of it was asked for, or why it cannot be had.
    pub(super) own: Mutex<Option<Result<PathBuf, String>>>,
    pub(super) debug: bool,
    /// Given when the job has no room left on the disk.
    pub(super) full: Full,
    /// What `github.action` is in each step of the order.
    pub(super) names: Vec<String>,
    /// Where the files are in which steps say what they leave.
    pub(super) commands: PathBuf,
    pub(super) state: Mutex<State>,
    kept: Mutex<Kept>,
    pub(super) tell: Mutex<&'a mut Tell<'a>>,
    next_step: AtomicU32,
    next_file: AtomicU32,
}

impl<'a> Job<'a> {
    /// Makes what every job needs; `Err` says what this machine lacks.
    pub(super) fn begin<'t: 'a>(
        order: &'a Order,
        bench: &'a Workbench,
        cancel: &'a CancelSignal,
        started_at: Timestamp,
        tell: &'a mut Tell<'t>,
    ) -> Result<Self, String> {
        setup::folders(bench)?;
        let log =
            Log::create(&bench.folders.log, bench.limits.log).map_err(|error| error.to_string())?;
        let masks = setup::masks(bench);
        let debug = setup::is_debug(order, bench);
        let deadline = started_at.checked_add(SignedDuration::from_secs(
            i64::try_from(order.timeout_seconds).unwrap_or(i64::MAX),
        ));
        let steps = u32::try_from(order.steps.len()).map_err(|_| "too many steps".to_owned())?;
        Ok(Self {
            order,
            bench,
            cancel,
            log,
            masks,
            matchers: Matchers::default(),
            fixed: setup::fixed(order, bench, cancel, debug),
            started_at,
            // One beyond the end of time is none.
            deadline: deadline.ok(),
            base: setup::Base::new(bench),
            prepared: Prepared::default(),
            containers: Containers::default(),
            own: Mutex::default(),
            debug,
            full: Full::default(),
            names: action_names(&order.steps),
            commands: bench.folders.temp.join(setup::COMMANDS),
            state: Mutex::default(),
            kept: Mutex::new(Kept::create(&bench.folders.kept)?),
            tell: Mutex::new(tell),
            next_step: AtomicU32::new(steps),
            next_file: AtomicU32::new(0),
        })
    }

    pub(super) fn run(mut self) -> JobReport {
        let number = self.next_number();
        let began = self.step_begins(number, "Set up job");
        let ending = match self.set_up(number) {
            Ok(()) => None,
            // Whatever it was that could not be done then.
            Err(_) if self.cancel.is_cancelled() => Some(Ending::Cancelled),
            Err(ending) => Some(ending),
        };
        let why = ending.as_ref().map(describe);
        if let Some(why) = &why {
            self.error(number, why);
        }
        let outcome = if ending.is_some() { Conclusion::Failure } else { Conclusion::Success };
        self.step_ends(number, began, "Set up job", (outcome, outcome), why);
        let ending = ending.or_else(|| self.start_containers().err());
        let _watch = self.watch_disk(number);
        if ending.is_none() {
            let frame = Frame::of_job(self.fixed.inputs.clone());
            self.run_pre(&frame);
            std::thread::scope(|scope| {
                let mut background = Background::new(&self, scope);
                self.run_steps(&frame, &mut background);
                background.finish(&frame);
            });
            self.run_posts();
        }
        self.stop_containers();
        let finished = finish::finish(&self, ending.is_none());
        let ending = ending.unwrap_or_else(|| self.ending());
        self.report(ending, finished)
    }

    fn run_steps<'e>(&'e self, frame: &Frame, background: &mut Background<'_, 'e, 'a>) {
        let first = self.order.resume.map_or(0, |resume| resume.step);
        for (number, sheet) in (0..).zip(&self.order.steps) {
            if (number as usize) < first {
                // One that still ran in the background has to run again.
                if sheet.background && !self.state().reports.contains_key(&number) {
                    background.start(sheet, number, frame);
                }
                continue;
            }
            if !matches!(sheet.work, StepWork::Run { .. } | StepWork::Uses { .. }) {
                background.control(sheet, number, frame);
            } else if sheet.background {
                background.start(sheet, number, frame);
            } else {
                let finished = self.reported_step(sheet, frame, self.site(number));
                self.settle(frame, sheet.id.as_deref(), &finished);
                if finished.conclusion == Conclusion::Failure {
                    self.fail();
                }
            }
            self.keep_step(number);
        }
    }

    /// What the job has come to, once its steps are over.
    fn ending(&self) -> Ending {
        match self.status() {
            Conclusion::Success | Conclusion::Skipped => Ending::Success,
            Conclusion::Failure => Ending::Failure,
            Conclusion::Cancelled if self.cancel.is_cancelled() => Ending::Cancelled,
            Conclusion::Cancelled => Ending::TimedOut,
        }
    }

    fn report(self, ending: Ending, finished: finish::Finished) -> JobReport {
        let ended_at = self.bench.clock.now();
        let summary = self.log.finish(ended_at);
        let mut state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(trouble) = summary.trouble {
            state
                .annotations
                .push(remark(Level::Warning, format!("lines of the log were lost: {trouble}")));
        }
        // A step that nobody came to has a report too, so that numbers stay places.
        let ours = self.order.steps.len();
        let highest = state.reports.keys().next_back().map_or(ours, |last| *last as usize + 1);
        let steps = (0..highest.max(ours)).map(|number| {
            let known = u32::try_from(number).ok().and_then(|number| state.reports.remove(&number));
            known.unwrap_or_else(|| StepReport {
                name: self.order.steps.get(number).map(super::name::plain_name).unwrap_or_default(),
                outcome: Conclusion::Skipped,
                conclusion: Conclusion::Skipped,
                milliseconds: 0,
                why: None,
            })
        });
        JobReport {
            ending,
            started_at: self.started_at,
            ended_at,
            runner: self.bench.runner.name.clone(),
            outputs: finished.outputs,
            environment_url: finished.environment_url,
            steps: steps.collect(),
            annotations: state.annotations,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of something that is executed besides the steps of the order.
    pub(super) fn next_number(&self) -> u32 {
        self.next_step.fetch_add(1, Ordering::Relaxed)
    }

    /// A number that no other file of the job has.
    pub(super) fn next_file(&self) -> u32 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// How the job has gone so far.
    pub(super) fn status(&self) -> Conclusion {
        let is_late = || self.deadline().is_some_and(|deadline| self.bench.clock.now() >= deadline);
        if self.cancel.is_cancelled() || is_late() {
            return Conclusion::Cancelled;
        }
        self.state().status
    }

    /// When the whole job has to be over. What a person has taken to look around is added.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let stayed = self.state().stayed;
        self.deadline.map(|deadline| deadline.checked_add(stayed).unwrap_or(Timestamp::MAX))
    }

    /// What an earlier stage of a step has kept for this one.
    pub(crate) fn noted(&self, site: &Site, name: &str) -> Option<String> {
        let state = self.state();
        let kept = state.kept.get(&site.key)?;
        kept.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.clone())
    }

    pub(crate) fn keep_state(&self, site: &Site, said: &Said) {
        self.state().keep(&site.key, &said.state);
    }

    pub(super) fn fail(&self) {
        self.state().status = Conclusion::Failure;
    }

    /// What the expressions of a step see now.
    pub(super) fn view(&self, frame: &Frame, status: Option<Conclusion>) -> View<'_> {
        let job_status = self.status();
        let mut state = self.state();
        let mut env = state.env.clone();
        for (name, value) in &frame.env {
            super::said::set(&mut env, name, value.clone());
        }
        View {
            fixed: &self.fixed,
            own: frame.own.clone(),
            inputs: frame.inputs.clone(),
            env,
            overrides: frame.env.clone(),
            steps: state.steps(&frame.scope),
            status: status.filter(|_| job_status != Conclusion::Cancelled).unwrap_or(job_status),
            job_status,
            made: Made::default(),
        }
    }
}

/// So many minutes later.
pub(super) fn after(at: Timestamp, minutes: f64) -> Timestamp {
    // More than a year is as good as forever.
    const MOST: f64 = 60.0 * 24.0 * 400.0;
    let minutes = if minutes.is_finite() { minutes.clamp(0.0, MOST) } else { MOST };
    at.checked_add(SignedDuration::from_secs_f64(minutes * 60.0)).unwrap_or(Timestamp::MAX)
}

fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Invalid(why) | Ending::Lost(why) => why.clone(),
        Ending::Cancelled => "cancelled".to_owned(),
        Ending::TimedOut => "the job took too long".to_owned(),
        Ending::Success | Ending::Failure => "the job could not be set up".to_owned(),
    }
}

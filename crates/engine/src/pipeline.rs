//! A run of a workflow: which of its jobs begin when, and what they come to.

mod advance;
mod again;
mod begin;
mod call;
mod contexts;
mod finish;
mod group;
mod limits;
mod order;
mod place;
mod spread;
mod status;
mod word;

use std::collections::BTreeSet;
use std::rc::Rc;

use jiff::Timestamp;
use model::fact::{RunEnded, RunJobEnded, RunStarted, RunUnsure, What};
use model::id::JobId;
use model::intent::{Intent, Outcome, Target};
use model::name::Scope;
use model::pipeline::{Conclusion, Ending, Job, JobReport, JobResult, Progress, Run, Sheet, Stage};

use crate::decision::{Answered, Decision, Input, Process, Reason};
use contexts::Common;
use status::Verdicts;

pub use again::{Again, NotAgain, again};
pub use word::Word;

/// The kind of process that executes workflows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pipeline;

impl Process for Pipeline {
    const KIND: &'static str = "run";

    type State = Run;
    type Word = Word;

    fn step(state: &Run, input: Input<Word>, now: Timestamp) -> Decision<Run> {
        step(state, input, now)
    }

    fn is_over(state: &Run) -> bool {
        matches!(state.stage, Stage::Over(_))
    }

    fn scope(state: &Run) -> Scope {
        Scope::Service(state.service.clone())
    }

    fn slot(_: &Run) -> Option<String> {
        None
    }

    fn name_of(word: &Word) -> &'static str {
        word.name()
    }
}

/// How often one job is begun at most, when its runner is lost again and again.
const MAX_ATTEMPTS: u32 = 3;
/// How often all of a run's jobs together are begun again.
const MAX_RETRIES: u32 = 10;

/// Decides. The same state, input and time give the same decision.
pub fn step(state: &Run, input: Input<Word>, now: Timestamp) -> Decision<Run> {
    let mut turn = Turn {
        next: state.clone(),
        facts: Vec::new(),
        intents: Vec::new(),
        due: BTreeSet::new(),
        common: Rc::new(Common::new(state.request.clone())),
        verdicts: Verdicts::default(),
        now,
    };
    let because = match input {
        Input::Started => turn.set_out(),
        Input::Woken => turn.look_again(),
        Input::Answered(answered) => turn.hear(answered),
        Input::Told(told) => turn.obey(told),
        Input::Heard(message) => turn.listen(message),
    };
    if !matches!(turn.next.stage, Stage::Over(_)) {
        if !turn.is_held_back() {
            turn.advance();
        }
        turn.end_if_over();
    }
    let Turn { next, facts, intents, .. } = turn;
    Decision { next, facts, intents, wake_at: None, because }
}

/// One decision in the making.
struct Turn {
    next: Run,
    facts: Vec<What>,
    intents: Vec<Intent>,
    /// The jobs that may be able to go on.
    due: BTreeSet<usize>,
    common: Rc<Common>,
    verdicts: Verdicts,
    now: Timestamp,
}

impl Turn {
    fn set_out(&mut self) -> Reason {
        let sheet = self.next.sheet.clone();
        let text = |key: &str| self.next.request.github.get(key)?.as_str().map(str::to_owned);
        let fact = RunStarted {
            workflow: sheet.path.clone(),
            name: self.run_name(),
            event: text("event_name").unwrap_or_default(),
            at_ref: text("ref"),
            commit: text("sha"),
            jobs: sheet.jobs.len(),
        };
        self.facts.push(fact.into());
        let room = self.check_number(sheet.jobs.len());
        match room.and_then(|()| self.seat_of_run(&sheet)) {
            Ok(seat) => {
                self.unfold(&sheet, None);
                let Some(seat) = seat else {
                    return Reason::new("a run begins with the jobs that need no other");
                };
                self.enter_as_whole(seat);
                Reason::new("a run asks for its place in its concurrency group")
            }
            Err(why) => self.end_before_it_began(&sheet, why),
        }
    }

    /// A workflow that is too large for a run, or whose group has no name.
    fn end_before_it_began(&mut self, sheet: &Sheet, why: String) -> Reason {
        let (name, conclusion) = (sheet.path.clone(), Conclusion::Failure);
        let fact = RunJobEnded {
            job: None,
            name,
            conclusion,
            why: Some(why),
            runner: None,
            seconds: None,
            again: false,
        };
        self.facts.push(fact.into());
        self.end(conclusion);
        Reason::new("a run does not begin what it cannot hold")
    }

    /// Nothing can have become due by time alone; whoever asks gets a second look at everything.
    fn look_again(&mut self) -> Reason {
        self.due.extend(0..self.next.jobs.len());
        Reason::new("a run sets itself no time")
    }

    fn hear(&mut self, answered: Answered) -> Reason {
        let job = match answered.target {
            Target::Job(job) => job,
            Target::Word(line) => return self.hear_of_word(line, answered.outcome),
            _ => return Reason::new("a run waits for jobs and for groups only"),
        };
        let Some(index) = self.ordered(job) else {
            return Reason::new("the job is not waited for any more");
        };
        match answered.outcome {
            Outcome::Worked(report) => self.take(index, &report),
            Outcome::Failed(why) => {
                self.fail(index, why);
                Reason::new("the job cannot be executed")
            }
            Outcome::Unknown(why) => {
                self.facts.push(RunUnsure { job, why: limits::shorten(&why) }.into());
                Reason::new("the job is looked for")
            }
            Outcome::Done(_) => Reason::new("a job's answer is its report"),
        }
    }

    /// A job has come back.
    fn take(&mut self, index: usize, report: &JobReport) -> Reason {
        let Progress::Ordered { job, attempt, stopping, .. } = self.next.jobs[index].progress
        else {
            return Reason::new("the job is not waited for any more");
        };
        let again = matches!(report.ending, Ending::Lost(_))
            && !stopping
            && attempt < MAX_ATTEMPTS
            && self.next.retries < MAX_RETRIES
            && self.next.stage == Stage::Going;
        let result = self.result_of(report, job, stopping);
        self.facts.push(
            RunJobEnded {
                job: Some(job),
                name: self.next.jobs[index].name.clone(),
                conclusion: result.conclusion,
                why: result.why.clone(),
                runner: Some(limits::shorten(&report.runner)),
                seconds: u64::try_from((report.ended_at - report.started_at).get_seconds()).ok(),
                again,
            }
            .into(),
        );
        if again {
            self.next.retries += 1;
            self.order(index, attempt + 1);
            return Reason::new("the job's runner was lost, so it is begun again");
        }
        self.finish(index, result);
        Reason::new("a job is over")
    }

    fn result_of(&self, report: &JobReport, job: JobId, stopping: bool) -> JobResult {
        let (mut conclusion, mut why) = (report.ending.conclusion(), why(report));
        // Whoever told it to end does not care how far it came.
        if stopping && matches!(report.ending, Ending::Lost(_)) {
            conclusion = Conclusion::Cancelled;
        }
        let mut outputs = report.outputs.clone();
        if let Err(too_much) = self.check_size(limits::size_of_outputs(&outputs)) {
            (conclusion, why) = (Conclusion::Failure, Some(format!("its outputs: {too_much}")));
            outputs.clear();
        }
        JobResult { conclusion, tolerated: false, outputs, job: Some(job), why }
    }

    fn end_if_over(&mut self) {
        let roots = &self.next.jobs[..self.next.sheet.jobs.len()];
        if let Some(conclusion) = finish::fold(roots, self.next.stage) {
            self.end(conclusion);
        }
    }

    fn end(&mut self, conclusion: Conclusion) {
        self.next.stage = Stage::Over(conclusion);
        self.leave_as_whole();
        let seconds = (self.now - self.next.began_at).get_seconds();
        let seconds = u64::try_from(seconds).unwrap_or_default();
        self.facts.push(RunEnded { conclusion, seconds }.into());
    }

    /// The job in the run that an attempt belongs to.
    fn ordered(&self, job: JobId) -> Option<usize> {
        let is_it = |known: &Job| match known.progress {
            Progress::Ordered { job: its, .. } => its == job,
            _ => false,
        };
        self.next.jobs.iter().position(|known| is_it(known))
    }
}

fn why(report: &JobReport) -> Option<String> {
    let failed = report.steps.iter().find(|step| step.conclusion == Conclusion::Failure);
    let why = match &report.ending {
        Ending::Invalid(why) | Ending::Lost(why) => why.clone(),
        Ending::TimedOut => "it took longer than it may".to_owned(),
        Ending::Failure => {
            let step = failed?;
            let why = step.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{}{why}", step.name)
        }
        Ending::Success | Ending::Cancelled => return None,
    };
    Some(limits::shorten(&why))
}

//! A run on its way through its decisions, beside the concurrency groups that it enters.

use std::collections::{BTreeMap, VecDeque};

use engine::decision::{Answered, Decision, Input, Process, Told};
use engine::group::{self, Groups};
use engine::pipeline::{Word, step};
use jiff::Timestamp;
use model::fact::{Actor, What};
use model::id::{AnyId, JobId, RunId};
use model::intent::{Intent, Outcome, Target};
use model::message::{Entry, Line, Message, Word as Said};
use model::persisted::Persisted;
use model::pipeline::{
    Conclusion, Ending, Group, Job, JobReport, JobResult, Order, Progress, Request, Run, Sheet,
    Stage,
};
use serde_json::json;
use workflow::sheet::sheet;
use workflow::syntax::{self, Files, Options, Place};

/// What stands for the work of a job that does nothing special.
const WORK: &str = "runs-on: linux, steps: [{run: make}]";

/// A run, its last decision with what came of it in its groups, and every order so far by the name
/// of its job.
pub(crate) struct Road {
    pub(crate) last: Decision<Run>,
    pub(crate) orders: Vec<Order>,
    groups: BTreeMap<AnyId, Group>,
    /// What groups have said to other runs.
    pub(crate) elsewhere: Vec<Said>,
    second: i64,
}

impl Road {
    /// Begins a run of a workflow that has these jobs.
    pub(crate) fn of(jobs: &str) -> Self {
        Self::asked(jobs, |_| {})
    }

    /// Begins a run of which more is asked.
    pub(crate) fn asked(jobs: &str, ask: impl FnOnce(&mut Request)) -> Self {
        Self::begin(read(&workflow(jobs), &[]), ask)
    }

    /// Begins a run of a whole file that may call others.
    pub(crate) fn calling(file: &str, called: &[(&str, &str)]) -> Self {
        Self::begin(read(file, called), |_| {})
    }

    pub(crate) fn begin(sheet: Sheet, ask: impl FnOnce(&mut Request)) -> Self {
        let mut request = request();
        ask(&mut request);
        Self::again(Run::new(RunId::new(at(0), [1; 10]), service(), request, sheet, at(0)))
    }

    /// Begins a run of a whole file while another run is in some groups.
    pub(crate) fn behind(groups: &[&str], file: &str) -> Self {
        let run =
            Run::new(RunId::new(at(0), [1; 10]), service(), request(), read(file, &[]), at(0));
        let mut road = Self::not_begun(run);
        for group in groups {
            road.another_enters(group, false);
        }
        road.takes(Input::Started);
        road
    }

    /// Begins a run that has been set up by somebody else.
    pub(crate) fn again(run: Run) -> Self {
        let mut road = Self::not_begun(run);
        road.takes(Input::Started);
        road
    }

    fn not_begun(run: Run) -> Self {
        Self {
            last: Decision {
                next: run,
                facts: Vec::new(),
                intents: Vec::new(),
                wake_at: None,
                because: engine::decision::Reason::new(""),
            },
            orders: Vec::new(),
            groups: BTreeMap::new(),
            elsewhere: Vec::new(),
            second: 0,
        }
    }

    pub(crate) fn run(&self) -> &Run {
        &self.last.next
    }

    /// Takes a step, and all those that come of what groups answer to it.
    pub(crate) fn takes(&mut self, input: Input<Word>) {
        self.step(input);
        let said = self.last.intents.iter().filter_map(message).cloned().collect();
        self.pass_on(said);
    }

    /// Another run, `Other`, wants to enter a group, and may end who is in it.
    pub(crate) fn another_enters(&mut self, group: &str, cancels: bool) {
        self.enters(another(), "Other", group, cancels);
    }

    /// The same of a third one, `Newer`.
    pub(crate) fn newer_enters(&mut self, group: &str, cancels: bool) {
        self.enters(newer(), "Newer", group, cancels);
    }

    pub(crate) fn another_leaves(&mut self, group: &str) {
        self.elsewhere_is_said(another(), group, Said::Leave);
    }

    fn enters(&mut self, run: RunId, name: &str, group: &str, cancels: bool) {
        let (service, name) = (service(), name.to_owned());
        let entry = Entry { service, group: group.to_owned(), name, cancels, queues: false };
        self.elsewhere_is_said(run, group, Said::Enter(entry));
    }

    fn elsewhere_is_said(&mut self, run: RunId, group: &str, word: Said) {
        self.last.facts.clear();
        self.last.intents.clear();
        let to = Group::id(&service(), group).into();
        let line = Line { from: run.into(), to, job: None };
        self.pass_on(VecDeque::from([Message { line, word }]));
    }

    /// Hears a word that its group did not say now, and says what it says to nobody.
    pub(crate) fn hears(&mut self, group: &str, job: Option<usize>, word: Said) {
        let from = Group::id(&service(), group).into();
        let line = Line { from, to: self.run().id.into(), job };
        self.step(Input::Heard(Message { line, word }));
    }

    /// What the last decision says to groups.
    pub(crate) fn says(&self) -> Vec<Said> {
        let said = self.last.intents.iter().filter_map(message);
        said.map(|message| message.word.clone()).collect()
    }

    /// Brings words to whom they are meant for, until nobody says anything more.
    fn pass_on(&mut self, mut said: VecDeque<Message>) {
        while let Some(message) = said.pop_front() {
            let to = message.line.to;
            if to == self.run().id.into() {
                let before = self.last.clone();
                self.step(Input::Heard(message));
                said.extend(self.last.intents.iter().filter_map(self::message).cloned());
                self.last.facts.splice(..0, before.facts);
                self.last.intents.splice(..0, before.intents);
                self.last.because = before.because;
            } else if [another().into(), newer().into()].contains(&to) {
                self.elsewhere.push(message.word);
            } else {
                let founded = || Groups::founded_by(&message).expect("a group is entered first");
                let group = self.groups.get(&to).cloned().unwrap_or_else(founded);
                let decision = group::step(&group, Input::Heard(message));
                assert_eq!(Group::load(&decision.next.save()).unwrap(), decision.next);
                said.extend(decision.intents.iter().filter_map(self::message).cloned());
                self.groups.insert(to, decision.next);
            }
        }
    }

    /// Takes one step, and holds it against what is true of every step.
    fn step(&mut self, input: Input<Word>) {
        self.second += 1;
        let now = at(self.second);
        let before = self.last.next.clone();
        let decision = step(&before, input.clone(), now);
        assert_eq!(decision, step(&before, input, now), "the same input gave another decision");
        assert_eq!(Run::load(&decision.next.save()).unwrap(), decision.next);
        let more = step(&decision.next, Input::Woken, now);
        assert!(
            more.next == decision.next && more.facts.is_empty() && more.intents.is_empty(),
            "a second look moves more: {:?}",
            more.facts
        );
        for intent in &decision.intents {
            if let Intent::Work(order) = intent {
                let known = self.orders.iter().any(|known| known.job == order.job);
                assert!(!known, "{} is ordered twice under one id", order.name);
                self.orders.push((**order).clone());
            }
        }
        if let Stage::Over(_) = decision.next.stage {
            let over = |job: &Job| matches!(job.progress, Progress::Over(_));
            assert!(decision.next.jobs.iter().all(|job| over(job)), "it ended before its jobs");
            let is_word = |intent| message(intent).is_some();
            assert!(decision.intents.iter().all(is_word), "it wants something after its end");
        }
        self.last = decision;
    }

    /// A job comes back.
    pub(crate) fn ends(&mut self, name: &str, ending: Ending) {
        self.reports(name, JobReport { ending, ..report() });
    }

    pub(crate) fn reports(&mut self, name: &str, report: JobReport) {
        let outcome = Outcome::Worked(Box::new(report));
        self.answers(self.attempt(name), outcome);
    }

    pub(crate) fn answers(&mut self, job: JobId, outcome: Outcome) {
        let target = Target::Job(job);
        self.takes(Input::Answered(Answered { target, asked_at: at(self.second), outcome }));
    }

    pub(crate) fn succeeds(&mut self, name: &str) {
        self.ends(name, Ending::Success);
    }

    pub(crate) fn succeeds_with(&mut self, name: &str, outputs: &[(&str, &str)]) {
        let outputs = outputs.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        self.reports(name, JobReport { outputs: outputs.collect(), ..report() });
    }

    pub(crate) fn fails(&mut self, name: &str) {
        self.ends(name, Ending::Failure);
    }

    pub(crate) fn is_lost(&mut self, name: &str) {
        self.ends(name, Ending::Lost("its machine is gone".to_owned()));
    }

    /// Everything that is under way succeeds, until nothing is.
    pub(crate) fn goes_well(&mut self) {
        while let Some(name) = self.under_way().first().cloned() {
            self.succeeds(&name);
        }
    }

    pub(crate) fn tells(&mut self, who: &str, word: Word) {
        let by: Actor = who.parse().unwrap();
        self.takes(Input::Told(Told { word, by }));
    }

    /// What was said is refused with these words, and changes nothing.
    pub(crate) fn is_refused(&mut self, who: &str, word: Word, why: &str) {
        let before = self.last.next.clone();
        self.tells(who, word);
        assert_eq!(self.last.because.text, why);
        assert!(self.last.because.is_refusal);
        assert!(matches!(*self.last.facts, [What::WordRefused(_)]), "{:?}", self.last.facts);
        assert!(self.last.next == before && self.last.intents.is_empty());
    }

    /// The names of the jobs that are with the runners.
    pub(crate) fn under_way(&self) -> Vec<String> {
        self.which(|job| matches!(job.progress, Progress::Ordered { .. }))
    }

    pub(crate) fn which(&self, is_it: impl Fn(&Job) -> bool) -> Vec<String> {
        let jobs = self.run().jobs.iter().filter(|job| is_it(job));
        jobs.map(|job| job.name.clone()).collect()
    }

    /// What the last decision wants.
    pub(crate) fn wants(&self) -> Vec<String> {
        let name = |id: JobId| {
            let order = self.orders.iter().find(|order| order.job == id);
            order.map_or_else(|| id.to_string(), |order| order.name.clone())
        };
        let want = |intent: &Intent| match intent {
            Intent::Work(order) => Some(format!("work on {}", order.name)),
            Intent::Halt(job) => Some(format!("halt {}", name(*job))),
            Intent::Tell(_) => None,
            other => panic!("a run wants {other:?}"),
        };
        self.last.intents.iter().filter_map(want).collect()
    }

    /// The last decision's facts as the journal's readers see them.
    pub(crate) fn tells_of(&self) -> Vec<String> {
        self.last.facts.iter().map(What::sentence).collect()
    }

    /// The attempt at a job that is under way.
    pub(crate) fn attempt(&self, name: &str) -> JobId {
        let attempts = self.run().jobs.iter().filter(|job| job.name == name);
        let attempts = attempts.filter_map(|job| match job.progress {
            Progress::Ordered { job, .. } => Some(job),
            _ => None,
        });
        let attempts: Vec<_> = attempts.collect();
        assert_eq!(attempts.len(), 1, "{name} among {:?}", self.under_way());
        attempts[0]
    }

    /// The newest order for a job.
    pub(crate) fn order(&self, name: &str) -> &Order {
        let order = self.orders.iter().rev().find(|order| order.name == name);
        order.unwrap_or_else(|| panic!("{name} was not ordered"))
    }

    pub(crate) fn result(&self, name: &str) -> &JobResult {
        let job = self.run().jobs.iter().find(|job| job.name == name);
        match &job.unwrap_or_else(|| panic!("there is no {name}")).progress {
            Progress::Over(result) => result,
            other => panic!("{name} is not over: {other:?}"),
        }
    }

    pub(crate) fn why(&self, name: &str) -> &str {
        self.result(name).why.as_deref().unwrap_or_default()
    }

    /// What every job that is over came to: `build success, test failure`.
    pub(crate) fn results(&self) -> String {
        let over = self.run().jobs.iter().filter_map(|job| match &job.progress {
            Progress::Over(result) => Some(format!("{} {}", job.name, result.conclusion)),
            _ => None,
        });
        over.collect::<Vec<_>>().join(", ")
    }

    /// What the run came to, if it is over.
    pub(crate) fn conclusion(&self) -> Option<Conclusion> {
        match self.run().stage {
            Stage::Over(conclusion) => Some(conclusion),
            Stage::Going | Stage::Cancelling { .. } => None,
        }
    }
}

/// A workflow file with these jobs, in which `$work` stands for what every job has to say.
pub(crate) fn workflow(jobs: &str) -> String {
    format!("on: push\njobs:\n{jobs}").replace("$work", WORK)
}

/// Reads a workflow, and what it calls by `./.github/workflows/NAME`.
pub(crate) fn read(file: &str, called: &[(&str, &str)]) -> Sheet {
    struct Called<'a>(BTreeMap<&'a str, &'a str>);

    impl Files for Called<'_> {
        fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
            let name = place.path.rsplit('/').next().unwrap_or_default();
            let file = self.0.get(name).ok_or_else(|| format!("there is no {name}"))?;
            Ok(file.replace("$work", WORK).into_bytes())
        }
    }

    let called = Called(called.iter().copied().collect());
    let file = file.replace("$work", WORK);
    let path = ".github/workflows/ci.yml";
    let reading = syntax::read(path, file.as_bytes(), Some(&called), &Options::default());
    sheet(&reading).unwrap_or_else(|| panic!("{:#?}\n{file}", reading.problems))
}

pub(crate) fn request() -> Request {
    let github = json!({
        "event_name": "push", "ref": "refs/heads/main", "sha": "0123456789abcdef", "run_number": "7",
    });
    Request {
        github: github.as_object().unwrap().clone(),
        began_by: Some("person:ada".parse().unwrap()),
        ..Request::default()
    }
}

pub(crate) fn report() -> JobReport {
    JobReport {
        ending: Ending::Success,
        started_at: at(10),
        ended_at: at(15),
        runner: "one".to_owned(),
        outputs: Vec::new(),
        environment_url: None,
        steps: Vec::new(),
        annotations: Vec::new(),
    }
}

/// Runs that are on no road.
fn another() -> RunId {
    RunId::new(at(0), [8; 10])
}

fn newer() -> RunId {
    RunId::new(at(0), [9; 10])
}

fn message(intent: &Intent) -> Option<&Message> {
    match intent {
        Intent::Tell(message) => Some(message),
        _ => None,
    }
}

pub(crate) fn service() -> model::name::ServiceName {
    "shop".parse().unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_600_000 + second).unwrap()
}

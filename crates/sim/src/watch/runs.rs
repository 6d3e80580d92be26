//! What is true of every run of a workflow, in what it says and in what the runners did.

use std::collections::BTreeMap;
use std::sync::Mutex;

use engine::decision::{Answered, Decision, Input, Process, Told};
use engine::pipeline::{Pipeline, Word};
use jiff::Timestamp;
use model::fact::Actor;
use model::id::{AnyId, JobId, RunId};
use model::intent::{Outcome, Target};
use model::name::Scope;
use model::persisted::Persisted;
use model::pipeline::{
    Claim, Ending, Group, Job, JobReport, JobSheet, Progress, Run, Seat, Stage, Work,
};
use ports::fake::Execution;
use ports::store::Change;

use super::groups::Place;

/// The most attempts at one job, and the most retries of one run.
const MOST_ATTEMPTS: u32 = 3;
const MOST_RETRIES: u32 = 10;

/// Every run as it was last committed, and when it was over.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<BTreeMap<AnyId, Seen>>);

#[derive(Debug)]
struct Seen {
    run: Run,
    over_at: Option<Timestamp>,
}

impl Runs {
    /// Holds a commit against what is true of every state, and against the state before.
    pub(super) fn committed(&self, change: &Change) -> Vec<String> {
        let run = match Run::load(&change.state) {
            Ok(run) => run,
            Err(error) => return vec![format!("a state does not load: {error}")],
        };
        let mut runs = self.0.lock().expect("the watch does not panic");
        let mut broken = of_state(&run);
        let mut over_at = matches!(run.stage, Stage::Over(_)).then_some(change.now);
        if let Some(before) = runs.get(&change.process) {
            broken.extend(of_step(&before.run, &run));
            over_at = before.over_at.or(over_at);
        }
        runs.insert(change.process, Seen { run, over_at });
        broken
    }

    /// Holds what was executed against what the runs say.
    pub(super) fn broken_by(&self, executions: &[Execution]) -> Vec<String> {
        let runs = self.0.lock().expect("the watch does not panic");
        let of_run = |id: RunId| executions.iter().filter(move |execution| execution.run == id);
        let broken = runs.values().flat_map(|seen| of_world(seen, of_run(seen.run.id).collect()));
        broken.chain(of_groups(runs.values().map(|seen| &seen.run), executions)).collect()
    }

    /// The places in groups that are taken by what is not over.
    pub(super) fn places(&self) -> Vec<Place> {
        let runs = self.0.lock().expect("the watch does not panic");
        let going = runs.values().filter(|seen| seen.over_at.is_none()).map(|seen| &seen.run);
        going.flat_map(places_of).collect()
    }

    pub(super) fn is_over(&self, claim: &Claim) -> bool {
        let runs = self.0.lock().expect("the watch does not panic");
        runs.get(&claim.run.into()).is_none_or(|seen| match claim.job {
            None => seen.over_at.is_some(),
            Some(job) => matches!(seen.run.jobs[job].progress, Progress::Over(_)),
        })
    }
}

fn of_state(run: &Run) -> Vec<String> {
    let mut broken = Vec::new();
    let is_over = |index: usize| matches!(run.jobs[index].progress, Progress::Over(_));
    for (index, job) in run.jobs.iter().enumerate() {
        let has_begun = !matches!(job.progress, Progress::Waiting | Progress::Over(_));
        if has_begun && !needed_by(run, index).iter().all(|need| is_over(*need)) {
            broken.push(format!("{} has begun before what it needs is over", job.name));
        }
        if let Progress::Ordered { attempt, .. } = job.progress
            && attempt > MOST_ATTEMPTS
        {
            broken.push(format!("{} is at its attempt {attempt}", job.name));
        }
        if let Progress::Spread(spread) = job.progress {
            let cells = &run.jobs[spread.first..spread.first + spread.cells];
            let under_way = cells.iter().filter(|cell| is_under_way(cell)).count();
            if spread.max_parallel.is_some_and(|most| under_way > most as usize) {
                broken.push(format!("{under_way} cells of {} are under way", job.name));
            }
        }
        if is_under_way(job) && !job.seats.iter().all(|seat| seat.is_taken) {
            broken.push(format!("{} is under way before its turn", job.name));
        }
    }
    let is_held_back = run.seat.as_ref().is_some_and(|seat| !seat.is_taken);
    if is_held_back && run.jobs.iter().any(|job| is_under_way(job)) {
        broken.push("the run is under way before its turn".to_owned());
    }
    if run.retries > MOST_RETRIES {
        broken.push(format!("{} retries", run.retries));
    }
    if matches!(run.stage, Stage::Over(_)) && !(0..run.jobs.len()).all(is_over) {
        broken.push("the run is over before its jobs".to_owned());
    }
    broken
}

/// What is over stays as it is, and a run goes on in one direction only.
fn of_step(before: &Run, next: &Run) -> Vec<String> {
    let mut broken = Vec::new();
    if next.jobs.len() < before.jobs.len() {
        return vec!["jobs have vanished".to_owned()];
    }
    for (job, next) in before.jobs.iter().zip(&next.jobs) {
        if matches!(job.progress, Progress::Over(_)) && job != next {
            broken.push(format!("{} was over, and is no more as it was", job.name));
        }
    }
    let rank = |stage: Stage| match stage {
        Stage::Going => 0,
        Stage::Cancelling { force } => 1 + u8::from(force),
        Stage::Over(_) => 3,
    };
    if rank(next.stage) < rank(before.stage) {
        broken.push(format!("from {:?} to {:?}", before.stage, next.stage));
    }
    broken
}

fn of_world(seen: &Seen, executions: Vec<&Execution>) -> Vec<String> {
    let Seen { run, over_at } = seen;
    let mut broken = Vec::new();
    let mut by_name: BTreeMap<&str, Vec<&Execution>> = BTreeMap::new();
    for execution in executions {
        by_name.entry(&execution.name).or_default().push(execution);
        if over_at.is_some_and(|over_at| execution.ended_at > over_at) {
            broken.push(format!("{} was under way after the run's end", execution.name));
        }
    }
    for (name, attempts) in &by_name {
        if attempts.len() > MOST_ATTEMPTS as usize {
            broken.push(format!("{name} was begun {} times", attempts.len()));
        }
        for pair in attempts.windows(2) {
            if !matches!(pair[0].ending, Ending::Lost(_)) || pair[1].started_at < pair[0].ended_at {
                broken.push(format!("{name} was begun again after {:?}", pair[0].ending));
            }
        }
    }
    let when = |name: &str| {
        let attempts = by_name.get(name)?;
        Some((attempts.first()?.started_at, attempts.last()?.ended_at))
    };
    let whens: Vec<_> = run.jobs.iter().map(|job| when(&job.name)).collect();
    for (index, job) in run.jobs.iter().enumerate() {
        let Some((began_at, ended_at)) = whens[index] else { continue };
        for need in needed_by(run, index) {
            if whens[need].is_some_and(|(_, needed_until)| began_at < needed_until) {
                broken.push(format!(
                    "{} was begun before {} was over",
                    job.name, run.jobs[need].name
                ));
            }
        }
        for (other, when) in run.jobs.iter().zip(&whens).skip(index + 1) {
            let overlaps = when.is_some_and(|(from, to)| from < ended_at && began_at < to);
            if overlaps && job.seats.iter().any(|seat| has_group(other, &seat.group)) {
                broken.push(format!("{} and {} were under way together", job.name, other.name));
            }
        }
    }
    broken
}

fn places_of(run: &Run) -> Vec<Place> {
    let id = |group: &str| Group::id(&run.service, group);
    let place = |job, seat: &Seat| Place { group: id(&seat.group), run: run.id, job };
    let own = run.seat.iter().filter(|seat| seat.is_taken).map(|seat| place(None, seat));
    let jobs = run.jobs.iter().enumerate();
    let going = jobs.filter(|(_, job)| !matches!(job.progress, Progress::Over(_)));
    let of_jobs = going.flat_map(|(index, job)| {
        let taken = job.seats.iter().filter(|seat| seat.is_taken);
        taken.map(move |seat| place(Some(index), seat)).collect::<Vec<_>>()
    });
    own.chain(of_jobs).collect()
}

/// What several runs have executed in one group at the same time.
fn of_groups<'a>(runs: impl Iterator<Item = &'a Run>, executions: &[Execution]) -> Vec<String> {
    let mut whens = Vec::new();
    for run in runs {
        let of_run = executions.iter().filter(|execution| execution.run == run.id);
        for execution in of_run {
            let job = run.jobs.iter().find(|job| job.name == execution.name);
            let seats = job.into_iter().flat_map(|job| &job.seats).chain(&run.seat);
            whens.extend(seats.map(|seat| (seat.group.to_lowercase(), execution)));
        }
    }
    let mut broken = Vec::new();
    for (index, (group, one)) in whens.iter().enumerate() {
        for (other_group, other) in &whens[index + 1..] {
            let overlaps = one.started_at < other.ended_at && other.started_at < one.ended_at;
            if overlaps && one.run != other.run && group == other_group {
                let names = format!("{} and {}", one.name, other.name);
                broken.push(format!("{names} of two runs were in {group} together"));
            }
        }
    }
    broken
}

fn is_under_way(job: &Job) -> bool {
    matches!(job.progress, Progress::Ordered { .. } | Progress::Held(_) | Progress::Calling(_))
}

fn has_group(job: &Job, group: &str) -> bool {
    job.seats.iter().any(|known| known.group.eq_ignore_ascii_case(group))
}

/// The jobs in the run that a job needs.
fn needed_by(run: &Run, index: usize) -> Vec<usize> {
    let job = &run.jobs[index];
    let place = |need: &usize| {
        let is_it = |other: &Job| (other.caller, other.index) == (job.caller, *need);
        // A job stands before its cells.
        run.jobs.iter().position(|other| is_it(other)).expect("what is needed is there")
    };
    sheet_of(run, index).needs.iter().map(place).collect()
}

fn sheet_of(run: &Run, index: usize) -> &JobSheet {
    let job = &run.jobs[index];
    let sheet = match job.caller.map(|caller| &sheet_of(run, caller).work) {
        Some(Work::Call(call)) => &call.sheet,
        Some(Work::Steps(_)) | None => &run.sheet,
    };
    &sheet.jobs[job.index]
}

/// Runs that check their own decider at every step; a panic parks the process, and the watch
/// reports that.
#[derive(Debug)]
pub struct CheckedPipeline;

impl Process for CheckedPipeline {
    const KIND: &'static str = Pipeline::KIND;

    type State = Run;
    type Word = Word;

    fn step(state: &Run, input: Input<Word>, now: Timestamp) -> Decision<Run> {
        let decision = Pipeline::step(state, input.clone(), now);
        assert_eq!(decision, Pipeline::step(state, input, now), "the same input, another decision");
        let next = &decision.next;
        let restored = Run::load(&next.save());
        assert_eq!(restored.ok().as_ref(), Some(next), "a state changes when stored");
        let again = Pipeline::step(next, Input::Woken, now);
        assert_eq!(again.next, *next, "a second look moves more");
        assert!(again.facts.is_empty() && again.intents.is_empty(), "a second look wants more");
        assert!(can_be_ended(next, now), "no end of {next:?}");
        decision
    }

    fn is_over(state: &Run) -> bool {
        Pipeline::is_over(state)
    }

    fn scope(state: &Run) -> Scope {
        Pipeline::scope(state)
    }

    fn slot(state: &Run) -> Option<String> {
        Pipeline::slot(state)
    }

    fn name_of(word: &Word) -> &'static str {
        Pipeline::name_of(word)
    }
}

/// Every unfinished run is over, at a word, once what it has under way is; and nothing holds that
/// up but runners that were told.
fn can_be_ended(state: &Run, now: Timestamp) -> bool {
    let (word, by) = (Word::Cancel { force: true }, Actor::conductor());
    let mut next = Pipeline::step(state, Input::Told(Told { word, by }), now).next;
    let told = |run: &Run| run.jobs.iter().find_map(|job| told_to_end(job));
    while let Some(job) = told(&next) {
        let outcome = Outcome::Worked(Box::new(cancelled(now)));
        let answered = Answered { target: Target::Job(job), asked_at: now, outcome };
        next = Pipeline::step(&next, Input::Answered(answered), now).next;
    }
    Pipeline::is_over(&next)
}

fn told_to_end(job: &Job) -> Option<JobId> {
    match job.progress {
        Progress::Ordered { job, stopping: true, .. } => Some(job),
        _ => None,
    }
}

fn cancelled(now: Timestamp) -> JobReport {
    JobReport {
        runner: "a runner that was told".to_owned(),
        started_at: now,
        ended_at: now,
        ending: Ending::Cancelled,
        outputs: Vec::new(),
        environment_url: None,
        steps: Vec::new(),
        annotations: Vec::new(),
    }
}

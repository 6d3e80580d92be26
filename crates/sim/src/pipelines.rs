//! Runs of workflows drawn from a seed: whatever goes wrong, each job is executed as often as it
//! must be and no more, and where nothing depends on time, the end is the same.

mod draw;

use std::fmt::Write;

use engine::pipeline::{Again, Word, again};
use futures_util::future::{join, join_all};
use jiff::SignedDuration;
use model::fact::Actor;
use model::id::RunId;
use model::persisted::Persisted;
use model::pipeline::{Job, Progress, Request, Run, Stage};
use ports::fake::Seeded;
use ports::memory::MemoryStore;
use ports::store::Status;

use crate::clock::SimClock;
use crate::faults::Faults;
use crate::office::Office;
use crate::random::{Checked, diary_of, examine};
use crate::world::World;
use draw::Story;

/// What is to be the same, whatever goes wrong: how each run ended, and each of its jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending(Vec<(Stage, Vec<String>)>);

/// Lives through a seed's story once without and once with faults, and compares.
pub fn check(seed: u64) -> Result<Checked, String> {
    let story = Story::drawn(seed);
    let (mut calm, runs) = live(&story, Faults::none);
    let mut checked = examine_all(&mut calm, &runs)?;
    let (mut rough, rough_runs) =
        live(&story, |clock| Faults::drawn(clock, seed, Seeded::new(seed).below(7)));
    let more = examine_all(&mut rough, &rough_runs)?;
    checked.decisions += more.decisions;
    checked.facts += more.facts;
    compare(&story, &runs, &rough_runs)?;
    Ok(checked)
}

/// Lives through a seed's story again for each point at which the server can crash.
pub fn check_every_crash_point(seed: u64) -> Result<u64, String> {
    let story = Story::drawn(seed);
    let (calm, runs) = live(&story, Faults::none);
    let points = calm.faults.points();
    for point in 0..points {
        let (mut world, crashed) = live(&story, |clock| Faults::crash_at(clock, point));
        let examined = examine_all(&mut world, &crashed);
        examined
            .and_then(|_| compare(&story, &runs, &crashed))
            .map_err(|error| format!("crash point {point}: {error}"))?;
    }
    Ok(points)
}

/// A seed's story as two diaries: without and with faults.
pub fn replay(seed: u64) -> String {
    let story = Story::drawn(seed);
    let mut told = format!("seed {seed}\n{story}");
    let (mut calm, runs) = live(&story, Faults::none);
    let ending = ending(&runs);
    write!(told, "\nwithout faults: {ending:#?}\n{}", diary_of(&mut calm)).expect("texts take all");
    let (mut rough, runs) =
        live(&story, |clock| Faults::drawn(clock, seed, Seeded::new(seed).below(7)));
    let ending = self::ending(&runs);
    write!(told, "\nwith faults: {ending:#?}\n{}", diary_of(&mut rough)).expect("texts take all");
    let executions = rough.jobs.executions();
    for broken in rough.watch.broken().into_iter().chain(rough.watch.broken_by(&executions)) {
        writeln!(told, "broken: {broken}").expect("texts take all");
    }
    told
}

/// Lives through a story; the runs as they have ended.
fn live(story: &Story, faults: impl FnOnce(SimClock) -> Faults) -> (World, Vec<Run>) {
    let mut world = World::watched(story.servers, faults);
    let (memory, office) = (world.store.clone(), world.office.clone());
    for (name, nature) in &story.natures {
        world.jobs.set_nature(name, nature.clone());
    }
    let runs = world.run(async {
        let ada: Actor = "person:ada".parse().expect("a well-formed actor");
        let lives = story.pushes.iter().map(|push| async {
            office.sleep(push.after).await;
            let (id, begun) = office.start_run(story.request(), push.sheet.clone(), &ada).await;
            begun.expect("it is a new one");
            let cancel = async {
                for (after, force) in &push.cancels {
                    office.sleep(*after).await;
                    let cancel = Word::Cancel { force: *force };
                    office.tell_run(id, cancel, &ada).await.expect("it is there");
                }
            };
            join(attend(story, &office, &memory, id), cancel).await;
            id
        });
        let ids = join_all(lives).await;
        let mut runs: Vec<_> = ids.into_iter().map(|id| run_of(&memory, id)).collect();
        if let Ok(request) = again(&runs[0], Again::Failed) {
            // Nobody is there any more to be asked.
            let request = Request { protected: Vec::new(), ..request };
            let (id, begun) = office.start_run(request, runs[0].sheet.clone(), &ada).await;
            begun.expect("it is a new one");
            attend(story, &office, &memory, id).await;
            runs.push(run_of(&memory, id));
        }
        // Late copies of what was said may still arrive.
        office.sleep(SignedDuration::from_hours(2)).await;
        runs
    });
    (world, runs)
}

/// Sees a run through to its end, if it comes to one, and answers for it what it asks.
async fn attend(story: &Story, office: &Office, memory: &MemoryStore, id: RunId) {
    /// How often one looks after a run before one gives up: more than a month.
    const PATIENCE: usize = 20_000;
    for _ in 0..PATIENCE {
        if is_over(memory, id) {
            return;
        }
        office.sleep(SignedDuration::from_mins(3)).await;
        for (who, word) in story.answers() {
            if is_held(memory, id) {
                let by: Actor = who.parse().expect("a well-formed actor");
                office.tell_run(id, word, &by).await.expect("it is there");
            }
        }
    }
}

fn compare(story: &Story, calm: &[Run], rough: &[Run]) -> Result<(), String> {
    let (calm, rough) = (ending(calm), ending(rough));
    if story.is_tame && calm != rough {
        return Err(format!("another end: {rough:#?}, and without faults {calm:#?}"));
    }
    Ok(())
}

fn ending(runs: &[Run]) -> Ending {
    let of_job = |job: &Job| match &job.progress {
        Progress::Over(result) => {
            let (name, conclusion, why) = (&job.name, result.conclusion, &result.why);
            format!("{name}: {conclusion} {} {:?} {why:?}", result.tolerated, result.outputs)
        }
        going => format!("{}: {going:?}", job.name),
    };
    let of_run = |run: &Run| {
        let mut jobs: Vec<_> = run.jobs.iter().map(|job| of_job(job)).collect();
        jobs.sort();
        (run.stage, jobs)
    };
    Ending(runs.iter().map(of_run).collect())
}

/// What every world owes at its end.
fn examine_all(world: &mut World, runs: &[Run]) -> Result<Checked, String> {
    if let Some(broken) = world.watch.broken_by(&world.jobs.executions()).first() {
        return Err(broken.clone());
    }
    if let Some(run) = runs.iter().find(|run| !matches!(run.stage, Stage::Over(_))) {
        return Err(format!("{} never ends", run.id));
    }
    let ends = runs.len();
    examine(world, &[("run.started", ends), ("run.ended", ends)])
}

fn stored(store: &MemoryStore, id: RunId) -> ports::store::Stored {
    let mut processes = store.processes().into_iter();
    processes.find(|process| process.id == id.into()).expect("it was begun")
}

fn is_over(store: &MemoryStore, id: RunId) -> bool {
    stored(store, id).status == Status::Ended
}

fn run_of(store: &MemoryStore, id: RunId) -> Run {
    Run::load(&stored(store, id).state).expect("the watch has loaded it before")
}

fn is_held(store: &MemoryStore, id: RunId) -> bool {
    let is_held = |job: &Job| matches!(job.progress, Progress::Held(_));
    run_of(store, id).jobs.iter().any(|job| is_held(job))
}

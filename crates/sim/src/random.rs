//! Stories drawn from a seed: the same story must end the same way, whatever goes wrong in it.

use std::fmt::Write;

use conductor::HandleError;
use engine::rollout::Word;
use jiff::SignedDuration;
use model::id::RolloutId;
use model::intent::Weight;
use model::name::Place;
use model::persisted::Persisted;
use model::rollout::{Guard, Phase, Plan, PlanDraft, Release, Rollout, Step, Verdict};
use ports::clock::Clock;
use ports::fake::{Nature, Seeded};
use ports::memory::MemoryStore;
use ports::store::{Query, Status, Store};

use crate::clock::SimClock;
use crate::faults::Faults;
use crate::page;
use crate::world::World;

/// Some rollouts in a row, each with its fate.
#[derive(Debug, Clone)]
pub struct Story {
    chapters: Vec<Chapter>,
    servers: usize,
}

#[derive(Debug, Clone)]
struct Chapter {
    plan: Plan,
    fate: Fate,
}

/// What is going to happen to a rollout. Whatever is said to it is said in the first half of the
/// time that it takes at least, so that delays cannot turn the story.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Good,
    HasRival,
    Promoted { after: SignedDuration },
    Paused { after: SignedDuration, during: SignedDuration },
    Aborted { after: SignedDuration },
    Crashes { after: SignedDuration },
    Harms { after: SignedDuration },
    Clear { after: SignedDuration },
    NeverReady,
    Refused,
}

/// Enough for a candidate with one in a hundred to be judged within its step.
const REQUESTS_A_SECOND: u64 = 100;

/// What is to be the same, whatever goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    verdicts: Vec<Verdict>,
    /// What runs, and who has the traffic.
    picture: String,
}

/// What a checked seed went through.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checked {
    pub decisions: u64,
    pub facts: u64,
}

/// Lives through a seed's story once without and once with faults, and compares.
pub fn check(seed: u64) -> Result<Checked, String> {
    let story = Story::drawn(seed);
    let (mut calm, ending) = story.live(Faults::none);
    let ends = story.chapters.len();
    let owed = [("rollout.started", ends), ("rollout.ended", ends)];
    let mut checked = examine(&mut calm, &owed)?;
    let (mut rough, rough_ending) =
        story.live(|clock| Faults::drawn(clock, seed, Seeded::new(seed).below(7)));
    let more = examine(&mut rough, &owed)?;
    checked.decisions += more.decisions;
    checked.facts += more.facts;
    if ending != rough_ending {
        return Err(format!("another end: {rough_ending:?}, and without faults {ending:?}"));
    }
    Ok(checked)
}

/// Lives through a seed's story again for each point at which the server can crash.
pub fn check_every_crash_point(seed: u64) -> Result<u64, String> {
    let story = Story::drawn(seed);
    let (calm, ending) = story.live(Faults::none);
    let points = calm.faults.points();
    let ends = story.chapters.len();
    let owed = [("rollout.started", ends), ("rollout.ended", ends)];
    for point in 0..points {
        let (mut world, crashed_ending) = story.live(|clock| Faults::crash_at(clock, point));
        examine(&mut world, &owed).map_err(|error| format!("crash point {point}: {error}"))?;
        if ending != crashed_ending {
            return Err(format!(
                "crash point {point}: another end: {crashed_ending:?}, and without it {ending:?}"
            ));
        }
    }
    Ok(points)
}

/// A seed's story as two diaries: without and with faults.
pub fn replay(seed: u64) -> String {
    let story = Story::drawn(seed);
    let mut told = format!("seed {seed}, servers: {}\n", story.servers);
    for chapter in &story.chapters {
        writeln!(told, "  {:?}, {:?}", chapter.fate, chapter.plan).expect("texts take all");
    }
    let (mut calm, ending) = story.live(Faults::none);
    write!(told, "\nwithout faults: {ending:?}\n{}", diary_of(&mut calm)).expect("texts take all");
    let (mut rough, ending) =
        story.live(|clock| Faults::drawn(clock, seed, Seeded::new(seed).below(7)));
    write!(told, "\nwith faults: {ending:?}\n{}", diary_of(&mut rough)).expect("texts take all");
    for broken in rough.watch.broken() {
        writeln!(told, "broken: {broken}").expect("texts take all");
    }
    told
}

impl Story {
    pub fn drawn(seed: u64) -> Self {
        let luck = Seeded::new(seed ^ 0x5eed);
        let chapters = (0..=luck.below(3)).map(|_| Chapter::drawn(&luck)).collect();
        // Now and then two servers share the store.
        let servers = if luck.one_in(4) { 2 } else { 1 };
        Self { chapters, servers }
    }

    fn live(&self, faults: impl FnOnce(SimClock) -> Faults) -> (World, Ending) {
        let mut world = World::watched(self.servers, faults);
        let (clock, store, node, office) =
            (world.clock.clone(), world.store.clone(), world.node.clone(), world.office.clone());
        node.set_rate(REQUESTS_A_SECOND);
        let ending = world.run(async {
            let place: Place = "shop/production".parse().expect("a well-formed place");
            let (mut live, mut verdicts, mut releases) = (None::<Release>, Vec::new(), Vec::new());
            for (number, Chapter { plan, fate }) in self.chapters.iter().enumerate() {
                let release = office.release(&format!("1.{number}.0"));
                releases.push(release.clone());
                node.set_nature(release.id, fate.nature(&clock));
                let started =
                    office.start(&place, release.clone(), live.clone(), plan.clone()).await;
                let id = started.0;
                started.1.expect("nothing else moves in this place");
                match *fate {
                    Fate::Good
                    | Fate::Crashes { .. }
                    | Fate::Harms { .. }
                    | Fate::Clear { .. }
                    | Fate::NeverReady
                    | Fate::Refused => {}
                    Fate::HasRival => {
                        let rival =
                            office.start(&place, release.clone(), None, plan.clone()).await.1;
                        assert!(matches!(rival, Err(HandleError::SlotTaken { .. })), "{rival:?}");
                    }
                    Fate::Promoted { after } => {
                        office.sleep(after).await;
                        office.tell(id, Word::Promote).await.expect("it is there");
                    }
                    Fate::Paused { after, during } => {
                        office.sleep(after).await;
                        office.tell(id, Word::Pause).await.expect("it is there");
                        office.sleep(during).await;
                        office.tell(id, Word::Resume).await.expect("it is there");
                    }
                    Fate::Aborted { after } => {
                        office.sleep(after).await;
                        let why = "it was a mistake".to_owned();
                        office.tell(id, Word::Abort { why }).await.expect("it is there");
                    }
                }
                let verdict = loop {
                    match verdict_of(&store, id) {
                        Some(verdict) => break verdict,
                        None => office.sleep(SignedDuration::from_mins(1)).await,
                    }
                };
                verdicts.push(verdict);
                if verdict == Verdict::Promoted {
                    live = Some(release);
                }
            }
            // What was wanted last may still be on its way.
            office.sleep(SignedDuration::from_hours(2)).await;
            let version = |id| {
                let known = releases.iter().find(|release| release.id == id);
                known.map_or_else(|| id.to_string(), |release| release.version.clone())
            };
            Ending { verdicts, picture: node.picture(version) }
        });
        (world, ending)
    }
}

impl Chapter {
    fn drawn(luck: &Seeded) -> Self {
        let minutes = |least, most: u64| {
            let drawn = least + luck.below(most - least);
            SignedDuration::from_mins(i64::try_from(drawn).unwrap_or(i64::MAX))
        };
        let weights: [&[u16]; 4] = [&[100], &[50, 100], &[5, 25, 100], &[1, 5, 20, 50, 100]];
        let steps = luck.pick(&weights).iter().map(|percent| Step {
            weight: Weight::from_percent(*percent).expect("at most the whole"),
            hold: minutes(20, 120),
        });
        let draft = PlanDraft {
            instances: u32::try_from(1 + luck.below(5)).unwrap_or(1),
            steps: steps.collect(),
            ready_within: minutes(5, 10),
            look_every: minutes(1, 5),
            unwell_for: minutes(5, 10),
            guard: (luck.below(2) == 0).then(Guard::default),
        };
        let plan = Plan::try_from(draft).expect("a sane draft");
        // The first rollout into an empty place has only the last of these steps.
        let shortest = plan.steps().last().expect("a plan has steps").hold;
        let early = |luck: &Seeded| shortest * i32::try_from(luck.below(50)).unwrap_or(0) / 100;
        let first = plan.steps().first().expect("a plan has steps").hold;
        let in_first = |luck: &Seeded| first * i32::try_from(luck.below(50)).unwrap_or(0) / 100;
        let fate = match luck.below(12) {
            0..=1 => Fate::Good,
            2 => Fate::HasRival,
            3 => Fate::Promoted { after: early(luck) },
            4 => Fate::Paused { after: early(luck), during: minutes(1, 600) },
            5 => Fate::Aborted { after: early(luck) },
            6..=7 => Fate::Crashes { after: early(luck) },
            8 => Fate::NeverReady,
            9 => Fate::Harms { after: in_first(luck) },
            10 => Fate::Clear { after: in_first(luck) },
            _ => Fate::Refused,
        };
        Self { plan, fate }
    }
}

impl Fate {
    fn nature(&self, clock: &SimClock) -> Nature {
        match self {
            Self::Crashes { after } => {
                Nature { crashes_from: Some(clock.now() + *after), ..Nature::default() }
            }
            Self::Harms { after } => {
                Nature { harms_from: Some(clock.now() + *after), ..Nature::default() }
            }
            Self::Clear { after } => Nature { clear_after: Some(*after), ..Nature::default() },
            Self::NeverReady => {
                Nature { ready_after: SignedDuration::from_hours(10_000), ..Nature::default() }
            }
            Self::Refused => {
                Nature { refused: Some("no such image".to_owned()), ..Nature::default() }
            }
            _ => Nature { ready_after: SignedDuration::from_secs(40), ..Nature::default() },
        }
    }
}

/// A rollout's verdict once it has ended.
pub fn verdict_of(store: &MemoryStore, id: RolloutId) -> Option<Verdict> {
    let processes = store.processes();
    let stored = processes.iter().find(|process| process.id == id.into())?;
    let state = Rollout::load(&stored.state).expect("the watch has loaded it before");
    match state.phase {
        Phase::Ended { verdict } if stored.status == Status::Ended => Some(verdict),
        _ => None,
    }
}

/// What every world owes at its end: nothing broken, nothing open, a journal that verifies, and so
/// many facts of these kinds.
pub(crate) fn examine(world: &mut World, owed: &[(&str, usize)]) -> Result<Checked, String> {
    if let Some(broken) = world.watch.broken().first() {
        return Err(broken.clone());
    }
    let processes = world.store.processes();
    if let Some(open) = processes.iter().find(|process| !process.open.is_empty()) {
        return Err(format!("{} still waits for {:?}", open.id, open.open));
    }
    let memory = world.store.clone();
    let (entries, head) = world.run(async {
        let all = Query { limit: usize::MAX, ..Query::default() };
        let entries = memory.entries(all).await.expect("a store in memory always answers");
        (entries, memory.head().await.expect("a store in memory always answers"))
    });
    let facts = head.seq;
    let of_kind = |kind: &str| entries.iter().filter(|entry| entry.record.kind == kind).count();
    for (kind, count) in owed {
        if of_kind(kind) != *count {
            return Err(format!("{} facts of kind {kind}, not {count}", of_kind(kind)));
        }
    }
    page::verify(entries, head).map_err(|error| error.to_string())?;
    let decisions = processes.iter().map(|process| process.version).sum();
    Ok(Checked { decisions, facts })
}

pub(crate) fn diary_of(world: &mut World) -> String {
    let store = world.store.clone();
    let all = Query { limit: usize::MAX, ..Query::default() };
    let entries =
        world.run(async { store.entries(all).await.expect("a store in memory always answers") });
    page::diary(&entries, &[])
}

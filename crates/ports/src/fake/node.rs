//! A node in memory: runs instances of programmable nature and splits make-believe traffic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use model::id::ReleaseId;
use model::intent::{
    Generation, Group, GroupHealth, Instances, Judgement, Seen, Share, Split, Trip, Weight, Weights,
};
use model::name::Place;

use crate::BoxFuture;
use crate::clock::Clock;
use crate::traffic::{Counts, Traffic};
use crate::workloads::{Kept, Rejection, Unreachable, Workloads};

/// Takes every desired state, keeps the newest, and tells health by each release's nature.
#[derive(Debug)]
pub struct FakeNode {
    clock: Arc<dyn Clock>,
    world: Mutex<World>,
}

/// How a release behaves. By default it is ready at once and stays well.
#[derive(Debug, Clone, Default)]
pub struct Nature {
    pub ready_after: SignedDuration,
    /// From when on its instances crash and crash again.
    pub crashes_from: Option<Timestamp>,
    /// The node says no to running it.
    pub refused: Option<String>,
    /// From when on its users fare so badly that a tripwire that watches it trips.
    pub harms_from: Option<Timestamp>,
    /// For how long a tripwire has to watch it until it is clear; never, if it is not said.
    pub clear_after: Option<SignedDuration>,
}

#[derive(Debug, Default)]
struct World {
    natures: BTreeMap<ReleaseId, Nature>,
    groups: BTreeMap<Group, Running>,
    splits: BTreeMap<Place, Steered>,
    /// Requests that every place gets in a second.
    rate: u64,
}

/// A split, and what comes of it.
#[derive(Debug)]
struct Steered {
    kept: Kept<Split>,
    since: Timestamp,
    /// Since when the split's tripwire, or those before it, have watched the same candidate.
    watched_since: Timestamp,
    trip: Option<Trip>,
    /// What was answered under the splits before, in millionths of a request.
    answered: BTreeMap<ReleaseId, u128>,
}

#[derive(Debug)]
struct Running {
    kept: Kept<u32>,
    since: Timestamp,
}

impl FakeNode {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, world: Mutex::default() }
    }

    pub fn set_nature(&self, release: ReleaseId, nature: Nature) {
        self.world().natures.insert(release, nature);
    }

    /// From now on every place gets so many requests in a second.
    pub fn set_rate(&self, requests_a_second: u64) {
        self.world().rate = requests_a_second;
    }

    /// The share of a place's traffic that a release has now.
    pub fn weight(&self, place: &Place, release: ReleaseId) -> Weight {
        let now = self.clock.now();
        let mut world = self.world();
        world.spring(place, now);
        world.splits.get(place).map_or(Weight::NONE, |steered| steered.weight(release))
    }

    /// What runs and who has the traffic, in one comparable text.
    pub fn picture(&self, name: impl Fn(ReleaseId) -> String) -> String {
        let world = self.world();
        let running = world.groups.iter().filter(|(_, running)| running.kept.want > 0);
        let groups = running
            .map(|(group, running)| format!("{} of {}", running.kept.want, name(group.release)));
        let splits = world.splits.values().flat_map(|steered| {
            let shares = steered.kept.want.shares.iter();
            shares.map(|share| (steered.weight(share.release), share.release))
        });
        let splits = splits.map(|(weight, release)| format!("{weight} to {}", name(release)));
        groups.chain(splits).collect::<Vec<_>>().join(", ")
    }

    /// Somebody else's hand: the split is changed without a new generation.
    pub fn tamper(&self, place: &Place, shares: Vec<Share>) {
        if let Some(steered) = self.world().splits.get_mut(place) {
            steered.kept.want = shares.into();
        }
    }

    /// The node loses everything it was ever told.
    pub fn forget(&self) {
        let mut world = self.world();
        world.groups.clear();
        world.splits.clear();
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nothing panics while it holds the world")
    }
}

impl Workloads for FakeNode {
    fn ensure<'a>(
        &'a self,
        want: &'a Instances,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut world = self.world();
            if let Some(why) =
                world.natures.get(&want.group.release).and_then(|nature| nature.refused.clone())
                && want.count > 0
            {
                return Err(Rejection::Refused(why));
            }
            match world.groups.get_mut(&want.group) {
                None => {
                    let kept = Kept { generation, want: want.count };
                    world.groups.insert(want.group.clone(), Running { kept, since: now });
                }
                Some(running) => {
                    accept(&running.kept, generation, &want.count)?;
                    if running.kept.want == 0 {
                        running.since = now;
                    }
                    running.kept = Kept { generation, want: want.count };
                }
            }
            Ok(())
        })
    }

    fn kept<'a>(
        &'a self,
        group: &'a Group,
    ) -> BoxFuture<'a, Result<Option<Kept<u32>>, Unreachable>> {
        Box::pin(
            async move { Ok(self.world().groups.get(group).map(|running| running.kept.clone())) },
        )
    }

    fn health<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Vec<GroupHealth>, Unreachable>> {
        Box::pin(async move {
            let now = self.clock.now();
            let world = self.world();
            let here = world
                .groups
                .iter()
                .filter(|(group, running)| group.place == *place && running.kept.want > 0);
            Ok(here.map(|(group, running)| health(&world, group, running, now)).collect())
        })
    }
}

impl Traffic for FakeNode {
    fn steer<'a>(
        &'a self,
        want: &'a Weights,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut world = self.world();
            world.spring(&want.place, now);
            let rate = world.rate;
            let kept = Kept { generation, want: want.split.clone() };
            let Some(before) = world.splits.get_mut(&want.place) else {
                world.splits.insert(want.place.clone(), Steered::new(kept, now));
                return Ok(());
            };
            accept(&before.kept, generation, &want.split)?;
            if before.kept == kept {
                return Ok(());
            }
            if let Some(trip) = &before.trip
                && want.split.acknowledges != Some(trip.generation)
            {
                return Err(Rejection::Tripped(Box::new(trip.clone())));
            }
            let answered = before.answered(now, rate);
            let is_watched_on = before.kept.want.tripwire == want.split.tripwire;
            let watched_since = if is_watched_on { before.watched_since } else { now };
            *before = Steered { watched_since, answered, ..Steered::new(kept, now) };
            Ok(())
        })
    }

    fn kept<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Kept<Split>>, Unreachable>> {
        Box::pin(
            async move { Ok(self.world().splits.get(place).map(|steered| steered.kept.clone())) },
        )
    }

    fn trip<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Option<Trip>, Unreachable>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut world = self.world();
            world.spring(place, now);
            Ok(world.splits.get(place).and_then(|steered| steered.trip.clone()))
        })
    }

    fn judgement<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Judgement>, Unreachable>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut world = self.world();
            world.spring(place, now);
            Ok(world.judgement(place, now))
        })
    }

    fn counts<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Vec<Counts>, Unreachable>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut world = self.world();
            world.spring(place, now);
            let rate = world.rate;
            let answered = world.splits.get(place).map(|steered| steered.answered(now, rate));
            let counts = answered
                .unwrap_or_default()
                .into_iter()
                .map(|(release, answered)| Counts { release, requests: whole(answered), bad: 0 });
            Ok(counts.filter(|counts| counts.requests > 0).collect())
        })
    }
}

impl World {
    /// Cuts a candidate off whose users have come to fare badly, from the moment they did.
    fn spring(&mut self, place: &Place, now: Timestamp) {
        let rate = self.rate;
        let Some(steered) = self.splits.get_mut(place) else { return };
        let Some(tripwire) = &steered.kept.want.tripwire else { return };
        let harms_from = self.natures.get(&tripwire.candidate).and_then(|it| it.harms_from);
        let Some(at) = harms_from.map(|from| from.max(steered.since)).filter(|at| *at <= now)
        else {
            return;
        };
        let (candidate, baseline) = (tripwire.candidate, tripwire.baseline);
        // Who is alone, on either side, cannot be compared.
        let is_compared = ![Weight::NONE, Weight::ALL].contains(&steered.weight(candidate));
        if steered.trip.is_some() || !is_compared {
            return;
        }
        let answered = steered.answered(at, rate);
        let requests = |release| answered.get(&release).copied().map_or(0, whole);
        steered.trip = Some(Trip {
            at,
            generation: steered.kept.generation,
            candidate,
            log_evidence: ENOUGH_FOR_HARM,
            candidate_seen: Seen { requests: requests(candidate), bad: 12 },
            baseline_seen: Seen { requests: requests(baseline), bad: 3 },
        });
        steered.answered = answered;
        steered.since = at;
    }

    fn judgement(&self, place: &Place, now: Timestamp) -> Option<Judgement> {
        let steered = self.splits.get(place)?;
        let tripwire = steered.kept.want.tripwire.as_ref()?;
        let answered = steered.answered(now, self.rate);
        let seen =
            |release| Seen { requests: answered.get(&release).copied().map_or(0, whole), bad: 0 };
        let clear_after = self.natures.get(&tripwire.candidate).and_then(|it| it.clear_after);
        let is_clear =
            clear_after.is_some_and(|after| now.duration_since(steered.watched_since) >= after);
        Some(Judgement {
            candidate: tripwire.candidate,
            harm: steered.trip.as_ref().map_or(0, |trip| trip.log_evidence),
            harm_needed: ENOUGH_FOR_HARM,
            clearance: if is_clear { ENOUGH_FOR_CLEARANCE } else { 0 },
            clearance_needed: ENOUGH_FOR_CLEARANCE,
            is_clear,
            candidate_seen: seen(tripwire.candidate),
            baseline_seen: seen(tripwire.baseline),
        })
    }
}

/// `ln 100` and `ln 20`, in thousandths.
const ENOUGH_FOR_HARM: i64 = 4_605;
const ENOUGH_FOR_CLEARANCE: i64 = 2_996;

impl Steered {
    fn new(kept: Kept<Split>, now: Timestamp) -> Self {
        Self { kept, since: now, watched_since: now, trip: None, answered: BTreeMap::new() }
    }

    /// What a release gets; a candidate that was cut off gets nothing, and the baseline its part.
    fn weight(&self, release: ReleaseId) -> Weight {
        let told = |release| {
            let shares = &self.kept.want.shares;
            let share = shares.iter().find(|share| share.release == release);
            share.map_or(0, |share| share.weight.hundredths())
        };
        let weight = match (&self.trip, &self.kept.want.tripwire) {
            (Some(trip), _) if trip.candidate == release => 0,
            (Some(trip), Some(tripwire)) if tripwire.baseline == release => {
                told(release) + told(trip.candidate)
            }
            _ => told(release),
        };
        Weight::from_hundredths(weight).unwrap_or(Weight::ALL)
    }

    fn answered(&self, now: Timestamp, rate: u64) -> BTreeMap<ReleaseId, u128> {
        let mut answered = self.answered.clone();
        let micros = now.duration_since(self.since).as_micros().max(0).unsigned_abs();
        for share in &self.kept.want.shares {
            let weight = u128::from(self.weight(share.release).hundredths());
            *answered.entry(share.release).or_default() +=
                micros * u128::from(rate) * weight / u128::from(Weight::ALL.hundredths());
        }
        answered
    }
}

/// Requests, of millionths.
fn whole(millionths: u128) -> u64 {
    u64::try_from(millionths / 1_000_000).unwrap_or(u64::MAX)
}

/// What every node owes: never back to an older generation, and one meaning for each.
fn accept<T: PartialEq>(kept: &Kept<T>, generation: Generation, want: &T) -> Result<(), Rejection> {
    if generation > kept.generation || (generation == kept.generation && kept.want == *want) {
        Ok(())
    } else {
        Err(Rejection::Older(kept.generation))
    }
}

fn health(world: &World, group: &Group, running: &Running, now: Timestamp) -> GroupHealth {
    let nature = world.natures.get(&group.release).cloned().unwrap_or_default();
    let is_up = now.duration_since(running.since) >= nature.ready_after;
    let crashes = nature.crashes_from.is_some_and(|from| from <= now) && is_up;
    GroupHealth {
        release: group.release,
        wanted: running.kept.want,
        ready: if is_up && !crashes { running.kept.want } else { 0 },
        restarts: if crashes { 3 } else { 0 },
        crash_looping: crashes,
        requests: 0,
        bad: 0,
        last_words: crashes.then(|| "panicked at 'out of cheese'".to_owned()),
    }
}

//! A node in memory: runs instances of programmable nature and splits make-believe traffic.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use model::id::ReleaseId;
use model::intent::{
    Generation, Group, GroupHealth, Instances, Share, Split, Trip, Weight, Weights,
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
}

#[derive(Debug, Default)]
struct World {
    natures: BTreeMap<ReleaseId, Nature>,
    groups: BTreeMap<Group, Running>,
    splits: BTreeMap<Place, Kept<Split>>,
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

    /// The share of a place's traffic that a release has now.
    pub fn weight(&self, place: &Place, release: ReleaseId) -> Weight {
        let world = self.world();
        let shares = world.splits.get(place).map_or(&[][..], |kept| &kept.want.shares);
        shares
            .iter()
            .find(|share| share.release == release)
            .map_or(Weight::NONE, |share| share.weight)
    }

    /// What runs and who has the traffic, in one comparable text.
    pub fn picture(&self, name: impl Fn(ReleaseId) -> String) -> String {
        let world = self.world();
        let running = world.groups.iter().filter(|(_, running)| running.kept.want > 0);
        let groups = running
            .map(|(group, running)| format!("{} of {}", running.kept.want, name(group.release)));
        let shares = world.splits.values().flat_map(|kept| &kept.want.shares);
        let splits = shares.map(|share| format!("{} to {}", share.weight, name(share.release)));
        groups.chain(splits).collect::<Vec<_>>().join(", ")
    }

    /// Somebody else's hand: the split is changed without a new generation.
    pub fn tamper(&self, place: &Place, shares: Vec<Share>) {
        if let Some(kept) = self.world().splits.get_mut(place) {
            kept.want = shares.into();
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
            let mut world = self.world();
            if let Some(kept) = world.splits.get(&want.place) {
                accept(kept, generation, &want.split)?;
            }
            world.splits.insert(want.place.clone(), Kept { generation, want: want.split.clone() });
            Ok(())
        })
    }

    fn kept<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Kept<Split>>, Unreachable>> {
        Box::pin(async move { Ok(self.world().splits.get(place).cloned()) })
    }

    fn trip<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Option<Trip>, Unreachable>> {
        Box::pin(async move { Ok(None) })
    }

    fn counts<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Vec<Counts>, Unreachable>> {
        Box::pin(async move { Ok(Vec::new()) })
    }
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

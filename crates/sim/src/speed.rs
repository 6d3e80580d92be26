//! How fast simulated time flies: three days of a canary, again and again.

use jiff::SignedDuration;
use model::intent::Weight;
use model::name::Place;
use model::rollout::{Plan, PlanDraft, Step};
use ports::clock::{Clock, SystemClock};

use crate::random::verdict_of;
use crate::world::World;

/// How fast it went.
#[derive(Debug, Clone, Copy)]
pub struct Speed {
    pub decisions_per_second: f64,
    pub millis_per_canary: f64,
}

/// Lives through so many three-day canaries that are looked at every five minutes.
pub fn measure(canaries: u32) -> Speed {
    let began = SystemClock.now();
    let decisions: f64 = (0..canaries).map(|_| f64::from(three_days())).sum();
    let seconds = SystemClock.now().duration_since(began).as_secs_f64();
    Speed {
        decisions_per_second: decisions / seconds,
        millis_per_canary: seconds * 1_000.0 / f64::from(canaries),
    }
}

fn three_days() -> u32 {
    let mut world = World::unwatched();
    let (office, store) = (world.office.clone(), world.store.clone());
    world.run(async {
        let place: Place = "shop/production".parse().expect("a well-formed place");
        let (old, new) = (office.release("1.4.1"), office.release("1.5.0"));
        let (id, reply) = office.start(&place, new, Some(old), three_day_plan()).await;
        reply.expect("an empty world takes a rollout");
        while verdict_of(&store, id).is_none() {
            office.sleep(SignedDuration::from_hours(1)).await;
        }
    });
    let decisions: u64 = store.processes().iter().map(|process| process.version).sum();
    u32::try_from(decisions).expect("three days have some thousand decisions")
}

fn three_day_plan() -> Plan {
    let step = |percent, hours| Step {
        weight: Weight::from_percent(percent).expect("at most the whole"),
        hold: SignedDuration::from_hours(hours),
    };
    let draft = PlanDraft {
        instances: 4,
        steps: vec![step(1, 4), step(5, 8), step(25, 12), step(50, 24), step(100, 24)],
        ready_within: SignedDuration::from_mins(5),
        look_every: SignedDuration::from_mins(5),
        unwell_for: SignedDuration::from_mins(10),
        guard: None,
    };
    Plan::try_from(draft).expect("a sane draft")
}

//! What every [`Workloads`] must do.

use jiff::Timestamp;
use model::id::ReleaseId;
use model::intent::{Generation, Group, Instances};
use model::name::Place;

use crate::workloads::{Kept, Rejection, Workloads};

pub async fn nothing_is_kept_at_first(workloads: &dyn Workloads) {
    assert_eq!(workloads.kept(&group("shop/a", 1)).await, Ok(None));
    assert_eq!(workloads.health(&place("shop/a")).await, Ok(Vec::new()));
}

pub async fn a_desired_count_is_kept(workloads: &dyn Workloads) {
    for (generation, count) in [(1, 2), (2, 5), (7, 1)] {
        ensure(workloads, "shop/a", 1, count, generation).await.expect("it is taken over");
        assert_eq!(kept(workloads, "shop/a", 1).await, Some((generation, count)));
    }
}

pub async fn the_same_again_is_accepted(workloads: &dyn Workloads) {
    for _ in 0..3 {
        ensure(workloads, "shop/a", 1, 2, 4).await.expect("it is taken over");
    }
    assert_eq!(kept(workloads, "shop/a", 1).await, Some((4, 2)));
}

pub async fn an_older_count_is_refused(workloads: &dyn Workloads) {
    ensure(workloads, "shop/a", 1, 2, 4).await.expect("it is taken over");
    for (older, count) in [(3, 9), (3, 2), (1, 0)] {
        let answer = ensure(workloads, "shop/a", 1, count, older).await;
        assert_eq!(answer, Err(Rejection::Older(Generation(4))));
    }
    assert_eq!(kept(workloads, "shop/a", 1).await, Some((4, 2)));
}

pub async fn one_generation_has_one_meaning(workloads: &dyn Workloads) {
    ensure(workloads, "shop/a", 1, 2, 4).await.expect("it is taken over");
    let answer = ensure(workloads, "shop/a", 1, 3, 4).await;
    assert_eq!(answer, Err(Rejection::Older(Generation(4))));
    assert_eq!(kept(workloads, "shop/a", 1).await, Some((4, 2)));
}

pub async fn none_can_be_wanted(workloads: &dyn Workloads) {
    ensure(workloads, "shop/a", 1, 2, 1).await.expect("it is taken over");
    ensure(workloads, "shop/a", 1, 0, 2).await.expect("it is taken over");
    // That none are wanted is remembered like any other number: an older wish stays refused.
    assert_eq!(kept(workloads, "shop/a", 1).await, Some((2, 0)));
    let answer = ensure(workloads, "shop/a", 1, 2, 1).await;
    assert_eq!(answer, Err(Rejection::Older(Generation(2))));
    let health = workloads.health(&place("shop/a")).await.expect("it answers");
    assert!(health.iter().all(|group| group.wanted == 0), "{health:?}");
    ensure(workloads, "shop/a", 1, 1, 3).await.expect("it is taken over");
    assert_eq!(kept(workloads, "shop/a", 1).await, Some((3, 1)));
    // What was never there can be wanted gone.
    ensure(workloads, "shop/a", 2, 0, 1).await.expect("it is taken over");
}

pub async fn what_is_wanted_has_its_health(workloads: &dyn Workloads) {
    ensure(workloads, "shop/a", 1, 2, 1).await.expect("it is taken over");
    ensure(workloads, "shop/a", 2, 3, 1).await.expect("it is taken over");
    let mut health = workloads.health(&place("shop/a")).await.expect("it answers");
    health.sort_by_key(|group| group.release);
    let wanted: Vec<_> = health.iter().map(|group| (group.release, group.wanted)).collect();
    assert_eq!(wanted, [(release(1), 2), (release(2), 3)]);
    assert!(health.iter().all(|group| group.ready <= group.wanted && group.bad <= group.requests));
}

pub async fn groups_do_not_touch_each_other(workloads: &dyn Workloads) {
    let groups =
        [("shop/a", 1, 1, 9), ("shop/a", 2, 2, 1), ("shop/b", 1, 3, 5), ("shop-a/a", 1, 4, 2)];
    for (place, number, count, generation) in groups {
        ensure(workloads, place, number, count, generation).await.expect("it is taken over");
    }
    for (place, number, count, generation) in groups {
        assert_eq!(kept(workloads, place, number).await, Some((generation, count)));
    }
    let health = workloads.health(&place("shop/b")).await.expect("it answers");
    assert_eq!(health.iter().map(|group| group.wanted).collect::<Vec<_>>(), [3]);
    assert_eq!(workloads.health(&place("shop/c")).await, Ok(Vec::new()));
}

fn place(text: &str) -> Place {
    text.parse().expect("a place")
}

fn release(number: u8) -> ReleaseId {
    ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

fn group(of: &str, number: u8) -> Group {
    Group { place: place(of), release: release(number) }
}

async fn ensure(
    workloads: &dyn Workloads,
    of: &str,
    number: u8,
    count: u32,
    generation: u64,
) -> Result<(), Rejection> {
    let want = Instances { group: group(of, number), count };
    workloads.ensure(&want, Generation(generation)).await
}

async fn kept(workloads: &dyn Workloads, of: &str, number: u8) -> Option<(u64, u32)> {
    let kept = workloads.kept(&group(of, number)).await.expect("it answers");
    kept.map(|Kept { generation, want }| (generation.0, want))
}

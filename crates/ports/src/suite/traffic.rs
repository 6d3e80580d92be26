//! What every [`Traffic`] must do.

use jiff::Timestamp;
use model::id::ReleaseId;
use model::intent::{Generation, Share, Weight, Weights};
use model::name::Place;

use crate::traffic::Traffic;
use crate::workloads::{Kept, Rejection};

pub async fn no_split_is_kept_at_first(traffic: &dyn Traffic) {
    assert_eq!(traffic.kept(&place("shop/a")).await, Ok(None));
    assert_eq!(traffic.counts(&place("shop/a")).await, Ok(Vec::new()));
}

pub async fn a_split_is_kept(traffic: &dyn Traffic) {
    for (generation, percent) in [(1, 5), (2, 50), (9, 0)] {
        steer(traffic, "shop/a", percent, generation).await.expect("it is taken over");
        assert_eq!(kept(traffic, "shop/a").await, Some((generation, split(percent))));
    }
}

pub async fn the_same_again_is_accepted(traffic: &dyn Traffic) {
    for _ in 0..3 {
        steer(traffic, "shop/a", 25, 4).await.expect("it is taken over");
    }
    assert_eq!(kept(traffic, "shop/a").await, Some((4, split(25))));
}

pub async fn an_older_split_is_refused(traffic: &dyn Traffic) {
    steer(traffic, "shop/a", 25, 4).await.expect("it is taken over");
    for (older, percent) in [(3, 50), (3, 25), (1, 0)] {
        let answer = steer(traffic, "shop/a", percent, older).await;
        assert_eq!(answer, Err(Rejection::Older(Generation(4))));
    }
    assert_eq!(kept(traffic, "shop/a").await, Some((4, split(25))));
}

pub async fn one_generation_has_one_meaning(traffic: &dyn Traffic) {
    steer(traffic, "shop/a", 25, 4).await.expect("it is taken over");
    let answer = steer(traffic, "shop/a", 26, 4).await;
    assert_eq!(answer, Err(Rejection::Older(Generation(4))));
    assert_eq!(kept(traffic, "shop/a").await, Some((4, split(25))));
}

pub async fn a_release_can_be_left_out(traffic: &dyn Traffic) {
    steer(traffic, "shop/a", 25, 1).await.expect("it is taken over");
    let alone = vec![Share { release: release(2), weight: Weight::ALL }];
    let want = Weights { place: place("shop/a"), split: alone.clone().into() };
    traffic.steer(&want, Generation(2)).await.expect("it is taken over");
    assert_eq!(kept(traffic, "shop/a").await, Some((2, alone)));
}

pub async fn places_do_not_touch_each_other(traffic: &dyn Traffic) {
    let places = [("shop/a", 10, 9), ("shop/b", 20, 1), ("shop-a/a", 30, 4)];
    for (place, percent, generation) in places {
        steer(traffic, place, percent, generation).await.expect("it is taken over");
    }
    for (place, percent, generation) in places {
        assert_eq!(kept(traffic, place).await, Some((generation, split(percent))));
    }
    assert_eq!(kept(traffic, "shop/c").await, None);
}

pub async fn counts_are_of_the_place_alone(traffic: &dyn Traffic) {
    steer(traffic, "shop/a", 10, 1).await.expect("it is taken over");
    let counts = traffic.counts(&place("shop/a")).await.expect("it answers");
    assert!(counts.iter().all(|count| [release(1), release(2)].contains(&count.release)));
    assert!(counts.iter().all(|count| count.bad <= count.requests));
    assert_eq!(traffic.counts(&place("shop/b")).await, Ok(Vec::new()));
}

fn place(text: &str) -> Place {
    text.parse().expect("a place")
}

fn release(number: u8) -> ReleaseId {
    ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

/// So much for the first release, the rest for the second.
fn split(percent: u16) -> Vec<Share> {
    let weight = Weight::from_percent(percent).expect("at most the whole");
    vec![
        Share { release: release(1), weight },
        Share { release: release(2), weight: weight.rest() },
    ]
}

async fn steer(
    traffic: &dyn Traffic,
    of: &str,
    percent: u16,
    generation: u64,
) -> Result<(), Rejection> {
    let want = Weights { place: place(of), split: split(percent).into() };
    traffic.steer(&want, Generation(generation)).await
}

async fn kept(traffic: &dyn Traffic, of: &str) -> Option<(u64, Vec<Share>)> {
    let kept = traffic.kept(&place(of)).await.expect("it answers");
    kept.map(|Kept { generation, want }| (generation.0, want.shares))
}

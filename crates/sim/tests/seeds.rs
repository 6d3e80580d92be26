//! Thousands of worlds in which things go wrong, each held against the same world in which
//! nothing does.

use sim::{pipelines, random};

#[test]
fn whatever_goes_wrong_the_end_is_the_same() {
    for seed in 0..2_000 {
        if let Err(error) = random::check(seed) {
            panic!("seed {seed}: {error}\nreplay it with: cargo sim replay {seed}");
        }
    }
}

#[test]
fn the_server_may_crash_at_any_point() {
    let mut points = 0;
    for seed in 0..4 {
        match random::check_every_crash_point(seed) {
            Ok(more) => points += more,
            Err(error) => panic!("seed {seed}: {error}\nreplay it with: cargo sim replay {seed}"),
        }
    }
    assert!(points > 1_000, "only {points} crash points were tried");
}

#[test]
fn whatever_goes_wrong_runs_end_as_they_should() {
    for seed in 0..200 {
        if let Err(error) = pipelines::check(seed) {
            panic!("seed {seed}: {error}\nreplay it with: cargo sim pipelines replay {seed}");
        }
    }
}

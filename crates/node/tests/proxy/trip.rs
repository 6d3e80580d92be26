//! The tripwire, with requests that really fail.

use std::io::Write as _;
use std::time::Duration;

use model::intent::{Cohort, Generation, Mark, Split};
use model::rollout::Guard;

use crate::stage::{Backend, Stage, place, release, share};

fn split(weight: u16, slow_after: Option<jiff::SignedDuration>) -> Split {
    let mut split: Split = vec![share((1, 10_000 - weight)), share((2, weight))].into();
    let guard = Guard { slow_after, ..Guard::default() };
    split.tripwire = Some(guard.tripwire(release(2), release(1)));
    let mark = Mark::Header { name: "x-beta".to_owned(), value: "1".to_owned() };
    split.cohorts.push(Cohort { mark, release: release(2) });
    split
}

const FAILURE: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 3\r\n\r\nbad";

fn stage(good: &Backend, bad: &Backend) -> Stage {
    let stage = Stage::before(&[good.address]);
    stage.seat(2, 0, bad.address);
    stage
}

#[test]
fn a_candidate_that_fails_is_cut_off_with_the_deciding_answer() {
    let (good, bad) = (Backend::saying("good"), Backend::answering(FAILURE));
    let mut stage = stage(&good, &bad);
    stage.split(&split(5_000, None), 7);
    let mut client = stage.client();
    let mut ask = |header: &str| {
        client.say(format!("GET / HTTP/1.1\r\nhost: a\r\n{header}\r\n"));
        client.answer().status
    };
    let mut failed = 0;
    // The very next request after the deciding answer must not see the candidate, so this runs on
    // one connection without a pause.
    while stage.proxy().trip(&place()).is_none() {
        failed += u32::from(ask("") == 500);
        assert!(failed < 50, "it never trips");
    }
    for _ in 0..100 {
        assert_eq!(ask(""), 200);
        assert_eq!(ask("x-beta: 1\r\n"), 200, "its cohort goes to the baseline");
    }
    assert!(failed < 25, "{failed}");
    let trip = stage.proxy().trip(&place()).expect("it tripped");
    assert_eq!((trip.candidate, trip.generation), (release(2), Generation(7)));
    assert_eq!(trip.candidate_seen.bad, u64::from(failed));
    assert_eq!(trip.baseline_seen.bad, 0);
    let told = stage.trips.try_recv().expect("it was told");
    assert_eq!((told.place, told.trip), (place(), trip.clone()));

    // A split that was on its way when it happened does not bring the candidate back.
    stage.split(&split(5_000, None), 8);
    assert_eq!(stage.proxy().trip(&place()), Some(trip));
    assert!((0..50).all(|_| stage.get("/").status == 200));
    let aware = Split { acknowledges: Some(Generation(7)), ..split(0, None) };
    stage.split(&aware, 9);
    assert_eq!(stage.proxy().trip(&place()), None);
}

#[test]
fn who_dies_in_the_middle_of_answers_is_cut_off_too() {
    let good = Backend::saying("good");
    let bad = Backend::new(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").expect("written");
        false
    });
    let stage = stage(&good, &bad);
    stage.split(&split(5_000, None), 1);
    for _ in 0..100 {
        let mut client = stage.client();
        client.say("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        // Half an answer is no answer, and must never look like one.
        if let Some(answer) = client.try_answer() {
            assert_eq!(answer.text(), "good");
        }
        if stage.proxy().trip(&place()).is_some() {
            return;
        }
    }
    panic!("it never trips");
}

#[test]
fn slowness_is_bad_where_the_tripwire_says_so() {
    let good = Backend::saying("good");
    let bad = Backend::new(|_, stream| {
        std::thread::park_timeout(Duration::from_millis(30));
        stream.write_all(crate::stage::ok("late").as_bytes()).is_ok()
    });
    let stage = stage(&good, &bad);
    stage.split(&split(5_000, Some(jiff::SignedDuration::from_millis(20))), 1);
    for _ in 0..200 {
        stage.get("/");
        if stage.proxy().trip(&place()).is_some() {
            return;
        }
    }
    panic!("it never trips");
}

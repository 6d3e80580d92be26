//! Claims: who is due, in which order, and for whom it is withheld from the others.

use std::collections::BTreeSet;

use model::id::AnyId;
use model::intent::Generation;

use super::given::{
    at, change, claim, claimed, commit, due, hold, load, open, process, refused, side_by_side,
    steer, survey,
};
use crate::store::{Change, Claim, Claimed, Settled, Status, Store};

pub async fn due_processes_are_handed_out_the_longest_due_first(store: &dyn Store) {
    for (number, wake_at) in [(1, 30), (2, 10), (3, 20), (4, 10), (5, 40)] {
        waking(store, number, wake_at).await;
    }
    commit(store, change(process(6), None)).await;
    assert_eq!(due(store, claim(9, 100)).await, NOBODY);
    assert_eq!(due(store, Claim { limit: 0, ..claim(30, 100) }).await, NOBODY);
    assert_eq!(due(store, Claim { limit: 2, ..claim(30, 100) }).await, [process(2), process(4)]);
    let rest = claimed(store, claim(30, 100)).await;
    assert_eq!(
        rest.due.iter().map(|stored| stored.id).collect::<Vec<_>>(),
        [process(3), process(1)]
    );
    for stored in rest.due {
        assert_eq!(stored, load(store, stored.id).await);
    }
}

pub async fn what_is_handed_out_is_held(store: &dyn Store) {
    waking(store, 1, 10).await;
    assert_eq!(due(store, claim(10, 25)).await, [process(1)]);
    assert_eq!(due(store, claim(24, 40)).await, NOBODY);
    assert_eq!(due(store, other(24, 40)).await, NOBODY);
    assert_eq!(due(store, other(25, 40)).await, [process(1)]);
    assert_eq!(due(store, claim(39, 60)).await, NOBODY);
    assert_eq!(load(store, process(1)).await.wake_at, Some(at(10)));
}

pub async fn a_commit_ends_the_hold(store: &dyn Store) {
    waking(store, 1, 10).await;
    waking(store, 2, 10).await;
    assert_eq!(due(store, claim(10, 100)).await, [process(1), process(2)]);
    commit(store, Change { wake_at: Some(at(20)), ..change(process(1), Some(1)) }).await;
    commit(store, change(process(2), Some(1))).await;
    assert_eq!(due(store, other(19, 200)).await, NOBODY);
    assert_eq!(due(store, other(20, 200)).await, [process(1)]);
    assert_eq!(due(store, other(199, 200)).await, NOBODY);
    // A refused commit ends nothing.
    refused(store, Change { wake_at: Some(at(30)), ..change(process(1), Some(1)) }).await;
    assert_eq!(due(store, claim(199, 300)).await, NOBODY);
}

pub async fn claims_at_once_share_nothing(store: &dyn Store) {
    for number in 0..40 {
        waking(store, number, i64::from(number)).await;
    }
    let claim = |number: usize| {
        let hold = hold(&format!("server-{}", number % 4), 1_000);
        store.claim(Claim { hold, limit: 6, ..claim(100, 1_000) })
    };
    let claims = side_by_side((0..8).map(claim)).await;
    let handed: Vec<_> = claims
        .into_iter()
        .flat_map(|claimed| claimed.unwrap().due)
        .map(|stored| stored.id)
        .collect();
    assert_eq!(handed.len(), 40);
    assert_eq!(handed.iter().collect::<BTreeSet<_>>().len(), 40);
}

pub async fn a_started_server_gets_back_its_own(store: &dyn Store) {
    for number in 1..=3 {
        waking(store, number, 10).await;
    }
    assert_eq!(due(store, Claim { limit: 1, ..claim(10, 100) }).await, [process(1)]);
    assert_eq!(due(store, Claim { limit: 1, ..other(10, 100) }).await, [process(2)]);
    let wanting = Change { intents: vec![survey("shop/a")], ..change(process(4), None) };
    commit(store, Change { hold: hold("first", 100), ..wanting }).await;
    // What it holds by a commit is its own as much as what it was handed out.
    let again = Claim { anew: true, ..claim(50, 200) };
    assert_eq!(due(store, again.clone()).await, [process(3), process(1), process(4)]);
    assert_eq!(due(store, claim(50, 200)).await, NOBODY);
    assert_eq!(due(store, again).await, [process(1), process(3), process(4)]);
    let unknown = Claim { hold: hold("third", 200), anew: true, ..claim(50, 200) };
    assert_eq!(due(store, unknown).await, NOBODY);
    assert_eq!(due(store, other(100, 300)).await, [process(2)]);
}

pub async fn intents_without_an_answer_are_due_when_their_hold_ends(store: &dyn Store) {
    let wanting = Change {
        intents: vec![survey("shop/a")],
        wake_at: Some(at(5)),
        ..change(process(1), None)
    };
    commit(store, wanting).await;
    assert_eq!(due(store, other(14, 100)).await, NOBODY);
    let handed = claimed(store, other(15, 30)).await.due;
    assert_eq!(handed[0].open.len(), 1);
    // As long as something is open, the one who answers for it holds the process.
    let another = Change { hold: hold("second", 60), ..change(process(1), Some(1)) };
    commit(store, another).await;
    assert_eq!(due(store, claim(59, 100)).await, NOBODY);
    let settled =
        Settled { target: survey("shop/a").target(), generation: Generation(1), upheld: false };
    let answered = Change {
        settled: vec![settled],
        wake_at: Some(at(70)),
        hold: hold("second", 90),
        ..change(process(1), Some(2))
    };
    commit(store, answered).await;
    assert_eq!(due(store, claim(69, 200)).await, NOBODY);
    assert_eq!(due(store, claim(70, 200)).await, [process(1)]);
}

pub async fn what_has_ended_is_due_while_something_is_open(store: &dyn Store) {
    let ended = |expected| Change {
        status: Status::Ended,
        wake_at: Some(at(5)),
        ..change(process(1), expected)
    };
    commit(store, Change { intents: vec![steer("shop/a", 1)], ..ended(None) }).await;
    assert_eq!(due(store, claim(14, 30)).await, NOBODY);
    assert_eq!(due(store, claim(15, 30)).await, [process(1)]);
    assert_eq!(due(store, claim(30, 45)).await, [process(1)]);
    let settled =
        Settled { target: steer("shop/a", 1).target(), generation: Generation(1), upheld: true };
    commit(store, Change { settled: vec![settled], ..ended(Some(1)) }).await;
    assert_eq!(claimed(store, claim(1_000, 2_000)).await, Claimed::default());
}

pub async fn what_is_parked_is_never_due(store: &dyn Store) {
    let parked = |expected| Change {
        status: Status::Parked,
        wake_at: Some(at(5)),
        ..change(process(1), expected)
    };
    commit(store, Change { intents: vec![steer("shop/a", 1)], ..parked(None) }).await;
    commit(store, parked(Some(1))).await;
    let again = Claim { anew: true, ..claim(1_000, 2_000) };
    assert_eq!(claimed(store, again).await, Claimed::default());
    assert_eq!(open(store, process(1)).await.len(), 1);
    // Taken up again, it is due like any other whose server has crashed.
    let unparked = Change {
        wake_at: Some(at(1_000)),
        hold: hold("first", 1_000),
        ..change(process(1), Some(2))
    };
    commit(store, unparked).await;
    assert_eq!(due(store, claim(1_000, 2_000)).await, [process(1)]);
}

pub async fn the_next_due_time_is_told(store: &dyn Store) {
    let next = |claim| async { claimed(store, claim).await.next };
    assert_eq!(next(claim(0, 10)).await, None);
    waking(store, 1, 30).await;
    waking(store, 2, 40).await;
    assert_eq!(next(claim(0, 10)).await, Some(at(30)));
    // What is handed out is due again when the hold ends.
    assert_eq!(next(claim(30, 50)).await, Some(at(40)));
    assert_eq!(next(claim(40, 60)).await, Some(at(50)));
    assert_eq!(next(Claim { limit: 0, ..claim(70, 80) }).await, Some(at(50)));
    commit(store, change(process(1), Some(1))).await;
    assert_eq!(next(claim(50, 60)).await, Some(at(60)));
    commit(store, Change { status: Status::Ended, ..change(process(2), Some(1)) }).await;
    assert_eq!(next(claim(50, 60)).await, None);
}

const NOBODY: [AnyId; 0] = [];

async fn waking(store: &dyn Store, number: u8, wake_at: i64) {
    commit(store, Change { wake_at: Some(at(wake_at)), ..change(process(number), None) }).await;
}

/// A claim of another server.
fn other(now: i64, until: i64) -> Claim {
    Claim { hold: hold("second", until), ..claim(now, until) }
}

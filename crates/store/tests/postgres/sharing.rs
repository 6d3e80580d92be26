//! Several servers on one database.

use std::collections::BTreeSet;
use std::sync::Arc;

use ports::store::{Claim, CommitError, Hold, Store};
use ports::suite::store::change;
use store::postgres::PostgresStore;

use super::given::{at, database, decision, process, verify};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_may_start_at_once() {
    let url = database().await;
    let starting: Vec<_> = (0..6)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { PostgresStore::open(&url).await })
        })
        .collect();
    for started in starting {
        started.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_what_is_due() {
    let url = database().await;
    let (first, second) = (open(&url).await, open(&url).await);
    for number in 0..120 {
        let mut new = change(process(number), None);
        new.wake_at = Some(at(1));
        first.commit(decision(new)).await.unwrap();
    }
    let claims: Vec<_> = [("first", first), ("second", second)]
        .map(|(name, store)| {
            tokio::spawn(async move {
                let mut handed = Vec::new();
                loop {
                    let hold = Hold { server: name.to_owned(), until: at(1_000) };
                    let claim = Claim { hold, anew: false, now: at(2), limit: 3 };
                    let claimed = store.claim(claim).await.unwrap();
                    handed.extend(claimed.due.iter().map(|stored| stored.id));
                    // What the other one is being handed is passed over, but not yet gone.
                    if claimed.due.is_empty() && claimed.next == Some(at(1_000)) {
                        return handed;
                    }
                }
            })
        })
        .into();
    let mut handed = Vec::new();
    for claim in claims {
        handed.extend(claim.await.unwrap());
    }
    assert_eq!(handed.len(), 120);
    assert_eq!(handed.iter().collect::<BTreeSet<_>>().len(), 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_stays_whole_when_two_servers_commit() {
    const TASKS: u16 = 32;
    const ROUNDS: u64 = 10;
    let url = database().await;
    let stores = [open(&url).await, open(&url).await];
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let store = stores[usize::from(number % 2)].clone();
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let expected = (round > 0).then_some(round);
                    store.commit(decision(change(process(number), expected))).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(verify(&*stores[0]).await.unwrap().seq, u64::from(TASKS) * ROUNDS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_that_decide_on_one_version_one_wins() {
    let url = database().await;
    let (first, second) = (open(&url).await, open(&url).await);
    first.commit(decision(change(process(1), None))).await.unwrap();
    for version in 1..50 {
        let decide = || decision(change(process(1), Some(version)));
        let (one, other) = tokio::join!(first.commit(decide()), second.commit(decide()));
        let outcomes = [one, other];
        let lost = outcomes.iter().filter(|done| matches!(done, Err(CommitError::Conflict)));
        assert_eq!(lost.count(), 1, "{outcomes:?}");
        assert_eq!(outcomes.iter().filter(|done| done.is_ok()).count(), 1, "{outcomes:?}");
    }
    assert_eq!(verify(&*second).await.unwrap().seq, 50);
}

#[tokio::test]
async fn one_bad_commit_does_not_take_others_with_it() {
    let store = open(&database().await).await;
    let mut bad = change(process(7), None);
    // PostgreSQL's text has no room for it.
    bad.state = "\0".to_owned();
    let commits = (0..16).map(|number| {
        let store = store.clone();
        let new = if number == 7 { bad.clone() } else { change(process(number), None) };
        tokio::spawn(async move { store.commit(decision(new)).await })
    });
    let commits: Vec<_> = commits.collect();
    for (number, commit) in commits.into_iter().enumerate() {
        assert_eq!(commit.await.unwrap().is_err(), number == 7, "{number}");
    }
    assert_eq!(verify(&*store).await.unwrap().seq, 15);
}

async fn open(url: &str) -> Arc<PostgresStore> {
    Arc::new(PostgresStore::open(url).await.unwrap())
}

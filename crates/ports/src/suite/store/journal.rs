//! The journal: one chain, and every fact found again by what it tells of.

use jiff::{SignedDuration, Timestamp};
use model::fact::Actor;
use model::id::{AnyId, Prefix};
use model::journal::{Head, Record};
use model::name::Scope;

use super::given::{
    at, change, command, commit, everything, found, process, record, sealed, told, verified,
};
use crate::store::{Commit, Query, Store};

pub async fn facts_are_linked_in_one_chain(store: &dyn Store) {
    let first: Vec<_> = (1..=3).map(|number| sealed(record(number))).collect();
    let mut head = Head::default();
    let committed =
        commit(store, Commit { facts: first.clone(), ..change(process(1), None).into() }).await;
    assert_eq!(committed.head, 3);
    // A commit that tells nothing still tells where the journal ends.
    assert_eq!(commit(store, change(process(1), Some(1))).await.head, 3);
    let same = vec![first[2].clone(), first[2].clone()];
    assert_eq!(commit(store, Commit { facts: same.clone(), ..Commit::default() }).await.head, 5);
    let entries = store.entries(everything()).await.unwrap();
    assert_eq!(entries.len(), 5);
    for (entry, sealed) in entries.iter().zip(first.into_iter().chain(same)) {
        head = head.after(sealed.digest);
        assert_eq!((entry.seq, &entry.record), (head.seq, &sealed.record));
        assert_eq!(entry.link, head.link.0);
    }
    assert_eq!(verified(store).await, head);
}

pub async fn facts_can_stand_alone(store: &dyn Store) {
    let command = (command(1), "noted".to_owned());
    let alone = Commit { command: Some(command.clone()), ..told([record(1)]) };
    let committed = commit(store, alone).await;
    assert_eq!((committed.version, committed.head), (0, 1));
    assert_eq!(committed.generations, []);
    assert_eq!(store.reply_to(command.0).await.unwrap(), Some(command.1));
    assert_eq!(store.load(process(1)).await.unwrap(), None);
    let nothing = commit(store, Commit::default()).await;
    assert_eq!((nothing.version, nothing.head), (0, 1));
}

pub async fn facts_are_found_by_subject(store: &dyn Store) {
    let twin = AnyId::new(Prefix::literal("twn"), at(0), [0; 10]);
    let of = |subject: AnyId| Record { subject: subject.to_string(), ..record(1) };
    let subjects = [process(1), process(2), twin, process(1), process(3), twin];
    commit(store, told(subjects.map(of))).await;
    let by = |subject| found(store, Query { subject: Some(subject), ..everything() });
    assert_eq!(by(process(1)).await, [1, 4]);
    assert_eq!(by(process(2)).await, [2]);
    assert_eq!(by(twin).await, [3, 6]);
    assert_eq!(by(process(4)).await, NOTHING);
}

pub async fn facts_are_found_by_scope(store: &dyn Store) {
    let of = |scope: &str| Record { scope: scope.to_owned(), ..record(1) };
    let scopes = [
        "",
        "shop",
        "shop/production",
        "shop/staging",
        "shop-api",
        "shop-api/production",
        "shop0/production",
        "sho/production",
        "shop/production-eu",
    ];
    commit(store, told(scopes.map(of))).await;
    let by = |scope: &str| {
        let scope: Scope = scope.parse().expect("a scope");
        found(store, Query { scope: Some(scope), ..everything() })
    };
    assert_eq!(by("").await, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(by("shop").await, [2, 3, 4, 9]);
    assert_eq!(by("shop/production").await, [3]);
    assert_eq!(by("shop-api").await, [5, 6]);
    assert_eq!(by("sho").await, [8]);
    assert_eq!(by("shop/prod").await, NOTHING);
}

pub async fn facts_are_found_by_kind(store: &dyn Store) {
    let of = |kind: &str| Record { kind: kind.to_owned(), ..record(1) };
    let kinds = [
        "rollout.started",
        "rollouts.x",
        "rollout",
        "rollout-old.x",
        "rollout.step-passed",
        "rollout.step.passed",
        "rollout/x",
        "roll.x",
    ];
    commit(store, told(kinds.map(of))).await;
    let by = |kind: &str| found(store, Query { kind: Some(kind.to_owned()), ..everything() });
    assert_eq!(by("rollout").await, [1, 3, 5, 6]);
    assert_eq!(by("rollout.started").await, [1]);
    assert_eq!(by("rollout.step").await, [6]);
    assert_eq!(by("roll").await, [8]);
    for nothing in ["", "ROLLOUT", "rollout.", "roll%", "roll_ut", "roll*", "%", "r?llout"] {
        assert_eq!(by(nothing).await, NOTHING, "{nothing}");
    }
}

pub async fn facts_are_found_by_actor(store: &dyn Store) {
    let of = |actor: &str| Record { actor: actor.to_owned(), ..record(1) };
    let actors = [
        "person:ada",
        "system:conductor",
        "token:ada",
        "person:adam",
        "person:ada",
        "agent:\u{1f916}",
    ];
    commit(store, told(actors.map(of))).await;
    let by = |actor: &str| {
        let actor: Actor = actor.parse().expect("an actor");
        found(store, Query { actor: Some(actor), ..everything() })
    };
    assert_eq!(by("person:ada").await, [1, 5]);
    assert_eq!(by("system:conductor").await, [2]);
    assert_eq!(by("token:ada").await, [3]);
    assert_eq!(by("agent:\u{1f916}").await, [6]);
    assert_eq!(by("system:ada").await, NOTHING);
}

pub async fn facts_are_found_by_time(store: &dyn Store) {
    // Servers' clocks differ a little, so that times need not rise with the numbers.
    let micros = |micros: i64| at(0) + SignedDuration::from_micros(micros);
    let told_at = |micros_at: i64| Record { at: micros(micros_at).as_microsecond(), ..record(1) };
    commit(store, told([10, 30, 20, 31, 29, 40].map(told_at))).await;
    let by = |since: Option<Timestamp>, until: Option<Timestamp>| {
        found(store, Query { since, until, ..everything() })
    };
    assert_eq!(by(Some(micros(30)), None).await, [2, 4, 6]);
    assert_eq!(by(None, Some(micros(30))).await, [1, 3, 5]);
    assert_eq!(by(Some(micros(20)), Some(micros(31))).await, [2, 3, 5]);
    assert_eq!(by(Some(micros(30)), Some(micros(30))).await, NOTHING);
    assert_eq!(by(Some(micros(40)), Some(micros(20))).await, NOTHING);
    assert_eq!(by(Some(Timestamp::MIN), Some(Timestamp::MAX)).await.len(), 6);
    assert_eq!(by(Some(Timestamp::MAX), None).await, NOTHING);
    let newest = Query { since: Some(micros(29)), newest_first: true, limit: 3, ..everything() };
    assert_eq!(found(store, newest).await, [6, 5, 4]);
}

pub async fn filters_narrow_each_other(store: &dyn Store) {
    let kinds = ["rollout.started", "word.refused"];
    let scopes = ["shop/production", "shop-api/production", "shop", ""];
    let actors = ["person:ada", "system:conductor", "token:ci"];
    let all: Vec<Record> = (0..240_u8)
        .map(|number| Record {
            kind: kinds[usize::from(number) % 2].to_owned(),
            scope: scopes[usize::from(number / 2) % 4].to_owned(),
            actor: actors[usize::from(number) % 3].to_owned(),
            subject: process(number % 5).to_string(),
            ..record(i64::from(number))
        })
        .collect();
    commit(store, told(all.iter().cloned())).await;
    let choices = [false, true];
    for bits in 0..64_u8 {
        let has = |bit: u8| bits & (1 << bit) != 0;
        for newest_first in choices {
            let query = Query {
                subject: has(0).then(|| process(1)),
                scope: has(1).then(|| "shop".parse().expect("a scope")),
                kind: has(2).then(|| "rollout".to_owned()),
                actor: has(3).then(Actor::conductor),
                since: has(4).then(|| at(20)),
                until: has(4).then(|| at(230)),
                after: has(5).then_some(if newest_first { 200 } else { 40 }),
                newest_first,
                limit: usize::MAX,
            };
            let mut expected: Vec<u64> = (1..)
                .zip(&all)
                .filter(|(seq, record)| fits(*seq, record, &query))
                .map(|(seq, _)| seq)
                .collect();
            if newest_first {
                expected.reverse();
            }
            assert_eq!(found(store, query.clone()).await, expected, "{query:?}");
            let limit = expected.len().min(2);
            let first = Query { limit, ..query.clone() };
            assert_eq!(found(store, first).await, expected[..limit], "{query:?}");
        }
    }
}

/// The filters of the case above, said once more in other words.
fn fits(seq: u64, record: &Record, query: &Query) -> bool {
    let is_behind = |after| if query.newest_first { seq < after } else { seq > after };
    let time = Timestamp::from_microsecond(record.at).expect("a time of the suite");
    (query.subject.is_none() || record.subject == process(1).to_string())
        && (query.scope.is_none() || ["shop", "shop/production"].contains(&record.scope.as_str()))
        && (query.kind.is_none() || record.kind == "rollout.started")
        && (query.actor.is_none() || record.actor == "system:conductor")
        && (query.since.is_none() || (at(20)..at(230)).contains(&time))
        && query.after.is_none_or(is_behind)
}

pub async fn facts_come_in_both_orders_page_by_page(store: &dyn Store) {
    commit(store, told((1..=10).map(record))).await;
    for number in 11..=25 {
        commit(store, told([record(number)])).await;
    }
    let page = |after, newest_first| {
        found(store, Query { after, newest_first, limit: 10, ..Query::default() })
    };
    assert_eq!(page(None, false).await, (1..=10).collect::<Vec<_>>());
    assert_eq!(page(Some(10), false).await, (11..=20).collect::<Vec<_>>());
    assert_eq!(page(Some(20), false).await, (21..=25).collect::<Vec<_>>());
    assert_eq!(page(Some(25), false).await, NOTHING);
    assert_eq!(page(Some(u64::MAX), false).await, NOTHING);
    assert_eq!(page(None, true).await, (16..=25).rev().collect::<Vec<_>>());
    assert_eq!(page(Some(16), true).await, (6..=15).rev().collect::<Vec<_>>());
    assert_eq!(page(Some(6), true).await, (1..=5).rev().collect::<Vec<_>>());
    assert_eq!(page(Some(1), true).await, NOTHING);
    assert_eq!(page(Some(0), true).await, NOTHING);
    assert_eq!(page(Some(u64::MAX), true).await, (16..=25).rev().collect::<Vec<_>>());
    assert_eq!(found(store, Query::default()).await, NOTHING);
}

const NOTHING: [u64; 0] = [];

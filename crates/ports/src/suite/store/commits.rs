//! A commit is whole or not at all, and what it brought is there afterwards.

use jiff::Timestamp;
use model::intent::{Generation, Intent};
use model::journal::{Head, Record};

use super::given::{
    at, audit, change, claim, claimed, command, commit, due, everything, found, load, process,
    record, refused, refused_as_too_large, sealed, side_by_side, steer, survey, told, verified,
};
use crate::store::{
    Change, Claim, Claimed, Commit, CommitError, MAX_FACT, MAX_ITEMS, MAX_STATE, Open, Status,
    Store, Stored,
};

pub async fn a_new_process_is_kept(store: &dyn Store) {
    let wanted = steer("shop/production", 1);
    let new = Change {
        kind: "rollout".to_owned(),
        state: r#"{"V1":{}}"#.to_owned(),
        wake_at: Some(at(60)),
        slot: Some("rollout/shop/production".to_owned()),
        intents: vec![wanted.clone()],
        ..change(process(1), None)
    };
    let committed = commit(store, Commit { facts: vec![sealed(record(1))], ..new.into() }).await;
    assert_eq!(committed.version, 1);
    assert_eq!(committed.head, 1);
    assert_eq!(committed.generations, [Generation(1)]);
    let expected = Stored {
        id: process(1),
        kind: "rollout".to_owned(),
        version: 1,
        state: r#"{"V1":{}}"#.to_owned(),
        status: Status::Active,
        wake_at: Some(at(60)),
        slot: Some("rollout/shop/production".to_owned()),
        open: vec![Open { generation: Generation(1), intent: wanted }],
    };
    assert_eq!(load(store, process(1)).await, expected);
}

pub async fn a_process_is_kept_as_it_was_last_decided(store: &dyn Store) {
    commit(store, Change { wake_at: Some(at(60)), ..change(process(1), None) }).await;
    commit(store, change(process(2), None)).await;
    let second = commit(
        store,
        Change { state: "{}".to_owned(), status: Status::Parked, ..change(process(1), Some(1)) },
    )
    .await;
    assert_eq!(second.version, 2);
    let stored = load(store, process(1)).await;
    assert_eq!((stored.version, stored.state.as_str()), (2, "{}"));
    assert_eq!((stored.status, stored.wake_at), (Status::Parked, None));
    commit(store, Change { status: Status::Ended, ..change(process(1), Some(2)) }).await;
    assert_eq!(load(store, process(1)).await.status, Status::Ended);
    assert_eq!(load(store, process(2)).await.version, 1);
}

pub async fn nothing_is_known_of_what_was_never_committed(store: &dyn Store) {
    assert_eq!(store.load(process(1)).await.unwrap(), None);
    assert_eq!(store.reply_to(command(1)).await.unwrap(), None);
    assert_eq!(store.head().await.unwrap(), Head::default());
    assert_eq!(found(store, everything()).await, [0; 0]);
    assert_eq!(claimed(store, claim(100, 200)).await, Claimed::default());
    assert_eq!(audit(store, 100, 200).await, []);
}

pub async fn a_decision_on_an_old_version_is_refused(store: &dyn Store) {
    let is_conflict = |error: &CommitError| matches!(error, CommitError::Conflict);
    assert!(is_conflict(&refused(store, change(process(1), Some(1))).await));
    commit(store, change(process(1), None)).await;
    assert!(is_conflict(&refused(store, change(process(1), None)).await));
    commit(store, change(process(1), Some(1))).await;
    for expected in [None, Some(0), Some(1), Some(3)] {
        assert!(is_conflict(&refused(store, change(process(1), expected)).await));
    }
    assert_eq!(load(store, process(1)).await.version, 2);
}

pub async fn a_refused_commit_leaves_nothing(store: &dyn Store) {
    let slot = || Some("one".to_owned());
    let first =
        Change { slot: slot(), intents: vec![survey("shop/a")], ..change(process(1), None) };
    commit(store, Commit { facts: vec![sealed(record(1))], ..first.into() }).await;
    let before = load(store, process(1)).await;
    let head = store.head().await.unwrap();

    let intents = vec![survey("shop/a"), survey("shop/b")];
    let outdated = Change {
        intents: intents.clone(),
        slot: Some("two".to_owned()),
        ..change(process(1), None)
    };
    let slotless = Change { intents, slot: slot(), ..change(process(2), None) };
    for change in [outdated, slotless] {
        let with_facts = Commit {
            facts: vec![sealed(record(2)), sealed(record(3))],
            command: Some((command(1), "done".to_owned())),
            ..change.into()
        };
        refused(store, with_facts).await;
    }
    assert_eq!(load(store, process(1)).await, before);
    assert_eq!(store.load(process(2)).await.unwrap(), None);
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(verified(store).await, head);
    assert_eq!(store.reply_to(command(1)).await.unwrap(), None);
    let next = Change {
        intents: vec![survey("shop/a"), survey("shop/b")],
        slot: Some("two".to_owned()),
        ..change(process(3), None)
    };
    assert_eq!(commit(store, next).await.generations, [Generation(2), Generation(1)]);
}

pub async fn times_are_kept_to_the_microsecond(store: &dyn Store) {
    let times = [1_800_000_000_123_457, 0, -1, 253_402_200_000_000_001];
    for (number, micros) in (1..).zip(times) {
        let wake_at = Timestamp::from_microsecond(micros).ok();
        assert!(wake_at.is_some());
        commit(store, Change { wake_at, ..change(process(number), None) }).await;
        assert_eq!(load(store, process(number)).await.wake_at, wake_at);
    }
    let until = Timestamp::from_microsecond(1_800_000_000_123_457).unwrap();
    let of = Claim { now: until, ..claim(0, 100) };
    assert_eq!(due(store, of).await, [process(3), process(2), process(1)]);
}

pub async fn unusual_text_is_kept_as_it_is(store: &dyn Store) {
    let texts = [
        r#"{ "spaced" :  1.0, "spaced": 1 }"#,
        "{\"emoji\":\"\u{1f6e3}\u{fe0f}\",\"accent\":\"e\u{301} \u{e9}\",\"rtl\":\"\u{202e}x\"}",
        r#"{"nul":"\u0000","tab":"\t","quote":"\"'\\ $1 ?1 :a; --"}"#,
        "{\"line\":1,\r\n\"private\":\"\u{e000}\u{10ffff}\u{feff}\u{2028}\"}",
        "",
    ];
    for (number, text) in (1..).zip(texts) {
        let new = Change {
            kind: format!("test {text}"),
            state: text.to_owned(),
            slot: Some(format!("slot {text}")),
            ..change(process(number), None)
        };
        let fact = Record {
            actor: format!("person:{text}"),
            body: text.to_owned(),
            ..record(i64::from(number))
        };
        let said = command(number);
        let command = Some((said, text.to_owned()));
        commit(store, Commit { facts: vec![sealed(fact.clone())], command, ..new.clone().into() })
            .await;
        let stored = load(store, process(number)).await;
        assert_eq!((stored.kind, stored.state, stored.slot), (new.kind, new.state, new.slot));
        let entries = store.entries(everything()).await.unwrap();
        assert_eq!(entries.last().unwrap().record, fact);
        let reply = store.reply_to(said).await.unwrap();
        assert_eq!(reply.as_deref(), Some(text));
    }
    verified(store).await;
}

pub async fn what_is_above_the_limits_is_refused(store: &dyn Store) {
    let json = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let with_state = |bytes| Change { state: json(bytes), ..change(process(1), None) };
    let with_body = |bytes| told([Record { body: json(bytes), ..record(1) }]);
    refused_as_too_large(store, with_state(MAX_STATE + 1)).await;
    refused_as_too_large(store, with_body(MAX_FACT + 1)).await;
    refused_as_too_large(store, told((0..=MAX_ITEMS).map(|_| record(1)))).await;
    let intents: Vec<Intent> = (0..=MAX_ITEMS).map(|_| survey("shop/a")).collect();
    refused_as_too_large(store, Change { intents, ..change(process(1), None) }).await;

    commit(store, with_state(MAX_STATE)).await;
    assert_eq!(load(store, process(1)).await.state.len(), MAX_STATE);
    assert_eq!(commit(store, with_body(MAX_FACT)).await.head, 1);
    assert_eq!(commit(store, told((2..=1_000).map(record))).await.head, 1_000);
    assert_eq!(verified(store).await.seq, 1_000);
}

pub async fn commits_from_many_tasks_all_land(store: &dyn Store) {
    const TASKS: u8 = 64;
    const ROUNDS: u64 = 8;
    let task = |number: u8| async move {
        for round in 0..ROUNDS {
            let expected = (round > 0).then_some(round);
            let facts = vec![sealed(record(i64::from(number))); 1 + usize::from(number % 3)];
            let committed =
                commit(store, Commit { facts, ..change(process(number), expected).into() }).await;
            assert_eq!(committed.version, round + 1);
        }
    };
    side_by_side((0..TASKS).map(task)).await;
    let facts: u64 = (0..TASKS).map(|number| ROUNDS * u64::from(1 + number % 3)).sum();
    assert_eq!(verified(store).await.seq, facts);
    for number in 0..TASKS {
        assert_eq!(load(store, process(number)).await.version, ROUNDS);
    }
}

pub async fn of_many_decisions_on_one_version_one_lands(store: &dyn Store) {
    commit(store, change(process(1), None)).await;
    let decide = |number: i64| {
        let facts = vec![sealed(record(number))];
        store.commit(Commit { facts, ..change(process(1), Some(1)).into() })
    };
    let results = side_by_side((0..32).map(decide)).await;
    let landed = results.iter().filter(|result| result.is_ok()).count();
    let lost = results.iter().filter(|result| matches!(result, Err(CommitError::Conflict))).count();
    assert_eq!((landed, lost), (1, 31));
    assert_eq!(verified(store).await.seq, 1);
}

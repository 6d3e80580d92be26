//! What only one may have: a slot, and the first reply to a command.

use super::given::{change, command, commit, load, process, record, refused, sealed, verified};
use crate::store::{Change, Commit, CommitError, Status, Store};

const SLOT: &str = "rollout/shop/production";

pub async fn a_slot_is_held_by_one_unfinished_process(store: &dyn Store) {
    commit(store, in_slot(1, None, SLOT)).await;
    assert_taken(store, in_slot(2, None, SLOT), 1).await;
    commit(store, in_slot(2, None, "rollout/shop/staging")).await;
    assert_taken(store, in_slot(2, Some(1), SLOT), 1).await;
    commit(store, in_slot(1, Some(1), SLOT)).await;
    commit(store, Change { status: Status::Ended, ..in_slot(3, None, SLOT) }).await;
    assert_taken(store, in_slot(4, None, SLOT), 1).await;
    // Who decided on an old version is told that, whatever else is wrong.
    assert!(matches!(refused(store, in_slot(2, Some(7), SLOT)).await, CommitError::Conflict));
}

pub async fn a_slot_is_kept_while_parked_and_freed_at_the_end(store: &dyn Store) {
    commit(store, in_slot(1, None, SLOT)).await;
    commit(store, Change { status: Status::Parked, ..in_slot(1, Some(1), SLOT) }).await;
    assert_taken(store, in_slot(2, None, SLOT), 1).await;
    commit(store, in_slot(1, Some(2), SLOT)).await;
    commit(store, Change { status: Status::Ended, ..in_slot(1, Some(3), SLOT) }).await;
    assert_eq!(load(store, process(1)).await.slot.as_deref(), Some(SLOT));
    commit(store, in_slot(2, None, SLOT)).await;
    assert_taken(store, in_slot(3, None, SLOT), 2).await;
}

pub async fn a_slot_can_be_given_up_and_exchanged(store: &dyn Store) {
    commit(store, in_slot(1, None, SLOT)).await;
    commit(store, in_slot(1, Some(1), "another")).await;
    commit(store, in_slot(2, None, SLOT)).await;
    assert_taken(store, in_slot(3, None, "another"), 1).await;
    commit(store, change(process(1), Some(2))).await;
    commit(store, in_slot(3, None, "another")).await;
}

pub async fn an_ended_process_does_not_free_the_slot_of_another(store: &dyn Store) {
    let ended = |expected| Change { status: Status::Ended, ..in_slot(1, expected, SLOT) };
    commit(store, in_slot(1, None, SLOT)).await;
    commit(store, ended(Some(1))).await;
    commit(store, in_slot(2, None, SLOT)).await;
    // The answer to its last intent comes late.
    commit(store, ended(Some(2))).await;
    assert_taken(store, in_slot(3, None, SLOT), 2).await;
    assert_taken(store, in_slot(1, Some(3), SLOT), 2).await;
}

pub async fn a_repeated_command_gets_its_first_reply(store: &dyn Store) {
    let saying = |change: Change, reply: &str| Commit {
        facts: vec![sealed(record(1))],
        command: Some((command(1), reply.to_owned())),
        ..change.into()
    };
    commit(store, saying(change(process(1), None), "first")).await;
    assert_eq!(store.reply_to(command(1)).await.unwrap().as_deref(), Some("first"));
    let before = load(store, process(1)).await;
    // Also to whoever decided on an old version, for another process, or for none.
    let again = [
        saying(change(process(1), Some(1)), "second"),
        saying(change(process(1), None), "second"),
        saying(change(process(2), None), "second"),
        Commit { change: None, ..saying(change(process(1), None), "second") },
    ];
    for again in again {
        match refused(store, again).await {
            CommitError::Repeated { reply } => assert_eq!(reply, "first"),
            other => panic!("repeated, but refused because {other}"),
        }
    }
    assert_eq!(load(store, process(1)).await, before);
    assert_eq!(store.load(process(2)).await.unwrap(), None);
    assert_eq!(verified(store).await.seq, 1);
    assert_eq!(store.reply_to(command(1)).await.unwrap().as_deref(), Some("first"));
    assert_eq!(store.reply_to(command(2)).await.unwrap(), None);
}

pub async fn a_command_that_was_refused_can_be_said_again(store: &dyn Store) {
    let saying = |change: Change| Commit {
        command: Some((command(1), "taken".to_owned())),
        ..change.into()
    };
    refused(store, saying(change(process(1), Some(1)))).await;
    commit(store, saying(change(process(1), None))).await;
    assert_eq!(store.reply_to(command(1)).await.unwrap().as_deref(), Some("taken"));
}

fn in_slot(number: u8, expected: Option<u64>, slot: &str) -> Change {
    Change { slot: Some(slot.to_owned()), ..change(process(number), expected) }
}

async fn assert_taken(store: &dyn Store, change: Change, holder: u8) {
    let wanted = change.slot.clone();
    match refused(store, change).await {
        CommitError::SlotTaken { slot, by } => {
            assert_eq!((Some(slot), by), (wanted, process(holder)));
        }
        other => panic!("the slot is taken, but refused because {other}"),
    }
}

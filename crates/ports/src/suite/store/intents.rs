//! Intents: the newest for a target counts, until it has its answer and as long as it is upheld.

use model::id::AnyId;
use model::intent::{Generation, Intent, Target};

use super::given::{
    at, audit, change, claim, commit, due, load, open, process, run, steer, survey,
};
use crate::store::{Audit, Change, Settled, Status, Store};

pub async fn generations_grow_by_target(store: &dyn Store) {
    let both = vec![run("shop/a", 1, 2), steer("shop/a", 1)];
    let wanting =
        |number, expected, intents| Change { intents, ..change(process(number), expected) };
    let generations = commit(store, wanting(1, None, both.clone())).await.generations;
    assert_eq!(generations, [Generation(1), Generation(1)]);
    let generations =
        commit(store, wanting(1, Some(1), vec![steer("shop/a", 2)])).await.generations;
    assert_eq!(generations, [Generation(2)]);
    let others =
        vec![run("shop/a", 2, 1), steer("shop/a", 1), run("shop/b", 1, 1), run("shop/a", 1, 3)];
    let generations = commit(store, wanting(2, None, others)).await.generations;
    assert_eq!(generations, [Generation(1), Generation(3), Generation(1), Generation(2)]);
    let end = Change { status: Status::Ended, ..wanting(2, Some(1), Vec::new()) };
    commit(store, end).await;
    // Nor does the end of everybody who wanted something begin the counting anew.
    let twice = vec![steer("shop/a", 1), steer("shop/a", 2)];
    let generations = commit(store, wanting(3, None, twice)).await.generations;
    assert_eq!(generations, [Generation(4), Generation(5)]);
    assert_eq!(open(store, process(3)).await, [(5, steer("shop/a", 2))]);
}

pub async fn intents_without_an_answer_are_open(store: &dyn Store) {
    // In the order of targets, which is not that of their texts.
    let ordered = vec![
        run("a/x", 1, 1),
        run("a/x", 2, 0),
        run("a-b/x", 1, 1),
        steer("a/x", 1),
        steer("a/y", 1),
        steer("a-b/x", 1),
        survey("a/x"),
    ];
    let mut intents = ordered.clone();
    intents.reverse();
    commit(store, Change { intents, ..change(process(1), None) }).await;
    let expected: Vec<_> = ordered.into_iter().map(|intent| (1, intent)).collect();
    assert_eq!(open(store, process(1)).await, expected);
    // They stay open when others come and when nothing is said of them.
    let intents = vec![survey("a/w")];
    commit(store, Change { intents, ..change(process(1), Some(1)) }).await;
    assert_eq!(open(store, process(1)).await.len(), 8);
    commit(store, Change { status: Status::Ended, ..change(process(1), Some(2)) }).await;
    assert_eq!(open(store, process(1)).await.len(), 8);
}

pub async fn a_settled_intent_is_no_longer_open(store: &dyn Store) {
    let intents = vec![run("shop/a", 1, 2), steer("shop/a", 1), survey("shop/a")];
    commit(store, Change { intents, ..change(process(1), None) }).await;
    let first = vec![settled(&steer("shop/a", 1), 1, true), settled(&survey("shop/a"), 1, false)];
    commit(store, Change { settled: first, ..change(process(1), Some(1)) }).await;
    assert_eq!(open(store, process(1)).await, [(1, run("shop/a", 1, 2))]);
    // What is settled and wanted anew in one decision is open.
    let both = Change {
        settled: vec![settled(&run("shop/a", 1, 2), 1, true)],
        intents: vec![run("shop/a", 1, 5)],
        ..change(process(1), Some(2))
    };
    commit(store, both).await;
    assert_eq!(open(store, process(1)).await, [(2, run("shop/a", 1, 5))]);
    assert_eq!(standing(store).await, [(process(1), 1, steer("shop/a", 1))]);
}

pub async fn only_the_newest_generation_can_be_settled(store: &dyn Store) {
    let want = |release| vec![steer("shop/a", release)];
    commit(store, Change { intents: want(1), ..change(process(1), None) }).await;
    commit(store, Change { intents: want(2), ..change(process(1), Some(1)) }).await;
    let late = vec![settled(&steer("shop/a", 1), 1, true)];
    commit(store, Change { settled: late, ..change(process(1), Some(2)) }).await;
    assert_eq!(open(store, process(1)).await, [(2, steer("shop/a", 2))]);
    assert_eq!(standing(store).await, []);
    // What never was can be settled too: nothing comes of it.
    let unknown = vec![settled(&survey("moon/a"), 1, true)];
    commit(store, Change { settled: unknown, ..change(process(1), Some(3)) }).await;
    assert_eq!(standing(store).await, []);
    assert_eq!(open(store, process(1)).await.len(), 1);
}

pub async fn a_newer_intent_takes_the_place_of_an_older_one(store: &dyn Store) {
    let want = |intents: &[Intent]| intents.to_vec();
    let both = want(&[steer("shop/a", 1), run("shop/a", 1, 1)]);
    commit(store, Change { intents: both, ..change(process(1), None) }).await;
    let own = want(&[steer("shop/a", 2)]);
    commit(store, Change { intents: own, ..change(process(1), Some(1)) }).await;
    assert_eq!(open(store, process(1)).await, [(1, run("shop/a", 1, 1)), (2, steer("shop/a", 2))]);
    let foreign = want(&[steer("shop/a", 3)]);
    commit(store, Change { intents: foreign, ..change(process(2), None) }).await;
    assert_eq!(open(store, process(1)).await, [(1, run("shop/a", 1, 1))]);
    assert_eq!(open(store, process(2)).await, [(3, steer("shop/a", 3))]);
    assert_eq!(load(store, process(1)).await.version, 2);
    // Its old answer comes late, and touches neither.
    let late = vec![settled(&steer("shop/a", 2), 2, true)];
    commit(store, Change { settled: late, ..change(process(1), Some(2)) }).await;
    assert_eq!(open(store, process(2)).await, [(3, steer("shop/a", 3))]);
    let answered = vec![settled(&steer("shop/a", 3), 3, true)];
    commit(store, Change { settled: answered, ..change(process(2), Some(1)) }).await;
    assert_eq!(standing(store).await, [(process(2), 3, steer("shop/a", 3))]);
    // What stood is not upheld while something newer is on its way.
    let newest = want(&[steer("shop/a", 4)]);
    commit(store, Change { intents: newest, ..change(process(1), Some(3)) }).await;
    assert_eq!(standing(store).await, []);
}

pub async fn a_process_that_lost_its_last_open_intent_is_due_by_its_own_time(store: &dyn Store) {
    let wanting = |number, wake_at: Option<i64>, status| Change {
        intents: vec![steer(&format!("shop/a{number}"), number)],
        wake_at: wake_at.map(at),
        status,
        ..change(process(number), None)
    };
    commit(store, wanting(1, None, Status::Active)).await;
    commit(store, wanting(2, Some(5), Status::Active)).await;
    commit(store, wanting(3, Some(60), Status::Active)).await;
    commit(store, wanting(4, Some(5), Status::Ended)).await;
    let over: Vec<_> = (1..=4).map(|number| steer(&format!("shop/a{number}"), 9)).collect();
    let parked = Change { status: Status::Parked, intents: over, ..change(process(5), None) };
    commit(store, parked).await;
    // Whoever holds a process keeps it, and knows its time.
    assert_eq!(due(store, claim(14, 14)).await, [0; 0].map(process));
    assert_eq!(due(store, claim(59, 1_000)).await, [process(2)]);
    assert_eq!(due(store, claim(999, 1_000)).await, [process(3)]);
}

pub async fn what_is_upheld_is_audited(store: &dyn Store) {
    let intents =
        vec![run("shop/a", 1, 2), run("shop/a", 2, 0), steer("shop/a", 1), survey("shop/a")];
    let answers = vec![
        settled(&run("shop/a", 1, 2), 1, true),
        settled(&run("shop/a", 2, 0), 1, false),
        settled(&steer("shop/a", 1), 1, true),
        settled(&survey("shop/a"), 1, false),
    ];
    commit(store, Change { intents, ..change(process(1), None) }).await;
    assert_eq!(audit(store, 1_000, 0).await, []);
    // Upheld is upheld, whatever becomes of the process that wanted it.
    let ended = Change {
        settled: answers,
        status: Status::Ended,
        now: at(10),
        ..change(process(1), Some(1))
    };
    commit(store, ended).await;
    assert_eq!(audit(store, 10, 20).await, []);
    let found = audit(store, 11, 20).await;
    let names = found.into_iter().map(|found| (found.process, found.generation.0, found.intent));
    let expected = [(process(1), 1, run("shop/a", 1, 2)), (process(1), 1, steer("shop/a", 1))];
    assert_eq!(names.collect::<Vec<_>>(), expected);
    // They were compared then, and are not handed out before that is long ago.
    assert_eq!(audit(store, 20, 30).await, []);
    assert_eq!(audit(store, 21, 30).await.len(), 2);
}

pub async fn an_audit_takes_the_longest_unseen_first(store: &dyn Store) {
    for (number, settled_at) in [(1, 30), (2, 10), (3, 20)] {
        let want = steer(&format!("shop/a{number}"), number);
        let intents = vec![want.clone()];
        commit(store, Change { intents, ..change(process(number), None) }).await;
        let settled = vec![settled(&want, 1, true)];
        let now = at(settled_at);
        commit(store, Change { settled, now, ..change(process(number), Some(1)) }).await;
    }
    let audit = |now, limit| async move {
        let audit = Audit { not_since: at(100), now: at(now), limit };
        let found = store.audit(audit).await.unwrap();
        found.into_iter().map(|standing| standing.process).collect::<Vec<_>>()
    };
    assert_eq!(audit(50, 2).await, [process(2), process(3)]);
    assert_eq!(audit(60, 1).await, [process(1)]);
    assert_eq!(audit(70, 0).await, [0; 0].map(process));
    assert_eq!(audit(100, 9).await.len(), 3);
    assert_eq!(audit(100, 9).await, [0; 0].map(process));
}

pub async fn a_raise_lifts_the_newest_generation_only(store: &dyn Store) {
    let target = steer("shop/a", 1).target();
    let raise = |from, above| store.raise(target.clone(), Generation(from), Generation(above));
    assert_eq!(raise(1, 5).await.unwrap(), None);
    let wanting =
        |expected| Change { intents: vec![steer("shop/a", 1)], ..change(process(1), expected) };
    commit(store, wanting(None)).await;
    commit(store, wanting(Some(1))).await;
    for wrong in [0, 1, 3] {
        assert_eq!(raise(wrong, 9).await.unwrap(), None);
    }
    assert_eq!(raise(2, 7).await.unwrap(), Some(Generation(8)));
    assert_eq!(raise(2, 7).await.unwrap(), None);
    // Never back, whatever is asked for.
    assert_eq!(raise(8, 3).await.unwrap(), Some(Generation(9)));
    assert_eq!(raise(9, 9).await.unwrap(), Some(Generation(10)));
    assert_eq!(commit(store, wanting(Some(2))).await.generations, [Generation(11)]);
}

pub async fn a_raise_shows_in_what_is_open_and_what_stands(store: &dyn Store) {
    let want = steer("shop/a", 1);
    let raise = |from, above| store.raise(want.target(), Generation(from), Generation(above));
    commit(store, Change { intents: vec![want.clone()], ..change(process(1), None) }).await;
    raise(1, 5).await.unwrap();
    assert_eq!(open(store, process(1)).await, [(6, want.clone())]);
    assert_eq!(load(store, process(1)).await.version, 1);
    // The answer to the generation before says nothing of the new one.
    let late = vec![settled(&want, 1, true)];
    commit(store, Change { settled: late, ..change(process(1), Some(1)) }).await;
    assert_eq!(open(store, process(1)).await, [(6, want.clone())]);
    let answered = vec![settled(&want, 6, true)];
    commit(store, Change { settled: answered, ..change(process(1), Some(2)) }).await;
    assert_eq!(open(store, process(1)).await, []);
    raise(6, 6).await.unwrap();
    assert_eq!(standing(store).await, [(process(1), 7, want.clone())]);
    assert_eq!(open(store, process(1)).await, []);
}

fn settled(intent: &Intent, generation: u64, upheld: bool) -> Settled {
    let target: Target = intent.target();
    Settled { target, generation: Generation(generation), upheld }
}

/// What is upheld now, without a mark that it was looked at.
async fn standing(store: &dyn Store) -> Vec<(AnyId, u64, Intent)> {
    let found = audit(store, 1_000, 0).await;
    found.into_iter().map(|found| (found.process, found.generation.0, found.intent)).collect()
}

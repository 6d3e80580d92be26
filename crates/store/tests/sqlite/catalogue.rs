//! Whatever is asked of the journal, the catalogue and what it does not have yet give all of it.

use model::fact::Actor;
use model::journal::{Record, Sealed};
use ports::store::{Commit, Query, Store};
use rusqlite::Connection;

use crate::{Fresh, at, fact, process};

/// More than two strides of the catalogue, and some that wait for the next.
const FACTS: i64 = 2_600;

#[tokio::test]
async fn facts_are_found_in_the_catalogue_and_behind_its_end() {
    let store = Fresh::new();
    let records: Vec<_> = (0..FACTS).map(record).collect();
    for records in records.chunks(130) {
        let sealed = |record: &Record| Sealed { digest: record.digest(), record: record.clone() };
        let facts = records.iter().map(sealed).collect();
        store.commit(Commit { facts, ..Commit::default() }).await.unwrap();
    }
    let behind = behind_the_end(&store);
    assert!((1..1_000).contains(&behind), "{behind}");

    let spans = [
        (None, None),
        (Some(250), None),
        (None, Some(1_250)),
        (Some(400), Some(700)),
        (Some(2_500), None),
    ];
    for query in queries() {
        for (since, until) in spans.map(|(since, until)| (since.map(at), until.map(at))) {
            let query = Query { since, until, ..query.clone() };
            let fitting = (1..).zip(&records).filter(|(_, record)| fits(&query, record));
            let mut expected: Vec<u64> = fitting.map(|(seq, _)| seq).collect();
            for newest_first in [false, true] {
                for limit in [usize::MAX, 5, 0] {
                    let query = Query { newest_first, limit, ..query.clone() };
                    let found = store.entries(query.clone()).await.unwrap();
                    let found: Vec<_> = found.iter().map(|entry| entry.seq).collect();
                    assert_eq!(found, expected[..limit.min(expected.len())], "{query:?}");
                }
                expected.reverse();
            }
        }
    }
}

/// Every combination of words turns up, and in the middle the clock was set back.
fn record(number: i64) -> Record {
    let kinds = ["rollout.started", "rollout.ended", "word.refused"];
    let actors = ["system:conductor", "person:ada", "system:conductor", "token:ci"];
    let scopes = ["shop/production", "shop/staging", "shop", "till/production", ""];
    let pick = usize::try_from(number).unwrap();
    let second = if (1_300..1_900).contains(&number) { number - 1_000 } else { number };
    Record {
        at: at(second).as_microsecond(),
        kind: kinds[pick % kinds.len()].to_owned(),
        actor: actors[pick % actors.len()].to_owned(),
        scope: scopes[pick % scopes.len()].to_owned(),
        subject: process(u8::try_from(number % 7).unwrap()).to_string(),
        ..fact(0).record
    }
}

fn queries() -> [Query; 10] {
    let all = Query::default;
    [
        all(),
        Query { subject: Some(process(3)), ..all() },
        Query { subject: Some(process(9)), ..all() },
        Query { scope: Some("shop/staging".parse().unwrap()), ..all() },
        Query { scope: Some("shop".parse().unwrap()), ..all() },
        Query { kind: Some("rollout".to_owned()), ..all() },
        Query { kind: Some("word.refused".to_owned()), ..all() },
        Query { actor: Some("token:ci".parse().unwrap()), ..all() },
        Query { actor: Some(Actor::conductor()), ..all() },
        Query {
            kind: Some("rollout".to_owned()),
            actor: Some("person:ada".parse().unwrap()),
            ..all()
        },
    ]
}

fn fits(query: &Query, record: &Record) -> bool {
    let is_under = |text: &str, found: &str, border| {
        found.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(border))
    };
    query.subject.is_none_or(|subject| record.subject == subject.to_string())
        && query.scope.as_ref().is_none_or(|scope| is_under(&scope.to_string(), &record.scope, '/'))
        && query.kind.as_ref().is_none_or(|kind| is_under(kind, &record.kind, '.'))
        && query.actor.as_ref().is_none_or(|actor| record.actor == actor.to_string())
        && query.since.is_none_or(|since| record.at >= since.as_microsecond())
        && query.until.is_none_or(|until| record.at < until.as_microsecond())
}

fn behind_the_end(store: &Fresh) -> i64 {
    let connection = Connection::open(store.folder.path().join("highroad.db")).unwrap();
    let sql = "SELECT count(*) FROM facts WHERE seq > (SELECT max(last) FROM strides)";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

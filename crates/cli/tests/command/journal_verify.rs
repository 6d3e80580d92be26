//! `highroad journal verify`: a sound journal, and every way to tamper with one.

use model::journal::{Head, Record};
use rusqlite::Connection;

use crate::Ran;
use crate::journal::Recorded;

/// A journal that was edited by somebody who knows SQL.
fn edited(sql: &str) -> Recorded {
    let recorded = Recorded::numbered(20);
    Connection::open(recorded.path()).unwrap().execute_batch(sql).unwrap();
    recorded
}

/// A journal that was edited by somebody who knows how the links are made, too.
fn written_anew(sql: &str) -> Recorded {
    let recorded = edited(sql);
    let connection = Connection::open(recorded.path()).unwrap();
    let mut select = connection.prepare("SELECT * FROM facts ORDER BY seq").unwrap();
    let read = |row: &rusqlite::Row<'_>| {
        let record = Record {
            at: row.get("at")?,
            schema: row.get("schema")?,
            kind: row.get("kind")?,
            actor: row.get("actor")?,
            cause: row.get("cause")?,
            subject: row.get("subject")?,
            scope: row.get("scope")?,
            body: row.get("body")?,
        };
        Ok(record)
    };
    let records: Result<Vec<_>, _> = select.query_map([], read).unwrap().collect();
    let mut head = Head::default();
    for record in records.unwrap() {
        head = head.after(record.digest());
        let values = (&head.link.0[..], head.seq.cast_signed());
        connection.execute("UPDATE facts SET link = ?1 WHERE seq = ?2", values).unwrap();
    }
    let values = (&head.link.0[..], head.seq.cast_signed());
    connection.execute("UPDATE journal_head SET link = ?1, seq = ?2", values).unwrap();
    recorded
}

const SMALL_EDIT: &str = "UPDATE facts SET body = replace(body, 'over', 'fine') WHERE seq = 7";

fn told(ran: &Ran) -> String {
    format!("{}{}exit {}\n", ran.out, ran.err, ran.code.unwrap())
}

#[test]
fn a_sound_journal() {
    let recorded = Recorded::numbered(2_500);
    let ran = recorded.run("journal verify");
    insta::assert_snapshot!(told(&ran));
    let again = recorded.command("journal verify --expect").arg(&ran.out).output().unwrap();
    assert_eq!(Ran::from(again).code, Some(0), "what is printed is what can be expected");

    let one = Recorded::numbered(1).run("journal verify");
    assert!(one.out.starts_with("1 fact verifies; the head is 1:"), "{}", one.out);
    let none = Recorded::numbered(0).run("journal verify");
    let zeros = "0".repeat(64);
    assert_eq!(none.out, format!("0 facts verify; the head is 0:{zeros}\n"));
    assert_eq!((none.code, none.err.as_str()), (Some(0), ""), "there is nothing to keep");
}

#[test]
fn each_way_to_tamper() {
    let edits = [
        SMALL_EDIT,
        "UPDATE facts SET link = zeroblob(32) WHERE seq = 1",
        "DELETE FROM facts WHERE seq = 7",
        "DELETE FROM facts WHERE seq BETWEEN 2 AND 4; \
         UPDATE facts SET seq = seq - 3 WHERE seq > 4",
        "UPDATE facts SET seq = 99 WHERE seq = 7; UPDATE facts SET seq = 7 WHERE seq = 12; \
         UPDATE facts SET seq = 12 WHERE seq = 99",
        "DELETE FROM facts WHERE seq > 17",
        "DELETE FROM facts",
        "UPDATE journal_head SET seq = 17, link = (SELECT link FROM facts WHERE seq = 17)",
        "UPDATE journal_head SET link = zeroblob(32)",
        "INSERT INTO facts SELECT 0, at, schema, kind, actor, cause, subject, scope, link, body \
         FROM facts WHERE seq = 1",
    ];
    let told = edits.map(|sql| {
        let ran = edited(sql).run("journal verify");
        assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{sql}");
        format!("{sql}\n  {}", ran.out.replace('\n', "\n  "))
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_journal_that_was_written_anew() {
    let head = Recorded::numbered(20).run("journal verify").out;
    let head = head.trim_end().rsplit(' ').next().unwrap();
    for (sql, said) in [
        (SMALL_EDIT, "fact 20 has the link"),
        ("DELETE FROM facts WHERE seq > 17", "the journal ends at fact 17, expected was fact 20"),
        ("DELETE FROM facts", "the journal ends at fact 0, expected was fact 20"),
    ] {
        let recorded = written_anew(sql);
        assert_eq!(recorded.run("journal verify").code, Some(0), "by itself it looks sound");
        let ran = recorded.run(&format!("journal verify --expect {head}"));
        assert_eq!(ran.code, Some(1), "{sql}");
        assert!(ran.out.starts_with(said), "{}", ran.out);
    }
    let sound = written_anew("");
    sound.record(vec![(&crate::journal::numbered(21)).into()]);
    let ran = sound.run(&format!("journal verify --expect {head}"));
    assert_eq!(ran.code, Some(0), "it may go on behind the head: {}", ran.out);
}

#[test]
fn verdicts_for_programs() {
    let ran = Recorded::numbered(20).run("journal --json verify");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let report = ran.json();
    assert_eq!((&report["verified"], &report["head"]["seq"]), (&true.into(), &20.into()));
    assert!(report["finding"].is_null() && report["expected"].is_null());

    let ran = edited(SMALL_EDIT).run("journal verify --json");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    assert_eq!(
        ran.out,
        "{\"verified\":false,\"head\":null,\"expected\":null,\"finding\":{\"kind\":\"changed\",\
         \"seq\":7,\"message\":\"fact 7 (word.refused) was changed after it was written\"}}\n"
    );
}

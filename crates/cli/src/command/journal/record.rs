//! A fact as programs read it: every field that is sealed, and the link that seals them.

use std::fmt::Write as _;

use jiff::Timestamp;
use model::journal::{Entry, Record};
use serde::Serialize;
use serde_json::value::RawValue;

pub(super) fn machine(entry: &Entry) -> impl Serialize {
    let Record { at, schema, kind, actor, cause, subject, scope, body } = &entry.record;
    let at = Timestamp::from_microsecond(*at);
    Machine {
        seq: entry.seq,
        at: at.map_or(Time::Beyond(entry.record.at), |at| Time::Text(format!("{at:.6}"))),
        schema: *schema,
        kind,
        actor,
        cause,
        subject,
        scope,
        body: json(body).map_or(Body::Text(body), Body::Json),
        link: hex(&entry.link),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("texts take all");
    }
    text
}

#[derive(Serialize)]
struct Machine<'a> {
    seq: u64,
    at: Time,
    schema: i64,
    kind: &'a str,
    actor: &'a str,
    cause: &'a str,
    subject: &'a str,
    scope: &'a str,
    body: Body<'a>,
    link: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Time {
    Text(String),
    /// Microseconds that are no time of any calendar: somebody has been at the database.
    Beyond(i64),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(Box<RawValue>),
    /// Not JSON, so nothing that Highroad wrote.
    Text(&'a str),
}

/// The body byte by byte as it is sealed. Line breaks stand only between its tokens, and would
/// end the object's line.
fn json(body: &str) -> Option<Box<RawValue>> {
    serde_json::from_str::<&RawValue>(body).ok()?;
    RawValue::from_string(body.replace(['\n', '\r'], " ")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str, at: i64) -> String {
        let record = Record {
            at,
            schema: 1,
            kind: "moon.landed".to_owned(),
            actor: "person:ada".to_owned(),
            cause: "wake".to_owned(),
            subject: "rol_01hf7yat00e1gr3ge1r70w3g70".to_owned(),
            scope: "shop".to_owned(),
            body: body.to_owned(),
        };
        let entry = Entry { seq: 7, record, link: vec![0, 255] };
        serde_json::to_string(&machine(&entry)).unwrap()
    }

    #[test]
    fn every_field_in_its_own_form() {
        assert_eq!(
            told(r#"{"b":1.0,"a":"x"}"#, 1_700_000_000_500_000),
            r#"{"seq":7,"at":"2023-11-14T22:13:20.500000Z","schema":1,"kind":"moon.landed","actor":"person:ada","cause":"wake","subject":"rol_01hf7yat00e1gr3ge1r70w3g70","scope":"shop","body":{"b":1.0,"a":"x"},"link":"00ff"}"#
        );
    }

    #[test]
    fn whatever_a_database_holds_is_one_line_of_json() {
        for body in ["", "{", "{\"a\":\n1,\r\n\"b\":[]}", "\"a\nb\"", "1 2", "\u{1b}[2J", "null"] {
            for at in [0, i64::MAX, i64::MIN] {
                let line = told(body, at);
                assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line}");
                let read: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert_eq!(read["body"].is_string(), is_text(body), "{line}");
            }
        }
    }

    fn is_text(body: &str) -> bool {
        serde_json::from_str::<serde_json::Value>(body).is_err()
    }
}

//! The page: a world's journal as a diary that a person can read.

use std::fmt::Write;

use jiff::SignedDuration;
use model::fact::What;
use model::id::AnyId;
use model::intent::Weight;
use model::journal::{Break, Entry, Head, Verifier};

use crate::world::BEGINNING;

/// One line of the diary for each fact, with the traffic drawn where it moves. What has a name is
/// told by it: releases by their versions, and runs where there are several.
pub fn diary(entries: &[Entry], names: &[(AnyId, String)]) -> String {
    let mut page = String::new();
    let mut day = None;
    for entry in entries {
        let Ok(fact) = entry.record.read() else {
            writeln!(page, "     fact {} cannot be read", entry.seq).expect("texts take all");
            continue;
        };
        let since = fact.at.duration_since(BEGINNING);
        let today = since.as_hours() / 24 + 1;
        let label = if day == Some(today) { String::new() } else { format!("day {today}") };
        day = Some(today);
        let subject = names.iter().find(|(id, _)| *id == fact.subject);
        let subject = subject.map(|(_, name)| format!("{name}: ")).unwrap_or_default();
        let mut sentence = fact.what.sentence();
        for (id, name) in names {
            sentence = sentence.replace(&id.to_string(), name);
        }
        let line = format!(
            "{label:<6} {}  {:<16} {subject}{sentence}",
            clock_face(since),
            fact.actor.to_string()
        );
        page.push_str(line.trim_end());
        page.push('\n');
        if let What::RolloutShifted(shifted) = &fact.what {
            writeln!(page, "{:34}{}", "", road(shifted.weight)).expect("texts take all");
        }
    }
    page
}

/// Walks the whole chain, as `highroad journal verify` does.
pub fn verify(entries: Vec<Entry>, head: Head) -> Result<Head, Break> {
    let mut verifier = Verifier::default();
    for entry in entries {
        if !verifier.feed(entry) {
            break;
        }
    }
    verifier.finish(head)
}

/// How long after the world's beginning, without the days.
fn clock_face(since: SignedDuration) -> String {
    let seconds = since.as_secs() % 86_400;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

/// Two lanes in one: the old release's share light, the new one's dark.
fn road(weight: Weight) -> String {
    let dark = usize::from(weight.hundredths()).div_ceil(250);
    format!("{}{} {weight}", "\u{2588}".repeat(dark), "\u{2591}".repeat(40 - dark))
}

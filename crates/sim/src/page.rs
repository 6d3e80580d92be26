//! The page: a world's journal as a diary that a person can read.

use std::fmt::Write;

use jiff::SignedDuration;
use model::fact::What;
use model::intent::Weight;
use model::journal::{Break, Entry, Head, Verifier};
use model::rollout::Release;

use crate::world::BEGINNING;

/// One line of the diary for each fact, with the traffic drawn where it moves.
pub fn diary(entries: &[Entry], releases: &[Release]) -> String {
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
        let mut sentence = fact.what.sentence();
        for release in releases {
            sentence = sentence.replace(&release.id.to_string(), &release.version);
        }
        let line =
            format!("{label:<6} {}  {:<16} {sentence}", clock_face(since), fact.actor.to_string());
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

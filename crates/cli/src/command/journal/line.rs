//! A fact as people read it: when, its number, who, where, and a sentence with the sign of its state.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use model::fact::{RolloutEnded, RunEnded, RunJobEnded, What};
use model::journal::{Entry, Record};
use model::pipeline::Conclusion;
use model::rollout::Verdict;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::sign::Sign;
use crate::terminal::Paint;

/// Sets facts as lines. Its columns grow with what is shown and never shrink.
pub(super) struct Lines {
    zone: TimeZone,
    /// Of the terminal. Where there is none, nothing is folded or cut.
    width: Option<usize>,
    paint: Paint,
    seq: usize,
    actor: usize,
    place: usize,
}

/// Longer names do not push everybody else's sentences aside.
const WIDEST_ACTOR: usize = 24;
const WIDEST_PLACE: usize = 24;
/// A sentence with less room than this goes below, under this indentation.
const NARROWEST: usize = 36;
const BELOW: usize = 4;
/// A fact that says more than fits into these is cut on a terminal.
const MOST_LINES: usize = 4;

impl Lines {
    pub(super) fn new(zone: TimeZone, width: Option<usize>, paint: Paint) -> Self {
        Self { zone, width, paint, seq: 0, actor: 0, place: 0 }
    }

    pub(super) fn make_room(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.seq = self.seq.max(entry.seq.to_string().len());
            self.actor = self.actor.max(entry.record.actor.width().min(WIDEST_ACTOR));
            self.place = self.place.max(place(&entry.record).width().min(WIDEST_PLACE));
        }
    }

    /// With its line break.
    pub(super) fn of(&self, entry: &Entry) -> String {
        let told = Told::of(&entry.record);
        let time = self.time(entry.record.at);
        let seq = format!("{:>width$}", entry.seq, width = self.seq);
        let actor = padded(&visible(&entry.record.actor), self.actor);
        let place = visible(place(&entry.record));
        let faint = |text: &str| self.paint.faint(text);
        let before = format!("{}  {}  {actor}  ", faint(&time), faint(&seq));
        let indent =
            time.width() + seq.len() + actor.width() + 6 + place.width().max(self.place) + 2;
        let room = self.width.map(|width| width.saturating_sub(indent + Sign::WIDTH));
        if room.is_some_and(|room| room < NARROWEST) {
            let room = self.width.map(|width| width.saturating_sub(BELOW + Sign::WIDTH));
            return format!(
                "{before}{place}\n{:BELOW$}{}\n",
                "",
                self.sentence(&told, room, BELOW)
            );
        }
        let place = padded(&place, self.place);
        format!("{before}{place}  {}\n", self.sentence(&told, room, indent))
    }

    /// To the second, in the reader's own zone.
    fn time(&self, at: i64) -> String {
        match Timestamp::from_microsecond(at) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => format!("{:19}", "beyond the calendar"),
        }
    }

    fn sentence(&self, told: &Told, room: Option<usize>, indent: usize) -> String {
        let mut lines = match room {
            Some(room) => folded(&told.sentence, room),
            None => vec![told.sentence.clone()],
        };
        // The sign's word stands at the sentence's beginning, up to its first pause.
        let word = told.sentence.find([':', ';']).unwrap_or(told.sentence.len());
        if let (Some(sign), Some(first)) = (told.sign, lines.first_mut())
            && sign.is_loud()
            && word <= first.len()
        {
            *first = format!("{}{}", self.paint.sign(sign, &first[..word]), &first[word..]);
        }
        let sign = told.sign.map_or(" ".to_owned(), |it| self.paint.sign(it, it.shape()));
        let gap = format!("\n{:width$}", "", width = indent + Sign::WIDTH);
        format!("{sign} {}", lines.join(&gap))
    }
}

/// What a fact says, and the state that it speaks of.
struct Told {
    sign: Option<Sign>,
    sentence: String,
}

impl Told {
    fn of(record: &Record) -> Self {
        match record.read() {
            Ok(fact) => Self { sign: sign(&fact.what), sentence: visible(&fact.what.sentence()) },
            // Whoever reads with an older version is to see at least what is there.
            Err(_) => Self {
                sign: Some(Sign::Unknown),
                sentence: visible(&format!("{} {}", record.kind, record.body)),
            },
        }
    }
}

fn sign(what: &What) -> Option<Sign> {
    Some(match what {
        What::RolloutStarted(_)
        | What::RolloutShifted(_)
        | What::RolloutStepPassed(_)
        | What::RolloutResumed(_)
        | What::RolloutHastened(_)
        | What::RunStarted(_)
        | What::RunJobOrdered(_)
        | What::RunApproved(_)
        | What::ProcessUnparked(_) => Sign::Moving,
        What::RunJobEnded(RunJobEnded { conclusion, .. })
        | What::RunEnded(RunEnded { conclusion, .. }) => match conclusion {
            Conclusion::Success => Sign::Well,
            Conclusion::Failure => Sign::Stopped,
            Conclusion::Cancelled => Sign::Waiting,
            Conclusion::Skipped => return None,
        },
        What::RolloutEnded(RolloutEnded { verdict: Verdict::Promoted, .. })
        | What::DriftMended(_) => Sign::Well,
        What::RolloutEnded(_) | What::RolloutRetreating(_) | What::RunRejected(_) => Sign::Stopped,
        What::RolloutPaused(_)
        | What::RolloutWaiting(_)
        | What::RunHeld(_)
        | What::RunQueued(_)
        | What::RunDisplaced(_)
        | What::RunCancelling(_)
        | What::RolloutHindered(_)
        | What::ProcessParked(_)
        | What::DriftFound(_) => Sign::Waiting,
        What::RolloutUnsure(_) | What::RunUnsure(_) => Sign::Unknown,
        What::SecretSet(_)
        | What::SecretRemoved(_)
        | What::VaultRekeyed(_)
        | What::WordRefused(_) => return None,
    })
}

/// The service and environment; what is about everything has only its subject.
fn place(record: &Record) -> &str {
    if record.scope.is_empty() { &record.subject } else { &record.scope }
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{:gap$}", "", gap = width.saturating_sub(text.width()))
}

/// One line, in which nothing steers the terminal or turns the direction of reading.
fn visible(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let visible = text.chars().map(|c| match c {
        '\n' | '\t' => ' ',
        c if steers(c) => '\u{fffd}',
        c => c,
    });
    visible.collect()
}

/// Folds at spaces, and inside of words that are wider than a line. What does not fit into a few
/// lines ends with an ellipsis.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is always a line");
        if column > 0 && column + 1 + word.width() <= width {
            last.push(' ');
            column += 1;
        } else if column > 0 {
            lines.push(String::new());
            column = 0;
        }
        for c in word.chars() {
            let wide = c.width().unwrap_or(0);
            if column + wide > width && column > 0 {
                lines.push(String::new());
                column = 0;
            }
            lines.last_mut().expect("there is always a line").push(c);
            column += wide;
        }
        if lines.len() > MOST_LINES {
            return cut(lines, width);
        }
    }
    lines
}

fn cut(mut lines: Vec<String>, width: usize) -> Vec<String> {
    lines.truncate(MOST_LINES);
    let last = lines.last_mut().expect("more lines than fit are some lines");
    while last.width() >= width && last.pop().is_some() {}
    last.push('\u{2026}');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, actor: &str, scope: &str, why: &str) -> Entry {
        let record = Record {
            at: 1_700_000_000_000_000,
            schema: 1,
            kind: "process.parked".to_owned(),
            actor: actor.to_owned(),
            cause: "fault".to_owned(),
            subject: "rol_01hf7yat00e1gr3ge1r70w3g70".to_owned(),
            scope: scope.to_owned(),
            body: serde_json::json!({ "why": why }).to_string(),
        };
        Entry { seq, record, link: Vec::new() }
    }

    fn set(entry: &Entry, width: Option<usize>, paint: Paint) -> String {
        let mut lines = Lines::new(TimeZone::UTC, width, paint);
        lines.make_room(std::slice::from_ref(entry));
        lines.of(entry)
    }

    #[test]
    fn a_wide_terminal_has_room_beside_the_columns() {
        let entry =
            entry(7, "person:ada", "shop/staging", "one two three four five six seven eight");
        assert_eq!(
            set(&entry, Some(92), Paint::PLAIN),
            "2023-11-14 22:13:20  7  person:ada  shop/staging  ◆ set aside: one two three four five six\n\
             \x20                                                   seven eight\n"
        );
    }

    #[test]
    fn a_narrow_one_has_room_below() {
        let entry = entry(7, "person:ada", "", "one two three four five six seven eight");
        assert_eq!(
            set(&entry, Some(40), Paint::PLAIN),
            "2023-11-14 22:13:20  7  person:ada  rol_01hf7yat00e1gr3ge1r70w3g70\n    \
             ◆ set aside: one two three four five\n      six seven eight\n"
        );
    }

    #[test]
    fn much_is_cut_on_a_terminal_and_whole_in_a_pipe() {
        let why = "日本".repeat(300);
        let entry = entry(7, "person:ada", "shop", &why);
        let told = set(&entry, Some(100), Paint::PLAIN);
        assert_eq!(told.lines().count(), MOST_LINES);
        assert!(told.ends_with("…\n") && told.lines().all(|line| line.width() <= 100), "{told}");
        let told = set(&entry, None, Paint::PLAIN);
        assert!(told.ends_with(&format!("set aside: {why}\n")), "{told}");
    }

    #[test]
    fn a_state_has_shape_colour_and_word() {
        let told = set(&entry(7, "person:ada", "shop", "why"), None, Paint::COLORED);
        assert!(
            told.ends_with("\u{1b}[33m◆\u{1b}[0m \u{1b}[33mset aside\u{1b}[0m: why\n"),
            "{told:?}"
        );
    }

    #[test]
    fn whatever_a_database_holds_is_one_calm_line() {
        let mut entry = entry(7, "person:\u{1b}[2J", "a\nb", "c\u{202e}d\re\tf");
        for at in [0, i64::MIN, i64::MAX] {
            entry.record.at = at;
            for body in [&entry.record.body.clone(), "", "\u{7}", "{\"why\":7}"] {
                entry.record.body = body.to_owned();
                let told = set(&entry, None, Paint::PLAIN);
                assert_eq!(told.matches(char::is_control).collect::<Vec<_>>(), ["\n"], "{told:?}");
                assert!(!told.contains('\u{202e}'), "{told:?}");
            }
        }
    }

    #[test]
    fn columns_grow_and_never_shrink() {
        let (short, long) =
            (entry(7, "person:a", "a", "x"), entry(1_204, "person:ada", "shop", "x"));
        let mut lines = Lines::new(TimeZone::UTC, None, Paint::PLAIN);
        lines.make_room(&[long]);
        lines.make_room(std::slice::from_ref(&short));
        assert_eq!(
            lines.of(&short),
            "2023-11-14 22:13:20     7  person:a    a     ◆ set aside: x\n"
        );
    }
}

//! Times as people write them: moments, dates, times of day, and how long ago.

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Timestamp, Zoned};
use model::source::nearest;

use super::filter::Expected;
use crate::error::Error;
use crate::exit::Exit;

/// A time that may depend on when and where it is read.
#[derive(Debug, Clone)]
pub(super) enum Moment {
    At(Timestamp),
    Local(DateTime),
    /// A time of the present day.
    OClock(Time),
    Ago(Span),
    Now,
    Today,
    Yesterday,
}

pub(super) fn read(text: &str) -> Result<Moment, Expected> {
    let word = match text {
        "now" => Some(Moment::Now),
        "today" => Some(Moment::Today),
        "yesterday" => Some(Moment::Yesterday),
        _ => None,
    };
    word.or_else(|| text.parse().ok().map(Moment::At))
        .or_else(|| text.parse().ok().map(Moment::Local))
        .or_else(|| text.parse().ok().map(|date: Date| Moment::Local(date.into())))
        // Only with a colon: `2026` or `1130` could be anything.
        .or_else(|| text.parse().ok().filter(|_| text.contains(':')).map(Moment::OClock))
        .or_else(|| text.parse().ok().map(|span: Span| Moment::Ago(span.abs())))
        .ok_or_else(|| {
            Expected::new(
                "a moment (2026-11-21T09:00:00Z), a date or time here (2026-11-21, '2026-11-21 09:00', 09:00), how long ago (2h, 3d), or now, today, yesterday",
            )
            .or_near(nearest(text, ["now", "today", "yesterday"]))
        })
}

impl Moment {
    pub(super) fn seen_from(&self, now: &Zoned) -> Result<Timestamp, Error> {
        let zone = now.time_zone().clone();
        let seen = match self {
            Self::At(at) => return Ok(*at),
            Self::Now => return Ok(now.timestamp()),
            Self::Local(local) => local.to_zoned(zone),
            Self::OClock(time) => now.date().to_datetime(*time).to_zoned(zone),
            Self::Ago(span) => now.checked_sub(*span),
            Self::Today => now.start_of_day(),
            Self::Yesterday => now.yesterday().and_then(|day| day.start_of_day()),
        };
        seen.map(|seen| seen.timestamp()).map_err(|_| {
            Error::new(Exit::Usage, "a time lies beyond the calendar")
                .hint("times reach from the year -9999 to 9999")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read in Zurich, in the morning after the clocks went back.
    fn seen(text: &str) -> String {
        let now: Zoned = "2026-10-26T09:30:00+01:00[Europe/Zurich]".parse().unwrap();
        read(text).unwrap().seen_from(&now).unwrap().to_string()
    }

    #[test]
    fn moments() {
        assert_eq!(seen("2026-10-01T09:00:00Z"), "2026-10-01T09:00:00Z");
        assert_eq!(seen("2026-10-01T09:00:00.25+02:00"), "2026-10-01T07:00:00.25Z");
        assert_eq!(seen("2026-10-01 09:00-01"), "2026-10-01T10:00:00Z");
    }

    #[test]
    fn dates_and_times_are_local() {
        assert_eq!(seen("2026-10-01"), "2026-09-30T22:00:00Z");
        assert_eq!(seen("2026-10-01 09:00"), "2026-10-01T07:00:00Z");
        assert_eq!(seen("2026-10-01T09:00:30"), "2026-10-01T07:00:30Z");
        assert_eq!(seen("08:15"), "2026-10-26T07:15:00Z");
    }

    #[test]
    fn words_and_spans_are_seen_from_now() {
        assert_eq!(seen("now"), "2026-10-26T08:30:00Z");
        assert_eq!(seen("today"), "2026-10-25T23:00:00Z");
        assert_eq!(seen("yesterday"), "2026-10-24T22:00:00Z", "a day of 25 hours");
        assert_eq!(seen("2h"), "2026-10-26T06:30:00Z");
        assert_eq!(seen("1h30m"), "2026-10-26T07:00:00Z");
        assert_eq!(seen("3d"), "2026-10-23T07:30:00Z", "the same time of day");
        assert_eq!(seen("2 days ago"), "2026-10-24T07:30:00Z");
        assert_eq!(seen("1w"), "2026-10-19T07:30:00Z");
    }

    #[test]
    fn what_is_no_time() {
        for text in ["", "soon", "5", "2026", "1130", "2026-13-01", "25:00", "h", "-"] {
            assert!(read(text).is_err(), "{text}");
        }
        let told = read("yesteday").unwrap_err().to_string();
        assert!(told.starts_with("did you mean 'yesterday'? expected a moment ("), "{told}");
    }

    #[test]
    fn what_is_too_long_ago() {
        let now: Zoned = "2026-10-26T09:30:00+01:00[Europe/Zurich]".parse().unwrap();
        let error = read("19000y").unwrap().seen_from(&now).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
    }
}

//! Schedules: POSIX cron as GitHub takes it, and when one is due next.
//!
//! Five fields: minute, hour, day of the month, month, day of the week, each `*`, a value, a range
//! or a list of them, with an optional step. Where both kinds of day are given, one is enough.

mod read;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use model::source::Span;

/// GitHub starts no schedule more often than this.
pub const SHORTEST_MINUTES: u32 = 5;

/// How far ahead is searched: leap days are at most eight years apart, and every weekday falls on
/// one within twenty-eight, or forty across a year such as 2100.
const HORIZON_YEARS: i16 = 40;

/// The minutes, hours and days on which something is due, each a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both kinds of day are restricted, so that a match of one is enough.
    either_day: bool,
}

impl Cron {
    pub fn parse(text: &str) -> Result<Self, CronError> {
        read::read(text)
    }

    /// The first time after `now` that matches, by the clock on the wall. `None` where there is
    /// none, as on the 31st of June.
    pub fn next_after(&self, now: DateTime) -> Option<DateTime> {
        let minute = now.with().second(0).subsec_nanosecond(0).build().ok()?;
        let start = minute.checked_add(1.minute()).ok()?;
        self.at_or_after(start)
    }

    /// The first instant after `now` at which it is due in a time zone.
    ///
    /// What falls into the hour that is skipped in spring is due where that hour ends; what falls
    /// into the hour that comes twice in autumn is due the first time, unless it is due in every
    /// hour anyway.
    pub fn next_in(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        if self.hours == every(0, 23) {
            self.next_elapsed(now, zone)
        } else {
            self.next_on_wall(now, zone)
        }
    }

    /// The fewest minutes from one time to the next within a day, and over midnight where every
    /// day is one. `None` where a day has one time only.
    pub fn shortest_gap(&self) -> Option<u32> {
        let mut times = Vec::new();
        for hour in (0..24).filter(|hour| has(self.hours, *hour)) {
            let minutes = (0..60).filter(|minute| has(self.minutes, *minute));
            times.extend(minutes.map(|minute| {
                u32::from(hour.unsigned_abs()) * 60 + u32::from(minute.unsigned_abs())
            }));
        }
        let daily = self.days == every(1, 31)
            && self.weekdays == every(0, 6)
            && self.months == every(1, 12);
        if let (Some(first), true) = (times.first(), daily) {
            times.push(first + 24 * 60);
        }
        times.windows(2).map(|pair| pair[1] - pair[0]).min()
    }

    fn at_or_after(&self, start: DateTime) -> Option<DateTime> {
        let mut date = start.date();
        let mut from = start.time();
        let last = start.year().checked_add(HORIZON_YEARS)?;
        while date.year() <= last {
            if !has(self.months, date.month()) {
                date = date.last_of_month().tomorrow().ok()?;
                from = Time::midnight();
                continue;
            }
            if self.falls_on(date)
                && let Some(time) = self.time_from(from)
            {
                return Some(date.to_datetime(time));
            }
            date = date.tomorrow().ok()?;
            from = Time::midnight();
        }
        None
    }

    fn falls_on(&self, date: Date) -> bool {
        let by_day = has(self.days, date.day());
        let by_weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        if self.either_day { by_day || by_weekday } else { by_day && by_weekday }
    }

    fn time_from(&self, from: Time) -> Option<Time> {
        let hour = from.hour();
        if has(self.hours, hour)
            && let Some(minute) = first_from(self.minutes, from.minute())
        {
            return Time::new(hour, minute, 0, 0).ok();
        }
        let hour = first_from(self.hours, hour + 1)?;
        Time::new(hour, first_from(self.minutes, 0)?, 0, 0).ok()
    }

    fn next_on_wall(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut wall = zone.to_datetime(now);
        loop {
            wall = self.next_after(wall)?;
            let ambiguous = zone.to_ambiguous_timestamp(wall);
            let due = if let AmbiguousOffset::Gap { before, .. } = ambiguous.offset() {
                let within = before.to_timestamp(wall).ok()?;
                zone.preceding(within + SECOND).next()?.timestamp()
            } else {
                ambiguous.earlier().ok()?
            };
            if due > now {
                return Some(due);
            }
        }
    }

    fn next_elapsed(&self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut offset = zone.to_offset(now);
        let mut wall = self.next_after(offset.to_datetime(now))?;
        let mut changes = zone.following(now);
        loop {
            let due = offset.to_timestamp(wall).ok()?;
            let Some(change) = changes.next().filter(|change| change.timestamp() <= due) else {
                return Some(due);
            };
            offset = change.offset();
            wall = self.at_or_after(offset.to_datetime(change.timestamp()))?;
        }
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn every(from: u8, to: u8) -> u64 {
    (from..=to).fold(0, |set, value| set | 1 << value)
}

fn has(set: u64, value: i8) -> bool {
    set >> value & 1 == 1
}

/// The least member that is not below a value.
fn first_from(set: u64, from: i8) -> Option<i8> {
    (from..64).find(|value| has(set, *value))
}

/// Why a text is no schedule, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// The bytes that are wrong.
    pub span: Span,
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(cron: &str, from: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(cron).unwrap();
        let mut now: DateTime = from.parse().unwrap();
        let mut times = Vec::new();
        for _ in 0..count {
            now = cron.next_after(now).unwrap();
            times.push(now.strftime("%a %F %H:%M").to_string());
        }
        times
    }

    #[test]
    fn documented_examples() {
        assert_eq!(
            times("15 4,5 * * *", "2026-03-01T04:15:30", 3),
            ["Sun 2026-03-01 05:15", "Mon 2026-03-02 04:15", "Mon 2026-03-02 05:15"]
        );
        assert_eq!(
            times("30 4-6 * * *", "2026-03-01T05:30", 2),
            ["Sun 2026-03-01 06:30", "Mon 2026-03-02 04:30"]
        );
        assert_eq!(
            times("20/15 * * * *", "2026-03-01T00:00", 4),
            [
                "Sun 2026-03-01 00:20",
                "Sun 2026-03-01 00:35",
                "Sun 2026-03-01 00:50",
                "Sun 2026-03-01 01:20"
            ]
        );
        assert_eq!(
            times("30 5 * * 1,3", "2026-03-01T00:00", 3),
            ["Mon 2026-03-02 05:30", "Wed 2026-03-04 05:30", "Mon 2026-03-09 05:30"]
        );
    }

    #[test]
    fn names_steps_and_both_kinds_of_day() {
        assert_eq!(times("0 0 1 jan *", "2026-01-01T00:00", 1), ["Fri 2027-01-01 00:00"]);
        assert_eq!(
            times("0 12 * * MON-FRI", "2026-03-06T12:00", 2),
            ["Mon 2026-03-09 12:00", "Tue 2026-03-10 12:00"]
        );
        assert_eq!(
            times("0 0 13 * 5", "2026-03-01T00:00", 3),
            ["Fri 2026-03-06 00:00", "Fri 2026-03-13 00:00", "Fri 2026-03-20 00:00"]
        );
        assert_eq!(
            times("0 0 */10 * 1", "2026-03-01T00:00", 2),
            ["Mon 2026-05-11 00:00", "Mon 2026-06-01 00:00"],
            "a field that begins with a star restricts, and does not add"
        );
        assert_eq!(
            times("0 0 29 2 *", "2026-03-01T00:00", 2),
            ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]
        );
        assert_eq!(times("0 0 29 2 *", "2096-03-01T00:00", 1), ["Fri 2104-02-29 00:00"]);
        assert_eq!(times("59 23 31 12 *", "2026-12-31T23:59", 1), ["Fri 2027-12-31 23:59"]);
    }

    #[test]
    fn what_never_comes_has_no_next_time() {
        let now = DateTime::constant(2026, 1, 1, 0, 0, 0, 0);
        for never in ["0 0 31 6 *", "0 0 30 2 *", "0 0 31 2,4,6,9,11 *"] {
            assert_eq!(Cron::parse(never).unwrap().next_after(now), None, "{never}");
        }
        let end = DateTime::MAX;
        assert_eq!(Cron::parse("* * * * *").unwrap().next_after(end), None);
    }

    #[test]
    fn gaps() {
        let gap = |text| Cron::parse(text).unwrap().shortest_gap();
        assert_eq!(gap("* * * * *"), Some(1));
        assert_eq!(gap("*/5 * * * *"), Some(5));
        assert_eq!(gap("58,2 * * * *"), Some(4));
        assert_eq!(gap("0 * * * *"), Some(60));
        assert_eq!(gap("0 0 * * *"), Some(24 * 60));
        assert_eq!(gap("0 0 1 * *"), None);
    }

    #[test]
    fn summer_time() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let due = |cron: &str, from: &str, count: usize| {
            let cron = Cron::parse(cron).unwrap();
            let mut now: Timestamp = from.parse().unwrap();
            let mut times = Vec::new();
            for _ in 0..count {
                now = cron.next_in(now, &zone).unwrap();
                times.push(now.to_string());
            }
            times
        };
        // 2026-03-08 02:00 -05 is 03:00 -04; 2026-11-01 02:00 -04 is 01:00 -05.
        assert_eq!(
            due("30 2 * * *", "2026-03-07T12:00:00Z", 2),
            ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]
        );
        assert_eq!(
            due("0,30 2 * * *", "2026-03-07T12:00:00Z", 2),
            ["2026-03-08T07:00:00Z", "2026-03-09T06:00:00Z"],
            "what falls together is due once"
        );
        assert_eq!(
            due("30 1 * * *", "2026-10-31T12:00:00Z", 2),
            ["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
            "an hour that comes twice counts once"
        );
        assert_eq!(
            due("*/30 * * * *", "2026-11-01T05:00:00Z", 5),
            [
                "2026-11-01T05:30:00Z",
                "2026-11-01T06:00:00Z",
                "2026-11-01T06:30:00Z",
                "2026-11-01T07:00:00Z",
                "2026-11-01T07:30:00Z"
            ],
            "but not for what is due in every hour"
        );
        assert_eq!(
            due("*/30 * * * *", "2026-03-08T06:30:00Z", 2),
            ["2026-03-08T07:00:00Z", "2026-03-08T07:30:00Z"]
        );
    }

    #[test]
    fn errors_say_which_field_is_wrong() {
        let error = |text: &str| {
            let error = Cron::parse(text).unwrap_err();
            let at = &text[error.span.start..error.span.end];
            format!("{at}: {} ({})", error.message, error.hint.unwrap_or_default())
        };
        insta::assert_snapshot!(
            [
                "",
                "@daily",
                "0 0 * *",
                "0 0 0 * * *",
                "60 * * * *",
                "* 24 * * *",
                "* * 0 * *",
                "* * * 13 *",
                "* * * * 7",
                "* * * * SUNDAY",
                "* * * JANU *",
                "*/0 * * * *",
                "*/60 * * * *",
                "* */24 * * *",
                "5-1 * * * *",
                "* * * * FRI-MON",
                "1,,2 * * * *",
                "1, * * * *",
                "-5 * * * *",
                "5- * * * *",
                "1-5-9 * * * *",
                "1/2/3 * * * *",
                "*/ * * * *",
                "* * L * *",
                "* * ? * *",
                "* * * * 5#2",
                "a * * * *",
                "99999999999 * * * *",
                "** * * * *",
            ]
            .map(error)
            .join("\n")
        );
    }
}

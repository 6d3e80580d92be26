//! From the text of a schedule to its sets.

use model::source::{Span, nearest, quoted};

use super::{Cron, CronError, every};

/// One of the five fields.
struct Field {
    name: &'static str,
    from: u8,
    to: u8,
    /// What values may be called, beginning with the first.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", from: 0, to: 59, names: &[] },
    Field { name: "hour", from: 0, to: 23, names: &[] },
    Field { name: "day of the month", from: 1, to: 31, names: &[] },
    Field {
        name: "month",
        from: 1,
        to: 12,
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    },
    Field {
        name: "day of the week",
        from: 0,
        to: 6,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    },
];

/// What other crons know by a name.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

pub(super) fn read(text: &str) -> Result<Cron, CronError> {
    let parts = words(text);
    let [minute, hour, day, month, weekday] = parts.as_slice() else {
        return Err(wrong_count(text, &parts));
    };
    let days = set(*day, &FIELDS[2])?;
    let weekdays = set(*weekday, &FIELDS[4])?;
    Ok(Cron {
        minutes: set(*minute, &FIELDS[0])?,
        hours: set(*hour, &FIELDS[1])?,
        days,
        months: set(*month, &FIELDS[3])?,
        weekdays,
        either_day: !day.text.starts_with('*') && !weekday.text.starts_with('*'),
    })
}

/// A stretch of the schedule.
#[derive(Debug, Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

impl Part<'_> {
    fn span(self) -> Span {
        Span::new(self.at, self.at + self.text.len())
    }

    fn split(self, separator: char) -> Option<(Self, Self)> {
        let at = self.text.find(separator)?;
        let (before, behind) = (&self.text[..at], &self.text[at + 1..]);
        Some((Self { text: before, at: self.at }, Self { text: behind, at: self.at + at + 1 }))
    }

    fn all(self, separator: char) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut rest = self;
        while let Some((first, behind)) = rest.split(separator) {
            parts.push(first);
            rest = behind;
        }
        parts.push(rest);
        parts
    }

    fn wrong(self, message: impl Into<String>, hint: Option<String>) -> CronError {
        CronError { span: self.span(), message: message.into(), hint }
    }
}

fn words(text: &str) -> Vec<Part<'_>> {
    let whole = Part { text, at: 0 };
    whole.all(' ').into_iter().filter(|part| !part.text.is_empty()).collect()
}

fn wrong_count(text: &str, parts: &[Part]) -> CronError {
    let trimmed = text.trim();
    let hint = if let Some((_, fields)) = NICKNAMES.iter().find(|(name, _)| *name == trimmed) {
        format!("GitHub knows no nicknames: write `{fields}`")
    } else if parts.len() == 6 {
        "there are no seconds: remove the first field".to_owned()
    } else {
        "write minute, hour, day of the month, month, day of the week, as in `30 5 * * 1-5`"
            .to_owned()
    };
    let count = match parts.len() {
        0 => "none".to_owned(),
        count => count.to_string(),
    };
    CronError {
        span: Span::new(0, text.len()),
        message: format!("a schedule has five fields, this has {count}"),
        hint: Some(hint),
    }
}

fn set(part: Part, field: &Field) -> Result<u64, CronError> {
    let mut set = 0;
    for item in part.all(',') {
        if item.text.is_empty() {
            let message = format!("the list of the {} has an empty place", field.name);
            return Err(part.wrong(message, Some("remove the spare comma".to_owned())));
        }
        set |= steps(item, field)?;
    }
    Ok(set)
}

/// `*/5`, `20/15`, `10-40/2`, or without a step.
fn steps(item: Part, field: &Field) -> Result<u64, CronError> {
    let Some((base, step)) = item.split('/') else {
        let (from, to) = range(item, field)?;
        return Ok(every(from, to));
    };
    let most = field.to;
    let by = number(step.text).filter(|by| (1..=most).contains(by));
    let Some(by) = by else {
        let message =
            format!("the step of the {} is {}, not 1 to {most}", field.name, shown(step.text));
        let hint = number(step.text).filter(|by| *by > most).map(|_| {
            format!("a step beyond {most} never comes round: write the one {} instead", field.name)
        });
        return Err(step.wrong(message, hint));
    };
    let (from, to) = match range(base, field)? {
        (from, to) if from == to && base.text != "*" && !base.text.contains('-') => {
            (from, field.to)
        }
        range => range,
    };
    Ok((from..=to).step_by(usize::from(by)).fold(0, |set, value| set | 1 << value))
}

fn range(part: Part, field: &Field) -> Result<(u8, u8), CronError> {
    if part.text == "*" {
        return Ok((field.from, field.to));
    }
    let Some((from, to)) = part.split('-').filter(|(from, _)| !from.text.is_empty()) else {
        let value = value(part, field)?;
        return Ok((value, value));
    };
    let (first, last) = (value(from, field)?, value(to, field)?);
    if first > last {
        let message = format!("the range of the {} goes backwards", field.name);
        let (low, high) = (field.shown(field.from), field.shown(field.to));
        let hint = format!("write `{}-{high},{low}-{}` for both ends of it", from.text, to.text);
        return Err(part.wrong(message, Some(hint)));
    }
    Ok((first, last))
}

fn value(part: Part, field: &Field) -> Result<u8, CronError> {
    let named = field.names.iter().position(|name| name.eq_ignore_ascii_case(part.text));
    if let Some(index) = named.and_then(|index| u8::try_from(index).ok()) {
        return Ok(field.from + index);
    }
    match number(part.text) {
        Some(value) if (field.from..=field.to).contains(&value) => Ok(value),
        read => {
            let message = format!(
                "the {} is {}, not {} to {}",
                field.name,
                shown(part.text),
                field.from,
                field.to
            );
            Err(part.wrong(message, hint(part.text, read, field)))
        }
    }
}

fn hint(text: &str, read: Option<u8>, field: &Field) -> Option<String> {
    let long = field
        .names
        .iter()
        .find(|name| text.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)));
    if let Some(near) = long.copied().or_else(|| nearest(text, field.names.iter().copied())) {
        return Some(format!("did you mean `{near}`?"));
    }
    match (field.name, read) {
        ("day of the week", Some(7)) => Some("Sunday is `0`".to_owned()),
        ("hour", Some(24)) => Some("midnight is `0`".to_owned()),
        _ if text.contains(['?', 'L', 'W', '#']) => {
            Some("POSIX cron knows `*`, `,`, `-` and `/` only".to_owned())
        }
        _ => None,
    }
}

fn number(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A number of many digits is out of every range.
    digits.then(|| text.parse().unwrap_or(u8::MAX))
}

fn shown(text: &str) -> String {
    if text.is_empty() { "missing".to_owned() } else { quoted(text) }
}

impl Field {
    fn shown(&self, value: u8) -> String {
        let name = self.names.get(usize::from(value - self.from));
        name.map_or_else(|| value.to_string(), |name| (*name).to_owned())
    }
}

//! Shapes written as one text: durations, shares, sizes, names.

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use super::{Decode, Schemas, Shape};
use crate::intent::Weight;
use crate::name::{EnvironmentName, ServiceName};
use crate::yaml::{Node, Value};

/// Something written as one text, and so fit to be a key too.
pub trait FromText: Sized {
    /// "a duration"
    const WHAT: &'static str;
    /// How to write it: "a number and a unit, as in `30s`".
    const HOW: &'static str;
    const PATTERN: Option<&'static str> = None;
    /// Whether it may be written as a number.
    const NUMERIC: bool = false;

    fn from_text(text: &str) -> Result<Self, Misfit>;
}

/// Why a text does not fit, when more can be said than how to write it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Misfit {
    pub hint: Option<String>,
}

impl Misfit {
    pub fn hint(hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()) }
    }
}

impl<T: FromText> Shape for T {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        let misfit = match (&node.value, node.text()) {
            (Value::String(_) | Value::Int(_) | Value::Float(_), Some(text)) => {
                match T::from_text(text) {
                    Ok(value) => return Some(value),
                    Err(misfit) => misfit,
                }
            }
            _ => Misfit::default(),
        };
        cx.expected(T::WHAT, node, Some(misfit.hint.unwrap_or_else(|| T::HOW.to_owned())));
        None
    }

    fn schema(_: &mut Schemas) -> Json {
        let mut schema = if T::NUMERIC {
            json!({ "type": ["string", "number"] })
        } else {
            json!({ "type": "string" })
        };
        if let Some(pattern) = T::PATTERN {
            schema["pattern"] = pattern.into();
        }
        schema
    }
}

/// Any text that is not empty.
impl FromText for String {
    const WHAT: &'static str = "a text";
    const HOW: &'static str = "write a text of at least one character";
    const PATTERN: Option<&'static str> = Some(r"\S");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        if text.trim().is_empty() { Err(Misfit::default()) } else { Ok(text.to_owned()) }
    }
}

const NAME: &str = "a name";
const HOW_NAMES_ARE_WRITTEN: &str =
    "use at most 63 lowercase letters, digits and inner hyphens, beginning with a letter";
const NAME_PATTERN: Option<&str> = Some("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$");

fn name<T: std::str::FromStr>(text: &str) -> Result<T, Misfit> {
    let tame = || text.to_lowercase().replace(['_', '.', ' '], "-");
    text.parse().map_err(|_| match tame() {
        tame if tame.parse::<T>().is_ok() => Misfit::hint(format!("write `{tame}`")),
        _ => Misfit::default(),
    })
}

impl FromText for ServiceName {
    const WHAT: &'static str = NAME;
    const HOW: &'static str = HOW_NAMES_ARE_WRITTEN;
    const PATTERN: Option<&'static str> = NAME_PATTERN;

    fn from_text(text: &str) -> Result<Self, Misfit> {
        name(text)
    }
}

impl FromText for EnvironmentName {
    const WHAT: &'static str = NAME;
    const HOW: &'static str = HOW_NAMES_ARE_WRITTEN;
    const PATTERN: Option<&'static str> = NAME_PATTERN;

    fn from_text(text: &str) -> Result<Self, Misfit> {
        name(text)
    }
}

impl FromText for SignedDuration {
    const WHAT: &'static str = "a duration";
    const HOW: &'static str =
        "write numbers with their units, the largest first: `500ms`, `30s`, `1h30m`, `7d`";
    const PATTERN: Option<&'static str> = Some(r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        // Beyond a year it is a slip, and no plan accepts it.
        match duration(text) {
            Some(duration) if duration <= SignedDuration::from_hours(24 * 366) => Ok(duration),
            Some(_) => Err(Misfit::hint("make it at most a year, `365d`")),
            None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(Misfit::hint(format!("add the unit: `{text}s` or `{text}m`")))
            }
            None => Err(Misfit::default()),
        }
    }
}

/// Reads `1h30m`: days, hours, minutes, seconds and milliseconds in this order, each at most once.
fn duration(text: &str) -> Option<SignedDuration> {
    const UNITS: [(&str, u64); 5] =
        [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, factor) = units.find(|(unit, _)| *unit == &rest[..letters])?;
        millis = millis.checked_add(amount.checked_mul(*factor)?)?;
        rest = &rest[letters..];
    }
    if text.is_empty() {
        return None;
    }
    i64::try_from(millis).ok().map(SignedDuration::from_millis)
}

/// A share of the whole, to a hundredth of a percent.
impl FromText for Weight {
    const WHAT: &'static str = "a share from 0% to 100%";
    const HOW: &'static str = "write it with its percent sign, as in `25%` or `12.5 %`";
    const PATTERN: Option<&'static str> = Some(r"^(100(\.0{1,2})?|\d{1,2}(\.\d{1,2})?) ?%$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let number =
            text.strip_suffix('%').map(|number| number.strip_suffix(' ').unwrap_or(number));
        let Some(number) = number else {
            let bare = hundredths(text).is_some();
            return Err(if bare {
                Misfit::hint(format!("write `{text}%`"))
            } else {
                Misfit::default()
            });
        };
        hundredths(number).and_then(Self::from_hundredths).ok_or_else(Misfit::default)
    }
}

fn hundredths(number: &str) -> Option<u16> {
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, 3) || !digits(part, 2) {
        return None;
    }
    let part: u16 = format!("{part:0<2}").parse().ok()?;
    whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(part)
}

/// Reads `512MiB` or `2GB` as bytes.
pub fn memory(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let amount: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start_matches(' ');
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    amount.checked_mul(*factor)
}

/// Reads `09:30` as minutes since midnight; `24:00` is the day's end.
pub fn clock(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| -> Option<u16> {
        let fits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse().ok()).flatten()
    };
    let (hour, minute) = (two(hour)?, two(minute)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= 24 * 60).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let seconds = |text| duration(text).map(|duration| duration.as_millis());
        for (text, millis) in [
            ("500ms", 500),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            ("1m500ms", 60_500),
            ("0s", 0),
        ] {
            assert_eq!(seconds(text), Some(millis), "{text}");
        }
        for text in [
            "",
            "10",
            "m",
            "-1s",
            "1.5h",
            "1s1m",
            "1m1m",
            "1 m",
            "1M",
            "99999999999999999999s",
            "18446744073709551615ms",
            "1s ",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
        let hint = |text| SignedDuration::from_text(text).unwrap_err().hint;
        assert_eq!(hint("10").as_deref(), Some("add the unit: `10s` or `10m`"));
        assert_eq!(hint("367d").as_deref(), Some("make it at most a year, `365d`"));
        assert_eq!(hint("soon"), None);
    }

    #[test]
    fn shares() {
        let read = |text| Weight::from_text(text).ok().map(Weight::hundredths);
        for (text, hundredths) in
            [("25%", 2500), ("12.5 %", 1250), ("0.01%", 1), ("100%", 10_000), ("0%", 0)]
        {
            assert_eq!(read(text), Some(hundredths), "{text}");
        }
        for text in
            ["25", "100.01%", "101%", "-1%", "1e1%", "%", "1.%", ".5%", "1.234%", "65536%", "1  %"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_and_clocks() {
        assert_eq!(memory("512MiB"), Some(512 << 20));
        assert_eq!(memory("2 GB"), Some(2_000_000_000));
        for text in ["", "512", "MiB", "5mb", "99999999999999999999GB", "18446744073709551615GiB"] {
            assert_eq!(memory(text), None, "{text}");
        }
        assert_eq!(clock("09:30"), Some(570));
        assert_eq!(clock("24:00"), Some(1440));
        for text in ["", "9:30", "24:01", "09:60", "+9:00", "09:30:00"] {
            assert_eq!(clock(text), None, "{text}");
        }
    }
}

//! The small values of the file: owners, paths, hosts, sizes, times of day.

use std::ops::Deref;

use jiff::SignedDuration;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::shape::{FromText, Misfit, clock, memory};
use crate::source::nearest;

/// Declares a text that was checked when it was read.
macro_rules! text_word {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

pub(super) use text_word;

text_word! {
    /// Somebody who can be asked: a team, a role or an e-mail address.
    Party
}

impl FromText for Party {
    const WHAT: &'static str = "a team, a role or an e-mail address";
    const HOW: &'static str = "write it as `team-shop`, `\"@acme/shop\"` or `shop@example.com`";
    const PATTERN: Option<&'static str> =
        Some(r"^(@?[A-Za-z0-9][A-Za-z0-9._/-]*|[^@\s]+@[^@\s]+\.[^@\s]+)$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let team = text.strip_prefix('@').unwrap_or(text);
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/' | '-');
        let is_team =
            team.starts_with(|c: char| c.is_ascii_alphanumeric()) && team.chars().all(inner);
        if text.len() <= 254 && (is_team || is_email(text)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Misfit::default())
        }
    }
}

pub(super) fn is_email(text: &str) -> bool {
    let Some((person, host)) = text.split_once('@') else { return false };
    let tame = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    tame(person)
        && tame(host)
        && host.split('.').count() > 1
        && host.split('.').all(|label| !label.is_empty())
}

text_word! {
    /// A web address.
    Url
}

impl FromText for Url {
    const WHAT: &'static str = "a web address";
    const HOW: &'static str = "write it in full: `https://example.com/…`";
    const PATTERN: Option<&'static str> = Some(r"^https?://[^\s/]+\S*$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let fits = rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
        });
        if fits { Ok(Self(text.to_owned())) } else { Err(Misfit::default()) }
    }
}

text_word! {
    /// A path of the service over HTTP.
    HttpPath
}

impl FromText for HttpPath {
    const WHAT: &'static str = "a path that begins with `/`";
    const HOW: &'static str = "write it as `/healthz`";
    const PATTERN: Option<&'static str> = Some(r"^/\S*$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let fits = text.starts_with('/')
            && text.len() <= 2048
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.to_owned())) } else { Err(Misfit::default()) }
    }
}

text_word! {
    /// A name under which users reach a service.
    Host
}

impl FromText for Host {
    const WHAT: &'static str = "a host name";
    const HOW: &'static str = "write it without scheme, port and path: `shop.example.com`";
    const PATTERN: Option<&'static str> =
        Some(r"^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let label = |label: &str| {
            let inner =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= 253 && name.split('.').all(label) {
            return Ok(Self(text.to_owned()));
        }
        let lower = text.to_lowercase();
        if lower != text && Self::from_text(&lower).is_ok() {
            return Err(Misfit::hint(format!("write it in lowercase: `{lower}`")));
        }
        Err(Misfit::default())
    }
}

text_word! {
    /// A path within the repository.
    RepositoryPath
}

impl FromText for RepositoryPath {
    const WHAT: &'static str = "a path within the repository";
    const HOW: &'static str =
        "write it relative to the repository's root and without `..`: `web/dist`";
    const PATTERN: Option<&'static str> = Some(r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let fits = !path.is_empty()
            && !path.starts_with('/')
            && !path.contains(|c: char| c.is_control() || c == '\\')
            && path.split('/').all(|part| !part.is_empty() && part != "..");
        if fits { Ok(Self(path.to_owned())) } else { Err(Misfit::default()) }
    }
}

/// An amount of memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory(u64);

impl Memory {
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromText for Memory {
    const WHAT: &'static str = "an amount of memory of at least 1MiB";
    const HOW: &'static str = "write a whole number and its unit: `512MiB`, `2GiB` or `500MB`";
    const PATTERN: Option<&'static str> = Some(r"^\d+ ?(KiB|MiB|GiB|KB|MB|GB)$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        if let Some(bytes) = memory(text).filter(|bytes| *bytes >= 1 << 20) {
            return Ok(Self(bytes));
        }
        // Kubernetes and Docker write the unit shorter.
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        match text[digits.len()..].to_lowercase().as_str() {
            "m" | "mi" | "mib" if !digits.is_empty() => {
                Err(Misfit::hint(format!("write `{digits}MiB`")))
            }
            "g" | "gi" | "gib" if !digits.is_empty() => {
                Err(Misfit::hint(format!("write `{digits}GiB`")))
            }
            _ => Err(Misfit::default()),
        }
    }
}

/// A share of processors in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(u32);

impl Cpu {
    pub const fn thousandths(self) -> u32 {
        self.0
    }
}

impl FromText for Cpu {
    const WHAT: &'static str = "a number of processors from 0.001 to 1024";
    const HOW: &'static str = "write `2`, `0.5` or `500m`";
    const PATTERN: Option<&'static str> = Some(r"^\d{1,7}(\.\d{1,3}|m)?$");
    const NUMERIC: bool = true;

    fn from_text(text: &str) -> Result<Self, Misfit> {
        let digits = |text: &str| {
            !text.is_empty() && text.len() <= 7 && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let thousandths = if let Some(milli) = text.strip_suffix('m') {
            digits(milli).then(|| milli.parse::<u32>().ok()).flatten()
        } else {
            let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
            let fits = digits(whole) && digits(part) && part.len() <= 3;
            fits.then(|| {
                let part: u32 = format!("{part:0<3}").parse().ok()?;
                whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(part)
            })
            .flatten()
        };
        let fit = thousandths.filter(|value| (1..=1_024_000).contains(value));
        fit.map(Self).ok_or_else(Misfit::default)
    }
}

/// A duration that is longer than nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(SignedDuration);

impl Period {
    pub(super) const fn from_secs(seconds: u32) -> Self {
        Self(SignedDuration::new(seconds as i64, 0))
    }
}

impl Deref for Period {
    type Target = SignedDuration;

    fn deref(&self) -> &SignedDuration {
        &self.0
    }
}

impl FromText for Period {
    const WHAT: &'static str = "a duration";
    const HOW: &'static str = SignedDuration::HOW;
    const PATTERN: Option<&'static str> = SignedDuration::PATTERN;

    fn from_text(text: &str) -> Result<Self, Misfit> {
        match SignedDuration::from_text(text)? {
            duration if duration.is_zero() => Err(Misfit::hint("make it at least `1ms`")),
            duration => Ok(Self(duration)),
        }
    }
}

/// A time of day in minutes since midnight; the day's end is `24:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clock(u16);

impl Clock {
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl FromText for Clock {
    const WHAT: &'static str = "a time of day";
    const HOW: &'static str = "write it from `00:00` to `24:00`, as in `09:30`";
    const PATTERN: Option<&'static str> = Some(r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$");

    fn from_text(text: &str) -> Result<Self, Misfit> {
        if let Some(minutes) = clock(text) {
            return Ok(Self(minutes));
        }
        let padded = format!("0{text}");
        Err(if clock(&padded).is_some() {
            Misfit::hint(format!("write `{padded}`"))
        } else {
            Misfit::default()
        })
    }
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn time_zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl FromText for Zone {
    const WHAT: &'static str = "a time zone";
    const HOW: &'static str = "write its IANA name: `Europe/Zurich`, `America/New_York`, `UTC`";

    fn from_text(text: &str) -> Result<Self, Misfit> {
        // The bundled database, so that a file means the same on every machine.
        let database = TimeZoneDatabase::bundled();
        if let Ok(zone) = database.get(text) {
            let name = zone.iana_name().unwrap_or(text).to_owned();
            return Ok(Self { name, zone });
        }
        let names: Vec<String> = database.available().map(|name| name.to_string()).collect();
        let city = |name: &&String| {
            name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(text))
        };
        let meant = names.iter().find(city).map(String::as_str);
        match meant.or_else(|| nearest(text, names.iter().map(String::as_str))) {
            Some(name) => Err(Misfit::hint(format!("did you mean `{name}`?"))),
            None => Err(Misfit::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads<T: FromText>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(T::from_text(text).is_ok(), "{text}");
        }
        for text in bad {
            assert!(T::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_are_checked() {
        reads::<Party>(
            &["team-shop", "@acme/shop", "a@b.example"],
            &["", "@", "a b", "a@b", "a@@b.c", "-x", "a@.b", "a@b."],
        );
        reads::<Url>(
            &["https://a.example/x?y#z", "http://localhost:1"],
            &["", "a.example", "https://", "https:///x", "https://a b", "ftp://a"],
        );
        reads::<HttpPath>(
            &["/", "/healthz?deep=1"],
            &["", "healthz", "/a b", "/\u{e9}", "http://x/"],
        );
        reads::<Host>(
            &["shop.example.com", "*.example.com", "localhost"],
            &["", "Shop.example.com", "https://a", "a:80", "a..b", "-a", "a-", "*"],
        );
        reads::<RepositoryPath>(
            &["dist/", "a/b", "..a", "."],
            &["", "/", "/dist", "../x", "a/../b", "a//b", "a\\b"],
        );
        reads::<Memory>(&["512MiB", "1 GB"], &["", "512", "512M", "0MiB", "1KiB", "-1GB"]);
        reads::<Cpu>(
            &["2", "0.5", "500m", "0.001"],
            &["", "0", "0m", "-1", "1.2345", "m", "1e3", "2000", "99999999999"],
        );
        reads::<Period>(&["1ms", "1h30m"], &["0s", "", "1", "9999d"]);
        reads::<Zone>(
            &["UTC", "Europe/Zurich", "europe/zurich"],
            &["", "Zurich", "Europe/Züri", "Mars/Olympus"],
        );
    }

    #[test]
    fn zones_are_guessed() {
        let hint = |text: &str| Zone::from_text(text).err().and_then(|misfit| misfit.hint);
        assert_eq!(hint("zurich").as_deref(), Some("did you mean `Europe/Zurich`?"));
        assert_eq!(hint("Europe/Zürich").as_deref(), Some("did you mean `Europe/Zurich`?"));
        assert_eq!(
            Zone::from_text("europe/zurich").map(|zone| zone.name().to_owned()),
            Ok("Europe/Zurich".to_owned())
        );
    }
}

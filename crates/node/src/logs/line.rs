//! A line of a log, and what it says if it is JSON.

use jiff::Timestamp;
use model::id::InstanceId;
use model::intent::Group;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A line that an instance printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: Timestamp,
    pub instance: InstanceId,
    pub group: Group,
    pub version: String,
    pub source: Source,
    /// Bytes that are no text are shown as `\xff`.
    pub text: String,
    /// It was too long: it goes on in the next line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub split: bool,
    /// What a line of JSON says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structured: Option<Structured>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Stdout,
    Stderr,
    /// Not printed by the instance, but said about it.
    Keeper,
}

/// A line of JSON, by what nearly all programs call its parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Structured {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What the program itself says when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// All the rest, as it was.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
}

impl Structured {
    /// None if the line is no object of JSON.
    pub(super) fn read(text: &str) -> Option<Self> {
        if !text.starts_with('{') || !text.ends_with('}') {
            return None;
        }
        let mut fields: Map<String, Value> = serde_json::from_str(text).ok()?;
        let mut take = |names: &[&str], is_it: &dyn Fn(&Value) -> bool| {
            let name = names.iter().find(|name| fields.get(**name).is_some_and(is_it))?;
            fields.shift_remove(*name)
        };
        let level = take(&["level", "severity", "lvl"], &|value| level(value).is_some());
        let message = take(&["message", "msg"], &Value::is_string);
        let times = ["time", "timestamp", "ts", "@timestamp"];
        let time = take(&times, &|value| time(value).is_some());
        Some(Self {
            level: level.as_ref().and_then(self::level),
            message: message.and_then(|message| message.as_str().map(str::to_owned)),
            time: time.as_ref().and_then(self::time),
            fields,
        })
    }
}

/// Some programs number their levels, all of them alike.
fn level(value: &Value) -> Option<String> {
    let name = match value.as_u64() {
        Some(10) => "trace",
        Some(20) => "debug",
        Some(30) => "info",
        Some(40) => "warn",
        Some(50) => "error",
        Some(60) => "fatal",
        Some(_) => return None,
        None => return value.as_str().map(str::to_lowercase),
    };
    Some(name.to_owned())
}

/// As a text, or in seconds or milliseconds since 1970.
fn time(value: &Value) -> Option<Timestamp> {
    /// As seconds it would be the year 5138; as milliseconds it is 1973.
    const MOST_SECONDS: f64 = 1e11;
    if let Some(text) = value.as_str() {
        return text.parse().ok();
    }
    let number = value.as_f64()?;
    let seconds = if number > MOST_SECONDS { number / 1000.0 } else { number };
    let since = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_json_are_understood() {
        let read = |text: &str| Structured::read(text).unwrap();
        let line = read(r#"{"ts":1700000000.5,"level":"WARN","msg":"slow","took":7,"a":{"b":1}}"#);
        assert_eq!((line.level.as_deref(), line.message.as_deref()), (Some("warn"), Some("slow")));
        assert_eq!(line.time.unwrap().to_string(), "2023-11-14T22:13:20.5Z");
        assert_eq!(serde_json::to_string(&line.fields).unwrap(), r#"{"took":7,"a":{"b":1}}"#);
        let pino = read(r#"{"level":30,"time":1700000000500,"pid":1,"msg":"up"}"#);
        assert_eq!((pino.level.as_deref(), pino.time), (Some("info"), line.time));
        let odd = read(r#"{"level":{"x":1},"message":5,"time":"soon"}"#);
        assert_eq!((odd.level, odd.message, odd.time, odd.fields.len()), (None, None, None, 3));
        for text in ["", "{", "{}x", "[1]", "{\"a\":}", "text {}"] {
            assert_eq!(Structured::read(text), None, "{text}");
        }
    }
}

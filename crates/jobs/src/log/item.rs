//! What is read from a log: lines, and gaps where lines could not be stored.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A line, or a gap where lines could not be stored.
///
/// As JSON it is an object of one line: `{"step":1,"line":0,"at":"…","text":"…"}`, with `cut_from`
/// where the line was longer, or with `gap` in place of `at` and `text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    Line(Line<'a>),
    Gap(Gap<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    pub step: u32,
    /// Counted from 0 within the step.
    pub number: u64,
    pub at: Timestamp,
    /// As the step wrote it, with its colours, and with bytes that are no UTF-8 if there were any:
    /// what a log holds is evidence, so only whoever shows it replaces them.
    pub text: &'a [u8],
    /// How long it was, where it is cut.
    pub cut_from: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap<'a> {
    pub step: u32,
    /// The first line that is missing.
    pub number: u64,
    pub lines: u64,
    pub bytes: u64,
    pub why: &'a str,
}

impl Serialize for Item<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Line(line) => line.serialize(serializer),
            Self::Gap(gap) => gap.serialize(serializer),
        }
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", &self.step)?;
        map.serialize_entry("line", &self.number)?;
        map.serialize_entry("at", &self.at)?;
        map.serialize_entry("text", &String::from_utf8_lossy(self.text))?;
        if let Some(length) = self.cut_from {
            map.serialize_entry("cut_from", &length)?;
        }
        map.end()
    }
}

impl Serialize for Gap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Missing<'a> {
            lines: u64,
            bytes: u64,
            why: &'a str,
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("step", &self.step)?;
        map.serialize_entry("line", &self.number)?;
        let Self { lines, bytes, why, .. } = *self;
        map.serialize_entry("gap", &Missing { lines, bytes, why })?;
        map.end()
    }
}

//! Reading a log: its end, and what is added to it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::line::Source;
use super::{file, files};

/// More than that is not read at a time.
const CHUNK: u64 = 1 << 20;

/// A line as it stands in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) source: Source,
    pub(crate) split: bool,
    pub(crate) text: String,
}

/// A place in a log, from which it is read on.
#[derive(Debug)]
pub(crate) struct Reader {
    folder: PathBuf,
    number: u64,
    offset: u64,
}

impl Reader {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, number: 0, offset: 0 }
    }

    /// The last lines, none of them older than `since`. What is read on begins behind them.
    pub(crate) fn last(&mut self, most: usize, since: Option<Timestamp>) -> Vec<Entry> {
        let mut found = VecDeque::new();
        for (index, number) in files(&self.folder).into_iter().rev().enumerate() {
            // It may have gone since it was listed.
            let text = fs::read(file(&self.folder, number)).unwrap_or_default();
            let end = whole(&text);
            if index == 0 {
                self.number = number;
                self.offset = u64::try_from(end).unwrap_or(u64::MAX);
            }
            for line in text[..end].split(|byte| *byte == b'\n').rev().filter_map(entry) {
                if found.len() >= most || since.is_some_and(|since| line.at < since) {
                    return found.into();
                }
                found.push_front(line);
            }
        }
        found.into()
    }

    /// What was added, or the next of it. Nothing if there is nothing.
    pub(crate) fn more(&mut self) -> Vec<Entry> {
        loop {
            let lines = self.rest().unwrap_or_default();
            if !lines.is_empty() {
                return lines;
            }
            // A file is never written again when there is a next one.
            let Some(next) = files(&self.folder).into_iter().find(|next| *next > self.number)
            else {
                return Vec::new();
            };
            // Whatever came between the last look at this one and the beginning of the next.
            let lines = self.rest().unwrap_or_default();
            if !lines.is_empty() {
                return lines;
            }
            self.number = next;
            self.offset = 0;
        }
    }

    fn rest(&mut self) -> std::io::Result<Vec<Entry>> {
        let mut file = File::open(file(&self.folder, self.number))?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut text = Vec::new();
        file.take(CHUNK).read_to_end(&mut text)?;
        let end = whole(&text);
        self.offset += u64::try_from(end).unwrap_or(0);
        Ok(text[..end].split(|byte| *byte == b'\n').filter_map(entry).collect())
    }
}

/// The last lines for people, one below the other.
pub(crate) fn last_lines(folder: &Path, most: usize) -> String {
    let lines = Reader::new(folder.to_owned()).last(most, None);
    lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
}

/// Where the last whole line ends.
fn whole(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
}

/// None if it is no line of ours: whoever wrote it was killed meanwhile.
fn entry(line: &[u8]) -> Option<Entry> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let at = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let &[letter] = parts.next()? else { return None };
    let source = match letter.to_ascii_lowercase() {
        b'o' => Source::Stdout,
        b'e' => Source::Stderr,
        b'k' => Source::Keeper,
        _ => return None,
    };
    let split = letter.is_ascii_uppercase();
    Some(Entry { at, source, split, text: readable(parts.next()?) })
}

fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

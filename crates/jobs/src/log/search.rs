//! Searching a whole log.

use std::ops::ControlFlow;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use super::{Line, LogError, LogReader};

/// What is looked for: a text within a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    pub text: String,
    pub ignore_case: bool,
    pub step: Option<u32>,
}

enum Needle {
    Exact(Box<memmem::Finder<'static>>),
    /// ASCII, found in one pass whatever its case.
    AnyCase(AhoCorasick),
    /// In lower case. Its letters may change their length with their case, so each line has to be
    /// turned into lower case, too.
    AnyCaseOfAnyScript(String),
}

impl LogReader {
    /// Shows the lines that hold a text, step by step as they were written.
    pub fn search(
        &mut self,
        search: &Search,
        visit: &mut dyn FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let Some(needle) = Needle::new(search) else { return Ok(()) };
        let places: Vec<_> = self.index.frames(search.step).collect();
        for place in places {
            // What is damaged cannot be searched; reading it shows a gap.
            if !self.load(place)? {
                continue;
            }
            let mut cursor = self.decoder.cursor();
            while let Some(found) = needle.find(&self.decoder.text, cursor.at) {
                cursor.skip_to(found);
                let Some(line) = cursor.next_line() else { break };
                if visit(line).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Needle {
    /// Nothing, or more than a line, is in no line.
    fn new(search: &Search) -> Option<Self> {
        let text = &search.text;
        if text.is_empty() || text.contains('\n') {
            return None;
        }
        if !search.ignore_case {
            let finder = memmem::Finder::new(text.as_bytes()).into_owned();
            return Some(Self::Exact(Box::new(finder)));
        }
        let any_case = AhoCorasick::builder().ascii_case_insensitive(true).build([text]);
        match any_case {
            Ok(finder) if text.is_ascii() => Some(Self::AnyCase(finder)),
            _ => Some(Self::AnyCaseOfAnyScript(text.to_lowercase())),
        }
    }

    /// The first byte of a hit at or behind a line's beginning.
    fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = &text[from..];
        let found = match self {
            Self::Exact(finder) => finder.find(rest)?,
            Self::AnyCase(finder) => finder.find(rest)?.start(),
            Self::AnyCaseOfAnyScript(needle) => {
                let mut at = 0;
                let mut lines = rest.split_inclusive(|byte| *byte == b'\n');
                lines.find_map(|line| {
                    let begin = at;
                    at += line.len();
                    let line = String::from_utf8_lossy(line).to_lowercase();
                    line.contains(needle).then_some(begin)
                })?
            }
        };
        Some(from + found)
    }
}

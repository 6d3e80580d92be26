//! Two slips that old parsers let pass, and that files live on: a comment that no space sets off,
//! and lines of a quoted text that are not indented. Spaces mend both, and every place is told as
//! it is in the file.

use granit_parser::{ErrorKind, ScanError};

use super::Limits;
use super::record::{Step, parser};
use crate::source::{Finding, Span};

/// Beyond this many slips a file is refused like any other.
const MOST: usize = 50;

/// A text with spaces put in.
pub(super) struct Mended {
    text: String,
    /// Where spaces begin, and how many they are; in order.
    spaces: Vec<(usize, usize)>,
}

/// The text without its slips, if those are all that is wrong with it.
pub(super) fn mended(text: &str, error: &ScanError, limits: &Limits) -> Option<Mended> {
    let indent = text.lines().map(|line| line.len() - line.trim_start_matches(' ').len()).max()?;
    let mut mended = Mended { text: text.to_owned(), spaces: Vec::new() };
    mended.mend(error, indent)?;
    while mended.spaces.len() < MOST {
        let Some(error) = parser(&mended.text, limits).find_map(Result::err) else {
            return Some(mended);
        };
        mended.mend(&error, indent)?;
    }
    None
}

impl Mended {
    fn mend(&mut self, error: &ScanError, indent: usize) -> Option<()> {
        let count = match error.kind() {
            ErrorKind::CommentNotSeparated => 1,
            // Beyond every other line, so beyond whatever the text belongs to.
            ErrorKind::InvalidQuotedScalarIndent => indent + 1,
            _ => return None,
        };
        let at = error.marker().byte_offset()?;
        if !self.text.is_char_boundary(at) || self.spaces.last().is_some_and(|last| at < last.0) {
            return None;
        }
        self.text.insert_str(at, &" ".repeat(count));
        self.spaces.push((at, count));
        Some(())
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn place(&self, steps: &mut [Step<'_>]) {
        for step in steps {
            let span = match step {
                Step::Scalar { span, .. }
                | Step::Open { span, .. }
                | Step::Close { span }
                | Step::Alias { span, .. } => span,
            };
            *span = self.placed_span(*span);
        }
    }

    pub(super) fn placed(&self, mut finding: Finding) -> Finding {
        finding.span = self.placed_span(finding.span);
        for (span, _) in &mut finding.further {
            *span = self.placed_span(*span);
        }
        finding
    }

    fn placed_span(&self, span: Span) -> Span {
        Span::new(self.offset(span.start), self.offset(span.end))
    }

    fn offset(&self, mended: usize) -> usize {
        let before = self.spaces.iter().take_while(|(at, _)| *at < mended);
        mended - before.map(|(at, count)| (*count).min(mended - at)).sum::<usize>()
    }
}

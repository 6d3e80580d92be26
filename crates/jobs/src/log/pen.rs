//! What one step has written that is not on the disk yet.

use super::frame::{Cut, Run};

/// A frame is written when its text has grown to this.
pub(super) const FRAME: usize = 256 << 10;

/// How much of a step's end is kept when the log is full, up to twice that: what went wrong is
/// mostly said last.
const TAIL: usize = 128 << 10;

/// One step's lines on their way to the disk.
#[derive(Debug, Default)]
pub(super) struct Pen {
    pub(super) batch: Batch,
    /// Only while the log is full.
    pub(super) tail: Option<Tail>,
    pub(super) counted: super::Stored,
    /// The number of the next line.
    pub(super) next: u64,
}

/// Lines that will be a frame.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The number of the first line.
    pub(super) first: u64,
    pub(super) lines: u64,
    pub(super) text: Vec<u8>,
    pub(super) runs: Vec<Run>,
    pub(super) cuts: Vec<Cut>,
}

impl Batch {
    fn at(first: u64) -> Self {
        Self { first, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.text.len() >= FRAME
    }

    /// When the oldest line came.
    pub(super) fn since(&self) -> Option<i64> {
        self.runs.first().map(|run| run.at)
    }

    /// Takes in as many of these whole lines as fit, at least one, and leaves the rest.
    pub(super) fn take<'a>(&mut self, at: i64, lines: &'a [u8]) -> &'a [u8] {
        let room = FRAME.saturating_sub(self.text.len());
        let fitting = if lines.len() <= room {
            lines.len()
        } else {
            let last = memchr::memrchr(b'\n', &lines[..room]);
            let end = last.or_else(|| memchr::memchr(b'\n', lines));
            end.map_or(lines.len(), |end| end + 1)
        };
        let (taken, rest) = lines.split_at(fitting);
        let count = memchr::memchr_iter(b'\n', taken).count() as u64;
        self.text.extend_from_slice(taken);
        self.note(at, count);
        rest
    }

    pub(super) fn take_line(&mut self, at: i64, line: &[u8], length: u64) {
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        if length > line.len() as u64 {
            self.cuts.push(Cut { line: self.lines, length });
        }
        self.note(at, 1);
    }

    fn note(&mut self, at: i64, lines: u64) {
        self.lines += lines;
        match self.runs.last_mut() {
            Some(last) if last.at == at => last.lines += lines,
            _ => self.runs.push(Run { at, lines }),
        }
    }

    /// Empties it for the lines that come next; what it has allocated it keeps.
    pub(super) fn begin(&mut self, first: u64) {
        self.first = first;
        self.lines = 0;
        self.text.clear();
        self.runs.clear();
        self.cuts.clear();
    }
}

/// The end of what a step wrote after the log was full.
#[derive(Debug)]
pub(super) struct Tail {
    /// The first line that is lost, how many are, and their bytes.
    pub(super) first: u64,
    pub(super) lost: u64,
    pub(super) lost_bytes: u64,
    pub(super) older: Batch,
    pub(super) newer: Batch,
}

impl Tail {
    pub(super) fn new(first: u64) -> Self {
        Self { first, lost: 0, lost_bytes: 0, older: Batch::at(first), newer: Batch::at(first) }
    }

    /// What is to be added to; what is too old is lost.
    pub(super) fn batch(&mut self) -> &mut Batch {
        if self.newer.text.len() >= TAIL {
            self.lost += self.older.lines;
            self.lost_bytes += self.older.text.len() as u64;
            std::mem::swap(&mut self.older, &mut self.newer);
            let next = self.older.first + self.older.lines;
            self.newer.begin(next);
        }
        &mut self.newer
    }
}

//! Reading lines, also while others are written.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use zstd::bulk::Decompressor;

use super::frame::{self, Cut, HEAD, Kind, Run};
use super::index::{Index, Place, StepLines};
use super::item::{Gap, Item, Line};
use super::{FILE, LogError};

/// Reads a log, also while it is written.
pub struct LogReader {
    file: File,
    path: PathBuf,
    pub(super) index: Index,
    pub(super) decoder: Decoder,
}

/// Who is shown what is read, and says when it is enough.
pub type Visit<'a> = dyn FnMut(Item<'_>) -> ControlFlow<()> + 'a;

const DAMAGED: &str = "this part of the log is damaged";
const NEVER_WRITTEN: &str = "this part of the log could not be written";

impl LogReader {
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        let path = folder.join(FILE);
        let open = || Ok((File::open(&path)?, Decoder::new()?));
        let (file, decoder) =
            open().map_err(|why| LogError::Io { what: "open", path: path.clone(), why })?;
        let mut reader = Self { file, path, index: Index::default(), decoder };
        reader.refresh()?;
        Ok(reader)
    }

    /// Takes in what was written since; tells whether anything was.
    pub fn refresh(&mut self) -> Result<bool, LogError> {
        self.index.grow(&self.file).map_err(|error| self.unreadable(error))
    }

    /// The steps that have lines, in the order of their first.
    pub fn steps(&self) -> Vec<StepLines> {
        self.index.steps()
    }

    /// Whether the job says no more. A log whose writer was killed never says so.
    pub fn is_finished(&self) -> bool {
        self.index.is_finished()
    }

    /// Why the log cannot be read to its end, if it cannot.
    pub fn damage(&self) -> Option<LogError> {
        let (at, why) = self.index.damage()?;
        Some(LogError::Damaged { path: self.path.clone(), at, why })
    }

    /// Shows these lines of a step, with a gap in place of those that are missing.
    pub fn read(
        &mut self,
        step: u32,
        lines: Range<u64>,
        visit: &mut Visit<'_>,
    ) -> Result<(), LogError> {
        let mut next = lines.start;
        for place in self.index.holding(step, lines.clone()) {
            let head = place.head;
            if head.first > next {
                let missing = head.first - next;
                let gap = Gap { step, number: next, lines: missing, bytes: 0, why: NEVER_WRITTEN };
                if visit(Item::Gap(gap)).is_break() {
                    return Ok(());
                }
            }
            next = next.max(head.first.saturating_add(head.lines));
            let is_decoded = match self.decoder.load(&self.file, place) {
                Ok(is_decoded) => is_decoded,
                Err(error) => return Err(self.unreadable(error)),
            };
            let flow = if !is_decoded {
                let (number, bytes) = (head.first, u64::from(head.raw));
                visit(Item::Gap(Gap { step, number, lines: head.lines, bytes, why: DAMAGED }))
            } else if head.kind == Kind::Gap {
                let (bytes, why) = frame::read_gap(&self.decoder.raw).unwrap_or((0, DAMAGED));
                let (number, lines) = (head.first, head.lines);
                visit(Item::Gap(Gap { step, number, lines, bytes, why }))
            } else {
                self.decoder.lines(&lines, &mut |line| visit(Item::Line(line)))
            };
            if flow.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The last lines of a step.
    pub fn tail(&mut self, step: u32, lines: u64, visit: &mut Visit<'_>) -> Result<(), LogError> {
        let end = self.index.lines(step);
        self.read(step, end.saturating_sub(lines)..end, visit)
    }

    /// Loads a frame of lines; whether it is sound.
    pub(super) fn load(&mut self, place: Place) -> Result<bool, LogError> {
        let loaded = self.decoder.load(&self.file, place);
        loaded.map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, why: io::Error) -> LogError {
        LogError::Io { what: "read", path: self.path.clone(), why }
    }
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader").field("path", &self.path).finish_non_exhaustive()
    }
}

/// One frame at a time, in buffers that are used again.
pub(super) struct Decoder {
    decompressor: Decompressor<'static>,
    place: Option<Place>,
    /// Details and text as they are in the file.
    raw: Vec<u8>,
    pub(super) text: Vec<u8>,
    runs: Vec<Run>,
    cuts: Vec<Cut>,
}

impl Decoder {
    fn new() -> io::Result<Self> {
        Ok(Self {
            decompressor: Decompressor::new()?,
            place: None,
            raw: Vec::new(),
            text: Vec::new(),
            runs: Vec::new(),
            cuts: Vec::new(),
        })
    }

    fn load(&mut self, file: &File, place: Place) -> io::Result<bool> {
        let head = place.head;
        let (details, stored) = (head.details as usize, head.stored as usize);
        self.place = Some(place);
        self.raw.resize(details + stored, 0);
        file.read_exact_at(&mut self.raw, place.at + HEAD as u64)?;
        if head.kind == Kind::Gap {
            return Ok(true);
        }
        self.text.clear();
        self.text.reserve(head.raw as usize);
        let decoded = self.decompressor.decompress_to_buffer(&self.raw[details..], &mut self.text);
        let noted = frame::read_details(&self.raw[..details], head.first_at);
        let (Ok(length), Some((runs, cuts))) = (decoded, noted) else { return Ok(false) };
        let lines = memchr::memchr_iter(b'\n', &self.text).count() as u64;
        let timed: u64 = runs.iter().fold(0, |sum, run| sum.saturating_add(run.lines));
        (self.runs, self.cuts) = (runs, cuts);
        Ok(length == head.raw as usize && lines == head.lines && timed == lines)
    }

    /// Shows those of the loaded lines that are wanted.
    fn lines(
        &self,
        wanted: &Range<u64>,
        visit: &mut dyn FnMut(Line<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(place) = self.place else { return ControlFlow::Continue(()) };
        let first = place.head.first;
        let mut cursor = self.cursor();
        cursor.skip(wanted.start.saturating_sub(first));
        while first + cursor.line < wanted.end {
            let Some(line) = cursor.next_line() else { break };
            visit(line)?;
        }
        ControlFlow::Continue(())
    }

    pub(super) fn cursor(&self) -> Cursor<'_> {
        let (step, first) = self.place.map_or((0, 0), |place| (place.head.step, place.head.first));
        Cursor { decoder: self, step, first, line: 0, at: 0, run: 0, timed: 0, cut: 0 }
    }
}

/// Goes through the lines of a frame from its first to its last.
pub(super) struct Cursor<'a> {
    decoder: &'a Decoder,
    step: u32,
    first: u64,
    /// The next line, and where it begins.
    line: u64,
    pub(super) at: usize,
    /// The run that the next line is in, and how many lines are in those before it.
    run: usize,
    timed: u64,
    cut: usize,
}

impl<'a> Cursor<'a> {
    fn skip(&mut self, lines: u64) {
        let Some(before) = lines.checked_sub(1) else { return };
        let text = &self.decoder.text[self.at..];
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        self.at += memchr::memchr_iter(b'\n', text).nth(before).map_or(text.len(), |end| end + 1);
        self.line += lines;
    }

    /// Goes to the line that holds a byte at or behind the next line's beginning.
    pub(super) fn skip_to(&mut self, byte: usize) {
        let passed = &self.decoder.text[self.at..byte];
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        if let Some(end) = memchr::memrchr(b'\n', passed) {
            self.at += end + 1;
        }
    }

    pub(super) fn next_line(&mut self) -> Option<Line<'a>> {
        let decoder = self.decoder;
        let text = &decoder.text[self.at..];
        let length = memchr::memchr(b'\n', text)?;
        while self.timed + decoder.runs.get(self.run)?.lines <= self.line {
            self.timed += decoder.runs[self.run].lines;
            self.run += 1;
        }
        while decoder.cuts.get(self.cut).is_some_and(|cut| cut.line < self.line) {
            self.cut += 1;
        }
        let cut = decoder.cuts.get(self.cut).filter(|cut| cut.line == self.line);
        let line = Line {
            step: self.step,
            number: self.first + self.line,
            at: frame::time(decoder.runs[self.run].at),
            text: &text[..length],
            cut_from: cut.map(|cut| cut.length),
        };
        self.line += 1;
        self.at += length + 1;
        Some(line)
    }
}

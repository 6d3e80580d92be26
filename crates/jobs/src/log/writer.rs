//! Writing frames.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use super::frame::{self, Head, Kind};
use super::pen::{Batch, Pen, Tail};
use super::{FLUSH_AFTER, LONGEST_LINE, LogError, LogLimits, LogSummary, Stored};

/// The fastest level that still makes a tenth of most logs.
const LEVEL: i32 = 1;

/// What remains for what is most worth keeping when a log is full: gaps and the ends of steps.
const RESERVE: u64 = 1 << 20;

const FULL: &str = "the log is full";

pub(super) struct Writer {
    file: File,
    path: PathBuf,
    limits: LogLimits,
    compressor: Compressor<'static>,
    /// Frames are made here, so that each is written by one call.
    frame: Vec<u8>,
    /// What is on the disk, and what it was before compression.
    stored: u64,
    raw: u64,
    /// What waits in the steps' batches.
    waiting: u64,
    pens: BTreeMap<u32, Pen>,
    trouble: Option<String>,
    is_finished: bool,
}

impl Writer {
    pub(super) fn create(folder: &Path, limits: LogLimits) -> Result<Self, LogError> {
        let path = folder.join(super::FILE);
        let create = || {
            std::fs::create_dir_all(folder)?;
            let file = File::options().write(true).create_new(true).open(&path)?;
            let mut compressor = Compressor::new(LEVEL)?;
            compressor.set_parameter(CParameter::ChecksumFlag(true))?;
            Ok((file, compressor))
        };
        let (file, compressor) =
            create().map_err(|why| LogError::Io { what: "create", path: path.clone(), why })?;
        Ok(Self {
            file,
            path,
            limits,
            compressor,
            frame: Vec::new(),
            stored: 0,
            raw: 0,
            waiting: 0,
            pens: BTreeMap::new(),
            trouble: None,
            is_finished: false,
        })
    }

    pub(super) fn lines(&mut self, step: u32, at: Timestamp, mut lines: &[u8]) {
        let at = at.as_microsecond();
        while !lines.is_empty() {
            let batch = self.batch(step);
            let (before, count) = (lines.len(), batch.lines);
            lines = batch.take(at, lines);
            let (count, bytes) = (batch.lines - count, (before - lines.len()) as u64);
            self.took(step, count, bytes);
        }
    }

    pub(super) fn line(&mut self, step: u32, at: Timestamp, line: &[u8], length: u64) {
        let line = &line[..line.len().min(LONGEST_LINE)];
        self.batch(step).take_line(at.as_microsecond(), line, length);
        self.took(step, 1, line.len() as u64 + 1);
    }

    pub(super) fn flush_old(&mut self, step: u32, now: Timestamp) -> Option<Duration> {
        let since = self.pens.get(&step)?.batch.since()?;
        let age = now.as_microsecond().saturating_sub(since);
        // A clock that was set back must not hold lines up.
        let age = u64::try_from(age).map_or(FLUSH_AFTER, Duration::from_micros);
        let left = FLUSH_AFTER.checked_sub(age).filter(|left| !left.is_zero());
        if left.is_none() {
            self.write_batch(step);
        }
        left
    }

    pub(super) fn flush(&mut self) {
        let steps: Vec<u32> = self.pens.keys().copied().collect();
        for step in steps {
            self.write_batch(step);
        }
    }

    pub(super) fn end_step(&mut self, step: u32) -> Stored {
        self.write_batch(step);
        self.write_tail(step);
        let Some(pen) = self.pens.get(&step) else { return Stored::default() };
        let counted = pen.counted;
        let mut end = Head::new(Kind::StepEnd, step);
        end.first = pen.next;
        self.write(end, &[], &[]);
        counted
    }

    pub(super) fn finish(&mut self, at: Timestamp) -> LogSummary {
        let mut stored = Stored::default();
        let steps: Vec<u32> = self.pens.keys().copied().collect();
        for step in steps {
            self.write_batch(step);
            self.write_tail(step);
            let counted = self.pens[&step].counted;
            stored.lines += counted.lines;
            stored.bytes += counted.bytes;
            stored.lines_lost += counted.lines_lost;
            stored.bytes_lost += counted.bytes_lost;
        }
        if !self.is_finished {
            let mut end = Head::new(Kind::End, 0);
            (end.first_at, end.last_at) = (at.as_microsecond(), at.as_microsecond());
            self.write(end, &[], &[]);
            if self.limits.durable
                && let Err(error) = self.file.sync_data()
            {
                self.trouble.get_or_insert_with(|| error.to_string());
            }
            self.is_finished = true;
        }
        LogSummary { stored, trouble: self.trouble.clone() }
    }

    /// What the next lines of a step are added to.
    fn batch(&mut self, step: u32) -> &mut Batch {
        let is_full = self.is_full();
        if is_full {
            self.write_batch(step);
        }
        let pen = self.pens.entry(step).or_default();
        if is_full && pen.tail.is_none() {
            pen.tail = Some(Tail::new(pen.next));
        }
        match &mut pen.tail {
            Some(tail) => tail.batch(),
            None => &mut pen.batch,
        }
    }

    fn took(&mut self, step: u32, lines: u64, bytes: u64) {
        let pen = self.pens.entry(step).or_default();
        pen.next += lines;
        pen.counted.lines += lines;
        pen.counted.bytes += bytes;
        if pen.tail.is_none() {
            self.waiting += bytes;
        }
        if pen.batch.is_full() {
            self.write_batch(step);
        }
    }

    /// Whether nothing more is stored but gaps and the ends of steps.
    fn is_full(&self) -> bool {
        let full = |used: u64, limit: u64| used >= limit.saturating_sub(RESERVE.min(limit / 2));
        full(self.stored, self.limits.stored) || full(self.raw + self.waiting, self.limits.raw)
    }

    fn write_batch(&mut self, step: u32) {
        let Some(pen) = self.pens.get_mut(&step).filter(|pen| !pen.batch.is_empty()) else {
            return;
        };
        let mut batch = std::mem::take(&mut pen.batch);
        self.waiting -= batch.text.len() as u64;
        if !self.write_lines(step, &batch) {
            let why = self.trouble.clone().unwrap_or_default();
            self.lost(step, batch.first, batch.lines, batch.text.len() as u64, &why);
        }
        let pen = self.pens.get_mut(&step).expect("it was there just now");
        batch.begin(pen.next);
        pen.batch = batch;
    }

    /// Writes what is kept of a step that went on when the log was full, behind its gap.
    fn write_tail(&mut self, step: u32) {
        let Some(tail) = self.pens.get_mut(&step).and_then(|pen| pen.tail.take()) else { return };
        if tail.lost > 0 {
            self.lost(step, tail.first, tail.lost, tail.lost_bytes, FULL);
        }
        for batch in [tail.older, tail.newer] {
            if batch.is_empty() {
                continue;
            }
            // A job with thousands of steps must not outgrow the limit by their ends.
            let has_room = self.stored + batch.text.len() as u64 <= self.limits.stored;
            if !has_room || !self.write_lines(step, &batch) {
                self.lost(step, batch.first, batch.lines, batch.text.len() as u64, FULL);
            }
        }
        let pen = self.pens.get_mut(&step).expect("it was there just now");
        pen.batch.begin(pen.next);
    }

    fn lost(&mut self, step: u32, first: u64, lines: u64, bytes: u64, why: &str) {
        if let Some(pen) = self.pens.get_mut(&step) {
            pen.counted.lines -= lines;
            pen.counted.bytes -= bytes;
            pen.counted.lines_lost += lines;
            pen.counted.bytes_lost += bytes;
        }
        let head = Head { first, lines, ..Head::new(Kind::Gap, step) };
        let mut details = Vec::new();
        frame::write_gap(bytes, why, &mut details);
        self.write(head, &details, &[]);
    }

    fn write_lines(&mut self, step: u32, batch: &Batch) -> bool {
        let mut details = Vec::new();
        frame::write_details(&batch.runs, &batch.cuts, &mut details);
        let mut head = Head::new(Kind::Lines, step);
        head.first = batch.first;
        head.lines = batch.lines;
        head.first_at = batch.runs.first().map_or(0, |run| run.at);
        head.last_at = batch.runs.last().map_or(0, |run| run.at);
        let is_written = self.write(head, &details, &batch.text);
        if is_written {
            self.raw += batch.text.len() as u64;
        }
        is_written
    }

    /// Writes a frame whole, or takes back what it has written of it.
    fn write(&mut self, mut head: Head, details: &[u8], text: &[u8]) -> bool {
        if self.is_finished {
            return false;
        }
        let written = self.make_frame(&mut head, details, text).and_then(|()| {
            let frame = &self.frame;
            self.file.write_all(frame)
        });
        match written {
            Ok(()) => {
                self.stored += self.frame.len() as u64;
                true
            }
            Err(error) => {
                let path = self.path.display();
                self.trouble.get_or_insert_with(|| format!("{path} cannot be written: {error}"));
                let back = self.file.set_len(self.stored);
                let _ = back.and_then(|()| {
                    io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.stored))
                });
                false
            }
        }
    }

    fn make_frame(&mut self, head: &mut Head, details: &[u8], text: &[u8]) -> io::Result<()> {
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        head.details = u32::try_from(details.len()).map_err(too_large)?;
        head.raw = u32::try_from(text.len()).map_err(too_large)?;
        self.frame.clear();
        let start = frame::HEAD + details.len();
        self.frame.resize(start + compress_bound(text.len()), 0);
        let mut length = 0;
        if !text.is_empty() {
            length = self.compressor.compress_to_buffer(text, &mut self.frame[start..])?;
        }
        self.frame.truncate(start + length);
        head.stored = u32::try_from(length).map_err(too_large)?;
        let mut front = Vec::with_capacity(start);
        head.write(details, &mut front);
        self.frame[..start].copy_from_slice(&front);
        Ok(())
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("path", &self.path)
            .field("stored", &self.stored)
            .field("raw", &self.raw)
            .finish_non_exhaustive()
    }
}

//! The hot path, first half: bytes from a pipe are cut into lines.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use jiff::Timestamp;
use memchr::{memchr, memchr_iter, memmem, memrchr};

use super::Attention;
use super::lines::{Lines, Told};
use crate::log::LONGEST_LINE;

/// What is read at once, if that much is there.
const READ: usize = 256 << 10;

/// Reads what a step prints, and has it logged line by line. However much comes, and be it one
/// line, it holds no more than a few times [`LONGEST_LINE`].
pub(super) struct Pump {
    lines: Lines,
    /// What was read: lines, and the beginning of one that is not whole yet.
    raw: Vec<u8>,
    filled: usize,
    /// Up to where there is no line end.
    searched: usize,
    /// Lines without carriage returns, if there were any.
    clean: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Some,
    Nothing,
    /// Nobody can print any more.
    End,
}

impl Pump {
    pub(super) fn new(attention: &Attention<'_>) -> Self {
        let (raw, clean) = (vec![0; READ], Vec::new());
        Self { lines: Lines::new(attention), raw, filled: 0, searched: 0, clean }
    }

    /// Reads once.
    pub(super) fn read(
        &mut self,
        output: BorrowedFd<'_>,
        now: Timestamp,
        listener: Told<'_>,
    ) -> io::Result<Read> {
        if self.raw.len() < self.filled + READ {
            self.raw.resize(self.filled + READ, 0);
        }
        let room = &mut self.raw[self.filled..self.filled + READ];
        match rustix::io::read(output, room) {
            Ok(0) => return Ok(Read::End),
            Ok(read) => self.filled += read,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(Read::Nothing),
            Err(error) => return Err(error.into()),
        }
        self.take_lines(now, listener);
        Ok(Read::Some)
    }

    /// Makes readable what has waited long enough, or tells how much longer it may wait.
    pub(super) fn flush_old(&self, now: Timestamp) -> Option<Duration> {
        self.lines.flush_old(now)
    }

    /// Makes readable what has come by now, but for the beginning of a line.
    pub(super) fn flush(&mut self, now: Timestamp) {
        self.lines.flush(now);
    }

    /// Logs what is left: nothing comes any more.
    pub(super) fn end(mut self, now: Timestamp, listener: Told<'_>) {
        if self.filled > 0 || self.lines.is_in_long_line() {
            self.raw.truncate(self.filled);
            self.raw.push(b'\n');
            self.filled += 1;
            self.take_lines(now, listener);
        }
        self.flush(now);
    }

    /// Takes the whole lines that were read, and leaves the beginning of the next one.
    fn take_lines(&mut self, now: Timestamp, listener: Told<'_>) {
        let raw = std::mem::take(&mut self.raw);
        let read = &raw[..self.filled];
        let mut start = 0;
        if self.lines.is_in_long_line() {
            let end = memchr(b'\n', read);
            self.lines.go_on_with_long_line(&read[..end.unwrap_or(read.len())]);
            if end.is_some() {
                self.lines.end_long_line(now);
            }
            start = end.map_or(read.len(), |end| end + 1);
        }
        let unsearched = self.searched.max(start);
        if let Some(end) = memrchr(b'\n', &read[unsearched..]) {
            let end = unsearched + end + 1;
            self.take(now, &read[start..end], listener);
            start = end;
        }
        if read.len() - start > LONGEST_LINE {
            self.lines.begin_long_line(now);
            self.lines.go_on_with_long_line(&read[start..]);
            start = read.len();
        }
        let rest = start..read.len();
        self.raw = raw;
        self.filled = rest.len();
        self.searched = rest.len();
        if start > 0 {
            self.raw.copy_within(rest, 0);
        }
    }

    fn take(&mut self, now: Timestamp, lines: &[u8], listener: Told<'_>) {
        if memmem::find(lines, b"\r\n").is_none() {
            self.lines.take(now, lines, listener);
            return;
        }
        self.clean.clear();
        let mut start = 0;
        for end in memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            self.clean.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            self.clean.push(b'\n');
            start = end + 1;
        }
        self.lines.take(now, &self.clean, listener);
    }
}

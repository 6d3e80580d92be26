//! The hot path: bytes from a pipe become lines in a log.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use jiff::Timestamp;
use memchr::{memchr, memchr_iter, memmem, memrchr};
use model::pipeline::Annotation;

use super::{Attention, Listener};
use crate::command::{Command, Matching, Reader, Shown, tag};
use crate::log::{LONGEST_LINE, Log};
use crate::mask::{Masks, Stream};

/// What is read at once, if that much is there.
const READ: usize = 256 << 10;

/// Reads what a step prints, and logs it line by line, masked. However much comes, and be it one
/// line, it holds no more than a few times [`LONGEST_LINE`].
pub(super) struct Pump {
    step: u32,
    log: Log,
    masks: Masks,
    stream: Stream,
    reader: Reader,
    matching: Matching,
    /// What was read: lines, and the beginning of one that is not whole yet.
    raw: Vec<u8>,
    filled: usize,
    /// Up to where there is no line end.
    searched: usize,
    /// Lines without carriage returns, if there were any.
    clean: Vec<u8>,
    /// What was masked and is not logged yet, because its line is not whole.
    masked: Vec<u8>,
    /// The line that is too long to be kept whole, while it goes on.
    long: Option<Long>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Some,
    Nothing,
    /// Nobody can print any more.
    End,
}

/// A line that is longer than lines are kept.
#[derive(Default)]
struct Long {
    length: u64,
    /// More came of it, masked, than is kept.
    is_cut: bool,
}

type Told<'a> = Option<&'a mut dyn Listener>;

impl Pump {
    pub(super) fn new(attention: &Attention<'_>) -> Self {
        Self {
            step: attention.step,
            log: attention.log.clone(),
            masks: attention.masks.clone(),
            stream: attention.masks.stream(),
            reader: Reader::default(),
            matching: Matching::new(attention.matchers),
            raw: vec![0; READ],
            filled: 0,
            searched: 0,
            clean: Vec::new(),
            masked: Vec::new(),
            long: None,
        }
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
    pub(super) fn flush_old(&mut self, now: Timestamp) -> Option<Duration> {
        self.log.flush_old(self.step, now)
    }

    /// Makes readable what has come by now, but for the beginning of a line.
    pub(super) fn flush(&mut self, now: Timestamp) {
        if self.long.is_none() {
            self.stream.finish(&mut self.masked);
            self.log_masked(now);
        }
        self.log.flush();
    }

    /// Logs what is left: nothing comes any more.
    pub(super) fn end(mut self, now: Timestamp, listener: Told<'_>) {
        if self.filled > 0 || self.long.is_some() {
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
        let mut start = 0;
        if self.long.is_some() {
            start = self.go_on_with_long_line(now, &raw[..self.filled]);
        }
        let end = memrchr(b'\n', &raw[self.searched.max(start)..self.filled]);
        if let Some(end) = end {
            let end = self.searched.max(start) + end + 1;
            self.lines(now, &raw[start..end], listener);
            start = end;
        }
        let rest = start..self.filled;
        self.raw = raw;
        self.filled = rest.len();
        if start > 0 {
            self.raw.copy_within(rest, 0);
        }
        self.searched = self.filled;
        if self.filled > LONGEST_LINE {
            self.begin_long_line(now);
        }
    }

    /// Takes whole lines. Nearly all of them go to the log as they are, many at once.
    fn lines(&mut self, now: Timestamp, lines: &[u8], mut listener: Told<'_>) {
        if memmem::find(lines, b"\r\n").is_none() {
            self.clean_lines(now, lines, &mut listener);
            return;
        }
        let mut clean = std::mem::take(&mut self.clean);
        clean.clear();
        let mut start = 0;
        for end in memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            clean.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            clean.push(b'\n');
            start = end + 1;
        }
        self.clean_lines(now, &clean, &mut listener);
        self.clean = clean;
    }

    fn clean_lines(&mut self, now: Timestamp, lines: &[u8], listener: &mut Told<'_>) {
        let is_matching = !self.matching.is_idle();
        let (mut start, mut plain) = (0, 0);
        for end in memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            let is_odd = Reader::is_candidate(line) || line.len() > LONGEST_LINE || is_matching;
            if is_odd {
                self.plain(now, &lines[plain..start]);
                self.odd_line(now, line, listener);
                plain = end + 1;
            }
            start = end + 1;
        }
        self.plain(now, &lines[plain..]);
    }

    /// Whole lines that are output and nothing else.
    fn plain(&mut self, now: Timestamp, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        if self.masked.is_empty() && self.stream.is_idle() {
            self.log.lines(self.step, now, lines);
            return;
        }
        self.stream.push(lines, &mut self.masked);
        self.log_masked(now);
    }

    /// A line that has to be looked at by itself.
    fn odd_line(&mut self, now: Timestamp, line: &[u8], listener: &mut Told<'_>) {
        if line.len() > LONGEST_LINE {
            self.end_of_lines(now);
            self.long = Some(Long::default());
            self.long_line(line);
            self.end_long_line(now);
            return;
        }
        let text = String::from_utf8_lossy(line);
        let command = Reader::is_candidate(line).then(|| self.reader.read(&text)).flatten();
        if let Some(command) = command {
            self.end_of_lines(now);
            match self.obey(command, listener) {
                Shown::Hidden => {}
                Shown::AsIs => self.log.line(self.step, now, &self.masks.mask(&text)),
                Shown::Line(shown) => self.log.line(self.step, now, &self.masks.mask(&shown)),
            }
            return;
        }
        let found = match listener {
            Some(listener) if !self.matching.is_idle() => {
                let found = self.matching.find(line);
                found.map(|found| (masked(found, &self.masks), listener))
            }
            _ => None,
        };
        match found {
            Some((found, listener)) => {
                self.end_of_lines(now);
                let shown = format!("##[{}]{text}", tag(found.level));
                self.log.line(self.step, now, &self.masks.mask(&shown));
                listener.found(found);
            }
            None => {
                self.stream.push(line, &mut self.masked);
                self.stream.push(b"\n", &mut self.masked);
                self.log_masked(now);
            }
        }
    }

    fn obey(&mut self, command: Command, listener: &mut Told<'_>) -> Shown {
        match command {
            Command::AddMask(value) => {
                self.masks.add(&value);
                Shown::Hidden
            }
            Command::StopCommands | Command::ResumeCommands => Shown::AsIs,
            command => match listener {
                Some(listener) => listener.command(match command {
                    Command::Annotation(annotation) => {
                        Command::Annotation(masked(annotation, &self.masks))
                    }
                    command => command,
                }),
                None => Shown::AsIs,
            },
        }
    }

    /// What comes now is not part of a secret that has begun before.
    fn end_of_lines(&mut self, now: Timestamp) {
        self.stream.finish(&mut self.masked);
        self.log_masked(now);
    }

    /// Logs the whole lines of what is masked.
    fn log_masked(&mut self, now: Timestamp) {
        let Some(end) = memrchr(b'\n', &self.masked) else { return };
        self.log.lines(self.step, now, &self.masked[..=end]);
        self.masked.drain(..=end);
    }

    /// What is held is a line that is longer than lines are kept.
    fn begin_long_line(&mut self, now: Timestamp) {
        let raw = std::mem::take(&mut self.raw);
        self.end_of_lines(now);
        self.long = Some(Long::default());
        self.long_line(&raw[..self.filled]);
        self.raw = raw;
        (self.filled, self.searched) = (0, 0);
    }

    /// Goes on with a long line; where it ends, if it does, or all of it.
    fn go_on_with_long_line(&mut self, now: Timestamp, bytes: &[u8]) -> usize {
        match memchr(b'\n', bytes) {
            Some(end) => {
                self.long_line(&bytes[..end]);
                self.end_long_line(now);
                end + 1
            }
            None => {
                self.long_line(bytes);
                bytes.len()
            }
        }
    }

    fn long_line(&mut self, bytes: &[u8]) {
        let Some(long) = &mut self.long else { return };
        long.length += bytes.len() as u64;
        // It is masked before it is cut, so that no piece of a secret stands at its end.
        self.stream.push(bytes, &mut self.masked);
        long.is_cut |= self.masked.len() > LONGEST_LINE;
        self.masked.truncate(LONGEST_LINE);
    }

    fn end_long_line(&mut self, now: Timestamp) {
        let Some(long) = self.long.take() else { return };
        self.stream.finish(&mut self.masked);
        if long.is_cut || self.masked.len() > LONGEST_LINE {
            self.masked.truncate(LONGEST_LINE);
            let kept = whole_characters(&self.masked);
            self.log.cut_line(self.step, now, kept, long.length);
        } else {
            self.masked.push(b'\n');
            self.log.lines(self.step, now, &self.masked);
        }
        self.masked.clear();
    }
}

/// The text without the first bytes of a character that was cut.
fn whole_characters(bytes: &[u8]) -> &[u8] {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let Some(back) = tail.iter().rev().position(|byte| byte & 0xc0 != 0x80) else { return bytes };
    let (at, first) = (bytes.len() - back - 1, tail[tail.len() - back - 1]);
    let length = match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    if length > back + 1 { &bytes[..at] } else { bytes }
}

fn masked(mut annotation: Annotation, masks: &Masks) -> Annotation {
    let mask = |text: &mut String| {
        if let std::borrow::Cow::Owned(masked) = masks.mask(text) {
            *text = masked;
        }
    };
    mask(&mut annotation.message);
    annotation.title.as_mut().map(mask);
    annotation.file.as_mut().map(mask);
    annotation
}

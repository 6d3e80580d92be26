//! The hot path, second half: lines are obeyed if they are commands, masked and logged.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use memchr::{memchr_iter, memrchr};
use model::pipeline::Annotation;

use super::{Attention, Listener};
use crate::command::{Command, Matching, Reader, Shown, tag};
use crate::log::{LONGEST_LINE, Log};
use crate::mask::{Masks, Stream};

/// Who is told of commands. Nobody is of what is printed when the step is over.
pub(super) type Told<'a> = Option<&'a mut dyn Listener>;

/// What becomes of the lines of one step.
pub(super) struct Lines {
    step: u32,
    log: Log,
    masks: Masks,
    stream: Stream,
    reader: Reader,
    matching: Matching,
    /// What was masked and is not logged yet, because its line is not whole.
    masked: Vec<u8>,
    /// The line that is too long to be kept whole, while it goes on.
    long: Option<Long>,
}

#[derive(Default)]
struct Long {
    length: u64,
    /// More came of it, masked, than is kept.
    is_cut: bool,
}

impl Lines {
    pub(super) fn new(attention: &Attention<'_>) -> Self {
        Self {
            step: attention.step,
            log: attention.log.clone(),
            masks: attention.masks.clone(),
            stream: attention.masks.stream(),
            reader: Reader::default(),
            matching: Matching::new(attention.matchers),
            masked: Vec::new(),
            long: None,
        }
    }

    pub(super) fn flush_old(&self, now: Timestamp) -> Option<Duration> {
        self.log.flush_old(self.step, now)
    }

    pub(super) fn flush(&mut self, now: Timestamp) {
        if self.long.is_none() {
            self.end_of_lines(now);
        }
        self.log.flush();
    }

    /// Takes whole lines. Nearly all of them go to the log as they are, many at once.
    pub(super) fn take(&mut self, now: Timestamp, lines: &[u8], mut listener: Told<'_>) {
        let is_matching = !self.matching.is_idle();
        let (mut start, mut plain) = (0, 0);
        for end in memchr_iter(b'\n', lines) {
            let line = &lines[start..end];
            let is_odd = Reader::is_candidate(line) || line.len() > LONGEST_LINE || is_matching;
            if is_odd {
                self.take_plain(now, &lines[plain..start]);
                self.take_odd(now, line, &mut listener);
                plain = end + 1;
            }
            start = end + 1;
        }
        self.take_plain(now, &lines[plain..]);
    }

    /// Whole lines that are output and nothing else.
    fn take_plain(&mut self, now: Timestamp, lines: &[u8]) {
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
    fn take_odd(&mut self, now: Timestamp, line: &[u8], listener: &mut Told<'_>) {
        if line.len() > LONGEST_LINE {
            self.begin_long_line(now);
            self.go_on_with_long_line(line);
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
        if let Some(listener) = listener
            && !self.matching.is_idle()
            && let Some(found) = self.matching.find(line)
        {
            self.end_of_lines(now);
            let shown = format!("##[{}]{text}", tag(found.level));
            self.log.line(self.step, now, &self.masks.mask(&shown));
            listener.found(self.masked(found));
            return;
        }
        self.stream.push(line, &mut self.masked);
        self.stream.push(b"\n", &mut self.masked);
        self.log_masked(now);
    }

    fn obey(&mut self, mut command: Command, listener: &mut Told<'_>) -> Shown {
        if let Command::AddMask(value) = &command {
            self.masks.add(value);
        }
        let Some(listener) = listener else {
            let is_secret = matches!(command, Command::AddMask(_));
            return if is_secret { Shown::Hidden } else { Shown::AsIs };
        };
        if let Command::Annotation(annotation) = command {
            command = Command::Annotation(self.masked(annotation));
        }
        listener.command(command)
    }

    fn masked(&self, mut annotation: Annotation) -> Annotation {
        let mask = |text: &mut String| {
            if let Cow::Owned(masked) = self.masks.mask(text) {
                *text = masked;
            }
        };
        mask(&mut annotation.message);
        annotation.title.as_mut().map(mask);
        annotation.file.as_mut().map(mask);
        annotation
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

    pub(super) fn is_in_long_line(&self) -> bool {
        self.long.is_some()
    }

    /// The line that comes now is longer than lines are kept.
    pub(super) fn begin_long_line(&mut self, now: Timestamp) {
        self.end_of_lines(now);
        self.long = Some(Long::default());
    }

    pub(super) fn go_on_with_long_line(&mut self, bytes: &[u8]) {
        let Some(long) = &mut self.long else { return };
        long.length += bytes.len() as u64;
        // It is masked before it is cut, so that no piece of a secret stands at its end.
        self.stream.push(bytes, &mut self.masked);
        long.is_cut |= self.masked.len() > LONGEST_LINE;
        self.masked.truncate(LONGEST_LINE);
    }

    pub(super) fn end_long_line(&mut self, now: Timestamp) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_leaves_whole_characters() {
        for text in ["", "a", "\u{e4}", "\u{20ac}", "\u{1f600}", "a\u{1f600}", "\u{e4}\u{20ac}b"] {
            for end in 0..=text.len() {
                let kept = whole_characters(&text.as_bytes()[..end]);
                let whole = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap();
                assert_eq!(kept, &text.as_bytes()[..whole], "{text} {end}");
            }
        }
        assert_eq!(whole_characters(b"\x80\x80\x80\x80"), b"\x80\x80\x80\x80");
    }
}

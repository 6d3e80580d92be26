//! What a program prints, cut into lines.

use std::os::fd::OwnedFd;

use ports::clock::{Clock as _, SystemClock};
use rustix::io::Errno;

use crate::logs::Writer;

/// A longer line is split.
const MOST_LINE: usize = 16 << 10;

/// How much is read at a time.
const CHUNK: usize = 16 << 10;

/// One stream of a program.
#[derive(Debug)]
pub(super) struct Output {
    name: u8,
    /// A line of which the end is not there yet.
    begun: Vec<u8>,
    pub(super) is_over: bool,
}

impl Output {
    pub(super) fn new(name: u8) -> Self {
        Self { name, begun: Vec::new(), is_over: false }
    }

    /// Takes what there is now.
    pub(super) fn read(&mut self, from: &OwnedFd, log: &mut Writer) {
        let mut chunk = [0; CHUNK];
        match rustix::io::read(from, &mut chunk) {
            Ok(0) => self.is_over = true,
            Ok(count) => self.take(&chunk[..count], log),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.is_over = true,
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&mut self, log: &mut Writer) {
        log.begin(SystemClock.now());
        if !self.begun.is_empty() {
            log.line(self.name, false, &self.begun);
            self.begun.clear();
        }
        log.flush();
    }

    fn take(&mut self, chunk: &[u8], log: &mut Writer) {
        log.begin(SystemClock.now());
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            let (mut text, is_whole) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            while self.begun.len() + text.len() > MOST_LINE {
                let (fits, rest) = text.split_at(MOST_LINE - self.begun.len());
                self.begun.extend_from_slice(fits);
                log.line(self.name, true, &self.begun);
                self.begun.clear();
                text = rest;
            }
            match (is_whole, self.begun.is_empty()) {
                (false, _) => self.begun.extend_from_slice(text),
                (true, true) => log.line(self.name, false, text),
                (true, false) => {
                    self.begun.extend_from_slice(text);
                    log.line(self.name, false, &self.begun);
                    self.begun.clear();
                }
            }
        }
        log.flush();
    }
}

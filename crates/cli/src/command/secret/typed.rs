//! A line typed at the terminal without showing it.

use std::io::{self, Write as _};

use ports::vault::MAX_VALUE;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::exit::Exit;

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
const KILL: u8 = 0x15;

/// Asks on standard error and reads a line from the terminal that is standard input.
pub(super) fn unseen(question: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let cannot = |error: &io::Error| Error::io("cannot read from the terminal", error);
    let mut stream = io::stderr();
    let quiet = Quiet::begin().map_err(|error| cannot(&error))?;
    let _ = write!(stream, "{question}").and_then(|()| stream.flush());
    let line = line();
    drop(quiet);
    // The line break that was typed was not shown either.
    let _ = writeln!(stream);
    match line.map_err(|error| cannot(&error))? {
        Line::Whole(bytes) => Ok(bytes),
        Line::Interrupted => Err(Error::new(Exit::Interrupted, "interrupted; nothing was changed")),
        Line::Several => Err(Error::new(Exit::Refused, "the value has several lines")
            .hint("give it by standard input or --from-file; nothing was changed")),
    }
}

enum Line {
    Whole(Zeroizing<Vec<u8>>),
    Interrupted,
    /// Something was pasted that goes on behind its first line.
    Several,
}

fn line() -> io::Result<Line> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_VALUE + 1));
    let mut chunk = Zeroizing::new([0; 512]);
    loop {
        let length = match rustix::io::read(io::stdin(), &mut chunk[..]) {
            Err(rustix::io::Errno::INTR) => continue,
            read => read?,
        };
        if length == 0 {
            return Ok(Line::Whole(line));
        }
        for (place, byte) in chunk[..length].iter().enumerate() {
            match *byte {
                b'\n' | b'\r' if place + 1 < length => return Ok(Line::Several),
                b'\n' | b'\r' | END => return Ok(Line::Whole(line)),
                INTERRUPT => return Ok(Line::Interrupted),
                KILL => line.clear(),
                BACKSPACE | DELETE => take_back(&mut line),
                // One more than a value may have shows that it is too large.
                byte if line.len() <= MAX_VALUE => line.push(byte),
                _ => {}
            }
        }
    }
}

/// The last character, however many bytes it has.
fn take_back(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
}

/// The terminal, showing nothing and handing over every key at once. By lines it would cut what is
/// longer than 4,095 bytes.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Drain, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // What was typed ahead may belong to the value, and is not for the shell to see.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_taken_back_whole() {
        let mut line = "a\u{e4}\u{1f511}".as_bytes().to_vec();
        for left in ["a\u{e4}", "a", "", ""] {
            take_back(&mut line);
            assert_eq!(line, left.as_bytes());
        }
    }
}

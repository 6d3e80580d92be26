//! Frames as they are on the disk: the head, what it says of the lines, and the text.
//!
//! A head is a skippable frame of Zstandard: its magic, its length, and then, all little-endian,
//! the fields of [`Head`], a checksum of them, and the kind's own details. The text follows as a
//! frame of Zstandard with its own checksum.

use jiff::Timestamp;

/// A skippable frame of the kind that logs use; there are sixteen.
const MAGIC: u32 = 0x184D_2A5B;

/// What stands before the fields: magic and length.
const OUTER: usize = 8;

/// The fields and their checksum.
const FIELDS: u32 = 56;

/// A head without its details.
pub(super) const HEAD: usize = OUTER + FIELDS as usize;

const VERSION: u8 = 1;

/// No frame holds more: 256 KiB and one line that is as long as lines can be.
const MOST_RAW: u32 = (256 << 10) + (1 << 20) + 1;
const _: () = assert!(MOST_RAW as usize == super::pen::FRAME + super::LONGEST_LINE + 1);

/// No details are longer: a few bytes for each line of a frame in which every line is empty.
const MOST_DETAILS: u32 = 16 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lines and their text.
    Lines = 0,
    /// Lines that could not be stored, and why.
    Gap = 1,
    /// The step said no more when this was written.
    StepEnd = 2,
    /// Nothing comes after this.
    End = 3,
}

/// What a head says, but for its details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) step: u32,
    /// The number of the first line in its step.
    pub(super) first: u64,
    pub(super) lines: u64,
    pub(super) first_at: i64,
    pub(super) last_at: i64,
    /// The text before and after compression.
    pub(super) raw: u32,
    pub(super) stored: u32,
    pub(super) details: u32,
}

impl Head {
    pub(super) fn new(kind: Kind, step: u32) -> Self {
        let (first, lines, first_at, last_at) = (0, 0, 0, 0);
        Self { kind, step, first, lines, first_at, last_at, raw: 0, stored: 0, details: 0 }
    }

    /// Of the head, the details and the text.
    pub(super) fn length(&self) -> u64 {
        HEAD as u64 + u64::from(self.details) + u64::from(self.stored)
    }

    pub(super) fn write(&self, details: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC.to_le_bytes());
        out.extend_from_slice(&(FIELDS + self.details).to_le_bytes());
        out.extend_from_slice(&[VERSION, self.kind as u8, 0, 0]);
        out.extend_from_slice(&self.step.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.lines.to_le_bytes());
        out.extend_from_slice(&self.first_at.to_le_bytes());
        out.extend_from_slice(&self.last_at.to_le_bytes());
        out.extend_from_slice(&self.raw.to_le_bytes());
        out.extend_from_slice(&self.stored.to_le_bytes());
        out.extend_from_slice(&self.details.to_le_bytes());
        let sum = checksum(&out[start + OUTER..]);
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(details);
    }

    /// Reads what begins with a head's bytes; the reason if it is none.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let u32_at =
            |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let u64_at =
            |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if bytes.len() < HEAD || u32_at(0) != MAGIC {
            return Err("no frame begins there");
        }
        if checksum(&bytes[OUTER..HEAD - 4]) != u32_at(HEAD - 4) {
            return Err("the head's checksum is wrong");
        }
        if bytes[8] != VERSION {
            return Err("a newer program has written it");
        }
        let kind = match bytes[9] {
            0 => Kind::Lines,
            1 => Kind::Gap,
            2 => Kind::StepEnd,
            3 => Kind::End,
            _ => return Err("the frame is of an unknown kind"),
        };
        let details = u32_at(56);
        if details > MOST_DETAILS || u32_at(4) != FIELDS + details {
            return Err("the head's length is wrong");
        }
        let head = Self {
            kind,
            step: u32_at(12),
            first: u64_at(16),
            lines: u64_at(24),
            first_at: i64::from_le_bytes(u64_at(32).to_le_bytes()),
            last_at: i64::from_le_bytes(u64_at(40).to_le_bytes()),
            raw: u32_at(48),
            stored: u32_at(52),
            details,
        };
        if head.raw > MOST_RAW || head.stored > 2 * MOST_RAW {
            return Err("the frame is larger than frames are");
        }
        Ok(head)
    }
}

/// FNV-1a: it has to notice a head that was not written, not one that was forged.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Lines that came at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) at: i64,
    pub(super) lines: u64,
}

/// A line that was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Counted from the frame's first.
    pub(super) line: u64,
    /// How long it was.
    pub(super) length: u64,
}

/// The details of a frame of lines.
pub(super) fn write_details(runs: &[Run], cuts: &[Cut], out: &mut Vec<u8>) {
    write_number(runs.len() as u64, out);
    let mut before = runs.first().map_or(0, |run| run.at);
    for run in runs {
        // Clocks are set back now and then; the lowest bit says in which direction.
        let step = run.at.wrapping_sub(before);
        write_number((step.unsigned_abs() << 1) | u64::from(step < 0), out);
        write_number(run.lines, out);
        before = run.at;
    }
    write_number(cuts.len() as u64, out);
    for cut in cuts {
        write_number(cut.line, out);
        write_number(cut.length, out);
    }
}

/// The details of a frame of lines that begins at a time.
pub(super) fn read_details(mut bytes: &[u8], first_at: i64) -> Option<(Vec<Run>, Vec<Cut>)> {
    let bytes = &mut bytes;
    let mut at = first_at;
    let mut runs = Vec::new();
    for _ in 0..read_number(bytes)? {
        let step = read_number(bytes)?;
        let distance = i64::try_from(step >> 1).ok()?;
        at = at.wrapping_add(if step & 1 == 1 { -distance } else { distance });
        runs.push(Run { at, lines: read_number(bytes)? });
    }
    let mut cuts = Vec::new();
    for _ in 0..read_number(bytes)? {
        cuts.push(Cut { line: read_number(bytes)?, length: read_number(bytes)? });
    }
    Some((runs, cuts))
}

/// The details of a gap: the bytes that are lost, and why.
pub(super) fn write_gap(bytes: u64, why: &str, out: &mut Vec<u8>) {
    write_number(bytes, out);
    out.extend_from_slice(why.as_bytes());
}

pub(super) fn read_gap(mut details: &[u8]) -> Option<(u64, &str)> {
    let bytes = read_number(&mut details)?;
    Some((bytes, std::str::from_utf8(details).ok()?))
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The time that is kept as microseconds.
pub(super) fn time(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let head = Head {
            kind: Kind::Gap,
            step: 7,
            first: 1 << 40,
            lines: 3,
            first_at: -5,
            last_at: i64::MAX,
            raw: 9,
            stored: 8,
            details: 4,
        };
        let mut bytes = Vec::new();
        head.write(b"abcd", &mut bytes);
        assert_eq!(bytes.len(), HEAD + 4);
        assert_eq!(Head::read(&bytes), Ok(head));
        for at in 0..HEAD {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(Head::read(&wrong).is_err(), "byte {at}");
        }
    }

    #[test]
    fn details_are_read_as_they_were_written() {
        let runs = [
            Run { at: 1_000, lines: 1 },
            Run { at: 1_000_000_000_000, lines: 300 },
            Run { at: 5, lines: u64::MAX },
        ];
        let cuts = [Cut { line: 0, length: 1 << 40 }];
        let mut bytes = Vec::new();
        write_details(&runs, &cuts, &mut bytes);
        assert_eq!(read_details(&bytes, 1_000), Some((runs.to_vec(), cuts.to_vec())));
        for end in 0..bytes.len() {
            assert_eq!(read_details(&bytes[..end], 1_000), None);
        }
        assert_eq!(read_details(&[0xff; 20], 0), None);
    }
}

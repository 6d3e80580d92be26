//! Where which lines are: read from the heads of the frames, once, and then only what is new.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use jiff::Timestamp;

use super::frame::{self, HEAD, Head, Kind};

/// What is read at once: one page holds a head, or many small frames.
const PAGE: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Index {
    frames: Vec<Place>,
    steps: BTreeMap<u32, Step>,
    /// How far the file has been read.
    end: u64,
    is_finished: bool,
    damage: Option<&'static str>,
}

/// A frame, and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) at: u64,
    pub(super) head: Head,
}

#[derive(Debug)]
struct Step {
    /// Those that hold lines or gaps.
    frames: Vec<usize>,
    lines: u64,
    first_at: i64,
    last_at: i64,
    has_ended: bool,
}

/// What a log holds of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLines {
    pub step: u32,
    /// With those that could not be stored.
    pub lines: u64,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub has_ended: bool,
}

impl Index {
    /// Takes in the frames that are whole by now; whether there were any.
    pub(super) fn grow(&mut self, file: &File) -> io::Result<bool> {
        let length = file.metadata()?.len();
        let before = self.end;
        let mut page = Vec::new();
        let mut page_at = 0;
        while self.damage.is_none() && self.end + HEAD as u64 <= length {
            let within = usize::try_from(self.end - page_at).ok();
            let mut bytes = within.and_then(|within| page.get(within..)).unwrap_or(&[]);
            if bytes.len() < HEAD {
                page.resize(PAGE, 0);
                page_at = self.end;
                let read = read_up_to(file, &mut page, page_at)?;
                page.truncate(read);
                bytes = &page;
            }
            if bytes.len() < HEAD {
                break;
            }
            match Head::read(bytes) {
                Ok(head) if self.end + head.length() <= length => self.add(head),
                Ok(_) => break,
                Err(damage) => self.damage = Some(damage),
            }
        }
        Ok(self.end > before)
    }

    fn add(&mut self, head: Head) {
        let place = Place { at: self.end, head };
        self.end += head.length();
        match head.kind {
            Kind::End => self.is_finished = true,
            Kind::StepEnd => {
                if let Some(step) = self.steps.get_mut(&head.step) {
                    step.has_ended = true;
                }
            }
            Kind::Lines | Kind::Gap => {
                let step = self.steps.entry(head.step).or_insert_with(|| Step {
                    frames: Vec::new(),
                    lines: 0,
                    first_at: head.first_at,
                    last_at: head.last_at,
                    has_ended: false,
                });
                step.lines = step.lines.max(head.first.saturating_add(head.lines));
                if head.kind == Kind::Lines {
                    step.last_at = head.last_at;
                }
                step.frames.push(self.frames.len());
                self.frames.push(place);
            }
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Why what comes after some byte cannot be read.
    pub(super) fn damage(&self) -> Option<(u64, &'static str)> {
        self.damage.map(|damage| (self.end, damage))
    }

    pub(super) fn steps(&self) -> Vec<StepLines> {
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by_key(|(_, step)| step.frames[0]);
        let lines = |(number, step): (&u32, &Step)| StepLines {
            step: *number,
            lines: step.lines,
            first_at: frame::time(step.first_at),
            last_at: frame::time(step.last_at),
            has_ended: step.has_ended,
        };
        steps.into_iter().map(lines).collect()
    }

    pub(super) fn lines(&self, step: u32) -> u64 {
        self.steps.get(&step).map_or(0, |step| step.lines)
    }

    /// The frames that hold some of these lines, in order.
    pub(super) fn holding(&self, step: u32, lines: Range<u64>) -> Vec<Place> {
        let Some(step) = self.steps.get(&step) else { return Vec::new() };
        let end = |index: &usize| {
            let head = &self.frames[*index].head;
            head.first.saturating_add(head.lines)
        };
        let first = step.frames.partition_point(|index| end(index) <= lines.start);
        let frames = step.frames[first..].iter().map(|index| self.frames[*index]);
        frames.take_while(|place| place.head.first < lines.end).collect()
    }

    /// The frames of all steps, or of one, as they were written.
    pub(super) fn frames(&self, step: Option<u32>) -> impl Iterator<Item = Place> + '_ {
        let frames = self.frames.iter().filter(|place| place.head.kind == Kind::Lines);
        frames.filter(move |place| step.is_none_or(|step| step == place.head.step)).copied()
    }
}

fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], at + read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

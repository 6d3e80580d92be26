//! The last lines of the step that failed.

use std::ops::ControlFlow;
use std::path::Path;

use jobs::log::{Item, LogReader};

use crate::error::Error;
use crate::exit::Exit;

#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Lines of the step before those that are shown.
    pub(super) left_out: u64,
    pub(super) lines: Vec<String>,
}

impl Tail {
    /// Of a job's folder; empty where no step failed, or none said anything.
    pub(super) fn of(folder: &Path, step: u32, lines: u64) -> Result<Self, Error> {
        let unreadable = |error: jobs::log::LogError| {
            Error::new(Exit::Io, format!("cannot read the log in {}", folder.display()))
                .caused_by(error.to_string())
        };
        let mut reader = LogReader::open(&folder.join("log")).map_err(unreadable)?;
        let mut tail = Self::default();
        let visited = reader.tail(step, lines, &mut |item| {
            match item {
                Item::Line(line) => {
                    tail.lines.push(String::from_utf8_lossy(line.text).into_owned());
                }
                Item::Gap(gap) => {
                    tail.lines.push(format!("({} lines were not kept: {})", gap.lines, gap.why));
                }
            }
            ControlFlow::Continue(())
        });
        visited.map_err(unreadable)?;
        let all = reader.steps().iter().find(|known| known.step == step).map_or(0, |it| it.lines);
        tail.left_out = all.saturating_sub(tail.lines.len() as u64);
        Ok(tail)
    }
}

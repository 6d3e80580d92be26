//! A running step: its output read, masked and logged, its commands obeyed, its end awaited.

mod attend;
mod late;
mod lines;
mod pump;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::pipeline::Annotation;
use ports::clock::Clock;

use crate::command::{Command, Matchers, Shown};
use crate::log::Log;
use crate::mask::Masks;
use crate::process::{Exit, Grace, Leftover, Stop, Why};

pub use attend::attend;
pub(crate) use attend::attend_to;

/// Who is told what a step says.
pub trait Listener {
    /// A command. A mask has been added, and stopping and resuming has been seen to already; the
    /// texts of an annotation are masked, what else there is is not.
    fn command(&mut self, command: Command) -> Shown;

    /// What a problem matcher found, masked.
    fn found(&mut self, annotation: Annotation);
}

/// All that attending to a step needs.
#[derive(Debug)]
pub struct Attention<'a> {
    pub step: u32,
    pub log: &'a Log,
    pub masks: &'a Masks,
    pub matchers: &'a Matchers,
    pub clock: &'a Arc<dyn Clock>,
    pub deadline: Option<Timestamp>,
    pub stop: &'a Stop,
    pub grace: Grace,
    pub linger: Linger,
}

/// How long output is waited for that processes in the background may still write when the step
/// itself has ended. What comes later is logged, but no longer obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linger {
    /// As long as nothing comes.
    pub quiet: Duration,
    pub most: Duration,
}

impl Default for Linger {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(200), most: Duration::from_secs(5) }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub exit: Exit,
    /// Why it was ended, if it did not end by itself.
    pub stopped: Option<Why>,
    /// A process of the job was killed meanwhile because the job had no memory left.
    pub out_of_memory: bool,
    /// What could not be killed.
    pub survivors: Vec<Leftover>,
}

//! What a step is attended to by, wherever it runs: as a process here, or in a container.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::process::Signal;

use super::child::{Child, Exit};
use super::kill::{Member, signal_all};
use super::tree::{Leftover, ProcessTree};

/// A running step.
pub(crate) trait Attended: Send {
    /// What it prints, to be read without waiting.
    fn output(&self) -> BorrowedFd<'_>;

    fn into_output(self: Box<Self>) -> OwnedFd;

    /// Ready to be read when it has ended.
    fn handle(&self) -> BorrowedFd<'_>;

    /// The processes of its job.
    fn tree(&self) -> &ProcessTree;

    /// How it ended, once it has.
    fn ended(&self) -> io::Result<Option<Exit>>;

    /// Tells it as Ctrl-C in a terminal does.
    fn interrupt(&self);

    /// Tells all who belong to it to end.
    fn terminate(&self) -> io::Result<Left>;

    /// Kills all who belong to it, and names who could not be killed.
    fn kill(&self) -> io::Result<Vec<Leftover>>;

    /// It has ended and is not to be waited for any more.
    fn settle(&self);

    /// Whether it had to end because the job had no memory left.
    fn is_out_of_memory(&self) -> bool;
}

/// Who is left of a step that was told to end.
#[derive(Debug)]
pub(crate) enum Left {
    Nobody,
    Members(Vec<Member>),
    /// Somebody who cannot be waited for.
    Unseen,
}

impl Attended for Child {
    fn output(&self) -> BorrowedFd<'_> {
        Self::output(self)
    }

    fn into_output(self: Box<Self>) -> OwnedFd {
        Self::into_output(*self)
    }

    fn handle(&self) -> BorrowedFd<'_> {
        Self::handle(self)
    }

    fn tree(&self) -> &ProcessTree {
        &self.tree
    }

    fn ended(&self) -> io::Result<Option<Exit>> {
        Self::ended(self)
    }

    fn interrupt(&self) {
        Self::interrupt(self);
    }

    fn terminate(&self) -> io::Result<Left> {
        let left = self.tree.members(self)?;
        if left.is_empty() {
            return Ok(Left::Nobody);
        }
        Ok(Left::Members(signal_all(left, Signal::TERM)))
    }

    fn kill(&self) -> io::Result<Vec<Leftover>> {
        self.tree.kill(self)
    }

    fn settle(&self) {
        self.tree.ended(self);
    }

    fn is_out_of_memory(&self) -> bool {
        Self::is_out_of_memory(self)
    }
}

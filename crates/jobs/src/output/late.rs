//! What processes in the background print when their step is over.
//!
//! A server that a step has started goes on for the steps after it. If nobody read what it prints,
//! it would stand still when the pipe is full; if the pipe were closed, it would be killed.

use std::os::fd::AsFd as _;
use std::sync::Arc;

use ports::clock::Clock;
use rustix::event::{PollFd, PollFlags, poll};

use super::pump::{Pump, Read};
use crate::process::{Attended, Late, timespec};

/// Reads on in a thread until nobody prints any more, or until the job is over.
pub(super) fn read_on(child: Box<dyn Attended>, mut pump: Pump, clock: Arc<dyn Clock>) {
    let tree = child.tree().clone();
    let output = child.into_output();
    tree.keep_reading(move |late: Late| {
        loop {
            let patience = pump.flush_old(clock.now()).map(timespec);
            let mut events =
                [PollFd::new(&output, PollFlags::IN), PollFd::new(&late, PollFlags::IN)];
            match poll(&mut events, patience.as_ref()) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => break,
            }
            let is_over = !events[1].revents().is_empty();
            // Nobody is told of what comes now; it is only logged.
            match pump.read(output.as_fd(), clock.now(), None) {
                Ok(Read::Some) => {}
                Ok(Read::Nothing) if !is_over => {}
                Ok(Read::Nothing | Read::End) | Err(_) => break,
            }
        }
        pump.end(clock.now(), None);
    });
}

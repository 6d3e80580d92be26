//! Ending a running step from outside.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

/// Ends a running step from another thread. Clones end the same one; once told it stays told.
#[derive(Debug, Clone)]
pub struct Stop(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    event: OwnedFd,
    order: Mutex<Option<Order>>,
}

/// What was ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) why: Why,
    /// Without any grace.
    pub(crate) at_once: bool,
}

/// Why a step is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Cancelled,
    TimedOut,
    DiskFull(String),
}

impl Stop {
    pub fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(Shared { event, order: Mutex::new(None) })))
    }

    /// Asks to end, then insists.
    pub fn stop(&self, why: Why) {
        self.order(Order { why, at_once: false });
    }

    /// Insists at once.
    pub fn kill(&self, why: Why) {
        self.order(Order { why, at_once: true });
    }

    /// The first reason stands; the haste may grow.
    fn order(&self, order: Order) {
        let mut before = self.lock();
        match &mut *before {
            Some(before) => before.at_once |= order.at_once,
            None => *before = Some(order),
        }
        // It is ready to be read already when its counter is full.
        let _ = rustix::io::write(&self.0.event, &1_u64.to_ne_bytes());
    }

    /// What was ordered by now. It wakes nobody again until more is.
    pub(crate) fn take(&self) -> Option<Order> {
        let _ = rustix::io::read(&self.0.event, &mut [0; 8]);
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Order>> {
        self.0.order.lock().expect("nothing panics while it holds an order")
    }
}

/// Ready to be read when something was ordered.
impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

/// How long a step has to end when it is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// From SIGINT to SIGTERM.
    pub interrupt: Duration,
    /// From SIGTERM to SIGKILL.
    pub terminate: Duration,
}

impl Default for Grace {
    fn default() -> Self {
        Self { interrupt: Duration::from_millis(7500), terminate: Duration::from_millis(2500) }
    }
}

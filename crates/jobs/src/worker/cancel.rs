//! The signal that ends a job, or one of its steps, before its time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ends what listens to it. Clones are the same signal; once given it stays given.
#[derive(Clone, Default)]
pub struct CancelSignal {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    is_given: bool,
    next: u64,
    listeners: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

impl CancelSignal {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        let listeners = {
            let mut shared = self.shared();
            shared.is_given = true;
            std::mem::take(&mut shared.listeners)
        };
        for tell in listeners.into_values() {
            tell();
        }
    }

    pub fn is_cancelled(&self) -> bool {
        self.shared().is_given
    }

    /// Calls when the signal is given, at once if it was, and never after the guard is gone.
    pub(crate) fn on_cancel(&self, tell: impl FnOnce() + Send + 'static) -> Listening {
        let mut shared = self.shared();
        let number = shared.next;
        shared.next += 1;
        if shared.is_given {
            drop(shared);
            tell();
        } else {
            shared.listeners.insert(number, Box::new(tell));
        }
        Listening { signal: self.clone(), number }
    }

    /// A signal of its own that is given whenever this one is.
    pub(crate) fn child(&self) -> (Self, Listening) {
        let child = Self::new();
        let told = child.clone();
        let listening = self.on_cancel(move || told.cancel());
        (child, listening)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens until it is dropped.
#[must_use]
#[derive(Debug)]
pub(crate) struct Listening {
    signal: CancelSignal,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let listener = self.signal.shared().listeners.remove(&self.number);
        drop(listener);
    }
}

impl fmt::Debug for CancelSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelSignal")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

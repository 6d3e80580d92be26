//! A clock that stands still until the world lets it go on.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use jiff::Timestamp;
use ports::BoxFuture;
use ports::clock::Clock;

/// Shared by everything in one simulated world.
#[derive(Debug, Clone)]
pub struct SimClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next_sleeper: u64,
}

impl SimClock {
    pub fn starting_at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, sleepers: BTreeMap::new(), next_sleeper: 0 })))
    }

    /// Goes on to when somebody wakes, at most to the given time. False when it got there.
    pub fn advance(&self, limit: Timestamp) -> bool {
        let waker = {
            let mut state = self.state();
            match state.sleepers.first_key_value().map(|((at, _), _)| *at) {
                Some(at) if at <= limit => {
                    state.now = state.now.max(at);
                    state.sleepers.pop_first().map(|(_, waker)| waker)
                }
                _ => {
                    state.now = state.now.max(limit);
                    None
                }
            }
        };
        waker.is_some_and(|waker| {
            waker.wake();
            true
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds the clock")
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(Sleep { clock: self.clone(), at, sleeper: None })
    }
}

struct Sleep {
    clock: SimClock,
    at: Timestamp,
    sleeper: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let mut state = self.clock.state();
        if state.now >= at {
            return Poll::Ready(());
        }
        // The end of time never comes.
        if at == Timestamp::MAX {
            return Poll::Pending;
        }
        let sleeper = self.sleeper.unwrap_or(state.next_sleeper);
        state.next_sleeper = state.next_sleeper.max(sleeper + 1);
        state.sleepers.insert((at, sleeper), context.waker().clone());
        drop(state);
        self.sleeper = Some(sleeper);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(sleeper) = self.sleeper {
            self.clock.state().sleepers.remove(&(self.at, sleeper));
        }
    }
}

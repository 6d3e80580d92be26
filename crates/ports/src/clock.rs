//! Time: the one place where a clock is read.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::BoxFuture;

/// Tells the time, to the microsecond, and waits.
pub trait Clock: Send + Sync + Debug {
    fn now(&self) -> Timestamp;

    /// Returns at the given time or soon after.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the owner of the clock")]
    fn now(&self) -> Timestamp {
        to_microseconds(Timestamp::now())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the owner of the clock")]
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // In short naps, so that a clock that is set forward is noticed within one.
            const NAP: SignedDuration = SignedDuration::from_secs(1);
            loop {
                let left = at.duration_since(Self.now());
                if left <= SignedDuration::ZERO {
                    return;
                }
                tokio::time::sleep(left.min(NAP).unsigned_abs()).await;
            }
        })
    }
}

/// Time that only passes, however the clock is set: for durations, never for dates.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    pub fn start() -> Self {
        Self(moment())
    }

    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// This moment, on a clock that nobody sets.
#[expect(clippy::disallowed_methods, reason = "this is the owner of the clock")]
pub fn moment() -> Instant {
    Instant::now()
}

/// Waits this long, however the clock is set meanwhile.
#[expect(clippy::disallowed_methods, reason = "this is the owner of the clock")]
pub async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

/// Facts and wake-ups are stored to the microsecond, so nothing finer is ever shown to a decider.
pub fn to_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).expect("a timestamp in range stays in range")
}

//! How a supervisor goes about it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How a supervisor goes about it. The defaults are those of `highroad node`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How a keeper is started.
    pub launcher: Launcher,
    /// How many bytes the log of one instance may take.
    pub log_budget: u64,
    /// Of how many instances that are gone the logs are kept.
    pub kept_logs: usize,
    /// How long requests under way may take to end before an instance is told to stop.
    pub drain: Duration,
    pub backoff: Backoff,
}

/// A program that calls [`keeper::main`](crate::keeper::main).
#[derive(Debug, Clone)]
pub struct Launcher {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

/// How instances that end are started again.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// After the first end; each further one doubles it.
    pub first: Duration,
    pub most: Duration,
    /// After so long in good health the next end is the first again.
    pub well_after: Duration,
    /// After so many ends without good health between them it is a crash loop.
    pub crash_loop: u32,
}

impl Settings {
    pub fn new(launcher: Launcher) -> Self {
        Self {
            launcher,
            log_budget: 16 << 20,
            kept_logs: 100,
            drain: Duration::from_secs(30),
            backoff: Backoff {
                first: Duration::from_secs(1),
                most: Duration::from_mins(1),
                well_after: Duration::from_secs(30),
                crash_loop: 3,
            },
        }
    }
}

impl Backoff {
    /// How long to wait after so many ends in a row, a fifth shorter or longer by chance so that
    /// not all that died together come back together.
    pub(super) fn after(&self, ends: u32, chance: u8) -> Duration {
        let doubled = self.first.saturating_mul(1 << ends.saturating_sub(1).min(20));
        let percent = 80 + u32::from(chance) * 40 / 255;
        doubled.min(self.most) * percent / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_longer_up_to_the_longest() {
        let launcher = Launcher { program: PathBuf::new(), args: Vec::new() };
        let backoff = Settings::new(launcher).backoff;
        let waits: Vec<_> = (1..9).map(|ends| backoff.after(ends, 128).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff.after(u32::MAX, 255).as_secs(), 72);
        assert_eq!(backoff.after(1, 0).as_millis(), 800);
    }
}

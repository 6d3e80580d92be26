//! Limits on what the processes of a job use together.

use std::sync::Arc;

use super::Cgroup;

/// What the limit of memory is called.
pub(super) const MEMORY: &str = "memory";

/// What all processes of a job may use together.
///
/// Only a cgroup can limit them together. Where none can be made, memory can be limited process by
/// process ([`super::Confinement::memory`]); the rest cannot: the number of processes that a user
/// may have counts those of other jobs, too, and there is no limit of processor time per second.
/// Disk space is watched instead ([`super::disk`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// In bytes.
    pub memory: Option<u64>,
    /// 1,000 is one processor.
    pub millicpus: Option<u32>,
    pub processes: Option<u32>,
}

/// How limits are held for one job.
#[derive(Debug, Default)]
pub struct Held {
    pub cgroup: Option<Arc<Cgroup>>,
    /// For each process by itself, where the job's memory cannot be limited as a whole.
    pub memory: Option<u64>,
}

impl Held {
    /// As far as the kernel lets this user. What it does not is told by [`unenforced`].
    pub fn by(limits: Limits, name: &str) -> Self {
        if limits == Limits::default() {
            return Self::default();
        }
        let (cgroup, unenforced) = Cgroup::create(name, &limits);
        let is_loose = unenforced.iter().any(|it| it.limit == MEMORY);
        Self { cgroup: cgroup.map(Arc::new), memory: limits.memory.filter(|_| is_loose) }
    }
}

/// Which of these limits a job would not be held to, found out by trying.
pub fn unenforced(limits: &Limits) -> Vec<Unenforced> {
    let name = format!("probe-{}", std::process::id());
    Cgroup::create(&name, limits).1
}

/// A limit that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unenforced {
    pub limit: &'static str,
    pub why: String,
}

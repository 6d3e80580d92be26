//! Limits on what the processes of a job use together.

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

/// A limit that does not hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unenforced {
    pub limit: &'static str,
    pub why: String,
}

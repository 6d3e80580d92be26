//! A job's control group.

use std::path::PathBuf;

use cgroups::{Group, Setting};

use super::limits::MEMORY;
use super::{Limits, Unenforced};

/// The group that a job's processes are in. It is gone when it is dropped and they are.
#[derive(Debug)]
pub struct Cgroup {
    group: Group,
    limits: Limits,
}

impl Cgroup {
    /// Makes a group with these limits, and tells which of them do not hold. None is made when
    /// none would.
    pub fn create(name: &str, limits: &Limits) -> (Option<Self>, Vec<Unenforced>) {
        let memory = limits.memory.map(|bytes| Setting::memory(MEMORY, bytes));
        let processors = limits.millicpus.map(|millis| Setting::processors("processors", millis));
        let processes = limits.processes.map(|most| Setting::processes("processes", most));
        let settings: Vec<_> = memory.into_iter().chain(processors).chain(processes).collect();
        let (group, unmet) = Group::create(name, &settings);
        let unenforced = unmet.into_iter().map(|it| Unenforced { limit: it.limit, why: it.why });
        (group.map(|group| Self { group, limits: *limits }), unenforced.collect())
    }

    /// What was asked for, whether this machine enforces it or not.
    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// The files into which a process writes itself to be in the group.
    pub(super) fn entries(&self) -> Vec<PathBuf> {
        self.group.entries().collect()
    }

    /// How many processes were killed because the group had no memory left.
    pub(super) fn killed(&self) -> u64 {
        self.group.oom_kills()
    }

    /// Kills what is in it, or at least has nobody in it fork any more.
    pub(super) fn kill(&self) {
        self.group.kill();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        self.group.remove();
    }
}

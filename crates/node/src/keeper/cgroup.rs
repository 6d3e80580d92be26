//! An instance's control group: what it may use, and what it has used.

use cgroups::{Group, Setting};
use jiff::SignedDuration;
use model::workload::Limits;
use serde::{Deserialize, Serialize};

/// What an instance uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Time of processors.
    pub processor: SignedDuration,
    /// Bytes, now.
    pub memory: u64,
    /// Bytes, at most; as far as it was looked at where no control group counts it.
    pub memory_peak: u64,
    /// Processes that the kernel killed because the limit of memory was reached.
    pub oom_kills: u64,
}

/// Makes a group with these limits that counts what is used, and tells which of the limits do not
/// hold. It outlives whoever made it.
pub(crate) fn create(name: &str, limits: &Limits) -> (Option<Group>, Vec<String>) {
    let (group, unmet) = Group::create(name, &settings(limits));
    (group, unmet.into_iter().map(|it| format!("{}: {}", it.limit, it.why)).collect())
}

/// What is used by now.
pub(crate) fn usage(group: &Group) -> Usage {
    let nanos = group
        .number("cpuacct.usage")
        .or_else(|| Some(group.field("cpu.stat", "usage_usec")?.saturating_mul(1000)));
    let of_either = |first, second| group.number(first).or_else(|| group.number(second));
    let memory = of_either("memory.usage_in_bytes", "memory.current");
    let peak = of_either("memory.max_usage_in_bytes", "memory.peak");
    Usage {
        processor: SignedDuration::from_nanos(
            nanos.and_then(|nanos| nanos.try_into().ok()).unwrap_or(0),
        ),
        memory: memory.unwrap_or(0),
        memory_peak: peak.or(memory).unwrap_or(0),
        oom_kills: group.oom_kills(),
    }
}

/// Whether a group counts memory and processors, so that nobody else has to.
pub(crate) fn counts(group: &Group) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| group.read(name).is_some());
    has(&["cpuacct.usage", "cpu.stat"]) && has(&["memory.usage_in_bytes", "memory.current"])
}

fn settings(limits: &Limits) -> [Setting; 3] {
    let mut memory = match limits.memory {
        Some(bytes) => Setting::memory("memory", bytes),
        None => Setting::counting("memory"),
    };
    // One that has lost a part of itself is no instance any more.
    memory.second.push(("memory.oom.group", "1".to_owned()));
    let processors = match limits.cpu {
        Some(millis) => Setting::processors("cpu", millis),
        None => Setting::counting("cpu"),
    };
    [Setting::counting("cpuacct"), memory, processors]
}

//! Processes as /proc shows them: who is below whom, what they use, and how all of them end.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use jiff::SignedDuration;
use ports::clock::Stopwatch;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::cgroup::Usage;
use super::task::MARK;

/// How often the rest is looked for and killed before it is given up, and how long the killed are
/// waited for each time: together ten seconds.
const ROUNDS: usize = 100;
const ROUND: Duration = Duration::from_millis(100);

/// How often who forked meanwhile is looked for before anybody is killed.
const STOPPING_ROUNDS: usize = 10;

/// A command line is told up to here.
const MOST_SHOWN: usize = 100;

/// What names a process for good: numbers are given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) pid: i32,
    /// In ticks since the machine began.
    pub(crate) started: u64,
    /// Which begin of the machine that was.
    pub(crate) boot: String,
}

impl Identity {
    /// Of nobody.
    pub(crate) fn nobody() -> Self {
        Self { pid: 0, started: 0, boot: String::new() }
    }

    pub(crate) fn own() -> io::Result<Self> {
        Self::of(getpid())
    }

    pub(crate) fn of(pid: Pid) -> io::Result<Self> {
        let process = Process::look(pid).ok_or(io::ErrorKind::NotFound)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        Ok(Self { pid: pid.as_raw_nonzero().get(), started: process.started, boot })
    }

    /// A handle of the process, if it is there still.
    pub(crate) fn hold(&self) -> Option<OwnedFd> {
        let pid = Pid::from_raw(self.pid)?;
        let handle = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
        // Asked when the number cannot be given to another one without the handle's knowing.
        let is_same = Self::of(pid).is_ok_and(|now| now == *self);
        let is_alive = Process::look(pid).is_some_and(|process| !process.is_zombie);
        (is_same && is_alive).then_some(handle)
    }
}

/// A process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    parent: Option<Pid>,
    /// In ticks since the machine began. With the number it names a process for good.
    pub(crate) started: u64,
    pub(crate) is_zombie: bool,
    /// In ticks, also of its children that were waited for.
    processor: u64,
    /// In pages.
    resident: u64,
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn look(pid: Pid) -> Option<Self> {
        let stat = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name stands in parentheses and may hold anything, parentheses too.
        let rest = &stat[stat.iter().rposition(|byte| *byte == b')')? + 1..];
        let fields: Vec<&str> = std::str::from_utf8(rest).ok()?.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid,
            parent: Pid::from_raw(fields.get(1)?.parse().ok()?),
            started: number(19)?,
            is_zombie: matches!(fields[0], "Z" | "X"),
            processor: number(11)? + number(12)? + number(13)? + number(14)?,
            resident: number(21)?,
        })
    }

    /// What it executes, for people.
    pub(crate) fn name(&self) -> String {
        let read = |what: &str| {
            let path = format!("/proc/{}/{what}", self.pid.as_raw_nonzero());
            String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
        };
        let line = match read("cmdline").replace('\0', " ").trim_end() {
            "" => read("comm").trim_end().to_owned(),
            line => line.to_owned(),
        };
        match line.char_indices().nth(MOST_SHOWN) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    /// The time that it and its children have had, as far as it has waited for them.
    pub(crate) fn processor(&self) -> SignedDuration {
        duration(self.processor)
    }

    /// The inodes of its sockets; none if they are not ours to see.
    pub(crate) fn sockets(&self) -> Option<Vec<u64>> {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid.as_raw_nonzero())).ok()?;
        let socket = |entry: fs::DirEntry| {
            let target = fs::read_link(entry.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        };
        Some(entries.filter_map(Result::ok).filter_map(socket).collect())
    }

    /// The instance that it was started for.
    pub(crate) fn mark(&self) -> Option<String> {
        let environ = fs::read(format!("/proc/{}/environ", self.pid.as_raw_nonzero())).ok()?;
        let value = |variable: &[u8]| {
            let value = variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        environ.split(|byte| *byte == 0).find_map(value)
    }
}

/// All processes at one moment, or nearly: who forks meanwhile may be missed, and found the next
/// time.
#[derive(Debug)]
pub(crate) struct Census {
    all: HashMap<Pid, Process>,
    children: HashMap<Pid, Vec<Pid>>,
}

impl Census {
    pub(crate) fn take() -> io::Result<Self> {
        let mut all = HashMap::new();
        let mut children: HashMap<Pid, Vec<Pid>> = HashMap::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            let Some(process) = pid.and_then(Process::look) else { continue };
            if let Some(parent) = process.parent {
                children.entry(parent).or_default().push(process.pid);
            }
            all.insert(process.pid, process);
        }
        Ok(Self { all, children })
    }

    /// Everybody below a process who still lives.
    pub(crate) fn below(&self, top: Pid) -> Vec<Process> {
        let mut found = vec![top];
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            let children = self.children.get(&parent).into_iter().flatten();
            let new: Vec<Pid> = children.filter(|child| !found.contains(child)).copied().collect();
            found.extend(new);
            next += 1;
        }
        let below = found[1..].iter().filter_map(|pid| self.all.get(pid));
        below.filter(|process| !process.is_zombie).copied().collect()
    }

    /// Everybody who still lives and was started for an instance.
    pub(crate) fn marked(&self, instance: &str) -> Vec<Process> {
        let living = self.all.values().filter(|process| !process.is_zombie);
        living.filter(|it| it.mark().is_some_and(|mark| mark == instance)).copied().collect()
    }

    pub(crate) fn everybody(&self) -> impl Iterator<Item = &Process> {
        self.all.values()
    }

    /// What those below a process use, where no group counts it.
    pub(crate) fn usage(&self, top: Pid) -> Usage {
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let below = self.below(top);
        let ticks: u64 = below.iter().map(|process| process.processor).sum();
        let memory = below.iter().map(|process| process.resident * page).sum();
        Usage { processor: duration(ticks), memory, memory_peak: memory, oom_kills: 0 }
    }
}

fn duration(ticks: u64) -> SignedDuration {
    let millis = ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second();
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// Kills all that can be found until there are no more, and returns who cannot be killed.
pub(crate) fn kill_all(find: impl Fn() -> io::Result<Vec<Process>>) -> io::Result<Vec<Process>> {
    for _ in 0..ROUNDS {
        let mut found = find()?;
        if found.is_empty() {
            return Ok(found);
        }
        // Stopped first, for whoever is stopped does not fork: else a crowd that forks faster than
        // it is killed would get away.
        for _ in 0..STOPPING_ROUNDS {
            tell(&found, Signal::STOP);
            let now = find()?;
            let is_known = |process: &Process| found.iter().any(|known| known.pid == process.pid);
            let has_grown = !now.iter().all(is_known);
            found = now;
            if !has_grown {
                break;
            }
        }
        wait_for(tell(&found, Signal::KILL));
    }
    find()
}

/// Tells all who are still who they were, and returns their handles.
fn tell(processes: &[Process], signal: Signal) -> Vec<OwnedFd> {
    let tell = |process: &Process| {
        let handle = pidfd_open(process.pid, PidfdFlags::empty()).ok()?;
        let now = Process::look(process.pid)?;
        (now.started == process.started).then_some(())?;
        // It may have ended, or belong to somebody else; whoever looks again finds out.
        let _ = pidfd_send_signal(&handle, signal);
        Some(handle)
    };
    processes.iter().filter_map(tell).collect()
}

/// Waits until all have ended, or for a round.
fn wait_for(mut handles: Vec<OwnedFd>) {
    let watch = Stopwatch::start();
    while !handles.is_empty() {
        let left = ROUND.saturating_sub(watch.elapsed());
        if left.is_zero() {
            return;
        }
        let most = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
        let mut ready: Vec<_> = handles.iter().map(|it| PollFd::new(it, PollFlags::IN)).collect();
        if poll(&mut ready, Some(&most)).is_err() {
            return;
        }
        let ended: Vec<bool> = ready.iter().map(|it| !it.revents().is_empty()).collect();
        let mut ended = ended.into_iter();
        handles.retain(|_| !ended.next().unwrap_or(false));
    }
}

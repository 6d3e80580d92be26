//! Who is whose child, as the kernel tells it.

use std::collections::HashMap;
use std::fs;
use std::io;

use rustix::process::{Pid, getpid};

use super::tree::Step;

/// The variable by which GitHub's runner knows the processes of a job.
pub(super) const TRACKING: &str = "RUNNER_TRACKING_ID";

/// A command line is told up to here.
const MOST_SHOWN: usize = 200;

/// A process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    parent: Option<Pid>,
    group: i32,
    session: i32,
    /// In ticks since the machine began. With the number it names a process for good.
    pub(crate) started: u64,
    pub(super) is_zombie: bool,
}

/// All processes at one moment, or nearly: who forks meanwhile may be missed, and found the next
/// time.
#[derive(Debug)]
pub(super) struct Census {
    all: HashMap<Pid, Process>,
    children: HashMap<Pid, Vec<Pid>>,
}

/// When a process began that is alive, in ticks since the machine did.
pub(crate) fn started(pid: u32) -> Option<u64> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let process = Process::look(pid)?;
    (!process.is_zombie).then_some(process.started)
}

impl Process {
    /// The process that has this number now.
    pub(super) fn look(pid: Pid) -> Option<Self> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold anything, parentheses too.
        let rest = &stat[memchr::memrchr(b')', &stat)? + 1..];
        let rest = std::str::from_utf8(rest).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        let mut number = || fields.next()?.parse::<i32>().ok();
        let (parent, group, session) = (number()?, number()?, number()?);
        let started = fields.nth(15)?.parse().ok()?;
        let parent = Pid::from_raw(parent);
        Some(Self { pid, parent, group, session, started, is_zombie: matches!(state, "Z" | "X") })
    }

    /// This process. Its group and session are read as everybody's are: where their leaders live
    /// outside of this PID namespace, as those of a container's commands may, they are 0.
    fn own() -> Option<Self> {
        Self::look(getpid())
    }

    /// Whether this worker itself started it, and not as a step: those have groups of their own.
    fn is_ours(&self) -> bool {
        Self::own().is_some_and(|own| own.group == self.group)
    }

    /// Whether they share a group, or a session that a step has made: the worker's own is shared
    /// by all who made none.
    fn is_kin_of(&self, other: &Self) -> bool {
        let is_made = || Self::own().is_some_and(|own| own.session != self.session);
        self.group == other.group || (self.session == other.session && is_made())
    }

    /// What it executes, for people.
    pub(super) fn command_line(&self) -> String {
        let read = |what: &str| fs::read(format!("/proc/{}/{what}", self.pid)).unwrap_or_default();
        let line = read("cmdline");
        let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let line = words.join(" ");
        let line = match line.trim_end() {
            "" => format!("[{}]", String::from_utf8_lossy(&read("comm")).trim_end()),
            line => line.to_owned(),
        };
        match line.char_indices().nth(MOST_SHOWN) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    /// What it carries of the environment that it was started with.
    fn tracking(&self) -> Option<Vec<u8>> {
        let environ = fs::read(format!("/proc/{}/environ", self.pid)).ok()?;
        let mut variables = environ.split(|byte| *byte == 0);
        let value = |variable: &[u8]| {
            let value = variable.strip_prefix(TRACKING.as_bytes())?.strip_prefix(b"=")?;
            Some(value.to_vec())
        };
        variables.find_map(value)
    }
}

impl Census {
    pub(super) fn take() -> io::Result<Self> {
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

    /// Everybody below this process who still lives.
    pub(super) fn descendants(&self) -> Vec<Process> {
        let mut below = Vec::new();
        for child in self.children_of(getpid()) {
            self.gather(child, &mut below);
        }
        self.living(&below)
    }

    /// Everybody who belongs to a running step and still lives: its own process, who is below it,
    /// and the orphans that it left, wherever they went.
    pub(super) fn of_step(&self, step: Pid, steps: &[Step]) -> Vec<Process> {
        let mut members = Vec::new();
        self.gather(step, &mut members);
        let Some(step) = steps.iter().find(|running| running.pid == step) else {
            return self.living(&members);
        };
        let elders = self.seen(&step.before);
        // Adopted children of this process: orphans of some step.
        let mut orphans = self.seen(&self.children_of(getpid()).collect::<Vec<_>>());
        orphans.retain(|orphan| {
            let is_other = steps.iter().any(|other| other.pid == orphan.pid);
            !is_other && !orphan.is_ours() && !step.before.contains(&orphan.pid)
        });
        loop {
            let (count, kin) = (members.len(), self.seen(&members));
            orphans.retain(|orphan| {
                let is_member = kin.iter().any(|member| orphan.is_kin_of(member))
                    || match (orphan.tracking(), &step.tracking) {
                        (Some(theirs), Some(ours)) => theirs == *ours,
                        // Nobody else can have left it.
                        _ => {
                            steps.len() == 1 && !elders.iter().any(|elder| orphan.is_kin_of(elder))
                        }
                    };
                if is_member {
                    self.gather(orphan.pid, &mut members);
                }
                !is_member
            });
            if members.len() == count {
                return self.living(&members);
            }
        }
    }

    fn seen(&self, pids: &[Pid]) -> Vec<Process> {
        pids.iter().filter_map(|pid| self.all.get(pid).copied()).collect()
    }

    fn children_of(&self, parent: Pid) -> impl Iterator<Item = Pid> + '_ {
        self.children.get(&parent).into_iter().flatten().copied()
    }

    fn gather(&self, pid: Pid, below: &mut Vec<Pid>) {
        if below.contains(&pid) {
            return;
        }
        let mut next = below.len();
        below.push(pid);
        while let Some(parent) = below.get(next).copied() {
            let new: Vec<Pid> =
                self.children_of(parent).filter(|child| !below.contains(child)).collect();
            below.extend(new);
            next += 1;
        }
    }

    fn living(&self, pids: &[Pid]) -> Vec<Process> {
        let mut living = self.seen(pids);
        living.retain(|process| !process.is_zombie);
        living
    }
}

/// The children of this process, adopted ones too.
pub(super) fn children() -> Vec<Pid> {
    let mut children = Vec::new();
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let pids = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        let pids = pids.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        children.extend(pids.filter_map(Pid::from_raw));
    }
    children
}

/// The orphans that have ended: this process has adopted them, so it has to bury them.
pub(super) fn dead_orphans(steps: &[Step]) -> Vec<Pid> {
    let mut dead = children();
    dead.retain(|pid| {
        let process = Process::look(*pid);
        let is_dead = process.is_some_and(|process| process.is_zombie && !process.is_ours());
        is_dead && !steps.iter().any(|step| step.pid == *pid)
    });
    dead
}

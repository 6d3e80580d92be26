//! Who is whose child, as the kernel tells it.

use std::collections::HashMap;
use std::fs;
use std::io;

use rustix::process::{Pid, getpid};

/// The variable by which GitHub's runner knows the processes of a job. Where each step has its own
/// value it tells whose an orphan is.
const TRACKING: &[u8] = b"RUNNER_TRACKING_ID=";

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

    /// Whether this worker itself started it, and not as a step: those have groups of their own.
    fn is_ours(&self) -> bool {
        self.group == rustix::process::getpgrp().as_raw_nonzero().get()
    }

    /// What it executes, for people.
    pub(super) fn command_line(&self) -> String {
        let read = |what: &str| fs::read(format!("/proc/{}/{what}", self.pid)).unwrap_or_default();
        let line = read("cmdline");
        let words: Vec<_> =
            line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
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
        variables.find_map(|variable| variable.strip_prefix(TRACKING)).map(<[u8]>::to_vec)
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

    /// Everybody who belongs to a step and still lives: its own process, who is below it, and the
    /// orphans that it left, wherever they went.
    ///
    /// `steps` are the first processes of all steps that are running.
    pub(super) fn of_step(&self, step: Pid, steps: &[Pid]) -> Vec<Process> {
        let mut members = Vec::new();
        self.gather(step, &mut members);
        let Some(first) = self.all.get(&step) else { return Vec::new() };
        let tracking = first.tracking();
        // Adopted children of this process: orphans of some step.
        let mut orphans: Vec<Process> = self
            .children_of(getpid())
            .filter(|pid| !steps.contains(pid))
            .filter_map(|pid| self.all.get(&pid).copied())
            .filter(|orphan| !orphan.is_ours())
            .collect();
        loop {
            let before = members.len();
            orphans.retain(|orphan| {
                let is_kin = members.iter().filter_map(|pid| self.all.get(pid)).any(|member| {
                    member.group == orphan.group || member.session_of_step() == Some(orphan.session)
                });
                let is_member = is_kin
                    || match (orphan.tracking(), &tracking) {
                        (Some(theirs), Some(ours)) => theirs == *ours,
                        // Nobody else can have left it, unless it was there before.
                        _ => steps.len() <= 1 && orphan.started >= first.started,
                    };
                if is_member {
                    self.gather(orphan.pid, &mut members);
                }
                !is_member
            });
            if members.len() == before {
                break;
            }
        }
        self.living(&members)
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
        let processes = pids.iter().filter_map(|pid| self.all.get(pid));
        processes.filter(|process| !process.is_zombie).copied().collect()
    }
}

impl Process {
    /// Its session, if it is one that the step has made: all of them share the worker's otherwise.
    fn session_of_step(&self) -> Option<i32> {
        let ours = rustix::process::getsid(None).map(|session| session.as_raw_nonzero().get());
        (ours != Ok(self.session)).then_some(self.session)
    }
}

/// The orphans that have ended: this process has adopted them, so it has to bury them.
pub(super) fn dead_orphans(steps: &[Pid]) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut dead = Vec::new();
    for thread in threads.flatten() {
        let Ok(children) = fs::read_to_string(thread.path().join("children")) else { continue };
        let pids = children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        for pid in pids.filter_map(Pid::from_raw).filter(|pid| !steps.contains(pid)) {
            let process = Process::look(pid);
            if process.is_some_and(|process| process.is_zombie && !process.is_ours()) {
                dead.push(pid);
            }
        }
    }
    dead
}

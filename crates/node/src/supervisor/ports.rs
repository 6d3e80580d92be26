//! Ports: which one an instance is given, and who listens where.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::Mutex;

use ::ports::entropy::Entropy;
use rustix::process::Pid;

use crate::keeper::tree::{Census, Process};

/// Where ports are looked for: below those that the kernel gives to connections that go out, so
/// that none of them takes one between our look and the instance's.
const RANGE: Range<u16> = 20_000..32_000;

/// The ports that instances of this node have.
#[derive(Debug)]
pub(super) struct Ports(Mutex<State>);

#[derive(Debug)]
struct State {
    taken: BTreeSet<u16>,
    /// Where to look next: what was given back is not given again for long.
    next: u16,
}

impl Ports {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        // Elsewhere in each process, in case several nodes share a machine.
        let [low, high, ..] = entropy.draw();
        let next = RANGE.start + u16::from_le_bytes([low, high]) % (RANGE.end - RANGE.start);
        Self(Mutex::new(State { taken: BTreeSet::new(), next }))
    }

    /// A port that nobody listens on and no other instance has.
    pub(super) fn any(&self) -> Result<u16, String> {
        let mut state = self.lock();
        for _ in RANGE {
            let port = state.next;
            state.next = if port + 1 < RANGE.end { port + 1 } else { RANGE.start };
            if !state.taken.contains(&port) && is_free(port) {
                state.taken.insert(port);
                return Ok(port);
            }
        }
        Err(format!("no port from {} to {} is free", RANGE.start, RANGE.end - 1))
    }

    /// This port, if nobody has it.
    pub(super) fn this(&self, port: u16) -> Result<u16, String> {
        if self.lock().taken.contains(&port) {
            return Err(format!(
                "port {port} is another instance's: let each have its own with `port: auto`"
            ));
        }
        if !is_free(port) {
            return Err(match holder(port) {
                Some(other) => format!("port {port} is taken by process {}", shown(&other)),
                None => format!("port {port} cannot be listened on: it is taken, or not allowed"),
            });
        }
        self.keep(port);
        Ok(port)
    }

    /// An instance has it already.
    pub(super) fn keep(&self, port: u16) {
        self.lock().taken.insert(port);
    }

    pub(super) fn give_back(&self, port: u16) {
        self.lock().taken.remove(&port);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds the ports")
    }
}

pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn shown(process: &Process) -> String {
    format!("{} ({})", process.pid.as_raw_nonzero(), process.name())
}

/// The ports that the processes below one listen on.
pub(super) fn listened_by(top: Pid) -> BTreeSet<u16> {
    let Ok(census) = Census::take() else { return BTreeSet::new() };
    let sockets: BTreeSet<u64> =
        census.below(top).iter().filter_map(Process::sockets).flatten().collect();
    let listeners = listeners().into_iter();
    listeners.filter(|(inode, _)| sockets.contains(inode)).map(|(_, port)| port).collect()
}

/// A process that listens on this port though it was there before the tree below `top`, or is
/// another instance's: whatever is answered there is not answered by the tree.
pub(super) fn stranger(port: u16, top: Pid, instance: &str) -> Option<String> {
    let started = Process::look(top)?.started;
    let census = Census::take().ok()?;
    let inodes = inodes(port);
    let has = |process: &Process| {
        process.sockets().is_some_and(|sockets| sockets.iter().any(|it| inodes.contains(it)))
    };
    if inodes.is_empty() || census.below(top).iter().any(has) {
        return None;
    }
    let others = census.everybody().filter(|process| has(process));
    let mut strange = others.filter(|process| {
        process.started <= started || process.mark().is_some_and(|mark| mark != instance)
    });
    strange.next().map(shown)
}

/// Who listens on a port, as far as this user may know.
pub(super) fn holder(port: u16) -> Option<Process> {
    let inodes = inodes(port);
    let census = Census::take().ok()?;
    let mut holders = census.everybody().filter(|process| {
        process.sockets().is_some_and(|sockets| sockets.iter().any(|it| inodes.contains(it)))
    });
    holders.next().copied()
}

fn inodes(port: u16) -> Vec<u64> {
    listeners().into_iter().filter(|(_, other)| *other == port).map(|(inode, _)| inode).collect()
}

/// The sockets that listen on this machine, and their ports.
fn listeners() -> Vec<(u64, u16)> {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    let mut found = Vec::new();
    for table in [read("/proc/net/tcp"), read("/proc/net/tcp6")] {
        found.extend(table.lines().skip(1).filter_map(listener));
    }
    found
}

fn listener(line: &str) -> Option<(u64, u16)> {
    const LISTEN: &str = "0A";
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let port = u16::from_str_radix(fields[1].rsplit(':').next()?, 16).ok()?;
    Some((fields.get(9)?.parse().ok()?, port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::ports::entropy::SystemEntropy;

    #[test]
    fn who_listens_is_found() {
        let own = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = own.local_addr().unwrap().port();
        let holder = holder(port).unwrap();
        assert_eq!(holder.pid, rustix::process::getpid());
        let ports = Ports::new(&SystemEntropy);
        let why = ports.this(port).unwrap_err();
        assert!(
            why.contains(&format!("taken by process {}", holder.pid.as_raw_nonzero())),
            "{why}"
        );
        drop(own);
        assert_eq!(ports.this(port), Ok(port));
        assert!(ports.this(port).unwrap_err().contains("another instance's"));
        ports.give_back(port);
        assert_eq!(ports.this(port), Ok(port));
    }

    #[test]
    fn no_port_is_given_twice() {
        let ports = Ports::new(&SystemEntropy);
        let given: BTreeSet<_> = (0..200).map(|_| ports.any().unwrap()).collect();
        assert_eq!(given.len(), 200);
    }
}

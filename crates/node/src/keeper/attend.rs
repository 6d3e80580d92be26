//! Attending to a running program until nothing of it is left.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use jiff::SignedDuration;
use ports::clock::{Clock as _, Stopwatch, SystemClock};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, WaitOptions, getpid, wait};

use super::cgroup::{self, Usage};
use super::output::Output;
use super::program::{Program, signal};
use super::task::{Ended, Exit, KILL, LOG, STOP, Task};
use super::tree::{Census, Process, kill_all};
use crate::logs::Writer;

/// How often orphans that have ended are looked for: nobody tells of them.
const ROUND: Duration = Duration::from_secs(5);

/// How long the rest of the output is read when everybody has ended.
const LINGER: Duration = Duration::from_secs(2);

/// How many processes that were left behind are named.
const MOST_NAMED: usize = 10;

pub(super) struct Attending<'a> {
    task: &'a Task,
    program: Program,
    orders: File,
    watch: Stopwatch,
    log: Writer,
    outputs: [Output; 2],
    exit: Option<Exit>,
    /// Since when it has been told to stop.
    stopping: Option<Stopwatch>,
    killed: bool,
}

impl<'a> Attending<'a> {
    pub(super) fn new(task: &'a Task, program: Program, orders: File, watch: Stopwatch) -> Self {
        let log = Writer::open(task.folder.join(LOG), task.log_budget);
        let outputs = [Output::new(b'o'), Output::new(b'e')];
        let (exit, stopping) = (None, None);
        Self { task, program, orders, watch, log, outputs, exit, stopping, killed: false }
    }

    pub(super) fn attend(mut self) -> Ended {
        while self.exit.is_none() {
            self.round(self.patience());
            self.bury();
            if self.stopping.is_some() && !self.killed && self.patience().is_zero() {
                self.kill();
            }
        }
        let at = SystemClock.now();
        let lived = SignedDuration::try_from(self.watch.elapsed()).unwrap_or_default();
        let left = self.sweep();
        let counted = self.task.cgroup.as_ref().filter(|group| cgroup::counts(group));
        let usage = counted.map(cgroup::usage);
        let rest = Stopwatch::start();
        while self.outputs.iter().any(|output| !output.is_over) && rest.elapsed() < LINGER {
            self.round(LINGER.saturating_sub(rest.elapsed()));
        }
        for output in &mut self.outputs {
            output.finish(&mut self.log);
        }
        self.bury();
        if let Some(cgroup) = &self.task.cgroup {
            cgroup.remove();
        }
        // This process has done little beside waiting for the others.
        let own = || Process::look(getpid()).map_or(SignedDuration::ZERO, |own| own.processor());
        let usage = usage.unwrap_or_else(|| Usage { processor: own(), ..Usage::default() });
        let exit = self.exit.unwrap_or(Exit::Unknown);
        let stopped = self.stopping.is_some();
        Ended { at, lived, exit, left, stopped, killed: self.killed, usage }
    }

    /// How long nothing has to be done.
    fn patience(&self) -> Duration {
        match &self.stopping {
            Some(since) if !self.killed => {
                let grace = Duration::try_from(self.task.stop.grace).unwrap_or_default();
                grace.saturating_sub(since.elapsed()).min(ROUND)
            }
            _ => ROUND,
        }
    }

    /// Waits for something to happen, and sees to it.
    fn round(&mut self, most: Duration) {
        let Ok([out, err, orders]) = self.wait(most) else { return };
        if out {
            self.outputs[0].read(&self.program.stdout, &mut self.log);
        }
        if err {
            self.outputs[1].read(&self.program.stderr, &mut self.log);
        }
        if orders {
            self.obey();
        }
    }

    fn wait(&self, most: Duration) -> io::Result<[bool; 3]> {
        let handle = self.program.handle();
        let mut ready = vec![PollFd::new(&self.orders, PollFlags::IN)];
        let outputs = [self.program.stdout.as_fd(), self.program.stderr.as_fd()];
        for (output, descriptor) in self.outputs.iter().zip(&outputs) {
            if !output.is_over {
                ready.push(PollFd::new(descriptor, PollFlags::IN));
            }
        }
        // It stays ready once it has ended.
        if self.exit.is_none() {
            ready.push(PollFd::new(&handle, PollFlags::IN));
        }
        let most = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: most.subsec_nanos().into(),
        };
        match poll(&mut ready, Some(&most)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut happened = ready.iter().map(|it| !it.revents().is_empty());
        let orders = happened.next().unwrap_or(false);
        let mut of = |output: &Output| !output.is_over && happened.next().unwrap_or(false);
        Ok([of(&self.outputs[0]), of(&self.outputs[1]), orders])
    }

    fn obey(&mut self) {
        let mut told = [0; 16];
        let count = rustix::io::read(&self.orders, &mut told).unwrap_or(0);
        if told[..count].contains(&STOP) && self.stopping.is_none() {
            self.stopping = Some(Stopwatch::start());
            self.program.tell(signal(self.task.stop.signal));
            // Who is stopped hears nothing.
            self.program.tell(Signal::CONT);
        }
        if told[..count].contains(&KILL) {
            self.stopping.get_or_insert_with(Stopwatch::start);
            self.kill();
        }
    }

    fn kill(&mut self) {
        self.killed = true;
        self.program.tell(Signal::KILL);
        self.sweep();
    }

    /// Kills everybody below this process, and names them.
    fn sweep(&self) -> Vec<String> {
        let find = || Ok(Census::take()?.below(getpid()));
        let left = find().unwrap_or_default();
        let is_left = |process: &&Process| process.pid != self.program.process;
        let named = left.iter().filter(is_left).take(MOST_NAMED).map(Process::name).collect();
        if !left.is_empty() {
            if let Some(cgroup) = &self.task.cgroup {
                cgroup.kill();
            }
            // Who cannot be killed hangs in the kernel, and is nobody's any more.
            let _ = kill_all(find);
        }
        named
    }

    /// Takes note of who has ended: the program, and orphans that it left.
    fn bury(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == self.program.process {
                self.exit = Some(match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (None, Some(signal)) => Exit::Signal(signal),
                    (None, None) => Exit::Unknown,
                });
            }
        }
    }
}

//! Ending processes: by handles, so that a number that was given to another one is not hit.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::alarm::timespec;
use super::family::Process;

/// How often the rest is looked for and killed before it is given up, and how long the killed are
/// waited for each time: together ten seconds.
const ROUNDS: usize = 100;
const ROUND: Duration = Duration::from_millis(100);

/// How often who forked meanwhile is looked for before anybody is killed.
const STOPPING_ROUNDS: usize = 10;

/// A process that can be told things, and waited for.
#[derive(Debug)]
pub(crate) struct Member(OwnedFd);

impl Member {
    /// Nothing, if it is gone.
    fn hold(process: Process) -> Option<Self> {
        let handle = pidfd_open(process.pid, PidfdFlags::empty()).ok()?;
        // Whoever has the number now may be another one than was seen.
        let is_same = Process::look(process.pid).is_some_and(|now| now.started == process.started);
        is_same.then_some(Self(handle))
    }

    fn tell(&self, signal: Signal) {
        // It may have ended, or belong to somebody else; whoever looks again finds out.
        let _ = pidfd_send_signal(&self.0, signal);
    }
}

/// Ready to be read when the process has ended.
impl AsFd for Member {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Tells all of them, and returns them to be waited for.
pub(crate) fn signal_all(processes: Vec<Process>, signal: Signal) -> Vec<Member> {
    let members: Vec<Member> = processes.into_iter().filter_map(Member::hold).collect();
    for member in &members {
        member.tell(signal);
    }
    members
}

/// Kills all that can be found until there are no more, and returns who cannot be killed.
pub(super) fn kill_all(find: impl Fn() -> io::Result<Vec<Process>>) -> io::Result<Vec<Process>> {
    for _ in 0..ROUNDS {
        let mut found = find()?;
        if found.is_empty() {
            return Ok(found);
        }
        // Stopped first, for whoever is stopped does not fork: else a crowd that forks faster than
        // it is killed would get away.
        for _ in 0..STOPPING_ROUNDS {
            signal_all(found.clone(), Signal::STOP);
            let now = find()?;
            let is_known = |process: &Process| found.iter().any(|known| known.pid == process.pid);
            let has_grown = !now.iter().all(is_known);
            found = now;
            if !has_grown {
                break;
            }
        }
        wait_for(&signal_all(found, Signal::KILL), ROUND)?;
    }
    find()
}

/// Waits until all have ended, or for some time.
pub(super) fn wait_for(members: &[Member], most: Duration) -> io::Result<()> {
    let alarm = super::Alarm::new()?;
    alarm.set(most)?;
    let mut left: Vec<&Member> = members.iter().collect();
    while !left.is_empty() {
        let mut ready: Vec<PollFd<'_>> = Vec::with_capacity(left.len() + 1);
        ready.push(PollFd::new(&alarm, PollFlags::IN));
        ready.extend(left.iter().map(|member| PollFd::new(*member, PollFlags::IN)));
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !ready[0].revents().is_empty() {
            break;
        }
        let has_ended: Vec<bool> = ready[1..].iter().map(|it| !it.revents().is_empty()).collect();
        let mut ended = has_ended.into_iter();
        left.retain(|_| !ended.next().unwrap_or(false));
    }
    Ok(())
}

/// Waits for one descriptor at most this long; whether it is ready.
pub(super) fn wait_for_one(descriptor: &impl AsFd, most: Duration) -> io::Result<bool> {
    let mut ready = [PollFd::new(descriptor, PollFlags::IN)];
    match poll(&mut ready, Some(&timespec(most))) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!ready[0].revents().is_empty()),
        Err(error) => Err(error.into()),
    }
}

//! Attending to a step: what it prints, that it ends, and that it is ended when its time is over.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::Signal;

use super::pump::{Pump, Read};
use super::{Attention, Ended, Listener, late};
use crate::process::{
    Alarm, Attended, Child, Exit, Left, Leftover, Member, Order, ProcessError, Why, timespec,
};

/// How many reads empty the pipe, and no more if somebody keeps it full.
const READS_TO_EMPTY: usize = 8;

/// Attends to a step until it has ended, on this thread.
pub fn attend(
    child: Child,
    attention: &Attention<'_>,
    listener: &mut dyn Listener,
) -> Result<Ended, ProcessError> {
    attend_to(Box::new(child), attention, listener)
}

/// The same wherever the step runs.
pub(crate) fn attend_to(
    child: Box<dyn Attended>,
    attention: &Attention<'_>,
    listener: &mut dyn Listener,
) -> Result<Ended, ProcessError> {
    let attending = Attending::new(child, attention, listener);
    let ended = attending.and_then(Attending::until_the_end);
    ended.map_err(ProcessError::system("attend to a step"))
}

struct Attending<'a> {
    child: Box<dyn Attended>,
    attention: &'a Attention<'a>,
    listener: &'a mut dyn Listener,
    pump: Pump,
    is_printing: bool,
    exit: Option<Exit>,
    phase: Phase,
    stopped: Option<Why>,
    /// Those who were told to terminate and have not ended.
    members: Vec<Member>,
    survivors: Vec<Leftover>,
    /// When the step has to be over.
    deadline: Alarm,
    /// When the phase is over.
    stage: Alarm,
    /// When lingering is over, whatever comes.
    last: Alarm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// Its own process has ended; others print on.
    Lingering,
    /// Its group was told by SIGINT to end.
    Interrupted,
    /// All were told by SIGTERM to end.
    Terminated,
    Over,
}

/// What was waited for and has come.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "several may come at once, and each is asked")]
struct Ready {
    output: bool,
    exit: bool,
    stop: bool,
    deadline: bool,
    stage: bool,
    /// By their place among the members.
    ended: Vec<bool>,
}

impl<'a> Attending<'a> {
    fn new(
        child: Box<dyn Attended>,
        attention: &'a Attention<'a>,
        listener: &'a mut dyn Listener,
    ) -> io::Result<Self> {
        let deadline = Alarm::new()?;
        if let Some(at) = attention.deadline {
            let left = at.duration_since(attention.clock.now());
            deadline.set(Duration::try_from(left).unwrap_or_default())?;
        }
        Ok(Self {
            pump: Pump::new(attention),
            child,
            attention,
            listener,
            is_printing: true,
            exit: None,
            phase: Phase::Running,
            stopped: None,
            members: Vec::new(),
            survivors: Vec::new(),
            deadline,
            stage: Alarm::new()?,
            last: Alarm::new()?,
        })
    }

    fn until_the_end(mut self) -> io::Result<Ended> {
        // It may have been ordered before anybody attended.
        if let Some(order) = self.attention.stop.take() {
            self.obey(order)?;
        }
        while self.phase != Phase::Over {
            let ready = self.wait()?;
            if ready.output {
                self.read()?;
            }
            if ready.exit {
                self.look_whether_it_ended()?;
            }
            if ready.stop
                && let Some(order) = self.attention.stop.take()
            {
                self.obey(order)?;
            }
            if ready.deadline {
                self.deadline.put_out()?;
                self.obey(Order { why: Why::TimedOut, at_once: false })?;
            }
            if ready.stage {
                self.stage.put_out()?;
                self.phase_is_over()?;
            }
            if self.phase == Phase::Terminated && ready.ended.contains(&true) {
                let mut ended = ready.ended.into_iter();
                self.members.retain(|_| !ended.next().unwrap_or(false));
                if self.members.is_empty() {
                    self.terminate()?;
                }
            }
        }
        self.finish()
    }

    fn wait(&mut self) -> io::Result<Ready> {
        let patience = self.pump.flush_old(self.attention.clock.now()).map(timespec);
        let awaits_exit = self.exit.is_none();
        let mut events = vec![
            PollFd::new(self.attention.stop, PollFlags::IN),
            PollFd::new(&self.deadline, PollFlags::IN),
            PollFd::new(&self.stage, PollFlags::IN),
            PollFd::new(&self.last, PollFlags::IN),
        ];
        if self.is_printing {
            events.push(PollFd::from_borrowed_fd(self.child.output(), PollFlags::IN));
        }
        if awaits_exit {
            events.push(PollFd::from_borrowed_fd(self.child.handle(), PollFlags::IN));
        }
        events.extend(self.members.iter().map(|member| PollFd::new(member, PollFlags::IN)));
        match poll(&mut events, patience.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let mut events = events.iter().map(|event| !event.revents().is_empty());
        let mut next = || events.next().unwrap_or(false);
        let (stop, deadline, stage, last) = (next(), next(), next(), next());
        let output = self.is_printing && next();
        let exit = awaits_exit && next();
        Ok(Ready { output, exit, stop, deadline, stage: stage || last, ended: events.collect() })
    }

    fn read(&mut self) -> io::Result<Read> {
        let now = self.attention.clock.now();
        let read = self.pump.read(self.child.output(), now, Some(&mut *self.listener))?;
        match (read, self.phase) {
            (Read::End, phase) => {
                self.is_printing = false;
                if phase == Phase::Lingering {
                    self.phase = Phase::Over;
                }
            }
            (Read::Some, Phase::Lingering) => self.stage.set(self.attention.linger.quiet)?,
            _ => {}
        }
        Ok(read)
    }

    /// Reads what has been printed by now.
    fn empty_the_pipe(&mut self) -> io::Result<()> {
        for _ in 0..READS_TO_EMPTY {
            if !self.is_printing || self.read()? == Read::Nothing {
                break;
            }
        }
        Ok(())
    }

    fn look_whether_it_ended(&mut self) -> io::Result<()> {
        self.exit = self.child.ended()?;
        if self.exit.is_none() {
            return Ok(());
        }
        self.empty_the_pipe()?;
        match self.phase {
            Phase::Running if self.is_printing => {
                self.phase = Phase::Lingering;
                self.stage.set(self.attention.linger.quiet)?;
                self.last.set(self.attention.linger.most)?;
            }
            Phase::Running => self.phase = Phase::Over,
            // Who is left of it has been interrupted in vain.
            Phase::Interrupted => self.terminate()?,
            // Perhaps nobody is left of those who could not be waited for.
            Phase::Terminated if self.members.is_empty() => self.terminate()?,
            Phase::Lingering | Phase::Terminated | Phase::Over => {}
        }
        Ok(())
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        if matches!(self.phase, Phase::Lingering | Phase::Over) {
            // It has ended by itself.
            self.phase = Phase::Over;
            return Ok(());
        }
        self.stopped.get_or_insert(order.why);
        if order.at_once {
            self.kill()
        } else if self.phase == Phase::Running {
            self.child.interrupt();
            self.phase = Phase::Interrupted;
            self.stage.set(self.attention.grace.interrupt)
        } else {
            Ok(())
        }
    }

    fn phase_is_over(&mut self) -> io::Result<()> {
        match self.phase {
            Phase::Lingering => {
                self.phase = Phase::Over;
                Ok(())
            }
            Phase::Interrupted => self.terminate(),
            Phase::Terminated => self.kill(),
            Phase::Running | Phase::Over => Ok(()),
        }
    }

    /// Tells all that are left to end; the step is over if nobody is.
    fn terminate(&mut self) -> io::Result<()> {
        self.members = match self.child.terminate()? {
            Left::Nobody => return self.kill(),
            Left::Members(members) => members,
            Left::Unseen => Vec::new(),
        };
        if self.phase != Phase::Terminated {
            self.phase = Phase::Terminated;
            self.stage.set(self.attention.grace.terminate)?;
        }
        Ok(())
    }

    fn kill(&mut self) -> io::Result<()> {
        self.survivors = self.child.kill()?;
        self.phase = Phase::Over;
        Ok(())
    }

    fn finish(mut self) -> io::Result<Ended> {
        let exit = match self.exit {
            Some(exit) => exit,
            // A process that nothing can end is given up.
            None => self.child.ended()?.unwrap_or(Exit::Signal(Signal::KILL.as_raw())),
        };
        self.empty_the_pipe()?;
        self.child.settle();
        let ended = Ended {
            exit,
            out_of_memory: self.child.is_out_of_memory(),
            stopped: self.stopped,
            survivors: self.survivors,
        };
        let now = self.attention.clock.now();
        self.pump.flush(now);
        if self.is_printing && ended.stopped.is_none() {
            late::read_on(self.child, self.pump, self.attention.clock.clone());
        } else {
            self.pump.end(now, Some(self.listener));
        }
        Ok(ended)
    }
}

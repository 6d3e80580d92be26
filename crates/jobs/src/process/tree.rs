//! All processes of a job, from the first step to the last orphan.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitId, WaitIdOptions, getpid, set_child_subreaper,
    set_dumpable_behavior, setsid, waitid,
};

use super::cgroup::Cgroup;
use super::child::Child;
use super::family::{Census, Process, TRACKING, children, dead_orphans};
use super::kill::{kill_all, signal_all, wait_for};
use super::stop::{Stop, Why};
use super::{ProcessError, Program};

/// All processes of the one job that a worker process executes. Clones are the same tree.
#[derive(Debug, Clone)]
pub struct ProcessTree(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    steps: Mutex<Vec<Step>>,
    cgroup: Mutex<Option<Arc<Cgroup>>>,
    /// Those who read what processes in the background print when their step is over.
    late: Mutex<Vec<JoinHandle<()>>>,
    over: Stop,
}

/// A step that is running.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Its first process.
    pub(super) pid: Pid,
    /// What its processes carry in the variable by which GitHub's runner tracks them. Where each
    /// step has its own value it tells whose an orphan is.
    pub(super) tracking: Option<Vec<u8>>,
    /// Orphans that were there before it.
    pub(super) before: Vec<Pid>,
}

/// A process that outlived its step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    pub pid: u32,
    pub command_line: String,
    /// Nothing could end it.
    pub survived: bool,
}

impl ProcessTree {
    /// Makes this process the parent of every orphan below it, without a terminal that a step
    /// could ask for a password, with a memory that no step can read, and with no open file that
    /// a step would inherit. Once a process.
    pub fn begin() -> Result<Self, ProcessError> {
        inheritance::disclaim().map_err(ProcessError::system("list the open files"))?;
        set_child_subreaper(Some(getpid())).map_err(ProcessError::system("adopt orphans"))?;
        // Refused to the leader of a group; it has to give up the terminal alone.
        if setsid().is_err() {
            terminal::give_up();
        }
        set_dumpable_behavior(DumpableBehavior::NotDumpable)
            .map_err(ProcessError::system("protect the worker's memory"))?;
        let over = Stop::new().map_err(ProcessError::system("make an event"))?;
        let (steps, cgroup, late) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self(Arc::new(Shared { steps, cgroup, late, over })))
    }

    pub fn start(&self, program: &Program) -> Result<Child, ProcessError> {
        if let Some(cgroup) = program.confinement.as_ref().and_then(|it| it.cgroup.as_ref()) {
            *lock(&self.0.cgroup) = Some(cgroup.clone());
        }
        let tracking = program.env.iter().rev().find(|(name, _)| name == TRACKING);
        let tracking = tracking.map(|(_, value)| value.as_bytes().to_vec());
        // Held while it is started, so that nobody takes it for an orphan.
        let mut steps = lock(&self.0.steps);
        let before = if has_children() { children() } else { Vec::new() };
        let child = Child::start(self, program)?;
        steps.push(Step { pid: child.pid, tracking, before });
        Ok(child)
    }

    /// Ends what the steps left behind, and names it. `patience` is from SIGTERM to SIGKILL.
    pub fn sweep(&self, patience: Duration) -> Vec<Leftover> {
        let left = self.try_sweep(patience).unwrap_or_default();
        // Nobody prints any more.
        self.0.over.stop(Why::Cancelled);
        for late in std::mem::take(&mut *lock(&self.0.late)) {
            let _ = late.join();
        }
        left
    }

    fn try_sweep(&self, patience: Duration) -> io::Result<Vec<Leftover>> {
        if !has_children() {
            return Ok(Vec::new());
        }
        let find = || Ok(Census::take()?.descendants());
        let found = find()?;
        let mut left: Vec<Leftover> = found.iter().map(leftover).collect();
        if !patience.is_zero() && !found.is_empty() {
            wait_for(&signal_all(found, Signal::TERM), patience)?;
        }
        if let Some(cgroup) = &*lock(&self.0.cgroup) {
            cgroup.kill();
        }
        let survivors = kill_all(find)?;
        for survivor in survivors {
            let pid = survivor.pid.as_raw_nonzero().get().unsigned_abs();
            match left.iter_mut().find(|leftover| leftover.pid == pid) {
                Some(leftover) => leftover.survived = true,
                None => left.push(Leftover { survived: true, ..leftover(&survivor) }),
            }
        }
        self.bury_orphans();
        Ok(left)
    }

    /// Everybody who belongs to a running step.
    pub(crate) fn members(&self, step: &Child) -> io::Result<Vec<Process>> {
        let steps = lock(&self.0.steps).clone();
        Ok(Census::take()?.of_step(step.pid, &steps))
    }

    /// Kills everybody who belongs to a running step, and names who could not be killed.
    pub(crate) fn kill(&self, step: &Child) -> io::Result<Vec<Leftover>> {
        let survivors = kill_all(|| self.members(step))?;
        let survivors = survivors.iter().map(leftover);
        Ok(survivors.map(|leftover| Leftover { survived: true, ..leftover }).collect())
    }

    /// A step's first process has ended and is not to be waited for any more.
    pub(crate) fn ended(&self, step: &Child) {
        step.bury();
        lock(&self.0.steps).retain(|running| running.pid != step.pid);
        self.bury_orphans();
    }

    /// Has what is still printed in the background read until the job is over.
    pub(crate) fn keep_reading(&self, read: impl FnOnce(Late) + Send + 'static) {
        let late = Late(self.0.over.clone());
        lock(&self.0.late).push(std::thread::spawn(move || read(late)));
    }

    fn bury_orphans(&self) {
        if !has_children() {
            return;
        }
        // Held, so that nobody becomes a step meanwhile.
        let steps = lock(&self.0.steps);
        for pid in dead_orphans(&steps) {
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}

/// The end of the job, for whoever reads on until then.
#[derive(Debug)]
pub(crate) struct Late(Stop);

/// Ready to be read when the job is over.
impl AsFd for Late {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether there is anybody below this process at all: orphans are its children, too.
fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(rustix::io::Errno::CHILD))
}

fn leftover(process: &Process) -> Leftover {
    Leftover {
        pid: process.pid.as_raw_nonzero().get().unsigned_abs(),
        command_line: process.command_line(),
        survived: false,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds the processes")
}

mod terminal {
    //! The terminal that a process was started from.

    use rustix::fs::{Mode, OFlags};
    use rustix::ioctl::{NoArg, Opcode, ioctl};

    /// `TIOCNOTTY`, which every Linux but those for Alpha, MIPS, PowerPC and SPARC numbers so.
    const NO_TERMINAL: Opcode = 0x5422;

    #[expect(unsafe_code, reason = "the call has no safe form, and takes and gives nothing")]
    pub(super) fn give_up() {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        if let Ok(terminal) = rustix::fs::open("/dev/tty", flags, Mode::empty()) {
            // SAFETY: the operation has no argument and writes no memory.
            let _ = unsafe { ioctl(&terminal, NoArg::<NO_TERMINAL>::new()) };
        }
    }
}

mod inheritance {
    //! Files that this process was started with, such as locks and the pipes of a build.

    use std::io;
    use std::os::fd::{BorrowedFd, RawFd};

    use rustix::io::{FdFlags, fcntl_setfd};

    /// Keeps them from everybody who is started from now on: a server that a step leaves running
    /// must not hold a lock of whoever started the worker.
    #[expect(unsafe_code, reason = "descriptors that nobody here has opened have no owner here")]
    pub(super) fn disclaim() -> io::Result<()> {
        for entry in std::fs::read_dir("/proc/self/fd")? {
            let number = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
            if let Some(number) = number.filter(|number| *number > 2) {
                // SAFETY: it is used for one call, which fails if it was closed meanwhile.
                let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
                let _ = fcntl_setfd(descriptor, FdFlags::CLOEXEC);
            }
        }
        Ok(())
    }
}

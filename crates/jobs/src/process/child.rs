//! A running step's first process, and what it prints.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::fs::{Access, OFlags};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
};

use super::cgroup::Cgroup;
use super::tree::ProcessTree;
use super::wrapper::Task;
use super::{Confinement, ProcessError, Program};

/// What a pipe holds, if the kernel lets it: the more, the seldomer the step waits for its reader.
const PIPE: usize = 1 << 20;

/// More is not read of what a wrapper says went wrong.
const MOST_TROUBLE: u64 = 16 << 10;

/// Steps are the first to be killed when the machine has no memory left, before what watches them.
const OOM_SCORE: &[u8] = b"500";

/// A running step. Whoever has it must attend to it.
#[derive(Debug)]
#[must_use]
pub struct Child {
    pub(crate) pid: Pid,
    handle: OwnedFd,
    output: OwnedFd,
    pub(crate) tree: ProcessTree,
    cgroup: Option<Arc<Cgroup>>,
    /// How many processes of the job had been killed for lack of memory when this one began.
    killed_before: u64,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Child {
    pub(super) fn start(tree: &ProcessTree, program: &Program) -> Result<Self, ProcessError> {
        let confinement = program.confinement.as_deref();
        let cgroup = confinement.and_then(|confinement| confinement.cgroup.clone());
        let killed_before = cgroup.as_ref().map_or(0, |cgroup| cgroup.killed());
        let path = find(program)?;
        let spawned = spawn(program, &path, confinement).map_err(|trouble| match trouble {
            Trouble::Said(why) => ProcessError::Confine(why),
            Trouble::Io(why) => not_started(program, &path, why),
        })?;
        let Spawned { pid, handle, output } = spawned;
        Ok(Self { pid, handle, output, tree: tree.clone(), cgroup, killed_before })
    }

    /// What it prints, to be read without waiting.
    pub(crate) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    pub(crate) fn into_output(self) -> OwnedFd {
        self.output
    }

    /// Ready to be read when it has ended.
    pub(crate) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Tells the whole group, as Ctrl-C in a terminal does.
    pub(crate) fn interrupt(&self) {
        let _ = kill_process_group(self.pid, Signal::INT);
    }

    /// How it ended, once it has. Until this was asked nobody else gets its number.
    pub(crate) fn ended(&self) -> io::Result<Option<Exit>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::PidFd(self.handle()), options)?.map(exit))
    }

    /// Gives its number back.
    pub(crate) fn bury(&self) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let _ = waitid(WaitId::PidFd(self.handle()), options);
    }

    /// Whether a process of the job was killed for lack of memory since this one began.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.cgroup.as_ref().is_some_and(|cgroup| cgroup.killed() > self.killed_before)
    }
}

/// Starts a program that is confined and ends at once, to see whether it can be.
pub(super) fn try_out(confinement: &Arc<Confinement>) -> Result<(), String> {
    let path = confinement.wrapper.program.clone();
    let program = Program {
        program: path.clone().into_os_string(),
        args: vec!["--version".into()],
        env: Vec::new(),
        folder: PathBuf::from("/"),
        confinement: Some(confinement.clone()),
    };
    let spawned = spawn(&program, &path, Some(confinement)).map_err(|trouble| match trouble {
        Trouble::Said(why) => why,
        Trouble::Io(error) => format!("{} cannot be started: {error}", path.display()),
    })?;
    let _ = pidfd_send_signal(&spawned.handle, Signal::KILL);
    let ended = waitid(WaitId::PidFd(spawned.handle.as_fd()), WaitIdOptions::EXITED);
    ended.map(drop).map_err(|error| error.to_string())
}

fn exit(status: rustix::process::WaitIdStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

struct Spawned {
    pid: Pid,
    handle: OwnedFd,
    output: OwnedFd,
}

enum Trouble {
    Io(io::Error),
    /// By the wrapper.
    Said(String),
}

impl<E: Into<io::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Io(error.into())
    }
}

fn spawn(
    program: &Program,
    path: &Path,
    confinement: Option<&Confinement>,
) -> Result<Spawned, Trouble> {
    let (output, input) = pipe_with(PipeFlags::CLOEXEC)?;
    // A user with many pipes may have only small ones.
    let _ = fcntl_setpipe_size(&output, PIPE);
    let flags = rustix::fs::fcntl_getfl(&output)?;
    rustix::fs::fcntl_setfl(&output, flags | OFlags::NONBLOCK)?;

    let mut words: Option<UnixStream> = None;
    let mut command = match confinement {
        None => {
            let mut command = Command::new(path);
            command.arg0(&program.program).stdin(Stdio::null()).env_clear();
            command.envs(program.env.iter().map(|(name, value)| (name, value)));
            command
        }
        Some(confinement) => {
            let (ours, theirs) = UnixStream::pair()?;
            words = Some(ours);
            let mut command = Command::new(&confinement.wrapper.program);
            command.args(&confinement.wrapper.args).arg(path).arg(&program.program);
            command.stdin(OwnedFd::from(theirs)).env_clear();
            command
        }
    };
    command
        .args(&program.args)
        .current_dir(&program.folder)
        .stdout(input.try_clone()?)
        .stderr(input)
        .process_group(0);
    let spawned = command.spawn()?;
    // It holds the pipe's other end.
    drop(command);
    let pid = Pid::from_child(&spawned);
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    let _ = std::fs::write(format!("/proc/{pid}/oom_score_adj"), OOM_SCORE);
    if let (Some(words), Some(confinement)) = (words, confinement) {
        let trouble = match brief(words, confinement, program) {
            Ok(None) => return Ok(Spawned { pid, handle, output }),
            Ok(Some(why)) => Trouble::Said(why),
            Err(error) => Trouble::Io(error),
        };
        // It waits for its task, or has ended.
        let _ = pidfd_send_signal(&handle, Signal::KILL);
        let _ = waitid(WaitId::PidFd(handle.as_fd()), WaitIdOptions::EXITED);
        return Err(trouble);
    }
    Ok(Spawned { pid, handle, output })
}

/// Tells the wrapper what to do, and hears what went wrong with it.
fn brief(
    mut words: UnixStream,
    confinement: &Confinement,
    program: &Program,
) -> io::Result<Option<String>> {
    let message = Task::new(confinement).message(&program.env)?;
    // One that ended before it was told has said why, or is not what it should be.
    let told = words.write_all(&message).and_then(|()| words.shutdown(Shutdown::Write));
    let mut trouble = Vec::new();
    words.take(MOST_TROUBLE).read_to_end(&mut trouble)?;
    if trouble.is_empty() {
        told?;
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&trouble).into_owned()))
}

/// The file that a program is in.
fn find(program: &Program) -> Result<PathBuf, ProcessError> {
    let name = &program.program;
    let is_executable =
        |path: &Path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
    if name.as_bytes().contains(&b'/') {
        return Ok(program.folder.join(name));
    }
    let path = program.env.iter().rev().find(|(name, _)| name == "PATH");
    let path = path.map_or(OsStr::new(""), |(_, path)| path);
    let folders = std::env::split_paths(path).map(|folder| program.folder.join(folder));
    let found = folders.map(|folder| folder.join(name)).find(|path| is_executable(path));
    found.ok_or_else(|| ProcessError::NotOnPath(text(name)))
}

fn not_started(program: &Program, path: &Path, why: io::Error) -> ProcessError {
    if let Err(why) = std::fs::read_dir(&program.folder) {
        return ProcessError::Folder { folder: program.folder.clone(), why };
    }
    if let Some(wrapper) = program.confinement.as_ref().map(|it| &it.wrapper.program)
        && !wrapper.exists()
    {
        return ProcessError::NoProgram(wrapper.clone());
    }
    match why.kind() {
        io::ErrorKind::NotFound if !path.exists() => ProcessError::NoProgram(path.to_owned()),
        io::ErrorKind::ArgumentListTooLong => {
            ProcessError::TooLarge { program: text(&program.program) }
        }
        _ => ProcessError::Start { program: text(&program.program), why },
    }
}

fn text(name: &OsString) -> String {
    name.to_string_lossy().into_owned()
}

//! Starting an instance's program.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{Access, OFlags};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, kill_process_group, pidfd_open,
    set_parent_process_death_signal, setsid,
};
use rustix::thread::{set_thread_gid, set_thread_groups, set_thread_uid};

use super::task::{MARK, Task};
use super::user::User;

/// What a pipe holds, if the kernel lets it: the more, the seldomer the program waits for its log.
const PIPE: usize = 256 << 10;

/// Instances are the first to be killed when the machine has no memory left, before their keepers.
const OOM_SCORE: &[u8] = b"500";

/// A running program.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) process: Pid,
    handle: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

impl Program {
    pub(super) fn start(task: &Task) -> Result<Self, String> {
        let name = task.words.first().ok_or("the command has no words")?;
        let workdir = &task.workdir;
        if !workdir.is_dir() {
            return Err(format!("the folder {} does not exist", workdir.display()));
        }
        let user = match &task.user {
            Some(name) => User::to_become(name).map_err(|error| error.to_string())?,
            None => None,
        };
        let path = find(task, name)?;
        spawn(task, &path, user).map_err(|error| format!("`{name}` cannot be started: {error}"))
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.as_raw_nonzero().get().unsigned_abs()
    }

    /// Ready to be read when it has ended.
    pub(super) fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// Tells it and who is still in its group, as Ctrl-C in a terminal does. Its number is its
    /// own as long as its parent has not asked how it ended.
    pub(super) fn tell(&self, signal: Signal) {
        let _ = kill_process_group(self.process, signal);
    }
}

fn find(task: &Task, name: &str) -> Result<PathBuf, String> {
    let is_executable =
        |path: &Path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
    if name.contains('/') {
        let path = task.workdir.join(name);
        return match () {
            () if !path.is_file() => Err(format!("command not found: {}", path.display())),
            () if !is_executable(&path) => {
                Err(format!("{} is not executable: `chmod +x` it", path.display()))
            }
            () => Ok(path),
        };
    }
    let path = task.env.iter().rev().find(|(name, _)| name == "PATH");
    let path = path.map_or("", |(_, path)| path);
    let mut candidates =
        std::env::split_paths(path).map(|folder| task.workdir.join(folder).join(name));
    candidates
        .find(|path| is_executable(path))
        .ok_or_else(|| format!("command not found: `{name}` is in no folder of PATH ({path})"))
}

fn spawn(task: &Task, path: &Path, user: Option<User>) -> io::Result<Program> {
    let (stdout, theirs_out) = output()?;
    let (stderr, theirs_err) = output()?;
    let mut command = Command::new(path);
    command
        .arg0(&task.words[0])
        .args(&task.words[1..])
        .stdin(Stdio::null())
        .stdout(theirs_out)
        .stderr(theirs_err)
        .current_dir(&task.workdir)
        .env_clear()
        .envs(task.env.iter().map(|(name, value)| (name, value)))
        .env(MARK, task.instance.to_string());
    let mut entries = Vec::new();
    for entry in task.cgroup.iter().flat_map(cgroups::Group::entries) {
        entries.push(File::options().write(true).open(entry)?);
    }
    become_instance(&mut command, entries, user);
    let child = command.spawn()?;
    let process = Pid::from_child(&child);
    // It holds the pipes' other ends.
    drop(command);
    Ok(Program { process, handle: pidfd_open(process, PidfdFlags::empty())?, stdout, stderr })
}

/// What the new process does before it becomes the program.
#[expect(unsafe_code, reason = "only between fork and exec can a process be told these things")]
fn become_instance(command: &mut Command, entries: Vec<File>, user: Option<User>) {
    let keeper = getpid();
    let prepare = move || {
        setsid()?;
        for entry in &entries {
            // 0 is whoever writes it.
            rustix::io::write(entry, b"0")?;
        }
        // Where it cannot be told, everybody is equal.
        let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
        if let Some(user) = &user {
            set_thread_groups(&user.groups)?;
            set_thread_gid(user.gid)?;
            set_thread_uid(user.uid)?;
        }
        // Last: a change of the user takes it away.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid() != Some(keeper) {
            return Err(io::Error::other("the keeper has ended"));
        }
        Ok(())
    };
    // SAFETY: a keeper has one thread, so no lock is held by a thread that is not there any more,
    // and memory may be allocated.
    unsafe { command.pre_exec(prepare) };
}

/// A pipe, of which our end is read without waiting.
fn output() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    // A user with many pipes may have only small ones.
    let _ = fcntl_setpipe_size(&ours, PIPE);
    let flags = rustix::fs::fcntl_getfl(&ours)?;
    rustix::fs::fcntl_setfl(&ours, flags | OFlags::NONBLOCK)?;
    Ok((ours, theirs))
}

/// The kernel's word for it.
pub(super) fn signal(signal: model::workload::Signal) -> Signal {
    use model::workload::Signal as Asked;
    match signal {
        Asked::Term => Signal::TERM,
        Asked::Int => Signal::INT,
        Asked::Quit => Signal::QUIT,
        Asked::Hup => Signal::HUP,
        Asked::Usr1 => Signal::USR1,
        Asked::Usr2 => Signal::USR2,
    }
}

//! The keeper: a small process beside each running instance, which outlives the node.
//!
//! It starts the instance's program, writes down what it prints and how it ended, and sees to it
//! that nothing of it is left. The node may come and go meanwhile; it tells the keeper what to do
//! through its standard input, once, and later through a named pipe in the instance's folder.
//!
//! It has one thread, because it forks, and because the program is to die with the thread that
//! started it.

mod attend;
pub(crate) mod cgroup;
pub(crate) mod file;
mod output;
mod program;
pub(crate) mod task;
pub(crate) mod tree;
pub(crate) mod user;

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use ports::clock::{Clock as _, Stopwatch, SystemClock};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::{
    Resource, Rlimit, getpid, getrlimit, set_child_subreaper, setrlimit, setsid,
};

use attend::Attending;
use file::End;
use program::Program;
use task::{Answer, Ended, Exit, ORDERS, Started, Task};
use tree::Identity;

pub(crate) use file::{read, write};

/// More than that is no task.
const MOST_TASK: u64 = 16 << 20;

/// How many files a program may have open, if the machine lets it.
const FILES: u64 = 65_536;

/// What `highroad internal-instance` does, with its task on standard input. To be called from the
/// main thread before there is another one.
pub fn main() -> ExitCode {
    match keep() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            answer(&Answer::Failed(why));
            ExitCode::FAILURE
        }
    }
}

fn keep() -> Result<(), String> {
    let told = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    inherited::close().map_err(told("the keeper cannot list its open files"))?;
    let task = take_task().map_err(told("the keeper has no task"))?;
    // Refused to the leader of a group, which nobody makes it.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))
        .map_err(|error| format!("the keeper cannot adopt orphans: {error}"))?;
    allow();
    let orders = take_orders(&task.folder).map_err(told("the keeper cannot be given orders"))?;
    let end = End::reserve(&task.folder).map_err(told("the keeper cannot keep a file"))?;
    let own = Identity::own().map_err(told("the keeper cannot find itself in /proc"))?;
    file::claim(&task.folder, &own).map_err(told("the keeper is not the only one"))?;

    let watch = Stopwatch::start();
    let program = match Program::start(&task) {
        Ok(program) => program,
        Err(why) => {
            end.write(&Ended::at_once(SystemClock.now(), Exit::NotStarted(why.clone())));
            return Err(why);
        }
    };
    let started = Started { pid: program.pid(), at: SystemClock.now() };
    // The node is told in any case; that it is written down is for a node to come.
    let _ = write(&task.folder, task::STARTED, &started);
    answer(&Answer::Started(started));
    let ended = Attending::new(&task, program, orders, watch).attend();
    end.write(&ended);
    Ok(())
}

fn take_task() -> io::Result<Task> {
    let mut text = Vec::new();
    io::stdin().lock().take(MOST_TASK).read_to_end(&mut text)?;
    // One that is cut short was given by a node that has ended.
    Ok(serde_json::from_slice(&text)?)
}

fn answer(answer: &Answer) {
    let mut text = serde_json::to_string(answer).unwrap_or_default();
    text.push('\n');
    // The node may be gone, which is none of a keeper's business.
    let _ = io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
}

/// A named pipe needs nobody on the other side, and no short path as a socket does.
fn take_orders(folder: &Path) -> io::Result<File> {
    let path = folder.join(ORDERS);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    rustix::fs::mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR)?;
    // Writable, too, or it would be at its end each time the node goes.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(&path, flags, Mode::empty())?))
}

/// What the program inherits: many open files, and no core dumps that fill the disk.
fn allow() {
    let files = getrlimit(Resource::Nofile);
    let most = files.maximum.unwrap_or(FILES).min(FILES);
    let current = Some(files.current.map_or(FILES, |current| current.max(most)));
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: files.maximum });
    let core = getrlimit(Resource::Core);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum });
}

mod inherited {
    //! Files that this process was started with, such as locks and the pipes of a shell.

    use std::io;
    use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

    /// A keeper lives long: what it held open would stay open for weeks.
    #[expect(unsafe_code, reason = "descriptors that nobody here has opened have no owner here")]
    pub(super) fn close() -> io::Result<()> {
        let entries = std::fs::read_dir("/proc/self/fd")?;
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let numbers: Vec<RawFd> = numbers.filter(|number| *number > 2).collect();
        // The list itself was open while it was read; it is closed by now.
        let is_open =
            |number: &RawFd| std::fs::symlink_metadata(format!("/proc/self/fd/{number}")).is_ok();
        for number in numbers.into_iter().filter(is_open) {
            // SAFETY: nothing in this process has opened it, so nothing else closes or uses it.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
        Ok(())
    }
}

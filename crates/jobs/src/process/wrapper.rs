//! The wrapper: this program, started in place of a step's, confines itself and becomes the step's.
//!
//! It stands between fork and exec, where other programs run code in a half-made process. It is
//! told what to do through its standard input, and tells there what went wrong; once it has become
//! the other program, that connection is closed, and the standard input is empty.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::{Confinement, Sandbox};

/// More than that is no task.
const MOST_TASK: u64 = 1 << 20;

/// What a wrapper is to do before it becomes the program.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    sandbox: Option<Sandbox>,
    /// Files into which it writes itself to be in a control group.
    cgroup: Vec<PathBuf>,
    memory: Option<u64>,
}

impl Task {
    pub(super) fn new(confinement: &Confinement) -> Self {
        Self {
            sandbox: confinement.sandbox.clone(),
            cgroup: confinement.cgroup.as_ref().map(|it| it.entries()).unwrap_or_default(),
            memory: confinement.memory,
        }
    }

    fn carry_out(&self) -> Result<(), String> {
        for entry in &self.cgroup {
            // 0 is whoever writes it.
            std::fs::write(entry, "0").map_err(|error| {
                format!("the job's control group cannot be entered: {}: {error}", entry.display())
            })?;
        }
        if let Some(memory) = self.memory {
            let limit = Rlimit { current: Some(memory), maximum: Some(memory) };
            setrlimit(Resource::Data, limit)
                .map_err(|error| format!("the memory cannot be limited: {error}"))?;
        }
        match &self.sandbox {
            Some(sandbox) => sandbox.enter(),
            None => Ok(()),
        }
    }
}

/// What `highroad internal-exec` does with what stands behind it (the file of a program, what the
/// program is to be called, and its arguments): confines itself and becomes the program. Returns
/// only when that failed.
pub fn exec_sandboxed(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut connection = match take_connection() {
        Ok(connection) => connection,
        Err(error) => {
            // Nobody listens but whoever tried it by hand.
            let _ = writeln!(io::stderr(), "internal-exec is for highroad itself: {error}");
            return ExitCode::FAILURE;
        }
    };
    let why = become_program(&mut connection, args);
    let _ = connection.write_all(why.as_bytes());
    ExitCode::FAILURE
}

/// The connection to whoever started this, in place of which there is nothing to read any more.
fn take_connection() -> io::Result<UnixStream> {
    let connection = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::net::sockopt::socket_type(&connection)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(UnixStream::from(connection))
}

/// Returns why it could not.
fn become_program(
    connection: &mut UnixStream,
    args: impl IntoIterator<Item = OsString>,
) -> String {
    let mut task = Vec::new();
    if let Err(error) = connection.take(MOST_TASK).read_to_end(&mut task) {
        return format!("its task cannot be read: {error}");
    }
    let task: Task = match serde_json::from_slice(&task) {
        Ok(task) => task,
        Err(error) => return format!("its task makes no sense: {error}"),
    };
    let mut args = args.into_iter();
    let (Some(path), Some(name)) = (args.next(), args.next()) else {
        return "it was not told what to become".to_owned();
    };
    if let Err(why) = task.carry_out() {
        return why;
    }
    let error = Command::new(&path).arg0(name).args(args).exec();
    format!("{} cannot be started: {error}", path.to_string_lossy())
}

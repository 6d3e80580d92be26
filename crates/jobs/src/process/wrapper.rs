//! The wrapper: this program, started in place of a step's, confines itself and becomes the step's.
//!
//! It stands between fork and exec, where other programs run code in a half-made process. It is
//! told what to do through its standard input, and tells there what went wrong; once it has become
//! the other program, that connection is closed, and the standard input is empty.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::{Confinement, Sandbox};

/// More than that is no task: the system allows less for an environment.
const MOST_TASK: u64 = 16 << 20;

/// The variables of a program, which may be any bytes but NUL.
type Environment = Vec<(OsString, OsString)>;

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

    /// The task and the program's environment in one message. The wrapper itself has none: a job
    /// could have foreign code loaded into it (`LD_PRELOAD`) before it is confined.
    pub(super) fn message(&self, env: &Environment) -> io::Result<Vec<u8>> {
        let mut message = serde_json::to_vec(self)?;
        message.push(0);
        for (name, value) in env {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            if name.is_empty() || name.contains(&b'=') || [name, value].concat().contains(&0) {
                let name = String::from_utf8_lossy(name);
                return Err(io::Error::other(format!("'{name}' cannot be set as a variable")));
            }
            message.extend([name, b"=", value, b"\0"].concat());
        }
        Ok(message)
    }

    fn read(message: &[u8]) -> Option<(Self, Environment)> {
        let mut parts = message.split(|byte| *byte == 0);
        let task = serde_json::from_slice(parts.next()?).ok()?;
        let variable = |part: &[u8]| {
            let equals = part.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (&part[..equals], &part[equals + 1..]);
            Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned()))
        };
        Some((task, parts.filter_map(variable).collect()))
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
fn become_program(connection: &mut UnixStream, args: impl IntoIterator<Item = OsString>) -> String {
    let mut message = Vec::new();
    if let Err(error) = connection.take(MOST_TASK).read_to_end(&mut message) {
        return format!("the wrapper cannot read its task: {error}");
    }
    let Some((task, env)) = Task::read(&message) else {
        return "the wrapper's task makes no sense".to_owned();
    };
    let mut args = args.into_iter();
    let (Some(path), Some(name)) = (args.next(), args.next()) else {
        return "the wrapper was not told what to become".to_owned();
    };
    if let Err(why) = task.carry_out() {
        return why;
    }
    let error = Command::new(&path).arg0(name).args(args).env_clear().envs(env).exec();
    format!("{} cannot be started: {error}", path.to_string_lossy())
}

//! The processes of a job: started, limited, confined, and ended to the last one.

mod alarm;
mod attended;
mod cgroup;
mod child;
pub mod disk;
mod family;
mod kill;
mod limits;
mod machine;
mod sandbox;
mod stop;
mod tree;
mod wrapper;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use alarm::{Alarm, timespec};
pub(crate) use attended::{Attended, Left};
pub use cgroup::Cgroup;
pub use child::{Child, Exit};
pub(crate) use family::started;
pub(crate) use kill::Member;
pub use limits::{Held, Limits, Unenforced, unenforced};
pub use machine::{Machine, machine};
pub use sandbox::{Reach, Sandbox};
pub(crate) use stop::Order;
pub use stop::{Grace, Stop, Why};
pub(crate) use tree::Late;
pub use tree::{Leftover, ProcessTree};
pub use wrapper::exec_sandboxed;

/// What is to be executed.
#[derive(Debug, Clone)]
pub struct Program {
    /// Looked for in the `PATH` of `env` unless it has a slash.
    pub program: OsString,
    pub args: Vec<OsString>,
    /// All of its environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    pub folder: PathBuf,
    pub confinement: Option<Arc<Confinement>>,
}

/// What holds for the processes of a job besides what the user may do.
#[derive(Debug)]
pub struct Confinement {
    pub wrapper: Wrapper,
    pub sandbox: Option<Sandbox>,
    pub cgroup: Option<Arc<Cgroup>>,
    /// What each process may have for itself, where no cgroup can limit them together: its heap
    /// and what else it alone writes, for address space that is merely reserved costs nobody.
    pub memory: Option<u64>,
}

impl Confinement {
    /// What all processes of the job may use together.
    pub(crate) fn limits(&self) -> Limits {
        let limits = self.cgroup.as_ref().map(|cgroup| cgroup.limits()).unwrap_or_default();
        Limits { memory: limits.memory.or(self.memory), ..limits }
    }
}

/// This program, told to confine itself and then to become another: `highroad internal-exec`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapper {
    pub program: PathBuf,
    pub args: Vec<OsString>,
}

/// Why a program could not be started or looked after. The text says what the system said.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("there is no program '{0}' on the PATH")]
    NotOnPath(String),
    #[error("there is no program {}", .0.display())]
    NoProgram(PathBuf),
    #[error("the working directory {} cannot be used: {why}", folder.display())]
    Folder { folder: PathBuf, why: io::Error },
    #[error(
        "{program} cannot be started: its arguments and environment are larger than the system \
         allows (128 KiB for one, 2 MiB for all); pass large values in files"
    )]
    TooLarge { program: String },
    #[error("{program} cannot be started: {why}")]
    Start { program: String, why: io::Error },
    #[error("the step cannot be confined: {0}")]
    Confine(String),
    #[error("cannot {what}: {why}")]
    System { what: &'static str, why: io::Error },
}

impl ProcessError {
    pub(crate) fn system<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |why| Self::System { what, why: why.into() }
    }
}

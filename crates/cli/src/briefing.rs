//! What a worker is told besides its order. It goes from the runner to the worker through a pipe, so
//! secrets are in no argument, environment or file.

use std::path::PathBuf;

use jobs::process::Limits;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Briefing {
    pub(crate) runner: String,
    /// Highroad's data on this machine: tools, actions.
    pub(crate) data: PathBuf,
    pub(crate) depot: Depots,
    pub(crate) origin: Origin,
    /// Where actions come from.
    pub(crate) actions: Option<String>,
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) env: Vec<(String, String)>,
    /// The folder of the attempt that is taken up.
    pub(crate) earlier: Option<PathBuf>,
    pub(crate) sandbox: bool,
    pub(crate) no_network: bool,
    /// The job stays at its first failure until it is told to go on.
    pub(crate) stays: bool,
    pub(crate) bounds: Bounds,
}

/// What a job may use, in bytes and thousandths of a processor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    pub(crate) memory: Option<u64>,
    pub(crate) millicpus: Option<u32>,
    pub(crate) disk: Option<u64>,
}

impl Bounds {
    /// What a control group can hold.
    pub(crate) fn of_processes(self) -> Limits {
        Limits { memory: self.memory, millicpus: self.millicpus, processes: None }
    }
}

/// Where caches and artifacts are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Depots {
    /// On this machine.
    Folder(PathBuf),
    Server {
        url: String,
        token: String,
    },
}

/// What is checked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// A working tree as it is.
    WorkingTree(PathBuf),
    /// The run's commit in a repository on this machine.
    Repository(PathBuf),
    Nothing,
}

/// What a server tells a runner of a job besides its order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instruction {
    /// Where actions come from.
    pub(crate) actions: Option<String>,
    pub(crate) secrets: Vec<(String, String)>,
}

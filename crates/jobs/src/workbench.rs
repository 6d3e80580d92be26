//! What a worker finds on its bench: everything that executing a job needs besides the order.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ports::clock::Clock;
use ports::depot::Depot;

use crate::action::Mirrors;
use crate::log::LogLimits;
use crate::output::Linger;
use crate::process::disk::Quota;
use crate::process::{Confinement, Grace, ProcessTree};
use crate::worker::Breakpoint;

/// The machine and the means to execute one job.
#[derive(Clone)]
pub struct Workbench {
    pub folders: Folders,
    pub runner: Runner,
    pub host: Host,
    /// The secrets that the job may see, by their names there.
    pub secrets: Vec<(String, String)>,
    /// Values that are kept out of the log besides.
    pub hidden: Vec<String>,
    /// What `actions/checkout` checks out.
    pub source: Source,
    pub mirrors: Mirrors,
    pub depot: Arc<dyn Depot>,
    /// Whether a cache may take the place of one that its key has already.
    pub mutable_caches: bool,
    pub clock: Arc<dyn Clock>,
    pub processes: ProcessTree,
    pub confinement: Option<Arc<Confinement>>,
    /// Where the job waits when a step of it has failed, if it is to.
    pub breakpoint: Option<Breakpoint>,
    pub limits: Limits,
    /// Whether the log holds what is said for debugging.
    pub debug: bool,
}

/// Where a job has its files. Nobody else writes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    pub log: PathBuf,
    pub workspace: PathBuf,
    pub temp: PathBuf,
    pub home: PathBuf,
    /// Where each step's results are kept for those who take up the job from a later step.
    pub kept: PathBuf,
    /// What an earlier attempt kept, where this one takes it up.
    pub earlier: Option<PathBuf>,
}

impl Folders {
    /// Everything in one folder.
    pub fn within(job: &Path) -> Self {
        Self {
            log: job.join("log"),
            workspace: job.join("workspace"),
            temp: job.join("temp"),
            home: job.join("home"),
            kept: job.join("kept"),
            earlier: None,
        }
    }

    /// A log of one's own, and all else as an earlier attempt has left it: what its steps noted
    /// holds paths into its folders.
    #[must_use]
    pub fn taken_up(job: &Path, earlier: &Self) -> Self {
        let own = Self::within(job);
        Self {
            log: own.log,
            kept: own.kept,
            earlier: Some(earlier.kept.clone()),
            ..earlier.clone()
        }
    }
}

/// Who executes the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    pub name: String,
    /// `Linux`, `macOS`
    pub os: &'static str,
    /// `X64`, `ARM64`
    pub arch: &'static str,
    /// Where tools are kept by version.
    pub tool_cache: PathBuf,
}

impl Runner {
    /// This machine.
    pub fn here(name: impl Into<String>, tool_cache: PathBuf) -> Self {
        let os = match std::env::consts::OS {
            "macos" => "macOS",
            _ => "Linux",
        };
        let arch = match std::env::consts::ARCH {
            "aarch64" => "ARM64",
            "arm" => "ARM",
            "x86" => "X86",
            _ => "X64",
        };
        Self { name: name.into(), os, arch, tool_cache }
    }
}

/// What of the machine's environment a job gets to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    pub path: String,
    /// `LANG`, `TZ` and what was configured.
    pub variables: Vec<(String, String)>,
    /// The home of the user who runs the worker, where toolchains may be.
    pub home: Option<PathBuf>,
}

/// Where the repository's own tree comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A git repository on this machine, bare or not.
    Repository(PathBuf),
    /// A working tree as it is: with what is not committed yet, without what is ignored.
    WorkingTree(PathBuf),
    /// There is none.
    Nothing,
}

#[derive(Debug, Clone)]
pub struct Limits {
    pub log: LogLimits,
    pub disk: Option<Quota>,
    pub grace: Grace,
    pub linger: Linger,
    /// How long steps may go on that want to run although the job was cancelled.
    pub after_cancel: Duration,
    /// Of one kind and one step; those above are counted only.
    pub annotations_per_step: usize,
    /// Of the whole job.
    pub annotations: usize,
    /// The size of a step's outputs together.
    pub outputs: usize,
    /// Of steps that go on in the background, at the same time.
    pub background: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            log: LogLimits::default(),
            disk: None,
            grace: Grace::default(),
            linger: Linger::default(),
            after_cancel: Duration::from_mins(5),
            annotations_per_step: 10,
            annotations: 50,
            outputs: 1 << 20,
            background: 10,
        }
    }
}

impl fmt::Debug for Workbench {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workbench")
            .field("folders", &self.folders)
            .field("runner", &self.runner)
            .field("host", &self.host)
            .field("source", &self.source)
            .field("mirrors", &self.mirrors)
            .finish_non_exhaustive()
    }
}

//! What a node and a keeper tell each other.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use model::id::InstanceId;
use model::workload::Stop;
use serde::{Deserialize, Serialize};

use super::cgroup::Usage;

/// The files in an instance's folder.
pub(crate) const KEEPER: &str = "keeper.json";
pub(crate) const STARTED: &str = "started.json";
pub(crate) const ENDED: &str = "ended.json";
pub(crate) const ORDERS: &str = "orders";
pub(crate) const LOG: &str = "log";

/// The variable by which the processes of an instance are known, however far they went.
pub(crate) const MARK: &str = "HIGHROAD_INSTANCE";

/// Told through [`ORDERS`]: ask the program to end, and insist after the grace.
pub(crate) const STOP: u8 = b's';
/// Insist at once.
pub(crate) const KILL: u8 = b'k';

/// One life of an instance. Its variables may be secrets, so it is never written to a file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) instance: InstanceId,
    /// Where everything about the instance is kept.
    pub(crate) folder: PathBuf,
    pub(crate) words: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// Where the program is started.
    pub(crate) workdir: PathBuf,
    pub(crate) user: Option<String>,
    pub(crate) stop: Stop,
    pub(crate) cgroup: Option<cgroups::Group>,
    /// How many bytes its log may take.
    pub(crate) log_budget: u64,
}

/// What a keeper answers, once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Started(Started),
    Failed(String),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) pid: u32,
    pub(crate) at: Timestamp,
}

/// How a life ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) at: Timestamp,
    pub(crate) lived: SignedDuration,
    pub(crate) exit: Exit,
    /// Processes that it left behind, and that were killed.
    pub(crate) left: Vec<String>,
    /// It was told to stop.
    pub(crate) stopped: bool,
    /// It did not within its grace.
    pub(crate) killed: bool,
    pub(crate) usage: Usage,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
    NotStarted(String),
    /// Whoever could have told was killed.
    Unknown,
}

impl Ended {
    pub(crate) fn at_once(at: Timestamp, exit: Exit) -> Self {
        let (lived, usage) = (SignedDuration::ZERO, Usage::default());
        Self { at, lived, exit, left: Vec::new(), stopped: false, killed: false, usage }
    }
}

//! What an instance of a release is: all that a supervisor has to know to keep one running.
//!
//! It is what `highroad.yaml` says of a service, resolved for one environment. Nothing here is
//! looked up elsewhere, so an instance can be started again without asking anybody.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::manifest::Command;

/// How the instances of one release run in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// What people call the release: `1.5.0`.
    pub version: String,
    pub command: Command,
    /// Where it is started: an absolute path on the machine that runs it.
    pub folder: String,
    #[serde(default)]
    pub env: BTreeMap<String, Variable>,
    #[serde(default)]
    pub port: Port,
    pub health: Health,
    pub stop: Stop,
    #[serde(default)]
    pub limits: Limits,
    /// The user that it runs as; none for the supervisor's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The value of an environment variable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variable {
    Plain(String),
    /// It is shown to the instance and to nobody else.
    Secret(Zeroizing<String>),
}

impl Variable {
    pub fn reveal(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(value) => value,
        }
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => value.fmt(f),
            Self::Secret(_) => f.write_str("***"),
        }
    }
}

/// Where an instance listens, always on the loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// Each instance is told a free one in `PORT`.
    #[default]
    Auto,
    /// It does not listen.
    None,
    Fixed(u16),
}

/// How one sees that an instance is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub probe: Probe,
    /// How often to look.
    pub interval: SignedDuration,
    /// How long an answer may take.
    pub timeout: SignedDuration,
    /// How many bad answers in a row make an instance unwell.
    pub failures: u32,
    /// How long an instance may take to become well after its start.
    pub ready_within: SignedDuration,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// A path that answers with a status from 200 to 399.
    Http(String),
    /// Its port accepts connections.
    Tcp,
    /// A command that ends with 0.
    Command(Command),
    /// It has not ended.
    Alive,
}

/// How an instance is told to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    pub signal: Signal,
    /// How long it may take to finish its work before it is killed.
    pub grace: SignedDuration,
}

/// A signal that asks a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    #[default]
    Term,
    Int,
    Quit,
    Hup,
    Usr1,
    Usr2,
}

/// The most that one instance may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Thousandths of a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
}

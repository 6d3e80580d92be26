//! What is told about an instance.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use model::id::InstanceId;
use model::intent::Group;
use serde::{Deserialize, Serialize};

use super::instance::Instance;
use crate::keeper::cgroup::Usage;

/// An instance at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    pub id: InstanceId,
    #[serde(flatten)]
    pub group: Group,
    pub version: String,
    pub state: InstanceState,
    /// Since when it is in this state.
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    pub restarts: u32,
    /// Over all its lives; its memory of the present one.
    pub usage: Usage,
    /// How its life before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<LastEnd>,
    /// Why limits do not hold, if they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unenforced: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Not well yet.
    Starting,
    /// Well, and in the rota if it listens.
    Ready,
    /// It has ended, and is started again after some time.
    Waiting,
    Stopping,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastEnd {
    pub at: Timestamp,
    pub reason: String,
}

pub(super) fn all(instances: &[Arc<Instance>]) -> Vec<InstanceReport> {
    // One look for all that no group counts for.
    let census = OnceCell::new();
    instances.iter().map(|instance| instance.report(&census)).collect()
}

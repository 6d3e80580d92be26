//! The concurrency group: of all runs and jobs of a service that name it, one at a time is in it.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::id::{GroupId, RunId};
use crate::name::ServiceName;
use crate::persisted::{is_default, versions};

/// A concurrency group: who is in it, and who waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub service: ServiceName,
    /// As the first wrote it who wanted to enter.
    pub name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub holder: Option<Claim>,
    /// In the order in which they came.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waiting: VecDeque<Claim>,
}

/// A run, or one of its jobs, that is in a group or wants to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub run: RunId,
    /// Its place in the run's list; none where the run as a whole is meant.
    #[serde(default, skip_serializing_if = "is_default")]
    pub job: Option<usize>,
    /// What people call it.
    pub name: String,
}

impl Claim {
    /// Whether it is that of this run, or of this job of it.
    pub fn is_of(&self, run: RunId, job: Option<usize>) -> bool {
        (self.run, self.job) == (run, job)
    }
}

impl Group {
    /// A group that nobody has entered yet.
    pub fn new(service: ServiceName, name: String) -> Self {
        Self { service, name, holder: None, waiting: VecDeque::new() }
    }

    /// The id of a service's group of this name, whose case does not count: the same wherever it
    /// is asked for, since the first who comes begins the group.
    pub fn id(service: &ServiceName, name: &str) -> GroupId {
        let digest = Sha256::digest(format!("{service}/{}", name.to_lowercase()));
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        GroupId::new(Timestamp::UNIX_EPOCH, random)
    }
}

versions! {
    /// Every released form of a concurrency group at rest.
    StoredGroup for Group { V1(Group) }
}

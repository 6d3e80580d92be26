//! What a supervisor keeps on disk about an instance, for the one after it.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use jiff::Timestamp;
use model::id::InstanceId;
use model::intent::Group;
use model::workload::Workload;
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::keeper;
use crate::keeper::task::LOG;
use crate::logs::Printing;

const RECORD: &str = "instance.json";

/// An instance and its present life.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: InstanceId,
    pub(super) group: Group,
    /// Without its variables, which may be secrets.
    pub(super) workload: Workload,
    pub(super) created_at: Timestamp,
    pub(super) restarts: u32,
    pub(super) port: Option<u16>,
    /// Since when it is well, in this life.
    pub(super) ready_since: Option<Timestamp>,
    pub(super) cgroup: Option<cgroups::Group>,
    pub(super) unenforced: Option<String>,
    /// It is to end, and not to be started again.
    pub(super) stopping: bool,
    /// It has ended for good; its log is still there.
    pub(super) is_over: bool,
}

impl Record {
    pub(super) fn read(folder: &Path) -> Option<Self> {
        keeper::read(folder, RECORD)
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        keeper::write(folder, RECORD, self)
    }
}

/// Makes a folder that only its owner sees into.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// All instances that have a folder, the oldest first.
pub(super) fn all(instances: &Path) -> io::Result<Vec<InstanceId>> {
    let mut found: Vec<InstanceId> = Vec::new();
    for entry in fs::read_dir(instances)? {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<InstanceId>().ok()));
    }
    // Ids grow with the time at which they are made.
    found.sort_unstable();
    Ok(found)
}

/// Whose logs there are.
pub(super) fn printing(instances: &Path) -> Vec<Printing> {
    let printing = |id: InstanceId| {
        let folder = instances.join(id.to_string());
        let record = Record::read(&folder)?;
        let (group, version) = (record.group, record.workload.version);
        Some(Printing { instance: id, group, version, log: folder.join(LOG) })
    };
    all(instances).unwrap_or_default().into_iter().filter_map(printing).collect()
}

/// Removes the oldest of those that are over, and keeps the logs of some.
pub(super) fn forget_old(shared: &Shared) {
    let mut over = all(&shared.folder).unwrap_or_default();
    over.retain(|id| Record::read(&shared.folder_of(*id)).is_some_and(|record| record.is_over));
    let surplus = over.len().saturating_sub(shared.settings.kept_logs);
    for id in &over[..surplus] {
        if let Err(error) = fs::remove_dir_all(shared.folder_of(*id)) {
            tracing::warn!("the folder of {id} cannot be removed: {error}");
        }
    }
}

//! The sandbox: what a job may change, read and reach, held by the kernel.

mod landlocked;
mod offline;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the processes of a sandboxed job may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Folders and files that may be changed.
    pub write: Vec<PathBuf>,
    pub read: Reach,
    pub network: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    Everywhere,
    /// Besides what may be changed: folders and files, also those of the programs that it runs.
    Only(Vec<PathBuf>),
}

impl Sandbox {
    /// Confines this process and all that will come of it. There is no way back.
    pub(super) fn enter(&self) -> Result<(), String> {
        if !self.network {
            // First, for a sandbox may not change what its namespaces are.
            offline::go()?;
        }
        landlocked::restrict(self)
    }
}

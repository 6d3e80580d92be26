//! What a worker is told besides its order. It goes from the runner to the worker through a pipe, so
//! secrets are in no argument, environment or file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Briefing {
    pub(crate) runner: String,
    /// Highroad's data on this machine: caches, artifacts, tools, actions.
    pub(crate) data: PathBuf,
    /// The working tree that is checked out as it is.
    pub(crate) tree: PathBuf,
    /// Where actions come from.
    pub(crate) actions: Option<String>,
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) env: Vec<(String, String)>,
    /// The folder of the attempt that is taken up.
    pub(crate) earlier: Option<PathBuf>,
    pub(crate) sandbox: bool,
    pub(crate) no_network: bool,
}

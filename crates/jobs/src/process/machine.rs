//! What this machine can do for the isolation of jobs, found out by trying.

use std::sync::Arc;

use super::child::try_out;
use super::{Cgroup, Confinement, Limits, Reach, Sandbox, Wrapper};

/// What this machine can do, or why it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub memory_limit: Result<(), String>,
    pub processor_limit: Result<(), String>,
    pub process_limit: Result<(), String>,
    /// Keep a job from changing files outside of its folders.
    pub sandbox: Result<(), String>,
    /// Keep a job from the network.
    pub no_network: Result<(), String>,
}

/// Tries everything once.
pub fn machine(wrapper: &Wrapper) -> Machine {
    let limited = |limits: Limits| {
        let name = format!("probe-{}", std::process::id());
        let (cgroup, unenforced) = Cgroup::create(&name, &limits);
        if let Some(unenforced) = unenforced.into_iter().next() {
            return Err(unenforced.why);
        }
        try_out(&confinement(wrapper, None, cgroup))
    };
    let sandboxed = |network| {
        let sandbox = Sandbox { write: Vec::new(), read: Reach::Everywhere, network };
        try_out(&confinement(wrapper, Some(sandbox), None))
    };
    Machine {
        memory_limit: limited(Limits { memory: Some(1 << 30), ..Limits::default() }),
        processor_limit: limited(Limits { millicpus: Some(1000), ..Limits::default() }),
        process_limit: limited(Limits { processes: Some(100), ..Limits::default() }),
        sandbox: sandboxed(true),
        no_network: sandboxed(false),
    }
}

fn confinement(
    wrapper: &Wrapper,
    sandbox: Option<Sandbox>,
    cgroup: Option<Cgroup>,
) -> Arc<Confinement> {
    let (wrapper, cgroup) = (wrapper.clone(), cgroup.map(Arc::new));
    Arc::new(Confinement { wrapper, sandbox, cgroup, memory: None })
}

//! The container engine of a job: looked for when something needs it.

use std::path::PathBuf;

use super::job::Job;
use super::step::Site;
use crate::container::{Engine, Owner, Until};
use crate::process::Limits;

impl Job<'_> {
    /// The engine; `Err` says what needs it and why there is none.
    pub(super) fn engine(&self, what: &str) -> Result<Engine, String> {
        let find = || {
            let engine = Engine::find(&self.bench.host, &self.bench.clock)?;
            // What a killed worker has left is nobody's.
            let left = crate::container::sweep(&engine, &self.until()).unwrap_or_default();
            Ok((engine, left))
        };
        let found = self.containers.engine.get_or_init(find);
        match found {
            Ok((engine, _)) => Ok(engine.clone()),
            Err(why) => Err(format!("{what} needs a container engine, and {why}")),
        }
    }

    /// Whose the job's containers are.
    pub(super) fn owner(&self) -> Owner {
        let now = self.bench.clock.now();
        let margin = self.base.patience.saturating_add(std::time::Duration::from_hours(1));
        let end = self.deadline().unwrap_or(now).max(now).checked_add(margin);
        Owner::here(self.order.job.to_string(), end.unwrap_or(jiff::Timestamp::MAX))
    }

    /// The end of the whole job.
    pub(super) fn until(&self) -> Until {
        Until { halt: self.cancel.clone(), deadline: self.deadline() }
    }

    /// What the containers of the job may use.
    pub(super) fn limits(&self) -> Limits {
        self.bench.confinement.as_ref().map(|it| it.limits()).unwrap_or_default()
    }

    pub(super) fn is_sandboxed(&self) -> bool {
        self.bench.confinement.as_ref().is_some_and(|it| it.sandbox.is_some())
    }

    /// Whether the job may reach more than itself.
    pub(super) fn reaches_out(&self) -> bool {
        let sandbox = self.bench.confinement.as_ref().and_then(|it| it.sandbox.as_ref());
        sandbox.is_none_or(|sandbox| sandbox.network)
    }

    /// The folders in which the job's own files and its actions are.
    pub(super) fn roots(&self) -> Vec<PathBuf> {
        let folders = &self.bench.folders;
        [&folders.workspace, &folders.temp, &folders.home, &self.bench.mirrors.cache]
            .map(Clone::clone)
            .to_vec()
    }
}

/// The end of one step.
pub(super) fn until(site: &Site) -> Until {
    Until { halt: site.end(), deadline: site.deadline }
}

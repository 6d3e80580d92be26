//! An instance: from its start over its lives until it is not wanted any more.

mod keep;
mod live;

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use model::id::InstanceId;
use model::intent::Group;
use rustix::process::Pid;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::Shared;
use super::adopt::Adopted;
use super::record::Record;
use super::report::{InstanceReport, InstanceState, LastEnd};
use crate::keeper::cgroup::{self, Usage};
use crate::keeper::tree::Census;
use keep::Keeping;

/// How many lines belong to the reason of an end.
pub(super) const LAST_WORDS: usize = 50;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) id: InstanceId,
    pub(super) group: Group,
    /// Whether it is to end for good.
    stop: watch::Sender<bool>,
    status: Mutex<Status>,
    task: Mutex<Option<AbortHandle>>,
}

/// What others may know about it.
#[derive(Debug)]
struct Status {
    state: InstanceState,
    since: Timestamp,
    version: String,
    address: Option<SocketAddr>,
    pid: Option<u32>,
    keeper: Option<Pid>,
    restarts: u32,
    /// Ends without good health between them.
    ends: u32,
    is_crash_looping: bool,
    last_end: Option<LastEnd>,
    cgroup: Option<cgroups::Group>,
    unenforced: Option<String>,
    /// What the lives before this one have used.
    spent: Usage,
    peak: u64,
}

impl Instance {
    pub(super) fn start(shared: &Arc<Shared>, id: InstanceId, group: &Group) -> Arc<Self> {
        let instance = Self::new(shared, id, group);
        instance.keep(Keeping::new(shared, &instance), None);
        instance
    }

    /// Takes over one that runs. If it was well it is in the rota when this returns.
    pub(super) fn adopt(shared: &Arc<Shared>, adopted: Adopted) {
        let Adopted { record, life } = adopted;
        let instance = Self::new(shared, record.id, &record.group);
        if record.stopping {
            instance.stop();
        }
        shared.book().entry(&record.group).instances.push(Arc::clone(&instance));
        let keeping = Keeping::adopt(shared, &instance, record, &life);
        instance.keep(keeping, Some(life));
    }

    fn new(shared: &Shared, id: InstanceId, group: &Group) -> Arc<Self> {
        let status = Status {
            state: InstanceState::Starting,
            since: shared.clock.now(),
            version: String::new(),
            address: None,
            pid: None,
            keeper: None,
            restarts: 0,
            ends: 0,
            is_crash_looping: false,
            last_end: None,
            cgroup: None,
            unenforced: None,
            spent: Usage::default(),
            peak: 0,
        };
        let (stop, status, task) =
            (watch::Sender::new(false), Mutex::new(status), Mutex::default());
        Arc::new(Self { id, group: group.clone(), stop, status, task })
    }

    fn keep(&self, keeping: Keeping, life: Option<super::life::Life>) {
        let task = tokio::spawn(keeping.keep(life));
        *self.task.lock().expect("nothing panics while it holds a task") =
            Some(task.abort_handle());
    }

    /// Has it end for good, each step in its time.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Leaves it as it is.
    pub(super) fn abandon(&self) {
        if let Some(task) = &*self.task.lock().expect("nothing panics while it holds a task") {
            task.abort();
        }
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.status().state == InstanceState::Ready
    }

    pub(super) fn is_crash_looping(&self) -> bool {
        self.status().is_crash_looping
    }

    /// What is worth least goes first: who is not well, and the youngest.
    pub(super) fn worth(&self) -> (u8, std::cmp::Reverse<InstanceId>) {
        let health = match self.status().state {
            InstanceState::Stopping => 0,
            InstanceState::Waiting => 1,
            InstanceState::Starting => 2,
            InstanceState::Ready => 3,
        };
        (health, std::cmp::Reverse(self.id))
    }

    pub(super) fn report(&self, census: &OnceCell<Option<Census>>) -> InstanceReport {
        let mut status = self.status();
        let mut usage = match (&status.cgroup, status.keeper) {
            (Some(group), Some(_)) if cgroup::counts(group) => cgroup::usage(group),
            (_, Some(keeper)) => {
                let census = census.get_or_init(|| Census::take().ok());
                census.as_ref().map_or_else(Usage::default, |census| census.usage(keeper))
            }
            (_, None) => Usage::default(),
        };
        status.peak = status.peak.max(usage.memory_peak);
        usage.memory_peak = status.peak;
        usage.processor = usage.processor.saturating_add(status.spent.processor);
        usage.oom_kills += status.spent.oom_kills;
        InstanceReport {
            id: self.id,
            group: self.group.clone(),
            version: status.version.clone(),
            state: status.state,
            since: status.since,
            address: status.address,
            pid: status.pid,
            restarts: status.restarts,
            usage,
            last_end: status.last_end.clone(),
            unenforced: status.unenforced.clone(),
        }
    }

    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().expect("nothing panics while it holds a status")
    }
}

impl Status {
    /// What a record says of the present life.
    fn take(&mut self, record: &Record) {
        self.version.clone_from(&record.workload.version);
        self.restarts = record.restarts;
        self.cgroup.clone_from(&record.cgroup);
        self.unenforced.clone_from(&record.unenforced);
        self.address = record.port.map(|port| ([127, 0, 0, 1], port).into());
    }
}

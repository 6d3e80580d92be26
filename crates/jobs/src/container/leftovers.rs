//! What a killed worker has left at the engine: known by its labels, and removed by the next one.

use std::collections::HashMap;
use std::fs;

use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions};
use jiff::Timestamp;

use super::engine::{Engine, EngineError, Until};
use super::place;
use crate::process;

const JOB: &str = "highroad.job";
const WORKER: &str = "highroad.worker";
const END: &str = "highroad.end";

/// Whose a container is, as its labels say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    job: String,
    worker: Worker,
    /// When its job is over at the latest.
    end: Timestamp,
}

/// One process among all that this machine has ever had.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Worker {
    boot: String,
    namespace: String,
    pid: u32,
    started: u64,
}

impl Owner {
    /// This process, for a job.
    pub(crate) fn here(job: String, end: Timestamp) -> Self {
        let pid = std::process::id();
        let (boot, namespace) = here();
        let started = process::started(pid).unwrap_or_default();
        Self { job, worker: Worker { boot, namespace, pid, started }, end }
    }

    /// What the names of everything begin with that belongs to the job.
    pub(super) fn prefix(&self) -> String {
        format!("highroad-{}", self.job)
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        let Worker { boot, namespace, pid, started } = &self.worker;
        HashMap::from([
            (JOB.to_owned(), self.job.clone()),
            (WORKER.to_owned(), format!("{boot} {namespace} {pid} {started}")),
            (END.to_owned(), self.end.as_second().to_string()),
        ])
    }
}

/// The boot of the machine, and the space in which processes have their numbers.
fn here() -> (String, String) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    (boot.trim().to_owned(), namespace.to_string_lossy().into_owned())
}

/// Whether nobody looks after it any more. Where that cannot be known, its time has to be over.
fn is_left(labels: &HashMap<String, String>, now: Timestamp) -> bool {
    let end = labels.get(END).and_then(|end| Timestamp::from_second(end.parse().ok()?).ok());
    let is_late = end.is_none_or(|end| now > end);
    let worker = labels.get(WORKER).map(|worker| worker.split(' ').collect::<Vec<_>>());
    let Some([boot, namespace, pid, started]) = worker.as_deref() else { return is_late };
    let (own_boot, own_namespace) = here();
    if *boot != own_boot {
        return true;
    }
    let (Ok(pid), Ok(started)) = (pid.parse::<u32>(), started.parse::<u64>()) else {
        return is_late;
    };
    if *namespace == own_namespace { process::started(pid) != Some(started) } else { is_late }
}

/// Removes what was left, and tells what it was.
pub(crate) fn sweep(engine: &Engine, until: &Until) -> Result<Vec<String>, EngineError> {
    let ours = || Some(HashMap::from([("label".to_owned(), vec![JOB.to_owned()])]));
    let now = engine.clock.now();
    let docker = &engine.docker;
    let mut removed = Vec::new();
    let options = ListContainersOptions { all: true, filters: ours(), ..Default::default() };
    let containers = engine.wait(
        "the containers cannot be listed",
        until,
        docker.list_containers(Some(options)),
    )?;
    for container in containers {
        let Some(id) = container.id else { continue };
        if !is_left(&container.labels.unwrap_or_default(), now) {
            continue;
        }
        let done = engine.wait("", until, place::remove(docker, &id));
        // Another worker may be doing the same.
        if done.is_ok() {
            let name = container.names.unwrap_or_default().into_iter().next().unwrap_or(id);
            removed.push(format!("the container {}", name.trim_start_matches('/')));
        }
    }
    let options = ListNetworksOptions { filters: ours() };
    let networks =
        engine.wait("the networks cannot be listed", until, docker.list_networks(Some(options)))?;
    for network in networks {
        let Some(name) = network.name else { continue };
        let is_left = is_left(&network.labels.unwrap_or_default(), now);
        if is_left && engine.wait("", until, docker.remove_network(&name)).is_ok() {
            removed.push(format!("the network {name}"));
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_living_worker_has_is_not_left() {
        let now = Timestamp::from_second(1_000).unwrap();
        let later = Timestamp::from_second(2_000).unwrap();
        let own = Owner::here("job".to_owned(), later);
        assert!(!is_left(&own.labels(), now));
        // Its worker lives, so it is over when that says so.
        assert!(!is_left(&own.labels(), Timestamp::from_second(3_000).unwrap()));
        let of = |worker: Worker| Owner { worker, ..own.clone() }.labels();
        let worker = own.worker.clone();
        assert!(is_left(&of(Worker { started: worker.started + 1, ..worker.clone() }), now));
        assert!(is_left(&of(Worker { boot: "another".to_owned(), ..worker.clone() }), now));
        let elsewhere = of(Worker { namespace: "pid:[1]".to_owned(), ..worker });
        assert!(
            !is_left(&elsewhere, now)
                && is_left(&elsewhere, Timestamp::from_second(2_001).unwrap())
        );
        assert!(is_left(&HashMap::new(), now));
    }
}

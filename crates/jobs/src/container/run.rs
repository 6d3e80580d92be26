//! From what is asked for to what the engine is told.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, NetworkingConfig, PortBinding,
};

use super::leftovers::Owner;
use super::mounts::Mounts;
use super::wanted::Wanted;
use crate::process::Limits;

/// How a container is run, besides what the workflow says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spec<'a> {
    /// The image's full name.
    pub(crate) image: &'a str,
    /// What it is called in the job's network and in messages.
    pub(crate) shown: &'a str,
    pub(crate) network: Reach<'a>,
    pub(crate) mounts: &'a Mounts,
    pub(crate) limits: Limits,
    /// Over what the workflow says.
    pub(crate) env: &'a [(String, String)],
    pub(crate) entrypoint: Option<&'a [String]>,
    pub(crate) command: Option<&'a [String]>,
    pub(crate) folder: Option<&'a str>,
}

/// What a container can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach<'a> {
    /// The job's own network.
    Own(&'a str),
    /// What the engine's containers usually can.
    Usual,
    Nothing,
}

impl Spec<'_> {
    pub(super) fn name(&self, owner: &Owner, wanted: &Wanted) -> String {
        let plain = |one: char| if one.is_ascii_alphanumeric() { one } else { '-' };
        let shown: String = self.shown.chars().map(plain).collect();
        let name = || format!("{}-{shown}", owner.prefix());
        wanted.options.name.clone().unwrap_or_else(name)
    }

    pub(super) fn body(&self, owner: &Owner, wanted: &Wanted) -> ContainerCreateBody {
        let options = &wanted.options;
        let mut labels = options.body.labels.clone().unwrap_or_default();
        labels.extend(owner.labels());
        let env = wanted.env.iter().chain(&options.env).chain(self.env);
        let env = env.map(|(name, value)| format!("{name}={value}")).collect();
        let entrypoint = || {
            let words = options.entrypoint.as_ref().map(|word| vec![word.clone()]);
            wanted.entrypoint.clone().or(words)
        };
        let (volumes, binds): (Vec<String>, Vec<String>) = wanted
            .volumes
            .iter()
            .chain(&options.volumes)
            .cloned()
            .partition(|volume| !volume.contains(':'));
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            env: Some(env),
            cmd: self.command.map(<[String]>::to_vec).or_else(|| wanted.command.clone()),
            entrypoint: self.entrypoint.map(<[String]>::to_vec).or_else(entrypoint),
            labels: Some(labels),
            volumes: Some(volumes),
            working_dir: options.body.working_dir.clone().or(self.folder.map(str::to_owned)),
            exposed_ports: Some(exposed(wanted)),
            host_config: Some(self.host(wanted, binds)),
            networking_config: self.endpoints(wanted),
            ..options.body.clone()
        }
    }

    fn host(&self, wanted: &Wanted, binds: Vec<String>) -> HostConfig {
        let mut ports: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
        for port in &wanted.ports {
            let binding = PortBinding {
                host_ip: Some(port.address.clone()),
                host_port: Some(port.outside.map(|it| it.to_string()).unwrap_or_default()),
            };
            ports.entry(port.inside.clone()).or_default().get_or_insert_default().push(binding);
        }
        let given = wanted.options.host.clone();
        let network = match self.network {
            Reach::Own(name) => Some(name.to_owned()),
            Reach::Usual => None,
            Reach::Nothing => Some("none".to_owned()),
        };
        let limits = &self.limits;
        let memory = least(given.memory, limits.memory.and_then(|it| i64::try_from(it).ok()));
        let cpus = limits.millicpus.map(|millis| i64::from(millis) * 1_000_000);
        HostConfig {
            memory,
            // What is swapped out counts as well.
            memory_swap: limits.memory.and(memory).or(given.memory_swap),
            nano_cpus: least(given.nano_cpus, cpus),
            pids_limit: least(given.pids_limit, limits.processes.map(i64::from)),
            binds: Some(binds),
            mounts: Some(self.mounts.list()),
            network_mode: network,
            port_bindings: Some(ports),
            ..given
        }
    }

    fn endpoints(&self, wanted: &Wanted) -> Option<NetworkingConfig> {
        let Reach::Own(network) = self.network else { return None };
        let mut aliases = vec![self.shown.to_owned()];
        aliases.extend(wanted.options.aliases.iter().cloned());
        let endpoint = EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() };
        let endpoints_config = Some(HashMap::from([(network.to_owned(), endpoint)]));
        Some(NetworkingConfig { endpoints_config })
    }
}

fn exposed(wanted: &Wanted) -> Vec<String> {
    let exposed = wanted.options.body.exposed_ports.clone().unwrap_or_default();
    exposed.into_iter().chain(wanted.ports.iter().map(|port| port.inside.clone())).collect()
}

/// The tighter of two limits.
fn least(given: Option<i64>, of_job: Option<i64>) -> Option<i64> {
    [given.filter(|it| *it > 0), of_job].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::container::read;

    #[test]
    fn the_tighter_limit_counts_and_all_is_labelled() {
        let wanted = read(&json!({
            "image": "redis",
            "env": {"A": "1"},
            "ports": ["6379"],
            "volumes": ["data:/data", "/scratch"],
            "options": "--memory 1g --cpus 4 --network-alias cache --label team=shop -e B=2",
        }));
        let wanted = wanted.expect("sound").expect("an image");
        let owner = Owner::here("job_1".to_owned(), Timestamp::UNIX_EPOCH);
        let spec = Spec {
            image: "docker.io/library/redis:latest",
            shown: "redis",
            network: Reach::Own("net"),
            mounts: &Mounts::default(),
            limits: Limits { memory: Some(512 << 20), millicpus: Some(500), processes: None },
            env: &[("C".to_owned(), "3".to_owned())],
            entrypoint: None,
            command: None,
            folder: Some("/w"),
        };
        assert_eq!(spec.name(&owner, &wanted), "highroad-job_1-redis");
        let body = spec.body(&owner, &wanted);
        let host = body.host_config.expect("there");
        assert_eq!((host.memory, host.memory_swap), (Some(512 << 20), Some(512 << 20)));
        assert_eq!(host.nano_cpus, Some(500_000_000));
        assert_eq!(host.binds, Some(vec!["data:/data".to_owned()]));
        assert_eq!(body.volumes, Some(vec!["/scratch".to_owned()]));
        assert_eq!(body.env, Some(["A=1", "B=2", "C=3"].map(str::to_owned).to_vec()));
        assert_eq!(body.exposed_ports, Some(vec!["6379/tcp".to_owned()]));
        let labels = body.labels.expect("there");
        assert_eq!((labels["team"].as_str(), labels["highroad.job"].as_str()), ("shop", "job_1"));
        let endpoints = body.networking_config.and_then(|it| it.endpoints_config).expect("there");
        let aliases = endpoints["net"].aliases.clone().expect("there");
        assert_eq!(aliases, ["redis", "cache"]);
    }
}

//! A running container of a job, and the network that its containers share. Both are removed when
//! they are dropped, whatever happened.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerInspectResponse, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptions, LogsOptions, RemoveContainerOptions,
};
use futures_util::StreamExt as _;

use super::engine::{Engine, EngineError, Until, is_missing};
use super::health::Probe;
use super::leftovers::Owner;
use super::process;
use super::run::Spec;
use super::{Wanted, image};

/// A container of a job.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) engine: Engine,
    pub(crate) id: String,
    /// What messages call it.
    pub(crate) shown: String,
    probe: Option<Probe>,
    is_gone: AtomicBool,
}

/// The network of a job.
#[derive(Debug)]
pub(crate) struct Network {
    engine: Engine,
    pub(crate) name: String,
    is_gone: AtomicBool,
}

/// How much of a container's log is shown, in lines and in bytes.
const TAIL: &str = "200";
const MOST_SHOWN: usize = 64 << 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const MOST_LOOKS: usize = 100;
/// How long the last of a job may take to go.
const REMOVAL: Duration = Duration::from_mins(1);

impl Network {
    /// `reaches_out`: whether more can be reached by it than the job's own containers.
    pub(crate) fn create(
        engine: &Engine,
        owner: &Owner,
        reaches_out: bool,
    ) -> Result<Self, EngineError> {
        let name = owner.prefix();
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".to_owned()),
            internal: Some(!reaches_out),
            labels: Some(owner.labels()),
            ..NetworkCreateRequest::default()
        };
        let what = "the job's network cannot be made";
        // Not ended by a cancel: it could be made and nobody would know.
        engine.wait(what, &Until::default(), engine.docker.create_network(request))?;
        Ok(Self { engine: engine.clone(), name, is_gone: AtomicBool::new(false) })
    }

    pub(crate) fn remove(&self) -> Result<(), EngineError> {
        if self.is_gone.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let what = format!("the network {} cannot be removed", self.name);
        self.engine.within(REMOVAL, &what, &Until::default(), async {
            forgiving(self.engine.docker.remove_network(&self.name).await)
        })
    }
}

impl Place {
    /// Makes a container. It does not run yet.
    pub(crate) fn create(
        engine: &Engine,
        owner: &Owner,
        wanted: &Wanted,
        spec: Spec<'_>,
        until: &Until,
    ) -> Result<Self, EngineError> {
        let shown = spec.shown.to_owned();
        let image = image::look(engine, spec.image, until)?.unwrap_or_default();
        let options = CreateContainerOptions {
            name: Some(spec.name(owner, wanted)),
            platform: wanted.options.platform.clone().unwrap_or_default(),
        };
        let probe = Probe::of(&wanted.options.check, &image);
        let body = spec.body(owner, wanted);
        let what = format!("the container {shown} cannot be made");
        let made = engine.docker.create_container(Some(options), body);
        // Not ended by a cancel: it could be made and nobody would know.
        let id = engine.wait(&what, &Until::default(), made)?.id;
        Ok(Self { engine: engine.clone(), id, shown, probe, is_gone: AtomicBool::new(false) })
    }

    pub(crate) fn start(&self, until: &Until) -> Result<(), EngineError> {
        let what = format!("the container {} cannot be started", self.shown);
        let start = self.engine.docker.start_container(&self.id, None);
        self.engine.wait(&what, until, start)
    }

    /// Whether its users are others on the machine than it says.
    pub(crate) fn is_rootless(&self) -> bool {
        self.engine.is_rootless
    }

    /// Waits until its health check is content, if it has one. `Ok(Err)` says why it is not.
    pub(crate) fn await_health(&self, until: &Until) -> Result<Result<(), String>, EngineError> {
        match &self.probe {
            Some(probe) => probe.await_health(self, until),
            None => Ok(match self.exit_code(until)? {
                Some(code) => Err(format!("it ended with exit code {code}")),
                None => Ok(()),
            }),
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exit_code(&self, until: &Until) -> Result<Option<i64>, EngineError> {
        let state = self.inspect(until)?.state.unwrap_or_default();
        let is_running = state.running.unwrap_or(false);
        Ok((!is_running).then(|| state.exit_code.unwrap_or_default()))
    }

    fn inspect(&self, until: &Until) -> Result<ContainerInspectResponse, EngineError> {
        let what = format!("the container {} cannot be looked at", self.shown);
        self.engine.wait(&what, until, async {
            let mut looks = 0;
            loop {
                match self.engine.docker.inspect_container(&self.id, None).await {
                    // Podman has a state between running and ended that Docker has no word for.
                    Err(Error::JsonDataError { .. }) if looks < MOST_LOOKS => looks += 1,
                    answer => return answer,
                }
                self.engine.clock.sleep_until(self.engine.after(BETWEEN_LOOKS)).await;
            }
        })
    }

    /// The variables that all its processes have.
    pub(crate) fn variables(&self, until: &Until) -> Result<HashMap<String, String>, EngineError> {
        let config = self.inspect(until)?.config.unwrap_or_default();
        let pair = |pair: String| {
            pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        Ok(config.env.unwrap_or_default().into_iter().filter_map(pair).collect())
    }

    /// At which port of the machine each of its ports is reached: `6379` and `53/udp`.
    pub(crate) fn ports(&self, until: &Until) -> Result<Vec<(String, String)>, EngineError> {
        let settings = self.inspect(until)?.network_settings.unwrap_or_default();
        let mut ports: Vec<(String, String)> = settings
            .ports
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(inside, outside)| {
                let outside = outside?.into_iter().find_map(|binding| binding.host_port)?;
                let inside = inside.strip_suffix("/tcp").unwrap_or(&inside).to_owned();
                (!outside.is_empty()).then_some((inside, outside))
            })
            .collect();
        ports.sort();
        Ok(ports)
    }

    /// What a program in it says, and how it ends.
    pub(crate) fn ask(
        &self,
        command: &[String],
        user: Option<&str>,
        patience: Duration,
        until: &Until,
    ) -> Result<(i64, String), EngineError> {
        let (code, said) = process::ask(&self.engine, &self.id, command, user, patience, until)?;
        Ok((code, String::from_utf8_lossy(&said).into_owned()))
    }

    /// The last that its first program has printed.
    pub(crate) fn log(&self) -> Result<String, EngineError> {
        let options = LogsOptions {
            stdout: true,
            stderr: true,
            tail: TAIL.to_owned(),
            ..LogsOptions::default()
        };
        let what = format!("the log of {} cannot be read", self.shown);
        let bytes = self.engine.wait(&what, &Until::default(), async {
            let mut log = std::pin::pin!(self.engine.docker.logs(&self.id, Some(options)));
            let mut bytes = Vec::new();
            while let Some(part) = log.next().await {
                bytes.extend_from_slice(part?.as_ref());
                let surplus = bytes.len().saturating_sub(MOST_SHOWN);
                bytes.drain(..surplus);
            }
            Ok(bytes)
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Kills it and takes it away with its unnamed volumes.
    pub(crate) fn remove(&self) -> Result<(), EngineError> {
        if self.is_gone.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let what = format!("the container {} cannot be removed", self.shown);
        let docker = &self.engine.docker;
        self.engine.within(REMOVAL, &what, &Until::default(), async {
            forgiving(remove(docker, &self.id).await)
        })
    }
}

/// Kills a container and takes it away.
pub(super) async fn remove(docker: &Docker, id: &str) -> Result<(), Error> {
    // First, for Podman would wait until it ends by itself.
    let kill = KillContainerOptions { signal: "SIGKILL".to_owned() };
    // It may have ended.
    let _ = docker.kill_container(id, Some(kill)).await;
    let options = RemoveContainerOptions { force: true, v: true, link: false };
    docker.remove_container(id, Some(options)).await
}

/// What is gone need not be removed.
fn forgiving(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(error) if is_missing(&error) => Ok(()),
        done => done,
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Who could be told of it has gone; the next worker tries again.
        let _ = self.remove();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Who could be told of it has gone; the next worker tries again.
        let _ = self.remove();
    }
}

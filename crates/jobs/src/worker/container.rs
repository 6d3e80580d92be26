//! The containers of a job: the one that its steps are executed in, and its services.
//!
//! A job's folders are in its container at the same paths as on the machine. So every path that a
//! step, an expression, a file command or a built-in action holds means the same to all of them,
//! and nothing has to be translated. (GitHub's runner puts them to `/__w` and translates.)

mod own;
mod users;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock};

use model::pipeline::{Conclusion, Ending};
use workflow::expression::{Object, Value};
use workflow::tree;

use super::frame::Frame;
use super::job::Job;
use crate::container::{
    Engine, EngineError, Mounts, Network, Place, Reach, Spec, Until, Wanted, provide, read,
};
use crate::process::Limits;
use own::{NODE, Own};

/// The containers of a job, and what it knows of its engine.
#[derive(Debug, Default)]
pub(super) struct Containers {
    pub(super) engine: OnceLock<Result<(Engine, Vec<String>), String>>,
    plan: Plan,
    /// The images of docker actions, by what they are made of.
    pub(super) images: Mutex<HashMap<String, Result<String, String>>>,
    own: Option<Own>,
    services: Vec<Place>,
    /// Dropped last, for it cannot go while somebody is in it.
    pub(super) network: Option<Network>,
}

/// What the order asks for.
#[derive(Debug, Default)]
struct Plan {
    container: Option<Wanted>,
    services: Vec<(String, Wanted)>,
}

/// What keeps a container alive while nothing is executed in it.
const IDLE: [&str; 3] = ["tail", "-f", "/dev/null"];
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

impl Job<'_> {
    /// Understands what is asked for, and refuses what cannot be had, before anything is begun.
    pub(super) fn plan_containers(&mut self) -> Result<(), Ending> {
        let frame = Frame::of_job(self.fixed.inputs.clone());
        let view = self.view(&frame, None);
        let full = |key: &str| format!("jobs.{}.{key}", self.order.key);
        let wrong = |key: &str, why: &dyn std::fmt::Display| {
            Ending::Invalid(self.in_file(&format!("`{}`: {why}", full(key))))
        };
        let evaluated = |key: &str, given: &Option<model::pipeline::Tree>| {
            let given = given.as_ref().map(|tree| tree::evaluate(tree, &view)).transpose();
            given.map_err(|error| wrong(key, &error))
        };
        let mut plan = Plan::default();
        let mut wanted = Vec::new();
        if let Some(tree) = evaluated("container", &self.order.container)? {
            plan.container = read(&tree).map_err(|why| wrong("container", &why))?;
            wanted.extend(plan.container.as_ref().map(|it| ("container".to_owned(), it)));
        }
        if let Some(tree) = evaluated("services", &self.order.services)? {
            for (name, tree) in tree.as_object().into_iter().flatten() {
                let service = read(tree).map_err(|why| wrong(&format!("services.{name}"), &why))?;
                plan.services.extend(service.map(|service| (name.clone(), service)));
            }
            let keys = plan.services.iter().map(|(name, it)| (format!("services.{name}"), it));
            wanted.extend(keys);
        }
        for (key, wanted) in &wanted {
            let refused = wanted.too_powerful().filter(|_| self.is_sandboxed());
            if let Some(refused) = refused {
                return Err(wrong(key, &format!("a sandboxed job cannot have {refused}")));
            }
            if let Some(credentials) = &wanted.credentials {
                self.masks.add(&credentials.password);
            }
        }
        if let Some((key, _)) = wanted.first() {
            let what = format!("`{}`", full(key));
            self.engine(&what).map_err(|why| Ending::Invalid(self.in_file(&why)))?;
        }
        drop(view);
        self.containers.plan = plan;
        Ok(())
    }

    /// Starts what was planned, as a step of its own.
    pub(super) fn start_containers(&mut self) -> Result<(), Ending> {
        let plan = std::mem::take(&mut self.containers.plan);
        if plan.container.is_none() && plan.services.is_empty() {
            return Ok(());
        }
        let (number, name) = (self.next_number(), "Initialize containers");
        let began = self.step_begins(number, name);
        let started = self.try_to_start(number, &plan);
        let (outcome, why) = match &started {
            Ok(()) => (Conclusion::Success, None),
            Err(EngineError::Cancelled) => (Conclusion::Cancelled, None),
            Err(error) => (Conclusion::Failure, Some(error.to_string())),
        };
        if let Some(why) = &why {
            self.error(number, why);
        }
        self.step_ends(number, began, name, (outcome, outcome), why);
        started.map_err(|error| match error {
            EngineError::Cancelled => Ending::Cancelled,
            _ if self.status() == Conclusion::Cancelled => Ending::TimedOut,
            _ => {
                self.fail();
                Ending::Failure
            }
        })
    }

    fn try_to_start(&mut self, number: u32, plan: &Plan) -> Result<(), EngineError> {
        let found = self.containers.engine.get().cloned();
        let Some(Ok((engine, left))) = found else { return Ok(()) };
        for left in left {
            self.say(number, &format!("Removed {left}, which a worker has left"));
        }
        let (until, owner) = (self.until(), self.owner());
        self.containers.network = Some(Network::create(&engine, &owner, self.reaches_out())?);
        for (name, wanted) in &plan.services {
            let service =
                self.start_one(&engine, (name, wanted), &Mounts::default(), None, number, &until)?;
            self.containers.services.push(service);
        }
        if let Some(wanted) = &plan.container {
            let mounts = self.mounts(&engine);
            let idle = IDLE.map(str::to_owned);
            let named = ("job-container", wanted);
            let place = self.start_one(&engine, named, &mounts, Some(&idle), number, &until)?;
            self.move_in(place, number, &until)?;
        }
        self.await_services(number, &until)?;
        self.tell_of_containers(&until)
    }

    /// Provides an image, and starts a container of it.
    fn start_one(
        &self,
        engine: &Engine,
        (name, wanted): (&str, &Wanted),
        mounts: &Mounts,
        idle: Option<&[String]>,
        number: u32,
        until: &Until,
    ) -> Result<Place, EngineError> {
        self.say(number, &format!("##[group]Starting {name}"));
        let mut say = |line: &str| self.say(number, line);
        let image = provide(engine, wanted, until, &mut say)?;
        if idle.is_some() && wanted.entrypoint_option().is_some() {
            self.say(
                number,
                "##[warning]the option `--entrypoint` has no meaning where steps are executed",
            );
        }
        let folders = &self.bench.folders;
        let home = [("HOME".to_owned(), folders.home.to_string_lossy().into_owned())];
        let workspace = folders.workspace.to_string_lossy();
        let network = self.containers.network.as_ref();
        let (limits, env): (_, &[_]) = match idle {
            Some(_) => (self.limits(), &home),
            None => (Limits::default(), &[]),
        };
        let spec = Spec {
            image: &image,
            shown: name,
            network: network.map_or(Reach::Usual, |network| Reach::Own(&network.name)),
            mounts,
            limits,
            env,
            entrypoint: idle.map(|words| &words[..1]),
            command: idle.map(|words| &words[1..]),
            folder: idle.map(|_| workspace.as_ref()),
        };
        let place = Place::create(engine, &self.owner(), wanted, spec, until)?;
        place.start(until)?;
        self.say(number, &format!("{image} as {}", &place.id[..place.id.len().min(12)]));
        self.say(number, "##[endgroup]");
        Ok(place)
    }

    /// What the job's container sees of the machine.
    fn mounts(&self, engine: &Engine) -> Mounts {
        let (bench, mut mounts) = (self.bench, Mounts::default());
        let folders = &bench.folders;
        for folder in [&folders.workspace, &folders.temp, &folders.home] {
            mounts.add_same(folder);
        }
        // Both may come to be later, when a mount is too late.
        for folder in [&bench.runner.tool_cache, &bench.mirrors.cache] {
            let _ = std::fs::create_dir_all(folder);
        }
        if bench.runner.tool_cache.is_dir() {
            mounts.add_same(&bench.runner.tool_cache);
        }
        mounts.add_fixed(&bench.mirrors.cache, &bench.mirrors.cache);
        let node = self.machine_program("node").and_then(|node| node.canonicalize().ok());
        if let Some(node) = node {
            mounts.add_fixed(&node, Path::new(NODE));
        }
        // As GitHub's runner does. A step on the host could use it, too; one in a sandbox must not.
        if !self.is_sandboxed() {
            mounts.add(engine.socket(), Path::new(DOCKER_SOCKET));
        }
        mounts
    }

    fn await_services(&self, number: u32, until: &Until) -> Result<(), EngineError> {
        for service in &self.containers.services {
            let what = format!("the service {}", service.shown);
            self.say(number, &format!("Waiting for {what}"));
            if let Err(why) = service.await_health(until)? {
                self.show_log(number, service);
                return Err(EngineError::Said(format!("{what} is not healthy"), why));
            }
        }
        Ok(())
    }

    /// Says in the `job` context what was started.
    fn tell_of_containers(&mut self, until: &Until) -> Result<(), EngineError> {
        let network = self.containers.network.as_ref().map(|it| it.name.clone());
        let network = network.unwrap_or_default();
        let mut services = Vec::new();
        for service in &self.containers.services {
            let ports = service.ports(until)?;
            let ports = ports.iter().map(|(inside, outside)| (inside.as_str(), outside.as_str()));
            let entries = [
                ("id", Value::from(service.id.as_str())),
                ("network", network.as_str().into()),
                ("ports", ports.collect::<Object>().into()),
            ];
            let entries: Object = entries.into_iter().collect();
            services.push((service.shown.clone(), Value::from(entries)));
        }
        let services: Object =
            services.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        self.fixed.services = services.into();
        if let Some(own) = &self.containers.own {
            let entries =
                [("id", Value::from(own.place.id.as_str())), ("network", network.as_str().into())];
            self.fixed.container = entries.into_iter().collect::<Object>().into();
        }
        Ok(())
    }

    /// Takes all of it away, as a step of its own.
    pub(super) fn stop_containers(&mut self) {
        if self.containers.network.is_none() {
            return;
        }
        let (number, name) = (self.next_number(), "Stop containers");
        let began = self.step_begins(number, name);
        if self.state().status == Conclusion::Failure {
            for service in &self.containers.services {
                self.show_log(number, service);
            }
        }
        self.take_back_folders();
        let own = self.containers.own.iter().map(|own| &own.place);
        let all = own.chain(&self.containers.services);
        let network = self.containers.network.as_ref();
        let mut removed: Vec<Result<(), EngineError>> = all.map(Place::remove).collect();
        removed.extend(network.map(Network::remove));
        for error in removed.into_iter().filter_map(Result::err) {
            self.say(number, &format!("##[warning]{error}"));
        }
        self.containers.network = None;
        let outcome = Conclusion::Success;
        self.step_ends(number, began, name, (outcome, outcome), None);
    }

    fn show_log(&self, number: u32, service: &Place) {
        self.say(number, &format!("##[group]What the service {} has printed", service.shown));
        match service.log() {
            Ok(log) => self.say(number, log.trim_end()),
            Err(error) => self.say(number, &format!("##[warning]{error}")),
        }
        self.say(number, "##[endgroup]");
    }
}

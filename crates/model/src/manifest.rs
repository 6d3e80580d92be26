//! `highroad.yaml`: what a repository says of its services that none of its other files can say.

mod check;
mod command;
mod environment;
mod inherit;
mod notify;
mod policy;
mod road;
mod run;
mod secret;
mod service;
mod setting;
mod strategy;
mod words;

use serde_json::Value as Json;

use crate::name::{EnvironmentName, ServiceName};
use crate::shape::{Decode, Map, ObjectSchema, Record, Schemas, Shape};
use crate::source::{Finding, Source};
use crate::yaml::{self, Node};

pub use command::{Command, Piece, UnsetVariable};
pub use environment::{Approvals, DayRange, Environment, Verification, Verify, Window};
pub use notify::{Address, Event, Notice};
pub use policy::{Policy, Risk, Rule};
pub use run::{Health, Image, Port, Probe, Resources, Run, Signal, Site, Stop, Workload};
pub use service::{Links, Service, Several, Shared, Single};
pub use setting::{Setting, VariableName};
pub use strategy::{Amount, BlueGreen, Canary, CanaryStep, Rolling, Stage, Staged, Strategy};
pub use words::{Clock, Cpu, Host, HttpPath, Memory, Party, Period, RepositoryPath, Url, Zone};

/// The name of the file, at the root of a repository.
pub const FILE: &str = "highroad.yaml";

/// Reads a manifest. The name is what findings call the file.
pub fn read(name: &str, bytes: &[u8]) -> Reading {
    let yaml::Document { mut source, root, findings } =
        yaml::read(name, bytes, &yaml::Options::default());
    let Some(root) = root else { return Reading { manifest: None, findings, source } };
    let mut cx = Decode::new(ELSEWHERE);
    for finding in findings {
        cx.report(finding);
    }
    let manifest = Manifest::decode(&root, &mut cx).filter(|_| !cx.has_errors());
    let findings = cx.into_findings();
    for secret in findings.iter().filter(|finding| finding.masked) {
        source.hide(secret.span);
    }
    Reading { manifest, findings, source }
}

/// The JSON Schema of the file.
pub fn schema() -> Json {
    Schemas::document::<Manifest>(FILE)
}

/// What reading came to. There is a manifest exactly if no finding is an error.
#[derive(Debug, Clone)]
pub struct Reading {
    pub manifest: Option<Manifest>,
    pub findings: Vec<Finding>,
    pub source: Source,
}

/// The services of a repository, each complete: what they share is in every one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    pub services: Map<ServiceName, Service>,
}

impl Manifest {
    /// The environments of all services, each once, in the order of the file.
    pub fn environments(&self) -> Vec<&EnvironmentName> {
        let mut names = Vec::new();
        for name in self.services.iter().flat_map(|(_, service)| service.shared.environments.keys())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl Shape for Manifest {
    fn decode(node: &Node, cx: &mut Decode) -> Option<Self> {
        let Some(root) = node.as_mapping() else {
            cx.expected(
                "a mapping",
                node,
                Some("begin with `service: ` and the name of your service".to_owned()),
            );
            return None;
        };
        if let (Some(one), Some(many)) = (root.entry("service"), root.entry("services")) {
            cx.report(service::one_or_many(one.key.span, many.key.span));
            return None;
        }
        let file = inherit::completed(node, cx)?;
        let services = if root.entry("services").is_some() {
            Several::decode(&file, cx).map(|several| several.services)
        } else {
            Single::decode(&file, cx).map(Single::into_services)
        };
        check::check(&file, cx);
        services.map(|services| Self { services })
    }

    fn schema(schemas: &mut Schemas) -> Json {
        let mut object = ObjectSchema::default();
        Single::describe(&mut object, schemas);
        Several::describe(&mut object, schemas);
        object.require_one_of(vec![vec!["service", "run"], vec!["services"]]);
        let mut schema = object.into_json(false);
        schema["description"] =
            "How the services of this repository run and reach their users.".into();
        schema
    }
}

/// Words of other tools (Compose, Kubernetes, Nomad, Fly, Kamal, workflows) and ours for them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("name", "service"),
    ("app", "service"),
    ("apps", "services"),
    ("jobs", "services"),
    ("team", "owner"),
    ("maintainer", "owner"),
    ("stages", "environments"),
    ("envs", "environments"),
    ("deploy", "environments"),
    ("destinations", "environments"),
    ("notifications", "notify"),
    ("alerts", "notify"),
    ("start", "run"),
    ("process", "run"),
    ("cmd", "command"),
    ("exec", "command"),
    ("entrypoint", "command"),
    ("args", "command"),
    ("environment", "env"),
    ("variables", "env"),
    ("vars", "env"),
    ("env", "config"),
    ("ports", "port"),
    ("expose", "port"),
    ("target_port", "port"),
    ("healthcheck", "health"),
    ("probe", "health"),
    ("checks", "health"),
    ("livenessProbe", "health"),
    ("readinessProbe", "health"),
    ("path", "http"),
    ("retries", "failures"),
    ("failureThreshold", "failures"),
    ("start_period", "ready_within"),
    ("startup", "ready_within"),
    ("replicas", "instances"),
    ("count", "instances"),
    ("scale", "instances"),
    ("stop_grace_period", "stop"),
    ("terminationGracePeriodSeconds", "stop"),
    ("kill_timeout", "stop"),
    ("working_dir", "folder"),
    ("cwd", "folder"),
    ("limits", "resources"),
    ("depends_on", "after"),
    ("needs", "after"),
    ("requires", "after"),
    ("domain", "hosts"),
    ("domains", "hosts"),
    ("hostname", "hosts"),
    ("route", "hosts"),
    ("rollout", "strategy"),
    ("update", "strategy"),
    ("tests", "verify"),
    ("smoke", "verify"),
    ("schedule", "windows"),
    ("reviewers", "approvals"),
    ("setWeight", "weight"),
    ("pause", "hold"),
    ("duration", "hold"),
    ("maxSurge", "max_surge"),
    ("events", "on"),
    ("timezone", "zone"),
    ("tz", "zone"),
];

//! A service, what several of them can share, and the two forms of the file.

use crate::name::ServiceName;
use crate::shape;
use crate::shape::{Map, MapEntry, OneOrMany, Spanned};
use crate::source::{Finding, Span};

use super::{Environment, Notice, Party, Policy, Run, Url};
use crate::name::EnvironmentName;

shape! {
    /// What services can share: at the top of a file with several it holds for each of them, and
    /// what a service says itself wins.
    pub struct Shared {
        /// Who answers for it: a team (`team-shop`, `"@acme/shop"`) or an e-mail address.
        owner: Option<Party>,
        /// Where it runs, in the order of the road. An environment without `after` follows the
        /// one written above it.
        environments: Map<EnvironmentName, Environment> = "production:",
        /// How carefully a change goes out, by its risk.
        policy: Policy,
        /// Who is told of what.
        notify: OneOrMany<Notice>,
    }
}

shape! {
    /// A service: one program or site that is built, released and run.
    pub struct Service {
        ..shared: Shared,
        /// One sentence on what it does for whom.
        description: Option<String>,
        /// Where people look when it hurts.
        links: Links,
        /// How it runs. A text alone is its command.
        run: Run,
    }
}

shape! {
    /// A file with one service.
    pub struct Single {
        ..it: Service,
        /// The name of the service. A file with several has `services` instead.
        service: Spanned<ServiceName>,
    }
}

shape! {
    /// A file with several services.
    pub struct Several {
        ..shared: Shared,
        /// The services of this repository by name. A file with just one can have `service`
        /// and the rest beside it.
        services: Map<ServiceName, Service>,
    }
}

shape! {
    /// Where people look when it hurts.
    pub struct Links {
        /// What to do when it is ill.
        runbook: Option<Url>,
        /// How it fares.
        dashboard: Option<Url>,
        /// Where its people talk.
        chat: Option<Url>,
    }
}

impl Single {
    pub(super) fn into_services(self) -> Map<ServiceName, Service> {
        Map { entries: vec![MapEntry { key: self.service, value: self.it }] }
    }
}

impl Service {
    /// The environments that must be healthy before a release goes into this one.
    pub fn before(&self, environment: &EnvironmentName) -> Vec<&EnvironmentName> {
        let entries = &self.shared.environments.entries;
        let Some(index) = entries.iter().position(|entry| entry.key.value == *environment) else {
            return Vec::new();
        };
        match &entries[index].value.after {
            Some(after) => after.iter().map(|name| &name.value).collect(),
            None => {
                index.checked_sub(1).map(|above| &entries[above].key.value).into_iter().collect()
            }
        }
    }
}

pub(super) fn one_or_many(one: Span, many: Span) -> Finding {
    Finding::error("conflicting-keys", "the file has both `service` and `services`", many)
        .label("several services")
        .also(one, "one service")
        .hint("move the one service under `services`, or remove `services`")
}

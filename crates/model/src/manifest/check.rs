//! What holds between the parts of a file: owners, roads, and who has which port and host.
//!
//! Each part is read for itself, so that what is wrong in one place hides nothing in another, and
//! what cannot be read gives no findings here.

use std::collections::BTreeMap;

use crate::shape::{Decode, OneOrMany, Shape, Spanned};
use crate::source::{Finding, Span, quoted};
use crate::yaml::{Entry, Mapping, Node, Value};

use super::run::{Port, Workload};
use super::{Host, Run, road};

/// Reports what is wrong between the parts of a file whose services are complete.
pub(super) fn check(file: &Node, cx: &mut Decode) {
    let Some(keys) = file.as_mapping() else { return };
    let services = match keys.entry("services") {
        Some(services) => several(&services.value, services.key.span, cx),
        None => vec![single(keys, file.span)],
    };
    let owned_alike = names_owner_otherwise(keys, cx);
    for service in &services {
        if !owned_alike {
            owner(service, cx);
        }
        if let Some(environments) = service.keys.entry("environments")
            && let Some(stops) = environments.value.as_mapping()
        {
            road::check(service.name, environments.key.span, stops, cx);
        }
        hosts_without_port(service, cx);
    }
    shared_ports(&services, cx);
    shared_hosts(&services, cx);
}

/// What can be read of a service, whatever is wrong with the rest of it.
struct Outline<'a> {
    name: &'a str,
    place: Span,
    keys: &'a Mapping,
    run: Option<Run>,
    /// Those of each environment.
    hosts: Vec<(&'a str, Vec<Spanned<Host>>)>,
}

fn several<'a>(services: &'a Node, key: Span, cx: &mut Decode) -> Vec<Outline<'a>> {
    let entries = match &services.value {
        Value::Null => &[][..],
        Value::Mapping(services) => &services.entries,
        _ => return Vec::new(),
    };
    if entries.is_empty() {
        cx.report(
            Finding::error("no-services", "the file has no services", key)
                .hint("name at least one under `services`"),
        );
    }
    let outline = |service: &'a Entry| {
        let keys = service.value.as_mapping()?;
        Some(Outline::new(&service.key.text, service.key.span, keys))
    };
    entries.iter().filter_map(outline).collect()
}

fn single(keys: &Mapping, file: Span) -> Outline<'_> {
    let service = keys.get("service");
    let name = service.and_then(Node::text).unwrap_or("service");
    Outline::new(name, service.map_or(file, |service| service.span), keys)
}

impl<'a> Outline<'a> {
    fn new(name: &'a str, place: Span, keys: &'a Mapping) -> Self {
        let run = keys.get("run").and_then(|run| Run::decode(run, &mut Decode::default()));
        let environments = keys.get("environments").and_then(Node::as_mapping);
        let hosts = environments.into_iter().flat_map(|stops| &stops.entries).map(|stop| {
            let hosts = stop.value.as_mapping().and_then(|keys| keys.get("hosts"));
            (stop.key.text.as_str(), hosts.map(OneOrMany::legible).unwrap_or_default())
        });
        Self { name, place, keys, run, hosts: hosts.collect() }
    }
}

fn owner(service: &Outline<'_>, cx: &mut Decode) {
    let owner = service.keys.get("owner").filter(|owner| !owner.is_null());
    if owner.is_none() && !names_owner_otherwise(service.keys, cx) {
        let message = format!("{} has no owner", quoted(service.name));
        cx.report(
            Finding::warning("no-owner", message, service.place)
                .label("nobody answers for it")
                .hint("add `owner:` with a team or an e-mail address"),
        );
    }
}

/// Whether somebody is named under a wrong key.
fn names_owner_otherwise(keys: &Mapping, cx: &Decode) -> bool {
    let mut others = keys.entries.iter().map(|entry| &entry.key.text).filter(|key| *key != "owner");
    others.any(|key| cx.means(key, "owner"))
}

fn hosts_without_port(service: &Outline<'_>, cx: &mut Decode) {
    let port = service.run.as_ref().map(|run| run.port);
    let Some(Spanned { value: Port::None, span: none }) = port else { return };
    for host in service.hosts.iter().filter_map(|(_, hosts)| hosts.first()) {
        let message = "users reach a service by its port, but there is none";
        cx.report(
            Finding::error("no-port", message, host.span)
                .label("needs a port")
                .also(none, "there is none"),
        );
    }
}

fn shared_ports(services: &[Outline<'_>], cx: &mut Decode) {
    let mut taken: BTreeMap<u16, (&str, Span)> = BTreeMap::new();
    for Outline { name, run, .. } in services {
        // Each container has a network of its own.
        let Some(Run { port, workload: Workload::Command(_), .. }) = run else { continue };
        let Spanned { value: Port::Fixed(number), span } = *port else { continue };
        let (other, first) = *taken.entry(number).or_insert((name, span));
        if other != *name {
            let message =
                format!("{} and {} both listen on port {number}", quoted(name), quoted(other));
            cx.report(
                Finding::warning("shared-port", message, span)
                    .label("taken on the same machine")
                    .also(first, format!("{} listens on it", quoted(other)))
                    .hint("let the programs listen on `$PORT` and leave `port` out"),
            );
        }
    }
}

fn shared_hosts(services: &[Outline<'_>], cx: &mut Decode) {
    let mut taken: BTreeMap<&str, (String, Span)> = BTreeMap::new();
    let all = services.iter().flat_map(|service| {
        service.hosts.iter().flat_map(move |(environment, hosts)| {
            hosts.iter().map(move |host| (service.name, *environment, host))
        })
    });
    for (service, environment, host) in all {
        let place = format!("{service}/{environment}");
        let Some((other, first)) = taken.get(host.as_str()) else {
            taken.insert(host.as_str(), (place, host.span));
            continue;
        };
        let message =
            format!("the host {} belongs to both {other} and {place}", quoted(host.as_str()));
        let finding = Finding::error("shared-host", message, host.span).label("already taken");
        cx.report(if *first == host.span {
            finding.hint("services that share an environment need hosts of their own: name them under the service")
        } else {
            finding.also(*first, format!("taken by {other}"))
        });
    }
}

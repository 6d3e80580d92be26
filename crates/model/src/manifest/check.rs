//! What a well-formed file says: references, cycles, steps, ports, secrets.

use std::collections::BTreeMap;

use crate::intent::Weight;
use crate::name::{EnvironmentName, ServiceName};
use crate::shape::{Decode, Map, Spanned};
use crate::source::{Finding, Span, nearest, quoted};

use super::run::{Port, Probe, Workload};
use super::strategy::Strategy;
use super::{
    Address, Approvals, Environment, Manifest, Notice, Risk, Run, Service, Setting, VariableName,
    Verification, Window, secret,
};

pub(super) fn check(manifest: &Manifest, cx: &mut Decode) {
    if manifest.services.is_empty() {
        let message = "the file has no services";
        cx.report(
            Finding::error("no-services", message, Span::default())
                .hint("name at least one under `services`"),
        );
    }
    for entry in &manifest.services.entries {
        let name = entry.key.value.as_str().to_owned();
        cx.within(name, |cx| service(&entry.value, entry.key.span, cx));
    }
    shared_ports(manifest, cx);
    shared_hosts(manifest, cx);
}

/// Nobody can oversee a longer road.
const MOST_ENVIRONMENTS: usize = 100;

fn service(service: &Service, name: Span, cx: &mut Decode) {
    if service.shared.owner.is_none() {
        let message = format!("{} has no owner", cx.here());
        cx.report(
            Finding::warning("no-owner", message, name)
                .label("nobody answers for it")
                .hint("add `owner:` with a team or an e-mail address"),
        );
    }
    run(&service.run, cx);
    let environments = &service.shared.environments;
    match environments.entries.len() {
        0 => {
            let message = format!("{} has no environments", cx.here());
            cx.report(
                Finding::error("no-environments", message, name).label("it would run nowhere"),
            );
        }
        1..=MOST_ENVIRONMENTS => {
            if references(environments, cx) {
                cycles(service, cx);
            }
        }
        many => {
            let message =
                format!("{} has {many} environments, {MOST_ENVIRONMENTS} are allowed", cx.here());
            cx.report(Finding::error("too-many-environments", message, name));
        }
    }
    for entry in &environments.entries {
        environment(&service.run, &entry.value, cx);
    }
    for risk in Risk::ALL {
        let rule = service.shared.policy.rule(*risk);
        strategy(&rule.strategy, cx);
        approvals(&rule.approvals, cx);
    }
    for Notice { to, .. } in service.shared.notify.iter() {
        if let Address::Webhook(url) = &to.value
            && let Some(what) = secret::suspected("", url.as_str())
        {
            let message = format!("a notice of {} goes to what looks like {what}", cx.here());
            cx.report(
                Finding::warning("secret-in-file", message, to.span)
                    .label("everybody who reads the repository can read this")
                    .hint("keep the address as a secret and write `to: {secret: NAME}`")
                    .masked(),
            );
        }
    }
}

fn run(run: &Run, cx: &mut Decode) {
    secrets(&run.env, cx);
    if let Port::Auto = run.port.value
        && let Some(entry) = run.env.entries.iter().find(|entry| entry.key.as_str() == "PORT")
    {
        cx.report(
            Finding::warning("port-is-given", "`PORT` is given by Highroad", entry.key.span)
                .label("this value is not used")
                .hint("write it as `port:`, or remove it"),
        );
    }
    if let Some(health) = &run.health
        && run.port.value == Port::None
        && matches!(health.probe, Probe::Http(_) | Probe::Tcp(_))
    {
        cx.report(
            Finding::error("no-port", "health is asked at a port, but there is none", health.span)
                .label("needs a port")
                .also(run.port.span, "there is none")
                .hint("use `health: alive` or a `command`, or give it a port"),
        );
    }
    if let (Port::Fixed(number), Workload::Command(_)) = (run.port.value, &run.workload)
        && run.instances.get() > 1
    {
        let message =
            format!("{} instances cannot share port {number} of one machine", run.instances.get());
        cx.report(
            Finding::warning("fixed-port", message, run.port.span)
                .label("the same port for each")
                .hint("let the program listen on `$PORT` and leave `port` out"),
        );
    }
}

fn environment(run: &Run, environment: &Environment, cx: &mut Decode) {
    secrets(&environment.config, cx);
    if let Some(it) = &environment.strategy {
        strategy(it, cx);
    }
    if let Some(it) = &environment.approvals {
        approvals(it, cx);
    }
    for it in environment.windows.iter() {
        window(it, cx);
    }
    for verify in environment.verify.iter() {
        if let (Verification::Command(_), Some(status)) = (&verify.verification, &verify.status) {
            let message = "a command ends with 0 and has no status to answer with";
            cx.report(
                Finding::error("wrong-value", message, status.span).label("belongs to `http`"),
            );
        }
    }
    if let Some(host) = environment.hosts.first()
        && run.port.value == Port::None
    {
        cx.report(
            Finding::error(
                "no-port",
                "users reach a service by its port, but there is none",
                host.span,
            )
            .label("needs a port")
            .also(run.port.span, "there is none"),
        );
    }
}

/// Whether every `after` names an environment.
fn references(environments: &Map<EnvironmentName, Environment>, cx: &mut Decode) -> bool {
    let names: Vec<&str> = environments.keys().map(EnvironmentName::as_str).collect();
    let mut hold = true;
    for after in environments.entries.iter().filter_map(|entry| entry.value.after.as_ref()) {
        for name in after.iter().filter(|name| !names.contains(&name.as_str())) {
            hold = false;
            let message = format!("there is no environment {}", quoted(name.as_str()));
            let finding = Finding::error("unknown-environment", message, name.span)
                .label("not defined")
                .note(format!("defined here: {}", crate::shape::listed(&names, "and")));
            let hint = nearest(name.as_str(), names.iter().copied())
                .map(|name| format!("did you mean `{name}`?"));
            cx.report(Finding { hint, ..finding });
        }
    }
    hold
}

/// Environments that wait for one another, shown with the whole way round.
fn cycles(service: &Service, cx: &mut Decode) {
    let entries = &service.shared.environments.entries;
    let place = |name: &EnvironmentName| entries.iter().position(|entry| entry.key.value == *name);
    let mut settled = vec![false; entries.len()];
    for start in 0..entries.len() {
        // A walk with its own stack: each environment on it with how many of those before it
        // have been looked at.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((at, seen)) = way.last().copied() {
            let before = service.before(&entries[at].key.value);
            let Some(next) =
                (!settled[at]).then(|| before.get(seen)).flatten().and_then(|name| place(name))
            else {
                settled[at] = true;
                way.pop();
                continue;
            };
            if let Some(last) = way.last_mut() {
                last.1 += 1;
            }
            if let Some(begin) = way.iter().position(|(on_way, _)| *on_way == next) {
                let round: Vec<usize> = way[begin..].iter().map(|(on_way, _)| *on_way).collect();
                cx.report(cycle(entries, &round));
                return;
            }
            way.push((next, 0));
        }
    }
}

fn cycle(
    entries: &[crate::shape::MapEntry<EnvironmentName, Environment>],
    round: &[usize],
) -> Finding {
    let names: Vec<&str> =
        round.iter().chain(round.first()).map(|at| entries[*at].key.value.as_str()).collect();
    let why = |at: usize, before: &str| match &entries[at].value.after {
        Some(after) => {
            let span = after
                .iter()
                .find(|name| name.as_str() == before)
                .map_or(entries[at].key.span, |name| name.span);
            (span, format!("`{}` comes after `{before}`", entries[at].key.value))
        }
        None => (
            entries[at].key.span,
            format!(
                "`{}` has no `after`, so it follows `{before}` above it",
                entries[at].key.value
            ),
        ),
    };
    let mut reasons = round.iter().zip(&names[1..]).map(|(at, before)| why(*at, before));
    let (span, label) = reasons.next().unwrap_or_default();
    let message = format!("environments wait for one another: {}", names.join(" → "));
    let finding =
        Finding::error("cycle", message, span).label(label).hint("let one of them be `after: []`");
    Finding { further: reasons.collect(), ..finding }
}

fn strategy(strategy: &Spanned<Strategy>, cx: &mut Decode) {
    let place = strategy.span;
    match &strategy.value {
        Strategy::Rolling(rolling) => {
            if rolling.max_surge.is_none() && rolling.max_unavailable.is_none() {
                let message =
                    "a rolling update with neither surge nor unavailable instances never begins";
                cx.report(
                    Finding::error("never-begins", message, place)
                        .label("both are 0")
                        .hint("set `max_surge` or `max_unavailable` to at least 1"),
                );
            }
        }
        Strategy::BlueGreen(_) => {}
        Strategy::Canary(canary) => {
            rising("canary", canary.steps.iter().map(|step| step.weight), place, cx);
        }
        Strategy::Staged(staged) => {
            rising("staged", staged.stages.iter().map(|stage| stage.share), place, cx);
        }
    }
}

/// Shares must grow from more than nothing.
fn rising(
    name: &str,
    shares: impl ExactSizeIterator<Item = Spanned<Weight>>,
    place: Span,
    cx: &mut Decode,
) {
    const MOST: usize = 99;
    if shares.len() > MOST {
        let message = format!("{} steps of a {name} rollout are too many", shares.len());
        cx.report(
            Finding::error("too-many-steps", message, place).label(format!("at most {MOST}")),
        );
    }
    let mut before: Option<Spanned<Weight>> = None;
    for share in shares {
        if share.value == Weight::NONE {
            let message = format!("a step of a {name} rollout must be more than 0 %");
            cx.report(
                Finding::error("steps-must-rise", message, share.span)
                    .label("nothing would happen"),
            );
        }
        if let Some(before) = before.filter(|before| share.value <= before.value) {
            let message = format!(
                "the steps of a {name} rollout must rise: {} comes after {}",
                share.value, before.value
            );
            cx.report(
                Finding::error("steps-must-rise", message, share.span)
                    .label("not more than the step before")
                    .also(before.span, "the step before"),
            );
        }
        before = Some(share);
    }
}

fn approvals(approvals: &Spanned<Approvals>, cx: &mut Decode) {
    let (count, including) = (approvals.count.get() as usize, approvals.including.len());
    if including > count {
        let message = format!("{count} approvals cannot include {including} different parties");
        cx.report(
            Finding::error("too-few-approvals", message, approvals.span)
                .label("asks for more than it counts")
                .hint(format!("set `count` to at least {including}")),
        );
    }
}

fn window(window: &Spanned<Window>, cx: &mut Decode) {
    let (from, to) = (window.from.minutes(), window.to.minutes());
    if from == to {
        cx.report(
            Finding::error(
                "empty-window",
                "a window that closes when it opens is never open",
                window.span,
            )
            .label("`from` and `to` are the same")
            .hint("leave both out for the whole day"),
        );
    }
    if window.days.is_empty() {
        cx.report(
            Finding::error("empty-window", "a window without days is never open", window.span)
                .label("no days"),
        );
    }
}

fn secrets(settings: &Map<VariableName, Setting>, cx: &mut Decode) {
    for entry in &settings.entries {
        let Setting::Text(text) = &entry.value else { continue };
        let name = entry.key.as_str();
        if let Some(what) = secret::suspected(name, text) {
            let message = format!("the value of `{name}` looks like {what}");
            cx.report(
                Finding::warning("secret-in-file", message, entry.span)
                    .label("everybody who reads the repository can read this")
                    .hint(format!("keep it as a secret and write `{name}: {{secret: {name}}}`"))
                    .masked(),
            );
        }
    }
}

fn shared_ports(manifest: &Manifest, cx: &mut Decode) {
    let mut taken: BTreeMap<u16, (&ServiceName, Span)> = BTreeMap::new();
    for (name, service) in manifest.services.iter() {
        let Port::Fixed(number) = service.run.port.value else { continue };
        let span = service.run.port.span;
        let (other, first) = *taken.entry(number).or_insert((name, span));
        if other != name {
            let message = format!("`{name}` and `{other}` both listen on port {number}");
            cx.report(
                Finding::warning("shared-port", message, span)
                    .label("taken on the same machine")
                    .also(first, format!("`{other}` listens on it"))
                    .hint("let the programs listen on `$PORT` and leave `port` out"),
            );
        }
    }
}

fn shared_hosts(manifest: &Manifest, cx: &mut Decode) {
    let mut taken: BTreeMap<&str, (String, Span)> = BTreeMap::new();
    for (service_name, service) in manifest.services.iter() {
        for (name, environment) in service.shared.environments.iter() {
            for host in environment.hosts.iter() {
                let place = format!("{service_name}/{name}");
                let Some((other, first)) = taken.get(host.as_str()) else {
                    taken.insert(host.as_str(), (place, host.span));
                    continue;
                };
                let message = format!(
                    "the host {} belongs to both {other} and {place}",
                    quoted(host.as_str())
                );
                let finding =
                    Finding::error("shared-host", message, host.span).label("already taken");
                cx.report(if *first == host.span {
                    finding.hint("services that share an environment need hosts of their own: name them under the service")
                } else {
                    finding.also(*first, format!("taken by {other}"))
                });
            }
        }
    }
}

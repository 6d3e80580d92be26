//! The road of a service: whether each of its environments follows one that there is, and none
//! follows itself.
//!
//! It is read from names and `after` alone, so that an environment that is wrong elsewhere still
//! has its place on the road.

use crate::name::EnvironmentName;
use crate::shape::{Decode, FromText, OneOrMany, Spanned, listed};
use crate::source::{Finding, Span, nearest, quoted};
use crate::yaml::{Entry, Mapping, Node, Value};

/// Reports what is wrong with the `environments` of a service.
pub(super) fn check(service: &str, key: Span, environments: &Mapping, cx: &mut Decode) {
    match environments.entries.len() {
        0 => {
            let message = format!("{} has no environments", quoted(service));
            cx.report(
                Finding::error("no-environments", message, key).label("it would run nowhere"),
            );
        }
        1..=MOST => {
            let stops: Vec<Stop<'_>> =
                environments.entries.iter().map(|entry| Stop::read(entry, cx)).collect();
            references(&stops, cx);
            cycles(&stops, cx);
        }
        many => {
            let message =
                format!("{} has {many} environments, {MOST} are allowed", quoted(service));
            cx.report(Finding::error("too-many-environments", message, key));
        }
    }
}

/// Nobody can oversee a longer road.
const MOST: usize = 100;

struct Stop<'a> {
    name: &'a str,
    place: Span,
    /// Without it, it follows the one above.
    after: Option<Vec<Spanned<EnvironmentName>>>,
}

impl<'a> Stop<'a> {
    fn read(entry: &'a Entry, cx: &Decode) -> Self {
        Self { name: &entry.key.text, place: entry.key.span, after: after(&entry.value, cx) }
    }
}

fn after(environment: &Node, cx: &Decode) -> Option<Vec<Spanned<EnvironmentName>>> {
    let unknown = Some(Vec::new());
    match &environment.value {
        Value::Null => None,
        Value::Mapping(keys) => match keys.get("after").filter(|after| !after.is_null()) {
            Some(after) => Some(OneOrMany::legible(after)),
            None if keys.entries.iter().any(|entry| cx.means(&entry.key.text, "after")) => unknown,
            None => None,
        },
        _ => unknown,
    }
}

/// Whether every `after` names an environment.
fn references(stops: &[Stop<'_>], cx: &mut Decode) {
    let (names, misnamed): (Vec<&str>, Vec<&str>) = stops
        .iter()
        .map(|stop| stop.name)
        .partition(|name| EnvironmentName::from_text(name).is_ok());
    for name in stops.iter().filter_map(|stop| stop.after.as_ref()).flatten() {
        let known = names.contains(&name.as_str());
        // What is to be renamed may well get this name.
        if known || nearest(name.as_str(), misnamed.iter().copied()).is_some() {
            continue;
        }
        let message = format!("there is no environment {}", quoted(name.as_str()));
        let finding =
            Finding::error("unknown-environment", message, name.span).label("not defined");
        let hint = nearest(name.as_str(), names.iter().copied())
            .map(|name| format!("did you mean `{name}`?"));
        let note = (!names.is_empty()).then(|| format!("defined here: {}", listed(&names, "and")));
        cx.report(Finding { hint, note, ..finding });
    }
}

/// Environments that wait for one another, shown with the whole way round.
fn cycles(stops: &[Stop<'_>], cx: &mut Decode) {
    let before: Vec<Vec<usize>> = (0..stops.len()).map(|at| before(stops, at)).collect();
    let mut settled = vec![false; stops.len()];
    for start in 0..stops.len() {
        // A walk with its own stack: each environment on it with how many of those before it
        // have been looked at.
        let mut way: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((at, seen)) = way.last_mut() {
            let Some(next) = (!settled[*at]).then(|| before[*at].get(*seen)).flatten() else {
                settled[*at] = true;
                way.pop();
                continue;
            };
            *seen += 1;
            if let Some(begin) = way.iter().position(|(on_way, _)| on_way == next) {
                let round: Vec<usize> = way[begin..].iter().map(|(on_way, _)| *on_way).collect();
                cx.report(cycle(stops, &round));
                return;
            }
            way.push((*next, 0));
        }
    }
}

fn before(stops: &[Stop<'_>], at: usize) -> Vec<usize> {
    match &stops[at].after {
        Some(after) => after
            .iter()
            .filter_map(|name| stops.iter().position(|stop| stop.name == name.as_str()))
            .collect(),
        None => at.checked_sub(1).into_iter().collect(),
    }
}

fn cycle(stops: &[Stop<'_>], round: &[usize]) -> Finding {
    let names: Vec<&str> = round.iter().chain(round.first()).map(|at| stops[*at].name).collect();
    let why = |at: usize, before: &str| {
        let Stop { name, place, after } = &stops[at];
        let said = after.iter().flatten().find(|name| name.as_str() == before);
        match said {
            Some(said) => (said.span, format!("`{name}` comes after `{before}`")),
            None => (*place, format!("`{name}` has no `after`, so it follows `{before}` above it")),
        }
    };
    let mut reasons = round.iter().zip(&names[1..]).map(|(at, before)| why(*at, before));
    let (span, label) = reasons.next().unwrap_or_default();
    let message = format!("environments wait for one another: {}", names.join(" → "));
    let finding =
        Finding::error("cycle", message, span).label(label).hint("let one of them be `after: []`");
    Finding { further: reasons.collect(), ..finding }
}

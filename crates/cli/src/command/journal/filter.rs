//! Which facts are shown: the filters of the command line, and what is said of wrong ones.

use std::fmt;

use jiff::Zoned;
use model::fact::{Actor, What};
use model::id::AnyId;
use model::name::Scope;
use model::source::nearest;
use ports::store::Query;

use super::moment::{self, Moment};
use crate::error::Error;
use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Filters {
    /// Facts told of this: a rollout, a release
    #[arg(long, value_name = "ID", value_parser = subject)]
    subject: Option<AnyId>,

    /// Facts about a service (shop), or about it in one environment (shop/production)
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    scope: Option<Scope>,

    /// Facts of a kind (rollout.ended) or of a group of kinds (rollout)
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<String>,

    /// What somebody did: person:NAME, token:NAME, agent:NAME or system:NAME
    #[arg(long, value_name = "ACTOR", value_parser = actor)]
    actor: Option<Actor>,

    /// Facts from this time on
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    since: Option<Moment>,

    /// Facts before this time
    #[arg(long, value_name = "TIME", value_parser = moment::read)]
    until: Option<Moment>,

    /// Facts behind the one with this number
    #[arg(long, value_name = "SEQ", value_parser = number)]
    after: Option<u64>,
}

impl Filters {
    pub(super) fn are_none(&self) -> bool {
        matches!(
            self,
            Self {
                subject: None,
                scope: None,
                kind: None,
                actor: None,
                since: None,
                until: None,
                after: None,
            }
        )
    }

    /// The same for a store, seen from now.
    pub(super) fn query(&self, now: &Zoned) -> Result<Query, Error> {
        let time =
            |moment: &Option<Moment>| moment.as_ref().map(|it| it.seen_from(now)).transpose();
        let (since, until) = (time(&self.since)?, time(&self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let error = Error::new(Exit::Usage, "--until is not later than --since");
            return Err(error.hint(format!("they are read as {until} and {since}")));
        }
        Ok(Query {
            subject: self.subject,
            scope: self.scope.clone(),
            kind: self.kind.clone(),
            actor: self.actor.clone(),
            since,
            until,
            after: self.after,
            ..Query::default()
        })
    }
}

/// How many facts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    All,
    Last(usize),
}

/// What a value should have been. The value itself is named by whoever tells the error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expected {
    near: Option<String>,
    what: String,
}

impl Expected {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { near: None, what: what.into() }
    }

    pub(super) fn or_near(self, near: Option<impl Into<String>>) -> Self {
        Self { near: near.map(Into::into), ..self }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(near) = &self.near {
            write!(f, "did you mean '{near}'? ")?;
        }
        write!(f, "expected {}", self.what)
    }
}

impl std::error::Error for Expected {}

pub(super) fn lines(text: &str) -> Result<Lines, Expected> {
    if text == "all" {
        return Ok(Lines::All);
    }
    text.parse()
        .map(Lines::Last)
        .map_err(|_| Expected::new("a number, or all").or_near(nearest(text, ["all"])))
}

fn subject(text: &str) -> Result<AnyId, Expected> {
    text.parse().map_err(|_| {
        let lower = text.to_ascii_lowercase();
        Expected::new("an id: three letters, '_' and 26 letters or digits, as in rol_01jd8x6m2pfc5s0g3v9e7kq4ta")
            .or_near(lower.parse::<AnyId>().ok().map(|_| lower))
    })
}

fn scope(text: &str) -> Result<Scope, Expected> {
    let expected = || Expected::new("SERVICE or SERVICE/ENVIRONMENT, as in shop/production");
    match text.parse() {
        Ok(Scope::Everything) => Err(expected()),
        Ok(scope) => Ok(scope),
        Err(_) => {
            let near = text.to_lowercase().replace(['_', ' '], "-");
            let is_scope = matches!(near.parse(), Ok(Scope::Service(_) | Scope::Place(_)));
            Err(expected().or_near(is_scope.then_some(near)))
        }
    }
}

fn kind(text: &str) -> Result<String, Expected> {
    let groups = groups();
    let known = || groups.iter().copied().chain(What::KINDS.iter().copied());
    if known().any(|kind| kind == text) {
        return Ok(text.to_owned());
    }
    // Who leaves the group out, or writes its end otherwise, means the kind with that last word.
    let last = |kind: &'static str| kind.split_once('.').map_or(kind, |(_, last)| last);
    let near = nearest(text, known()).or_else(|| {
        let word = nearest(text, What::KINDS.iter().copied().map(last))?;
        What::KINDS.iter().copied().find(|kind| last(kind) == word)
    });
    let what = format!("{}, or {}", groups.join(", "), What::KINDS.join(", "));
    Err(Expected::new(what).or_near(near))
}

/// What stands before the dot: each group matches all of its kinds.
fn groups() -> Vec<&'static str> {
    let mut groups: Vec<_> = What::KINDS
        .iter()
        .filter_map(|kind| kind.split_once('.'))
        .map(|(group, _)| group)
        .collect();
    groups.dedup();
    groups
}

fn actor(text: &str) -> Result<Actor, Expected> {
    const SORTS: [&str; 4] = ["person", "token", "agent", "system"];
    text.parse().map_err(|_| {
        let near = match text.split_once(':') {
            Some((sort, name)) => nearest(sort, SORTS).map(|sort| format!("{sort}:{name}")),
            None => Some(format!("person:{text}")),
        };
        let near = near.filter(|near| near.parse::<Actor>().is_ok());
        Expected::new("person:NAME, token:NAME, agent:NAME or system:NAME").or_near(near)
    })
}

/// Numbers that a store can hold: it counts with a sign.
fn number(text: &str) -> Result<u64, Expected> {
    let number = text.parse().ok().filter(|number| i64::try_from(*number).is_ok());
    number.ok_or_else(|| Expected::new("the number of a fact, as in 1204"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T: fmt::Debug>(outcome: Result<T, Expected>) -> String {
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn kinds_and_their_groups() {
        assert_eq!(kind("rollout").unwrap(), "rollout");
        assert_eq!(kind("rollout.ended").unwrap(), "rollout.ended");
        for (wrong, near) in [
            ("rollout.startd", "rollout.started"),
            ("rolout", "rollout"),
            ("Rollout.Ended", "rollout.ended"),
            ("parked", "process.parked"),
            ("step_passed", "rollout.step-passed"),
        ] {
            let told = told(kind(wrong));
            assert!(told.starts_with(&format!("did you mean '{near}'? ")), "{told}");
        }
        let told = told(kind("moon"));
        assert!(told.starts_with("expected rollout, run, secret, "), "{told}");
        assert!(told.contains(", or rollout.started"), "{told}");
    }

    #[test]
    fn every_other_value() {
        assert_eq!(lines("all"), Ok(Lines::All));
        assert_eq!(lines("0"), Ok(Lines::Last(0)));
        assert_eq!(told(lines("al")), "did you mean 'all'? expected a number, or all");
        assert_eq!(told(lines("-1")), "expected a number, or all");
        assert_eq!(number("7"), Ok(7));
        assert!(number("18446744073709551615").is_err());
        assert!(subject("rol_01hf7yat00e1gr3ge1r70w3g70").is_ok());
        let upper = told(subject("ROL_01HF7YAT00E1GR3GE1R70W3G70"));
        assert!(upper.starts_with("did you mean 'rol_01hf7yat00e1gr3ge1r70w3g70'?"), "{upper}");
        assert_eq!(scope("shop").unwrap().to_string(), "shop");
        assert!(told(scope("Shop/Production")).starts_with("did you mean 'shop/production'?"));
        assert!(told(scope("")).starts_with("expected SERVICE"));
        assert!(actor("person:ada").is_ok());
        assert!(told(actor("ada")).starts_with("did you mean 'person:ada'?"));
        assert!(told(actor("persn:ada")).starts_with("did you mean 'person:ada'?"));
        assert!(told(actor(":")).starts_with("expected person:NAME"));
    }
}

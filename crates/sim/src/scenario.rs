//! Scenarios: a world's script in a small text form, and the page that comes of it.
//!
//! ```text
//! # A canary that crashes goes back by itself.
//! place shop/production
//! plan 3 instances: 5 % for 10m, 25 % for 1h, 100 % for 1d
//! look every 5m
//! 1.4.1 is live
//! 1.5.0 crashes at 30m
//! at 0s start 1.5.0
//! until 2h
//! ```
//!
//! A script with a line `workflow` is that of a run; the lines below it that are indented are the
//! workflow.
//!
//! ```text
//! # A job fails.
//! workflow
//!   on: push
//!   jobs: {build: {runs-on: linux, steps: [{run: make}]}}
//! build takes 4m and fails
//! at 0s ada pushes
//! until 1h
//! ```

mod rollout;
mod run;

use std::fmt;

use conductor::{HandleError, Reply};
use jiff::SignedDuration;

/// A script that has been understood.
#[derive(Debug)]
pub struct Scenario(Kind);

#[derive(Debug)]
enum Kind {
    Rollout(Box<rollout::Script>),
    Run(Box<run::Script>),
}

/// Where a script is not understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ScriptError {
    line: usize,
    what: String,
}

impl Scenario {
    pub fn read(script: &str) -> Result<Self, ScriptError> {
        let kind = if script.lines().any(|line| line.trim() == run::OPENING) {
            Kind::Run(Box::new(run::Script::read(script)?))
        } else {
            Kind::Rollout(Box::new(rollout::Script::read(script)?))
        };
        Ok(Self(kind))
    }

    /// Lives through the script, and tells it as a page.
    pub fn play(&self) -> String {
        match &self.0 {
            Kind::Rollout(script) => script.play(),
            Kind::Run(script) => script.play(),
        }
    }
}

fn told(reply: Result<Reply, HandleError>) -> String {
    match reply {
        Ok(Reply { is_refusal: false, text }) => text,
        Ok(Reply { text, .. }) => format!("no, {text}"),
        Err(error) => format!("no, {error}"),
    }
}

fn acts_in_order(before: Option<SignedDuration>, at: SignedDuration) -> Result<(), String> {
    if before.is_some_and(|before| before > at) {
        return Err("acts stand in the order of their times".to_owned());
    }
    Ok(())
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
    let parsed = match days {
        Some(days) => days.checked_mul(24).map(SignedDuration::from_hours),
        None => text.parse().ok(),
    };
    parsed
        .ok_or_else(|| format!("`{text}` is not a duration: expected one such as `1h30m` or `3d`"))
}

fn text_of(error: impl fmt::Display) -> String {
    error.to_string()
}

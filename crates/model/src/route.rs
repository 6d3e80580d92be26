//! How requests reach a place: the hosts and paths that are its own, and how they are treated.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::name::Place;

/// The way of requests into one place. What is left out has the default that suits most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    #[serde(flatten)]
    pub place: Place,
    /// Hosts that lead here: `shop.example.org`, `*.shop.example.org`, or `*` for every other.
    pub hosts: Vec<String>,
    /// Only paths that begin so, by whole segments; the longest that fits wins.
    #[serde(default = "root")]
    pub path: String,
    /// Instances see the path without its prefix.
    #[serde(default)]
    pub strip_path: bool,
    /// Answers in the place of the instances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Instead>,
    /// Plain HTTP is sent on to HTTPS.
    #[serde(default)]
    pub https_only: bool,
    /// What keeps a user on one release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<Sticky>,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub timeouts: Timeouts,
    #[serde(default)]
    pub retries: Retries,
    /// Headers that every answer gets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

fn root() -> String {
    "/".to_owned()
}

/// An answer that no instance gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instead {
    /// A page that says so, with status 503, and when to come again.
    Maintenance { message: String, retry_after: Option<SignedDuration> },
    /// Another address, to which path and query are added.
    Redirect { to: String, status: u16 },
}

/// What keeps a user on one release while its share stays the same, and never moves a user away from
/// a release whose share grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sticky {
    /// A cookie of this name, set by the proxy.
    Cookie(String),
    /// The value of a header of the request, hashed.
    Header(String),
}

/// What a request may be, and how many at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a body; none for any length.
    pub body: Option<u64>,
    /// Bytes of a request's line and headers.
    pub head: u32,
    /// Headers of a request.
    pub headers: u32,
    /// Requests that an instance is given at a time.
    pub per_instance: u32,
    /// Requests that wait when all instances are full; more are turned away with status 503.
    pub queue: u32,
    pub queue_for: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: None,
            head: 64 * 1024,
            headers: 100,
            per_instance: 1_024,
            queue: 1_024,
            queue_for: SignedDuration::from_secs(5),
        }
    }
}

/// How long each part of a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Until an instance accepts.
    pub connect: SignedDuration,
    /// Until the first byte of the answer.
    pub answer: SignedDuration,
    /// Without a byte in either direction, once the answer has begun.
    pub idle: SignedDuration,
    /// The whole of it; none for streams that may last.
    pub whole: Option<SignedDuration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: SignedDuration::from_secs(2),
            answer: SignedDuration::from_secs(60),
            idle: SignedDuration::from_secs(300),
            whole: None,
        }
    }
}

/// What is tried again at another instance: what never reached one, and idempotent methods without
/// a body that an instance has left without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retries {
    /// How often one request is tried again.
    pub times: u32,
    /// How many requests in a hundred may be tried again, so that retries never become the load.
    pub percent: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { times: 2, percent: 20 }
    }
}

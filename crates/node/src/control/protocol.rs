//! What a server and a node say to each other, as JSON over HTTP.
//!
//! A word is a desired state with its generation. It is taken over whole or refused, and saying it
//! again changes nothing; so whoever lost the answer says it again.

use std::net::SocketAddr;

use jiff::Timestamp;
use model::intent::{Generation, Split, Trip};
use model::name::Place;
use model::route::Route;
use model::workload::Workload;
use serde::{Deserialize, Serialize};

use crate::supervisor::InstanceReport;
use crate::told::Steered;

/// The header that says which protocol a question is in.
pub(crate) const PROTOCOL_HEADER: &str = "highroad-protocol";
pub(crate) const PROTOCOL: u32 = 1;
/// The header that says for whom a question is asked: who watches is not who decides.
pub(crate) const ROLE_HEADER: &str = "highroad-role";
pub(crate) const SERVER: &str = "server";

/// The longest word: a split with ten thousand cohorts is shorter.
pub(crate) const MAX_WORD: usize = 4 << 20;

/// How many instances are wanted, and what they are.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantInstances {
    pub(crate) generation: Generation,
    pub(crate) count: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workload: Option<Workload>,
}

/// How many instances are wanted, for who only asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KeptInstances {
    pub(crate) generation: Generation,
    pub(crate) count: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Steer {
    pub(crate) generation: Generation,
    pub(crate) split: Split,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lead {
    pub(crate) generation: Generation,
    pub(crate) route: Option<Route>,
}

/// Why a word was not taken over.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refusal {
    Older(Generation),
    Tripped(Box<Trip>),
    Refused(String),
}

/// Everything that a node knows of itself.
#[derive(Debug, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub pid: u32,
    pub since: Timestamp,
    /// When a server has last spoken.
    pub heard: Option<Timestamp>,
    pub http: Vec<SocketAddr>,
    pub https: Vec<SocketAddr>,
    pub places: Vec<PlaceStatus>,
    pub instances: Vec<InstanceReport>,
    /// What an operator should know: what the machine does not allow, certificates that end soon.
    pub notes: Vec<String>,
}

/// How one place is served.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlaceStatus {
    pub place: Place,
    pub route: Option<Route>,
    pub split: Option<Steered>,
}

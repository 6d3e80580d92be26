//! Runners on other machines, or beside the server: processes of their own that a server gives jobs.
//!
//! A runner asks, over HTTP, and keeps asking; the server never calls. Both sides say what holds,
//! not what changed: a runner tells with every question which jobs it has, so whatever was lost on
//! the way is said again. The files of a job, its log first of all, are sent by their offsets, so
//! that both sides may be restarted in the middle of them.

mod client;
mod depot;
mod hub;
mod protocol;
mod routes;
mod runner;
mod shipment;

pub use client::{Client, ClientError, Coming, successful};
pub use depot::{Open as OpenDepot, RemoteDepot, for_depot};
pub use hub::{Brief as HubBrief, Hub, Settings as HubSettings};
pub use protocol::{JobFile, Parcel, SessionId};
pub use routes::{for_people, for_runners};
pub use runner::{Brief as RunnerBrief, Drain, Runner, RunnerError, Settings as RunnerSettings};

//! The data plane: supervises a service's instances and proxies their traffic, and goes on doing
//! both whatever becomes of the server.
pub mod client;
mod control;
pub mod handover;
pub mod keeper;
pub mod logs;
mod metrics;
pub mod node;
pub mod proxy;
pub mod rota;
pub mod stats;
pub mod supervisor;
pub mod told;
pub mod tripwire;

/// What a node says of itself.
pub mod status {
    pub use crate::control::protocol::{PlaceStatus, Status};
    pub use crate::supervisor::{InstanceReport, InstanceState};
}

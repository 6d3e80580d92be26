//! The ports: what Highroad asks of the world, as traits. Behind the feature `fake` a fake of
//! each; behind `suite` the conformance suite that every adapter must pass.

use std::pin::Pin;

pub mod clock;
pub mod depot;
pub mod entropy;
#[cfg(feature = "fake")]
pub mod fake;
pub mod jobs;
pub mod memory;
pub mod nobody;
pub mod releases;
pub mod store;
#[cfg(feature = "suite")]
pub mod suite;
pub mod tokens;
pub mod traffic;
pub mod vault;
pub mod workloads;

/// What an async method of a port returns, so that ports can be used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

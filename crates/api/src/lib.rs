//! What people and programs ask of the server over HTTP.

mod admission;
mod facts;
mod health;
mod problem;
mod runs;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use conductor::Handle;
use ports::clock::Clock;
use ports::store::Store;

pub use admission::admit;
pub use health::health;
pub use watch::{JobFile, JobFiles};

/// What answering takes.
#[derive(Debug, Clone)]
pub struct Api {
    pub handle: Handle,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub jobs: Arc<dyn JobFiles>,
}

impl Api {
    /// Every path of version 1. Whoever serves this has [`admit`] see to who gets in.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/v1/runs", post(runs::begin))
            .route("/api/v1/runs/{run}", get(runs::show))
            .route("/api/v1/runs/{run}/words", post(runs::tell))
            .route("/api/v1/runs/{run}/watch", post(watch::watch))
            .route("/api/v1/facts", get(facts::list))
            .fallback(problem::no_such_path)
            .with_state(self)
    }
}

//! Whether the server can do its work.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use ports::store::Store;

use crate::problem::Problem;

/// The one path that anybody may ask: it says whether the store answers, and nothing else.
pub fn health(store: Arc<dyn Store>) -> Router {
    Router::new().route("/healthz", get(look)).with_state(store)
}

async fn look(State(store): State<Arc<dyn Store>>) -> Response {
    match store.head().await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
                .into_response()
        }
    }
}

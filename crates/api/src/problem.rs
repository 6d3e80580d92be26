//! Errors as they are told: problem details (RFC 9457).

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use conductor::HandleError;
use ports::store::StoreError;
use serde_json::json;

#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what}"))
    }
}

pub(crate) async fn no_such_path(uri: Uri) -> Problem {
    Problem::not_found(&format!("path {}", uri.path()))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = (self.status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store does not answer");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer")
    }
}

impl From<HandleError> for Problem {
    fn from(error: HandleError) -> Self {
        let status = match &error {
            HandleError::NotFound(_) => StatusCode::NOT_FOUND,
            HandleError::Exists(_)
            | HandleError::SlotTaken { .. }
            | HandleError::Parked(_)
            | HandleError::NotParked(_)
            | HandleError::WrongKind { .. } => StatusCode::CONFLICT,
            HandleError::Store(_) | HandleError::Gone => StatusCode::SERVICE_UNAVAILABLE,
            HandleError::Panicked(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!(%error, "a word has no answer");
        }
        Self::new(status, error.to_string())
    }
}

//! Who gets in: whoever shows a token that is good for it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use model::fact::Actor;
use ports::tokens::{Scope, Tokens};

use crate::problem::Problem;

/// Lets only those to these paths who may.
pub fn admit(router: Router, scope: Scope, tokens: Arc<dyn Tokens>) -> Router {
    router.route_layer(middleware::from_fn_with_state((tokens, scope), check))
}

async fn check(
    State((tokens, scope)): State<(Arc<dyn Tokens>, Scope)>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(header::AUTHORIZATION);
    let token = header.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let known = match token.map(|token| tokens.bearer(token.trim())) {
        Some(Ok(known)) => known,
        Some(Err(error)) => {
            tracing::error!(%error, cause = ?error.cause, "tokens cannot be looked up");
            let why = "tokens cannot be looked up at the moment";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response();
        }
        None => return unknown("show a token: Authorization: Bearer TOKEN"),
    };
    let Some(bearer) = known else { return unknown("this token is not known here") };
    if bearer.may != scope {
        let why =
            format!("this token is for {}s, this path for {}s", bearer.may.word(), scope.word());
        return Problem::new(StatusCode::FORBIDDEN, why).into_response();
    }
    request.extensions_mut().insert(Actor::Token(bearer.name));
    next.run(request).await
}

fn unknown(why: &str) -> Response {
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, why).into_response();
    let challenge = header::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

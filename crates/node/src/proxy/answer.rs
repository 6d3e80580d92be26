//! Answers that the proxy gives itself.

use std::rc::Rc;

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Response, StatusCode};
use model::route::Instead;

use super::body::{Download, Rest};
use super::peer::Peer;

pub(super) type Answer = Response<Download>;

/// A short text with its status.
pub(super) fn say(status: StatusCode, words: &str, peer: &Rc<Peer>) -> Answer {
    let text = format!("{} {words}\n", status.as_u16());
    let mut answer = Response::new(Download::Whole(Bytes::from(text), Rest(Rc::clone(peer))));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The same, and nothing more on this connection.
pub(super) fn say_and_close(status: StatusCode, words: &str, peer: &Rc<Peer>) -> Answer {
    let mut answer = say(status, words, peer);
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// Come again later.
pub(super) fn busy(words: &str, peer: &Rc<Peer>) -> Answer {
    let mut answer = say(StatusCode::SERVICE_UNAVAILABLE, words, peer);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// The same address, encrypted.
pub(super) fn to_https(host: &str, target: Option<&PathAndQuery>, peer: &Rc<Peer>) -> Answer {
    let target = target.map_or("/", PathAndQuery::as_str);
    to(StatusCode::PERMANENT_REDIRECT, &format!("https://{host}{target}"), peer)
}

/// What a route says in the place of its instances.
pub(super) fn instead(instead: &Instead, target: Option<&PathAndQuery>, peer: &Rc<Peer>) -> Answer {
    match instead {
        Instead::Maintenance { message, retry_after } => {
            let mut answer = say(StatusCode::SERVICE_UNAVAILABLE, message, peer);
            let seconds = retry_after.map(|after| after.as_secs()).filter(|seconds| *seconds > 0);
            if let Some(seconds) = seconds {
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            answer
        }
        Instead::Redirect { to: address, status } => {
            let target = target.map_or("/", PathAndQuery::as_str);
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::TEMPORARY_REDIRECT);
            to(status, &format!("{}{target}", address.trim_end_matches('/')), peer)
        }
    }
}

fn to(status: StatusCode, address: &str, peer: &Rc<Peer>) -> Answer {
    match HeaderValue::from_str(address) {
        Ok(address) => {
            let mut answer = say(status, "The page is elsewhere.", peer);
            answer.headers_mut().insert(header::LOCATION, address);
            answer
        }
        Err(_) => say(StatusCode::BAD_REQUEST, "The target of the request is malformed.", peer),
    }
}

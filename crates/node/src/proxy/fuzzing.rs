//! What fuzzers feed (`crates/node/fuzz`): the places at which strangers' bytes are read.

use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Version};
use model::route::{Route, Sticky};

use super::certificates::der;
use super::chance::Chance;
use super::head;
use super::site::Site;
use super::split::User;
use super::table::{Table, Way};

pub fn certificate(bytes: &[u8]) {
    der::read(bytes);
}

/// A target, then headers, a line each. What hyper would have refused is left out.
pub fn head(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut request = Request::builder().uri(lines.next().unwrap_or_default());
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    let Ok(host) = head::host(&parts) else { return };
    let name = head::name_of(&host).to_owned();
    Table::default().find(&name, parts.uri.path());
    User::of(&parts.headers, &Sticky::Cookie("user".to_owned()), &Chance::seeded(1));
    head::request_id(&parts.headers);
    head::take_hop_by_hop(&mut parts.headers, Version::HTTP_11);
    head::take_hop_by_hop_of_answer(&mut parts.headers);
}

pub fn route(route: &Route) {
    let site = Arc::new(Site::new(route.place.clone()));
    if let Ok(way) = Way::new(route, site) {
        let ways = [(route.place.clone(), Arc::new(way))].into();
        Table::new(&ways).find("shop.example.org", &route.path);
    }
}

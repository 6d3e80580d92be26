//! Which place a request is for: by its host, then by the longest path.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use jiff::SignedDuration;
use model::name::Place;
use model::route::{Instead, Route, Sticky};

use super::site::Site;

/// Every route, in the form in which requests are held against them.
#[derive(Debug, Default)]
pub(super) struct Table {
    exact: HashMap<String, Paths>,
    /// By what follows the `*`: `.example.org`.
    wild: HashMap<String, Paths>,
    every: Paths,
}

/// Path prefixes with what they lead to, the longest first.
type Paths = Vec<(String, Arc<Way>)>;

/// A route that was found good, with the place it leads to.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) route: Route,
    pub(super) site: Arc<Site>,
    /// Headers that every answer gets.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) connect_within: Duration,
    pub(super) answer_within: Duration,
    pub(super) idle_for: Duration,
    pub(super) whole_within: Option<Duration>,
    pub(super) queue_for: Duration,
}

/// Why a route cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    #[error("{place}: a route needs a host; write `*` for every one that no other route names")]
    NoHost { place: Place },
    #[error(
        "{place}: `{host}` is no host; write a name as shop.example.org, *.example.org or `*`, \
         without a port"
    )]
    Host { place: Place, host: String },
    #[error(
        "{place}: `{path}` is no path; begin it with `/` and leave out `?`, `#`, `.` segments and \
         empty ones"
    )]
    Path { place: Place, path: String },
    #[error("{place}: `{name}` is no header that answers can be given{why}")]
    Header { place: Place, name: String, why: &'static str },
    #[error(
        "{place}: `{name}` cannot keep users on a release; give it a name without odd characters"
    )]
    Sticky { place: Place, name: String },
    #[error("{place}: a redirect has status 301, 302, 303, 307 or 308, not {status}")]
    RedirectStatus { place: Place, status: u16 },
    #[error("{place}: `{to}` is no address to send people to; begin it with http:// or https://")]
    RedirectTo { place: Place, to: String },
    #[error("{place}: the time-out `{name}` must be longer than nothing and at most a day")]
    Timeout { place: Place, name: &'static str },
    #[error("{place}: `{address}` belongs to {owner} already; change or remove its route first")]
    Taken { place: Place, owner: Box<Place>, address: String },
}

impl Table {
    pub(super) fn new(ways: &BTreeMap<Place, Arc<Way>>) -> Self {
        let mut table = Self::default();
        for way in ways.values() {
            for host in &way.route.hosts {
                let host = host.to_ascii_lowercase();
                let paths = match host.strip_prefix('*') {
                    Some("") => &mut table.every,
                    Some(rest) => table.wild.entry(rest.to_owned()).or_default(),
                    None => table.exact.entry(host).or_default(),
                };
                let path = way.route.path.trim_end_matches('/').to_owned();
                paths.push((path, Arc::clone(way)));
            }
        }
        let all = table.exact.values_mut().chain(table.wild.values_mut());
        for paths in all.chain([&mut table.every]) {
            paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        }
        table
    }

    /// The host is in lower case and without its port.
    pub(super) fn find(&self, host: &str, path: &str) -> Option<&Arc<Way>> {
        if let Some(way) = self.exact.get(host).and_then(|paths| longest(paths, path)) {
            return Some(way);
        }
        if !self.wild.is_empty() {
            for (at, _) in host.match_indices('.') {
                let paths = self.wild.get(&host[at..]);
                if let Some(way) = paths.and_then(|paths| longest(paths, path)) {
                    return Some(way);
                }
            }
        }
        longest(&self.every, path)
    }
}

fn longest<'a>(paths: &'a Paths, path: &str) -> Option<&'a Arc<Way>> {
    let fits = |prefix: &str| {
        path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || prefix.is_empty()
    };
    paths.iter().find(|(prefix, _)| fits(prefix)).map(|(_, way)| way)
}

/// The longest that a single time-out may be.
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Way {
    pub(super) fn new(route: &Route, site: Arc<Site>) -> Result<Self, RouteError> {
        let place = || route.place.clone();
        if route.hosts.is_empty() {
            return Err(RouteError::NoHost { place: place() });
        }
        if let Some(host) = route.hosts.iter().find(|host| !is_host(host)) {
            return Err(RouteError::Host { place: place(), host: host.clone() });
        }
        if !is_path(&route.path) {
            return Err(RouteError::Path { place: place(), path: route.path.clone() });
        }
        match &route.sticky {
            Some(Sticky::Header(name) | Sticky::Cookie(name))
                if HeaderName::from_bytes(name.as_bytes()).is_err() =>
            {
                return Err(RouteError::Sticky { place: place(), name: name.clone() });
            }
            _ => {}
        }
        if let Some(Instead::Redirect { to, status }) = &route.instead {
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return Err(RouteError::RedirectStatus { place: place(), status: *status });
            }
            let is_address = to.starts_with("https://") || to.starts_with("http://");
            if !is_address || HeaderValue::from_str(to).is_err() {
                return Err(RouteError::RedirectTo { place: place(), to: to.clone() });
            }
        }
        let headers =
            route.headers.iter().map(|(name, value)| answer_header(&route.place, name, value));
        let headers = headers.collect::<Result<_, _>>()?;
        let times = &route.timeouts;
        let time = |name, time: SignedDuration| {
            let is_good = time > SignedDuration::ZERO && time <= DAY;
            let error = RouteError::Timeout { place: place(), name };
            if is_good { Ok(time.unsigned_abs()) } else { Err(error) }
        };
        Ok(Self {
            connect_within: time("connect", times.connect)?,
            answer_within: time("answer", times.answer)?,
            idle_for: time("idle", times.idle)?,
            whole_within: times.whole.map(|whole| time("whole", whole)).transpose()?,
            queue_for: route.limits.queue_for.max(SignedDuration::ZERO).min(DAY).unsigned_abs(),
            headers,
            site,
            route: route.clone(),
        })
    }

    /// Who else has one of the hosts with the same path.
    pub(super) fn check_others(&self, ways: &BTreeMap<Place, Arc<Self>>) -> Result<(), RouteError> {
        let path = |way: &Self| way.route.path.trim_end_matches('/').to_owned();
        let others = ways.values().filter(|other| other.route.place != self.route.place);
        for other in others.filter(|other| path(other) == path(self)) {
            let hosts = &other.route.hosts;
            let shared = self
                .route
                .hosts
                .iter()
                .find(|host| hosts.iter().any(|h| h.eq_ignore_ascii_case(host)));
            if let Some(host) = shared {
                return Err(RouteError::Taken {
                    place: self.route.place.clone(),
                    owner: Box::new(other.route.place.clone()),
                    address: format!("{host}{}", self.route.path),
                });
            }
        }
        Ok(())
    }
}

/// Headers that say how a message is sent are the proxy's own.
const FRAMING: [&str; 6] =
    ["connection", "content-length", "keep-alive", "te", "transfer-encoding", "upgrade"];

fn answer_header(
    place: &Place,
    name: &str,
    value: &str,
) -> Result<(HeaderName, HeaderValue), RouteError> {
    let refused = |why| RouteError::Header { place: place.clone(), name: name.to_owned(), why };
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused(""))?;
    if FRAMING.contains(&header.as_str()) {
        return Err(refused(": it says how the answer is sent, which is not for routes to say"));
    }
    let value = HeaderValue::from_str(value)
        .map_err(|_| refused(": its value has characters that no header may have"))?;
    Ok((header, value))
}

/// The longest name that the DNS has.
const MAX_HOST: usize = 253;

fn is_host(host: &str) -> bool {
    let name = match host.strip_prefix('*') {
        Some("") => return true,
        Some(rest) => match rest.strip_prefix('.') {
            Some(rest) => rest,
            None => return false,
        },
        None => host,
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let is_literal = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .is_some_and(|name| name.parse::<std::net::Ipv6Addr>().is_ok());
    name.len() <= MAX_HOST && (is_literal || name.split('.').all(is_label))
}

fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return false };
    let rest = rest.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(rest);
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'))
    };
    rest.is_empty() || rest.split('/').all(is_segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(place: &str, hosts: &[&str], path: &str) -> Result<Way, RouteError> {
        let (service, environment) = place.split_once('/').expect("a place");
        let route = serde_json::json!({
            "service": service, "environment": environment, "hosts": hosts, "path": path,
        });
        let route: Route = serde_json::from_value(route).expect("a route");
        Way::new(&route, Arc::new(Site::new(route.place.clone())))
    }

    #[test]
    fn the_most_particular_route_has_the_request() {
        let ways: BTreeMap<Place, Arc<Way>> = [
            way("every/p", &["*"], "/"),
            way("wild/p", &["*.example.org"], "/"),
            way("shop/p", &["Shop.example.org"], "/"),
            way("api/p", &["shop.example.org"], "/api/"),
            way("deep/p", &["shop.example.org"], "/api/v2"),
            way("tools/p", &["*"], "/tools"),
        ]
        .into_iter()
        .map(|way| way.expect("a good route"))
        .map(|way| (way.route.place.clone(), Arc::new(way)))
        .collect();
        let table = Table::new(&ways);
        for (host, path, place) in [
            ("shop.example.org", "/", "shop/p"),
            ("shop.example.org", "/apis", "shop/p"),
            ("shop.example.org", "/api", "api/p"),
            ("shop.example.org", "/api/", "api/p"),
            ("shop.example.org", "/api/v2", "deep/p"),
            ("shop.example.org", "/api/v2/x", "deep/p"),
            ("shop.example.org", "/api/v22", "api/p"),
            ("a.example.org", "/api", "wild/p"),
            ("a.b.example.org", "/", "wild/p"),
            ("example.org", "/", "every/p"),
            ("example.com", "/tools/x", "tools/p"),
            ("example.com", "*", "every/p"),
        ] {
            let found = table.find(host, path).expect("a way");
            assert_eq!(found.route.place.to_string(), place, "{host}{path}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_refused_by_name() {
        let refused = |way: Result<Way, RouteError>| way.expect_err("it is refused").to_string();
        for host in ["", "a b", "a..b", "*a.b", "a:80", "http://a", "[::1", "a.*"] {
            assert!(refused(way("a/b", &[host], "/")).contains(&format!("`{host}`")));
        }
        for path in ["", "a", "/a//b", "/a/../b", "/a?b", "/ä", "//"] {
            assert!(refused(way("a/b", &["*"], path)).contains(&format!("`{path}`")), "{path}");
        }
        assert!(refused(way("a/b", &[], "/")).contains("needs a host"));

        let first = way("one/p", &["a.org", "b.org"], "/x").expect("a good route");
        let ways = BTreeMap::from([(first.route.place.clone(), Arc::new(first))]);
        let second = way("two/p", &["B.org"], "/x/").expect("good by itself");
        let refused = second.check_others(&ways).expect_err("taken").to_string();
        assert!(refused.contains("one/p") && refused.contains("B.org/x"), "{refused}");
        let again = way("one/p", &["b.org"], "/x").expect("a good route");
        again.check_others(&ways).expect("a place may say it anew");
    }
}

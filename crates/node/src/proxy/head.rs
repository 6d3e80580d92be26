//! Heads of requests and answers: what is refused, what ends at the proxy, and what it adds.

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Version};

use super::chance::Chance;
use super::peer::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    NoHost,
    Hosts,
    Host,
    Target,
    Length,
    Coding,
    Method,
}

impl Refused {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NoHost => "The request names no host.",
            Self::Hosts => "The request names several hosts.",
            Self::Host => "The host of the request is malformed.",
            Self::Target => "The target of the request is malformed.",
            Self::Length => "The length of the request is told in two ways.",
            Self::Coding => "The body of the request has a transfer coding other than chunked.",
            Self::Method => "This method is not served here.",
        }
    }
}

/// What the rules of HTTP leave no way to understand in one sense only is refused before anything
/// else is done with it.
pub(super) fn check(parts: &Parts, peer: &Peer) -> Result<(), Refused> {
    if parts.method == Method::CONNECT {
        return Err(Refused::Method);
    }
    if parts.version < Version::HTTP_2 {
        let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
        if let Some(coding) = codings.next() {
            if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err(Refused::Coding);
            }
            if peer.chunked_head_told_a_length() {
                return Err(Refused::Length);
            }
        }
    }
    let path = parts.uri.path().as_bytes();
    let is_whole_server = parts.method == Method::OPTIONS && path == b"*";
    if !path.starts_with(b"/") && !is_whole_server {
        return Err(Refused::Target);
    }
    if path.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control()) {
        return Err(Refused::Target);
    }
    Ok(())
}

/// The host that a request is for: that of its target if there is one, else of `Host`.
pub(super) fn host(parts: &Parts) -> Result<HeaderValue, Refused> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let given = hosts.next();
    if hosts.next().is_some() {
        return Err(Refused::Hosts);
    }
    if let Some(authority) = parts.uri.authority() {
        let is_other = given.is_some_and(|given| {
            parts.version >= Version::HTTP_2
                && !given.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
        });
        if is_other {
            return Err(Refused::Hosts);
        }
        let value = HeaderValue::from_str(authority.as_str()).map_err(|_| Refused::Host)?;
        return checked(value);
    }
    match given {
        Some(given) => checked(given.clone()),
        // The oldest clients know no hosts.
        None if parts.version == Version::HTTP_10 => Ok(HeaderValue::from_static("")),
        None => Err(Refused::NoHost),
    }
}

fn checked(host: HeaderValue) -> Result<HeaderValue, Refused> {
    let is_good = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
    };
    let name = name_of(&host);
    let is_empty = name.is_empty();
    if is_empty || !host.as_bytes().iter().all(is_good) { Err(Refused::Host) } else { Ok(host) }
}

/// A host without its port.
pub(super) fn name_of(host: &HeaderValue) -> &str {
    // It has been checked to be of plain letters, so it is text.
    let host = host.to_str().unwrap_or_default();
    if host.starts_with('[') {
        return host.find(']').map_or("", |end| &host[..=end]);
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).find_map(|pair| {
        let pair = pair.trim_ascii();
        let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value)
    })
}

/// What a request asks of the connection, which ends at the proxy.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The protocol to go on with.
    pub(super) upgrade: Option<HeaderValue>,
    /// Trailers are understood.
    pub(super) trailers: bool,
}

/// Takes from a request what is between the client and the proxy alone.
pub(super) fn take_hop_by_hop(headers: &mut HeaderMap, version: Version) -> Asked {
    let mut asked = Asked::default();
    let named = take_named(headers);
    if let Some(te) = headers.remove(header::TE) {
        asked.trailers = te
            .as_bytes()
            .split(|b| *b == b',')
            .any(|part| part.trim_ascii().eq_ignore_ascii_case(b"trailers"));
    }
    if let Some(upgrade) = headers.remove(header::UPGRADE) {
        let is_meant = named.upgrade && version == Version::HTTP_11;
        // An upgrade to HTTP/2 would be with the instance, past the proxy.
        let is_http = upgrade.as_bytes().to_ascii_lowercase().starts_with(b"h2");
        asked.upgrade = Some(upgrade).filter(|_| is_meant && !is_http);
        headers.remove(HTTP2_SETTINGS);
    }
    headers.remove(header::TRANSFER_ENCODING);
    take_lookalikes(headers);
    asked
}

/// Names that some instances read as if they had hyphens, and that are not a client's to say.
const LOOKALIKES: [&str; 7] = [
    "content-length",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-real-ip",
    "x-request-id",
];

fn take_lookalikes(headers: &mut HeaderMap) {
    let is_lookalike = |name: &&HeaderName| {
        let name = name.as_str();
        name.contains('_') && LOOKALIKES.contains(&&*name.replace('_', "-"))
    };
    let found: Vec<HeaderName> = headers.keys().filter(is_lookalike).cloned().collect();
    for name in found {
        headers.remove(name);
    }
}

/// Takes from an answer what is between the instance and the proxy alone.
pub(super) fn take_hop_by_hop_of_answer(headers: &mut HeaderMap) {
    take_named(headers);
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::UPGRADE);
}

#[derive(Default)]
struct Named {
    upgrade: bool,
}

/// Takes the headers that `Connection` names, and those that are meant so although it does not.
fn take_named(headers: &mut HeaderMap) -> Named {
    let mut named = Named::default();
    let mut others: Vec<HeaderName> = Vec::new();
    for line in headers.get_all(header::CONNECTION) {
        for token in line.as_bytes().split(|byte| *byte == b',') {
            let token = token.trim_ascii();
            if token.eq_ignore_ascii_case(b"close") || token.eq_ignore_ascii_case(b"keep-alive") {
            } else if token.eq_ignore_ascii_case(b"upgrade") {
                named.upgrade = true;
            } else if let Ok(name) = HeaderName::from_bytes(token) {
                // How long the message is and whom it is for are nobody's to take away.
                if !matches!(
                    name,
                    header::CONTENT_LENGTH | header::HOST | header::TE | header::UPGRADE
                ) {
                    others.push(name);
                }
            }
        }
    }
    headers.remove(header::CONNECTION);
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    for name in others {
        headers.remove(name);
    }
    named
}

/// Headers that an instance may be told on top of those of the client.
const ADDED: usize = 10;

/// Tells the instance whom the request comes from, and by which way. What a client says of others is
/// believed only of a trusted one.
pub(super) fn forward(headers: &mut HeaderMap, peer: &Peer, host: &HeaderValue, chance: &Chance) {
    // Grown once, not with every second header.
    headers.reserve(ADDED);
    if peer.trusted {
        let before = headers.get(X_FORWARDED_FOR).filter(|value| !value.is_empty());
        let all = before.and_then(|before| joined(before.as_bytes(), peer.ip.as_bytes()));
        headers.insert(X_FORWARDED_FOR, all.unwrap_or_else(|| peer.ip.clone()));
        headers.entry(X_FORWARDED_PROTO).or_insert_with(|| peer.scheme());
        headers.entry(X_FORWARDED_HOST).or_insert_with(|| host.clone());
        let own = peer.forwarded(host);
        let before = headers.get(header::FORWARDED).filter(|value| !value.is_empty());
        let all = before.and_then(|before| joined(before.as_bytes(), own.as_bytes()));
        headers.insert(header::FORWARDED, all.unwrap_or(own));
    } else {
        headers.insert(X_FORWARDED_FOR, peer.ip.clone());
        headers.insert(X_FORWARDED_PROTO, peer.scheme());
        headers.insert(X_FORWARDED_HOST, host.clone());
        headers.insert(header::FORWARDED, peer.forwarded(host));
        headers.remove(X_REAL_IP);
    }
    if !headers.get(TRACEPARENT).is_some_and(|value| is_traceparent(value.as_bytes())) {
        headers.remove("tracestate");
        headers.insert(TRACEPARENT, new_traceparent(chance));
    }
    if !headers.get(X_REQUEST_ID).is_some_and(|value| is_request_id(value.as_bytes())) {
        headers.insert(X_REQUEST_ID, new_request_id(chance));
    }
}

/// What names a request in the access log.
pub(super) fn request_id(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(X_REQUEST_ID)
}

/// Whether a trusted peer took the request over an encrypted connection.
pub(super) fn came_encrypted(headers: &HeaderMap, peer: &Peer) -> bool {
    peer.encrypted
        || peer.trusted
            && headers.get(X_FORWARDED_PROTO).is_some_and(|value| value.as_bytes() == b"https")
}

fn joined(before: &[u8], own: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&[before, b", ", own].concat()).ok()
}

/// Lower-case hexadecimal digits, hyphens where they have to be, and no id of zeros alone.
fn is_traceparent(value: &[u8]) -> bool {
    let is_hex =
        |part: &[u8]| part.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    let is_id = |part: &[u8]| is_hex(part) && part.iter().any(|byte| *byte != b'0');
    value.len() >= 55
        && value[2] == b'-'
        && value[35] == b'-'
        && value[52] == b'-'
        && is_hex(&value[..2])
        && &value[..2] != b"ff"
        && is_id(&value[3..35])
        && is_id(&value[36..52])
        && is_hex(&value[53..55])
        // Later versions may say more; the first one may not.
        && if &value[..2] == b"00" { value.len() == 55 } else { value.len() == 55 || value[55] == b'-' }
}

/// The longest name for a request that is kept.
const MAX_REQUEST_ID: usize = 128;

fn is_request_id(value: &[u8]) -> bool {
    let is_good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_REQUEST_ID).contains(&value.len()) && value.iter().all(is_good)
}

/// Marked as sampled: an instance that records without being told to goes on to do so.
fn new_traceparent(chance: &Chance) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    hex(chance.draw(), &mut text[3..19]);
    hex(chance.draw() | 1, &mut text[19..35]);
    hex(chance.draw() | 1, &mut text[36..52]);
    HeaderValue::from_bytes(&text).expect("hexadecimal digits can stand in a header")
}

fn new_request_id(chance: &Chance) -> HeaderValue {
    let mut text = [0; 32];
    hex(chance.draw(), &mut text[..16]);
    hex(chance.draw(), &mut text[16..]);
    HeaderValue::from_bytes(&text).expect("hexadecimal digits can stand in a header")
}

fn hex(number: u64, to: &mut [u8]) {
    for (at, digit) in to.iter_mut().rev().enumerate() {
        let value = usize::try_from((number >> (4 * at)) & 15).expect("it is below sixteen");
        *digit = b"0123456789abcdef"[value];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_continued_only_if_it_is_one() {
        let good = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        assert!(is_traceparent(&[b"01".as_slice(), &good[2..], b"-more"].concat()));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        ] {
            assert!(!is_traceparent(wrong.as_bytes()), "{wrong}");
        }
        assert!(is_traceparent(new_traceparent(&Chance::seeded(1)).as_bytes()));
        assert!(is_request_id(new_request_id(&Chance::seeded(1)).as_bytes()));
        assert!(!is_request_id(b"a b") && !is_request_id(&[b'a'; 129]));
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("aab=1; ab=2;b=3"));
        headers.append(header::COOKIE, HeaderValue::from_static("c=4=5"));
        assert_eq!(cookie(&headers, "ab"), Some(b"2".as_slice()));
        assert_eq!(cookie(&headers, "b"), Some(b"3".as_slice()));
        assert_eq!(cookie(&headers, "c"), Some(b"4=5".as_slice()));
        assert_eq!(cookie(&headers, "a"), None);
    }

    #[test]
    fn what_connection_names_ends_here_but_never_the_framing() {
        let mut headers = HeaderMap::new();
        headers.append(header::CONNECTION, HeaderValue::from_static("close, X-Secret"));
        headers.append(header::CONNECTION, HeaderValue::from_static("content-length, host"));
        for name in ["x-secret", "content-length", "host", "keep-alive", "proxy-connection", "te"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("trailers"));
        }
        let asked = take_hop_by_hop(&mut headers, Version::HTTP_11);
        assert!(asked.trailers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "host"]);
    }
}

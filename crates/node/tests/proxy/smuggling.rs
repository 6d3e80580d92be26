//! Requests that two readers could understand in two ways. Each is either refused and the
//! connection ended, or exactly one request, as it was meant by the rules, reaches the backend.

use std::io::Write as _;

use crate::stage::{Backend, Stage, ok};

/// A request that must never be seen by a backend.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Must {
    /// Refused, or understood as one request.
    NotSplit,
    BeRefused,
}
use Must::{BeRefused, NotSplit};

/// What it is, what is sent before the hidden request, and what has to come of it.
const CASES: &[(&str, &str, Must)] = &[
    // Two lengths.
    (
        "length and chunked",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked and length",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "length of the whole and chunked",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 39\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "length that is none and chunked",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "two lengths",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 33\r\n\r\n",
        BeRefused,
    ),
    (
        "two lengths the other way",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 33\r\ncontent-length: 0\r\n\r\n",
        BeRefused,
    ),
    ("a list of lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0, 33\r\n\r\n", BeRefused),
    (
        "a list of the same length",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 33, 33\r\n\r\n",
        NotSplit,
    ),
    ("a negative length", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n", BeRefused),
    ("a length with a plus", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +0\r\n\r\n", BeRefused),
    (
        "a hexadecimal length",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x21\r\n\r\n",
        BeRefused,
    ),
    (
        "a length with a point",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 33.0\r\n\r\n",
        BeRefused,
    ),
    (
        "a length with an exponent",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3e1\r\n\r\n",
        BeRefused,
    ),
    (
        "a length with a space in it",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3 3\r\n\r\n",
        BeRefused,
    ),
    (
        "a length that overflows",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 18446744073709551616\r\n\r\n",
        BeRefused,
    ),
    ("an empty length", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n", BeRefused),
    (
        "a length in quotes",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: \"33\"\r\n\r\n",
        BeRefused,
    ),
    (
        "a length with an underscore",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3_3\r\n\r\n",
        BeRefused,
    ),
    // Names that some read as the length or the coding.
    (
        "a space before the colon of the length",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length : 33\r\n\r\n",
        BeRefused,
    ),
    (
        "a tab before the colon of the length",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length\t: 33\r\n\r\n",
        BeRefused,
    ),
    (
        "a space before the colon of the coding",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a space before the name",
        "POST / HTTP/1.1\r\nhost: a\r\n content-length: 33\r\n\r\n",
        BeRefused,
    ),
    ("a first line that goes on", "POST / HTTP/1.1\r\n host: a\r\n\r\n", BeRefused),
    (
        "a value that goes on",
        "POST / HTTP/1.1\r\nhost: a\r\nx: y\r\n transfer-encoding: chunked\r\n\r\n",
        BeRefused,
    ),
    (
        "a coding that goes on",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a coding that goes on after a tab",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n\tchunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a name with a control character",
        "POST / HTTP/1.1\r\nhost: a\r\n\u{1}content-length: 33\r\n\r\n",
        BeRefused,
    ),
    ("a name with a null", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length\0: 33\r\n\r\n", BeRefused),
    ("a name in brackets", "POST / HTTP/1.1\r\nhost: a\r\ncontent(length): 33\r\n\r\n", BeRefused),
    ("a line without a colon", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length\r\n\r\n", BeRefused),
    ("a line without a name", "POST / HTTP/1.1\r\nhost: a\r\n: 33\r\n\r\n", BeRefused),
    (
        "an underscore for the hyphen",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer_encoding: chunked\r\ncontent-length: 33\r\n\r\n",
        NotSplit,
    ),
    // Codings.
    (
        "a coding that is none",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a coding with a comma",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: ,chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked before another",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "another before chunked",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "gzip before chunked",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "identity",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked twice in a line",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked in two lines",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked and a lie",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: cow\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a lie and chunked",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: cow\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked in quotes",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked with a parameter",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked after a vertical tab",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked before a null",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\0\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "an empty coding",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "chunked from an old client",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    // Chunks.
    (
        "a chunk size that is none",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nx\r\n\r\n",
        BeRefused,
    ),
    (
        "an empty chunk size",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a negative chunk size",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk size with a prefix",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk size with a plus",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk size after a space",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n 1\r\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk size that overflows",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk size with an underscore",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0_1\r\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk size that ends in a line feed",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk size that ends in a carriage return",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\ra\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk that is longer than it says",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk without its end",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk that ends in a line feed",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk extension with a line feed",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;a\n\r\na\r\n0\r\n\r\n",
        BeRefused,
    ),
    (
        "a chunk extension",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-type: a\r\ntransfer-encoding: chunked\r\n\r\n1;a=b\r\na\r\n0\r\n",
        NotSplit,
    ),
    // Ends of lines.
    (
        "a bare carriage return in a value",
        "POST / HTTP/1.1\r\nhost: a\r\nx: y\rcontent-length: 33\r\n\r\n",
        BeRefused,
    ),
    ("a bare carriage return in the first line", "POST / HTTP/1.1\rhost: a\r\n\r\n", BeRefused),
    ("a null in a value", "POST / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", BeRefused),
    ("a null in the target", "POST /\0 HTTP/1.1\r\nhost: a\r\n\r\n", BeRefused),
    // First lines.
    ("no version", "GET /\r\nhost: a\r\n\r\n", BeRefused),
    ("a version that is none", "GET / HTTP/1.2.3\r\nhost: a\r\n\r\n", BeRefused),
    ("another protocol", "GET / HTTPS/1.1\r\nhost: a\r\n\r\n", BeRefused),
    ("two spaces", "GET  / HTTP/1.1\r\nhost: a\r\n\r\n", BeRefused),
    ("a space in the target", "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", BeRefused),
    ("a tab for a space", "GET\t/\tHTTP/1.1\r\nhost: a\r\n\r\n", BeRefused),
    ("a method with a colon", "GE:T / HTTP/1.1\r\nhost: a\r\n\r\n", BeRefused),
    ("a target without a slash", "GET a HTTP/1.1\r\nhost: a\r\n\r\n", BeRefused),
    ("a tunnel", "CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", BeRefused),
    // Hosts.
    ("no host", "GET / HTTP/1.1\r\n\r\n", BeRefused),
    ("two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", BeRefused),
    ("an empty host", "GET / HTTP/1.1\r\nhost:\r\n\r\n", BeRefused),
    ("a host with a path", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", BeRefused),
    ("a host with a name of a user", "GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", BeRefused),
    ("a host with a comma", "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", BeRefused),
    ("a host with a space", "GET / HTTP/1.1\r\nhost: a b\r\n\r\n", BeRefused),
    // Who names the framing as its own business.
    (
        "connection names the length",
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: content-length\r\ncontent-length: 33\r\n\r\n",
        NotSplit,
    ),
    (
        "connection names the coding",
        "POST / HTTP/1.1\r\nhost: a\r\nconnection: transfer-encoding\r\ntransfer-encoding: chunked\r\n\r\n21\r\n",
        NotSplit,
    ),
    ("a body for a GET", "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 33\r\n\r\n", NotSplit),
    (
        "an upgrade with a body",
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 33\r\n\r\n",
        NotSplit,
    ),
    (
        "an upgrade to another HTTP",
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
        NotSplit,
    ),
];

#[test]
fn nothing_is_understood_in_two_ways() {
    assert_eq!(HIDDEN.len(), 33);
    assert!(CASES.len() >= 60);
    let mut wrong = Vec::new();
    for (what, request, must) in CASES {
        let backend =
            Backend::new(|asked, stream| stream.write_all(ok(asked.target()).as_bytes()).is_ok());
        let stage = Stage::before(&[backend.address]);
        let mut client = stage.client();
        client.say(format!("{request}{HIDDEN}"));
        client.end();
        let answer = client.try_answer();
        let status = answer.map_or(0, |answer| answer.status);
        let second = client.try_answer().map(|answer| answer.status);
        let asked = backend.asked();
        let was_refused =
            matches!(status, 0 | 400 | 405 | 413 | 414 | 431 | 501 | 505) && second.is_none();
        let hidden = asked.iter().any(|asked| asked.target() == "/hidden");
        // A chunked body that breaks off is noticed when the backend has seen its beginning.
        let is_good = match must {
            BeRefused => was_refused && !hidden,
            NotSplit => !hidden && asked.len() <= 1,
        };
        if !is_good {
            wrong.push(format!("{what}: {status} {second:?}, the backend saw {asked:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

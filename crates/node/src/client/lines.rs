//! Lines of JSON that come by and by.

use std::marker::PhantomData;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use ports::workloads::Unreachable;
use serde::de::DeserializeOwned;

/// The longest line: a second of ten thousand releases is shorter.
const MAX_LINE: usize = 64 << 20;

/// Values, a line each, as the node sends them.
#[derive(Debug)]
pub struct Lines<T> {
    body: Incoming,
    read: Vec<u8>,
    /// Where what was not given out yet begins.
    at: usize,
    value: PhantomData<T>,
}

impl<T> Lines<T> {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, read: Vec::new(), at: 0, value: PhantomData }
    }

    /// Whether the next value is here already.
    pub fn has_next(&self) -> bool {
        self.read[self.at..].contains(&b'\n')
    }
}

impl<T: DeserializeOwned> Lines<T> {
    /// The next value; none after the last.
    pub async fn next(&mut self) -> Result<Option<T>, Unreachable> {
        let mut looked = 0;
        loop {
            let rest = &self.read[self.at..];
            if let Some(end) = rest[looked..].iter().position(|byte| *byte == b'\n') {
                let line = &rest[..looked + end];
                let value = serde_json::from_slice(line).map_err(|error| {
                    Unreachable(format!("a line of its answer makes no sense: {error}"))
                })?;
                self.at += looked + end + 1;
                return Ok(Some(value));
            }
            looked = rest.len();
            if looked > MAX_LINE {
                return Err(Unreachable("a line of its answer has no end".to_owned()));
            }
            self.read.drain(..std::mem::take(&mut self.at));
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            let frame =
                frame.map_err(|error| Unreachable(format!("its answer is cut short: {error}")))?;
            if let Ok(data) = frame.into_data() {
                self.read.extend_from_slice(&data);
            }
        }
    }
}

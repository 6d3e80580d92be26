//! How much memory an evaluation takes, estimated as upstream does: whoever writes expressions must
//! not be able to fill the machine's.

use super::syntax_error::{MAX_DEPTH, utf16_len};
use super::value::Value;

/// What the evaluation of one expression may use, in bytes.
pub const EXPRESSION_MEMORY: usize = 1024 * 1024;

/// What the evaluation of text with expressions in it may use, in bytes.
pub const TEMPLATE_MEMORY: usize = 10 * 1024 * 1024;

const OBJECT: usize = 24;
const TEXT: usize = 26;
const POINTER: usize = 8;

/// There is not so much.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exceeded;

/// What the results of the parts of an expression take together. Those that lie deeper are gone as
/// soon as a part around them has come to something that does not hold on to them.
#[derive(Debug)]
pub(super) struct Memory {
    limit: usize,
    total: usize,
    by_depth: [usize; MAX_DEPTH],
    deepest: usize,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, total: 0, by_depth: [0; MAX_DEPTH], deepest: 0 }
    }

    /// Accounts for the result of a part at some depth.
    pub(super) fn hold(&mut self, depth: usize, result: &Value) -> Result<(), Exceeded> {
        if result.is_primitive() {
            for amount in self.by_depth.iter_mut().take(self.deepest + 1).skip(depth + 1) {
                self.total -= std::mem::take(amount);
            }
            self.deepest = self.deepest.min(depth);
        }
        self.deepest = self.deepest.max(depth);
        let size = size(result);
        self.by_depth[depth] += size;
        self.total += size;
        if self.total > self.limit { Err(Exceeded) } else { Ok(()) }
    }

    /// A counter for something that is being made.
    pub(super) fn counter(&self) -> Counter {
        Counter { left: self.limit }
    }
}

fn size(result: &Value) -> usize {
    match result {
        Value::String(text) => text_size(text),
        Value::Array(items) if items.is_filtered() => OBJECT + POINTER * items.len(),
        _ => OBJECT,
    }
}

fn text_size(text: &str) -> usize {
    TEXT + 2 * utf16_len(text)
}

/// What is left for text that is being put together.
#[derive(Debug)]
pub(super) struct Counter {
    left: usize,
}

impl Counter {
    pub(super) fn new(limit: usize) -> Self {
        Self { left: limit }
    }

    pub(super) fn add(&mut self, piece: &str) -> Result<(), Exceeded> {
        self.left = self.left.checked_sub(text_size(piece)).ok_or(Exceeded)?;
        Ok(())
    }
}

//! Judges a candidate version against its baseline while both serve: which bad events count, what
//! they prove, when enough is proven, and what a plan can prove before it starts.
//!
//! There is no second code of the judgement: a node runs it on each bad event, deciders run it on
//! what nodes report. Nothing here waits, reads a clock, draws chance or allocates on an event, and
//! what is added up is only added, multiplied and divided: the same events give the same evidence, bit
//! for bit, on every machine.
//!
//! - [`trial`]: one metric. Is the candidate worse than tolerated; is it surely not much worse?
//! - [`combined`]: several metrics, one verdict.
//! - [`counted`]: which bad events count where users stay on a version, or one cause makes many.
//! - [`histogram`]: latencies. [`slow`]: from which latency on an answer is a bad one.
//! - [`power`]: what a plan of steps can find, and how soon.

pub mod combined;
pub mod counted;
mod exact;
pub mod histogram;
pub mod power;
pub mod slow;
pub mod trial;

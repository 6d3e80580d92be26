//! The pure deciders: from a state, an input and the time to what is to become, to be recorded
//! and to be wanted. Nothing here reads a clock, draws a random number, waits or logs.

pub mod decision;
pub mod group;
pub mod pipeline;
pub mod rollout;

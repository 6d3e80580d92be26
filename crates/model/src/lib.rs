//! Nouns, typed ids, facts, persisted states and `highroad.yaml`.
pub mod fact;
pub mod id;
pub mod intent;
pub mod journal;
pub mod manifest;
pub mod message;
pub mod name;
pub mod persisted;
pub mod pipeline;
pub mod rollout;
pub mod route;
mod sentence;
pub mod shape;
pub mod source;
pub mod vault;
pub mod workload;
pub mod yaml;

//! Repositories on this machine: their working trees, what runs there, and what is remembered of it.

pub(crate) mod git;
pub(crate) mod line;
pub(crate) mod live;
pub(crate) mod past;
pub(crate) mod protections;
pub(crate) mod service;
pub(crate) mod snapshot;

//! Repositories on this machine: their working trees, and what is remembered of their runs.

pub(crate) mod git;
pub(crate) mod line;
pub(crate) mod past;

//! The port to what runs: instances of releases.

use std::fmt::Debug;

use model::intent::{Generation, Group, GroupHealth, Instances, Trip};
use model::name::Place;

use crate::BoxFuture;

/// Runs instances, told by desired state.
pub trait Workloads: Send + Sync + Debug {
    /// Takes over a desired state and returns once it is kept for good, not once it is reached.
    /// The same generation again is accepted if it says the same.
    fn ensure<'a>(
        &'a self,
        want: &'a Instances,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>>;

    /// The desired state that is kept for a group.
    fn kept<'a>(
        &'a self,
        group: &'a Group,
    ) -> BoxFuture<'a, Result<Option<Kept<u32>>, Unreachable>>;

    /// How the groups of a place fare now. Groups of which nothing is wanted need not be there.
    fn health<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Vec<GroupHealth>, Unreachable>>;
}

/// A desired state as the world keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<T> {
    pub generation: Generation,
    pub want: T,
}

/// Why a desired state was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("a newer desired state is in force, of generation {0}")]
    Older(Generation),
    #[error("{0}")]
    Refused(String),
    /// A candidate was cut off, and who says this does not know it.
    #[error(
        "{} was cut off at {} under generation {}: a later split has to acknowledge it",
        .0.candidate, .0.at, .0.generation
    )]
    Tripped(Box<Trip>),
    /// It may have been taken over or not.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

/// No answer, or none that can be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no answer: {0}")]
pub struct Unreachable(pub String);

//! The port to who gets which request.

use std::fmt::Debug;

use model::id::ReleaseId;
use model::intent::{Generation, Judgement, Split, Trip, Weights};
use model::name::Place;
use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::workloads::{Kept, Rejection, Unreachable};

/// Splits a place's traffic between releases, told by desired state.
pub trait Traffic: Send + Sync + Debug {
    /// Takes over a split and returns once new requests follow it.
    /// The same generation again is accepted if it says the same.
    fn steer<'a>(
        &'a self,
        want: &'a Weights,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>>;

    /// The split that is in force.
    fn kept<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Kept<Split>>, Unreachable>>;

    /// The candidate that was cut off under the split that is kept. Its share goes to the others
    /// until a later split acknowledges it.
    fn trip<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Option<Trip>, Unreachable>>;

    /// What the requests prove of the candidate that the split's tripwire watches. Evidence is
    /// gathered across splits that watch the same pair by the same terms.
    fn judgement<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Judgement>, Unreachable>>;

    /// What each release has answered since it was first given traffic.
    fn counts<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Vec<Counts>, Unreachable>>;
}

/// How many requests a release answered, and how many of them badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub release: ReleaseId,
    pub requests: u64,
    pub bad: u64,
}

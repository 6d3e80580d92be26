//! The port to what releases are: how the instances of one run in a place.

use std::fmt::Debug;

use model::intent::Group;
use model::workload::Workload;

use crate::BoxFuture;
use crate::workloads::Rejection;

/// Knows each release as it was cut. Secrets are put in here, on the way to who runs it.
pub trait Releases: Send + Sync + Debug {
    /// How its instances run in a place; refused where there is no such release.
    fn workload<'a>(&'a self, group: &'a Group) -> BoxFuture<'a, Result<Workload, Rejection>>;
}

//! Who stands behind a port where nobody does: every question stays unanswered.

use model::id::JobId;
use model::intent::{Generation, Group, GroupHealth, Instances, Judgement, Split, Trip, Weights};
use model::name::Place;
use model::pipeline::{JobReport, Order};
use model::workload::Workload;

use crate::BoxFuture;
use crate::jobs::Jobs;
use crate::releases::Releases;
use crate::traffic::{Counts, Traffic};
use crate::workloads::{Kept, Rejection, Unreachable, Workloads};

/// For a program that has no runner, or no node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Jobs for Nobody {
    fn work<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<JobReport, Unreachable>> {
        unanswered("there is no runner")
    }

    fn halt(&self, _: JobId) -> BoxFuture<'_, Result<JobReport, Unreachable>> {
        unanswered("there is no runner")
    }
}

impl Workloads for Nobody {
    fn ensure<'a>(
        &'a self,
        _: &'a Instances,
        _: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        unanswered(NO_NODE)
    }

    fn kept<'a>(&'a self, _: &'a Group) -> BoxFuture<'a, Result<Option<Kept<u32>>, Unreachable>> {
        unanswered(NO_NODE)
    }

    fn health<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Vec<GroupHealth>, Unreachable>> {
        unanswered(NO_NODE)
    }
}

impl Traffic for Nobody {
    fn steer<'a>(&'a self, _: &'a Weights, _: Generation) -> BoxFuture<'a, Result<(), Rejection>> {
        unanswered(NO_NODE)
    }

    fn kept<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Option<Kept<Split>>, Unreachable>> {
        unanswered(NO_NODE)
    }

    fn trip<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Option<Trip>, Unreachable>> {
        unanswered(NO_NODE)
    }

    fn judgement<'a>(
        &'a self,
        _: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Judgement>, Unreachable>> {
        unanswered(NO_NODE)
    }

    fn counts<'a>(&'a self, _: &'a Place) -> BoxFuture<'a, Result<Vec<Counts>, Unreachable>> {
        unanswered(NO_NODE)
    }
}

impl Releases for Nobody {
    fn workload<'a>(&'a self, _: &'a Group) -> BoxFuture<'a, Result<Workload, Rejection>> {
        unanswered("nobody knows a release")
    }
}

const NO_NODE: &str = "there is no node";

fn unanswered<'a, T, E>(why: &str) -> BoxFuture<'a, Result<T, E>>
where
    T: Send + 'a,
    E: From<Unreachable> + Send + 'a,
{
    let error = Unreachable(why.to_owned());
    Box::pin(async { Err(error.into()) })
}

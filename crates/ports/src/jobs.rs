//! The port to who executes jobs.

use std::fmt::Debug;

use model::id::JobId;
use model::pipeline::{JobReport, Order};

use crate::BoxFuture;
use crate::workloads::Unreachable;

/// Executes jobs, each at most once.
///
/// Both calls wait as long as the job takes. Dropping a call's future changes nothing for the job;
/// the same call again waits for the same report.
pub trait Jobs: Send + Sync + Debug {
    /// Takes an order, and answers once the job is over. A job that began and cannot be found any
    /// more is reported as lost: it is not begun again.
    fn work<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<JobReport, Unreachable>>;

    /// Ends a job and answers once it is over. One that was never begun is over at once, and an
    /// order for it that comes later is not executed.
    fn halt(&self, job: JobId) -> BoxFuture<'_, Result<JobReport, Unreachable>>;
}

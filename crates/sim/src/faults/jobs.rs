//! Runners behind a bad line: orders and answers are lost, late, or arrive twice.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use model::id::JobId;
use model::pipeline::{JobReport, Order};
use ports::BoxFuture;
use ports::clock::Clock;
use ports::fake::FakeJobs;
use ports::jobs::Jobs;
use ports::workloads::Unreachable;

use super::{Faults, ServerNumber};

/// One server's line to the runners.
#[derive(Debug)]
pub struct FaultyJobs {
    pub server: ServerNumber,
    pub inner: Arc<FakeJobs>,
    pub faults: Arc<Faults>,
    /// Copies of calls that the line still holds, and when it lets go of them.
    pub late: Mutex<Vec<(Timestamp, Call)>>,
}

#[derive(Debug, Clone)]
pub enum Call {
    Work(Box<Order>),
    Halt(JobId),
}

impl FaultyJobs {
    async fn call(&self, call: Call) -> Result<JobReport, Unreachable> {
        const LATE: SignedDuration = SignedDuration::from_mins(10);
        self.faults.crash_point(self.server).await;
        self.deliver_late_calls();
        if self.faults.one_in(12) {
            return Err(Unreachable("it was lost on the way there".to_owned()));
        }
        self.faults.dawdle(SignedDuration::from_secs(8)).await;
        if self.faults.one_in(12) {
            let when = self.faults.clock.now() + LATE;
            let mut late = self.late.lock().expect("nothing panics while it holds the line");
            late.push((when, call.clone()));
        }
        let report = self.pass_on(&call).await;
        self.faults.crash_point(self.server).await;
        if self.faults.one_in(12) {
            return Err(Unreachable("the answer was lost".to_owned()));
        }
        self.faults.dawdle(SignedDuration::from_mins(2)).await;
        report
    }

    /// Second copies arrive long after the first, when the job may be over.
    fn deliver_late_calls(&self) {
        let now = self.faults.clock.now();
        let mut late = self.late.lock().expect("nothing panics while it holds the line");
        for (_, call) in late.extract_if(.., |(at, _)| *at <= now) {
            // It arrives, and nobody waits for what comes of it.
            drop(self.pass_on(&call).now_or_never());
        }
    }

    async fn pass_on(&self, call: &Call) -> Result<JobReport, Unreachable> {
        match call {
            Call::Work(order) => self.inner.work(order).await,
            Call::Halt(job) => self.inner.halt(*job).await,
        }
    }
}

impl Jobs for FaultyJobs {
    fn work<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<JobReport, Unreachable>> {
        Box::pin(self.call(Call::Work(Box::new(order.clone()))))
    }

    fn halt(&self, job: JobId) -> BoxFuture<'_, Result<JobReport, Unreachable>> {
        Box::pin(self.call(Call::Halt(job)))
    }
}

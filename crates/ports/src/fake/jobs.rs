//! A runner in memory: jobs take as long, and end, as each one's nature says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use model::id::{JobId, RunId};
use model::pipeline::{Ending, JobReport, Order};

use crate::BoxFuture;
use crate::clock::Clock;
use crate::jobs::Jobs;
use crate::workloads::Unreachable;

/// Executes each job once, and remembers what came of it.
#[derive(Debug)]
pub struct FakeJobs {
    clock: Arc<dyn Clock>,
    world: Mutex<World>,
}

/// How the jobs of one name behave. By default they succeed at once.
#[derive(Debug, Clone)]
pub struct JobNature {
    pub takes: SignedDuration,
    /// The endings of its attempts in turn; the last one is that of all further ones.
    pub endings: Vec<Ending>,
    pub outputs: Vec<(String, String)>,
    /// How long it still takes once it is told to end.
    pub lingers: SignedDuration,
}

impl Default for JobNature {
    fn default() -> Self {
        Self {
            takes: SignedDuration::ZERO,
            endings: vec![Ending::Success],
            outputs: Vec::new(),
            lingers: SignedDuration::ZERO,
        }
    }
}

/// A job that was begun, and how it ended or will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub run: RunId,
    pub name: String,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub ending: Ending,
}

#[derive(Debug, Default)]
struct World {
    natures: BTreeMap<String, JobNature>,
    /// Those too that were told to end before they were begun.
    jobs: BTreeMap<JobId, Known>,
    /// In the order in which they were, several in one moment too.
    begun: Vec<(JobId, RunId, String)>,
    /// How many attempts each name has had.
    attempts: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Known {
    report: JobReport,
    lingers: SignedDuration,
}

impl FakeJobs {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, world: Mutex::default() }
    }

    pub fn set_nature(&self, name: impl Into<String>, nature: JobNature) {
        self.world().natures.insert(name.into(), nature);
    }

    /// All that was begun, in the order in which it was.
    pub fn executions(&self) -> Vec<Execution> {
        let world = self.world();
        let execution = |(job, run, name): &(JobId, RunId, String)| {
            let JobReport { started_at, ended_at, ref ending, .. } = world.jobs[job].report;
            let (run, name, ending) = (*run, name.clone(), ending.clone());
            Execution { run, name, started_at, ended_at, ending }
        };
        world.begun.iter().map(execution).collect()
    }

    fn begin(&self, order: &Order) {
        let now = self.clock.now();
        let mut world = self.world();
        if world.jobs.contains_key(&order.job) {
            return;
        }
        let nature = world.natures.get(&order.name).cloned().unwrap_or_default();
        let attempts = world.attempts.entry(order.name.clone()).or_default();
        let ending = nature.endings.get(*attempts).or(nature.endings.last()).cloned();
        *attempts += 1;
        let ending = ending.unwrap_or(Ending::Success);
        let outputs = if ending == Ending::Success { nature.outputs } else { Vec::new() };
        let report = JobReport { outputs, ..report(ending, now, now + nature.takes) };
        world.jobs.insert(order.job, Known { report, lingers: nature.lingers });
        world.begun.push((order.job, order.run, order.name.clone()));
    }

    fn end(&self, job: JobId) {
        let now = self.clock.now();
        let mut world = self.world();
        let known = world.jobs.entry(job).or_insert_with(|| Known {
            report: report(Ending::Cancelled, now, now),
            lingers: SignedDuration::ZERO,
        });
        if known.report.ended_at > now + known.lingers {
            let ended_at = now + known.lingers;
            known.report = report(Ending::Cancelled, known.report.started_at, ended_at);
        }
    }

    /// Waits until a job is over that is known.
    async fn report(&self, job: JobId) -> JobReport {
        loop {
            let report = self.world().jobs[&job].report.clone();
            if report.ended_at <= self.clock.now() {
                return report;
            }
            self.clock.sleep_until(report.ended_at).await;
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nothing panics while it holds the world")
    }
}

impl Jobs for FakeJobs {
    fn work<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<JobReport, Unreachable>> {
        Box::pin(async {
            self.begin(order);
            Ok(self.report(order.job).await)
        })
    }

    fn halt(&self, job: JobId) -> BoxFuture<'_, Result<JobReport, Unreachable>> {
        Box::pin(async move {
            self.end(job);
            Ok(self.report(job).await)
        })
    }
}

fn report(ending: Ending, started_at: Timestamp, ended_at: Timestamp) -> JobReport {
    JobReport {
        ending,
        started_at,
        ended_at,
        runner: "fake".to_owned(),
        outputs: Vec::new(),
        environment_url: None,
        steps: Vec::new(),
        annotations: Vec::new(),
    }
}

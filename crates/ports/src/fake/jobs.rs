//! A runner in memory: jobs take as long, and end, as each one's nature says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use model::id::JobId;
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
}

impl Default for JobNature {
    fn default() -> Self {
        let endings = vec![Ending::Success];
        Self { takes: SignedDuration::ZERO, endings, outputs: Vec::new() }
    }
}

#[derive(Debug, Default)]
struct World {
    natures: BTreeMap<String, JobNature>,
    jobs: BTreeMap<JobId, Begun>,
    /// How many attempts each name has had.
    attempts: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Begun {
    report: JobReport,
    name: String,
}

impl FakeJobs {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, world: Mutex::default() }
    }

    pub fn set_nature(&self, name: impl Into<String>, nature: JobNature) {
        self.world().natures.insert(name.into(), nature);
    }

    /// The names of all that was begun, with how often.
    pub fn attempts(&self) -> BTreeMap<String, usize> {
        self.world().attempts.clone()
    }

    /// The names of the jobs that are under way at a time.
    pub fn under_way(&self, at: Timestamp) -> Vec<String> {
        let world = self.world();
        let jobs = world.jobs.values();
        let going = jobs.filter(|job| job.report.started_at <= at && at < job.report.ended_at);
        going.map(|job| job.name.clone()).collect()
    }

    /// When the job is over, by what its nature says.
    fn begin(&self, order: &Order) -> Timestamp {
        let now = self.clock.now();
        let mut world = self.world();
        if let Some(begun) = world.jobs.get(&order.job) {
            return begun.report.ended_at;
        }
        let nature = world.natures.get(&order.name).cloned().unwrap_or_default();
        let attempts = world.attempts.entry(order.name.clone()).or_default();
        let ending = nature.endings.get(*attempts).or(nature.endings.last()).cloned();
        *attempts += 1;
        let ending = ending.unwrap_or(Ending::Success);
        let outputs = if ending == Ending::Success { nature.outputs } else { Vec::new() };
        let report = JobReport { outputs, ..report(ending, now, now + nature.takes) };
        let ended_at = report.ended_at;
        world.jobs.insert(order.job, Begun { report, name: order.name.clone() });
        ended_at
    }

    /// The report, once it is there; else when it will be.
    fn look(&self, job: JobId) -> Result<JobReport, Timestamp> {
        let now = self.clock.now();
        let world = self.world();
        match world.jobs.get(&job) {
            Some(begun) if begun.report.ended_at > now => Err(begun.report.ended_at),
            Some(begun) => Ok(begun.report.clone()),
            None => Ok(report(Ending::Cancelled, now, now)),
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Jobs for FakeJobs {
    fn work<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<JobReport, Unreachable>> {
        Box::pin(async move {
            let mut until = self.begin(order);
            loop {
                self.clock.sleep_until(until).await;
                match self.look(order.job) {
                    Ok(report) => return Ok(report),
                    Err(later) => until = later,
                }
            }
        })
    }

    fn halt(&self, job: JobId) -> BoxFuture<'_, Result<JobReport, Unreachable>> {
        let now = self.clock.now();
        let mut world = self.world();
        let begun = world.jobs.entry(job).or_insert_with(|| Begun {
            report: report(Ending::Cancelled, now, now),
            name: String::new(),
        });
        if begun.report.ended_at > now {
            begun.report = report(Ending::Cancelled, begun.report.started_at, now);
        }
        let report = begun.report.clone();
        Box::pin(async { Ok(report) })
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

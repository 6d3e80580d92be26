//! The hands: carry an intent to the port that it concerns, and look whether it is so.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use model::intent::{Generation, Intent, Share, Survey};
use model::name::Place;
use model::pipeline::JobReport;
use ports::clock::Clock;
use ports::jobs::Jobs;
use ports::nobody::Nobody;
use ports::traffic::Traffic;
use ports::workloads::{Kept, Rejection, Unreachable, Workloads};

/// The ports through which intents become so.
#[derive(Debug, Clone)]
pub struct Hands {
    pub workloads: Arc<dyn Workloads>,
    pub traffic: Arc<dyn Traffic>,
    pub jobs: Arc<dyn Jobs>,
}

/// What came of carrying an intent out.
#[derive(Debug)]
pub(crate) enum Performed {
    Done(Option<Survey>),
    Worked(Box<JobReport>),
    Refused(String),
    /// The world has seen a newer generation.
    Older(Generation),
    Unreachable(String),
}

/// What was found on looking whether an intent is so.
#[derive(Debug)]
pub(crate) enum Looked {
    So,
    /// With what is there instead, and the newest generation that the world has seen.
    NotSo {
        seen: String,
        newest: Generation,
    },
    Unreachable(String),
}

impl Default for Hands {
    fn default() -> Self {
        Self { workloads: Arc::new(Nobody), traffic: Arc::new(Nobody), jobs: Arc::new(Nobody) }
    }
}

impl Hands {
    /// Carries an intent out, and does not wait for the answer longer than it may take.
    pub(crate) async fn perform(
        &self,
        intent: &Intent,
        generation: Generation,
        limit: Limit<'_>,
    ) -> Performed {
        let performed = async {
            match intent {
                Intent::Work(order) => worked(self.jobs.work(order).await),
                Intent::Halt(job) => worked(self.jobs.halt(*job).await),
                Intent::Tell(_) => unreachable!("what processes say stays on the desk"),
                Intent::Run(want) => done(self.workloads.ensure(want, generation).await),
                Intent::Steer(want) => done(self.traffic.steer(want, generation).await),
                // A look that brings nothing has no other meaning than that.
                Intent::Survey(place) => match self.survey(place).await {
                    Ok(survey) => Performed::Done(Some(survey)),
                    Err(error) => Performed::Refused(error.to_string()),
                },
            }
        };
        // A job takes as long as it takes; its own time-out is the runner's business.
        if let Intent::Work(_) | Intent::Halt(_) = intent {
            return performed.await;
        }
        match (limit.within(performed).await, intent) {
            (Some(performed), _) => performed,
            (None, Intent::Survey(_)) => Performed::Refused(limit.told()),
            (None, _) => Performed::Unreachable(limit.told()),
        }
    }

    /// Looks whether an intent is so.
    pub(crate) async fn look(
        &self,
        intent: &Intent,
        generation: Generation,
        limit: Limit<'_>,
    ) -> Looked {
        let looked = async {
            match intent {
                Intent::Run(want) => {
                    let kept = self.workloads.kept(&want.group).await;
                    compare(kept, generation, &want.count, |count| format!("{count} instances"))
                }
                Intent::Steer(want) => {
                    let kept = self.traffic.kept(&want.place).await;
                    compare(kept, generation, &want.split, |kept| split(&kept.shares))
                }
                // Asking again joins what may be under way, and a word said twice counts once.
                Intent::Survey(_) | Intent::Work(_) | Intent::Halt(_) | Intent::Tell(_) => {
                    Looked::NotSo { seen: "not asked yet".to_owned(), newest: Generation(0) }
                }
            }
        };
        limit.within(looked).await.unwrap_or_else(|| Looked::Unreachable(limit.told()))
    }

    async fn survey(&self, place: &Place) -> Result<Survey, Unreachable> {
        let mut groups = self.workloads.health(place).await?;
        for counts in self.traffic.counts(place).await? {
            for group in groups.iter_mut().filter(|group| group.release == counts.release) {
                (group.requests, group.bad) = (counts.requests, counts.bad);
            }
        }
        let kept = self.traffic.kept(place).await?;
        let shares = kept.map(|kept| kept.want.shares).unwrap_or_default();
        let trip = self.traffic.trip(place).await?.map(Box::new);
        let judgement = self.traffic.judgement(place).await?.map(Box::new);
        Ok(Survey { groups, shares, trip, judgement })
    }
}

/// How long an answer may take, by which clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) asked_at: Timestamp,
    pub(crate) within: SignedDuration,
}

impl Limit<'_> {
    async fn within<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        let mut over = None;
        std::future::poll_fn(|context| {
            if let std::task::Poll::Ready(value) = answer.as_mut().poll(context) {
                return std::task::Poll::Ready(Some(value));
            }
            // The clock is asked to wait only for an answer that is not there at once.
            let end = self.asked_at + self.within;
            let over = over.get_or_insert_with(|| self.clock.sleep_until(end));
            over.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    fn told(&self) -> String {
        format!("no answer within {:#}", self.within)
    }
}

fn done(answer: Result<(), Rejection>) -> Performed {
    match answer {
        Ok(()) => Performed::Done(None),
        Err(Rejection::Older(newest)) => Performed::Older(newest),
        Err(Rejection::Refused(why)) => Performed::Refused(why),
        Err(tripped @ Rejection::Tripped(_)) => Performed::Refused(tripped.to_string()),
        Err(Rejection::Unreachable(error)) => Performed::Unreachable(error.to_string()),
    }
}

fn worked(answer: Result<JobReport, Unreachable>) -> Performed {
    match answer {
        Ok(report) => Performed::Worked(Box::new(report)),
        Err(error) => Performed::Unreachable(error.to_string()),
    }
}

fn compare<T: PartialEq>(
    kept: Result<Option<Kept<T>>, Unreachable>,
    generation: Generation,
    want: &T,
    told: impl Fn(&T) -> String,
) -> Looked {
    match kept {
        Err(error) => Looked::Unreachable(error.to_string()),
        Ok(None) => Looked::NotSo { seen: "nothing".to_owned(), newest: Generation(0) },
        Ok(Some(kept)) if kept.generation == generation && kept.want == *want => Looked::So,
        Ok(Some(kept)) => Looked::NotSo { seen: told(&kept.want), newest: kept.generation },
    }
}

fn split(shares: &[Share]) -> String {
    let told = shares.iter().map(|share| format!("{} to {}", share.weight, share.release));
    told.collect::<Vec<_>>().join(", ")
}

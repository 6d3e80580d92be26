//! What can go wrong between the conductor and the rest of the world, drawn from a seed.

mod jobs;

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use model::id::{AnyId, CommandId};
use model::intent::{
    Generation, Group, GroupHealth, Instances, Judgement, Split, Target, Trip, Weights,
};
use model::journal::{Entry, Head};
use model::name::Place;
use ports::BoxFuture;
use ports::clock::Clock;
use ports::fake::{FakeNode, Seeded};
use ports::memory::MemoryStore;
use ports::store::{
    Audit, Claim, Claimed, Commit, CommitError, Committed, Query, Standing, Store, StoreError,
    StoreErrorKind, Stored,
};
use ports::traffic::{Counts, Traffic};
use ports::workloads::{Kept, Rejection, Unreachable, Workloads};

use crate::clock::SimClock;
use crate::watch::Watch;

pub use jobs::FaultyJobs;

/// Whether, where and how often things go wrong.
#[derive(Debug)]
pub struct Faults {
    clock: SimClock,
    luck: Option<Seeded>,
    /// Crash when as many crash points have been passed.
    crash_at: Option<u64>,
    passed: AtomicU64,
    crashes_left: AtomicU64,
    crashed: Mutex<BTreeSet<ServerNumber>>,
}

/// Which of a world's servers.
pub type ServerNumber = usize;

impl Faults {
    /// A world in which everything works.
    pub fn none(clock: SimClock) -> Self {
        Self {
            clock,
            luck: None,
            crash_at: None,
            passed: AtomicU64::new(0),
            crashes_left: AtomicU64::new(0),
            crashed: Mutex::default(),
        }
    }

    /// Everything that can go wrong does now and then, and servers crash so many times.
    pub fn drawn(clock: SimClock, seed: u64, crashes: u64) -> Self {
        Self { luck: Some(Seeded::new(seed)), crashes_left: crashes.into(), ..Self::none(clock) }
    }

    /// Nothing goes wrong but one crash, at exactly this point.
    pub fn crash_at(clock: SimClock, point: u64) -> Self {
        Self { crash_at: Some(point), crashes_left: 1.into(), ..Self::none(clock) }
    }

    /// How many points have been passed at which a server could have crashed.
    pub fn points(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Takes note that a server has crashed; told once for each crash.
    pub fn take_crash(&self) -> Option<ServerNumber> {
        self.crashed().pop_first()
    }

    /// A server is killed from outside, between two of its steps.
    pub fn crash_now(&self, server: ServerNumber) {
        self.crashed().insert(server);
    }

    fn crashed(&self) -> MutexGuard<'_, BTreeSet<ServerNumber>> {
        self.crashed.lock().expect("nothing panics while it notes a crash")
    }

    /// A point at which a server may crash: then nothing after it happens there any more.
    async fn crash_point(&self, server: ServerNumber) {
        let point = self.passed.fetch_add(1, Ordering::Relaxed);
        let by_luck = self.luck.as_ref().is_some_and(|luck| luck.one_in(24));
        if (self.crash_at == Some(point) || by_luck)
            && self.crashes_left.load(Ordering::Relaxed) > 0
        {
            self.crashes_left.fetch_sub(1, Ordering::Relaxed);
            self.crash_now(server);
            pending::<()>().await;
        }
    }

    fn one_in(&self, times: u64) -> bool {
        self.luck.as_ref().is_some_and(|luck| luck.one_in(times))
    }

    /// Now and then something takes a while, sometimes longer than anybody waits.
    async fn dawdle(&self, longest: SignedDuration) {
        if let Some(luck) = self.luck.as_ref().filter(|luck| luck.one_in(10)) {
            let millis = luck.below(u64::try_from(longest.as_millis()).unwrap_or(0) + 1);
            let millis = i64::try_from(millis).unwrap_or(0);
            self.clock.sleep_until(self.clock.now() + SignedDuration::from_millis(millis)).await;
        }
    }
}

/// A store that is slow, refuses, forgets to answer, and around which the server crashes.
#[derive(Debug)]
pub struct FaultyStore {
    pub server: ServerNumber,
    pub inner: Arc<MemoryStore>,
    pub faults: Arc<Faults>,
    pub watch: Arc<Watch>,
}

impl FaultyStore {
    fn refuse(&self) -> Result<(), StoreError> {
        if self.faults.one_in(40) {
            return Err(StoreError::new(StoreErrorKind::Failed, "the store does not feel like it"));
        }
        Ok(())
    }
}

impl Store for FaultyStore {
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            self.faults.crash_point(self.server).await;
            self.faults.dawdle(SignedDuration::from_secs(2)).await;
            self.refuse()?;
            let change = commit.change.clone();
            let committed = self.inner.commit(commit).await?;
            self.watch.committed(change.as_ref());
            // Committed, and nobody may ever hear of it.
            self.faults.crash_point(self.server).await;
            self.refuse()?;
            Ok(committed)
        })
    }

    fn load(&self, process: AnyId) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        Box::pin(async move {
            self.refuse()?;
            self.inner.load(process).await
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, StoreError>> {
        Box::pin(async move {
            self.faults.dawdle(SignedDuration::from_secs(2)).await;
            self.refuse()?;
            let claimed = self.inner.claim(claim).await;
            self.faults.crash_point(self.server).await;
            claimed
        })
    }

    fn audit(&self, audit: Audit) -> BoxFuture<'_, Result<Vec<Standing>, StoreError>> {
        self.inner.audit(audit)
    }

    fn raise(
        &self,
        target: Target,
        from: Generation,
        above: Generation,
    ) -> BoxFuture<'_, Result<Option<Generation>, StoreError>> {
        Box::pin(async move {
            let raised = self.inner.raise(target, from, above).await;
            self.faults.crash_point(self.server).await;
            raised
        })
    }

    fn reply_to(&self, command: CommandId) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        self.inner.reply_to(command)
    }

    fn entries(&self, query: Query) -> BoxFuture<'_, Result<Vec<Entry>, StoreError>> {
        self.inner.entries(query)
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>> {
        self.inner.head()
    }
}

/// A node behind a bad line: calls are lost on the way there or back, late, or arrive twice.
#[derive(Debug)]
pub struct FaultyNode {
    pub server: ServerNumber,
    pub inner: Arc<FakeNode>,
    pub faults: Arc<Faults>,
    pub watch: Arc<Watch>,
    /// Copies of calls that the line still holds, and when it lets go of them.
    pub late: Mutex<Vec<(Timestamp, Call, Generation)>>,
}

/// A call that changes something.
#[derive(Debug, Clone)]
pub enum Call {
    Ensure(Instances),
    Steer(Weights),
}

impl FaultyNode {
    async fn call(&self, call: Call, generation: Generation) -> Result<(), Rejection> {
        self.faults.crash_point(self.server).await;
        self.deliver_late_calls().await;
        if self.faults.one_in(12) {
            return lost().await;
        }
        self.faults.dawdle(SignedDuration::from_secs(8)).await;
        let answer = self.pass_on(&call, generation).await;
        if self.faults.one_in(12) {
            let when = self.faults.clock.now() + SignedDuration::from_secs(30);
            let mut late = self.late.lock().expect("nothing panics while it holds the line");
            late.push((when, call, generation));
        }
        self.faults.crash_point(self.server).await;
        if self.faults.one_in(12) {
            return lost().await;
        }
        self.faults.dawdle(SignedDuration::from_secs(8)).await;
        answer
    }

    /// Second copies arrive long after the first, when something newer may be in force.
    async fn deliver_late_calls(&self) {
        let now = self.faults.clock.now();
        let due: Vec<_> = {
            let mut late = self.late.lock().expect("nothing panics while it holds the line");
            late.extract_if(.., |(at, _, _)| *at <= now).collect()
        };
        for (_, call, generation) in due {
            // Whoever sent it has long had an answer, or has given up.
            drop(self.pass_on(&call, generation).await);
        }
    }

    async fn pass_on(&self, call: &Call, generation: Generation) -> Result<(), Rejection> {
        match call {
            Call::Ensure(want) => self.inner.ensure(want, generation).await,
            Call::Steer(want) => {
                let answer = self.inner.steer(want, generation).await;
                self.watch.steered(&want.place, &self.inner);
                answer
            }
        }
    }

    async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, Unreachable>>,
    ) -> Result<T, Unreachable> {
        if self.faults.one_in(15) {
            return Err(Unreachable("the line is dead".to_owned()));
        }
        let answer = answer.await;
        self.faults.dawdle(SignedDuration::from_secs(8)).await;
        answer
    }
}

impl Workloads for FaultyNode {
    fn ensure<'a>(
        &'a self,
        want: &'a Instances,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        Box::pin(self.call(Call::Ensure(want.clone()), generation))
    }

    fn kept<'a>(
        &'a self,
        group: &'a Group,
    ) -> BoxFuture<'a, Result<Option<Kept<u32>>, Unreachable>> {
        Box::pin(self.ask(Workloads::kept(&*self.inner, group)))
    }

    fn health<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Vec<GroupHealth>, Unreachable>> {
        Box::pin(self.ask(self.inner.health(place)))
    }
}

impl Traffic for FaultyNode {
    fn steer<'a>(
        &'a self,
        want: &'a Weights,
        generation: Generation,
    ) -> BoxFuture<'a, Result<(), Rejection>> {
        Box::pin(self.call(Call::Steer(want.clone()), generation))
    }

    fn kept<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Kept<Split>>, Unreachable>> {
        Box::pin(self.ask(Traffic::kept(&*self.inner, place)))
    }

    fn trip<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Option<Trip>, Unreachable>> {
        Box::pin(self.ask(self.inner.trip(place)))
    }

    fn judgement<'a>(
        &'a self,
        place: &'a Place,
    ) -> BoxFuture<'a, Result<Option<Judgement>, Unreachable>> {
        Box::pin(self.ask(self.inner.judgement(place)))
    }

    fn counts<'a>(&'a self, place: &'a Place) -> BoxFuture<'a, Result<Vec<Counts>, Unreachable>> {
        Box::pin(self.ask(self.inner.counts(place)))
    }
}

/// No answer comes; whoever waits gives up by the clock.
async fn lost() -> Result<(), Rejection> {
    pending().await
}

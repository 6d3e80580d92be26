//! The desk: which processes are being attended to, what waits for them, and what is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use engine::decision::Answered;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use model::fact::{Actor, Cause, DriftFound, DriftMended, Fact, What};
use model::id::AnyId;
use model::intent::{Generation, Outcome, Target};
use model::journal::Sealed;
use model::name::Scope;
use ports::BoxFuture;
use ports::store::{Audit, Claim, Claimed, Commit, Open, Standing, Status, StoreError};

use crate::conductor::Shared;
use crate::handle::Letter;
use crate::hands::{Limit, Looked, Performed};
use crate::turn::{Job, Memory, Turned, turn};

/// Everything that the loop has under way. It can be dropped at any time: the store has it all.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    attended: BTreeMap<AnyId, Attended>,
    /// When processes that are held here want to be woken. The others are in the store.
    wakes: BTreeSet<(Timestamp, AnyId)>,
    work: FuturesUnordered<BoxFuture<'static, Event>>,
    next_claim: Timestamp,
    claiming: bool,
    /// The next claim takes back what this server held before.
    anew: bool,
    next_audit: Timestamp,
}

/// One process that has the desk's attention.
#[derive(Default)]
struct Attended {
    memory: Option<Memory>,
    waiting: VecDeque<Job>,
    in_turn: bool,
    /// Intents of which nobody knows whether they are so: nothing is decided before a look.
    looking: BTreeSet<Target>,
    deliveries: BTreeMap<Target, Delivery>,
}

/// One intent on its way to an answer.
#[derive(Debug, Clone)]
struct Delivery {
    open: Open,
    attempts: u32,
    /// The process has been told that nobody knows.
    told_unknown: bool,
}

/// Something that was under way has come to an end.
pub(crate) enum Event {
    Turned(Turned),
    Performed {
        process: AnyId,
        target: Target,
        generation: Generation,
        asked_at: Timestamp,
        performed: Performed,
    },
    Looked {
        process: AnyId,
        target: Target,
        generation: Generation,
        asked_at: Timestamp,
        looked: Looked,
    },
    /// It is time to ask again.
    Rested {
        process: AnyId,
        target: Target,
        generation: Generation,
    },
    Raised {
        process: AnyId,
        target: Target,
        from: Generation,
        raised: Result<Option<Generation>, StoreError>,
    },
    Claimed(Result<Claimed, StoreError>),
    Audited(Result<Vec<Standing>, StoreError>),
    Mended(Result<(), String>),
}

impl Desk {
    /// The most processes that are handed out by one claim.
    const CLAIM: usize = 256;
    /// The most processes that are remembered while nothing happens to them.
    const REMEMBERED: usize = 10_000;

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let now = shared.clock.now();
        let next_audit = now + shared.settings.audit_every;
        Self {
            shared,
            attended: BTreeMap::new(),
            wakes: BTreeSet::new(),
            work: FuturesUnordered::new(),
            next_claim: now,
            claiming: false,
            anew: true,
            next_audit,
        }
    }

    pub(crate) fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        match self.work.poll_next_unpin(context) {
            Poll::Ready(Some(event)) => Poll::Ready(event),
            // Nothing is under way; new work wakes the loop by being put here from the loop.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// When the desk wants to be looked at even if nothing happens.
    pub(crate) fn next_time(&self) -> Timestamp {
        let claim = (!self.claiming).then_some(self.next_claim);
        let wake = self.wakes.first().map(|(at, _)| *at);
        claim.into_iter().chain(wake).fold(self.next_audit, Timestamp::min)
    }

    pub(crate) fn tick(&mut self) {
        let now = self.shared.clock.now();
        while let Some((at, process)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            self.wakes.remove(&(at, process));
            self.give(process, Job::Woken);
        }
        if !self.claiming && self.next_claim <= now {
            self.claim(now);
        }
        if self.next_audit <= now {
            self.audit(now);
        }
    }

    pub(crate) fn post(&mut self, letter: Letter) {
        self.give(letter.process, Job::Letter(letter));
    }

    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Turned(turned) => self.turned(turned),
            Event::Performed { process, target, generation, asked_at, performed } => {
                self.performed(process, target, generation, asked_at, performed);
            }
            Event::Looked { process, target, generation, asked_at, looked } => {
                self.looked(process, &target, generation, asked_at, looked);
            }
            Event::Rested { process, target, generation } => {
                if let Some(delivery) = self.delivery(process, &target, generation) {
                    let open = delivery.open.clone();
                    self.look(process, open);
                }
            }
            Event::Raised { process, target, from, raised } => {
                self.raised(process, &target, from, raised);
            }
            Event::Claimed(claimed) => self.claimed(claimed),
            Event::Audited(Ok(standing)) => self.mend_all(standing),
            Event::Audited(Err(error)) => tracing::warn!(%error, "what holds could not be listed"),
            Event::Mended(Ok(())) => {}
            Event::Mended(Err(error)) => tracing::warn!(error, "drift could not be mended yet"),
        }
    }

    /// Puts a job before a process, and lets it take its turn if it is free.
    fn give(&mut self, process: AnyId, job: Job) {
        self.attended.entry(process).or_default().waiting.push_back(job);
        self.proceed(process);
    }

    fn proceed(&mut self, process: AnyId) {
        let Some(attended) = self.attended.get_mut(&process) else { return };
        if attended.in_turn || !attended.looking.is_empty() {
            return;
        }
        let Some(job) = attended.waiting.pop_front() else {
            self.let_go(process);
            return;
        };
        attended.in_turn = true;
        let memory = attended.memory.take();
        let shared = self.shared.clone();
        self.work.push(Box::pin(async move {
            Event::Turned(turn(&shared, process, memory, job).await)
        }));
    }

    fn turned(&mut self, turned: Turned) {
        let Turned { process, memory, fresh, is_lost } = turned;
        let now = self.shared.clock.now();
        let Some(attended) = self.attended.get_mut(&process) else { return };
        attended.in_turn = false;
        if is_lost {
            // What was lost is found again in the store, as after a crash.
            attended.deliveries.clear();
            attended.looking.clear();
            self.anew = true;
            self.claim_at(now + SignedDuration::from_secs(1));
        }
        if let Some(attended) = self.attended.get_mut(&process) {
            attended.memory = memory;
        }
        for open in fresh {
            self.deliver(process, open);
        }
        self.expect_wake(process, now);
        self.proceed(process);
    }

    /// Notes when the process is to be woken: here while it is held here, else by the store.
    fn expect_wake(&mut self, process: AnyId, now: Timestamp) {
        let Some(attended) = self.attended.get(&process) else { return };
        let Some(Memory { stored, .. }) = &attended.memory else { return };
        match (stored.wake_at, stored.status) {
            (Some(at), Status::Active) if !attended.deliveries.is_empty() => {
                self.wakes.insert((at, process));
            }
            (Some(at), Status::Active) => self.claim_at(at),
            _ if !stored.open.is_empty() => self.claim_at(now + self.shared.settings.hold_for),
            _ => {}
        }
    }

    /// Forgets a process to which nothing happens, once there are many of them.
    fn let_go(&mut self, process: AnyId) {
        let too_many = self.attended.len() > Self::REMEMBERED;
        let Some(attended) = self.attended.get(&process) else { return };
        let is_over =
            attended.memory.as_ref().is_none_or(|memory| memory.stored.status == Status::Ended);
        if attended.deliveries.is_empty() && (is_over || too_many) {
            self.attended.remove(&process);
        }
    }

    /// Sets a new intent on its way; it takes the place of an older one for the same target.
    fn deliver(&mut self, process: AnyId, open: Open) {
        let target = open.intent.target();
        let attended = self.attended.entry(process).or_default();
        attended.looking.remove(&target);
        let delivery = Delivery { open: open.clone(), attempts: 0, told_unknown: false };
        attended.deliveries.insert(target, delivery);
        self.perform(process, open);
    }

    fn perform(&mut self, process: AnyId, open: Open) {
        let shared = self.shared.clone();
        self.work.push(Box::pin(async move {
            let limit = shared.limit();
            let asked_at = limit.asked_at;
            let Open { generation, intent } = &open;
            let performed = shared.hands.perform(intent, *generation, limit).await;
            let (target, generation) = (intent.target(), *generation);
            Event::Performed { process, target, generation, asked_at, performed }
        }));
    }

    fn performed(
        &mut self,
        process: AnyId,
        target: Target,
        generation: Generation,
        asked_at: Timestamp,
        performed: Performed,
    ) {
        let Some(delivery) = self.delivery(process, &target, generation) else { return };
        delivery.attempts += 1;
        let open = delivery.open.clone();
        match performed {
            Performed::Done(survey) => {
                self.answer(process, target, generation, asked_at, Outcome::Done(survey));
            }
            Performed::Refused(why) => {
                self.answer(process, target, generation, asked_at, Outcome::Failed(why));
            }
            Performed::Unreachable(_) if delivery.attempts == 1 => self.look(process, open),
            Performed::Unreachable(why) => {
                self.stay_unknown(process, &target, generation, asked_at, why);
            }
            Performed::Older(newest) => self.raise(process, target, generation, newest),
        }
    }

    /// Looks whether an intent is so. Until that is known, its process decides nothing.
    fn look(&mut self, process: AnyId, open: Open) {
        let Some(attended) = self.attended.get_mut(&process) else { return };
        attended.looking.insert(open.intent.target());
        let shared = self.shared.clone();
        self.work.push(Box::pin(async move {
            let limit = shared.limit();
            let asked_at = limit.asked_at;
            let Open { generation, intent } = &open;
            let looked = shared.hands.look(intent, *generation, limit).await;
            let (target, generation) = (intent.target(), *generation);
            Event::Looked { process, target, generation, asked_at, looked }
        }));
    }

    fn looked(
        &mut self,
        process: AnyId,
        target: &Target,
        generation: Generation,
        asked_at: Timestamp,
        looked: Looked,
    ) {
        let Some(delivery) = self.delivery(process, target, generation) else { return };
        let open = delivery.open.clone();
        match looked {
            Looked::So => {
                self.answer(process, target.clone(), generation, asked_at, Outcome::Done(None));
            }
            Looked::NotSo { newest, .. } if newest > generation => {
                self.raise(process, target.clone(), generation, newest);
            }
            Looked::NotSo { .. } => self.perform(process, open),
            Looked::Unreachable(why) => {
                delivery.attempts += 1;
                self.stay_unknown(process, target, generation, asked_at, why);
            }
        }
        if let Some(attended) = self.attended.get_mut(&process) {
            attended.looking.remove(target);
        }
        self.proceed(process);
    }

    /// Nobody knows, and asking did not help: the process is told once, and asking goes on later.
    fn stay_unknown(
        &mut self,
        process: AnyId,
        target: &Target,
        generation: Generation,
        asked_at: Timestamp,
        why: String,
    ) {
        self.rest(process, target.clone(), generation);
        let Some(delivery) = self.delivery(process, target, generation) else { return };
        if !std::mem::replace(&mut delivery.told_unknown, true) {
            self.hear(process, target.clone(), generation, asked_at, Outcome::Unknown(why));
        }
    }

    /// Waits a while before asking again.
    fn rest(&mut self, process: AnyId, target: Target, generation: Generation) {
        const LONGEST: SignedDuration = SignedDuration::from_secs(10);
        let attempts =
            self.delivery(process, &target, generation).map_or(0, |delivery| delivery.attempts);
        let doubled = self.shared.settings.retry_after.saturating_mul(1 << attempts.min(10));
        let until = self.shared.clock.now() + doubled.min(LONGEST);
        let sleep = self.shared.clock.sleep_until(until);
        self.work.push(Box::pin(async move {
            sleep.await;
            Event::Rested { process, target, generation }
        }));
    }

    /// An intent has its answer: it is no longer on its way.
    fn answer(
        &mut self,
        process: AnyId,
        target: Target,
        generation: Generation,
        asked_at: Timestamp,
        outcome: Outcome,
    ) {
        if let Some(attended) = self.attended.get_mut(&process) {
            attended.deliveries.remove(&target);
        }
        self.hear(process, target, generation, asked_at, outcome);
    }

    fn hear(
        &mut self,
        process: AnyId,
        target: Target,
        generation: Generation,
        asked_at: Timestamp,
        outcome: Outcome,
    ) {
        let answered = Answered { target, asked_at, outcome };
        self.give(process, Job::Answered { generation, answered });
    }

    /// The world has seen a newer generation than the store remembers, as after a restored backup.
    fn raise(&mut self, process: AnyId, target: Target, from: Generation, above: Generation) {
        let store = self.shared.store.clone();
        self.work.push(Box::pin(async move {
            let raised = store.raise(target.clone(), from, above).await;
            Event::Raised { process, target, from, raised }
        }));
    }

    fn raised(
        &mut self,
        process: AnyId,
        target: &Target,
        from: Generation,
        raised: Result<Option<Generation>, StoreError>,
    ) {
        let Some(delivery) = self.delivery(process, target, from) else { return };
        match raised {
            Ok(Some(generation)) => {
                delivery.open.generation = generation;
                let open = delivery.open.clone();
                // What is remembered of the process still has the old generation.
                if let Some(attended) = self.attended.get_mut(&process) {
                    attended.memory = None;
                }
                self.perform(process, open);
            }
            // A newer intent for the target has come from elsewhere: this one has no meaning now.
            Ok(None) => {
                if let Some(attended) = self.attended.get_mut(&process) {
                    attended.deliveries.remove(target);
                    attended.memory = None;
                }
                self.proceed(process);
            }
            Err(error) => {
                tracing::warn!(%process, %target, %error, "a generation could not be raised yet");
                delivery.attempts += 1;
                self.rest(process, target.clone(), from);
            }
        }
    }

    fn delivery(
        &mut self,
        process: AnyId,
        target: &Target,
        generation: Generation,
    ) -> Option<&mut Delivery> {
        let delivery = self.attended.get_mut(&process)?.deliveries.get_mut(target)?;
        (delivery.open.generation == generation).then_some(delivery)
    }

    fn claim_at(&mut self, at: Timestamp) {
        self.next_claim = self.next_claim.min(at);
    }

    fn claim(&mut self, now: Timestamp) {
        self.claiming = true;
        let anew = std::mem::take(&mut self.anew);
        let claim = Claim { hold: self.shared.hold(now), anew, now, limit: Self::CLAIM };
        let store = self.shared.store.clone();
        // Set before the answer comes, so that times noted meanwhile are not lost.
        self.next_claim = Timestamp::MAX;
        self.work.push(Box::pin(async move { Event::Claimed(store.claim(claim).await) }));
    }

    fn claimed(&mut self, claimed: Result<Claimed, StoreError>) {
        let now = self.shared.clock.now();
        self.claiming = false;
        if let Some(every) = self.shared.settings.poll_every {
            self.claim_at(now + every);
        }
        match claimed {
            Err(error) => {
                tracing::warn!(%error, "the store could not be asked for what is due");
                self.anew = true;
                self.claim_at(now + SignedDuration::from_secs(1));
            }
            Ok(Claimed { due, next }) => {
                if let Some(next) = next {
                    self.claim_at(next);
                }
                if due.len() == Self::CLAIM {
                    self.claim_at(now);
                }
                for stored in due {
                    self.take_up(Memory::from(stored), now);
                }
            }
        }
    }

    /// Takes a process up from the store: whatever was unanswered is unknown, and looked at first.
    fn take_up(&mut self, memory: Memory, now: Timestamp) {
        let process = memory.stored.id;
        let attended = self.attended.entry(process).or_default();
        if attended.in_turn {
            // Its turn decides on something newer, or finds out that it does not.
            self.claim_at(now + SignedDuration::from_secs(1));
            return;
        }
        let open = memory.stored.open.clone();
        let wake_at = memory.stored.wake_at;
        let is_newer = attended
            .memory
            .as_ref()
            .is_none_or(|known| known.stored.version < memory.stored.version);
        if is_newer {
            attended.memory = Some(memory);
        }
        for open in open {
            let target = open.intent.target();
            if self.delivery(process, &target, open.generation).is_none() {
                let delivery = Delivery { open: open.clone(), attempts: 0, told_unknown: false };
                self.attended.entry(process).or_default().deliveries.insert(target, delivery);
                self.look(process, open);
            }
        }
        match wake_at {
            Some(at) if at <= now => self.give(process, Job::Woken),
            _ => {
                self.expect_wake(process, now);
                self.proceed(process);
            }
        }
    }

    fn audit(&mut self, now: Timestamp) {
        let every = self.shared.settings.audit_every;
        self.next_audit = now + every;
        let audit = Audit { not_since: now - every, now, limit: Self::CLAIM };
        let store = self.shared.store.clone();
        self.work.push(Box::pin(async move { Event::Audited(store.audit(audit).await) }));
    }

    /// Compares what holds with the world, and asserts anew what has drifted.
    fn mend_all(&mut self, standing: Vec<Standing>) {
        if standing.len() == Self::CLAIM {
            self.next_audit = self.shared.clock.now();
        }
        for standing in standing {
            let shared = self.shared.clone();
            self.work.push(Box::pin(async move { Event::Mended(mend(&shared, standing).await) }));
        }
    }
}

impl Shared {
    fn limit(&self) -> Limit<'_> {
        Limit {
            clock: self.clock.as_ref(),
            asked_at: self.clock.now(),
            within: self.settings.answer_within,
        }
    }
}

/// Compares one intent that should hold with the world; drift is put on record and mended.
async fn mend(shared: &Shared, standing: Standing) -> Result<(), String> {
    let Standing { process, generation, intent } = standing;
    let target = intent.target();
    let (seen, newest) = match shared.hands.look(&intent, generation, shared.limit()).await {
        Looked::So => return Ok(()),
        Looked::Unreachable(why) => return Err(why),
        Looked::NotSo { seen, newest } => (seen, newest.max(generation)),
    };
    // While nobody has newly wanted something else, the same is wanted anew.
    let raised = shared.store.raise(target.clone(), generation, newest).await;
    let Some(generation) = raised.map_err(|error| error.to_string())? else { return Ok(()) };
    record(shared, process, &target, DriftFound { target: target.clone(), generation, seen })
        .await?;
    match shared.hands.perform(&intent, generation, shared.limit()).await {
        Performed::Done(_) => {
            record(shared, process, &target, DriftMended { target: target.clone(), generation })
                .await
        }
        Performed::Refused(why) | Performed::Unreachable(why) => Err(why),
        Performed::Older(newest) => Err(format!("generation {newest} came in between")),
    }
}

async fn record(
    shared: &Shared,
    process: AnyId,
    target: &Target,
    what: impl Into<What>,
) -> Result<(), String> {
    let place = match target {
        Target::Instances(group) => &group.place,
        Target::Weights(place) | Target::Survey(place) => place,
    };
    let fact = Fact {
        at: shared.clock.now(),
        actor: Actor::conductor(),
        cause: Cause::Watch,
        subject: process,
        scope: Scope::Place(place.clone()),
        what: what.into(),
    };
    let commit = Commit { facts: vec![Sealed::from(&fact)], ..Commit::default() };
    shared.store.commit(commit).await.map(drop).map_err(|error| error.to_string())
}

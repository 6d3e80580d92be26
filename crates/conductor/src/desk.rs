//! The desk: which processes are being attended to, what waits for them, and what is under way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use model::id::AnyId;
use model::intent::{Generation, Target};
use ports::BoxFuture;
use ports::store::{Claim, Claimed, Standing, Status, StoreError};

use crate::conductor::Shared;
use crate::delivery::{Delivery, Errand};
use crate::handle::Letter;
use crate::hands::{Looked, Performed};
use crate::turn::{Job, Memory, Turned, turn};

/// Everything that the loop has under way. It can be dropped at any time: the store has it all.
pub(crate) struct Desk {
    pub(crate) shared: Arc<Shared>,
    pub(crate) attended: BTreeMap<AnyId, Attended>,
    /// When processes that are held here want to be woken. The others are in the store.
    wakes: BTreeSet<(Timestamp, AnyId)>,
    pub(crate) work: FuturesUnordered<BoxFuture<'static, Event>>,
    next_claim: Timestamp,
    claiming: bool,
    /// The next claim takes back what this server held before.
    anew: bool,
    pub(crate) next_audit: Timestamp,
}

/// One process that has the desk's attention.
#[derive(Default)]
pub(crate) struct Attended {
    pub(crate) memory: Option<Memory>,
    pub(crate) waiting: VecDeque<Job>,
    in_turn: bool,
    /// Intents of which nobody knows whether they are so: nothing is decided before a look.
    pub(crate) looking: BTreeSet<Target>,
    pub(crate) deliveries: BTreeMap<Target, Delivery>,
}

/// Something that was under way has come to an end.
pub(crate) enum Event {
    Turned(Turned),
    Performed {
        errand: Errand,
        asked_at: Timestamp,
        performed: Performed,
    },
    Looked {
        errand: Errand,
        asked_at: Timestamp,
        looked: Looked,
    },
    /// It is time to ask again.
    Rested(Errand),
    Raised {
        errand: Errand,
        raised: Result<Option<Generation>, StoreError>,
    },
    Claimed(Result<Claimed, StoreError>),
    Audited(Result<Vec<Standing>, StoreError>),
    Mended(Result<(), String>),
}

impl Desk {
    /// The most processes that are handed out by one claim.
    pub(crate) const CLAIM: usize = 256;
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
            Event::Performed { errand, asked_at, performed } => {
                self.performed(errand, asked_at, performed);
            }
            Event::Looked { errand, asked_at, looked } => self.looked(errand, asked_at, looked),
            Event::Rested(errand) => self.rested(errand),
            Event::Raised { errand, raised } => self.raised(errand, raised),
            Event::Claimed(claimed) => self.claimed(claimed),
            Event::Audited(Ok(standing)) => self.mend_all(standing),
            Event::Audited(Err(error)) => tracing::warn!(%error, "what holds could not be listed"),
            Event::Mended(Ok(())) => {}
            Event::Mended(Err(error)) => tracing::warn!(error, "drift could not be mended yet"),
        }
    }

    /// Puts a job before a process, and lets it take its turn if it is free.
    pub(crate) fn give(&mut self, process: AnyId, job: Job) {
        self.attended.entry(process).or_default().waiting.push_back(job);
        self.proceed(process);
    }

    pub(crate) fn proceed(&mut self, process: AnyId) {
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
            self.deliver(Errand { process, open });
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
            self.resume(Errand { process, open });
        }
        match wake_at {
            Some(at) if at <= now => self.give(process, Job::Woken),
            _ => {
                self.expect_wake(process, now);
                self.proceed(process);
            }
        }
    }
}

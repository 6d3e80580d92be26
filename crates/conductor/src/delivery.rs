//! Deliveries: each intent's way to an answer, whatever the world does with it.

use engine::decision::Answered;
use jiff::{SignedDuration, Timestamp};
use model::fact::Actor;
use model::id::AnyId;
use model::intent::{Generation, Intent, Outcome, Target};
use model::message::Message;
use ports::store::{Open, StoreError};
use tokio::sync::oneshot;

use crate::conductor::Shared;
use crate::desk::{Desk, Event};
use crate::handle::{HandleError, Letter, Reply, Word};
use crate::hands::{Limit, Looked, Performed};
use crate::turn::Job;

/// An intent on its way, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Errand {
    pub(crate) process: AnyId,
    pub(crate) open: Open,
}

impl Errand {
    fn target(&self) -> Target {
        self.open.intent.target()
    }
}

/// How far the newest intent for a target has come.
#[derive(Debug)]
pub(crate) struct Delivery {
    generation: Generation,
    attempts: u32,
    /// The process has been told that nobody knows.
    told_unknown: bool,
}

impl Desk {
    /// Sets a new intent on its way; it takes the place of an older one for the same target.
    pub(crate) fn deliver(&mut self, errand: Errand) {
        self.attended.entry(errand.process).or_default().looking.remove(&errand.target());
        self.note(&errand);
        self.perform(errand);
    }

    /// Takes up an intent of which nobody here knows how far it has come: it is looked at first.
    pub(crate) fn resume(&mut self, errand: Errand) {
        if self.delivery(&errand).is_none() {
            self.note(&errand);
            self.look(errand);
        }
    }

    pub(crate) fn performed(&mut self, errand: Errand, asked_at: Timestamp, performed: Performed) {
        let Some(delivery) = self.delivery(&errand) else { return };
        delivery.attempts += 1;
        match performed {
            Performed::Done(survey) => self.answer(&errand, asked_at, Outcome::Done(survey)),
            Performed::Worked(report) => {
                self.answer(&errand, asked_at, Outcome::Worked(report));
            }
            Performed::Refused(why) => self.answer(&errand, asked_at, Outcome::Failed(why)),
            Performed::Unreachable(_) if delivery.attempts == 1 => self.look(errand),
            Performed::Unreachable(why) => self.stay_unknown(&errand, asked_at, why),
            Performed::Older(newest) => self.raise(errand, newest),
        }
    }

    pub(crate) fn looked(&mut self, errand: Errand, asked_at: Timestamp, looked: Looked) {
        let Some(delivery) = self.delivery(&errand) else { return };
        delivery.attempts += 1;
        let process = errand.process;
        if let Some(attended) = self.attended.get_mut(&process) {
            attended.looking.remove(&errand.target());
        }
        match looked {
            Looked::So => self.answer(&errand, asked_at, Outcome::Done(None)),
            Looked::NotSo { newest, .. } if newest > errand.open.generation => {
                self.raise(errand, newest);
            }
            Looked::NotSo { .. } => self.perform(errand),
            Looked::Unreachable(why) => self.stay_unknown(&errand, asked_at, why),
        }
        self.proceed(process);
    }

    pub(crate) fn rested(&mut self, errand: Errand) {
        if self.delivery(&errand).is_some() {
            self.look(errand);
        }
    }

    pub(crate) fn raised(
        &mut self,
        mut errand: Errand,
        raised: Result<Option<Generation>, StoreError>,
    ) {
        let Some(delivery) = self.delivery(&errand) else { return };
        let process = errand.process;
        match raised {
            Ok(Some(generation)) => {
                delivery.generation = generation;
                errand.open.generation = generation;
                self.forget(process);
                self.perform(errand);
            }
            // A newer intent for the target has come from elsewhere: this one has no meaning now.
            Ok(None) => {
                self.drop_delivery(&errand);
                self.forget(process);
                self.proceed(process);
            }
            Err(error) => {
                delivery.attempts += 1;
                let target = errand.target();
                tracing::warn!(%process, %target, %error, "a generation could not be raised yet");
                self.rest(errand);
            }
        }
    }

    fn perform(&mut self, errand: Errand) {
        if let Intent::Tell(message) = &errand.open.intent {
            let message = (**message).clone();
            return self.pass_on(errand, message);
        }
        let shared = self.shared.clone();
        self.work.push(Box::pin(async move {
            let limit = shared.limit();
            let Open { generation, intent } = &errand.open;
            let performed = shared.hands.perform(intent, *generation, limit).await;
            Event::Performed { asked_at: limit.asked_at, performed, errand }
        }));
    }

    /// What one process says to another goes to its desk like an operator's word. It is one command
    /// however often it is said, so it counts once.
    fn pass_on(&mut self, errand: Errand, message: Message) {
        let (reply, answer) = oneshot::channel();
        let (asked_at, process) = (self.shared.clock.now(), message.line.to);
        let command = message.line.command(errand.open.generation);
        let (word, by) = (Word::Message(message), Actor::conductor());
        self.work.push(Box::pin(async move {
            let performed = heard(answer.await.unwrap_or(Err(HandleError::Gone)));
            Event::Performed { errand, asked_at, performed }
        }));
        self.post(Letter { process, word, by, command, reply });
    }

    /// Looks whether an intent is so. Until that is known, its process decides nothing.
    fn look(&mut self, errand: Errand) {
        self.attended.entry(errand.process).or_default().looking.insert(errand.target());
        let shared = self.shared.clone();
        self.work.push(Box::pin(async move {
            let limit = shared.limit();
            let Open { generation, intent } = &errand.open;
            let looked = shared.hands.look(intent, *generation, limit).await;
            Event::Looked { asked_at: limit.asked_at, looked, errand }
        }));
    }

    /// Nobody knows, and asking did not help: the process is told once, and asking goes on later.
    fn stay_unknown(&mut self, errand: &Errand, asked_at: Timestamp, why: String) {
        let Some(delivery) = self.delivery(errand) else { return };
        let is_news = !std::mem::replace(&mut delivery.told_unknown, true);
        self.rest(errand.clone());
        if is_news {
            self.hear(errand, asked_at, Outcome::Unknown(why));
        }
    }

    /// Waits a while before asking again, longer each time.
    fn rest(&mut self, errand: Errand) {
        const LONGEST: SignedDuration = SignedDuration::from_secs(10);
        let attempts = self.delivery(&errand).map_or(0, |delivery| delivery.attempts);
        let doubled = self.shared.settings.retry_after.saturating_mul(1 << attempts.min(10));
        let sleep = self.shared.clock.sleep_until(self.shared.clock.now() + doubled.min(LONGEST));
        self.work.push(Box::pin(async move {
            sleep.await;
            Event::Rested(errand)
        }));
    }

    /// The world has seen a newer generation than the store remembers, as after a restored backup.
    fn raise(&mut self, errand: Errand, above: Generation) {
        let store = self.shared.store.clone();
        self.work.push(Box::pin(async move {
            let raised = store.raise(errand.target(), errand.open.generation, above).await;
            Event::Raised { errand, raised }
        }));
    }

    /// An intent has its answer: it is no longer on its way.
    fn answer(&mut self, errand: &Errand, asked_at: Timestamp, outcome: Outcome) {
        self.drop_delivery(errand);
        self.hear(errand, asked_at, outcome);
    }

    fn hear(&mut self, errand: &Errand, asked_at: Timestamp, outcome: Outcome) {
        let answered = Answered { target: errand.target(), asked_at, outcome };
        self.give(errand.process, Job::Answered { generation: errand.open.generation, answered });
    }

    fn note(&mut self, errand: &Errand) {
        let generation = errand.open.generation;
        let delivery = Delivery { generation, attempts: 0, told_unknown: false };
        let attended = self.attended.entry(errand.process).or_default();
        attended.deliveries.insert(errand.target(), delivery);
    }

    /// The delivery that the errand belongs to, unless a newer one has taken its place.
    fn delivery(&mut self, errand: &Errand) -> Option<&mut Delivery> {
        let attended = self.attended.get_mut(&errand.process)?;
        let delivery = attended.deliveries.get_mut(&errand.target())?;
        (delivery.generation == errand.open.generation).then_some(delivery)
    }

    fn drop_delivery(&mut self, errand: &Errand) {
        if let Some(attended) = self.attended.get_mut(&errand.process) {
            attended.deliveries.remove(&errand.target());
        }
    }

    /// What is remembered of the process has generations that are no longer right.
    fn forget(&mut self, process: AnyId) {
        if let Some(attended) = self.attended.get_mut(&process) {
            attended.memory = None;
        }
    }
}

/// What became of a message.
fn heard(reply: Result<Reply, HandleError>) -> Performed {
    match reply {
        Ok(_) => Performed::Done(None),
        Err(error @ HandleError::NotFound(_)) => Performed::Refused(error.to_string()),
        Err(error) => Performed::Unreachable(error.to_string()),
    }
}

impl Shared {
    /// From now on, as long as the world may take to answer.
    pub(crate) fn limit(&self) -> Limit<'_> {
        let within = self.settings.answer_within;
        Limit { clock: self.clock.as_ref(), asked_at: self.clock.now(), within }
    }
}

//! The loop itself: one future that waits for words, answers and times, and hands out turns.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use jiff::{SignedDuration, Timestamp};
use ports::BoxFuture;
use ports::clock::Clock;
use ports::store::{Hold, Store};
use tokio::sync::mpsc;

use crate::desk::{Desk, Event};
use crate::handle::{Handle, Letter};
use crate::hands::Hands;
use crate::kinds::Kinds;

/// Decides for every process of a store, alone or beside other servers.
#[derive(Debug)]
pub struct Conductor {
    shared: Arc<Shared>,
    mailbox: mpsc::Receiver<Letter>,
}

/// How a conductor goes about its work.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server's name among those that share a store, and the same after a restart.
    pub server: String,
    /// How long other servers leave a process alone whose intents are unanswered here.
    pub hold_for: SignedDuration,
    /// How long the world may take to answer before nobody knows what it did.
    pub answer_within: SignedDuration,
    /// How long to wait before asking again what could not be asked; doubled each time.
    pub retry_after: SignedDuration,
    /// How often to see what other servers have left; `None` where there are no others.
    pub poll_every: Option<SignedDuration>,
    /// How often what holds is compared with the world.
    pub audit_every: SignedDuration,
}

impl Settings {
    /// For a server that has its store for itself.
    pub fn alone(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            hold_for: SignedDuration::from_secs(15),
            answer_within: SignedDuration::from_secs(5),
            retry_after: SignedDuration::from_millis(200),
            poll_every: None,
            audit_every: SignedDuration::from_secs(60),
        }
    }

    /// For a server that shares its store with others.
    pub fn among_others(server: impl Into<String>) -> Self {
        Self { poll_every: Some(SignedDuration::from_secs(1)), ..Self::alone(server) }
    }
}

/// What every turn needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) hands: Hands,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) kinds: Kinds,
    pub(crate) settings: Settings,
}

impl Shared {
    pub(crate) fn hold(&self, now: Timestamp) -> Hold {
        Hold { server: self.settings.server.clone(), until: now + self.settings.hold_for }
    }
}

impl Conductor {
    /// How many words may wait; whoever says more waits before they are taken.
    const MAILBOX: usize = 1_024;

    pub fn new(
        store: Arc<dyn Store>,
        hands: Hands,
        clock: Arc<dyn Clock>,
        kinds: Kinds,
        settings: Settings,
    ) -> (Self, Handle) {
        let (sender, mailbox) = mpsc::channel(Self::MAILBOX);
        let shared = Arc::new(Shared { store, hands, clock, kinds, settings });
        (Self { shared, mailbox }, Handle { mailbox: sender })
    }

    /// Runs until every handle is gone and nothing is under way, or until it is dropped.
    pub async fn run(mut self) {
        let mut desk = Desk::new(self.shared.clone());
        let mut alarm = Alarm::default();
        loop {
            let next = desk.next_time();
            let clock = self.shared.clock.as_ref();
            // Before anything else, so that no flood of words or answers makes a deadline late.
            if next <= clock.now() {
                desk.tick();
                continue;
            }
            let happened = poll_fn(|context| {
                if let Poll::Ready(event) = desk.poll_event(context) {
                    return Poll::Ready(Happened::Event(event));
                }
                if let Poll::Ready(letter) = self.mailbox.poll_recv(context) {
                    return Poll::Ready(letter.map_or(Happened::Closed, Happened::Letter));
                }
                alarm.poll(clock, next, context).map(|()| Happened::Time)
            })
            .await;
            match happened {
                Happened::Event(event) => desk.take(event),
                Happened::Letter(letter) => desk.post(letter),
                Happened::Time => desk.tick(),
                Happened::Closed => return,
            }
        }
    }
}

enum Happened {
    Event(Event),
    Letter(Letter),
    Time,
    Closed,
}

/// Waits for the next time on the desk, and starts anew only when that time changes.
#[derive(Default)]
struct Alarm {
    set: Option<(Timestamp, BoxFuture<'static, ()>)>,
}

impl Alarm {
    fn poll(&mut self, clock: &dyn Clock, at: Timestamp, context: &mut Context<'_>) -> Poll<()> {
        if at <= clock.now() {
            self.set = None;
            return Poll::Ready(());
        }
        if self.set.as_ref().is_none_or(|(set_for, _)| *set_for != at) {
            self.set = Some((at, clock.sleep_until(at)));
        }
        let Some((_, sleep)) = &mut self.set else { return Poll::Pending };
        let polled = sleep.as_mut().poll(context);
        if polled.is_ready() {
            self.set = None;
        }
        polled
    }
}

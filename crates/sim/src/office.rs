//! The office: operators who say each word until it is acknowledged, as good clients do.

use std::sync::{Arc, Mutex};

use conductor::{Handle, HandleError, Reply};
use engine::rollout::{Rollouts, Word};
use jiff::{SignedDuration, Timestamp};
use model::fact::Actor;
use model::id::{CommandId, ReleaseId, RolloutId};
use model::name::Place;
use model::rollout::{Plan, Release, Rollout};
use ports::clock::Clock;
use ports::entropy::Entropy;
use ports::fake::Seeded;

use crate::clock::SimClock;

/// Where operators sit. They notice when the server is gone, and try again.
#[derive(Debug, Clone)]
pub struct Office {
    clock: SimClock,
    entropy: Arc<dyn Entropy>,
    handle: Arc<Mutex<Option<Handle>>>,
    operator: Actor,
}

impl Office {
    pub(crate) fn new(clock: SimClock, seeded: Seeded) -> Self {
        let operator = "person:ada".parse().expect("a well-formed actor");
        Self { clock, entropy: Arc::new(seeded), handle: Arc::default(), operator }
    }

    pub(crate) fn connect(&self, handle: Handle) {
        *self.handle.lock().expect("nothing panics while it connects") = Some(handle);
    }

    pub fn operator(&self) -> &Actor {
        &self.operator
    }

    pub fn release(&self, version: &str) -> Release {
        let id = self.entropy.id(ReleaseId::new, self.clock.now());
        Release { id, version: version.to_owned() }
    }

    pub async fn sleep(&self, duration: SignedDuration) {
        self.sleep_until(self.clock.now() + duration).await;
    }

    pub async fn sleep_until(&self, at: Timestamp) {
        self.clock.sleep_until(at).await;
    }

    /// Begins a rollout, and tells under which id.
    pub async fn start(
        &self,
        place: &Place,
        candidate: Release,
        stable: Option<Release>,
        plan: Plan,
    ) -> (RolloutId, Result<Reply, HandleError>) {
        let now = self.clock.now();
        let id = self.entropy.id(RolloutId::new, now);
        let rollout = Rollout::new(id, place.clone(), candidate, stable, plan, now);
        let reply = self
            .insist(|handle, command| {
                let rollout = rollout.clone();
                async move {
                    handle
                        .start::<Rollouts>(id.into(), rollout, self.operator.clone(), command)
                        .await
                }
            })
            .await;
        (id, reply)
    }

    pub async fn tell(&self, rollout: RolloutId, word: Word) -> Result<Reply, HandleError> {
        self.insist(|handle, command| {
            let word = word.clone();
            async move {
                handle.tell::<Rollouts>(rollout.into(), word, self.operator.clone(), command).await
            }
        })
        .await
    }

    /// Says the same word, with the same command, until somebody answers.
    async fn insist<F: Future<Output = Result<Reply, HandleError>>>(
        &self,
        say: impl Fn(Handle, CommandId) -> F,
    ) -> Result<Reply, HandleError> {
        let command = self.entropy.id(CommandId::new, self.clock.now());
        loop {
            let handle = self.handle.lock().expect("nothing panics while it connects").clone();
            let handle = handle.expect("a world has a server from its beginning");
            match say(handle, command).await {
                Err(HandleError::Gone | HandleError::Store(_)) => {
                    self.sleep(SignedDuration::from_secs(1)).await;
                }
                answer => return answer,
            }
        }
    }
}

//! The office: operators who say each word until it is acknowledged, as good clients do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use conductor::{Handle, HandleError, Reply};
use engine::decision::Process;
use engine::pipeline::{self, Pipeline};
use engine::rollout::{Rollouts, Word};
use jiff::{SignedDuration, Timestamp};
use model::fact::Actor;
use model::id::{AnyId, CommandId, ReleaseId, RolloutId, RunId};
use model::name::Place;
use model::persisted::Part;
use model::pipeline::{Request, Run, Sheet};
use model::rollout::{Plan, Release, Rollout};
use ports::clock::Clock;
use ports::entropy::Entropy;
use ports::fake::Seeded;

use crate::clock::SimClock;
use crate::faults::ServerNumber;

/// Where operators sit. They notice when the server is gone, and try again.
#[derive(Debug, Clone)]
pub struct Office {
    clock: SimClock,
    entropy: Arc<dyn Entropy>,
    /// One for each server, from its latest boot on.
    handles: Arc<Mutex<Vec<Option<Handle>>>>,
    next_server: Arc<AtomicUsize>,
    operator: Actor,
}

impl Office {
    pub(crate) fn new(clock: SimClock, seeded: Seeded, servers: usize) -> Self {
        let operator = "person:ada".parse().expect("a well-formed actor");
        let handles = Arc::new(Mutex::new(vec![None; servers]));
        Self { clock, entropy: Arc::new(seeded), handles, next_server: Arc::default(), operator }
    }

    pub(crate) fn connect(&self, server: ServerNumber, handle: Handle) {
        self.handles.lock().expect("nothing panics while it connects")[server] = Some(handle);
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
        (id, self.begin::<Rollouts>(id.into(), rollout, &self.operator).await)
    }

    pub async fn tell(&self, rollout: RolloutId, word: Word) -> Result<Reply, HandleError> {
        self.say::<Rollouts>(rollout.into(), word, &self.operator).await
    }

    /// Begins a run, and tells under which id. Whoever begins it may not approve it.
    pub async fn start_run(
        &self,
        request: Request,
        sheet: impl Into<Part<Sheet>>,
        by: &Actor,
    ) -> (RunId, Result<Reply, HandleError>) {
        let now = self.clock.now();
        let id = self.entropy.id(RunId::new, now);
        let request = Request { began_by: Some(by.clone()), ..request };
        let service = "shop".parse().expect("a well-formed name");
        let run = Run::new(id, service, request, sheet, now);
        (id, self.begin::<Pipeline>(id.into(), run, by).await)
    }

    pub async fn tell_run(
        &self,
        run: RunId,
        word: pipeline::Word,
        by: &Actor,
    ) -> Result<Reply, HandleError> {
        self.say::<Pipeline>(run.into(), word, by).await
    }

    async fn begin<P: Process>(
        &self,
        id: AnyId,
        state: P::State,
        by: &Actor,
    ) -> Result<Reply, HandleError> {
        self.insist(|handle, command| {
            let state = state.clone();
            async move { handle.start::<P>(id, state, by.clone(), command).await }
        })
        .await
    }

    async fn say<P: Process>(
        &self,
        id: AnyId,
        word: P::Word,
        by: &Actor,
    ) -> Result<Reply, HandleError> {
        self.insist(|handle, command| {
            let word = word.clone();
            async move { handle.tell::<P>(id, word, by.clone(), command).await }
        })
        .await
    }

    /// Each time another one, as behind a load balancer.
    fn any_server(&self) -> Handle {
        let handles = self.handles.lock().expect("nothing panics while it connects");
        let server = self.next_server.fetch_add(1, Ordering::Relaxed) % handles.len();
        handles[server].clone().expect("a world's servers are there from its beginning")
    }

    /// Says the same word, with the same command, until somebody answers.
    async fn insist<F: Future<Output = Result<Reply, HandleError>>>(
        &self,
        say: impl Fn(Handle, CommandId) -> F,
    ) -> Result<Reply, HandleError> {
        let command = self.entropy.id(CommandId::new, self.clock.now());
        loop {
            match say(self.any_server(), command).await {
                Err(HandleError::Gone | HandleError::Store(_)) => {
                    self.sleep(SignedDuration::from_secs(1)).await;
                }
                answer => return answer,
            }
        }
    }
}

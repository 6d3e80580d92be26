//! The loop against fakes: parked processes, repeated words, drift, and worlds that know more
//! than the store does.

use std::sync::Arc;
use std::time::Duration;

use conductor::{Conductor, Handle, HandleError, Hands, Kinds, Settings};
use engine::decision::{Decision, Input, Process, Reason, Told};
use jiff::{SignedDuration, Timestamp};
use model::fact::Actor;
use model::id::{AnyId, CommandId, Prefix, ReleaseId};
use model::intent::{Generation, Intent, Outcome, Share, Split, Weight, Weights};
use model::name::{Place, Scope};
use model::persisted::{LoadError, Persisted};
use ports::clock::{Clock, SystemClock};
use ports::entropy::Entropy;
use ports::fake::{FakeNode, Seeded};
use ports::memory::MemoryStore;
use ports::store::{Change, Commit, Hold, Query, Status, Store};
use ports::traffic::Traffic;

/// A process that steers all traffic to a release, counts its answers, and fails on demand.
#[derive(Debug)]
struct Steering;

#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    release: ReleaseId,
    done: u32,
    words: u32,
}

#[derive(Debug, Clone)]
enum Word {
    Count,
    Steer(ReleaseId),
    Panic,
}

impl Persisted for State {
    fn save(&self) -> String {
        serde_json::to_string(&(self.release, self.done, self.words)).unwrap()
    }

    fn load(text: &str) -> Result<Self, LoadError> {
        let (release, done, words) = serde_json::from_str(text)?;
        Ok(Self { release, done, words })
    }
}

impl Process for Steering {
    const KIND: &'static str = "steering";

    type State = State;
    type Word = Word;

    fn step(state: &State, input: Input<Word>, _: Timestamp) -> Decision<State> {
        let mut next = state.clone();
        let mut intents = Vec::new();
        match input {
            Input::Started => intents.push(steer(state.release)),
            Input::Told(Told { word: Word::Count, .. }) => next.words += 1,
            Input::Told(Told { word: Word::Steer(release), .. }) => intents.push(steer(release)),
            Input::Told(Told { word: Word::Panic, .. }) => panic!("out of cheese"),
            Input::Answered(answered) if matches!(answered.outcome, Outcome::Done(_)) => {
                next.done += 1;
            }
            Input::Answered(_) | Input::Woken | Input::Heard(_) => {}
        }
        let because = Reason::new(format!("{} words", next.words));
        Decision { next, facts: Vec::new(), intents, wake_at: None, because }
    }

    fn is_over(_: &State) -> bool {
        false
    }

    fn scope(_: &State) -> Scope {
        Scope::Everything
    }

    fn slot(_: &State) -> Option<String> {
        None
    }

    fn name_of(_: &Word) -> &'static str {
        "word"
    }
}

struct Road {
    store: Arc<MemoryStore>,
    node: Arc<FakeNode>,
    handle: Handle,
    entropy: Arc<dyn Entropy>,
    server: tokio::task::JoinHandle<()>,
}

impl Road {
    fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (store, node) = (Arc::new(MemoryStore::default()), Arc::new(FakeNode::new(clock)));
        Self::with(store, node)
    }

    fn with(store: Arc<MemoryStore>, node: Arc<FakeNode>) -> Self {
        let hands = Hands { workloads: node.clone(), traffic: node.clone(), ..Hands::default() };
        let kinds = Kinds::default().with(Steering);
        let settings =
            Settings { audit_every: SignedDuration::from_millis(20), ..Settings::alone("test") };
        let (conductor, handle) =
            Conductor::new(store.clone(), hands, Arc::new(SystemClock), kinds, settings);
        let server = tokio::spawn(conductor.run());
        Self { store, node, handle, entropy: Arc::new(Seeded::new(7)), server }
    }

    fn command(&self) -> CommandId {
        self.entropy.id(CommandId::new, SystemClock.now())
    }

    async fn start(&self) -> AnyId {
        let id = AnyId::new(Prefix::literal("tst"), SystemClock.now(), self.entropy.draw());
        let state = State { release: release(1), done: 0, words: 0 };
        self.handle.start::<Steering>(id, state, ada(), self.command()).await.unwrap();
        id
    }

    async fn tell(&self, id: AnyId, word: Word) -> Result<String, HandleError> {
        let reply = self.handle.tell::<Steering>(id, word, ada(), self.command()).await;
        reply.map(|reply| reply.text)
    }

    async fn state(&self, id: AnyId) -> State {
        State::load(&self.store.load(id).await.unwrap().unwrap().state).unwrap()
    }

    async fn kinds_of_facts(&self) -> Vec<String> {
        let all = Query { limit: 1_000, ..Query::default() };
        let entries = self.store.entries(all).await.unwrap();
        entries.into_iter().map(|entry| entry.record.kind).collect()
    }
}

#[tokio::test]
async fn an_answer_arrives_once() {
    let road = Road::new();
    let id = road.start().await;
    until(async || road.state(id).await.done == 1).await;
    assert_eq!(road.node.weight(&place(), release(1)), Weight::ALL);
    assert!(road.store.load(id).await.unwrap().unwrap().open.is_empty());
}

#[tokio::test]
async fn a_word_said_twice_counts_once() {
    let road = Road::new();
    let id = road.start().await;
    let command = road.command();
    let say = || road.handle.tell::<Steering>(id, Word::Count, ada(), command);
    let (first, second) = (say().await.unwrap(), say().await.unwrap());
    assert_eq!((first.text.as_str(), &second), ("1 words", &first));
    assert_eq!(road.state(id).await.words, 1);
}

#[tokio::test]
async fn a_decider_that_panics_is_set_aside_and_stops_nobody_else() {
    let road = Road::new();
    let (bad, good) = (road.start().await, road.start().await);
    let error = road.tell(bad, Word::Panic).await.unwrap_err();
    assert_eq!(error.to_string(), "deciding failed: deciding panicked: out of cheese");
    assert!(matches!(road.tell(bad, Word::Count).await, Err(HandleError::Parked(_))));
    assert_eq!(road.tell(good, Word::Count).await.unwrap(), "1 words");
    assert_eq!(road.store.load(bad).await.unwrap().unwrap().status, Status::Parked);
    assert_eq!(road.state(bad).await.words, 0, "the state is as it was");
    assert_eq!(road.kinds_of_facts().await, ["process.parked", "word.refused"]);

    road.handle.unpark(bad, ada(), road.command()).await.unwrap();
    assert_eq!(road.tell(bad, Word::Count).await.unwrap(), "1 words");
    let error = road.handle.unpark(bad, ada(), road.command()).await.unwrap_err();
    assert!(matches!(error, HandleError::NotParked(_)));
}

#[tokio::test]
async fn a_state_that_no_longer_loads_is_set_aside() {
    let road = Road::new();
    let id = AnyId::new(Prefix::literal("tst"), SystemClock.now(), [9; 10]);
    let now = SystemClock.now();
    let change = Change {
        process: id,
        kind: "steering".to_owned(),
        expected: None,
        state: "{\"from\": \"another world\"}".to_owned(),
        status: Status::Active,
        wake_at: None,
        slot: None,
        intents: Vec::new(),
        settled: Vec::new(),
        hold: Hold { server: "other".to_owned(), until: now },
        now,
    };
    road.store.commit(Commit { change: Some(change), ..Commit::default() }).await.unwrap();
    let error = road.tell(id, Word::Count).await.unwrap_err().to_string();
    assert!(error.starts_with("deciding failed: the stored state cannot be read"), "{error}");
    let stored = road.store.load(id).await.unwrap().unwrap();
    assert_eq!(stored.status, Status::Parked);
    assert_eq!(stored.state, "{\"from\": \"another world\"}", "nothing of it is lost");
}

#[tokio::test]
async fn drift_is_found_mended_and_recorded() {
    let road = Road::new();
    let id = road.start().await;
    until(async || road.state(id).await.done == 1).await;
    road.node.tamper(&place(), vec![Share { release: release(2), weight: Weight::ALL }]);
    until(async || road.node.weight(&place(), release(1)) == Weight::ALL).await;
    until(async || road.kinds_of_facts().await == ["drift.found", "drift.mended"]).await;
    road.node.forget();
    until(async || road.node.weight(&place(), release(1)) == Weight::ALL).await;
}

#[tokio::test]
async fn a_world_that_has_seen_newer_generations_is_caught_up_with() {
    let road = Road::new();
    let ahead = Weights { place: place(), split: Split::default() };
    road.node.steer(&ahead, Generation(57)).await.unwrap();
    let id = road.start().await;
    until(async || road.state(id).await.done == 1).await;
    let kept = Traffic::kept(&*road.node, &place()).await.unwrap().unwrap();
    assert_eq!(kept.generation, Generation(58));
}

#[tokio::test]
async fn what_was_under_way_when_the_server_died_is_looked_at_and_finished() {
    let road = Road::new();
    let id = road.start().await;
    until(async || road.state(id).await.done == 1).await;
    road.server.abort();
    let now = SystemClock.now();
    let stored = road.store.load(id).await.unwrap().unwrap();
    // As if the server had committed this and died before it told the node.
    let change = Change {
        process: id,
        kind: stored.kind,
        expected: Some(stored.version),
        state: stored.state,
        status: Status::Active,
        wake_at: None,
        slot: None,
        intents: vec![steer(release(2))],
        settled: Vec::new(),
        hold: Hold { server: "test".to_owned(), until: now + SignedDuration::from_hours(1) },
        now,
    };
    road.store.commit(Commit { change: Some(change), ..Commit::default() }).await.unwrap();
    let road = Road::with(road.store.clone(), road.node.clone());
    until(async || road.state(id).await.done == 2).await;
    assert_eq!(road.node.weight(&place(), release(2)), Weight::ALL);
}

#[tokio::test]
async fn words_to_nobody_and_second_starts_are_told_so() {
    let road = Road::new();
    let id = road.start().await;
    let nobody = AnyId::new(Prefix::literal("tst"), SystemClock.now(), [8; 10]);
    assert!(matches!(road.tell(nobody, Word::Count).await, Err(HandleError::NotFound(_))));
    let state = State { release: release(1), done: 0, words: 0 };
    let again = road.handle.start::<Steering>(id, state, ada(), road.command()).await;
    assert!(matches!(again, Err(HandleError::Exists(_))));
    road.tell(id, Word::Steer(release(3))).await.unwrap();
    until(async || road.node.weight(&place(), release(3)) == Weight::ALL).await;
}

fn steer(release: ReleaseId) -> Intent {
    let shares = vec![Share { release, weight: Weight::ALL }];
    Intent::Steer(Weights { place: place(), split: shares.into() })
}

fn place() -> Place {
    "shop/production".parse().unwrap()
}

fn release(number: u8) -> ReleaseId {
    ReleaseId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

fn ada() -> Actor {
    "person:ada".parse().unwrap()
}

/// Waits for what has to come, and does not wait for ever.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if holds().await {
            return;
        }
        let soon = SystemClock.now() + SignedDuration::try_from(Duration::from_millis(5)).unwrap();
        SystemClock.sleep_until(soon).await;
    }
    panic!("it did not come about within ten seconds");
}

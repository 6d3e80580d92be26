//! What one process says to another: it arrives, it counts once, and it may begin whom it is for.

use std::sync::Arc;

use conductor::{Conductor, Handle, Hands, Kinds, Settings};
use engine::decision::{Decision, Input, Process, Reason, Told};
use engine::group::Groups;
use jiff::{SignedDuration, Timestamp};
use model::fact::Actor;
use model::id::{CommandId, GroupId, RunId};
use model::intent::{Generation, Intent, Outcome};
use model::message::{Entry, Line, Message, Word};
use model::name::{Scope, ServiceName};
use model::persisted::{LoadError, Persisted};
use model::pipeline::Group;
use ports::clock::{Clock, SystemClock};
use ports::memory::MemoryStore;
use ports::store::{Change, Commit, Hold, Status, Store, Stored};
use serde::{Deserialize, Serialize};

/// A process that says what it is told to say to the group `one`, and notes what it hears.
#[derive(Debug)]
struct Talkers;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Talker {
    heard: Vec<Word>,
    answers: Vec<String>,
}

impl Persisted for Talker {
    fn save(&self) -> String {
        serde_json::to_string(self).unwrap()
    }

    fn load(text: &str) -> Result<Self, LoadError> {
        Ok(serde_json::from_str(text)?)
    }
}

impl Process for Talkers {
    const KIND: &'static str = "talker";

    type State = Talker;
    type Word = Word;

    fn step(state: &Talker, input: Input<Word>, _: Timestamp) -> Decision<Talker> {
        let (mut next, mut intents) = (state.clone(), Vec::new());
        match input {
            Input::Told(Told { word, .. }) => intents.push(say(word)),
            Input::Heard(message) => next.heard.push(message.word),
            Input::Answered(answered) => next.answers.push(match answered.outcome {
                Outcome::Failed(why) => why,
                outcome => format!("{outcome:?}"),
            }),
            Input::Started | Input::Woken => {}
        }
        Decision { next, facts: Vec::new(), intents, wake_at: None, because: Reason::new("said") }
    }

    fn is_over(_: &Talker) -> bool {
        false
    }

    fn scope(_: &Talker) -> Scope {
        Scope::Everything
    }

    fn slot(_: &Talker) -> Option<String> {
        None
    }

    fn name_of(_: &Word) -> &'static str {
        "say"
    }
}

struct Room {
    store: Arc<MemoryStore>,
    handle: Handle,
    server: tokio::task::JoinHandle<()>,
}

impl Room {
    async fn new() -> Self {
        let room = Self::with(Arc::default());
        let silent = Talker { heard: Vec::new(), answers: Vec::new() };
        room.handle.start::<Talkers>(talker().into(), silent, ada(), command(1)).await.unwrap();
        room
    }

    fn with(store: Arc<MemoryStore>) -> Self {
        let kinds = Kinds::default().with(Talkers).with(Groups);
        let (clock, settings) = (Arc::new(SystemClock), Settings::alone("test"));
        let (conductor, handle) =
            Conductor::new(store.clone(), Hands::default(), clock, kinds, settings);
        let server = tokio::spawn(conductor.run());
        Self { store, handle, server }
    }

    async fn says(&self, word: Word, number: u8) {
        let said = self.handle.tell::<Talkers>(talker().into(), word, ada(), command(number));
        said.await.unwrap();
    }

    async fn stored(&self) -> Stored {
        self.store.load(talker().into()).await.unwrap().unwrap()
    }

    async fn talker(&self) -> Talker {
        Talker::load(&self.stored().await.state).unwrap()
    }

    async fn group(&self) -> Option<Stored> {
        self.store.load(group().into()).await.unwrap()
    }
}

#[tokio::test]
async fn the_first_word_begins_its_receiver_and_the_answer_comes_back() {
    let room = Room::new().await;
    room.says(enter(), 2).await;
    until(async || room.talker().await.heard == [Word::Admit]).await;
    until(async || room.group().await.is_some_and(|group| group.open.is_empty())).await;
    assert!(room.group().await.unwrap().state.contains(&talker().to_string()));
    until(async || room.talker().await.answers == ["Done(None)"]).await;
    assert!(room.stored().await.open.is_empty());
    room.says(Word::Leave, 3).await;
    until(async || room.talker().await.answers.len() == 2).await;
    assert!(!room.group().await.unwrap().state.contains(&talker().to_string()));
}

#[tokio::test]
async fn what_nobody_is_there_to_hear_is_answered_so() {
    let room = Room::new().await;
    room.says(Word::Leave, 2).await;
    let nobody = format!("there is no process {}", group());
    until(async || room.talker().await.answers == [nobody.as_str()]).await;
    assert!(room.group().await.is_none());
}

#[tokio::test]
async fn a_word_that_was_heard_before_a_crash_counts_once() {
    let room = Room::new().await;
    room.says(enter(), 2).await;
    until(async || room.talker().await.answers.len() == 1).await;
    until(async || room.group().await.is_some_and(|group| group.open.is_empty())).await;
    room.server.abort();
    let (stored, now) = (room.stored().await, SystemClock.now());
    // As if the group had heard this, and the server had died before the talker was told so.
    let change = Change {
        process: stored.id,
        kind: stored.kind,
        expected: Some(stored.version),
        state: stored.state,
        status: Status::Active,
        wake_at: None,
        slot: None,
        intents: vec![say(Word::Leave)],
        settled: Vec::new(),
        hold: Hold { server: "test".to_owned(), until: now + SignedDuration::from_hours(1) },
        now,
    };
    room.store.commit(Commit { change: Some(change), ..Commit::default() }).await.unwrap();
    let heard = Some((line().command(Generation(2)), "heard".to_owned()));
    room.store.commit(Commit { command: heard, ..Commit::default() }).await.unwrap();
    let before = room.group().await;
    let room = Room::with(room.store.clone());
    until(async || room.talker().await.answers.len() == 2).await;
    assert_eq!(room.group().await, before, "it was said to it again, and changed nothing");
}

fn say(word: Word) -> Intent {
    Intent::Tell(Box::new(Message { line: line(), word }))
}

fn enter() -> Word {
    let (service, group, name) = (service(), "one".to_owned(), "talker".to_owned());
    Word::Enter(Entry { service, group, name, cancels: false, queues: false })
}

fn line() -> Line {
    Line { from: talker().into(), to: group().into(), job: None }
}

fn group() -> GroupId {
    Group::id(&service(), "one")
}

fn service() -> ServiceName {
    "shop".parse().unwrap()
}

fn talker() -> RunId {
    RunId::new(Timestamp::UNIX_EPOCH, [3; 10])
}

fn command(number: u8) -> CommandId {
    CommandId::new(Timestamp::UNIX_EPOCH, [number; 10])
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
        SystemClock.sleep_until(SystemClock.now() + SignedDuration::from_millis(5)).await;
    }
    panic!("it did not come about within ten seconds");
}

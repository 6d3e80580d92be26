//! One turn of one process: load, decide, commit. Lost races are decided anew.

use engine::decision::Answered;
use jiff::{SignedDuration, Timestamp};
use model::fact::{Actor, Cause, Fact, ProcessParked, ProcessUnparked, What, WordRefused};
use model::id::{AnyId, CommandId};
use model::intent::{Generation, Intent, Outcome};
use model::journal::Sealed;
use ports::store::{
    Change, Commit, CommitError, Hold, Open, Settled, Status, StoreError, StoreErrorKind, Stored,
};

use crate::conductor::Shared;
use crate::handle::{HandleError, Letter, Reply, Word};
use crate::kinds::{AnyDecision, AnyInput, AnyState, Founded};

/// What a process is asked to decide on.
#[derive(Debug)]
pub(crate) enum Job {
    Woken,
    Answered { generation: Generation, answered: Answered },
    Letter(Letter),
}

/// A process as it was last seen. A stale memory costs a lost race, never a wrong commit.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) stored: Stored,
    /// `None` until the state is needed.
    state: Option<AnyState>,
}

impl From<Stored> for Memory {
    fn from(stored: Stored) -> Self {
        Self { stored, state: None }
    }
}

/// What came of a turn.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) process: AnyId,
    /// `None` when it is not known any more.
    pub(crate) memory: Option<Memory>,
    /// Intents that this turn has brought forth.
    pub(crate) fresh: Vec<Open>,
    /// The store did not serve. What was to be decided on is found there again.
    pub(crate) is_lost: bool,
}

/// Takes a turn and answers whoever waits for it.
pub(crate) async fn turn(
    shared: &Shared,
    process: AnyId,
    mut memory: Option<Memory>,
    job: Job,
) -> Turned {
    let mut turn = Turn { shared, process, fresh: Vec::new() };
    let result = loop {
        match turn.take(&mut memory, &job).await {
            Err(Trouble::Conflict) => memory = None,
            Err(Trouble::Other(error)) => break Err(error),
            Ok(reply) | Err(Trouble::Repeated(reply)) => break Ok(reply),
        }
    };
    let fresh = std::mem::take(&mut turn.fresh);
    let is_lost = matches!(&result, Err(HandleError::Store(_)));
    match (job, result) {
        // Whoever no longer waits has the command, and may ask again.
        (Job::Letter(letter), result) => drop(letter.reply.send(result)),
        (_, Ok(_)) => {}
        (_, Err(error)) => {
            tracing::warn!(%process, %error, "a turn was lost; it will be taken again");
        }
    }
    if is_lost {
        memory = None;
    }
    Turned { process, memory, fresh, is_lost }
}

/// Why a turn did not come about.
enum Trouble {
    Conflict,
    /// The word was taken before; nothing was changed.
    Repeated(Reply),
    Other(HandleError),
}

impl From<HandleError> for Trouble {
    fn from(error: HandleError) -> Self {
        Self::Other(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Other(error.into())
    }
}

struct Turn<'a> {
    shared: &'a Shared,
    process: AnyId,
    fresh: Vec<Open>,
}

impl Turn<'_> {
    async fn take(&mut self, memory: &mut Option<Memory>, job: &Job) -> Result<Reply, Trouble> {
        let now = self.shared.clock.now();
        if let Job::Letter(Letter { word: Word::Start { kind, state }, by, command, .. }) = job {
            return self.start(memory, kind, state, by, *command, now).await;
        }
        // An answer that nobody seems to wait for may be to an intent that changed meanwhile.
        let is_doubtful = |known: &Memory| match job {
            Job::Answered { generation, answered } => !is_open(known, *generation, answered),
            _ => false,
        };
        if memory.as_ref().is_none_or(is_doubtful) {
            *memory = self.shared.store.load(self.process).await?.map(Memory::from);
        }
        if memory.is_none() {
            *memory = self.founded_by(job);
        }
        let Some(known) = memory else {
            return Err(HandleError::NotFound(self.process).into());
        };
        match (job, known.stored.status) {
            (Job::Letter(letter), Status::Parked) if matches!(letter.word, Word::Unpark) => {
                self.unpark(known, letter, now).await
            }
            // It is said again until somebody takes the process up: no refusal, and none on record.
            (Job::Letter(Letter { word: Word::Message(_), .. }), Status::Parked) => {
                Err(HandleError::Parked(self.process).into())
            }
            (Job::Letter(letter), Status::Parked) => self.refuse(known, letter, now).await,
            (_, Status::Parked) => Ok(nothing_to_do()),
            (Job::Letter(Letter { word: Word::Unpark, .. }), _) => {
                Err(HandleError::NotParked(self.process).into())
            }
            (Job::Woken, _) if known.stored.wake_at.is_none_or(|at| at > now) => {
                Ok(nothing_to_do())
            }
            (Job::Answered { generation, answered }, _)
                if !is_open(known, *generation, answered) =>
            {
                Ok(nothing_to_do())
            }
            _ => self.decide(known, job, now).await,
        }
    }

    async fn start(
        &mut self,
        memory: &mut Option<Memory>,
        kind: &'static str,
        state: &AnyState,
        by: &Actor,
        command: CommandId,
        now: Timestamp,
    ) -> Result<Reply, Trouble> {
        let decider = self.shared.kinds.get(kind).ok_or(HandleError::NotFound(self.process))?;
        let decision =
            decider.step(state, AnyInput::Started, now).map_err(HandleError::Panicked)?;
        let cause = Cause::Command(command);
        let mut new = self.unstored(kind, String::new());
        let began = self.commit(&mut new, decision, by, cause, Some(command), None, now).await;
        let reply = began.map_err(|trouble| match trouble {
            Trouble::Conflict => HandleError::Exists(self.process).into(),
            other => other,
        })?;
        *memory = Some(new);
        Ok(reply)
    }

    /// A process that begins by what another says to it.
    fn founded_by(&self, job: &Job) -> Option<Memory> {
        let Job::Letter(Letter { word: Word::Message(message), .. }) = job else { return None };
        let Founded { kind, state, saved } = self.shared.kinds.founded_by(message)?;
        Some(Memory { state: Some(state), ..self.unstored(kind, saved) })
    }

    fn unstored(&self, kind: &str, state: String) -> Memory {
        Memory::from(Stored {
            id: self.process,
            kind: kind.to_owned(),
            version: 0,
            state,
            status: Status::Active,
            wake_at: None,
            slot: None,
            open: Vec::new(),
        })
    }

    async fn decide(
        &mut self,
        memory: &mut Memory,
        job: &Job,
        now: Timestamp,
    ) -> Result<Reply, Trouble> {
        let stored = &memory.stored;
        let Some(decider) = self.shared.kinds.get(&stored.kind) else {
            return Err(HandleError::NotFound(self.process).into());
        };
        if memory.state.is_none() {
            match decider.load(&stored.state) {
                Ok(state) => memory.state = Some(state),
                Err(error) => return self.park(memory, job, chain(&error), now).await,
            }
        }
        let conductor = Actor::conductor();
        let (input, by, cause, command, settles) = match job {
            Job::Woken => (AnyInput::Woken, &conductor, Cause::Wake, None, None),
            Job::Answered { generation, answered } => {
                let target = answered.target.clone();
                let cause = Cause::Answer { target, generation: *generation };
                (
                    AnyInput::Answered(answered),
                    &conductor,
                    cause,
                    None,
                    settled(*generation, answered, memory),
                )
            }
            Job::Letter(Letter { word: Word::Tell { kind, word, .. }, by, command, .. }) => {
                if *kind != memory.stored.kind {
                    let found = memory.stored.kind.clone();
                    let error =
                        HandleError::WrongKind { process: self.process, found, expected: kind };
                    return Err(error.into());
                }
                (AnyInput::Told { word, by }, by, Cause::Command(*command), Some(*command), None)
            }
            Job::Letter(Letter { word: Word::Message(message), by, command, .. }) => {
                (AnyInput::Heard(message), by, Cause::Command(*command), Some(*command), None)
            }
            Job::Letter(_) => unreachable!("starting and unparking do not decide on a state"),
        };
        let state = memory.state.as_ref().expect("it was loaded above");
        match decider.step(state, input, now) {
            Ok(decision) => self.commit(memory, decision, by, cause, command, settles, now).await,
            // Nothing is stored yet that could be set aside.
            Err(message) if memory.stored.version == 0 => {
                Err(HandleError::Panicked(message).into())
            }
            Err(message) => {
                self.park(memory, job, format!("deciding panicked: {message}"), now).await
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "it is the one place where they all come together"
    )]
    async fn commit(
        &mut self,
        memory: &mut Memory,
        decision: AnyDecision,
        by: &Actor,
        cause: Cause,
        command: Option<CommandId>,
        settles: Option<Settled>,
        now: Timestamp,
    ) -> Result<Reply, Trouble> {
        let AnyDecision { next, saved, facts, intents, wake_at, because, is_over, scope, slot } =
            decision;
        let reply = Reply::from(&because);
        // A decider that asks for the present moment again and again must not spin.
        let wake_at = wake_at.map(|at| at.max(now + SignedDuration::from_millis(1)));
        let is_idle = saved.is_none() && facts.is_empty() && intents.is_empty();
        let stored = &memory.stored;
        if is_idle && settles.is_none() && command.is_none() && wake_at == stored.wake_at {
            return Ok(reply);
        }
        let mut settled: Vec<_> = settles.into_iter().collect();
        if is_over {
            let is_moot = |open: &&Open| !open.intent.outlives_its_process();
            settled.extend(stored.open.iter().filter(is_moot).map(dropped));
        }
        let subject = self.process;
        let seal = |what: What| {
            let (actor, cause, scope) = (by.clone(), cause.clone(), scope.clone());
            Sealed::from(&Fact { at: now, actor, cause, subject, scope, what })
        };
        let saved = saved.unwrap_or_else(|| stored.state.clone());
        let commit = Commit {
            change: Some(Change {
                process: subject,
                kind: stored.kind.clone(),
                expected: (stored.version > 0).then_some(stored.version),
                state: saved.clone(),
                status: if is_over { Status::Ended } else { Status::Active },
                wake_at,
                slot: slot.clone(),
                intents: intents.clone(),
                settled: settled.clone(),
                hold: self.shared.hold(now),
                now,
            }),
            facts: facts.into_iter().map(seal).collect(),
            command: command.map(|command| (command, reply.to_json())),
        };
        let committed = match self.shared.store.commit(commit).await {
            Ok(committed) => committed,
            // What can never be stored would be tried for ever: the process is set aside instead.
            Err(CommitError::Store(error))
                if error.kind == StoreErrorKind::TooLarge && stored.version > 0 =>
            {
                self.set_aside(memory, error.to_string(), now).await?;
                return Err(error.into());
            }
            Err(error) => return Err(trouble(error)),
        };
        let fresh = intents.into_iter().zip(committed.generations);
        let fresh: Vec<_> = fresh.map(|(intent, generation)| Open { generation, intent }).collect();
        let stored = &mut memory.stored;
        let is_replaced = |open: &Open| {
            let target = open.intent.target();
            settled.iter().any(|settled| settled.target == target)
                || fresh.iter().any(|fresh| fresh.intent.target() == target)
        };
        stored.open.retain(|open| !is_replaced(open));
        stored.open.extend(fresh.iter().cloned());
        stored.version = committed.version;
        stored.state = saved;
        stored.slot = slot;
        stored.status = if is_over { Status::Ended } else { Status::Active };
        stored.wake_at = wake_at;
        memory.state = Some(next);
        self.fresh = fresh;
        Ok(reply)
    }

    /// Sets the process aside with its state as it was; a word that led here gets an error.
    async fn park(
        &mut self,
        memory: &mut Memory,
        job: &Job,
        why: String,
        now: Timestamp,
    ) -> Result<Reply, Trouble> {
        tracing::error!(process = %self.process, why, "a process was parked");
        self.set_aside(memory, why.clone(), now).await?;
        match job {
            Job::Letter(_) => Err(HandleError::Panicked(why).into()),
            _ => Ok(nothing_to_do()),
        }
    }

    async fn set_aside(
        &mut self,
        memory: &mut Memory,
        why: String,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let fact = self.fact(memory, ProcessParked { why }, Actor::conductor(), Cause::Fault, now);
        self.set_status(memory, Status::Parked, None, fact, None, now).await
    }

    async fn unpark(
        &mut self,
        memory: &mut Memory,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<Reply, Trouble> {
        let cause = Cause::Command(letter.command);
        let fact = self.fact(memory, ProcessUnparked {}, letter.by.clone(), cause, now);
        let reply = Reply { is_refusal: false, text: "taken up again".to_owned() };
        let command = Some((letter.command, reply.to_json()));
        self.set_status(memory, Status::Active, Some(now), fact, command, now).await?;
        Ok(reply)
    }

    /// A parked process takes no words; that somebody tried is on record.
    async fn refuse(
        &mut self,
        memory: &Memory,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<Reply, Trouble> {
        if let Some(reply) = self.shared.store.reply_to(letter.command).await? {
            return Ok(Reply::from_json(&reply));
        }
        let name = match &letter.word {
            Word::Tell { name, .. } => name,
            Word::Start { .. } | Word::Unpark | Word::Message(_) => "start",
        };
        let why = HandleError::Parked(memory.stored.id);
        let what = WordRefused { word: name.to_owned(), why: why.to_string() };
        let fact = self.fact(memory, what, letter.by.clone(), Cause::Command(letter.command), now);
        self.shared
            .store
            .commit(Commit { facts: vec![fact], ..Commit::default() })
            .await
            .map_err(trouble)?;
        Err(why.into())
    }

    async fn set_status(
        &mut self,
        memory: &mut Memory,
        status: Status,
        wake_at: Option<Timestamp>,
        fact: Sealed,
        command: Option<(CommandId, String)>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let stored = &mut memory.stored;
        let change = Change {
            process: stored.id,
            kind: stored.kind.clone(),
            expected: Some(stored.version),
            state: stored.state.clone(),
            status,
            wake_at,
            slot: stored.slot.clone(),
            intents: Vec::new(),
            settled: Vec::new(),
            // Whoever claims it finds it like any other whose server has crashed.
            hold: Hold { until: now, ..self.shared.hold(now) },
            now,
        };
        let commit = Commit { change: Some(change), facts: vec![fact], command };
        let committed = self.shared.store.commit(commit).await.map_err(trouble)?;
        stored.version = committed.version;
        stored.status = status;
        stored.wake_at = wake_at;
        Ok(())
    }

    fn fact(
        &self,
        memory: &Memory,
        what: impl Into<What>,
        actor: Actor,
        cause: Cause,
        now: Timestamp,
    ) -> Sealed {
        let kind = self.shared.kinds.get(&memory.stored.kind);
        let scope = kind.zip(memory.state.as_ref()).map(|(kind, state)| kind.scope(state));
        let (subject, scope) = (self.process, scope.unwrap_or_default());
        Sealed::from(&Fact { at: now, actor, cause, subject, scope, what: what.into() })
    }
}

fn nothing_to_do() -> Reply {
    Reply { is_refusal: false, text: "nothing to do".to_owned() }
}

/// Only the answer to the newest intent counts; a late or a second one says nothing new.
fn is_open(memory: &Memory, generation: Generation, answered: &Answered) -> bool {
    find_open(memory, generation, answered).is_some()
}

fn find_open<'a>(
    memory: &'a Memory,
    generation: Generation,
    answered: &Answered,
) -> Option<&'a Intent> {
    let open = memory
        .stored
        .open
        .iter()
        .find(|open| open.generation == generation && open.intent.target() == answered.target);
    open.map(|open| &open.intent)
}

/// An answer settles its intent, unless nobody knows yet.
fn settled(generation: Generation, answered: &Answered, memory: &Memory) -> Option<Settled> {
    let intent = find_open(memory, generation, answered)?;
    let target = answered.target.clone();
    match answered.outcome {
        Outcome::Done(_) => Some(Settled { target, generation, upheld: intent.is_upheld() }),
        Outcome::Worked(_) | Outcome::Failed(_) => {
            Some(Settled { target, generation, upheld: false })
        }
        Outcome::Unknown(_) => None,
    }
}

fn dropped(open: &Open) -> Settled {
    Settled { target: open.intent.target(), generation: open.generation, upheld: false }
}

fn trouble(error: CommitError) -> Trouble {
    match error {
        CommitError::Conflict => Trouble::Conflict,
        CommitError::SlotTaken { slot, by } => HandleError::SlotTaken { slot, by }.into(),
        CommitError::Repeated { reply } => Trouble::Repeated(Reply::from_json(&reply)),
        CommitError::Store(error) => error.into(),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

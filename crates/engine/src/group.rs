//! A concurrency group: of those that want to be in it, one is; what becomes of the others.

use std::convert::Infallible;

use jiff::Timestamp;
use model::id::{AnyId, RunId};
use model::intent::{Intent, Outcome, Target};
use model::message::{Entry, Line, Message, Word};
use model::name::Scope;
use model::pipeline::{Claim, Group};

use crate::decision::{Answered, Decision, Input, Process, Reason};

/// The kind of process that lets one run or job of a concurrency group begin at a time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Groups;

impl Process for Groups {
    const KIND: &'static str = "group";

    type State = Group;
    /// Nobody but a run says anything to a group.
    type Word = Infallible;

    fn step(state: &Group, input: Input<Infallible>, _: Timestamp) -> Decision<Group> {
        step(state, input)
    }

    /// There may always be another who wants to enter.
    fn is_over(_: &Group) -> bool {
        false
    }

    fn scope(state: &Group) -> Scope {
        Scope::Service(state.service.clone())
    }

    fn slot(_: &Group) -> Option<String> {
        None
    }

    fn name_of(word: &Infallible) -> &'static str {
        match *word {}
    }

    /// The first who wants to enter a group begins it.
    fn founded_by(message: &Message) -> Option<Group> {
        let Word::Enter(entry) = &message.word else { return None };
        let id = Group::id(&entry.service, &entry.group);
        let is_meant = AnyId::from(id) == message.line.to;
        is_meant.then(|| Group::new(entry.service.clone(), entry.group.clone()))
    }
}

/// The most that wait in one group, where all may wait.
const MOST_QUEUED: usize = 100;

/// Decides. The same state and input give the same decision; the time does not matter.
pub fn step(state: &Group, input: Input<Infallible>) -> Decision<Group> {
    let mut turn = Turn { next: state.clone(), intents: Vec::new() };
    let because = match input {
        Input::Heard(message) => turn.listen(message),
        Input::Answered(answered) => turn.hear(&answered),
        Input::Started | Input::Woken => Reason::new("a group waits for those who want to enter"),
        Input::Told(told) => match told.word {},
    };
    let Turn { next, intents } = turn;
    Decision { next, facts: Vec::new(), intents, wake_at: None, because }
}

/// One decision in the making.
struct Turn {
    next: Group,
    intents: Vec<Intent>,
}

impl Turn {
    fn listen(&mut self, Message { line, word }: Message) -> Reason {
        let Ok(run) = RunId::try_from(line.from) else {
            return Reason::new("only runs enter groups");
        };
        match word {
            Word::Enter(entry) => {
                self.enter(Claim { run, job: line.job, name: entry.name.clone() }, &entry)
            }
            Word::Leave => self.leave(run, line.job),
            Word::Admit | Word::Wait { .. } | Word::GiveWay { .. } => {
                Reason::new("this is said by groups, not to them")
            }
        }
    }

    /// Whoever does not even hear what it is told does not exist any more.
    fn hear(&mut self, answered: &Answered) -> Reason {
        let (Target::Word(line), Outcome::Failed(_)) = (&answered.target, &answered.outcome) else {
            return Reason::new("it was heard");
        };
        match RunId::try_from(line.to) {
            Ok(run) => self.leave(run, line.job),
            Err(_) => Reason::new("only runs are in groups"),
        }
    }

    fn enter(&mut self, claim: Claim, entry: &Entry) -> Reason {
        let is_known = |known: &Claim| known.is_of(claim.run, claim.job);
        if self.next.holder.as_ref().is_some_and(is_known) {
            self.tell(&claim, Word::Admit);
            return Reason::new("it is in the group already");
        }
        if self.next.waiting.iter().any(is_known) {
            return Reason::new("it waits already");
        }
        let group = self.next.name.clone();
        if !entry.queues {
            for other in std::mem::take(&mut self.next.waiting) {
                let who = called(&claim, &other);
                self.tell(
                    &other,
                    Word::GiveWay { why: format!("{who} took its place in the group `{group}`") },
                );
            }
        } else if self.next.waiting.len() >= MOST_QUEUED {
            let why = format!("{MOST_QUEUED} wait in the group `{group}` already");
            self.tell(&claim, Word::GiveWay { why });
            return Reason::new("as many wait as may");
        }
        let Some(holder) = self.next.holder.clone() else {
            self.tell(&claim, Word::Admit);
            self.next.holder = Some(claim);
            return Reason::new("the group was free");
        };
        if entry.cancels {
            let who = called(&claim, &holder);
            let why = format!("{who} takes its place in the group `{group}`");
            self.tell(&holder, Word::GiveWay { why });
        }
        self.tell(&claim, Word::Wait { behind: called(&holder, &claim) });
        self.next.waiting.push_back(claim);
        Reason::new("the group is taken")
    }

    fn leave(&mut self, run: RunId, job: Option<usize>) -> Reason {
        self.next.waiting.retain(|waiting| !waiting.is_of(run, job));
        if !self.next.holder.as_ref().is_some_and(|holder| holder.is_of(run, job)) {
            return Reason::new("it is not in the group");
        }
        self.next.holder = self.next.waiting.pop_front();
        match self.next.holder.clone() {
            None => Reason::new("the group is free"),
            Some(next) => {
                self.tell(&next, Word::Admit);
                Reason::new("the next one enters")
            }
        }
    }

    fn tell(&mut self, claim: &Claim, word: Word) {
        let from = Group::id(&self.next.service, &self.next.name).into();
        let line = Line { from, to: claim.run.into(), job: claim.job };
        self.intents.push(Intent::Tell(Box::new(Message { line, word })));
    }
}

/// What somebody is called before another: within a run a job's name says it all.
fn called(who: &Claim, before: &Claim) -> String {
    if who.run == before.run { who.name.clone() } else { format!("{} ({})", who.name, who.run) }
}

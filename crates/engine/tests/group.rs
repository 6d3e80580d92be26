//! Concurrency groups, decision by decision: who is in, who waits, and what they are told.

use std::convert::Infallible;

use engine::decision::{Answered, Input, Process};
use engine::group::{Groups, step};
use jiff::Timestamp;
use model::id::RunId;
use model::intent::{Intent, Outcome, Target};
use model::message::{Entry, Line, Message, Word};
use model::persisted::Persisted;
use model::pipeline::Group;

/// A group, and what its last decision said.
struct Door {
    group: Group,
    said: Vec<(u8, Word)>,
}

impl Door {
    fn new() -> Self {
        Self { group: Group::new(service(), "Deploy".to_owned()), said: Vec::new() }
    }

    fn takes(&mut self, input: Input<Infallible>) {
        let decision = step(&self.group, input.clone());
        assert_eq!(decision, step(&self.group, input));
        assert_eq!(Group::load(&decision.next.save()).unwrap(), decision.next);
        assert!(decision.next.holder.is_some() || decision.next.waiting.is_empty());
        let said = decision.intents.into_iter().map(|intent| {
            let Intent::Tell(message) = intent else { panic!("a group wants {intent:?}") };
            let Message { line, word } = *message;
            let to = (0..=u8::MAX).find(|number| line.to == run(*number).into());
            (to.expect("it was heard of before"), word)
        });
        self.said = said.collect();
        self.group = decision.next;
    }

    fn hears(&mut self, from: u8, word: Word) {
        self.takes(Input::Heard(Message { line: line(from), word }));
    }

    fn enters(&mut self, from: u8, cancels: bool, queues: bool) {
        self.hears(from, entry(from, cancels, queues));
    }

    fn in_it(&self) -> Option<RunId> {
        self.group.holder.as_ref().map(|claim| claim.run)
    }
}

fn entry(from: u8, cancels: bool, queues: bool) -> Word {
    let (group, name) = ("Deploy".to_owned(), format!("r{from}"));
    Word::Enter(Entry { service: service(), group, name, cancels, queues })
}

fn line(from: u8) -> Line {
    let to = Group::id(&service(), "deploy").into();
    Line { from: run(from).into(), to, job: None }
}

fn run(number: u8) -> RunId {
    RunId::new(Timestamp::UNIX_EPOCH, [number; 10])
}

fn service() -> model::name::ServiceName {
    "shop".parse().unwrap()
}

fn waits_behind(number: u8) -> Word {
    Word::Wait { behind: format!("r{number} ({})", run(number)) }
}

fn gives_way(to: u8, how: &str) -> Word {
    Word::GiveWay { why: format!("r{to} ({}) {how} its place in the group `Deploy`", run(to)) }
}

#[test]
fn one_is_in_and_the_newest_waits() {
    let mut door = Door::new();
    door.enters(1, false, false);
    assert_eq!(door.said, [(1, Word::Admit)]);
    door.enters(2, false, false);
    assert_eq!(door.said, [(2, waits_behind(1))]);
    door.enters(3, false, false);
    assert_eq!(door.said, [(2, gives_way(3, "took")), (3, waits_behind(1))]);
    door.hears(2, Word::Leave);
    assert!(door.said.is_empty());
    door.hears(1, Word::Leave);
    assert_eq!(door.said, [(3, Word::Admit)]);
    door.hears(3, Word::Leave);
    assert_eq!((&door.said[..], door.in_it()), (&[][..], None));
}

#[test]
fn who_cancels_waits_until_the_other_has_left() {
    let mut door = Door::new();
    door.enters(1, false, false);
    door.enters(2, true, false);
    assert_eq!(door.said, [(1, gives_way(2, "takes")), (2, waits_behind(1))]);
    assert_eq!(door.in_it(), Some(run(1)));
    door.hears(1, Word::Leave);
    assert_eq!(door.said, [(2, Word::Admit)]);
}

#[test]
fn a_hundred_wait_in_their_order() {
    let mut door = Door::new();
    for number in 0..=100 {
        door.enters(number, false, true);
    }
    door.enters(101, false, true);
    let full = "100 wait in the group `Deploy` already".to_owned();
    assert_eq!(door.said, [(101, Word::GiveWay { why: full })]);
    door.hears(50, Word::Leave);
    for number in (0..100).filter(|number| *number != 50) {
        assert_eq!(door.in_it(), Some(run(number)));
        door.hears(number, Word::Leave);
    }
    assert_eq!(door.in_it(), Some(run(100)));
}

#[test]
fn who_asks_again_gets_the_same_place() {
    let mut door = Door::new();
    door.enters(1, false, true);
    door.enters(1, false, true);
    assert_eq!(door.said, [(1, Word::Admit)]);
    door.enters(2, false, true);
    door.enters(2, true, false);
    assert!(door.said.is_empty());
    door.hears(1, Word::Leave);
    door.hears(1, Word::Leave);
    assert_eq!((&door.said[..], door.in_it()), (&[][..], Some(run(2))));
}

#[test]
fn who_does_not_exist_any_more_leaves() {
    let mut door = Door::new();
    door.enters(1, false, true);
    door.enters(2, false, true);
    let answered = |outcome| {
        let target = Target::Word(line(1).back());
        Input::Answered(Answered { target, asked_at: Timestamp::UNIX_EPOCH, outcome })
    };
    door.takes(answered(Outcome::Done(None)));
    door.takes(answered(Outcome::Unknown("no answer".to_owned())));
    assert_eq!(door.in_it(), Some(run(1)));
    door.takes(answered(Outcome::Failed("there is no such process".to_owned())));
    assert_eq!(door.said, [(2, Word::Admit)]);
}

#[test]
fn a_group_begins_with_the_first_who_enters_it() {
    let message = Message { line: line(1), word: entry(1, false, false) };
    let founded = Groups::founded_by(&message).unwrap();
    assert_eq!(founded, Group::new(service(), "Deploy".to_owned()));
    let elsewhere = Line { to: Group::id(&service(), "another").into(), ..line(1) };
    assert_eq!(Groups::founded_by(&Message { line: elsewhere, ..message }), None);
    assert_eq!(Groups::founded_by(&Message { line: line(1), word: Word::Leave }), None);
}

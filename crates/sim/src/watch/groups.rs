//! What is true of every concurrency group: one is in it, and the group and the run agree on it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

use engine::decision::{Decision, Input, Process};
use engine::group;
use jiff::Timestamp;
use model::id::{AnyId, GroupId, RunId};
use model::message::Message;
use model::name::Scope;
use model::persisted::Persisted;
use model::pipeline::{Claim, Group};
use ports::store::Change;

/// The most that may wait.
const MOST_QUEUED: usize = 100;

/// Every group as it was last committed.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<BTreeMap<AnyId, Group>>);

/// A place that a run, or one of its jobs, believes to have in a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) group: GroupId,
    pub(super) run: RunId,
    pub(super) job: Option<usize>,
}

impl Groups {
    /// Holds a commit against what is true of every state.
    pub(super) fn committed(&self, change: &Change) -> Vec<String> {
        let group = match Group::load(&change.state) {
            Ok(group) => group,
            Err(error) => return vec![format!("a group does not load: {error}")],
        };
        let broken = of_state(&group);
        self.0.lock().expect("the watch does not panic").insert(change.process, group);
        broken
    }

    /// Whoever is in a group is so by the group's own word; so two never are.
    pub(super) fn broken_by(&self, places: &[Place]) -> Vec<String> {
        let groups = self.0.lock().expect("the watch does not panic");
        let is_given = |place: &&Place| {
            let holder = groups.get(&place.group.into()).and_then(|group| group.holder.as_ref());
            holder.is_some_and(|holder| holder.is_of(place.run, place.job))
        };
        let taken = places.iter().filter(|place| !is_given(place));
        taken.map(|place| format!("{place:?} was not given")).collect()
    }

    /// Nobody is in a group, or waits, who is over.
    pub(super) fn left_by(&self, is_over: impl Fn(&Claim) -> bool) -> Vec<String> {
        let groups = self.0.lock().expect("the watch does not panic");
        let claims = |group: &Group| {
            let over = group.holder.iter().chain(&group.waiting).filter(|claim| is_over(claim));
            over.map(|claim| format!("{claim:?} is over and still in {}", group.name)).collect()
        };
        groups.values().flat_map(|group| -> Vec<String> { claims(group) }).collect()
    }
}

fn of_state(group: &Group) -> Vec<String> {
    let mut broken = Vec::new();
    if group.holder.is_none() && !group.waiting.is_empty() {
        broken.push(format!("some wait for {}, which is free", group.name));
    }
    if group.waiting.len() > MOST_QUEUED {
        broken.push(format!("{} wait for {}", group.waiting.len(), group.name));
    }
    let mut claims: Vec<_> = group.holder.iter().chain(&group.waiting).collect();
    claims.sort_by_key(|claim| (claim.run, claim.job));
    if claims.windows(2).any(|pair| pair[0].is_of(pair[1].run, pair[1].job)) {
        broken.push(format!("somebody is twice in {}", group.name));
    }
    broken
}

/// Groups that check their own decider at every step; a panic parks the process, and the watch
/// reports that.
#[derive(Debug)]
pub struct CheckedGroups;

impl Process for CheckedGroups {
    const KIND: &'static str = group::Groups::KIND;

    type State = Group;
    type Word = Infallible;

    fn step(state: &Group, input: Input<Infallible>, now: Timestamp) -> Decision<Group> {
        let decision = group::Groups::step(state, input.clone(), now);
        let again = group::Groups::step(state, input, now);
        assert_eq!(decision, again, "the same input, another decision");
        let restored = Group::load(&decision.next.save());
        assert_eq!(restored.ok().as_ref(), Some(&decision.next), "a state changes when stored");
        decision
    }

    fn is_over(state: &Group) -> bool {
        group::Groups::is_over(state)
    }

    fn scope(state: &Group) -> Scope {
        group::Groups::scope(state)
    }

    fn slot(state: &Group) -> Option<String> {
        group::Groups::slot(state)
    }

    fn name_of(word: &Infallible) -> &'static str {
        group::Groups::name_of(word)
    }

    fn founded_by(message: &Message) -> Option<Group> {
        group::Groups::founded_by(message)
    }
}

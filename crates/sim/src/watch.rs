//! The watch: invariants that hold after every step, in every world, whatever goes wrong.

mod groups;
mod runs;

use std::collections::BTreeMap;
use std::sync::Mutex;

use engine::decision::{Decision, Input, Process, Told};
use engine::group;
use engine::pipeline::Pipeline;
use engine::rollout::{Rollouts, Word};
use jiff::Timestamp;
use model::fact::Actor;
use model::id::AnyId;
use model::name::{Place, Scope};
use model::persisted::Persisted;
use model::rollout::{Phase, Rollout, Verdict};
use ports::fake::{Execution, FakeNode};
use ports::store::{Change, Status};

pub use groups::CheckedGroups;
use groups::Groups;
pub use runs::CheckedPipeline;
use runs::Runs;

/// Sees every commit and every change of traffic, and keeps what it finds wrong.
#[derive(Debug, Default)]
pub struct Watch {
    rollouts: Mutex<BTreeMap<AnyId, Rollout>>,
    runs: Runs,
    groups: Groups,
    broken: Mutex<Vec<String>>,
}

impl Watch {
    /// What was found wrong so far.
    pub fn broken(&self) -> Vec<String> {
        self.broken.lock().expect("the watch does not panic").clone()
    }

    /// What is wrong with what the runners did, held against what the runs say.
    pub fn broken_by(&self, executions: &[Execution]) -> Vec<String> {
        let mut broken = self.runs.broken_by(executions);
        broken.extend(self.groups.left_by(|claim| self.runs.is_over(claim)));
        broken
    }

    pub(crate) fn committed(&self, change: Option<&Change>) {
        let Some(change) = change else { return };
        if change.status == Status::Parked {
            self.report(format!("{} was parked", change.process));
            return;
        }
        if [Pipeline::KIND, group::Groups::KIND].contains(&change.kind.as_str()) {
            let is_run = change.kind == Pipeline::KIND;
            let mut broken =
                if is_run { self.runs.committed(change) } else { self.groups.committed(change) };
            broken.extend(self.groups.broken_by(&self.runs.places()));
            return broken.into_iter().for_each(|broken| self.report(broken));
        }
        let next = match Rollout::load(&change.state) {
            Ok(next) => next,
            Err(error) => return self.report(format!("a state does not load: {error}")),
        };
        let mut rollouts = self.rollouts.lock().expect("the watch does not panic");
        if let Some(before) = rollouts.get(&change.process) {
            self.check_promotion(before, &next);
        }
        rollouts.insert(change.process, next);
        let mut active = BTreeMap::<&Place, u32>::new();
        for rollout in rollouts.values().filter(|rollout| !Rollouts::is_over(rollout)) {
            *active.entry(&rollout.place).or_default() += 1;
        }
        for (place, count) in active.into_iter().filter(|(_, count)| *count > 1) {
            self.report(format!("{count} rollouts move in {place} at the same time"));
        }
    }

    /// A step passes on evidence that is newer than its split, and that shows everybody ready.
    fn check_promotion(&self, before: &Rollout, next: &Rollout) {
        let Phase::Holding { step, since, .. } = before.phase else { return };
        let passed = match next.phase {
            Phase::Shifting { step: to } => to > step,
            Phase::Clearing { verdict } | Phase::Ended { verdict } => verdict == Verdict::Promoted,
            _ => false,
        };
        let is_proven = next.evidence.as_ref().is_some_and(|evidence| {
            evidence.asked_at >= since && evidence.ready >= evidence.wanted
        });
        if passed && !is_proven {
            self.report(format!("step {step} passed without evidence: {:?}", next.evidence));
        }
    }

    /// The candidate never has more traffic than its step says.
    pub(crate) fn steered(&self, place: &Place, node: &FakeNode) {
        let rollouts = self.rollouts.lock().expect("the watch does not panic");
        let here = rollouts.values().filter(|rollout| rollout.place == *place);
        for rollout in here.filter(|rollout| !Rollouts::is_over(rollout)) {
            let (weight, permitted) =
                (node.weight(place, rollout.candidate.id), rollout.permitted_weight());
            if weight > permitted {
                self.report(format!(
                    "the candidate has {weight} of the traffic, where {permitted} is its step"
                ));
            }
        }
    }

    fn report(&self, what: String) {
        self.broken.lock().expect("the watch does not panic").push(what);
    }
}

/// Rollouts that check their own decider at every step; a panic parks the process, and the watch
/// reports that.
#[derive(Debug)]
pub struct CheckedRollouts;

impl Process for CheckedRollouts {
    const KIND: &'static str = Rollouts::KIND;

    type State = Rollout;
    type Word = Word;

    fn step(state: &Rollout, input: Input<Word>, now: Timestamp) -> Decision<Rollout> {
        let decision = Rollouts::step(state, input.clone(), now);
        assert_eq!(decision, Rollouts::step(state, input, now), "the same input, another decision");
        let restored = Rollout::load(&decision.next.save());
        assert_eq!(restored.ok().as_ref(), Some(&decision.next), "a state changes when stored");
        assert!(can_be_aborted(&decision.next, now), "no way back from {:?}", decision.next.phase);
        decision
    }

    fn is_over(state: &Rollout) -> bool {
        Rollouts::is_over(state)
    }

    fn scope(state: &Rollout) -> Scope {
        Rollouts::scope(state)
    }

    fn slot(state: &Rollout) -> Option<String> {
        Rollouts::slot(state)
    }

    fn name_of(word: &Word) -> &'static str {
        Rollouts::name_of(word)
    }
}

/// Every unfinished rollout is on its way back, or starts back at a word.
fn can_be_aborted(state: &Rollout, now: Timestamp) -> bool {
    let by = Actor::conductor();
    let word = Word::Abort { why: "to see whether it can be".to_owned() };
    let next = Rollouts::step(state, Input::Told(Told { word, by }), now).next;
    let goes_back = |phase: &Phase| match phase {
        Phase::Reviving { .. } | Phase::Retreating { .. } => true,
        Phase::Clearing { verdict } => *verdict != Verdict::Promoted,
        _ => false,
    };
    Rollouts::is_over(state) || goes_back(&next.phase)
}

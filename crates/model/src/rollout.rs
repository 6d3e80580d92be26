//! The state of a rollout: one release on its way into one place, by measured steps.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::fact::Actor;
use crate::id::{ReleaseId, RolloutId};
use crate::intent::{Generation, GroupHealth, Judgement, Target, Trip, Tripwire, Weight};
use crate::name::Place;
use crate::persisted::{is_default, versions};

/// One release on its way into one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    pub id: RolloutId,
    pub place: Place,
    pub candidate: Release,
    /// The release that has the traffic until now; none when a place is filled for the first time.
    pub stable: Option<Release>,
    pub plan: Plan,
    pub began: Timestamp,
    pub phase: Phase,
    pub paused_since: Option<Timestamp>,
    /// Somebody said to promote: steps wait for evidence, no longer for time.
    pub hastened: bool,
    pub look: Look,
    pub evidence: Option<Evidence>,
    pub unwell_since: Option<Timestamp>,
    /// The data plane refused something that must be: it is wanted again at the next look.
    pub hindered: bool,
    /// The generation of the split under which the candidate was cut off: every later split has to
    /// acknowledge it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripped: Option<Generation>,
}

versions! {
    /// Every released form of a rollout at rest.
    StoredRollout for Rollout { V1(Rollout) }
}

impl Rollout {
    /// A rollout that has not begun: the first decision sets it out.
    pub fn new(
        id: RolloutId,
        place: Place,
        candidate: Release,
        stable: Option<Release>,
        plan: Plan,
        now: Timestamp,
    ) -> Self {
        // In an empty place there is nobody to share the traffic with.
        let plan = if stable.is_some() { plan } else { plan.at_once() };
        Self {
            id,
            place,
            candidate,
            stable,
            plan,
            began: now,
            phase: Phase::Starting { until: now },
            paused_since: None,
            hastened: false,
            look: Look { next: now, is_pending: false, is_blind: false },
            evidence: None,
            unwell_since: None,
            hindered: false,
            tripped: None,
        }
    }

    /// The most traffic that the candidate may have now.
    pub fn permitted_weight(&self) -> Weight {
        match &self.phase {
            Phase::Starting { .. } => Weight::NONE,
            Phase::Shifting { step } | Phase::Holding { step, .. } => self.plan.weight(*step),
            // The way back begins wherever the candidate had come to.
            Phase::Reviving { .. } | Phase::Retreating { .. } => Weight::ALL,
            Phase::Clearing { verdict, .. } | Phase::Ended { verdict } => match verdict {
                Verdict::Promoted => Weight::ALL,
                Verdict::RolledBack | Verdict::Aborted => Weight::NONE,
            },
        }
    }
}

/// When the place is looked at again, and whether looking works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub next: Timestamp,
    /// A survey was asked for and has not been answered.
    pub is_pending: bool,
    /// The last survey failed: what was seen before is all there is.
    pub is_blind: bool,
}

/// A release as a rollout speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub id: ReleaseId,
    /// What people call it: `1.5.0`.
    pub version: String,
}

/// How the candidate is brought to its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "PlanDraft")]
pub struct Plan {
    instances: u32,
    steps: Vec<Step>,
    ready_within: SignedDuration,
    look_every: SignedDuration,
    unwell_for: SignedDuration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guard: Option<Guard>,
}

impl Plan {
    pub fn instances(&self) -> u32 {
        self.instances
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How long instances may take until they are ready.
    pub fn ready_within(&self) -> SignedDuration {
        self.ready_within
    }

    /// How often the place is surveyed.
    pub fn look_every(&self) -> SignedDuration {
        self.look_every
    }

    /// How long the candidate may lack instances before it goes back.
    pub fn unwell_for(&self) -> SignedDuration {
        self.unwell_for
    }

    /// How the candidate is judged by the requests it answers; not at all if there is none.
    pub fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
    }

    fn at_once(mut self) -> Self {
        self.steps.drain(..self.last_step());
        self
    }

    pub fn last_step(&self) -> usize {
        self.steps.len() - 1
    }

    pub fn weight(&self, step: usize) -> Weight {
        self.steps[step.min(self.last_step())].weight
    }
}

/// A plan as it is asked for; [`Plan::try_from`] says whether it can be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PlanDraft {
    pub instances: u32,
    pub steps: Vec<Step>,
    pub ready_within: SignedDuration,
    pub look_every: SignedDuration,
    pub unwell_for: SignedDuration,
    #[serde(default)]
    pub guard: Option<Guard>,
}

/// How a candidate is judged by the requests it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// How many times as bad as the baseline it may be, in hundredths.
    pub tolerated: u32,
    /// The chance to take back a candidate that is not worse than that, in millionths.
    pub alpha: u32,
    /// How many times as bad as the baseline it surely is not, once it is clear; in hundredths.
    pub ruled_out: u32,
    /// The chance to call a candidate clear that is as bad as that, in millionths.
    pub beta: u32,
    /// An answer that takes longer counts as a bad one, on both sides.
    pub slow_after: Option<SignedDuration>,
    /// How many requests it must have answered in a step before time alone lets the step pass.
    pub requests: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            tolerated: 100,
            alpha: 10_000,
            ruled_out: 200,
            beta: 50_000,
            slow_after: None,
            requests: 100,
        }
    }
}

impl Guard {
    /// What the data plane is told to watch.
    pub fn tripwire(&self, candidate: ReleaseId, baseline: ReleaseId) -> Tripwire {
        let Self { tolerated, alpha, ruled_out, beta, slow_after, requests: _ } = *self;
        Tripwire { candidate, baseline, tolerated, alpha, ruled_out, beta, slow_after }
    }
}

impl TryFrom<PlanDraft> for Plan {
    type Error = PlanError;

    fn try_from(draft: PlanDraft) -> Result<Self, PlanError> {
        let PlanDraft { instances, steps, ready_within, look_every, unwell_for, guard } = draft;
        if !(1..=1_000).contains(&instances) {
            return Err(PlanError::Instances(instances));
        }
        if steps.len() > 100 || steps.last().is_none_or(|last| last.weight != Weight::ALL) {
            return Err(PlanError::LastStep);
        }
        let rises =
            steps.is_sorted_by(|a, b| a.weight < b.weight) && steps[0].weight > Weight::NONE;
        if !rises {
            return Err(PlanError::Order);
        }
        let year = SignedDuration::from_hours(24 * 366);
        let sane = |duration: SignedDuration| duration.is_positive() && duration <= year;
        let holds_are_sane = steps.iter().all(|step| step.hold.is_zero() || sane(step.hold));
        if !holds_are_sane || ![ready_within, look_every, unwell_for].into_iter().all(sane) {
            return Err(PlanError::Duration);
        }
        Ok(Self { instances, steps, ready_within, look_every, unwell_for, guard })
    }
}

/// Why a plan cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("{0} instances: expected 1 to 1,000")]
    Instances(u32),
    #[error("the last of at most 100 steps must have all the traffic")]
    LastStep,
    #[error("each step must have more traffic than the one before, the first more than none")]
    Order,
    #[error("a duration is out of bounds: expected more than nothing and at most a year")]
    Duration,
}

/// A share of traffic, and how long it is held at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub weight: Weight,
    pub hold: SignedDuration,
}

/// Where a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The candidate's instances are wanted and become ready.
    Starting {
        until: Timestamp,
    },
    /// A step's split is wanted and not yet confirmed.
    Shifting {
        step: usize,
    },
    /// The split is in force; its evidence is gathered.
    Holding {
        step: usize,
        since: Timestamp,
        until: Timestamp,
        /// How many requests the candidate had answered when the step began.
        #[serde(default, skip_serializing_if = "is_default")]
        answered: u64,
        /// Its time is over, and it waits for requests.
        #[serde(default, skip_serializing_if = "is_default")]
        is_waiting: bool,
    },
    /// The release before is started again, because it had been told to stop.
    Reviving {
        because: Because,
    },
    /// The traffic is wanted back at the release before.
    Retreating {
        because: Because,
    },
    /// The instances that lost are being stopped.
    Clearing {
        verdict: Verdict,
    },
    Ended {
        verdict: Verdict,
    },
}

/// How a rollout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Promoted,
    /// Taken back by Highroad itself.
    RolledBack,
    /// Taken back by somebody's word.
    Aborted,
}

/// Why traffic goes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Because {
    /// Its users fared worse than those of the release before; the data plane has cut it off.
    Harm {
        trip: Trip,
    },
    CrashLoop {
        restarts: u32,
        last_words: Option<String>,
    },
    NeverReady {
        ready: u32,
        wanted: u32,
        last_words: Option<String>,
    },
    Unwell {
        ready: u32,
        wanted: u32,
        last_words: Option<String>,
    },
    Hindered {
        target: Target,
        why: String,
    },
    Told {
        by: Actor,
        why: String,
    },
}

impl Because {
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Told { .. } => Verdict::Aborted,
            _ => Verdict::RolledBack,
        }
    }
}

/// What was seen of the candidate, and when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The answer shows the world as it was at this time or later.
    pub asked_at: Timestamp,
    pub wanted: u32,
    pub ready: u32,
    pub restarts: u32,
    pub requests: u64,
    pub bad: u64,
    /// What the requests prove, where the candidate is judged by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Box<Judgement>>,
}

impl Evidence {
    pub fn new(
        asked_at: Timestamp,
        health: &GroupHealth,
        judgement: Option<Box<Judgement>>,
    ) -> Self {
        let GroupHealth { wanted, ready, restarts, requests, bad, .. } = *health;
        Self { asked_at, wanted, ready, restarts, requests, bad, judgement }
    }
}

//! Decides how a rollout goes on: start the candidate, shift traffic by steps, watch its health,
//! and take it back the moment it fares badly.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use model::fact::{
    RolloutEnded, RolloutHastened, RolloutHindered, RolloutPaused, RolloutResumed,
    RolloutRetreating, RolloutShifted, RolloutStarted, RolloutStepPassed, RolloutUnsure,
    RolloutWaiting, What, WordRefused,
};
use model::id::ReleaseId;
use model::intent::{
    Group, GroupHealth, Instances, Intent, Outcome, Share, Split, Survey, Target, Trip, Weight,
    Weights,
};
use model::name::Scope;
use model::rollout::{Because, Evidence, Phase, Release, Rollout, Verdict};

use crate::decision::{Answered, Decision, Input, Process, Reason, Told};

/// Rollouts, as the loop knows them.
#[derive(Debug)]
pub struct Rollouts;

impl Process for Rollouts {
    const KIND: &'static str = "rollout";

    type State = Rollout;
    type Word = Word;

    fn step(state: &Rollout, input: Input<Word>, now: Timestamp) -> Decision<Rollout> {
        step(state, input, now)
    }

    fn is_over(state: &Rollout) -> bool {
        matches!(state.phase, Phase::Ended { .. })
    }

    fn scope(state: &Rollout) -> Scope {
        Scope::Place(state.place.clone())
    }

    fn slot(state: &Rollout) -> Option<String> {
        Some(format!("rollout/{}", state.place))
    }

    fn name_of(word: &Word) -> &'static str {
        word.name()
    }
}

/// What an operator may say to a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Stay at this step; watching goes on.
    Pause,
    Resume,
    /// Do not wait for the rest of this step's time.
    Skip,
    /// Do not wait for time at all, only for fresh evidence at each step.
    Promote,
    /// Go back to the release before.
    Abort {
        why: String,
    },
}

impl Word {
    fn name(&self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Skip => "skip",
            Self::Promote => "promote",
            Self::Abort { .. } => "abort",
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Abort { why } => write!(f, "abort: {why}"),
            _ => f.write_str(self.name()),
        }
    }
}

/// Decides. The same state, input and time give the same decision.
pub fn step(state: &Rollout, input: Input<Word>, now: Timestamp) -> Decision<Rollout> {
    let mut turn = Turn { next: state.clone(), facts: Vec::new(), intents: Vec::new(), now };
    let because = match input {
        Input::Started => turn.set_out(),
        Input::Woken => turn.wake(),
        Input::Answered(answered) => turn.hear(answered),
        Input::Told(told) => turn.obey(told),
        Input::Heard(_) => Reason::new("nobody has anything to say to a rollout"),
    };
    let wake_at = turn.wake_at();
    Decision { next: turn.next, facts: turn.facts, intents: turn.intents, wake_at, because }
}

/// One decision in the making.
struct Turn {
    next: Rollout,
    facts: Vec<What>,
    intents: Vec<Intent>,
    now: Timestamp,
}

impl Turn {
    fn set_out(&mut self) -> Reason {
        let plan = &self.next.plan;
        self.facts.push(
            RolloutStarted {
                release: self.next.candidate.clone(),
                replaces: self.next.stable.clone(),
                instances: plan.instances(),
                steps: plan.steps().to_vec(),
            }
            .into(),
        );
        self.next.phase = Phase::Starting { until: self.now + plan.ready_within() };
        self.next.look.next = self.now;
        self.run_candidate();
        self.look();
        Reason::new("a rollout begins with its instances")
    }

    fn wake(&mut self) -> Reason {
        match self.next.phase.clone() {
            Phase::Ended { .. } => return Reason::new("it is over"),
            // The way back is asked for until it is so.
            Phase::Reviving { .. } if self.next.hindered => self.run_stable(),
            Phase::Retreating { .. } if self.next.hindered => self.steer_to_stable(),
            Phase::Clearing { verdict } if self.next.hindered => self.stop_the_other(verdict),
            _ => {}
        }
        self.next.hindered = false;
        if self.next.look.next <= self.now || self.is_held_long_enough() {
            self.look();
        }
        Reason::new("time to look")
    }

    fn hear(&mut self, answered: Answered) -> Reason {
        let Answered { target, asked_at, outcome } = answered;
        if matches!(target, Target::Survey(_)) {
            self.next.look.is_pending = false;
            self.next.look.next = self.now + self.pace();
        }
        match outcome {
            Outcome::Done(Some(survey)) => self.judge(asked_at, &survey),
            // A rollout orders no jobs; their answers have their own kind of target.
            Outcome::Done(None) | Outcome::Worked(_) => self.proceed(&target),
            Outcome::Failed(why) => self.cope(target, why),
            Outcome::Unknown(why) => {
                self.facts.push(RolloutUnsure { target, why }.into());
                Reason::new("nobody knows yet what happened, so nothing is decided on it")
            }
        }
    }

    fn obey(&mut self, told: Told<Word>) -> Reason {
        let Told { word, by } = told;
        let name = word.name();
        let refused = match (&self.next.phase, word) {
            (Phase::Ended { .. }, _) => Some("the rollout is over"),
            (Phase::Reviving { .. } | Phase::Retreating { .. }, _) => {
                Some("the rollout is going back already")
            }
            (Phase::Clearing { verdict }, Word::Abort { .. }) if *verdict != Verdict::Promoted => {
                Some("the rollout has gone back already")
            }
            (_, Word::Abort { why }) => return self.retreat(Because::Told { by, why }),
            (Phase::Clearing { .. }, _) => Some("only the instances that lost are being stopped"),
            (_, Word::Pause) if self.is_paused() => Some("the rollout is paused already"),
            (_, Word::Pause) => return self.pause(),
            (_, Word::Resume) if !self.is_paused() => Some("the rollout is not paused"),
            (_, Word::Resume) => return self.resume(),
            (_, Word::Skip | Word::Promote) if self.is_paused() => {
                Some("the rollout is paused: resume it first")
            }
            (_, Word::Promote) if self.next.hastened => Some("the rollout is hastening already"),
            (_, Word::Promote) => return self.hasten(),
            (Phase::Holding { .. }, Word::Skip) => return self.skip(),
            (_, Word::Skip) => Some("no step is being held"),
        };
        let why = refused.expect("every other arm has returned its reason");
        self.facts.push(WordRefused { word: name.to_owned(), why: why.to_owned() }.into());
        Reason::refusal(why)
    }

    /// Something that was wanted is so.
    fn proceed(&mut self, target: &Target) -> Reason {
        match (self.next.phase.clone(), target) {
            (Phase::Shifting { step }, Target::Weights(_)) => {
                let hold = self.next.plan.steps()[step].hold;
                let until = if self.next.hastened { self.now } else { self.now + hold };
                let answered = self.next.evidence.as_ref().map_or(0, |evidence| evidence.requests);
                self.next.phase =
                    Phase::Holding { step, since: self.now, until, answered, is_waiting: false };
                self.next.look.next = until.min(self.now + self.pace());
                if until <= self.now {
                    self.look();
                }
                let weight = self.next.plan.weight(step);
                self.facts.push(RolloutShifted { step, weight }.into());
                Reason::new("the split is in force")
            }
            (Phase::Retreating { because }, Target::Weights(_)) => {
                self.clear(because.verdict());
                Reason::new("the traffic is back")
            }
            (Phase::Clearing { verdict }, Target::Instances(group))
                if self.loser(verdict).is_some_and(|loser| loser.id == group.release) =>
            {
                self.end(verdict)
            }
            _ => Reason::new("as wanted"),
        }
    }

    /// Something that was wanted cannot be.
    fn cope(&mut self, target: Target, why: String) -> Reason {
        if matches!(target, Target::Survey(_)) {
            return self.go_blind(target, why);
        }
        self.facts.push(RolloutHindered { target: target.clone(), why: why.clone() }.into());
        match self.next.phase {
            Phase::Starting { .. } | Phase::Shifting { .. } | Phase::Holding { .. } => {
                self.retreat(Because::Hindered { target, why })
            }
            _ => {
                self.next.hindered = true;
                self.next.look.next = self.now + self.pace();
                Reason::new("it will be asked for again")
            }
        }
    }

    /// A survey that fails says nothing of the candidate: the next one will.
    fn go_blind(&mut self, target: Target, why: String) -> Reason {
        const SOON: SignedDuration = SignedDuration::from_secs(10);
        self.next.look.next = self.now + self.pace().min(SOON);
        if !self.next.look.is_blind {
            self.next.look.is_blind = true;
            self.facts.push(RolloutUnsure { target, why }.into());
        }
        Reason::new("nothing is decided on what cannot be seen")
    }

    /// Judges the candidate by what was seen, and goes on as far as the evidence carries.
    fn judge(&mut self, asked_at: Timestamp, survey: &Survey) -> Reason {
        let health = self.health_of(&self.next.candidate, survey);
        let judgement = survey.judgement.clone();
        let judgement = judgement.filter(|of| of.candidate == self.next.candidate.id);
        let is_clear = judgement.as_ref().is_some_and(|judgement| judgement.is_clear);
        self.next.evidence = Some(Evidence::new(asked_at, &health, judgement));
        self.next.look.is_blind = false;
        let is_whole = health.ready >= health.wanted && health.wanted > 0;
        self.next.unwell_since =
            if is_whole { None } else { self.next.unwell_since.or(Some(self.now)) };

        if let Some(trip) = self.unknown_trip(survey) {
            return self.yield_to(trip);
        }
        match self.next.phase.clone() {
            Phase::Starting { .. }
            | Phase::Shifting { .. }
            | Phase::Holding { .. }
            | Phase::Clearing { verdict: Verdict::Promoted }
                if health.crash_looping =>
            {
                let GroupHealth { restarts, last_words, .. } = health;
                self.retreat(Because::CrashLoop { restarts, last_words })
            }
            Phase::Starting { .. } if is_whole && self.is_paused() => {
                Reason::new("ready, and paused before the first step")
            }
            Phase::Starting { .. } if is_whole => self.shift(0),
            // Late by what is seen now, not by what was seen before.
            Phase::Starting { until } if until <= asked_at => {
                let GroupHealth { ready, wanted, last_words, .. } = health;
                self.retreat(Because::NeverReady { ready, wanted, last_words })
            }
            Phase::Starting { .. } => Reason::new("not every instance is ready yet"),
            Phase::Shifting { .. } | Phase::Holding { .. } if self.is_unwell_for_too_long() => {
                let GroupHealth { ready, wanted, last_words, .. } = health;
                self.retreat(Because::Unwell { ready, wanted, last_words })
            }
            Phase::Holding { step, since, until, answered, .. } => {
                let is_fresh = asked_at >= since;
                let is_over = until <= self.now || is_clear;
                let answered = health.requests.saturating_sub(answered);
                if !is_over || self.is_paused() || !is_whole {
                    Reason::new("the step is held")
                } else if !is_fresh {
                    self.look();
                    Reason::new("the step waits for evidence of its own split")
                } else if !is_clear && answered < self.requests_wanted(step) {
                    self.wait_for_requests(answered)
                } else {
                    self.pass(step)
                }
            }
            Phase::Reviving { because } => {
                let stable = self.next.stable.clone();
                let revived = stable.map(|stable| self.health_of(&stable, survey));
                // Half a stable release serves better than a candidate of which nothing is left.
                let is_ready = revived.is_none_or(|stable| {
                    stable.ready >= stable.wanted.max(1) || (stable.ready > 0 && health.ready == 0)
                });
                if is_ready {
                    self.next.phase = Phase::Retreating { because };
                    self.steer_to_stable();
                    Reason::new("the release before is ready again")
                } else {
                    Reason::new("the release before is starting again")
                }
            }
            Phase::Shifting { .. }
            | Phase::Retreating { .. }
            | Phase::Clearing { .. }
            | Phase::Ended { .. } => Reason::new("seen"),
        }
    }

    /// A trip that was not acted on yet. In every state it has to be acknowledged, or no split is
    /// taken over any more.
    fn unknown_trip(&self, survey: &Survey) -> Option<Trip> {
        let trip = survey.trip.as_deref()?;
        let is_news = self.next.tripped != Some(trip.generation);
        is_news.then(|| trip.clone())
    }

    /// The candidate was cut off already; what is left to do is to make it so for good.
    fn yield_to(&mut self, trip: Trip) -> Reason {
        self.next.tripped = Some(trip.generation);
        match self.next.phase {
            // Where a split was refused for the trip, it goes back already: this is the reason behind.
            Phase::Starting { .. }
            | Phase::Shifting { .. }
            | Phase::Holding { .. }
            | Phase::Retreating { because: Because::Hindered { .. } }
                if trip.candidate == self.next.candidate.id =>
            {
                self.retreat(Because::Harm { trip })
            }
            // The splits of before have left a trip: what is wanted now can be said with it.
            Phase::Shifting { step } => self.shift(step),
            Phase::Retreating { .. } => {
                self.steer_to_stable();
                Reason::new("the way back acknowledges the trip")
            }
            _ => Reason::new("the trip is known now"),
        }
    }

    /// How many requests the candidate has to answer before time alone lets a step pass. Where it is
    /// alone, or not judged by requests, none.
    fn requests_wanted(&self, step: usize) -> u64 {
        let is_shared = self.next.stable.is_some() && step < self.next.plan.last_step();
        let guard = self.next.plan.guard().filter(|_| is_shared && !self.next.hastened);
        guard.map_or(0, |guard| guard.requests)
    }

    fn wait_for_requests(&mut self, answered: u64) -> Reason {
        if let Phase::Holding { step, since, is_waiting, .. } = &mut self.next.phase
            && !std::mem::replace(is_waiting, true)
        {
            let (step, since) = (*step, *since);
            let wanted = self.requests_wanted(step);
            let lived = u64::try_from(self.now.duration_since(since).as_secs()).unwrap_or(0);
            // At the pace of this step so far; without any request there is none.
            let seconds_left = (wanted - answered).saturating_mul(lived).checked_div(answered);
            self.facts.push(RolloutWaiting { step, answered, wanted, seconds_left }.into());
        }
        Reason::new("too few requests have come to say anything of the step")
    }

    fn shift(&mut self, step: usize) -> Reason {
        self.next.phase = Phase::Shifting { step };
        let weight = self.next.plan.weight(step);
        self.steer_to_candidate(weight);
        Reason::new("the next step's split is wanted")
    }

    fn pass(&mut self, step: usize) -> Reason {
        let evidence = self.next.evidence.clone().expect("a step passes on evidence just seen");
        let weight = self.next.plan.weight(step);
        self.facts.push(RolloutStepPassed { step, weight, evidence }.into());
        if step < self.next.plan.last_step() {
            return self.shift(step + 1);
        }
        self.clear(Verdict::Promoted);
        Reason::new("every step has passed")
    }

    fn pause(&mut self) -> Reason {
        self.next.paused_since = Some(self.now);
        self.facts.push(RolloutPaused { step: self.step() }.into());
        Reason::new("paused; health is watched all the same")
    }

    fn resume(&mut self) -> Reason {
        let paused_since = self.next.paused_since.take().unwrap_or(self.now);
        if let Phase::Holding { since, until, .. } = &mut self.next.phase {
            *until += self.now.duration_since(paused_since.max(*since));
        }
        self.facts.push(RolloutResumed { step: self.step() }.into());
        self.look();
        Reason::new("resumed where it stood")
    }

    fn skip(&mut self) -> Reason {
        self.facts.push(RolloutHastened { step: self.step(), every_step: false }.into());
        self.hold_no_longer();
        Reason::new("the step waits for fresh evidence only")
    }

    fn hasten(&mut self) -> Reason {
        self.facts.push(RolloutHastened { step: self.step(), every_step: true }.into());
        self.next.hastened = true;
        self.hold_no_longer();
        Reason::new("every step waits for fresh evidence only")
    }

    fn hold_no_longer(&mut self) {
        if let Phase::Holding { until, .. } = &mut self.next.phase {
            *until = self.now;
        }
        self.look();
    }

    fn retreat(&mut self, because: Because) -> Reason {
        let evidence = self.next.evidence.clone();
        self.facts.push(RolloutRetreating { because: because.clone(), evidence }.into());
        self.next.paused_since = None;
        // Once promoted, the release before has been told to stop: it must be ready first.
        if matches!(self.next.phase, Phase::Clearing { .. }) && self.next.stable.is_some() {
            self.next.phase = Phase::Reviving { because };
            self.run_stable();
            self.look();
        } else {
            self.next.phase = Phase::Retreating { because };
            self.steer_to_stable();
        }
        self.next.look.next = self.now + self.pace();
        Reason::new("the traffic goes back")
    }

    /// Stops the instances that lost, or ends at once where there are none.
    fn clear(&mut self, verdict: Verdict) {
        self.next.phase = Phase::Clearing { verdict };
        self.next.look.next = self.now + self.pace();
        if self.loser(verdict).is_some() {
            self.stop_the_other(verdict);
        } else {
            self.end(verdict);
        }
    }

    fn end(&mut self, verdict: Verdict) -> Reason {
        self.next.phase = Phase::Ended { verdict };
        self.next.look.is_pending = false;
        let lived = self.now.duration_since(self.next.began).as_secs();
        self.facts.push(
            RolloutEnded {
                verdict,
                release: self.next.candidate.id,
                live: self.winner(verdict).cloned(),
                seconds: u64::try_from(lived).unwrap_or(0),
            }
            .into(),
        );
        Reason::new("over")
    }

    fn look(&mut self) {
        if !self.next.look.is_pending {
            self.next.look.is_pending = true;
            self.intents.push(Intent::Survey(self.next.place.clone()));
        }
    }

    fn run_candidate(&mut self) {
        self.run(self.next.candidate.id, self.next.plan.instances());
    }

    fn run_stable(&mut self) {
        if let Some(stable) = &self.next.stable {
            self.run(stable.id, self.next.plan.instances());
        }
    }

    fn stop_the_other(&mut self, verdict: Verdict) {
        if let Some(loser) = self.loser(verdict) {
            self.run(loser.id, 0);
        }
    }

    fn run(&mut self, release: ReleaseId, count: u32) {
        let group = Group { place: self.next.place.clone(), release };
        self.intents.push(Intent::Run(Instances { group, count }));
    }

    fn steer_to_candidate(&mut self, weight: Weight) {
        let stable = self.next.stable.as_ref().filter(|_| weight < Weight::ALL);
        let rest = stable.map(|stable| Share { release: stable.id, weight: weight.rest() });
        let own = Share { release: self.next.candidate.id, weight };
        let guard = self.next.plan.guard().zip(stable);
        let tripwire = guard.map(|(guard, stable)| guard.tripwire(own.release, stable.id));
        let shares = [own].into_iter().chain(rest).collect();
        self.steer(Split { shares, tripwire, ..Split::default() });
    }

    fn steer_to_stable(&mut self) {
        let stable = self.next.stable.as_ref();
        let shares = stable.map(|stable| Share { release: stable.id, weight: Weight::ALL });
        self.steer(shares.into_iter().collect::<Vec<_>>().into());
    }

    fn steer(&mut self, split: Split) {
        let split = Split { acknowledges: self.next.tripped, ..split };
        self.intents.push(Intent::Steer(Weights { place: self.next.place.clone(), split }));
    }

    /// How soon to look again: often while instances start, then as the plan says.
    fn pace(&self) -> SignedDuration {
        const AT_FIRST: SignedDuration = SignedDuration::from_secs(1);
        let plan = &self.next.plan;
        let usual = plan.look_every();
        match self.next.phase {
            Phase::Starting { until } => {
                let waited = self.now.duration_since(until - plan.ready_within());
                usual.min(AT_FIRST.max(waited / 4))
            }
            Phase::Reviving { .. } => usual.min(AT_FIRST),
            _ => usual,
        }
    }

    /// When to be asked again if nothing else happens. What is unanswered wakes by its answer.
    fn wake_at(&self) -> Option<Timestamp> {
        let is_due = !self.next.look.is_pending || self.next.hindered;
        let look = is_due.then_some(self.next.look.next);
        match self.next.phase {
            Phase::Ended { .. } => None,
            Phase::Starting { until } | Phase::Holding { until, .. } if until > self.now => {
                look.into_iter().chain([until]).min()
            }
            _ => look,
        }
    }

    fn is_held_long_enough(&self) -> bool {
        matches!(self.next.phase, Phase::Holding { until, .. } if until <= self.now)
    }

    fn is_paused(&self) -> bool {
        self.next.paused_since.is_some()
    }

    fn is_unwell_for_too_long(&self) -> bool {
        let limit = self.next.plan.unwell_for();
        self.next.unwell_since.is_some_and(|since| self.now.duration_since(since) >= limit)
    }

    fn step(&self) -> Option<usize> {
        match self.next.phase {
            Phase::Shifting { step } | Phase::Holding { step, .. } => Some(step),
            _ => None,
        }
    }

    fn winner(&self, verdict: Verdict) -> Option<&Release> {
        match verdict {
            Verdict::Promoted => Some(&self.next.candidate),
            Verdict::RolledBack | Verdict::Aborted => self.next.stable.as_ref(),
        }
    }

    fn loser(&self, verdict: Verdict) -> Option<&Release> {
        match verdict {
            Verdict::Promoted => self.next.stable.as_ref(),
            Verdict::RolledBack | Verdict::Aborted => Some(&self.next.candidate),
        }
    }

    /// A group that the survey does not show has no instance at all.
    fn health_of(&self, release: &Release, survey: &Survey) -> GroupHealth {
        survey.of(release.id).cloned().unwrap_or(GroupHealth {
            release: release.id,
            wanted: self.next.plan.instances(),
            ready: 0,
            restarts: 0,
            crash_looping: false,
            requests: 0,
            bad: 0,
            last_words: None,
        })
    }
}

//! The rollout decider, decision by decision.

use engine::decision::{Answered, Decision, Input, Told};
use engine::rollout::{Word, step};
use jiff::{SignedDuration, Timestamp};
use model::fact::What;
use model::id::{ReleaseId, RolloutId};
use model::intent::{
    Generation, GroupHealth, Intent, Judgement, Outcome, Seen, Split, Survey, Target, Trip, Weight,
};
use model::name::Place;
use model::rollout::{Because, Guard, Phase, Plan, PlanDraft, Release, Rollout, Step, Verdict};

#[test]
fn a_rollout_begins_with_its_instances_and_no_traffic() {
    let decision = step(&new(), Input::Started, at(0));
    assert_eq!(kinds(&decision), ["rollout.started"]);
    assert_eq!(wants(&decision), ["2 of 1.5.0", "survey"]);
    assert_eq!(decision.next.permitted_weight(), Weight::NONE);
    assert_eq!(decision.wake_at, Some(at(300)), "the survey's answer comes by itself");
}

#[test]
fn traffic_comes_when_all_are_ready() {
    let mut road = Road::started();
    road.sees(1, 1);
    assert_eq!(wants(&road.last), [""; 0]);
    road.sees(2, 2);
    assert_eq!(wants(&road.last), ["10 % to 1.5.0, 90 % to 1.4.1"]);
    road.weights_are_set(3);
    assert_eq!(kinds(&road.last), ["rollout.shifted"]);
}

#[test]
fn a_step_passes_only_on_evidence_of_its_own_split() {
    let mut road = Road::holding();
    // Asked before the split was in force, answered after the step's time.
    road.answers(at(1), at(1_000), survey(2, false));
    assert_eq!(wants(&road.last), ["survey"], "a fresh look is taken at once");
    road.answers(at(1_000), at(1_001), survey(2, false));
    assert_eq!(kinds(&road.last), ["rollout.step-passed"]);
    assert_eq!(wants(&road.last), ["100 % to 1.5.0"]);
}

#[test]
fn a_crash_loop_goes_back_at_once() {
    let mut road = Road::holding();
    road.answers(at(20), at(20), survey(1, true));
    assert_eq!(kinds(&road.last), ["rollout.retreating"]);
    assert_eq!(wants(&road.last), ["100 % to 1.4.1"]);
    road.weights_are_set(21);
    assert_eq!(wants(&road.last), ["0 of 1.5.0"]);
    road.answered(at(22), instances_of("1.5.0"), Outcome::Done(None));
    assert_eq!(road.state().phase, Phase::Ended { verdict: Verdict::RolledBack });
    assert_eq!(road.last.wake_at, None);
}

#[test]
fn who_was_cut_off_goes_back_and_every_later_split_says_so() {
    let mut road = Road::guarded();
    assert_eq!(road.tripwire(), Some("1.5.0 against 1.4.1".to_owned()));
    road.weights_are_set(3);
    road.answers(at(20), at(20), Survey { trip: Some(Box::new(trip(4))), ..survey(2, false) });
    assert_eq!(kinds(&road.last), ["rollout.retreating"]);
    assert_eq!(wants(&road.last), ["100 % to 1.4.1"]);
    assert_eq!(road.acknowledged(), Some(Generation(4)));
    assert_eq!(road.tripwire(), None, "who is alone is not watched");
    assert!(matches!(&road.state().phase, Phase::Retreating { because: Because::Harm { .. } }));
    road.weights_are_set(21);
    assert_eq!(wants(&road.last), ["0 of 1.5.0"]);
}

#[test]
fn a_trip_that_came_first_is_acknowledged_once_it_is_known() {
    let mut road = Road::guarded();
    road.answered(at(4), weights_of(), Outcome::Failed("it was cut off".to_owned()));
    assert_eq!(wants(&road.last), ["100 % to 1.4.1"]);
    assert_eq!(road.acknowledged(), None);
    road.answered(at(5), weights_of(), Outcome::Failed("it was cut off".to_owned()));
    road.answers(at(6), at(6), Survey { trip: Some(Box::new(trip(4))), ..survey(2, false) });
    assert_eq!(wants(&road.last), ["100 % to 1.4.1"]);
    assert_eq!(road.acknowledged(), Some(Generation(4)));
    assert_eq!(kinds(&road.last), ["rollout.retreating"], "now the reason is known");
    road.weights_are_set(7);
    road.answered(at(8), instances_of("1.5.0"), Outcome::Done(None));
    assert_eq!(road.state().phase, Phase::Ended { verdict: Verdict::RolledBack });
}

#[test]
fn the_trip_of_an_earlier_candidate_stops_nobody() {
    let mut road = Road::guarded();
    road.weights_are_set(3);
    let earlier = Trip { candidate: release("1.3.0").id, ..trip(2) };
    road.answers(at(20), at(20), Survey { trip: Some(Box::new(earlier)), ..survey(2, false) });
    assert_eq!(kinds(&road.last), [""; 0]);
    assert!(matches!(road.state().phase, Phase::Holding { .. }));
}

#[test]
fn who_has_proved_itself_waits_for_no_time() {
    let mut road = Road::guarded();
    road.weights_are_set(3);
    road.answers(at(20), at(20), judged(5, false));
    assert_eq!(kinds(&road.last), [""; 0]);
    road.answers(at(30), at(30), judged(50, true));
    assert_eq!(kinds(&road.last), ["rollout.step-passed"]);
    assert_eq!(wants(&road.last), ["100 % to 1.5.0"]);
}

#[test]
fn who_has_hardly_been_seen_waits_and_says_how_long() {
    let mut road = Road::guarded();
    road.weights_are_set(3);
    road.answers(at(1_003), at(1_003), judged(40, false));
    let [What::RolloutWaiting(waiting)] = &*road.last.facts else {
        panic!("it says that it waits: {:?}", road.last.facts)
    };
    assert_eq!((waiting.answered, waiting.wanted, waiting.seconds_left), (40, 100, Some(1_500)));
    road.answers(at(1_500), at(1_500), judged(60, false));
    assert_eq!(kinds(&road.last), [""; 0], "it is said once");
    road.answers(at(2_600), at(2_600), judged(101, false));
    assert_eq!(kinds(&road.last), ["rollout.step-passed"]);
}

#[test]
fn a_missing_instance_is_forgiven_for_a_while() {
    let mut road = Road::holding();
    road.sees(20, 1);
    road.sees(40, 2);
    road.sees(60, 1);
    road.sees(119, 1);
    assert_eq!(kinds(&road.last), [""; 0]);
    road.sees(120, 1);
    assert_eq!(kinds(&road.last), ["rollout.retreating"]);
}

#[test]
fn nobody_is_judged_by_an_old_look() {
    let mut road = Road::started();
    road.sees(10, 0);
    road.takes(at(400), Input::Woken);
    assert_eq!(wants(&road.last), ["survey"], "late, but seen last long before the deadline");
    road.answered(at(405), survey_of(), Outcome::Failed("no answer".to_owned()));
    assert_eq!(kinds(&road.last), ["rollout.unsure"]);
    road.takes(at(415), Input::Woken);
    road.answered(at(420), survey_of(), Outcome::Failed("no answer".to_owned()));
    assert_eq!(kinds(&road.last), [""; 0], "told once, not at every failure");
    road.takes(at(430), Input::Woken);
    road.answers(at(430), at(430), survey(0, false));
    assert!(matches!(
        road.state().phase,
        Phase::Retreating { because: Because::NeverReady { ready: 0, wanted: 2, .. } }
    ));
}

#[test]
fn after_promotion_an_abort_revives_the_release_before_first() {
    let mut road = Road::clearing();
    road.tells(2_000, Word::Abort { why: "users complain".to_owned() });
    assert_eq!(wants(&road.last), ["2 of 1.4.1", "survey"]);
    road.answers(at(2_001), at(2_001), both(2, 1));
    assert_eq!(wants(&road.last), [""; 0], "half of it is not enough while the candidate serves");
    road.takes(at(2_010), Input::Woken);
    road.answers(at(2_010), at(2_010), both(2, 2));
    assert_eq!(wants(&road.last), ["100 % to 1.4.1"]);
    road.weights_are_set(2_011);
    road.answered(at(2_012), instances_of("1.5.0"), Outcome::Done(None));
    assert_eq!(road.state().phase, Phase::Ended { verdict: Verdict::Aborted });
}

#[test]
fn half_a_stable_release_is_better_than_a_dead_candidate() {
    let mut road = Road::clearing();
    road.answers(at(1_100), at(1_100), survey(0, true));
    assert_eq!(wants(&road.last), ["2 of 1.4.1", "survey"]);
    road.answers(at(1_101), at(1_101), both(0, 1));
    assert_eq!(wants(&road.last), ["100 % to 1.4.1"]);
}

#[test]
fn the_way_back_is_asked_for_until_it_is_so() {
    let mut road = Road::holding();
    road.tells(20, Word::Abort { why: "no".to_owned() });
    road.answered(at(21), weights_of(), Outcome::Failed("the proxy is full".to_owned()));
    assert_eq!(kinds(&road.last), ["rollout.hindered"]);
    let again = road.last.wake_at.unwrap();
    road.takes(again, Input::Woken);
    assert_eq!(wants(&road.last), ["100 % to 1.4.1"]);
    road.takes(again + SignedDuration::from_secs(60), Input::Woken);
    assert_eq!(wants(&road.last), [""; 0], "what is on its way is not asked for twice");
}

#[test]
fn what_is_not_known_decides_nothing() {
    let mut road = Road::started();
    road.sees(1, 2);
    let before = road.state().clone();
    road.answered(at(6), weights_of(), Outcome::Unknown("no answer".to_owned()));
    assert_eq!(kinds(&road.last), ["rollout.unsure"]);
    assert_eq!(road.state().phase, before.phase);
}

#[test]
fn a_first_release_takes_everything_in_one_step() {
    let first = Rollout::new(new().id, place(), release("1.5.0"), None, plan(), at(0));
    let mut road = Road { last: step(&first, Input::Started, at(0)) };
    road.sees(1, 2);
    assert_eq!(wants(&road.last), ["100 % to 1.5.0"]);
    road.tells(2, Word::Abort { why: "no".to_owned() });
    assert_eq!(wants(&road.last), ["nothing to nobody"]);
}

#[test]
fn every_word_has_an_answer_in_every_state() {
    let words = [
        Word::Pause,
        Word::Resume,
        Word::Skip,
        Word::Promote,
        Word::Abort { why: "no".to_owned() },
    ];
    let mut aborted = Road::holding();
    aborted.tells(20, words[4].clone());
    for road in [Road::started(), Road::holding(), Road::clearing(), aborted] {
        for word in &words {
            let told = Told { word: word.clone(), by: "person:ada".parse().unwrap() };
            let decision = step(road.state(), Input::Told(told), at(3_000));
            assert_eq!(kinds(&decision).len(), 1, "{word:?} in {:?}", road.state().phase);
            let refused = matches!(decision.facts[0], What::WordRefused(_));
            assert_eq!(refused, decision.because.is_refusal);
            assert!(!refused || decision.next == *road.state(), "a refusal changes nothing");
        }
    }
}

/// A rollout on its way, and the last decision on it.
struct Road {
    last: Decision<Rollout>,
}

impl Road {
    fn started() -> Self {
        Self { last: step(&new(), Input::Started, at(0)) }
    }

    /// At its first step since second 3.
    fn holding() -> Self {
        let mut road = Self::started();
        road.sees(2, 2);
        road.weights_are_set(3);
        road.takes(at(10), Input::Woken);
        road
    }

    /// The first step of a rollout that is judged by its requests is wanted.
    fn guarded() -> Self {
        let plan = Plan::try_from(PlanDraft { guard: Some(Guard::default()), ..draft() });
        let mut state = new();
        state.plan = plan.expect("a sane plan");
        let mut road = Self { last: step(&state, Input::Started, at(0)) };
        road.sees(2, 2);
        road
    }

    /// Promoted; the release before was told to stop.
    fn clearing() -> Self {
        let mut road = Self::holding();
        road.answers(at(700), at(700), survey(2, false));
        road.weights_are_set(701);
        road.answers(at(800), at(800), survey(2, false));
        assert_eq!(wants(&road.last), ["0 of 1.4.1"]);
        road
    }

    /// Who is watched by the split that is wanted.
    fn tripwire(&self) -> Option<String> {
        let tripwire = self.split().tripwire?;
        Some(format!("{} against {}", name(tripwire.candidate), name(tripwire.baseline)))
    }

    fn acknowledged(&self) -> Option<Generation> {
        self.split().acknowledges
    }

    fn split(&self) -> Split {
        let mut splits = self.last.intents.iter().filter_map(|intent| match intent {
            Intent::Steer(want) => Some(want.split.clone()),
            _ => None,
        });
        splits.next_back().expect("a split is wanted")
    }

    fn state(&self) -> &Rollout {
        &self.last.next
    }

    fn takes(&mut self, now: Timestamp, input: Input<Word>) {
        self.last = step(&self.last.next, input, now);
    }

    fn tells(&mut self, second: i64, word: Word) {
        let by = "person:ada".parse().unwrap();
        self.takes(at(second), Input::Told(Told { word, by }));
    }

    fn sees(&mut self, second: i64, ready: u32) {
        self.answers(at(second), at(second), survey(ready, false));
    }

    fn answers(&mut self, asked_at: Timestamp, now: Timestamp, survey: Survey) {
        let outcome = Outcome::Done(Some(survey));
        self.takes(now, Input::Answered(Answered { target: survey_of(), asked_at, outcome }));
    }

    fn weights_are_set(&mut self, second: i64) {
        self.answered(at(second), weights_of(), Outcome::Done(None));
    }

    fn answered(&mut self, now: Timestamp, target: Target, outcome: Outcome) {
        self.takes(now, Input::Answered(Answered { target, asked_at: now, outcome }));
    }
}

fn new() -> Rollout {
    let id = RolloutId::new(at(0), [1; 10]);
    Rollout::new(id, place(), release("1.5.0"), Some(release("1.4.1")), plan(), at(0))
}

fn plan() -> Plan {
    Plan::try_from(draft()).unwrap()
}

fn draft() -> PlanDraft {
    let step = |percent, seconds| Step {
        weight: Weight::from_percent(percent).unwrap(),
        hold: SignedDuration::from_secs(seconds),
    };
    PlanDraft {
        instances: 2,
        steps: vec![step(10, 600), step(100, 0)],
        ready_within: SignedDuration::from_secs(300),
        look_every: SignedDuration::from_secs(5),
        unwell_for: SignedDuration::from_secs(60),
        guard: None,
    }
}

/// The candidate was cut off under the split of generation 4, or another.
fn trip(generation: u64) -> Trip {
    Trip {
        at: at(19),
        generation: Generation(generation),
        candidate: release("1.5.0").id,
        log_evidence: 4_700,
        candidate_seen: Seen { requests: 60, bad: 12 },
        baseline_seen: Seen { requests: 540, bad: 2 },
    }
}

/// So many requests were answered by the candidate, all of them well.
fn judged(requests: u64, is_clear: bool) -> Survey {
    let candidate = GroupHealth { requests, ..health("1.5.0", 2, false) };
    let judgement = Judgement {
        candidate: candidate.release,
        harm: -100,
        harm_needed: 4_605,
        clearance: if is_clear { 3_000 } else { 100 },
        clearance_needed: 2_996,
        is_clear,
        candidate_seen: Seen { requests, bad: 0 },
        baseline_seen: Seen { requests: 9 * requests, bad: 30 },
    };
    let groups = vec![candidate, health("1.4.1", 2, false)];
    Survey { groups, judgement: Some(Box::new(judgement)), ..Survey::default() }
}

fn survey(ready: u32, crash_looping: bool) -> Survey {
    let candidate = health("1.5.0", ready, crash_looping);
    Survey { groups: vec![candidate, health("1.4.1", 2, false)], ..Survey::default() }
}

fn both(candidate: u32, stable: u32) -> Survey {
    let groups = vec![health("1.5.0", candidate, false), health("1.4.1", stable, false)];
    Survey { groups, ..Survey::default() }
}

fn health(version: &str, ready: u32, crash_looping: bool) -> GroupHealth {
    GroupHealth {
        release: release(version).id,
        wanted: 2,
        ready,
        restarts: 0,
        crash_looping,
        requests: 0,
        bad: 0,
        last_words: None,
    }
}

fn place() -> Place {
    "shop/production".parse().unwrap()
}

fn release(version: &str) -> Release {
    let byte = version.bytes().fold(0, |sum: u8, byte| sum.wrapping_mul(3).wrapping_add(byte));
    Release { id: ReleaseId::new(at(0), [byte; 10]), version: version.to_owned() }
}

fn name(id: ReleaseId) -> &'static str {
    let known = ["1.4.1", "1.5.0"].into_iter().find(|version| release(version).id == id);
    known.unwrap_or("nobody knows")
}

fn survey_of() -> Target {
    Target::Survey(place())
}

fn weights_of() -> Target {
    Target::Weights(place())
}

fn instances_of(version: &str) -> Target {
    format!("instances/{}/{}", place(), release(version).id).parse().unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn kinds(decision: &Decision<Rollout>) -> Vec<&'static str> {
    decision.facts.iter().map(What::kind).collect()
}

fn wants(decision: &Decision<Rollout>) -> Vec<String> {
    let want = |intent: &Intent| match intent {
        Intent::Run(want) => format!("{} of {}", want.count, name(want.group.release)),
        Intent::Survey(_) => "survey".to_owned(),
        Intent::Work(_) | Intent::Halt(_) | Intent::Tell(_) => {
            unreachable!("a rollout orders no jobs and says nothing")
        }
        Intent::Steer(want) if want.split.shares.is_empty() => "nothing to nobody".to_owned(),
        Intent::Steer(want) => {
            let shares = want.split.shares.iter();
            let told = shares.map(|share| format!("{} to {}", share.weight, name(share.release)));
            told.collect::<Vec<_>>().join(", ")
        }
    };
    decision.intents.iter().map(want).collect()
}

//! The rollout decider, decision by decision.

use engine::decision::{Answered, Decision, Input, Told};
use engine::rollout::{Word, step};
use jiff::{SignedDuration, Timestamp};
use model::fact::What;
use model::id::{ReleaseId, RolloutId};
use model::intent::{GroupHealth, Intent, Outcome, Survey, Target, Weight};
use model::name::Place;
use model::rollout::{Because, Phase, Plan, PlanDraft, Release, Rollout, Step, Verdict};

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

    /// Promoted; the release before was told to stop.
    fn clearing() -> Self {
        let mut road = Self::holding();
        road.answers(at(700), at(700), survey(2, false));
        road.weights_are_set(701);
        road.answers(at(800), at(800), survey(2, false));
        assert_eq!(wants(&road.last), ["0 of 1.4.1"]);
        road
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
    let step = |percent, seconds| Step {
        weight: Weight::from_percent(percent).unwrap(),
        hold: SignedDuration::from_secs(seconds),
    };
    let draft = PlanDraft {
        instances: 2,
        steps: vec![step(10, 600), step(100, 0)],
        ready_within: SignedDuration::from_secs(300),
        look_every: SignedDuration::from_secs(5),
        unwell_for: SignedDuration::from_secs(60),
    };
    Plan::try_from(draft).unwrap()
}

fn survey(ready: u32, crash_looping: bool) -> Survey {
    let candidate = health("1.5.0", ready, crash_looping);
    Survey { groups: vec![candidate, health("1.4.1", 2, false)], shares: Vec::new(), trip: None }
}

fn both(candidate: u32, stable: u32) -> Survey {
    let groups = vec![health("1.5.0", candidate, false), health("1.4.1", stable, false)];
    Survey { groups, shares: Vec::new(), trip: None }
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

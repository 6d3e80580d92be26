//! Verdicts on candidates in simulated traffic: how soon, how often wrong, and what users met meanwhile.
//! Beside them, simple models of the rules that Kayenta and Flagger come with, in the same scenes.

mod rules;
mod scene;

use std::hint::black_box;
use std::time::Duration;

use evidence::combined::{Harmful, Metric};
use evidence::counted::Once;
use evidence::histogram::Histogram;
use evidence::power::{Forecast, Step, Traffic};
use evidence::trial::{ClearTrial, Terms};
use ports::fake::Seeded;

use crate::{median, seconds};
use rules::{Flagger, Kayenta, Ours, Rule};
use scene::{Bad, Nature, Scene, Second};

const ROLLOUTS: u64 = 1000;
/// Rollouts end after two hours.
const LASTS: u32 = 7200;

pub(crate) fn measure() {
    println!("evidence ({ROLLOUTS} simulated rollouts each, of two hours at most)");
    println!(
        "  100 requests a second, a tenth of them to the candidate, 0.5 % bad in the baseline:"
    );
    println!("  half are found within (the candidate's bad answers until then, median):");
    println!("  {:>28}{:>20}{:>20}{:>20}", "", "ours", "Kayenta's rule", "Flagger's rule");
    for (ratio, wanted) in [(2.0, 330), (5.0, 32), (20.0, 4)] {
        let scene = Scene::new(Nature::Steady, ratio);
        let told = [
            found(scene, Ours::plain),
            found(scene, Kayenta::default),
            found(scene, Flagger::default),
        ];
        let [ours, kayenta, flagger] = told.map(|(time, bad)| format!("{time:.1} s ({bad:.0})"));
        println!(
            "  {ratio:>14} times as bad{ours:>20}{kayenta:>20}{flagger:>20} (wanted: {wanted} s)"
        );
    }
    let scene = Scene {
        ratio: 500.0,
        bad: 0.001,
        rate: 1000.0,
        weight: 0.05,
        ..Scene::new(Nature::Steady, 1.0)
    };
    let (time, bad) = found(scene, Ours::plain);
    let (_, theirs) = found(scene, Flagger::default);
    println!(
        "  half of its answers at 5 % of 1,000 a second: {time:.2} s, {bad:.0} bad answers, {theirs:.0} by Flagger's rule (wanted: 0.5 s, 15)"
    );
    clearance();

    println!("  good candidates that are rolled back (wanted of ours: at most 1 %):");
    wrong("steady", Nature::Steady, None);
    wrong("weights from 1 to 50 %", Nature::Shifting, None);
    wrong("outages of both", Nature::Outages, None);
    wrong("day and night", Nature::Day, None);
    for (what, nature, mend) in MENDED {
        wrong(what, nature, Some(mend));
    }
    println!("  bad candidates among these:");
    for (what, nature, Mend(how, rule)) in MENDED {
        let [two, five, twenty] =
            [2.0, 5.0, 20.0].map(|ratio| found(Scene::new(nature, ratio), rule).0);
        println!(
            "  {what:>24}  {how}: 2, 5 and 20 times as bad within {two:.0}, {five:.1} and {twenty:.1} s"
        );
    }
    costs();
}

/// Seconds until half of such candidates are found, and the candidate's bad answers by then, in the median too.
fn found<R: Rule>(scene: Scene, rule: impl Fn() -> R) -> (f64, f64) {
    let rollouts = (0..ROLLOUTS).map(|seed| rollout(scene, &mut rule(), seed));
    let (times, bad): (Vec<f64>, Vec<f64>) = rollouts.unzip();
    (median(times), median(bad))
}

/// What is done about events that are not each a new throw of the dice.
#[derive(Clone, Copy)]
struct Mend(&'static str, fn() -> Ours);

const MENDED: [(&str, Nature, Mend); 3] = [
    ("users who stay", Nature::Clustered, Mend("once a user", Ours::counting_users_once)),
    ("instances that stumble", Nature::Stumbling, Mend("a lull of 100 ms", Ours::with_lull)),
    ("a cold candidate", Nature::Cold, Mend("90 s of warm-up", Ours::warming_up)),
];

/// The share of good candidates that each rule rolls back.
fn wrong(what: &str, nature: Nature, mend: Option<Mend>) {
    let scene = Scene::new(nature, 1.0);
    let mut ours = backs(scene, Ours::plain);
    if let Some(Mend(how, rule)) = mend {
        ours = format!("{} by {how}, {ours} without", backs(scene, rule));
    }
    let (kayenta, flagger) = (backs(scene, Kayenta::default), backs(scene, Flagger::default));
    println!("  {what:>24}  {ours}; Kayenta's rule {kayenta}, Flagger's {flagger}");
}

fn backs<R: Rule>(scene: Scene, rule: impl Fn() -> R) -> String {
    let back = (0..ROLLOUTS).filter(|seed| rollout(scene, &mut rule(), *seed).0.is_finite());
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let share = back.count() as f64 / ROLLOUTS as f64;
    format!("{:.1} %", share * 100.0)
}

/// Seconds until a rule rolls back, infinite if it does not, and the candidate's bad answers until then.
#[expect(clippy::cast_precision_loss, reason = "microseconds of two hours")]
fn rollout(scene: Scene, rule: &mut impl Rule, seed: u64) -> (f64, f64) {
    let luck = Seeded::new(seed);
    let (salt, mut lived, mut suffered) = (luck.next(), Second::default(), 0.0);
    for second in 0..LASTS {
        scene.live(second, salt, &luck, &mut lived);
        for bad in &lived.bad {
            suffered += f64::from(u8::from(bad.of_candidate));
            if rule.bad(*bad) {
                return (bad.at as f64 / 1e6, suffered);
            }
        }
        if rule.end(second, &lived) {
            return (f64::from(second + 1), suffered);
        }
    }
    (f64::INFINITY, suffered)
}

/// Clears a candidate as the tripwire finds one.
struct Clearing(ClearTrial, Option<Once>);

impl Clearing {
    fn plain() -> Self {
        Self(ClearTrial::new(&Terms::default()), None)
    }

    fn counting_users_once() -> Self {
        Self(ClearTrial::new(&Terms::default()), Some(Once::new()))
    }
}

impl Rule for Clearing {
    fn bad(&mut self, bad: Bad) -> bool {
        self.1.as_mut().is_none_or(|once| once.counts(bad.user) && once.allows_clearance())
            && self.0.bad(bad.of_candidate, bad.weight).is_some()
    }

    fn end(&mut self, _: u32, _: &Second) -> bool {
        false
    }
}

fn clearance() {
    println!("  half of the good candidates are clear within (doubled ones that are cleared):");
    for (what, nature, rule, wanted) in [
        ("steady", Nature::Steady, Clearing::plain as fn() -> Clearing, " (wanted: 215 s, 5 %)"),
        ("users who stay", Nature::Clustered, Clearing::counting_users_once, ""),
        ("the same, uncorrected", Nature::Clustered, Clearing::plain, ""),
        ("all of them alike", Nature::Even, Clearing::counting_users_once, ""),
    ] {
        let (time, _) = found(Scene::new(nature, 1.0), rule);
        let time = if time.is_finite() { format!("{time:.0} s") } else { "never".to_owned() };
        println!("  {what:>24}  {time} ({}){wanted}", backs(Scene::new(nature, 2.0), rule));
    }
}

/// What it costs to be told.
fn costs() {
    const EVENTS: u32 = 1_000_000;
    let mut harmful = Harmful::new(&Terms::default());
    let ((), took) = seconds(|| {
        for event in 0..EVENTS {
            let weight = 0.05 + f64::from(event % 7) / 100.0;
            black_box(harmful.bad(Metric::Errors, event % 12 == 0, weight));
        }
    });
    println!("  {:>9.0} ns  for a bad event", took * 1e9 / f64::from(EVENTS));
    let mut histogram = Histogram::new();
    let ((), took) = seconds(|| {
        for event in 0..EVENTS {
            histogram.add(u64::from(event.wrapping_mul(2_654_435_761) >> 8));
        }
    });
    black_box(histogram.quantile(0.99));
    println!("  {:>9.1} ns  for a latency", took * 1e9 / f64::from(EVENTS));
    for (what, rate, weight, ratio) in
        [("found soon", 100.0, 0.1, 5.0), ("hard to find", 1000.0, 0.5, 1.25)]
    {
        let traffic = Traffic { rate, bad: 0.005 };
        let steps = [Step { weight, lasts: Duration::from_mins(10) }];
        let forecast = || Forecast::of(Metric::Errors, &Terms::default(), traffic, &steps, ratio);
        let times: Vec<f64> = (0..20).map(|_| seconds(|| black_box(forecast())).1).collect();
        println!(
            "  {:>9.2} ms  for a forecast of what is {what} (wanted: under 5)",
            median(times) * 1e3
        );
    }
    println!();
}

//! Scripts in which releases roll out.

use std::fmt::Write;

use engine::rollout::Word;
use jiff::SignedDuration;
use model::id::RolloutId;
use model::intent::{Generation, Group, Instances, Share, Weight, Weights};
use model::name::Place;
use model::rollout::{Guard, Plan, PlanDraft, Release, Step};
use ports::fake::Nature;
use ports::store::{Query, Store};
use ports::traffic::Traffic;
use ports::workloads::Workloads;

use super::{ScriptError, acts_in_order, duration, text_of, told};
use crate::faults::Faults;
use crate::page;
use crate::world::{BEGINNING, World};

/// A script that has been understood.
#[derive(Debug)]
pub(super) struct Script {
    title: String,
    place: Place,
    plan: Plan,
    /// Requests a second.
    rate: u64,
    live: Option<String>,
    /// Each release's version and what becomes of it.
    releases: Vec<(String, Fate)>,
    acts: Vec<(SignedDuration, Act)>,
    until: SignedDuration,
}

#[derive(Debug, Clone)]
enum Fate {
    ReadyAfter(SignedDuration),
    CrashesAt(SignedDuration),
    HarmsFrom(SignedDuration),
    ClearAfter(SignedDuration),
    Refused(String),
}

#[derive(Debug, Clone)]
enum Act {
    Start { version: String },
    Say { word: Word },
    Crash,
    Forget,
    Tamper { shares: Vec<(Weight, String)> },
}

impl Script {
    pub(super) fn read(script: &str) -> Result<Self, ScriptError> {
        Draft::read(script)
    }

    pub(super) fn play(&self) -> String {
        let mut world = World::watched(1, Faults::none);
        let (node, office, faults, store) =
            (world.node.clone(), world.office.clone(), world.faults.clone(), world.store.clone());
        let known: Vec<Release> =
            self.releases.iter().map(|(version, _)| office.release(version)).collect();
        let find = |version: &str| known.iter().find(|release| release.version == version).cloned();
        for ((_, fate), release) in self.releases.iter().zip(&known) {
            node.set_nature(release.id, fate.nature());
        }
        node.set_rate(self.rate);
        let mut answers = Vec::new();
        let entries = world.run(async {
            let live = self.live.as_deref().and_then(find);
            if let Some(live) = &live {
                let group = Group { place: self.place.clone(), release: live.id };
                let want = Instances { group, count: self.plan.instances() };
                node.ensure(&want, Generation(1)).await.expect("an empty node takes everything");
                let shares = vec![Share { release: live.id, weight: Weight::ALL }];
                let want = Weights { place: self.place.clone(), split: shares.into() };
                node.steer(&want, Generation(1)).await.expect("an empty node takes everything");
            }
            let mut moving: Option<RolloutId> = None;
            for (at, act) in &self.acts {
                office.sleep_until(BEGINNING + *at).await;
                match act {
                    Act::Start { version } => {
                        let candidate = find(version).expect("the script names its releases");
                        let stable = live.clone();
                        let (id, reply) =
                            office.start(&self.place, candidate, stable, self.plan.clone()).await;
                        moving = moving.filter(|_| reply.is_err()).or(Some(id));
                        answers.push((*at, format!("start {version}"), told(reply)));
                    }
                    Act::Say { word } => {
                        let id = moving.expect("the script starts something first");
                        let reply = office.tell(id, word.clone()).await;
                        answers.push((*at, format!("{word}"), told(reply)));
                    }
                    Act::Crash => faults.crash_now(0),
                    Act::Forget => node.forget(),
                    Act::Tamper { shares } => {
                        let shares = shares.iter().map(|(weight, version)| Share {
                            release: find(version).expect("the script names its releases").id,
                            weight: *weight,
                        });
                        node.tamper(&self.place, shares.collect());
                    }
                }
            }
            office.sleep_until(BEGINNING + self.until).await;
            let all = Query { limit: usize::MAX, ..Query::default() };
            store.entries(all).await.expect("a store in memory always answers")
        });
        let head =
            world.run(async { store.head().await.expect("a store in memory always answers") });
        let version = |id| {
            let release = known.iter().find(|release| release.id == id);
            release.map_or_else(String::new, |release| release.version.clone())
        };
        let names = known.iter().map(|release| (release.id.into(), release.version.clone()));
        let names: Vec<_> = names.collect();
        let mut page = format!("{}\n\n{}\n", self.title, page::diary(&entries, &names));
        for (at, word, answer) in answers {
            writeln!(page, "at {at:#}, person:ada said `{word}`: {answer}")
                .expect("texts take all");
        }
        writeln!(page, "\nin the end: {}", node.picture(version)).expect("texts take all");
        match page::verify(entries, head) {
            Ok(head) => writeln!(page, "the journal's {} facts verify", head.seq),
            Err(error) => writeln!(page, "{error}"),
        }
        .expect("texts take all");
        for broken in world.watch.broken() {
            writeln!(page, "broken: {broken}").expect("texts take all");
        }
        page
    }
}

impl Fate {
    fn nature(&self) -> Nature {
        match self {
            Self::ReadyAfter(after) => Nature { ready_after: *after, ..Nature::default() },
            Self::CrashesAt(at) => {
                Nature { crashes_from: Some(BEGINNING + *at), ..Nature::default() }
            }
            Self::HarmsFrom(at) => {
                Nature { harms_from: Some(BEGINNING + *at), ..Nature::default() }
            }
            Self::ClearAfter(after) => Nature { clear_after: Some(*after), ..Nature::default() },
            Self::Refused(why) => Nature { refused: Some(why.clone()), ..Nature::default() },
        }
    }
}

/// A script while it is being read.
#[derive(Default)]
struct Draft {
    title: String,
    place: Option<Place>,
    plan: Option<PlanDraft>,
    look_every: Option<SignedDuration>,
    /// Requests a second, if rollouts are judged by them.
    rate: Option<u64>,
    live: Option<String>,
    releases: Vec<(String, Fate)>,
    acts: Vec<(SignedDuration, Act)>,
    until: Option<SignedDuration>,
}

impl Draft {
    fn read(script: &str) -> Result<Script, ScriptError> {
        let mut draft = Self::default();
        let mut last = 0;
        for (index, text) in script.lines().enumerate() {
            last = index + 1;
            draft.line(text.trim()).map_err(|what| ScriptError { line: last, what })?;
        }
        draft.finish().map_err(|what| ScriptError { line: last, what })
    }

    fn line(&mut self, text: &str) -> Result<(), String> {
        if let Some(title) = text.strip_prefix('#') {
            if !self.title.is_empty() {
                self.title.push('\n');
            }
            self.title.push_str(title.trim());
            return Ok(());
        }
        let words: Vec<_> = text.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["place", place] => self.place = Some(place.parse().map_err(text_of)?),
            ["plan", count, "instances:" | "instance:", ..] => {
                let steps = text.split_once(':').map_or("", |(_, steps)| steps);
                self.plan = Some(PlanDraft {
                    instances: count.parse().map_err(text_of)?,
                    steps: steps.split(',').map(step).collect::<Result<_, _>>()?,
                    ready_within: SignedDuration::from_mins(5),
                    look_every: SignedDuration::from_mins(5),
                    unwell_for: SignedDuration::from_mins(10),
                    guard: None,
                });
            }
            ["judged", "by", "requests:", rate, "a", "second"] => {
                self.rate = Some(rate.parse().map_err(text_of)?);
            }
            ["look", "every", every] => self.look_every = Some(duration(every)?),
            [version, "is", "live"] => {
                self.live = Some((*version).to_owned());
                self.release(version, Fate::ReadyAfter(SignedDuration::ZERO));
            }
            [version, "is", "ready", "after", after] => {
                self.release(version, Fate::ReadyAfter(duration(after)?));
            }
            [version, "harms", "its", "users", "from", at] => {
                self.release(version, Fate::HarmsFrom(duration(at)?));
            }
            [version, "is", "clear", "after", after] => {
                self.release(version, Fate::ClearAfter(duration(after)?));
            }
            [version, "crashes", "at", at] => self.release(version, Fate::CrashesAt(duration(at)?)),
            [version, "is", "refused:", why @ ..] => {
                self.release(version, Fate::Refused(why.join(" ")));
            }
            ["at", at, act @ ..] => {
                let at = duration(at)?;
                acts_in_order(self.acts.last().map(|(before, _)| *before), at)?;
                let act = self.act(act)?;
                self.acts.push((at, act));
            }
            ["until", until] => self.until = Some(duration(until)?),
            _ => return Err(format!("`{text}` is not understood")),
        }
        Ok(())
    }

    fn act(&self, words: &[&str]) -> Result<Act, String> {
        let is_known = |version: &str| self.releases.iter().any(|(known, _)| known == version);
        let known = |version: &str| {
            let unknown = || format!("nothing is said of {version} before");
            is_known(version).then(|| version.to_owned()).ok_or_else(unknown)
        };
        let say = |word| {
            let started = self.acts.iter().any(|(_, act)| matches!(act, Act::Start { .. }));
            if started {
                Ok(Act::Say { word })
            } else {
                Err("nothing was started before".to_owned())
            }
        };
        match words {
            ["start", version] => Ok(Act::Start { version: known(version)? }),
            ["pause"] => say(Word::Pause),
            ["resume"] => say(Word::Resume),
            ["skip"] => say(Word::Skip),
            ["promote"] => say(Word::Promote),
            ["abort", why @ ..] => say(Word::Abort { why: why.join(" ") }),
            ["the", "server", "crashes"] => Ok(Act::Crash),
            ["the", "node", "forgets"] => Ok(Act::Forget),
            ["somebody", "steers", shares @ ..] => {
                let shares = shares.chunks(3).map(|share| match share {
                    [weight, "%", version] => {
                        Ok((percent(weight)?, known(version.trim_end_matches(','))?))
                    }
                    _ => Err("expected shares such as `50 % 1.4.1, 50 % 1.5.0`".to_owned()),
                });
                Ok(Act::Tamper { shares: shares.collect::<Result<_, String>>()? })
            }
            _ => Err(format!("`{}` is nothing that can happen", words.join(" "))),
        }
    }

    fn release(&mut self, version: &str, fate: Fate) {
        self.releases.retain(|(known, _)| known != version);
        self.releases.push((version.to_owned(), fate));
    }

    fn finish(self) -> Result<Script, String> {
        let missing = |what: &str| format!("the script has no line `{what} …`");
        let mut plan = self.plan.ok_or_else(|| missing("plan"))?;
        plan.look_every = self.look_every.unwrap_or(plan.look_every);
        plan.guard = self.rate.map(|_| Guard::default());
        Ok(Script {
            title: self.title,
            place: self.place.ok_or_else(|| missing("place"))?,
            plan: Plan::try_from(plan).map_err(text_of)?,
            rate: self.rate.unwrap_or_default(),
            live: self.live,
            releases: self.releases,
            acts: self.acts,
            until: self.until.ok_or_else(|| missing("until"))?,
        })
    }
}

fn step(text: &str) -> Result<Step, String> {
    let words: Vec<_> = text.split_whitespace().collect();
    match words.as_slice() {
        [weight, "%"] => Ok(Step { weight: percent(weight)?, hold: SignedDuration::ZERO }),
        [weight, "%", "for", hold] => Ok(Step { weight: percent(weight)?, hold: duration(hold)? }),
        _ => Err(format!("`{text}` is not a step: expected one such as `25 % for 1h`")),
    }
}

fn percent(text: &str) -> Result<Weight, String> {
    let weight = text.parse().ok().and_then(Weight::from_percent);
    weight.ok_or_else(|| format!("`{text}` is not a share: expected 0 to 100"))
}

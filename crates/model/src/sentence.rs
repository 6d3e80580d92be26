//! Facts in plain sentences, for the journal's readers.

use std::fmt::Write;

use crate::fact::{
    DriftFound, DriftMended, ProcessParked, RolloutEnded, RolloutHastened, RolloutHindered,
    RolloutPaused, RolloutRetreating, RolloutShifted, RolloutStarted, RolloutStepPassed,
    RolloutUnsure, RolloutWaiting, RunApproved, RunCancelling, RunDisplaced, RunEnded, RunHeld,
    RunJobEnded, RunJobOrdered, RunQueued, RunRejected, RunStarted, RunUnsure, SecretRemoved,
    SecretSet, VaultRekeyed, What, WordRefused,
};
use crate::intent::Trip;
use crate::pipeline::Conclusion;
use crate::rollout::{Because, Evidence, Release, Step, Verdict};

impl What {
    /// The fact as one sentence without its end.
    pub fn sentence(&self) -> String {
        match self {
            Self::RolloutStarted(RolloutStarted { release, replaces, instances, steps }) => {
                let version = &release.version;
                let steps: Vec<_> = steps.iter().map(step).collect();
                let replaced = replaces.as_ref().map(|old| format!(" to replace {}", old.version));
                let replaced = replaced.unwrap_or_default();
                let instances = count(u64::from(*instances), "instance");
                format!("{version} sets out{replaced}: {instances}, {}", steps.join(", "))
            }
            Self::RolloutShifted(RolloutShifted { weight, .. }) => {
                format!("{weight} of the traffic is on the new release")
            }
            Self::RolloutStepPassed(RolloutStepPassed { weight, evidence, .. }) => {
                format!("the step at {weight} held: {}", seen(evidence))
            }
            Self::RolloutWaiting(RolloutWaiting { answered, wanted, seconds_left, .. }) => {
                let left = match seconds_left {
                    Some(seconds) => format!("about {} more", span(*seconds)),
                    None => "none come at present".to_owned(),
                };
                format!("the step waits for requests: {answered} of {wanted} answered, {left}")
            }
            Self::RolloutPaused(RolloutPaused { .. }) => {
                "paused; health is still watched".to_owned()
            }
            Self::RolloutResumed(_) => "resumed".to_owned(),
            Self::RolloutHastened(RolloutHastened { every_step: true, .. }) => {
                "promoted by hand: every step waits for fresh evidence only".to_owned()
            }
            Self::RolloutHastened(_) => "the rest of the step's time is skipped".to_owned(),
            Self::RolloutRetreating(RolloutRetreating { because, .. }) => {
                format!("traffic goes back: {}", reason(because))
            }
            Self::RolloutUnsure(RolloutUnsure { target, why }) => {
                format!("not known whether {target} is as wanted ({why}); looking")
            }
            Self::RolloutHindered(RolloutHindered { target, why }) => {
                format!("{target} cannot be as wanted: {why}")
            }
            Self::RolloutEnded(RolloutEnded { verdict, live, .. }) => {
                let live = live.as_ref().map_or("nothing", |release: &Release| &release.version);
                match verdict {
                    Verdict::Promoted => format!("promoted: {live} is live"),
                    Verdict::RolledBack => format!("rolled back: {live} is live"),
                    Verdict::Aborted => format!("aborted: {live} is live"),
                }
            }
            Self::RunStarted(RunStarted { name, event, commit, jobs, .. }) => {
                let commit = commit.as_ref().map(|commit| format!(" at {}", short(commit)));
                let jobs = count(*jobs as u64, "job");
                format!("{name} begins by {event}{}: {jobs}", commit.unwrap_or_default())
            }
            Self::RunJobOrdered(RunJobOrdered { name, attempt: 1, .. }) => {
                format!("{name} goes to the runners")
            }
            Self::RunJobOrdered(RunJobOrdered { name, attempt, .. }) => {
                format!("{name} goes to the runners again, attempt {attempt}")
            }
            Self::RunJobEnded(ended) => job_ended(ended),
            Self::RunHeld(RunHeld { name, environment, approvals }) => {
                let approvals = count(u64::from(*approvals), "approval");
                format!("{name} waits for {approvals} to enter {environment}")
            }
            Self::RunQueued(RunQueued { name, group, behind }) => {
                let who = name.as_deref().unwrap_or("the run");
                format!("{who} waits for its turn in the group `{group}`, which {behind} is in")
            }
            Self::RunDisplaced(RunDisplaced { name, why }) => {
                format!("{} gives way: {why}", name.as_deref().unwrap_or("the run"))
            }
            Self::RunApproved(RunApproved { name, environment, missing: 0 }) => {
                format!("{name} may enter {environment}")
            }
            Self::RunApproved(RunApproved { name, environment, missing }) => {
                format!("{name} has an approval for {environment}, {missing} to go")
            }
            Self::RunRejected(RunRejected { name, environment }) => {
                format!("{name} may not enter {environment}")
            }
            Self::RunCancelling(RunCancelling { force: false }) => "cancelled".to_owned(),
            Self::RunCancelling(RunCancelling { force: true }) => {
                "cancelled by force: nothing more is begun".to_owned()
            }
            Self::RunUnsure(RunUnsure { job, why }) => {
                format!("not known what became of {job} ({why}); looking")
            }
            Self::RunEnded(RunEnded { conclusion, seconds }) => {
                format!("ended with {conclusion} after {seconds} s")
            }
            Self::SecretSet(SecretSet { name, version: 1 }) => format!("secret {name} was set"),
            Self::SecretSet(SecretSet { name, version }) => {
                format!("secret {name} was set anew, version {version}")
            }
            Self::SecretRemoved(SecretRemoved { name }) => format!("secret {name} was removed"),
            Self::VaultRekeyed(VaultRekeyed { key, secrets }) => {
                format!("{} sealed anew under {key}", count(*secrets as u64, "secret"))
            }
            Self::WordRefused(WordRefused { word, why }) => format!("`{word}` was refused: {why}"),
            Self::ProcessParked(ProcessParked { why }) => format!("set aside: {why}"),
            Self::ProcessUnparked(_) => "taken up again".to_owned(),
            Self::DriftFound(DriftFound { target, seen, .. }) => {
                format!("{target} is not as wanted, found {seen}")
            }
            Self::DriftMended(DriftMended { target, .. }) => format!("{target} is as wanted again"),
        }
    }
}

fn step(step: &Step) -> String {
    if step.hold.is_zero() {
        step.weight.to_string()
    } else {
        format!("{} for {:#}", step.weight, step.hold)
    }
}

fn seen(evidence: &Evidence) -> String {
    let Evidence { ready, wanted, restarts, requests, bad, .. } = evidence;
    let mut seen = format!("{ready} of {wanted} ready");
    if *restarts > 0 {
        seen.push_str(", ");
        seen.push_str(&count(u64::from(*restarts), "restart"));
    }
    if *requests > 0 {
        write!(seen, ", {bad} of {requests} requests bad").expect("texts take all");
    }
    seen
}

fn reason(because: &Because) -> String {
    let (mut text, last_words) = match because {
        Because::Harm { trip } => {
            let Trip { candidate_seen: own, baseline_seen: other, .. } = trip;
            let text = format!(
                "its users fared worse: {} of {} requests bad, {} of {} on the release before; it \
                 was cut off at {}",
                own.bad,
                own.requests,
                other.bad,
                other.requests,
                trip.at.strftime("%H:%M:%S%.3f")
            );
            (text, &None)
        }
        Because::CrashLoop { restarts, last_words } => (
            format!("instances crash again and again ({})", count(u64::from(*restarts), "restart")),
            last_words,
        ),
        Because::NeverReady { ready, wanted, last_words } => {
            (format!("not ready in time ({ready} of {wanted})"), last_words)
        }
        Because::Unwell { ready, wanted, last_words } => {
            (format!("instances are missing ({ready} of {wanted} ready)"), last_words)
        }
        Because::Hindered { target, why } => {
            (format!("{target} cannot be as wanted: {why}"), &None)
        }
        Because::Told { by, why } => (format!("{by} said so: {why}"), &None),
    };
    if let Some(line) = last_words.as_ref().and_then(|words| words.lines().next_back()) {
        write!(text, "; its last words: {line}").expect("texts take all");
    }
    text
}

fn job_ended(ended: &RunJobEnded) -> String {
    let RunJobEnded { name, conclusion, why, seconds, again, .. } = ended;
    let after = seconds.map(|seconds| format!(" after {seconds} s")).unwrap_or_default();
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let again = if *again { "; it is begun again" } else { "" };
    match conclusion {
        Conclusion::Skipped => format!("{name} is skipped{why}"),
        _ => format!("{name} ended with {conclusion}{after}{why}{again}"),
    }
}

/// `40 s`, `5 min`, `3 h`: as much as a waiting person wants to know.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// A commit as people name it.
fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

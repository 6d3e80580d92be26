//! Intents: desired states of the world, and what the world answers.
//!
//! An intent says what is to be, never what to change, so doing it twice is harmless. The store
//! gives each a generation that grows with every new intent for the same target; the data plane
//! refuses an older one, so doing it late is harmless too.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{JobId, ReleaseId};
use crate::message::{Line, Message};
use crate::name::{NameError, Place, Scope};
use crate::pipeline::{JobReport, Order};

/// Something a decider wants to be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// So many instances of a release.
    Run(Instances),
    /// This split of a place's traffic.
    Steer(Weights),
    /// A fresh look at how a place fares.
    Survey(Place),
    /// A job that is to be executed, once.
    Work(Box<Order>),
    /// A job that is to be over.
    Halt(JobId),
    /// A word that another process is to hear, once.
    Tell(Box<Message>),
}

impl Intent {
    /// What the intent is about: the newest intent for a target is the one that counts.
    pub fn target(&self) -> Target {
        match self {
            Self::Run(want) => Target::Instances(want.group.clone()),
            Self::Steer(want) => Target::Weights(want.place.clone()),
            Self::Survey(place) => Target::Survey(place.clone()),
            Self::Work(order) => Target::Job(order.job),
            Self::Halt(job) => Target::Job(*job),
            Self::Tell(message) => Target::Word(message.line),
        }
    }

    /// Whether it is to stay so: upheld intents are compared with the world now and then.
    pub fn is_upheld(&self) -> bool {
        match self {
            Self::Run(want) => want.count > 0,
            Self::Steer(_) => true,
            Self::Survey(_) | Self::Work(_) | Self::Halt(_) | Self::Tell(_) => false,
        }
    }

    /// Whether it is still to be brought about when the process that wanted it has ended since.
    pub fn outlives_its_process(&self) -> bool {
        self.is_upheld() || matches!(self, Self::Tell(_))
    }
}

/// So many instances of one release in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    #[serde(flatten)]
    pub group: Group,
    pub count: u32,
}

/// The instances of one release in one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    #[serde(flatten)]
    pub place: Place,
    pub release: ReleaseId,
}

/// How a place's traffic is split. Releases that are not named get none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weights {
    #[serde(flatten)]
    pub place: Place,
    #[serde(flatten)]
    pub split: Split,
}

/// Who gets which requests of a place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Split {
    pub shares: Vec<Share>,
    /// Requests that are not left to chance; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cohorts: Vec<Cohort>,
    /// A release that is sent copies of requests, whose answers nobody sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Share>,
    /// What cuts a candidate off by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripwire: Option<Tripwire>,
    /// The generation of the split whose trip is known to who says this. As long as a trip is not
    /// acknowledged, no later split is taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledges: Option<Generation>,
}

impl From<Vec<Share>> for Split {
    fn from(shares: Vec<Share>) -> Self {
        Self { shares, ..Self::default() }
    }
}

/// Requests that belong to one release by what they carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cohort {
    #[serde(flatten)]
    pub mark: Mark,
    pub release: ReleaseId,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    Header { name: String, value: String },
    Cookie { name: String, value: String },
}

/// When a candidate has proved so bad that it gets no more requests, whoever is there to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tripwire {
    pub candidate: ReleaseId,
    pub baseline: ReleaseId,
    /// How many times as bad as the baseline a candidate may be, in hundredths: 100 is no worse.
    pub tolerated: u32,
    /// The chance to cut off a candidate that is not worse than that, in millionths.
    pub alpha: u32,
    /// How many times as bad as the baseline a candidate surely is not, once it is clear; in
    /// hundredths.
    #[serde(default = "twice")]
    pub ruled_out: u32,
    /// The chance to call a candidate clear that is as bad as that, in millionths.
    #[serde(default = "one_in_twenty")]
    pub beta: u32,
    /// An answer that takes longer is a bad event on either side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_after: Option<SignedDuration>,
}

const fn twice() -> u32 {
    200
}

const fn one_in_twenty() -> u32 {
    50_000
}

/// A candidate was cut off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    pub at: Timestamp,
    /// Of the split that was in force.
    pub generation: Generation,
    pub candidate: ReleaseId,
    /// How much likelier the bad events are under a worse candidate, as a natural logarithm in
    /// thousandths.
    pub log_evidence: i64,
    /// Answers and bad events on both sides since the tripwire was set.
    pub candidate_seen: Seen,
    pub baseline_seen: Seen,
}

/// What the requests so far prove of a candidate that a tripwire watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    pub candidate: ReleaseId,
    /// How likely it is worse than tolerated: a natural logarithm in thousandths, and from where on
    /// it is cut off.
    pub harm: i64,
    pub harm_needed: i64,
    /// The same for being surely not as bad as what has to be ruled out.
    pub clearance: i64,
    pub clearance_needed: i64,
    pub is_clear: bool,
    /// Answers and bad events on both sides since the tripwire was set.
    pub candidate_seen: Seen,
    pub baseline_seen: Seen,
}

/// What was seen of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    pub requests: u64,
    pub bad: u64,
}

/// One release's share of the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub release: ReleaseId,
    pub weight: Weight,
}

/// A share of traffic in units of 0.01 %.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Weight(u16);

impl Weight {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(10_000);

    /// None above the whole.
    pub const fn from_hundredths(hundredths: u16) -> Option<Self> {
        if hundredths <= Self::ALL.0 { Some(Self(hundredths)) } else { None }
    }

    /// None above the whole.
    pub const fn from_percent(percent: u16) -> Option<Self> {
        match percent.checked_mul(100) {
            Some(hundredths) => Self::from_hundredths(hundredths),
            None => None,
        }
    }

    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// What is left for the others.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self(Self::ALL.0 - self.0)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole} %"),
            _ if part.is_multiple_of(10) => write!(f, "{whole}.{} %", part / 10),
            _ => write!(f, "{whole}.{part:02} %"),
        }
    }
}

/// How often a target's desired state has changed. The data plane never goes back.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The thing in the world that an intent is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    Instances(Group),
    Weights(Place),
    Survey(Place),
    Job(JobId),
    Word(Line),
}

impl Target {
    /// What a fact about it is about at large.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Instances(group) => Scope::Place(group.place.clone()),
            Self::Weights(place) | Self::Survey(place) => Scope::Place(place.clone()),
            Self::Job(_) | Self::Word(_) => Scope::Everything,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances(group) => write!(f, "instances/{}/{}", group.place, group.release),
            Self::Weights(place) => write!(f, "weights/{place}"),
            Self::Survey(place) => write!(f, "survey/{place}"),
            Self::Job(job) => write!(f, "job/{job}"),
            Self::Word(line) => write!(f, "word/{line}"),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let error = || TargetError(text.chars().take(200).collect());
        let place = |text: &str| text.parse().map_err(|_: NameError| error());
        match text.split_once('/').ok_or_else(error)? {
            ("weights", rest) => place(rest).map(Self::Weights),
            ("survey", rest) => place(rest).map(Self::Survey),
            ("job", rest) => rest.parse().map(Self::Job).map_err(|_| error()),
            ("word", rest) => rest.parse().map(Self::Word).map_err(|_| error()),
            ("instances", rest) => {
                let (of, release) = rest.rsplit_once('/').ok_or_else(error)?;
                let release = release.parse().map_err(|_| error())?;
                Ok(Self::Instances(Group { place: place(of)?, release }))
            }
            _ => Err(error()),
        }
    }
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, TargetError> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

/// Why a text names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a target: expected instances/SERVICE/ENVIRONMENT/RELEASE, weights/SERVICE/ENVIRONMENT, survey/SERVICE/ENVIRONMENT, job/JOB or word/FROM/TO"
)]
pub struct TargetError(String);

/// How an intent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is so; a survey brings what was seen.
    Done(Option<Survey>),
    /// The job is over.
    Worked(Box<JobReport>),
    /// It cannot be so, and why.
    Failed(String),
    /// Nobody knows yet, and why. The conductor keeps looking; an answer will come.
    Unknown(String),
}

/// How a place fares at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Survey {
    pub groups: Vec<GroupHealth>,
    pub shares: Vec<Share>,
    /// The candidate that was cut off under the split in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trip: Option<Box<Trip>>,
    /// What is known of the candidate that a tripwire watches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Box<Judgement>>,
}

impl Survey {
    pub fn of(&self, release: ReleaseId) -> Option<&GroupHealth> {
        self.groups.iter().find(|group| group.release == release)
    }
}

/// How the instances of one release fare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHealth {
    pub release: ReleaseId,
    pub wanted: u32,
    pub ready: u32,
    /// Restarts since the group was first wanted.
    pub restarts: u32,
    /// Whether the supervisor has given up on an instance.
    pub crash_looping: bool,
    /// Requests answered since the group was first wanted, and how many of them badly.
    pub requests: u64,
    pub bad: u64,
    /// The last lines that an instance wrote before it died.
    pub last_words: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_read_as_people_write_them() {
        let read = |hundredths| Weight::from_hundredths(hundredths).unwrap().to_string();
        assert_eq!(read(500), "5 %");
        assert_eq!(read(1250), "12.5 %");
        assert_eq!(read(1), "0.01 %");
        assert_eq!(Weight::from_percent(101), None);
        assert_eq!(Weight::from_percent(u16::MAX), None);
        assert_eq!(Weight::from_percent(30).map(Weight::rest), Weight::from_percent(70));
    }

    #[test]
    fn a_target_survives_its_text() {
        let place: Place = "shop/production".parse().unwrap();
        let release = ReleaseId::new(Timestamp::UNIX_EPOCH, [1; 10]);
        for target in [
            Target::Weights(place.clone()),
            Target::Survey(place.clone()),
            Target::Instances(Group { place, release }),
            Target::Job(JobId::new(Timestamp::UNIX_EPOCH, [2; 10])),
            Target::Word(Line { from: release.into(), to: release.into(), job: None }),
            Target::Word(Line { from: release.into(), to: release.into(), job: Some(7) }),
        ] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        for text in
            ["", "weights", "weights/shop", "instances/shop/production/x", "moon/a/b", "word/a"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}

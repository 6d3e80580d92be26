//! What is wrong with a workflow: what it is, where, and in which step of the reading it shows.

mod words;

use model::source::{Finding, Severity, Source, Span, nearest};

use super::model::{Access, InputKind, Scope};
use crate::cron::CronError;
use crate::expression::{Names, TemplateError};

#[derive(Debug, Clone)]
pub struct Problem {
    pub kind: ProblemKind,
    pub severity: Severity,
    /// The file it is in, counted from 0.
    pub file: usize,
    pub span: Span,
    /// The keys that lead to it: `jobs.build.steps[2].run`.
    pub path: String,
    pub step: Step,
    /// The file and the place in it that call the file, if that is not the first.
    pub caller: Option<(usize, Span)>,
}

/// GitHub reads in steps and goes no further than the first in which something is wrong; here all
/// of them are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Which call is followed, in the order of the jobs; 0 for the file itself.
    pub call: usize,
    pub stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Keys, kinds of values and expressions.
    Shape,
    /// What the values mean.
    Meaning,
    /// How jobs depend on each other.
    Order,
}

#[derive(Debug, Clone)]
pub enum ProblemKind {
    /// It is no YAML.
    Yaml(Box<Finding>),
    FileTooLarge {
        limit: usize,
    },
    TooDeep {
        limit: usize,
    },
    TooLarge {
        limit: usize,
    },
    /// A number in hexadecimal or octal digits that is longer than 32 bits.
    NumberTooLong {
        written: String,
    },
    /// A tag such as `!!int` on a text in quotes.
    TagOnQuotes {
        tag: &'static str,
    },

    UnexpectedList {
        expected: String,
    },
    UnexpectedMapping {
        expected: String,
    },
    /// Also a key that may not be so.
    UnexpectedValue {
        found: String,
        /// What a message calls it.
        shown: String,
        expected: String,
        /// The words that it could be, if those are all.
        words: &'static [&'static str],
    },
    /// A number that is no longer written so where it is taken for text: `3.10` is 3.1.
    Rewritten {
        written: String,
        becomes: String,
    },
    UnknownKey {
        key: String,
        of: &'static str,
        known: Vec<&'static str>,
    },
    RepeatedKey {
        key: String,
        first: Span,
    },
    MissingKey {
        key: &'static str,
        of: &'static str,
        owner: Option<Span>,
    },
    /// It could be one of several things. Each of `keys` would tell which; `required` are those
    /// without which it would be none.
    Ambiguous {
        keys: Vec<&'static str>,
        required: Vec<&'static str>,
    },
    ExpressionNotAllowed,
    /// `${{ insert }}` with text around it.
    InsertWithin,
    /// `raw` is the whole text, to which the errors' places refer; `names` is what may be named.
    Template {
        raw: Box<str>,
        errors: Vec<TemplateError>,
        names: &'static Names<'static>,
    },

    Id {
        id: String,
        wrong: IdWrong,
    },
    TooManyJobs {
        limit: usize,
    },
    GroupTooLong {
        limit: usize,
    },
    RunnerGroup {
        group: String,
        empty: bool,
    },
    Action {
        action: String,
    },
    NoImage,
    SnapshotVersion {
        version: String,
    },
    EmptyAxis {
        axis: String,
    },
    NoAxis,
    EmptyInclude,
    EmptyExclude,
    UnknownExclude {
        key: String,
        near: Option<String>,
    },
    Cron {
        raw: Box<str>,
        error: CronError,
    },
    NoOptions,
    OptionsWithoutChoice,
    Default {
        kind: InputKind,
    },
    WaitAllFalse,
    /// A wait for a step, or its cancelling.
    Target {
        id: String,
        wrong: TargetWrong,
        near: Option<String>,
    },
    InParallel {
        key: &'static str,
        inner: Span,
    },

    /// There are none, or every one waits for another.
    NoFirstJob {
        empty: bool,
    },
    UnknownNeed {
        job: String,
        need: String,
        near: Option<String>,
    },
    /// A job that can never begin. `ring` begins and ends with the same job; it is empty where the
    /// reason is told elsewhere.
    NeedsCycle {
        job: String,
        need: String,
        ring: Vec<String>,
    },

    CallSyntax {
        uses: String,
    },
    CallNotFound {
        uses: String,
        why: String,
    },
    /// It is in a repository that is not looked at.
    CallElsewhere {
        uses: String,
        why: String,
    },
    CallTooDeep {
        limit: usize,
    },
    /// `chain` names files, and ends with one that is in it before.
    CallCycle {
        chain: Vec<String>,
    },
    TooManyFiles {
        limit: usize,
    },
    NotCallable,
    MissingInput {
        name: String,
    },
    UnknownInput {
        name: String,
        key: Span,
        near: Option<String>,
    },
    Input {
        kind: InputKind,
        shown: String,
    },
    MissingSecret {
        name: String,
    },
    UnknownSecret {
        name: String,
        key: Span,
        near: Option<String>,
    },
    Permissions {
        workflow: String,
        job: Option<String>,
        exceeded: Vec<Exceeded>,
    },
}

/// The right name for a wrong one, among not too many.
pub(super) fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const MOST: usize = 100;
    nearest(name, known.into_iter().take(MOST)).map(str::to_owned)
}

/// What is wrong with the id of a job or a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdWrong {
    Malformed,
    Reserved,
    Taken { first: Span },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetWrong {
    Reserved,
    Itself,
    Unknown,
}

/// An access that a called workflow wants, and what the caller leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    pub scope: Scope,
    pub wanted: Access,
    pub allowed: Access,
}

impl Problem {
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// In our own words, given its file. A text with several wrong expressions makes a finding of
    /// each; what only follows from another problem makes none.
    pub fn findings(&self, source: &Source) -> Vec<Finding> {
        words::findings(self, source)
    }
}

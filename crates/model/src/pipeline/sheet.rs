//! The sheet: a workflow file as it is to be executed, with the files that it calls.

use serde::{Deserialize, Serialize};

use crate::persisted::is_default;

/// A text that may hold `${{ }}`.
pub type Template = String;

/// A value whose texts may hold `${{ }}`.
pub type Tree = serde_json::Value;

/// Variables in the order in which they are written.
pub type Env = Vec<(String, Template)>;

/// One workflow. It has been checked: names are right, needs form no cycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Relative to the repository; with the repository before it, and what was asked for behind
    /// it, where that is another one.
    pub path: String,
    /// The commit of the other repository at which it was read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub commit: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub run_name: Option<Template>,
    /// What callers and people who start it by hand may give, and what it gives back.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interface: Interface,
    /// Variables, or one expression that makes them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub env: Tree,
    #[serde(default, skip_serializing_if = "is_default")]
    pub defaults: Defaults,
    #[serde(default, skip_serializing_if = "is_default")]
    pub concurrency: Option<Concurrency>,
    /// `None` where the file says nothing.
    #[serde(default, skip_serializing_if = "is_default")]
    pub permissions: Option<Tree>,
    pub jobs: Vec<JobSheet>,
}

impl Sheet {
    /// Leaves out every job but one and those that it needs. A job that is not there leaves all.
    pub fn keep_only(&mut self, key: &str) {
        let Some(wanted) = self.jobs.iter().position(|job| job.key == key) else { return };
        let mut kept = vec![false; self.jobs.len()];
        let mut ahead = vec![wanted];
        while let Some(job) = ahead.pop() {
            if !std::mem::replace(&mut kept[job], true) {
                ahead.extend(&self.jobs[job].needs);
            }
        }
        // Where each job comes to stand among those that stay.
        let places: Vec<_> = kept
            .iter()
            .scan(0, |next, kept| {
                let place = *next;
                *next += usize::from(*kept);
                Some(place)
            })
            .collect();
        let jobs = std::mem::take(&mut self.jobs).into_iter().zip(&kept);
        self.jobs = jobs.filter(|(_, kept)| **kept).map(|(job, _)| job).collect();
        for need in self.jobs.iter_mut().flat_map(|job| &mut job.needs) {
            *need = places[*need];
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Interface {
    #[serde(default, skip_serializing_if = "is_default")]
    pub inputs: Vec<Input>,
    /// Secrets by name, and whether they must be given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub secrets: Vec<(String, bool)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub outputs: Vec<(String, Template)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    pub name: String,
    pub kind: InputKind,
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Tree>,
    /// What may be chosen from; empty unless it is a choice.
    #[serde(default, skip_serializing_if = "is_default")]
    pub options: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub description: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    String,
    Boolean,
    Number,
    Choice,
    Environment,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Defaults {
    #[serde(default, skip_serializing_if = "is_default")]
    pub shell: Option<Template>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub working_directory: Option<Template>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    pub group: Template,
    /// A truth value, or an expression.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cancel_in_progress: Tree,
    /// All wait in turn, in place of the newest one only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub queue_all: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSheet {
    pub key: String,
    /// The line of its key in the file.
    pub line: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<Template>,
    /// The jobs that must be over before, by their places in the sheet's list.
    #[serde(default, skip_serializing_if = "is_default")]
    pub needs: Vec<usize>,
    /// As it is written after `if:`; empty where nothing is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub condition: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub permissions: Option<Tree>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub concurrency: Option<Concurrency>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub strategy: Strategy,
    #[serde(default, skip_serializing_if = "is_default")]
    pub continue_on_error: Option<Tree>,
    pub work: Work,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Strategy {
    #[serde(default, skip_serializing_if = "is_default")]
    pub matrix: Option<Matrix>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub fail_fast: Option<Tree>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_parallel: Option<Tree>,
}

/// Where a job's cells come from: a mapping of axes with `include` and `exclude`, any part of
/// which may be an expression, or one expression for the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Matrix(pub Tree);

impl Matrix {
    /// Each value that a key has in some cell; `None` where only expressions know them.
    pub fn values(&self) -> Option<Vec<(&str, &Tree)>> {
        let mut all: Vec<(&str, &Tree)> = Vec::new();
        for (axis, values) in self.0.as_object()? {
            match axis.as_str() {
                "exclude" => {}
                "include" => {
                    for cell in values.as_array()? {
                        all.extend(cell.as_object()?.iter().map(|(key, it)| (key.as_str(), it)));
                    }
                }
                axis => all.extend(values.as_array()?.iter().map(|value| (axis, value))),
            }
        }
        let is_computed = |text: &str| text.contains("${{");
        let is_plain = |(key, value): &(&str, &Tree)| {
            !is_computed(key) && !value.as_str().is_some_and(is_computed)
        };
        all.iter().all(is_plain).then_some(all)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    Steps(Box<Steps>),
    Call(Box<Call>),
}

/// A job that a runner executes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    pub runs_on: RunsOn,
    #[serde(default, skip_serializing_if = "is_default")]
    pub environment: Option<Environment>,
    /// Variables, or one expression that makes them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub env: Tree,
    #[serde(default, skip_serializing_if = "is_default")]
    pub defaults: Defaults,
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeout_minutes: Option<Tree>,
    /// How long steps may go on that want to run although the job was cancelled.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cancel_timeout_minutes: Option<Tree>,
    /// What is written for the job, or for its file, within what its callers have left it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cache_mode: Option<CacheMode>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub container: Option<Tree>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub services: Option<Tree>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub outputs: Vec<(String, Template)>,
    pub steps: Vec<StepSheet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunsOn {
    #[serde(default, skip_serializing_if = "is_default")]
    pub group: Option<Template>,
    /// A text, a list of texts, or an expression that makes either.
    pub labels: Tree,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    pub name: Template,
    #[serde(default, skip_serializing_if = "is_default")]
    pub url: Option<Template>,
    /// Whether entering it counts as a deployment: a truth value, or an expression. It does where
    /// nothing is said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub deployment: Option<Tree>,
}

/// What a job may do with caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheMode {
    None,
    Read,
    /// Both.
    Write,
    WriteOnly,
}

impl CacheMode {
    pub const ALL: [Self; 4] = [Self::None, Self::Read, Self::Write, Self::WriteOnly];

    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
            Self::WriteOnly => "write-only",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    pub const fn restores(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }

    pub const fn saves(self) -> bool {
        matches!(self, Self::Write | Self::WriteOnly)
    }

    /// What both let pass.
    #[must_use]
    pub const fn within(self, other: Self) -> Self {
        let restores = self.restores() && other.restores();
        let saves = self.saves() && other.saves();
        match (restores, saves) {
            (true, true) => Self::Write,
            (true, false) => Self::Read,
            (false, true) => Self::WriteOnly,
            (false, false) => Self::None,
        }
    }
}

/// A job that is a workflow of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub sheet: Sheet,
    #[serde(default, skip_serializing_if = "is_default")]
    pub with: Vec<(String, Tree)>,
    pub secrets: PassedSecrets,
}

/// Which secrets a called workflow sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassedSecrets {
    /// All that the caller sees.
    Inherit,
    /// These, made of what the caller sees.
    Named(Vec<(String, Template)>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSheet {
    /// The line in the file where the step begins.
    pub line: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<Template>,
    /// As it is written after `if:`; empty where nothing is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub condition: String,
    /// Variables, or one expression that makes them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub env: Tree,
    #[serde(default, skip_serializing_if = "is_default")]
    pub continue_on_error: Option<Tree>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeout_minutes: Option<Tree>,
    /// The next step does not wait for it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub background: bool,
    pub work: StepWork,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepWork {
    Run {
        script: Template,
        #[serde(default, skip_serializing_if = "is_default")]
        shell: Option<Template>,
        #[serde(default, skip_serializing_if = "is_default")]
        working_directory: Option<Template>,
    },
    Uses {
        action: String,
        /// A mapping, or one expression that makes it.
        #[serde(default, skip_serializing_if = "is_default")]
        with: Tree,
    },
    /// Until these steps in the background are over.
    Wait(Vec<String>),
    WaitAll,
    /// Ends a step in the background.
    Cancel(String),
    /// All at once, and then on when all are over.
    Parallel(Vec<StepSheet>),
}

impl StepSheet {
    /// What it is called where its name is not evaluated.
    pub fn shown_name(&self) -> String {
        match (&self.name, &self.work) {
            (Some(name), _) => name.clone(),
            (None, StepWork::Run { script, .. }) => {
                let first = script.trim_start().lines().next().unwrap_or_default();
                format!("Run {}", first.trim())
            }
            (None, StepWork::Uses { action, .. }) => format!("Run {action}"),
            (None, StepWork::Wait(_)) => "Wait".to_owned(),
            (None, StepWork::WaitAll) => "Wait for all".to_owned(),
            (None, StepWork::Cancel(_)) => "Cancel".to_owned(),
            (None, StepWork::Parallel(_)) => "Parallel".to_owned(),
        }
    }
}

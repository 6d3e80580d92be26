//! What happened, as far as it decides which workflows start.

use serde_json::Value;

/// An event and what filters look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Happening {
    /// `push`, `pull_request`, `schedule` …
    pub event: String,
    /// Its type: `opened`, or what the sender of a `repository_dispatch` calls it.
    pub action: Option<String>,
    /// What branches and tags are held against: what was pushed, what a pull request or a merge
    /// group goes into, or the branch of the run that a `workflow_run` tells of.
    pub target: Option<Target>,
    /// The branch or tag is gone.
    pub deleted: bool,
    pub changes: Changes,
    /// The message of the newest commit.
    pub message: Option<String>,
    /// The schedule that is due, as the workflow writes it.
    pub schedule: Option<String>,
    /// The name of the workflow that a `workflow_run` tells of.
    pub workflow: Option<String>,
    /// What an `image_version` tells of.
    pub image: Option<String>,
    pub version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Branch(String),
    Tag(String),
}

/// Which files changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Changes {
    /// Nobody knows, or they are too many: filters of paths let everything pass.
    #[default]
    Unknown,
    /// Relative to the repository, with `/` between folders.
    Files(Vec<String>),
}

impl Happening {
    /// What the payload of an event tells. Which files changed is in none; nor is, for pull
    /// requests, the message of the newest commit.
    pub fn of(event: &str, payload: &Value) -> Self {
        let text = |pointer: &str| payload.pointer(pointer)?.as_str().map(str::to_owned);
        let branch = |pointer: &str| {
            text(pointer).map(|name| Target::full(&name).unwrap_or(Target::Branch(name)))
        };
        let target = match event {
            "push" => text("/ref").and_then(|name| Target::full(&name)),
            "pull_request" | "pull_request_target" => branch("/pull_request/base/ref"),
            "merge_group" => branch("/merge_group/base_ref"),
            "workflow_run" => branch("/workflow_run/head_branch"),
            _ => None,
        };
        let workflow = text("/workflow_run/name").or_else(|| text("/workflow/name"));
        Self {
            event: event.to_owned(),
            action: text("/action"),
            target,
            deleted: payload.get("deleted").and_then(Value::as_bool).unwrap_or(false),
            changes: Changes::Unknown,
            message: text("/head_commit/message"),
            schedule: text("/schedule"),
            workflow: workflow.filter(|_| event == "workflow_run"),
            image: text("/image_version/name").or_else(|| text("/image/name")),
            version: text("/image_version/version"),
        }
    }
}

impl Target {
    /// Reads `refs/heads/main` and `refs/tags/v1`.
    pub fn full(name: &str) -> Option<Self> {
        let branch = name.strip_prefix("refs/heads/").map(|name| Self::Branch(name.to_owned()));
        branch.or_else(|| name.strip_prefix("refs/tags/").map(|name| Self::Tag(name.to_owned())))
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Branch(name) | Self::Tag(name) => name,
        }
    }

    /// "branch" or "tag".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Branch(_) => "branch",
            Self::Tag(_) => "tag",
        }
    }
}

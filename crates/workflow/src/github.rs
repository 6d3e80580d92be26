//! The `github` context: what the expressions of a run know of how it came about.

use model::pipeline::Values;
use serde_json::{Value, json};

/// How a run came about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Occasion {
    /// `push`, `pull_request` …
    pub event: String,
    pub payload: Value,
    /// `owner/name`
    pub repository: String,
    /// Where the repository is served: `https://github.com`.
    pub server: String,
    /// `refs/heads/main`, `refs/tags/v1`, `refs/pull/7/merge`
    pub reference: String,
    pub commit: String,
    pub actor: String,
}

/// What tells one run of an occasion from the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Which<'a> {
    pub run: &'a str,
    pub number: u64,
    pub attempt: u64,
    /// The file, relative to the repository.
    pub path: &'a str,
    pub name: &'a str,
}

/// All of the context but what belongs to one job.
pub fn context(occasion: &Occasion, which: &Which<'_>) -> Values {
    let Occasion { event, payload, repository, server, reference, commit, actor } = occasion;
    let (owner, _) = repository.split_once('/').unwrap_or((repository, ""));
    let (kind, short) = split(reference);
    let (head, base) = sides(payload);
    let workflow = format!("{repository}/{}@{reference}", which.path);
    let context = json!({
        "event_name": event,
        "event": payload,
        "ref": reference,
        "ref_name": short,
        "ref_type": kind,
        "ref_protected": false,
        "head_ref": head,
        "base_ref": base,
        "sha": commit,
        "repository": repository,
        "repository_owner": owner,
        "repositoryUrl": format!("{server}/{repository}.git"),
        "server_url": server,
        "api_url": api(server),
        "graphql_url": format!("{}/graphql", api(server)),
        "actor": actor,
        "triggering_actor": actor,
        "run_id": which.run,
        "run_number": which.number.to_string(),
        "run_attempt": which.attempt.to_string(),
        "workflow": which.name,
        "workflow_ref": workflow,
        "workflow_sha": commit,
        "retention_days": "90",
        "secret_source": "Actions",
        "token": "",
    });
    match context {
        Value::Object(values) => values,
        _ => Values::new(),
    }
}

/// What kind of thing a full name names, and its short form.
fn split(reference: &str) -> (&'static str, &str) {
    if let Some(tag) = reference.strip_prefix("refs/tags/") {
        return ("tag", tag);
    }
    let branch = reference.strip_prefix("refs/heads/");
    let pull = reference.strip_prefix("refs/pull/");
    ("branch", branch.or(pull).unwrap_or(reference))
}

/// Where a pull request comes from, and where it goes.
fn sides(payload: &Value) -> (&str, &str) {
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    (text("/pull_request/head/ref"), text("/pull_request/base/ref"))
}

fn api(server: &str) -> String {
    match server {
        "https://github.com" => "https://api.github.com".to_owned(),
        other => format!("{other}/api/v3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHICH: Which<'_> =
        Which { run: "run_1", number: 7, attempt: 1, path: ".github/workflows/ci.yml", name: "CI" };

    #[test]
    fn a_push_and_a_pull_request_know_where_they_are() {
        let mut occasion = Occasion {
            event: "push".into(),
            repository: "ada/shop".into(),
            server: "https://github.com".into(),
            reference: "refs/heads/releases/7".into(),
            ..Occasion::default()
        };
        let context = context(&occasion, &WHICH);
        assert_eq!(context["ref_name"], "releases/7");
        assert_eq!(context["repository_owner"], "ada");
        assert_eq!(context["api_url"], "https://api.github.com");
        let at = "ada/shop/.github/workflows/ci.yml@refs/heads/releases/7";
        assert_eq!(context["workflow_ref"], at);
        occasion.reference = "refs/pull/9/merge".into();
        occasion.payload =
            json!({"pull_request": {"head": {"ref": "fix"}, "base": {"ref": "main"}}});
        let context = super::context(&occasion, &WHICH);
        assert_eq!((&context["head_ref"], &context["base_ref"]), (&json!("fix"), &json!("main")));
        assert_eq!(context["ref_name"], "9/merge");
    }
}

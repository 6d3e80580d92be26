//! The event that a run is given: made of the working tree, or read from a file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};
use workflow::github::Occasion;
use workflow::trigger::{Changes, Happening, Target};

use crate::error::Error;
use crate::exit::Exit;
use crate::local::git::WorkingTree;

/// A payload larger than this is not taken.
const MAX_PAYLOAD: u64 = 1 << 20;
/// What a commit is called that is not there.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

pub(super) struct Asked<'a> {
    pub(super) event: &'a str,
    /// A file with a payload, which has the last word.
    pub(super) payload: Option<&'a Path>,
    pub(super) inputs: &'a [(String, String)],
}

pub(super) struct Made {
    pub(super) occasion: Occasion,
    pub(super) happening: Happening,
    /// It stands for somebody else's repository.
    pub(super) is_fork: bool,
}

pub(super) fn of(tree: &WorkingTree, asked: &Asked<'_>) -> Result<Made, Error> {
    let repository = repository(tree);
    let branch = tree.branch.clone().unwrap_or_else(|| "main".to_owned());
    let mut payload = payload(tree, asked, &repository, &branch);
    if let Some(path) = asked.payload {
        merge(&mut payload, read(path)?);
    }
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let reference = match asked.event {
        "pull_request" => {
            let number = payload.pointer("/pull_request/number").and_then(Value::as_u64);
            format!("refs/pull/{}/merge", number.unwrap_or(1))
        }
        _ => text("/ref").unwrap_or_else(|| format!("refs/heads/{branch}")),
    };
    let mut happening = Happening::of(asked.event, &payload);
    if asked.event == "push" && happening.target.is_none() {
        happening.target = Target::full(&reference);
    }
    if let Some(files) = tree.changed_files()? {
        happening.changes = Changes::Files(files);
    }
    let is_fork = is_fork(asked.event, &payload);
    let occasion = Occasion {
        event: asked.event.to_owned(),
        repository,
        server: server(tree),
        reference,
        commit: text("/after").unwrap_or_else(|| commit(tree)),
        actor: text("/sender/login").unwrap_or_else(|| actor(tree)),
        payload,
    };
    Ok(Made { occasion, happening, is_fork })
}

/// Whether a pull request comes from another repository. What runs in the name of the base
/// repository all the same has `pull_request_target` for its event.
fn is_fork(event: &str, payload: &Value) -> bool {
    if !event.starts_with("pull_request") || event == "pull_request_target" {
        return false;
    }
    let name = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    let head = name("/pull_request/head/repo/full_name");
    let base = name("/pull_request/base/repo/full_name").or(name("/repository/full_name"));
    match (head, base) {
        (Some(head), Some(base)) => !head.eq_ignore_ascii_case(base),
        _ => payload.pointer("/pull_request/head/repo/fork").and_then(Value::as_bool) == Some(true),
    }
}

fn payload(tree: &WorkingTree, asked: &Asked<'_>, repository: &str, branch: &str) -> Value {
    let (owner, name) = repository.split_once('/').unwrap_or(("local", repository));
    let actor = actor(tree);
    let mut payload = json!({
        "repository": {
            "name": name,
            "full_name": repository,
            "owner": { "login": owner, "name": owner },
            "default_branch": default_branch(tree),
            "private": true,
        },
        "sender": { "login": actor },
    });
    let own = match asked.event {
        "push" => push(tree, branch),
        "pull_request" | "pull_request_target" => json!({
            "action": "synchronize",
            "number": 1,
            "pull_request": {
                "number": 1,
                "head": { "ref": branch, "sha": commit(tree), "repo": { "full_name": repository } },
                "base": { "ref": default_branch(tree), "repo": { "full_name": repository } },
                "user": { "login": actor },
                "draft": false,
                "labels": [],
                "title": headline(tree),
            },
        }),
        "workflow_dispatch" => {
            let inputs = asked.inputs.iter().map(|(name, value)| (name.clone(), json!(value)));
            json!({
                "ref": format!("refs/heads/{branch}"),
                "inputs": inputs.collect::<serde_json::Map<_, _>>(),
            })
        }
        _ => json!({}),
    };
    merge(&mut payload, own);
    payload
}

fn push(tree: &WorkingTree, branch: &str) -> Value {
    let head = tree.head.as_ref().map(|head| {
        let who = json!({ "name": head.author, "email": head.email });
        json!({
            "id": head.commit,
            "message": head.message,
            "timestamp": head.time,
            "author": who,
            "committer": who,
            "distinct": true,
        })
    });
    json!({
        "ref": format!("refs/heads/{branch}"),
        "before": NO_COMMIT,
        "after": commit(tree),
        "created": false,
        "deleted": false,
        "forced": false,
        "head_commit": head,
        "commits": head.iter().collect::<Vec<_>>(),
        "pusher": { "name": actor(tree) },
    })
}

/// Entries of the second stand in place of, or within, those of the first.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn read(path: &Path) -> Result<Value, Error> {
    let shown = path.display();
    let cannot = |error| Error::io(format!("cannot read the event in {shown}"), &error);
    // It may be a pipe, or a device without an end, whose size nobody knows.
    let mut text = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(MAX_PAYLOAD + 1).read_to_end(&mut text).map_err(cannot)?;
    if text.len() as u64 > MAX_PAYLOAD {
        return Err(Error::new(
            Exit::Usage,
            format!("the event in {shown} has more than {MAX_PAYLOAD} bytes"),
        ));
    }
    let value: Value = serde_json::from_slice(&text).map_err(|error| {
        Error::new(Exit::Usage, format!("the event in {shown} is not JSON"))
            .caused_by(error.to_string())
    })?;
    if !value.is_object() {
        return Err(Error::new(Exit::Usage, format!("the event in {shown} is not a JSON object")));
    }
    Ok(value)
}

fn commit(tree: &WorkingTree) -> String {
    tree.head.as_ref().map_or_else(|| NO_COMMIT.to_owned(), |head| head.commit.clone())
}

fn headline(tree: &WorkingTree) -> &str {
    tree.head.as_ref().and_then(|head| head.message.lines().next()).unwrap_or_default()
}

fn actor(tree: &WorkingTree) -> String {
    let login = || std::env::var("USER").ok().filter(|name| !name.is_empty());
    tree.user.clone().or_else(login).unwrap_or_else(|| "nobody".to_owned())
}

/// `owner/name`, by the remote's address; else the folder's name.
fn repository(tree: &WorkingTree) -> String {
    let remote = tree.remote.as_deref().and_then(|url| {
        let path = url.trim_end_matches('/').trim_end_matches(".git");
        let mut parts = path.rsplit(['/', ':']);
        let (name, owner) = (parts.next()?, parts.next()?);
        (!owner.is_empty() && !name.is_empty()).then(|| format!("{owner}/{name}"))
    });
    let folder = || tree.root.file_name().map(|name| name.to_string_lossy().into_owned());
    remote.unwrap_or_else(|| format!("local/{}", folder().unwrap_or_else(|| "work".to_owned())))
}

/// Where the remote is served by HTTP, as far as its address tells.
fn server(tree: &WorkingTree) -> String {
    let host = tree.remote.as_deref().and_then(|url| match url.split_once("://") {
        Some((_, rest)) => rest.split(['/', ':']).next()?.rsplit('@').next(),
        None => url.split_once(':')?.0.rsplit('@').next(),
    });
    let host = host.filter(|host| host.contains('.'));
    format!("https://{}", host.unwrap_or("github.com"))
}

/// The branch that the remote calls its own; `main` where nobody knows.
fn default_branch(tree: &WorkingTree) -> &str {
    let upstream = tree.upstream.as_deref().and_then(|upstream| upstream.split_once('/'));
    match upstream {
        Some((_, branch @ ("main" | "master" | "trunk" | "develop"))) => branch,
        _ if tree.branch.as_deref() == Some("master") => "master",
        _ => "main",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(remote: &str) -> WorkingTree {
        WorkingTree { remote: Some(remote.to_owned()), ..WorkingTree::default() }
    }

    #[test]
    fn a_remote_tells_the_repository_and_its_server() {
        for (remote, name, at) in [
            ("https://github.com/ada/shop.git", "ada/shop", "https://github.com"),
            ("git@git.example.org:ada/shop.git", "ada/shop", "https://git.example.org"),
            ("ssh://git@git.example.org:2222/ada/shop", "ada/shop", "https://git.example.org"),
            ("/srv/git/shop.git", "git/shop", "https://github.com"),
        ] {
            let tree = with(remote);
            assert_eq!(
                (repository(&tree).as_str(), server(&tree).as_str()),
                (name, at),
                "{remote}"
            );
        }
    }

    #[test]
    fn a_pull_request_from_another_repository_is_a_forks() {
        let from = |event: &str, head: Value| {
            let base = json!({ "repo": { "full_name": "ada/shop" } });
            is_fork(event, &json!({ "pull_request": { "head": { "repo": head }, "base": base } }))
        };
        assert!(from("pull_request", json!({ "full_name": "bob/shop" })));
        assert!(from("pull_request_review", json!({ "fork": true })));
        assert!(!from("pull_request", json!({ "full_name": "ada/shop", "fork": false })));
        assert!(!from("pull_request", Value::Null));
        assert!(!from("pull_request_target", json!({ "full_name": "bob/shop" })));
        assert!(!is_fork("push", &json!({})));
    }

    #[test]
    fn what_a_file_says_has_the_last_word() {
        let mut payload = json!({"a": {"b": 1, "c": 2}, "d": 3});
        merge(&mut payload, json!({"a": {"b": 7}, "d": {"e": 8}}));
        assert_eq!(payload, json!({"a": {"b": 7, "c": 2}, "d": {"e": 8}}));
    }
}

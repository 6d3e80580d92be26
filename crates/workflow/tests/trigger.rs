//! What starts a workflow, and why it does not start.

use std::sync::Arc;

use model::pipeline::{Input, InputKind};
use serde_json::{Map, Value, json};
use workflow::syntax::{self, model::Workflow};
use workflow::trigger::{self, Changes, Happening, Target};

fn workflow(on: &str) -> Arc<Workflow> {
    let text = format!("{on}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: x\n");
    let reading = syntax::read("w.yml", text.as_bytes(), None, &syntax::Options::default());
    assert!(!reading.has_errors(), "{text}\n{:?}", reading.problems);
    reading.workflow.unwrap()
}

/// "starts", or why not.
fn said(on: &str, happening: &Happening) -> String {
    match trigger::starts(&workflow(on), happening) {
        Ok(()) => "starts".to_owned(),
        Err(why) => why.to_string(),
    }
}

fn push(reference: &str) -> Happening {
    Happening {
        event: "push".to_owned(),
        target: Some(Target::full(reference).unwrap()),
        changes: Changes::Files(vec!["src/main.rs".to_owned()]),
        ..Happening::default()
    }
}

fn pull_request(action: &str, base: &str) -> Happening {
    Happening {
        event: "pull_request".to_owned(),
        action: Some(action.to_owned()),
        target: Some(Target::Branch(base.to_owned())),
        changes: Changes::Files(vec!["src/main.rs".to_owned()]),
        ..Happening::default()
    }
}

fn changed(files: &[&str], happening: Happening) -> Happening {
    let files = files.iter().map(|file| (*file).to_owned()).collect();
    Happening { changes: Changes::Files(files), ..happening }
}

const MAIN: &str = "refs/heads/main";

#[test]
fn events_that_are_not_asked_for() {
    let on = "on: [push, schedule]";
    assert_eq!(said("on: push", &push(MAIN)), "starts");
    assert_eq!(
        said(on, &pull_request("opened", "main")),
        "`pull_request` does not start it; it starts on `push` and `schedule`"
    );
    assert_eq!(
        said("on: workflow_call", &Happening { event: "workflow_call".into(), ..push(MAIN) }),
        "it starts only when another workflow calls it"
    );
    let public = Happening { event: "public".to_owned(), ..Happening::default() };
    assert_eq!(said("on: public", &public), "starts");
}

#[test]
fn branches_and_tags() {
    let on = "on:\n  push:\n    branches: [main, 'releases/**']";
    assert_eq!(said(on, &push(MAIN)), "starts");
    assert_eq!(said(on, &push("refs/heads/releases/1/2")), "starts");
    assert_eq!(
        said(on, &push("refs/heads/dev")),
        "branch `dev` does not match `branches: [main, 'releases/**']`"
    );
    assert_eq!(
        said(on, &push("refs/tags/v1")),
        "`v1` is a tag, and `branches` asks for branches only"
    );
    let tags = "on:\n  push:\n    tags-ignore: ['v0.*']";
    assert_eq!(said(tags, &push("refs/tags/v1.0")), "starts");
    assert_eq!(said(tags, &push("refs/tags/v0.1")), "tag `v0.1` matches `tags-ignore: ['v0.*']`");
    assert_eq!(said(tags, &push(MAIN)), "`main` is a branch, and `tags-ignore` asks for tags only");
    let both = "on:\n  push:\n    branches: [main]\n    tags: ['v*']";
    assert_eq!(said(both, &push("refs/tags/v1")), "starts");
    assert_eq!(said(both, &push("refs/tags/x")), "tag `x` does not match `tags: ['v*']`");
    let ignore = "on:\n  push:\n    branches-ignore: ['dependabot/**']";
    assert_eq!(said(ignore, &push(MAIN)), "starts");
    assert_eq!(
        said(ignore, &push("refs/heads/dependabot/npm")),
        "branch `dependabot/npm` matches `branches-ignore: ['dependabot/**']`"
    );
    let gone = Happening { deleted: true, ..push(MAIN) };
    assert_eq!(said("on: push", &gone), "branch `main` was deleted");
    let deleted = Happening { event: "delete".to_owned(), ..gone };
    assert_eq!(said("on: delete", &deleted), "starts");
    let many = "on:\n  push:\n    branches: [a, b, c, d, e, f, g]";
    assert_eq!(
        said(many, &push(MAIN)),
        "branch `main` does not match `branches: [a, b, c, d, e, f, …]`"
    );
}

#[test]
fn changed_files() {
    let on = "on:\n  push:\n    paths: ['docs/**', '!docs/drafts/**']";
    assert_eq!(said(on, &changed(&["docs/a.md"], push(MAIN))), "starts");
    assert_eq!(said(on, &changed(&["docs/drafts/a.md", "docs/b.md"], push(MAIN))), "starts");
    assert_eq!(
        said(on, &changed(&["a", "b", "docs/drafts/c"], push(MAIN))),
        "none of the 3 changed files matches `paths: ['docs/**', '!docs/drafts/**']`"
    );
    assert_eq!(
        said(on, &push(MAIN)),
        "the changed file `src/main.rs` does not match `paths: ['docs/**', '!docs/drafts/**']`"
    );
    assert_eq!(said(on, &push("refs/tags/v1")), "starts", "paths of tags are not looked at");
    let unknown = Happening { changes: Changes::Unknown, ..push(MAIN) };
    assert_eq!(said(on, &unknown), "starts");
    assert_eq!(
        said(on, &changed(&[], push(MAIN))),
        "no file was changed, and `paths` looks at those"
    );
    let ignore = "on:\n  pull_request:\n    paths-ignore: ['**.md']";
    let request = |files| changed(files, pull_request("opened", "main"));
    assert_eq!(said(ignore, &request(&["a.md", "b.rs"])), "starts");
    assert_eq!(
        said(ignore, &request(&["a.md", "b/c.md"])),
        "all 2 changed files match `paths-ignore: ['**.md']`"
    );
    let two = "on:\n  push:\n    branches: [main]\n    paths: [src/**]";
    assert_eq!(
        said(two, &push("refs/heads/dev")),
        "branch `dev` does not match `branches: [main]`"
    );
    assert_eq!(said(two, &push(MAIN)), "starts");
}

#[test]
fn types() {
    assert_eq!(said("on: pull_request", &pull_request("synchronize", "main")), "starts");
    assert_eq!(
        said("on: pull_request", &pull_request("labeled", "main")),
        "`pull_request` of type `labeled` does not start it; it starts on `opened`, `synchronize` \
         and `reopened`, as it names no `types`"
    );
    let labeled = "on:\n  pull_request:\n    types: [labeled]\n    branches: [main]";
    assert_eq!(said(labeled, &pull_request("labeled", "main")), "starts");
    assert_eq!(
        said(labeled, &pull_request("opened", "main")),
        "`pull_request` of type `opened` does not start it; it starts on `labeled`"
    );
    assert_eq!(
        said(labeled, &pull_request("labeled", "dev")),
        "branch `dev` does not match `branches: [main]`"
    );
    let event = |event: &str, action: &str| Happening {
        event: event.to_owned(),
        action: Some(action.to_owned()),
        ..Happening::default()
    };
    assert_eq!(said("on: issues", &event("issues", "demilestoned")), "starts");
    assert_eq!(said("on: release", &event("release", "published")), "starts");
    assert_eq!(
        said("on: check_suite", &event("check_suite", "requested")),
        "`check_suite` of type `requested` does not start it; it starts on `completed`, as it \
         names no `types`"
    );
    let own = "on:\n  repository_dispatch:\n    types: [deploy, 'test-*']";
    assert_eq!(said("on: repository_dispatch", &event("repository_dispatch", "x")), "starts");
    assert_eq!(said(own, &event("repository_dispatch", "test-results")), "starts");
    assert_eq!(
        said(own, &event("repository_dispatch", "tests")),
        "`repository_dispatch` of type `tests` does not start it; it starts on `deploy` and \
         `test-*`"
    );
}

#[test]
fn other_runs_and_schedules() {
    let on = "on:\n  workflow_run:\n    workflows: [Build, 'Test *']\n    types: [completed]\n    branches: [main]";
    let payload = json!({
        "action": "completed",
        "workflow_run": {"name": "Test all", "head_branch": "main"},
    });
    let run = Happening::of("workflow_run", &payload);
    assert_eq!(said(on, &run), "starts");
    let other = Happening { workflow: Some("Deploy".to_owned()), ..run.clone() };
    assert_eq!(said(on, &other), "workflow `Deploy` does not match `workflows: [Build, 'Test *']`");
    let branch = Happening { target: Some(Target::Branch("dev".to_owned())), ..run };
    assert_eq!(said(on, &branch), "branch `dev` does not match `branches: [main]`");

    let on = "on:\n  schedule:\n    - cron: '30 5 * * 1,3'\n    - cron: '30 5 * * 2,4'";
    let due = |cron: &str| Happening {
        event: "schedule".to_owned(),
        schedule: Some(cron.to_owned()),
        ..Happening::default()
    };
    assert_eq!(said(on, &due("30 5 * * 2,4")), "starts");
    assert_eq!(
        said(on, &due("0 0 * * *")),
        "no schedule of it is `0 0 * * *`; there is `30 5 * * 1,3` and `30 5 * * 2,4`"
    );
}

#[test]
fn words_that_ask_for_no_run() {
    let says = |message: &str, happening: Happening| Happening {
        message: Some(message.to_owned()),
        ..happening
    };
    for words in ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"] {
        let message = format!("fix typo {words}\n\nmore");
        assert_eq!(
            said("on: push", &says(&message, push(MAIN))),
            format!("the commit message says `{words}`")
        );
    }
    let request = pull_request("opened", "main");
    assert_eq!(
        said("on: pull_request", &says("x [skip ci]", request.clone())),
        "the commit message says `[skip ci]`"
    );
    let target = Happening { event: "pull_request_target".to_owned(), ..request };
    assert_eq!(said("on: pull_request_target", &says("x [skip ci]", target)), "starts");
    assert_eq!(
        said("on: push", &says("fix\n\n\nskip-checks: true\n", push(MAIN))),
        "the commit message says `skip-checks: true`"
    );
    for message in ["skip ci", "[skip tests]", "fix\nskip-checks: true", "fix\n\n\nskip-checks: no"]
    {
        assert_eq!(said("on: push", &says(message, push(MAIN))), "starts", "{message}");
    }
}

#[test]
fn payloads_tell_what_filters_look_at() {
    let push = Happening::of(
        "push",
        &json!({"ref": "refs/tags/v1", "deleted": true, "head_commit": {"message": "x"}}),
    );
    assert_eq!(push.target, Some(Target::Tag("v1".to_owned())));
    assert!(push.deleted);
    assert_eq!(push.message.as_deref(), Some("x"));
    let request = Happening::of(
        "pull_request",
        &json!({"action": "opened", "pull_request": {"base": {"ref": "dev"}}}),
    );
    assert_eq!(request.target, Some(Target::Branch("dev".to_owned())));
    let group =
        Happening::of("merge_group", &json!({"merge_group": {"base_ref": "refs/heads/main"}}));
    assert_eq!(group.target, Some(Target::Branch("main".to_owned())));
    assert_eq!(Happening::of("push", &json!(null)).target, None);
}

fn input(name: &str, kind: InputKind, required: bool, default: Value) -> Input {
    let default = Some(default).filter(|default| !default.is_null());
    let options = match kind {
        InputKind::Choice => vec!["info".to_owned(), "warning".to_owned()],
        _ => Vec::new(),
    };
    Input { name: name.to_owned(), kind, required, default, options, description: None }
}

fn declared() -> Vec<Input> {
    vec![
        input("level", InputKind::Choice, true, json!("warning")),
        input("dry", InputKind::Boolean, false, json!(null)),
        input("count", InputKind::Number, false, json!(3)),
        input("tag", InputKind::String, true, json!(null)),
        input("place", InputKind::Environment, false, json!(null)),
    ]
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn inputs_by_hand() {
    let given = json!({"TAG": 1, "dry": "true", "count": "0x10", "level": "info"});
    assert_eq!(
        trigger::dispatched(&declared(), &map(&given)),
        Ok(map(&json!({"level": "info", "dry": true, "count": 16, "tag": "1", "place": ""})))
    );
    assert_eq!(
        trigger::dispatched(&declared(), &map(&json!({"tag": "v1", "dry": null}))),
        Ok(map(&json!({"level": "warning", "dry": false, "count": 3, "tag": "v1", "place": ""})))
    );
    let wrong = json!({"level": "warn", "dry": "yes", "count": "many", "place": [], "tga": "x"});
    let errors = trigger::dispatched(&declared(), &map(&wrong)).unwrap_err();
    insta::assert_snapshot!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn inputs_of_a_call() {
    let errors = trigger::called(&declared(), &map(&json!({"dry": "true", "count": "5"})));
    let errors: Vec<String> = errors.unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "the input `dry` must be `true` or `false`, found the text `true`",
            "the input `count` must be a number, found the text `5`",
            "the input `tag` must be given",
        ]
    );
    let given = json!({"dry": true, "count": 5.5, "tag": true});
    assert_eq!(
        trigger::called(&declared(), &map(&given)),
        Ok(map(
            &json!({"level": "warning", "dry": true, "count": 5.5, "tag": "true", "place": ""})
        ))
    );
}

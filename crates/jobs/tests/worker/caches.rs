//! `actions/cache` and its halves.

use model::pipeline::CacheMode;
use serde_json::{Value, json};

use crate::support::*;

fn key(key: &str, restore_keys: &str) -> Value {
    json!({"path": "deps\n~/.tool", "key": key, "restore-keys": restore_keys})
}

#[test]
fn what_one_job_saves_the_next_one_finds() {
    let mut machine = Machine::new();
    let show = "echo \"hit=[${{ steps.c.outputs.cache-hit }}]\"; cat deps/x ~/.tool/y 2>/dev/null || echo none";
    let steps = |name: &str| {
        vec![
            uses("actions/cache@v4", key(name, "deps-\nother-")).id("c"),
            run(show),
            run("mkdir -p deps ~/.tool; echo 1 > deps/x; echo 2 > ~/.tool/y"),
        ]
    };
    let first = machine.run(steps("deps-a")).succeeded();
    assert_eq!(first.said(1), "hit=[]\nnone\n");
    assert!(first.log(0).contains("Cache not found for input keys: deps-a, deps-, other-"));
    assert!(first.named("Post Run actions/cache@v4").contains("Cache saved with key: deps-a"));

    machine.next_job();
    let exact = machine.run(steps("deps-a")).succeeded();
    assert_eq!(exact.said(1), "hit=[true]\n1\n2\n");
    assert!(
        exact
            .named("Post Run actions/cache@v4")
            .contains("Cache hit occurred on the primary key deps-a, not saving cache.")
    );

    machine.next_job();
    let partial = machine.run(steps("deps-b")).succeeded();
    assert_eq!(partial.said(1), "hit=[false]\n1\n2\n");
    assert!(partial.log(0).contains("Cache restored from key: deps-a"));
}

#[test]
fn a_failed_job_saves_nothing() {
    let mut machine = Machine::new();
    let steps = vec![uses("actions/cache@v4", key("k", "")), run("mkdir deps; exit 1")];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.log(3), "Skipped, as this is not so: success()\n", "{:?}", outcome.names());
    machine.next_job();
    let outcome =
        machine.run(vec![uses("actions/cache/restore@v4", key("k", "")).id("c")]).succeeded();
    assert!(outcome.log(0).contains("Cache not found"));
}

#[test]
fn the_halves_save_and_restore_and_say_their_keys() {
    let mut machine = Machine::new();
    machine.write("deps/x", "1\n");
    machine.run(vec![uses("actions/cache/save@v4", key("k-1", ""))]).succeeded();
    machine.next_job();
    let steps = vec![
        uses("actions/cache/restore@v4", key("k-2", "k-")).id("c"),
        run(
            "echo '${{ steps.c.outputs.cache-hit }} ${{ steps.c.outputs.cache-primary-key }} ${{ steps.c.outputs.cache-matched-key }}'; cat deps/x",
        ),
        uses(
            "actions/cache/restore@v4",
            json!({"path": "deps\n~/.tool", "key": "k-1", "lookup-only": true}),
        )
        .id("l"),
        run("echo ${{ steps.l.outputs.cache-hit }}"),
        uses(
            "actions/cache/restore@v4",
            json!({"path": "deps", "key": "k-1", "fail-on-cache-miss": true}),
        ),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.said(1), "false k-2 k-1\n1\n");
    assert!(outcome.log(2).contains("Cache found and can be restored from key: k-1"));
    assert_eq!(outcome.said(3), "true\n");
    // Other paths are another cache.
    assert_eq!(
        outcome.why(4),
        "Failed to restore cache entry. Exiting as fail-on-cache-miss is set. Input key: k-1"
    );
}

#[test]
fn a_key_that_has_its_cache_keeps_it() {
    let mut machine = Machine::new();
    let save = || {
        vec![
            run("mkdir -p deps; echo $RANDOM > deps/x"),
            uses("actions/cache/save@v4", key("k", "")),
        ]
    };
    machine.run(save()).succeeded();
    machine.next_job();
    let outcome = machine.run(save()).succeeded();
    assert!(outcome.log(1).contains("Failed to save: the key k has a cache already"));
    machine.next_job();
    machine.bench.mutable_caches = true;
    let outcome = machine.run(save()).succeeded();
    assert!(outcome.log(1).contains("Cache saved with key: k"));
}

#[test]
fn patterns_and_absolute_paths_of_the_workspace_are_the_same_for_every_job() {
    let mut machine = Machine::new();
    let with = json!({"path": "${{ github.workspace }}/out/*.bin\n!out/c.bin", "key": "p"});
    machine
        .run(vec![
            run("mkdir out; touch out/a.bin out/b.txt out/c.bin"),
            uses("actions/cache/save@v4", with.clone()),
        ])
        .succeeded();
    machine.next_job();
    let outcome =
        machine.run(vec![uses("actions/cache/restore@v4", with), run("ls out")]).succeeded();
    assert_eq!(outcome.said(1), "a.bin\n");
}

#[test]
fn what_is_missing_is_said() {
    let machine = Machine::new();
    let steps = vec![
        uses("actions/cache@v4", json!({"path": "x"})),
        uses("actions/cache/save@v4", json!({"path": "nowhere", "key": "k"})).when("always()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.why(0), "Input required and not supplied: key");
    assert_eq!(outcome.outcomes()[1], "success");
    assert!(outcome.log(1).contains("Path Validation Error"));
}

#[test]
fn a_job_does_with_caches_what_its_mode_lets_it() {
    let mut machine = Machine::new();
    let mut with = |mode: Option<CacheMode>, event: &str, at: &str| {
        let mut order = order(vec![
            uses("actions/cache/restore@v4", key(at, "")).id("c"),
            run("echo \"hit=[${{ steps.c.outputs.cache-hit }}]\"; mkdir -p deps; touch deps/x"),
            uses("actions/cache/save@v4", key(at, "")),
        ]);
        order.cache_mode = mode;
        let github = order.contexts.get_mut("github").expect("a context");
        github["event_name"] = json!(event);
        github["event"]["repository"]["default_branch"] = json!("main");
        github["ref"] = json!("refs/heads/main");
        let outcome = machine.execute(&order).succeeded();
        machine.next_job();
        (outcome.said(1).contains("hit=[true]"), outcome.log(2).contains("Cache saved"))
    };
    assert_eq!(with(Some(CacheMode::Read), "push", "k"), (false, false));
    assert_eq!(with(Some(CacheMode::None), "push", "k"), (false, false));
    // Whoever comments on an issue must not leave anything for those who come after.
    assert_eq!(with(None, "issue_comment", "k"), (false, false));
    assert_eq!(with(Some(CacheMode::WriteOnly), "issue_comment", "k"), (false, true));
    assert_eq!(with(Some(CacheMode::WriteOnly), "push", "k"), (false, false));
    assert_eq!(with(None, "issue_comment", "k"), (true, false));
    assert_eq!(with(None, "push", "other"), (false, true));
}

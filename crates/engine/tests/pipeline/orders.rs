//! What a runner is told.

use model::pipeline::{Conclusion, Secrets};
use serde_json::json;

use super::road::{Road, read};

#[test]
fn an_order_says_all_that_a_runner_must_know() {
    let sheet = read(
        "
name: CI
on: push
env: {A: 1}
defaults: {run: {shell: bash, working-directory: app}}
permissions: {contents: read}
jobs:
  build:
    name: Build it
    runs-on: [self-hosted, '${{ vars.POOL }}']
    env: {B: '${{ github.ref }}'}
    defaults: {run: {shell: sh}}
    timeout-minutes: ${{ 1.5 }}
    environment: {name: '${{ inputs.where }}', url: 'https://x'}
    container: node:22
    services: {db: {image: postgres}}
    outputs: {o: '${{ steps.s.outputs.o }}'}
    steps: [{id: s, run: make}]
",
        &[],
    );
    let road = Road::begin(sheet, |request| {
        request.vars = json!({"POOL": "big"}).as_object().unwrap().clone();
        request.inputs = json!({"where": "staging"}).as_object().unwrap().clone();
    });
    let order = road.order("Build it");
    assert_eq!((&*order.key, &*order.path), ("build", ".github/workflows/ci.yml"));
    assert_eq!(order.labels, ["self-hosted", "big"]);
    assert_eq!(order.env, [json!({"A": "1"}), json!({"B": "${{ github.ref }}"})]);
    assert_eq!(order.defaults.shell.as_deref(), Some("sh"));
    assert_eq!(order.defaults.working_directory.as_deref(), Some("app"));
    assert_eq!(order.timeout_seconds, 90);
    assert_eq!(order.permissions, Some(json!({"contents": "read"})));
    assert_eq!(order.environment.as_ref().unwrap().name, "${{ inputs.where }}");
    assert!(order.container.is_some() && order.services.is_some());
    assert_eq!(order.outputs, [("o".to_owned(), "${{ steps.s.outputs.o }}".to_owned())]);
    assert_eq!(order.steps.len(), 1);
    assert_eq!(order.secrets, Secrets::All);
    assert_eq!(order.contexts["github"]["ref"], "refs/heads/main");
    assert_eq!(order.contexts["vars"], json!({"POOL": "big"}));
    assert_eq!(order.contexts["inputs"], json!({"where": "staging"}));
}

#[test]
fn where_a_job_runs_may_be_a_group_a_list_or_computed() {
    let labels = |runs_on: &str| {
        let road = Road::of(&format!("  a: {{runs-on: {runs_on}, steps: [{{run: make}}]}}"));
        match road.conclusion() {
            None => road.order("a").labels.join(" "),
            Some(_) => road.why("a").to_owned(),
        }
    };
    assert_eq!(labels("linux"), "linux");
    assert_eq!(labels("[self-hosted, x64]"), "self-hosted x64");
    assert_eq!(labels("{group: big, labels: [x64]}"), "x64 group:big");
    assert_eq!(labels("{group: big}"), "group:big");
    assert_eq!(labels("\"${{ fromJSON('[1, true]') }}\""), "1 true");
    assert_eq!(labels("\"${{ matrix.os }}\""), "`runs-on` comes to no label");
    assert_eq!(labels("\"${{ github }}\""), "`runs-on` must be a text, found a mapping");
}

#[test]
fn time_outs_have_a_default_and_bounds() {
    let timeout = |minutes: &str| {
        let road = Road::asked(&format!("  a: {{{minutes}$work}}"), |request| {
            request.vars.insert("FIVE".to_owned(), json!("5"));
        });
        match road.conclusion() {
            None => road.order("a").timeout_seconds.to_string(),
            Some(_) => road.why("a").to_owned(),
        }
    };
    let computed = |minutes: &str| timeout(&format!("timeout-minutes: \"${{{{ {minutes} }}}}\", "));
    assert_eq!(timeout(""), "21600");
    assert_eq!(timeout("timeout-minutes: 5, "), "300");
    assert_eq!(computed("0.001"), "1");
    for nonsense in ["0", "-1", "100000"] {
        assert_eq!(
            computed(nonsense),
            format!("`timeout-minutes` must be more than 0 and at most 50400, found {nonsense}")
        );
    }
    assert_eq!(
        computed("vars.FIVE"),
        "`timeout-minutes` must be a number, found the text `5`; `fromJSON(…)` makes a value of a text"
    );
}

#[test]
fn what_cannot_be_evaluated_fails_its_job_with_the_reason_and_the_run_goes_on() {
    for (key, why) in [
        ("name: \"${{ fromJSON('{') }}\"", "`name`: fromJSON was given what is no JSON"),
        ("environment: \"${{ fromJSON('') }}\"", "`environment`: fromJSON was given an empty text"),
        ("environment: \"${{ github }}\"", "`environment` must be a text, found a mapping"),
        ("concurrency: \"${{ fromJSON('') }}\"", "`concurrency`: fromJSON was given an empty text"),
        ("timeout-minutes: \"${{ github.ref }}\"", "`timeout-minutes` must be a number"),
        ("strategy: {matrix: \"${{ github.ref }}\"}", "the matrix must be a mapping of axes"),
    ] {
        let mut road = Road::of(&format!(
            "
  wrong: {{{key}, $work}}
  right: {{$work}}
  after: {{needs: wrong, if: always(), $work}}
"
        ));
        assert!(road.why("wrong").starts_with(why), "{key}: {}", road.why("wrong"));
        assert_eq!(road.under_way(), ["right", "after"], "{key}");
        road.goes_well();
        assert_eq!(road.conclusion(), Some(Conclusion::Failure));
    }
}

#[test]
fn names_are_one_line_and_not_endless() {
    let ask = |name: &str| {
        Road::asked("  a: {name: \"${{ inputs.name }}\", $work}", |request| {
            request.inputs.insert("name".to_owned(), json!(name));
        })
    };
    assert_eq!(ask("  two\n\tlines ").under_way(), ["two  lines"]);
    let road = ask(&"é".repeat(100_000));
    assert_eq!(road.under_way()[0].len(), 199);
    assert!(road.under_way()[0].ends_with("é…"));
}

#[test]
fn what_comes_from_strangers_sees_no_secrets() {
    let road = Road::asked("  a: {$work}", |request| request.untrusted = true);
    assert_eq!(road.order("a").secrets, Secrets::None);
}

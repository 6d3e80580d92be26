//! Contexts: what expressions see.

use serde_json::{Value, json};

use crate::support::*;

#[test]
fn every_context_is_there() {
    let mut machine = Machine::new();
    machine.bench.secrets = vec![("TOKEN".to_owned(), "s3cr3t-value".to_owned())];
    let mut order = order(vec![
        run("true").id("one"),
        run("cat <<'END'\n${{ toJSON(github) }}\nEND"),
        run(
            "echo '${{ runner.name }} ${{ runner.os }} ${{ runner.environment }} ${{ runner.tool_cache }}'",
        ),
        run(
            "echo '${{ needs.build.outputs.version }} ${{ matrix.node }} ${{ strategy.job-total }} ${{ vars.REGION }} ${{ inputs.level }} ${{ steps.one.outcome }} ${{ job.status }}'",
        ),
        run(
            "echo '${{ secrets.token == 's3cr3t-value' }} [${{ secrets.nothing }}] [${{ github.token }}]'",
        ),
    ]);
    order.contexts.insert("inputs".to_owned(), json!({"level": 3}));
    order.key = "deploy/verify".to_owned();
    let outcome = machine.execute(&order).succeeded();
    let github: Value = serde_json::from_str(&outcome.said(1)).expect("JSON");
    assert_eq!(github["job"], "verify");
    assert_eq!(github["action"], "__run");
    assert_eq!(github["workspace"], machine.bench.folders.workspace.to_string_lossy().as_ref());
    assert_eq!(github["event"]["head_commit"]["message"], "Hello");
    let event: Value = serde_json::from_slice(
        &std::fs::read(github["event_path"].as_str().expect("a path")).expect("it is there"),
    )
    .expect("JSON");
    assert_eq!(event, github["event"]);
    assert_eq!(
        outcome.said(2),
        format!("bench Linux self-hosted {}\n", machine.path("tools").display())
    );
    assert_eq!(outcome.said(3), "1.2 20 2 eu 3 success success\n");
    assert_eq!(outcome.said(4), "true [] []\n");
}

#[test]
fn the_token_is_what_is_given_as_a_secret() {
    let mut machine = Machine::new();
    machine.bench.secrets = vec![("GITHUB_TOKEN".to_owned(), "t0ken-of-the-run".to_owned())];
    let outcome = machine
        .run(vec![
            run("[ '${{ github.token }}' = \"$T\" ] && echo same")
                .env(json!({"T": "${{ secrets.GITHUB_TOKEN }}"})),
        ])
        .succeeded();
    assert_eq!(outcome.said(0), "same\n");
}

#[test]
fn generated_names_of_actions_are_counted() {
    let machine = Machine::new();
    let steps = vec![
        run("echo $GITHUB_ACTION"),
        run("echo $GITHUB_ACTION"),
        run("echo $GITHUB_ACTION").id("mine"),
    ];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(
        [outcome.said(0), outcome.said(1), outcome.said(2)],
        ["__run\n", "__run_2\n", "mine\n"]
    );
}

#[test]
fn debugging_is_switched_on_by_a_variable() {
    let machine = Machine::new();
    let mut order = order(vec![run("echo '::debug::details'; echo $RUNNER_DEBUG")]);
    order.contexts.insert("vars".to_owned(), json!({"ACTIONS_STEP_DEBUG": "true"}));
    let outcome = machine.execute(&order).succeeded();
    assert_eq!(outcome.said(0), "##[debug]details\n1\n");
}

//! Actions: composite ones, JavaScript, local and from mirrors.

use jobs::workbench::Source;
use serde_json::json;

use crate::support::*;

/// A machine with a git repository of actions that stands for `acme/actions`.
fn with_mirror(files: &[(&str, &str)]) -> (Machine, String) {
    let mut machine = Machine::new();
    let place = machine.path("mirror/acme/actions");
    let commit = repository(&place, files);
    git(&place, &["tag", "v1"]);
    let url = format!("file://{}/{{owner}}/{{repo}}", machine.path("mirror").display());
    machine.bench.mirrors.rules = vec![("acme/*".to_owned(), url)];
    (machine, commit)
}

const GREET: &str = r#"
name: Greet
inputs:
  who: {description: Whom, required: true}
  greeting: {default: "Hello from ${{ github.actor }}"}
  times: {default: 2}
outputs:
  said: {value: "${{ steps.say.outputs.text }}"}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      env: {WHO: "${{ inputs.who }}"}
      run: |
        echo "${{ inputs.greeting }}, $WHO ${{ inputs.times }} $OUTER"
        echo "text=$WHO" >> "$GITHUB_OUTPUT"
        echo "$GITHUB_ACTION_PATH" | sed 's/.*workspace//'
    - run: echo "not this"
      if: inputs.who == 'nobody'
      shell: sh
"#;

#[test]
fn a_composite_action_of_the_workspace_has_inputs_and_outputs() {
    let machine = Machine::new();
    machine.write(".github/actions/greet/action.yml", GREET);
    let steps = vec![
        uses("./.github/actions/greet", json!({"who": "${{ matrix.node }}"}))
            .id("greet")
            .env(json!({"OUTER": "outer"})),
        run("echo '${{ steps.greet.outputs.said }} ${{ steps.say.outputs.text }}.'"),
    ];
    let outcome = machine.run(steps).succeeded();
    let log = outcome.log(0);
    assert!(log.contains("Hello from ada, 20 2 outer\n/.github/actions/greet\n"), "{log}");
    assert!(log.contains("Skipped, as this is not so: inputs.who == 'nobody'"), "{log}");
    assert!(log.starts_with("##[group]Run ./.github/actions/greet\nwith:\n  who: 20\n"), "{log}");
    assert_eq!(outcome.said(1), "20 .\n");
}

#[test]
fn unknown_and_missing_inputs_are_warned_of() {
    let machine = Machine::new();
    machine.write("greet/action.yaml", GREET);
    let outcome = machine.run(vec![uses("./greet", json!({"whom": "x"}))]).succeeded();
    let warnings: Vec<&str> =
        outcome.report.annotations.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        warnings,
        [
            "Unexpected input(s) 'whom', valid inputs are ['who', 'greeting', 'times']",
            "Input required and not supplied: who"
        ]
    );
}

#[test]
fn a_failure_within_an_action_is_a_failure_of_its_step() {
    let machine = Machine::new();
    let action = "
runs:
  using: composite
  steps:
    - {run: exit 7, shell: bash, continue-on-error: true}
    - {run: exit 8, shell: bash, id: second}
    - {run: echo no, shell: bash}
    - {run: 'echo failed ${{ github.action_status }} ${{ steps.second.outcome }}', shell: bash, if: failure()}
    - {run: echo always, shell: bash, if: always()}
";
    machine.write("a/action.yml", action);
    let outcome = machine.run(vec![uses("./a", json!({})), run("echo no")]).failed();
    assert_eq!(outcome.why(0), "exit code 8");
    assert!(
        outcome.log(0).contains("\nfailed failure failure\n")
            && outcome.log(0).contains("\nalways\n")
    );
    assert_eq!(outcome.outcomes()[..2], ["failure", "skipped"]);
}

#[test]
fn what_an_action_sets_reaches_the_steps_after_it() {
    let machine = Machine::new();
    let inner =
        "{runs: {using: composite, steps: [{shell: sh, run: 'echo DEEP=$LEVEL >> $GITHUB_ENV'}]}}";
    machine.write("inner/action.yml", inner);
    let outer = "
runs:
  using: composite
  steps:
    - {uses: ./inner, env: {LEVEL: '${{ env.LEVEL }}2'}}
    - {shell: sh, run: 'echo \"$DEEP $LEVEL\"'}
";
    machine.write("outer/action.yml", outer);
    let outcome = machine
        .run(vec![uses("./outer", json!({})).env(json!({"LEVEL": "1"})), run("echo $DEEP.$LEVEL")])
        .succeeded();
    assert_eq!(outcome.said(0), "12 1\n");
    assert_eq!(outcome.said(1), "12.\n");
}

#[test]
fn actions_within_actions_have_an_end() {
    let machine = Machine::new();
    machine.write("again/action.yml", "{runs: {using: composite, steps: [{uses: ./again}]}}");
    let outcome = machine.run(vec![uses("./again", json!({}))]).failed();
    assert!(
        outcome.why(0).contains("is the 11th action within another: 10 are allowed"),
        "{}",
        outcome.why(0)
    );
}

#[test]
fn a_broken_action_says_where_it_is_broken() {
    let machine = Machine::new();
    machine
        .write("a/action.yml", "name: x\nruns:\n  using: composite\n  steps:\n    - run: echo\n");
    machine.write("b/action.yml", "runs: {using: cobol, main: x}");
    machine.write("c/action.yml", "runs: [");
    let steps = ["./a", "./b", "./c", "./nowhere", "./a"]
        .map(|action| uses(action, json!({})).when("always()"));
    let outcome = machine.run(steps.into()).failed();
    let whys: Vec<&str> = (0..4).map(|step| outcome.why(step)).collect();
    assert_eq!(
        whys[0],
        "./a/action.yml:5: expected the key `shell`: a step of an action says which shell it needs"
    );
    assert_eq!(
        whys[1],
        "./b/action.yml:1: `using: cobol` is not known: `composite`, `docker` and `node20` are"
    );
    assert!(whys[2].starts_with("./c/action.yml:1: "), "{}", whys[2]);
    assert!(
        whys[3].contains("./nowhere holds no action.yml") && whys[3].contains("actions/checkout"),
        "{}",
        whys[3]
    );
}

const NODE: &str = "
name: Node
inputs:
  some input: {default: 'd'}
outputs: {out: {description: x}}
runs: {using: node20, pre: pre.js, main: main.js, post: post.js, post-if: 'success() || failure()'}
";

#[test]
fn a_javascript_action_has_three_stages_that_share_their_state() {
    let script = |name: &str, rest: &str| {
        format!(
            "const fs = require('fs');\nconsole.log('{name}', process.env['INPUT_SOME_INPUT'], process.env.STATE_mark || '-');\n{rest}"
        )
    };
    let (machine, commit) = with_mirror(&[
        ("js/action.yml", NODE),
        (
            "js/pre.js",
            &script("pre", "fs.appendFileSync(process.env.GITHUB_STATE, 'mark=from-pre\\n');"),
        ),
        (
            "js/main.js",
            &script(
                "main",
                "fs.appendFileSync(process.env.GITHUB_STATE, 'mark=from-main\\n'); fs.appendFileSync(process.env.GITHUB_OUTPUT, 'out=' + process.env.GITHUB_ACTION_REPOSITORY + '@' + process.env.GITHUB_ACTION_REF + '\\n');",
            ),
        ),
        ("js/post.js", &script("post", "")),
    ]);
    let steps = vec![
        run("echo first"),
        uses("acme/actions/js@v1", json!({"some input": "given"})).id("js").name("Act"),
        run("echo '${{ steps.js.outputs.out }}'; exit 1"),
        uses("acme/actions/js@v1", json!({})).name("Never").when("false"),
    ];
    let outcome = machine.run(steps).failed();
    let names = outcome.names();
    let after: Vec<&str> = names[4..].to_vec();
    assert_eq!(after, ["Set up job", "Pre Act", "Pre Never", "Post Act", "Complete job"]);
    assert_eq!(outcome.log(5), "pre given -\n");
    assert_eq!(outcome.said(1), "main given from-pre\n");
    assert_eq!(outcome.said(2).lines().next(), Some("acme/actions@v1"));
    assert_eq!(outcome.named("Post Act"), "Post job cleanup.\npost given from-main\n");
    assert!(machine.path("actions/acme/actions").join(commit).is_dir());
}

#[test]
fn post_steps_run_in_reverse_order_whatever_happened() {
    let (machine, _) = with_mirror(&[
        ("a/action.yml", "{runs: {using: node16, main: m.js, post: p.js}}"),
        ("a/m.js", "process.exit(+process.env.INPUT_CODE || 0)"),
        ("a/p.js", "console.log('post', process.env.INPUT_NAME)"),
        (
            "c/action.yml",
            "runs:\n  using: composite\n  steps:\n    - {uses: acme/actions/a@main, with: {name: 'inner ${{ inputs.x }}', code: 0}}\ninputs: {x: {default: y}}\n",
        ),
    ]);
    let steps = vec![
        uses("acme/actions/a@main", json!({"name": "one"})).name("One"),
        uses("acme/actions/c@main", json!({})),
        uses("acme/actions/a@main", json!({"name": "two", "code": "3"})).name("Two"),
    ];
    let outcome = machine.run(steps).failed();
    let names = outcome.names();
    let posts: Vec<&str> = names.iter().filter(|name| name.starts_with("Post")).copied().collect();
    assert_eq!(posts, ["Post Two", "Post Run acme/actions/a@main", "Post One"]);
    assert_eq!(outcome.named("Post Run acme/actions/a@main"), "Post job cleanup.\npost inner y\n");
    assert_eq!(outcome.why(2), "exit code 3");
}

#[test]
fn an_action_is_fetched_once_for_each_commit() {
    let (mut machine, commit) = with_mirror(&[("action.yml", GREET)]);
    let step = || vec![uses(&format!("acme/actions@{commit}"), json!({"who": "x"}))];
    machine.run(step()).succeeded();
    // Its commit says all: the mirror is not asked again.
    std::fs::remove_dir_all(machine.path("mirror")).expect("removed");
    machine.next_job();
    machine.run(step()).succeeded();
    machine.next_job();
    let outcome = machine.run(vec![uses("acme/actions@v1", json!({}))]);
    assert!(outcome.invalid().contains("cannot be fetched from"), "{}", outcome.invalid());
}

#[test]
fn a_moved_tag_brings_the_new_commit() {
    let (mut machine, _) = with_mirror(&[("action.yml", GREET)]);
    machine.run(vec![uses("acme/actions@v1", json!({"who": "x"}))]).succeeded();
    let place = machine.path("mirror/acme/actions");
    write(
        &place.join("action.yml"),
        "{runs: {using: composite, steps: [{run: echo moved, shell: sh}]}}",
    );
    commit(&place, "Second");
    git(&place, &["tag", "--force", "--annotate", "--message", "x", "v1"]);
    machine.next_job();
    let outcome = machine.run(vec![uses("acme/actions@v1", json!({}))]).succeeded();
    assert_eq!(outcome.said(0), "moved\n");
}

#[test]
fn what_cannot_be_had_is_said_before_the_first_step() {
    let (mut machine, _) = with_mirror(&[("action.yml", GREET)]);
    let invalid = |machine: &Machine, action: &str| {
        machine.run(vec![run("echo no"), uses(action, json!({}))]).invalid().to_owned()
    };
    assert_eq!(
        invalid(&machine, "other/thing@v2"),
        ".github/workflows/ci.yml:7: nothing says where the action other/thing comes from: name a git \
         repository that holds it in the configuration of action mirrors"
    );
    machine.next_job();
    assert!(invalid(&machine, "acme/actions@v9").contains("has no tag, branch or commit `v9`"));
    machine.next_job();
    let unknown = "0123456789012345678901234567890123456789";
    assert!(invalid(&machine, &format!("acme/actions@{unknown}")).contains(unknown));
    machine.next_job();
    assert_eq!(
        invalid(&machine, "acme/actions"),
        ".github/workflows/ci.yml:7: `acme/actions` names no version: write `acme/actions@` and a tag, a branch or a commit"
    );
    machine.next_job();
    // A step that is left out needs nothing.
    machine.run(vec![uses("other/thing@v2", json!({})).when("false")]).succeeded();
    machine.next_job();
    let outcome = machine.run(vec![uses("other/thing@v2", json!({})).when("true")]).failed();
    assert!(outcome.why(0).starts_with("nothing says where the action other/thing comes from"));
}

#[test]
fn what_is_no_plain_file_is_not_read() {
    let machine = Machine::new();
    let steps = vec![
        run("mkdir a b; mkfifo a/action.yml matcher; ln -s /dev/zero b/action.yml"),
        uses("./a", json!({})).when("always()"),
        uses("./b", json!({})).when("always()"),
        uses("./../workspace/a", json!({})).when("always()"),
        run("echo ::add-matcher::matcher").when("always()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.why(1), "cannot read ./a/action.yml: it is no plain file");
    assert_eq!(outcome.why(2), "cannot read ./b/action.yml: it is no plain file");
    assert_eq!(outcome.why(3), "`./../workspace/a` leads out of the workspace");
    assert!(
        outcome.why(4).ends_with("matcher cannot be read: it is no plain file"),
        "{}",
        outcome.why(4)
    );
}

const WHERE: &str = "
runs:
  using: composite
  steps:
    - {run: 'cat \"$GITHUB_ACTION_PATH/../word\"', shell: bash}
";

#[test]
fn an_action_of_the_runs_own_repository_needs_no_checkout() {
    let mut machine = Machine::new();
    let tree = machine.path("tree");
    let files = [("actions/where/action.yml", WHERE), ("actions/word", "committed\n")];
    let sha = repository(&tree, &files);
    write(&tree.join("actions/word"), "as it is\n");
    let steps = || vec![uses("$/actions/where", json!({})), run("ls -A")];
    let mut of = |source| {
        let mut order = order(steps());
        order.contexts.get_mut("github").expect("a context")["sha"] = json!(sha);
        machine.bench.source = source;
        let outcome = machine.execute(&order).succeeded();
        machine.next_job();
        (outcome.said(0), outcome.said(1))
    };
    let said = |(action, listed): (String, String)| {
        assert_eq!(listed, "", "nothing is put into the workspace");
        action.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(said(of(Source::WorkingTree(tree.clone()))), "as it is");
    assert_eq!(said(of(Source::Repository(tree.join(".git")))), "committed");

    machine.bench.source = Source::Nothing;
    let outcome = machine.run(steps()).failed();
    assert_eq!(outcome.why(0), "this run has no repository to take it from");
}

#[test]
fn a_fetched_action_finds_others_of_its_repository_at_its_commit() {
    let outer = "runs: {using: composite, steps: [{uses: $/inner}]}";
    let inner = "runs: {using: composite, steps: [{run: echo one, shell: bash}]}";
    let (mut machine, commit) =
        with_mirror(&[("outer/action.yml", outer), ("inner/action.yml", inner)]);
    machine.write(
        "inner/action.yml",
        "runs: {using: composite, steps: [{run: 'false', shell: bash}]}",
    );
    let outcome = machine.run(vec![uses("acme/actions/outer@v1", json!({}))]).succeeded();
    assert_eq!(outcome.said(0).lines().last(), Some("one"), "{}", outcome.log(0));
    // What the tag names since then is another version of both.
    let place = machine.path("mirror/acme/actions");
    write(&place.join("inner/action.yml"), "not read");
    crate::support::commit(&place, "later");
    machine.next_job();
    let pinned = format!("acme/actions/outer@{commit}");
    let outcome = machine.run(vec![uses(&pinned, json!({}))]).succeeded();
    assert_eq!(outcome.said(0).lines().last(), Some("one"));
}

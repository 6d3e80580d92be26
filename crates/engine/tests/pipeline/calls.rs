//! Called workflows: what goes in, what comes out, and how their jobs stand among the others.

use model::pipeline::{Conclusion, Secrets};
use serde_json::json;

use super::road::Road;

/// A workflow that asks for inputs and gives an output.
const DEPLOY: &str = "
on:
  workflow_call:
    inputs:
      where: {type: string, required: true}
      dry: {type: boolean, default: true}
      times: {type: number}
      note: {type: string}
    secrets: {token: {required: false}}
    outputs: {url: {value: 'https://${{ jobs.push.outputs.host }}/${{ inputs.where }}'}}
env: {INNER: 1}
jobs:
  push: {outputs: {host: x}, $work}
  verify: {needs: push, if: inputs.dry, $work}
";

const CI: &str = "
on: push
env: {OUTER: 1}
jobs:
  build: {outputs: {where: x}, $work}
  deploy:
    needs: build
    uses: ./.github/workflows/deploy.yml
    with: {where: '${{ needs.build.outputs.where }}', times: 3}
    secrets: {token: '${{ secrets.DEPLOY_TOKEN }}'}
  after:
    needs: deploy
    name: ${{ needs.deploy.outputs.url }}
    runs-on: linux
    steps: [{run: make}]
";

#[test]
fn its_jobs_stand_in_the_run_below_the_caller() {
    let mut road = Road::calling(CI, &[("deploy.yml", DEPLOY)]);
    road.succeeds_with("build", &[("where", "home")]);
    assert_eq!(road.wants(), ["work on deploy / push"]);
    road.succeeds_with("deploy / push", &[("host", "h")]);
    assert_eq!(road.wants(), ["work on deploy / verify"]);
    road.succeeds("deploy / verify");
    assert_eq!(road.wants(), ["work on https://h/home"]);
    road.goes_well();
    assert_eq!(
        road.results(),
        "build success, deploy success, https://h/home success, deploy / push success, \
         deploy / verify success"
    );
    assert_eq!(road.conclusion(), Some(Conclusion::Success));
}

#[test]
fn it_sees_its_inputs_and_its_own_file() {
    let mut road = Road::calling(CI, &[("deploy.yml", DEPLOY)]);
    road.succeeds_with("build", &[("where", "home")]);
    let order = road.order("deploy / push");
    assert_eq!(
        order.contexts["inputs"],
        json!({"where": "home", "dry": true, "times": 3, "note": ""})
    );
    assert_eq!(order.contexts["needs"], json!({}));
    assert_eq!(order.path, ".github/workflows/deploy.yml");
    assert_eq!(order.key, "deploy/push");
    assert_eq!(
        order.env[0],
        json!({"INNER": "1"}),
        "variables of the caller's file do not reach it"
    );
}

#[test]
fn inputs_are_of_the_kind_that_it_says() {
    let call = |with: &str| {
        let file = format!(
            "on: push\njobs: {{call: {{uses: ./.github/workflows/deploy.yml, with: {{{with}}}}}}}"
        );
        let mut road = Road::calling(&file, &[("deploy.yml", DEPLOY)]);
        if road.conclusion().is_some() {
            return road.why("call").to_owned();
        }
        road.goes_well();
        road.orders[0].contexts["inputs"].to_string()
    };
    let computed = |text: &str| format!("\"${{{{ {text} }}}}\"");
    assert_eq!(
        call("where: 7, dry: false, times: 0.5"),
        r#"{"where":"7","dry":false,"times":0.5,"note":""}"#
    );
    let number = computed("fromJSON(github.run_number)");
    assert_eq!(
        call(&format!("where: {number}, times: {number}, note: {}", computed("github.nothing"))),
        r#"{"where":"7","dry":true,"times":7,"note":""}"#
    );
    assert_eq!(
        call(&format!("where: x, dry: {}", computed("github.ref"))),
        "`with.dry` must be `true` or `false`, found the text `refs/heads/main`"
    );
    assert_eq!(
        call(&format!("where: x, times: {}", computed("github.run_number"))),
        "`with.times` must be a number, found the text `7`; `fromJSON(…)` makes a value of a text"
    );
    assert_eq!(
        call(&format!("where: {}", computed("github"))),
        "`with.where` must be a text, found a mapping"
    );
}

#[test]
fn a_call_is_what_its_jobs_come_to() {
    let jobs = "
on: push
jobs:
  call: {uses: ./.github/workflows/called.yml}
  good: {needs: call, $work}
  bad: {needs: call, if: failure(), $work}
";
    let called = "on: workflow_call\njobs: {a: {$work}, b: {needs: a, $work}}";
    let mut road = Road::calling(jobs, &[("called.yml", called)]);
    road.fails("call / a");
    assert_eq!(road.under_way(), ["bad"]);
    assert_eq!(road.results(), "call failure, good skipped, call / a failure, call / b skipped");
    let none = "on: workflow_call\njobs: {a: {if: false, $work}}";
    let road = Road::calling(jobs, &[("called.yml", none)]);
    assert_eq!(road.results(), "call skipped, good skipped, bad skipped, call / a skipped");
}

#[test]
fn what_it_asks_of_the_jobs_before_ends_at_its_border() {
    let mut road = Road::calling(
        "
on: push
jobs:
  build: {$work}
  call: {needs: build, if: always(), uses: ./.github/workflows/called.yml}
",
        &[("called.yml", "on: workflow_call\njobs: {a: {$work}, b: {if: failure(), $work}}")],
    );
    road.fails("build");
    assert_eq!(road.under_way(), ["call / a"]);
}

#[test]
fn outputs_that_cannot_be_evaluated_fail_the_call() {
    let called = "
on: {workflow_call: {outputs: {o: {value: '${{ fromJSON(jobs.a.outputs.o) }}'}}}}
jobs: {a: {outputs: {o: x}, $work}}
";
    let mut road = Road::calling(
        "on: push\njobs: {call: {uses: ./.github/workflows/called.yml}}",
        &[("called.yml", called)],
    );
    road.succeeds_with("call / a", &[("o", "{")]);
    assert!(road.why("call").starts_with("`outputs.o`: fromJSON was given what is no JSON"));
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn calls_may_be_nested_and_made_for_each_cell() {
    let mut road = Road::calling(
        "
on: push
jobs:
  roll:
    name: Roll out
    strategy: {max-parallel: 1, matrix: {where: [a, b]}}
    uses: ./.github/workflows/outer.yml
    with: {where: '${{ matrix.where }}'}
",
        &[
            (
                "outer.yml",
                "
on: {workflow_call: {inputs: {where: {type: string}}, outputs: {o: {value: '${{ jobs.call.outputs.o }}'}}}}
jobs:
  call: {uses: ./.github/workflows/inner.yml, with: {to: 'in ${{ inputs.where }}'}}
",
            ),
            (
                "inner.yml",
                "
on: {workflow_call: {inputs: {to: {type: string}}, outputs: {o: {value: '${{ jobs.work.outputs.o }}'}}}}
jobs:
  work: {name: 'work ${{ inputs.to }}', outputs: {o: x}, $work}
",
            ),
        ],
    );
    let first = "Roll out (a) / call / work in a";
    assert_eq!(road.under_way(), [first]);
    assert_eq!(road.order(first).key, "roll/call/work");
    road.succeeds_with(first, &[("o", "1")]);
    let second = "Roll out (b) / call / work in b";
    assert_eq!(road.under_way(), [second]);
    road.fails(second);
    assert_eq!(road.result("Roll out (a)").outputs, [("o".to_owned(), "1".to_owned())]);
    assert_eq!(road.result("Roll out").conclusion, Conclusion::Failure);
}

#[test]
fn a_failing_cell_ends_the_workflows_that_the_others_call() {
    let mut road = Road::calling(
        "
on: push
jobs:
  roll: {strategy: {matrix: {n: [1, 2]}}, uses: ./.github/workflows/called.yml}
",
        &[(
            "called.yml",
            "on: workflow_call\njobs: {a: {$work}, b: {needs: a, if: always(), $work}}",
        )],
    );
    road.fails("roll (1) / a");
    road.succeeds("roll (1) / b");
    assert_eq!(road.wants(), ["halt roll (2) / a"], "the cell is over only now");
    assert_eq!(
        road.result("roll (2) / b").why.as_deref(),
        Some("roll (1) failed"),
        "nobody waits for what is not wanted any more"
    );
    road.ends("roll (2) / a", model::pipeline::Ending::Cancelled);
    assert_eq!(road.conclusion(), Some(Conclusion::Failure));
}

#[test]
fn what_its_token_may_do_is_said_by_the_nearest() {
    let called = "
on: workflow_call
jobs:
  a: {$work}
  b: {permissions: {issues: write}, $work}
";
    let of = |called: &str, caller: &str| {
        let file = format!(
            "on: push\npermissions: write-all\njobs: {{call: {{{caller}uses: ./.github/workflows/c.yml}}}}"
        );
        let road = Road::calling(&file, &[("c.yml", called)]);
        ["a", "b"].map(|job| {
            let order = road.order(&format!("call / {job}"));
            order.permissions.as_ref().map(ToString::to_string).unwrap_or_default()
        })
    };
    let all = r#"{"contents":"read"}"#;
    let own = r#"{"issues":"write"}"#;
    assert_eq!(of(called, ""), ["\"write-all\"", own]);
    assert_eq!(
        of(called, "permissions: {contents: read, issues: write}, "),
        [r#"{"contents":"read","issues":"write"}"#, own]
    );
    let with_own = format!("permissions: {{contents: read}}{called}");
    assert_eq!(of(&with_own, ""), [all, own]);
}

#[test]
fn it_sees_the_secrets_that_are_passed_to_it() {
    let inner = "
on: {workflow_call: {secrets: {key: {}}}}
jobs: {work: {$work}}
";
    let outer = "
on: {workflow_call: {inputs: {suffix: {type: string}}, secrets: {token: {}}}}
jobs:
  named: {uses: ./.github/workflows/inner.yml, secrets: {key: '${{ secrets.token }}${{ inputs.suffix }}'}}
  all: {uses: ./.github/workflows/inner.yml, secrets: inherit}
  none: {uses: ./.github/workflows/inner.yml}
";
    let ci = "
on: push
jobs:
  call:
    uses: ./.github/workflows/outer.yml
    with: {suffix: '!'}
    secrets: {token: '${{ secrets.TOKEN }}'}
";
    let road = Road::calling(ci, &[("outer.yml", outer), ("inner.yml", inner)]);
    let from_ci = |of: Secrets| Secrets::Named {
        names: vec![("token".to_owned(), "${{ secrets.TOKEN }}".to_owned())],
        contexts: {
            let order = road.order("call / all / work");
            let mut contexts = order.contexts.clone();
            contexts["inputs"] = json!({});
            contexts
        },
        of: Box::new(of),
    };
    assert_eq!(road.order("call / all / work").secrets, from_ci(Secrets::All));
    let Secrets::Named { names, contexts, of } = &road.order("call / named / work").secrets else {
        panic!("they are named");
    };
    let expected = ("key".to_owned(), "${{ secrets.token }}${{ inputs.suffix }}".to_owned());
    assert_eq!(*names, [expected]);
    assert_eq!(contexts["inputs"], json!({"suffix": "!"}), "what the caller sees");
    assert_eq!(**of, from_ci(Secrets::All));
    let Secrets::Named { names, of, .. } = &road.order("call / none / work").secrets else {
        panic!("nothing is passed by default");
    };
    assert!(names.is_empty());
    assert_eq!(**of, from_ci(Secrets::All));

    let sheet = super::road::read(ci, &[("outer.yml", outer), ("inner.yml", inner)]);
    let strangers = Road::begin(sheet, |request| request.untrusted = true);
    assert_eq!(strangers.order("call / all / work").secrets, from_ci(Secrets::None));
}

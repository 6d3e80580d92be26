//! Docker actions, and JavaScript actions in a container.

use model::pipeline::Order;
use serde_json::json;

use crate::engine::{IMAGE, machine};
use crate::support::*;

#[test]
fn an_action_is_built_from_its_dockerfile_and_has_the_folders_of_github() {
    let Some((machine, engine)) = machine() else { return };
    let action = r#"
name: Greet
inputs:
  who: {default: nobody}
  two words: {default: "2"}
outputs:
  said: {description: what was said}
runs:
  using: docker
  image: Dockerfile
  env: {FIXED: "for ${{ inputs.who }}"}
  args: ["${{ inputs.who }}", "a b", "${{ github.workspace }}/file"]
  pre-entrypoint: /pre.sh
  post-entrypoint: /post.sh
  post-if: always()
"#;
    let main = "#!/bin/sh\n\
        echo \"$# $1 $2 $3 $FIXED $INPUT_WHO $INPUT_TWO_WORDS $OUTER\"\n\
        pwd; echo $GITHUB_WORKSPACE $HOME $GITHUB_EVENT_PATH $RUNNER_TEMP\n\
        cat \"$3\" $GITHUB_EVENT_PATH | head -c 20; echo\n\
        echo said=hello >> $GITHUB_OUTPUT; echo kept=state >> $GITHUB_STATE; echo made > made\n\
        echo '::error::an annotation'\n";
    machine.write("file", "the file\n");
    machine.write("greet/action.yml", action);
    machine.write(
        "greet/Dockerfile",
        &format!("FROM {IMAGE}\nCOPY main.sh post.sh /\nRUN chmod +x /main.sh /post.sh\nENTRYPOINT [\"/main.sh\"]\n"),
    );
    machine.write("greet/main.sh", main);
    machine.write("greet/post.sh", "#!/bin/sh\necho after $STATE_kept\n");
    let steps = vec![
        uses("./greet", json!({"who": "ada", "args": "ignored"}))
            .id("greet")
            .env(json!({"OUTER": "outer"})),
        run("echo ${{ steps.greet.outputs.said }}; cat made"),
    ];
    let outcome = machine.run(steps).succeeded();
    let said = outcome.said(0);
    let expected = "3 ada a b /github/workspace/file for ada ada 2 outer\n/github/workspace\n\
                    /github/workspace /github/home /github/workflow/event.json /github/runner_temp\n\
                    the file\n{\"repositor\n##[error]an annotation\n";
    assert!(said.ends_with(expected), "{said}");
    assert_eq!(outcome.said(1), "hello\nmade\n");
    assert_eq!(outcome.report.annotations[0].message, "an annotation");
    assert!(outcome.named("Post Run ./greet").contains("after state\n"), "{:?}", outcome.names());
    engine.is_clean();
}

#[test]
fn an_image_is_a_step() {
    let Some((machine, engine)) = machine() else { return };
    let steps = vec![
        uses(
            &format!("docker://{IMAGE}"),
            json!({"entrypoint": "/bin/sh", "args": "-c \"cat /etc/place; echo $1 $INPUT_X; exit 3\" sh 'a b'", "x": "y"}),
        )
        .tolerated(),
        uses(&format!("docker://{IMAGE}"), json!({"args": "nonsense-program"})).tolerated(),
        run("echo here"),
    ];
    let outcome = machine.run(steps).succeeded();
    assert!(outcome.said(0).starts_with("in the container\na b y\n"), "{}", outcome.log(0));
    assert_eq!(outcome.why(0), "exit code 3");
    assert!(outcome.why(1).contains("nonsense-program"), "{}", outcome.why(1));
    assert_eq!(outcome.said(2), "here\n");
    engine.is_clean();
}

#[test]
fn a_cancelled_action_is_gone() {
    let Some((mut machine, engine)) = machine() else { return };
    machine.bench.limits.grace.interrupt = std::time::Duration::from_millis(200);
    machine.bench.limits.grace.terminate = std::time::Duration::from_millis(200);
    let with = json!({"entrypoint": "sh", "args": "-c 'sleep 300 & wait'"});
    let steps =
        vec![uses(&format!("docker://{IMAGE}"), with).minutes(0.02).tolerated(), run("echo on")];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(outcome.why(0), "timed out after 0.02 minute");
    engine.is_clean();
}

#[test]
fn an_image_that_cannot_be_built_fails_with_the_engines_words() {
    let Some((machine, engine)) = machine() else { return };
    machine.write("bad/Dockerfile", &format!("FROM {IMAGE}\nRUN echo building && exit 9\n"));
    let outcome = machine.run(vec![uses("./bad", json!({}))]).failed();
    assert!(outcome.log(0).contains("building"), "{}", outcome.log(0));
    assert!(outcome.why(0).contains("bad/Dockerfile cannot be built: "), "{}", outcome.why(0));
    engine.is_clean();
}

#[test]
fn javascript_runs_in_the_container_where_it_has_node() {
    let Some((mut machine, engine)) = machine() else { return };
    let action = "runs: {using: node20, main: main.js}\ninputs: {who: {default: x}}\n";
    let main = "const fs = require('fs');\n\
        console.log(process.env.INPUT_WHO, fs.readFileSync('/etc/place', 'utf8').trim());\n\
        fs.appendFileSync(process.env.GITHUB_OUTPUT, 'a=b\\n');\n";
    let files = |machine: &Machine| {
        machine.write("act/action.yml", action);
        machine.write("act/main.js", main);
    };
    files(&machine);
    let steps = || {
        vec![uses("./act", json!({"who": "ada"})).id("js"), run("echo ${{ steps.js.outputs.a }}")]
    };
    // The machine's own programs, with the image's files in front.
    let volumes = ["/usr:/usr:ro", "/lib:/lib:ro", "/lib64:/lib64:ro"];
    let volumes: Vec<&str> = volumes
        .into_iter()
        .filter(|volume| {
            std::path::Path::new(volume.split(':').next().unwrap_or_default()).exists()
        })
        .collect();
    let container = json!({"image": IMAGE, "volumes": volumes});
    let order_in = |container| Order { container: Some(container), ..order(steps()) };
    let outcome = machine.execute(&order_in(container)).succeeded();
    assert_eq!(outcome.said(0), "ada in the container\n");
    assert_eq!(outcome.said(1), "b\n");
    machine.next_job();
    files(&machine);
    // Whether the machine's own runs there depends on how it was made.
    let outcome = machine.execute(&order_in(json!(IMAGE)));
    if outcome.outcomes()[0] == "failure" {
        assert!(outcome.why(0).contains("container has no `node`"), "{}", outcome.why(0));
    }
    engine.is_clean();
}

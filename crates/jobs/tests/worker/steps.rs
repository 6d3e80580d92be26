//! Steps: conditions, results, names, times.

use serde_json::json;

use crate::support::*;

#[test]
fn after_a_failure_only_those_run_that_ask_for_it() {
    let machine = Machine::new();
    let steps = vec![
        run("false"),
        run("echo no"),
        run("echo failure").when("failure()"),
        run("echo always").when("${{ always() }}"),
        run("echo no").when("cancelled()"),
        run("echo no").when("github.ref == 'refs/heads/main'"),
        run("echo not").when("!cancelled()"),
    ];
    let outcome = machine.run(steps).failed();
    assert_eq!(
        outcome.outcomes()[..7],
        ["failure", "skipped", "success", "success", "skipped", "skipped", "success"]
    );
    assert_eq!(outcome.log(1), "Skipped, as this is not so: success()\n");
    assert_eq!(outcome.log(5), "Skipped, as this is not so: github.ref == 'refs/heads/main'\n");
}

#[test]
fn a_tolerated_failure_counts_as_success_and_says_what_it_was() {
    let machine = Machine::new();
    let steps = vec![
        run("false").id("a").tolerated(),
        run("echo ${{ steps.a.outcome }} ${{ steps.a.conclusion }} ${{ job.status }}"),
        run("true").id("b").when("false"),
        run("echo ${{ steps.b.outcome }} ${{ steps.b.conclusion }}"),
    ];
    let outcome = machine.run(steps).succeeded();
    assert_eq!(outcome.said(1), "failure success success\n");
    assert_eq!(outcome.said(3), "skipped skipped\n");
    assert_eq!(outcome.report.steps[0].outcome.word(), "failure");
}

#[test]
fn a_condition_that_cannot_be_evaluated_fails_the_step() {
    let machine = Machine::new();
    let outcome = machine
        .run(vec![run("echo x").when("fromJSON('{')"), run("echo y").when("nothing(")])
        .failed();
    assert!(outcome.why(0).starts_with("`if`: "), "{}", outcome.why(0));
    assert!(outcome.why(1).starts_with("`if`: "), "{}", outcome.why(1));
    assert!(!outcome.everything().contains("\nx\n"));
}

#[test]
fn names_are_made_of_what_a_step_does() {
    let machine = Machine::new();
    let steps = vec![
        run("\n  npm test\n  npm run lint"),
        run("true").name("On ${{ runner.os }}"),
        uses("actions/checkout@v4", json!({})).when("false"),
        run("true").name("${{ fromJSON('{') }}"),
    ];
    let outcome = machine.run(steps);
    let names = outcome.names();
    assert_eq!(
        names[..4],
        ["Run npm test", "On Linux", "Run actions/checkout@v4", "${{ fromJSON('{') }}"]
    );
    assert_eq!(names[4..], ["Set up job", "Complete job"]);
}

#[test]
fn variables_are_layered_and_evaluated_at_their_time() {
    let machine = Machine::new();
    let mut order = order(vec![
        run("echo A=$A B=$B C=$C D=$D; echo B=changed >> $GITHUB_ENV")
            .env(json!({"C": "step ${{ env.B }}", "D": "${{ matrix.node }}"})),
        run("echo A=$A B=$B C=$C"),
        run("echo B=$B").env(json!({"B": "own"})),
    ]);
    order.env =
        vec![json!({"A": "workflow", "B": "workflow"}), json!({"B": "job ${{ vars.REGION }}"})];
    let outcome = machine.execute(&order).succeeded();
    assert_eq!(outcome.said(0), "A=workflow B=job eu C=step job eu D=20\n");
    assert_eq!(outcome.said(1), "A=workflow B=changed C=\n");
    assert_eq!(outcome.said(2), "B=own\n");
}

#[test]
fn a_step_that_takes_too_long_is_ended_and_fails() {
    let machine = Machine::new();
    let steps =
        vec![run("echo begun; sleep 60").minutes(0.002), run("echo after").when("failure()")];
    let outcome = machine.run(steps).failed();
    assert_eq!(outcome.why(0), "timed out after 0.002 minute");
    assert!(outcome.said(0).starts_with("begun\n") && outcome.said(1) == "after\n");
}

#[test]
fn a_job_that_takes_too_long_is_over() {
    let machine = Machine::new();
    let mut order =
        order(vec![run("sleep 60"), run("echo no"), run("echo cleaned up").when("always()")]);
    order.timeout_seconds = 1;
    let outcome = machine.execute(&order);
    assert_eq!(
        outcome.report.ending,
        model::pipeline::Ending::TimedOut,
        "{}",
        outcome.everything()
    );
    assert_eq!(outcome.outcomes()[..3], ["cancelled", "skipped", "success"]);
    assert_eq!(outcome.said(2), "cleaned up\n");
}

#[test]
fn the_outputs_of_a_job_are_made_at_its_end() {
    let machine = Machine::new();
    let mut order = order(vec![run("echo v=1.2.3 >> $GITHUB_OUTPUT").id("version")]);
    order.outputs = vec![
        ("version".to_owned(), "v${{ steps.version.outputs.v }}".to_owned()),
        ("empty".to_owned(), "${{ steps.nowhere.outputs.x }}".to_owned()),
    ];
    order.environment = Some(model::pipeline::Environment {
        name: "staging".to_owned(),
        url: Some("https://${{ steps.version.outputs.v }}.acme.example".to_owned()),
        deployment: None,
    });
    let outcome = machine.execute(&order).succeeded();
    assert_eq!(outcome.report.outputs, [("version".to_owned(), "v1.2.3".to_owned())]);
    assert_eq!(outcome.report.environment_url.as_deref(), Some("https://1.2.3.acme.example"));
}

#[test]
fn events_tell_what_happens_as_it_happens() {
    let machine = Machine::new();
    let outcome = machine.run(vec![run("echo '::notice::hi'"), run("true").when("false")]);
    let told: Vec<String> = outcome
        .events
        .iter()
        .map(|event| {
            use jobs::event::Event;
            match event {
                Event::Began { .. } => "began".to_owned(),
                Event::StepBegan { step, .. } => format!("{step} began"),
                Event::StepEnded { step, report, .. } => format!("{step} {}", report.conclusion),
                Event::Annotated { step, .. } => format!("{step} annotated"),
                Event::Summary { step, .. } => format!("{step} summary"),
                Event::Stuck { step, .. } => format!("{step} stuck"),
                Event::Ended(_) => "ended".to_owned(),
            }
        })
        .collect();
    assert_eq!(
        told,
        [
            "began",
            "2 began",
            "2 success",
            "0 began",
            "0 annotated",
            "0 success",
            "1 began",
            "1 skipped",
            "3 began",
            "3 success",
            "ended"
        ]
    );
    let line = serde_json::to_string(&outcome.events[1]).expect("JSON");
    let back: jobs::event::Event = serde_json::from_str(&line).expect("the same");
    assert_eq!(back, outcome.events[1]);
}

#[test]
fn what_needs_a_container_engine_is_refused_before_the_first_step() {
    let mut machine = Machine::new();
    machine
        .bench
        .host
        .variables
        .push(("DOCKER_HOST".to_owned(), "unix:///nowhere/engine.sock".to_owned()));
    let mut with_container = order(vec![run("echo no")]);
    with_container.container = Some(json!({"image": "${{ format('node:{0}', matrix.node) }}"}));
    let outcome = machine.execute(&with_container);
    assert_eq!(
        outcome.invalid(),
        ".github/workflows/ci.yml: `jobs.test.container` needs a container engine, and neither Docker nor \
         Podman answers on this machine: start one, or name it by DOCKER_HOST"
    );
    assert_eq!(outcome.outcomes()[..2], ["skipped", "failure"]);
    machine.next_job();
    let mut with_service = order(vec![run("echo no")]);
    with_service.services = Some(json!({"none": "", "db": {"image": "postgres"}}));
    let outcome = machine.execute(&with_service);
    assert!(outcome.invalid().contains("`jobs.test.services.db` needs a container engine"));
    machine.next_job();
    let mut without = order(vec![run("echo yes")]);
    without.container = Some(json!("${{ matrix.image }}"));
    without.services = Some(json!({}));
    machine.execute(&without).succeeded();
    machine.next_job();
    let image = machine.run(vec![uses("docker://alpine:3", json!({}))]);
    assert!(
        image.invalid().starts_with(".github/workflows/ci.yml:7: `uses: docker://alpine:3` needs"),
        "{}",
        image.invalid()
    );
}

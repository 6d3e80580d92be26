//! `services:` – containers beside a job.

use model::pipeline::{Order, StepSheet};
use serde_json::{Value, json};

use crate::engine::{IMAGE, machine};
use crate::support::*;

fn order_with(services: Value, steps: Vec<StepSheet>) -> Order {
    Order { services: Some(services), ..order(steps) }
}

/// Serves a page, and is well once it does. It takes a moment to begin.
fn web() -> Value {
    json!({
        "image": IMAGE,
        "env": {"PAGE": "hello from the service"},
        "ports": ["8080"],
        "entrypoint": "sh",
        "command": "-c 'mkdir /www; echo \"$PAGE\" > /www/index.html; sleep 1; echo serving; exec httpd -f -p 8080 -h /www'",
        "options": "--health-cmd \"wget -q -O - http://127.0.0.1:8080/\" --health-interval 1s --health-retries 30",
    })
}

#[test]
fn a_job_on_the_host_reaches_a_service_by_its_port() {
    let Some((machine, engine)) = machine() else { return };
    let steps = vec![
        run("exec 3<>/dev/tcp/127.0.0.1/${{ job.services.web.ports['8080'] }}\n\
             printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3 | tail -n 1"),
        run("[ -n '${{ job.services.web.id }}' ] && echo ${{ job.services.web.network }}"),
    ];
    let outcome = machine.execute(&order_with(json!({"web": web()}), steps)).succeeded();
    assert_eq!(outcome.said(0), "hello from the service\n");
    assert!(
        outcome.said(1).starts_with("highroad-job_") || outcome.said(1).starts_with("highroad-")
    );
    let log = outcome.named("Initialize containers");
    assert!(log.contains("Waiting for the service web"), "{log}");
    assert!(!outcome.named("Stop containers").contains("serving"));
    engine.is_clean();
}

#[test]
fn a_job_in_a_container_reaches_services_by_their_names() {
    let Some((machine, engine)) = machine() else { return };
    let mut other = web();
    other["options"] =
        json!("--network-alias alias --health-cmd 'wget -q -O - http://127.0.0.1:8080/'");
    let steps = vec![run("wget -q -O - http://web:8080/; wget -q -O - http://alias:8080/")];
    let mut order = order_with(json!({"web": web(), "other": other, "none": {"image": ""}}), steps);
    order.container = Some(json!(IMAGE));
    let outcome = machine.execute(&order).succeeded();
    assert_eq!(outcome.said(0), "hello from the service\nhello from the service\n");
    engine.is_clean();
}

#[test]
fn what_services_have_printed_is_shown_when_the_job_failed() {
    let Some((machine, engine)) = machine() else { return };
    let steps = vec![run("exit 1")];
    let outcome = machine.execute(&order_with(json!({"web": web()}), steps)).failed();
    let log = outcome.named("Stop containers");
    assert!(log.contains("##[group]What the service web has printed\nserving\n"), "{log}");
    engine.is_clean();
}

#[test]
fn an_unhealthy_service_fails_the_job_with_its_last_words() {
    let Some((mut machine, engine)) = machine() else { return };
    let sick = json!({
        "image": IMAGE,
        "command": "sh -c 'echo I am ill; exec sleep 300'",
        "options": "--health-cmd 'echo no pulse; exit 3' --health-interval 100ms --health-retries 2",
    });
    let outcome =
        machine.execute(&order_with(json!({"sick": sick}), vec![run("echo no")])).failed();
    let log = outcome.named("Initialize containers");
    for words in
        ["the service sick is not healthy: its health check", "exit code 3\nno pulse", "I am ill"]
    {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert_eq!(outcome.outcomes()[0], "skipped");
    engine.is_clean();
    machine.next_job();
    let gone = json!({"image": IMAGE, "command": "sh -c 'echo bye; exit 4'", "options": "--health-cmd true"});
    let outcome =
        machine.execute(&order_with(json!({"gone": gone}), vec![run("echo no")])).failed();
    let log = outcome.named("Initialize containers");
    assert!(log.contains("it ended with exit code 4") && log.contains("bye"), "{log}");
    engine.is_clean();
}

//! `container:` – jobs whose steps are executed in a container.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jobs::process::{Cgroup, Confinement, Limits, Reach, Sandbox, Wrapper};
use jobs::worker::CancelSignal;
use model::pipeline::{Ending, Order, StepSheet};
use serde_json::{Value, json};

use crate::engine::{IMAGE, machine};
use crate::support::*;

fn order_in(container: Value, steps: Vec<StepSheet>) -> Order {
    Order { container: Some(container), ..order(steps) }
}

#[test]
fn steps_run_in_the_container_and_leave_what_they_say() {
    let Some((machine, engine)) = machine() else { return };
    machine.write("sub/file", "from outside\n");
    let container = json!({
        "image": IMAGE,
        "env": {"OF_CONTAINER": "${{ matrix.node }}"},
        "options": "--hostname inside -e OF_OPTIONS='a b'",
    });
    let steps = vec![
        run("cat /etc/place; hostname; cat sub/file; echo \"$OF_CONTAINER $OF_OPTIONS\"\n\
             [ \"$PWD\" = '${{ github.workspace }}' ] && [ \"$PWD\" = \"$GITHUB_WORKSPACE\" ]\n\
             echo home > $HOME/kept; echo temp > $RUNNER_TEMP/kept; echo written > made\n\
             echo out=side >> $GITHUB_OUTPUT; echo NEXT=one >> $GITHUB_ENV\n\
             mkdir tools; printf '#!/bin/sh\\necho a tool' > tools/tool; chmod +x tools/tool\n\
             echo $PWD/tools >> $GITHUB_PATH; echo '# Done' >> $GITHUB_STEP_SUMMARY")
        .id("first"),
        run("echo ${{ steps.first.outputs.out }} $NEXT; tool; cat ~/kept $RUNNER_TEMP/kept\n\
             echo ${{ job.container.network }}; echo '::warning file=a.c,line=3::careful'\n\
             echo '::add-mask::hidden-word'; echo a hidden-word")
        .env(json!({"OWN": "x"})),
        run("pwd").within("sub"),
        shell("ash -eu {0}", "echo $0").id("other"),
    ];
    let outcome = machine.execute(&order_in(container, steps)).succeeded();
    assert_eq!(outcome.said(0), "in the container\ninside\nfrom outside\n20 a b\n");
    assert!(outcome.log(0).contains("shell: sh -e {0}\n"), "{}", outcome.log(0));
    let network = format!("highroad-{}", order(Vec::new()).job);
    let expected = format!("side one\na tool\nhome\ntemp\n{network}\n");
    assert!(outcome.said(1).starts_with(&expected), "{}", outcome.said(1));
    assert!(outcome.said(1).ends_with("a ***\n"), "{}", outcome.said(1));
    assert_eq!(outcome.report.annotations[0].message, "careful");
    assert_eq!(outcome.said(2), format!("{}\n", machine.workspace("sub").display()));
    assert_eq!(
        outcome.names()[4..],
        ["Set up job", "Initialize containers", "Stop containers", "Complete job"]
    );
    assert_eq!(fs::read_to_string(machine.workspace("made")).expect("there"), "written\n");
    engine.is_clean();
}

#[test]
fn what_goes_wrong_in_a_container_says_so() {
    let Some((machine, engine)) = machine() else { return };
    let steps = vec![
        run("echo before; exit 7").tolerated(),
        shell("bash", "echo no").tolerated(),
        run("echo no").within("/not/there").tolerated(),
        run("echo no").within("not-there").tolerated(),
        run("kill -9 $$").tolerated(),
        run("echo still here"),
    ];
    let outcome = machine.execute(&order_in(json!(IMAGE), steps)).succeeded();
    assert_eq!((outcome.why(0), outcome.said(0).lines().next()), ("exit code 7", Some("before")));
    assert!(outcome.everything().contains("bash"), "{}", outcome.log(1));
    assert!(!outcome.why(1).is_empty() && !outcome.why(2).is_empty(), "{}", outcome.everything());
    assert!(outcome.why(3).contains("not-there is not there"), "{}", outcome.why(3));
    assert_eq!(outcome.why(4), "exit code 137");
    assert_eq!(outcome.said(5), "still here\n");
    engine.is_clean();
}

#[test]
fn much_output_comes_whole() {
    let Some((machine, _engine)) = machine() else { return };
    let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done";
    let outcome = machine.execute(&order_in(json!(IMAGE), vec![run(script)])).succeeded();
    let said = outcome.said(0);
    assert_eq!(said.lines().count(), 20_000);
    assert!(said.lines().enumerate().all(|(at, line)| line == format!("line {at}")));
}

#[test]
fn a_cancelled_step_ends_in_the_container_and_the_rest_runs_there() {
    let Some((mut machine, engine)) = machine() else { return };
    machine.bench.limits.grace.interrupt = Duration::from_millis(500);
    machine.bench.limits.grace.terminate = Duration::from_millis(500);
    let cancel = CancelSignal::new();
    let canceller = cancel_when(machine.workspace("ready"), &cancel);
    let steps = vec![
        run("set +e; trap 'echo told' INT; trap '' TERM; setsid sleep 4321 & touch ready\n\
             while :; do sleep 1; done"),
        run("echo no"),
        run("cat /etc/place; ps | grep -c '[s]leep 4321' || true").when("always()"),
    ];
    let outcome = machine.execute_until(&order_in(json!(IMAGE), steps), &cancel, |_| {});
    canceller.join().expect("it cancels");
    assert_eq!(outcome.report.ending, Ending::Cancelled, "{}", outcome.everything());
    assert_eq!(outcome.outcomes()[..3], ["cancelled", "skipped", "success"]);
    assert!(outcome.said(0).contains("told\n"), "{}", outcome.said(0));
    assert_eq!(outcome.said(2), "in the container\n0\n");
    engine.is_clean();
}

#[test]
fn a_step_that_takes_too_long_is_ended() {
    let Some((mut machine, engine)) = machine() else { return };
    machine.bench.limits.grace.interrupt = Duration::from_millis(200);
    let steps = vec![run("sleep 300").minutes(0.01).tolerated(), run("echo on")];
    let outcome = machine.execute(&order_in(json!(IMAGE), steps)).succeeded();
    assert_eq!(outcome.why(0), "timed out after 0.01 minute");
    assert_eq!(outcome.said(1), "on\n");
    engine.is_clean();
}

#[test]
fn what_a_step_leaves_running_holds_up_nobody() {
    let Some((machine, engine)) = machine() else { return };
    let steps = vec![run("sleep 4322 &\necho begun"), run("ps | grep -c '[s]leep 4322'")];
    let outcome = machine.execute(&order_in(json!(IMAGE), steps)).succeeded();
    assert_eq!((outcome.said(0).as_str(), outcome.said(1).as_str()), ("begun\n", "1\n"));
    engine.is_clean();
}

#[test]
fn secrets_are_masked_and_in_no_argument_of_any_process() {
    let Some((mut machine, _engine)) = machine() else { return };
    let secret = "s3cr3t-in-the-container";
    machine.bench.secrets.push(("KEY".to_owned(), secret.to_owned()));
    let container = json!({"image": IMAGE, "env": {"FIRST": "${{ secrets.KEY }}"}});
    let steps = vec![
        run("echo $FIRST $SECOND; touch ready; until [ -e seen ]; do sleep 0.05; done")
            .env(json!({"SECOND": "${{ secrets.KEY }}"})),
    ];
    let (ready, seen) = (machine.workspace("ready"), machine.workspace("seen"));
    let looking = std::thread::spawn(move || {
        wait_for(&ready);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("there").flatten() {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            if words.contains(secret) {
                found.push(words);
            }
        }
        fs::write(seen, "").expect("written");
        found
    });
    let outcome = machine.execute(&order_in(container, steps)).succeeded();
    assert_eq!(outcome.said(0), "*** ***\n");
    assert_eq!(looking.join().expect("it looks"), Vec::<String>::new());
}

#[test]
fn limits_of_the_job_and_of_its_options_hold() {
    let Some((mut machine, engine)) = machine() else { return };
    let limit = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || \
                 cat /sys/fs/cgroup/memory.max";
    let container = json!({"image": IMAGE, "options": "--memory 64m"});
    let outcome = machine.execute(&order_in(container.clone(), vec![run(limit)])).succeeded();
    assert_eq!(outcome.said(0), "67108864\n");
    machine.next_job();
    let limits = Limits { memory: Some(32 << 20), ..Limits::default() };
    let (cgroup, _) = Cgroup::create(&format!("test-{}", std::process::id()), &limits);
    let Some(cgroup) = cgroup else {
        eprintln!("skipped in part: this machine has no control groups");
        return;
    };
    let wrapper = Wrapper { program: PathBuf::from("/bin/false"), args: Vec::new() };
    let cgroup = Some(Arc::new(cgroup));
    machine.bench.confinement =
        Some(Arc::new(Confinement { wrapper, sandbox: None, cgroup, memory: None }));
    let outcome = machine.execute(&order_in(container, vec![run(limit)])).succeeded();
    assert_eq!(outcome.said(0), "33554432\n");
    engine.is_clean();
}

#[test]
fn a_sandboxed_job_gets_no_more_than_its_folders() {
    let Some((mut machine, engine)) = machine() else { return };
    let sandbox = Sandbox { write: Vec::new(), read: Reach::Everywhere, network: false };
    let wrapper = Wrapper { program: PathBuf::from("/bin/false"), args: Vec::new() };
    machine.bench.confinement =
        Some(Arc::new(Confinement { wrapper, sandbox: Some(sandbox), cgroup: None, memory: None }));
    let container = json!({"image": IMAGE, "options": "--privileged"});
    let outcome = machine.execute(&order_in(container, vec![run("echo no")]));
    let why = outcome.invalid();
    assert!(why.ends_with("a sandboxed job cannot have the option `--privileged`"), "{why}");
    machine.next_job();
    let steps = vec![
        run("ip route | grep -c default || true; ls /var/run/docker.sock").tolerated(),
        uses(&format!("docker://{IMAGE}"), json!({"args": "sh -c 'ip route | grep -c default'"}))
            .tolerated(),
    ];
    let outcome = machine.execute(&order_in(json!(IMAGE), steps)).succeeded();
    assert!(
        outcome.said(0).contains("ls: /var/run/docker.sock: No such file"),
        "{}",
        outcome.said(0)
    );
    assert!(outcome.said(0).contains("0\n"), "{}", outcome.said(0));
    assert!(outcome.said(1).starts_with("0\n"), "{}", outcome.said(1));
    engine.is_clean();
}

#[test]
fn another_user_can_write_to_the_jobs_folders() {
    let Some((machine, _engine)) = machine() else { return };
    machine.write("theirs", "x");
    let container = json!({"image": IMAGE, "options": "--user 1001:1002"});
    let steps = vec![
        run("id -u; id -g; echo y > theirs; echo z > new; echo a=b >> $GITHUB_OUTPUT").id("s"),
        run("echo ${{ steps.s.outputs.a }}"),
    ];
    let outcome = machine.execute(&order_in(container, steps)).succeeded();
    assert_eq!((outcome.said(0).as_str(), outcome.said(1).as_str()), ("1001\n1002\n", "b\n"));
}

#[test]
fn what_cannot_be_had_is_refused_before_anything_begins() {
    let Some((mut machine, engine)) = machine() else { return };
    let container = json!({"image": IMAGE, "options": "--cpus 1 --network host"});
    let outcome = machine.execute(&order_in(container, vec![run("echo no")]));
    let why = outcome.invalid();
    assert!(
        why.contains("`jobs.test.container`: `options`: `--network` is not supported"),
        "{why}"
    );
    assert_eq!(outcome.outcomes()[..2], ["skipped", "failure"]);
    machine.next_job();
    let container = json!("localhost:1/nobody/nothing:1");
    let outcome = machine.execute(&order_in(container, vec![run("echo no")])).failed();
    let log = outcome.named("Initialize containers");
    assert!(log.contains("the image localhost:1/nobody/nothing:1 cannot be pulled: "), "{log}");
    assert_eq!(outcome.outcomes()[0], "skipped");
    engine.is_clean();
}

#[test]
fn a_killed_workers_containers_are_removed_by_the_next_one() {
    let Some((machine, engine)) = machine() else { return };
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("there");
    let namespace = fs::read_link("/proc/self/ns/pid").expect("there");
    let worker = |pid: u32, started: u64| {
        format!("highroad.worker={} {} {pid} {started}", boot.trim(), namespace.display())
    };
    let end = "highroad.end=99999999999";
    let create = |name: &str, worker: &str| {
        let labels = ["--label", "highroad.job=old", "--label", worker, "--label", end];
        let words = [
            &["run", "--detach", "--network", "none", "--name", name],
            &labels[..],
            &[IMAGE, "sleep", "300"],
        ];
        engine.podman(&words.concat());
    };
    // Its number is of another process by now.
    create("left", &worker(std::process::id(), 1));
    let stat = fs::read_to_string("/proc/self/stat").expect("there");
    let started = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(19));
    create(
        "alive",
        &worker(std::process::id(), started.expect("there").parse().expect("a number")),
    );
    engine.podman(&[
        "network",
        "create",
        "--label",
        "highroad.job=old",
        "--label",
        &worker(1, 1),
        "highroad-left",
    ]);
    let outcome = machine.execute(&order_in(json!(IMAGE), vec![run("true")])).succeeded();
    let log = outcome.named("Initialize containers");
    assert!(log.contains("Removed the container left, which a worker has left"), "{log}");
    assert!(log.contains("Removed the network highroad-left"), "{log}");
    assert_eq!(engine.podman(&["ps", "--all", "--format", "{{.Names}}"]), "alive");
    engine.podman(&["rm", "--force", "--time", "0", "alive"]);
    engine.is_clean();
}

/// Waits until a file is there.
fn wait_for(path: &std::path::Path) {
    let status = std::process::Command::new("sh")
        .args(["-c", "until [ -e \"$1\" ]; do sleep 0.02; done", "sh"])
        .arg(path)
        .status();
    assert!(status.expect("sh").success());
}

fn cancel_when(path: PathBuf, cancel: &CancelSignal) -> std::thread::JoinHandle<()> {
    let cancel = cancel.clone();
    std::thread::spawn(move || {
        wait_for(&path);
        cancel.cancel();
    })
}

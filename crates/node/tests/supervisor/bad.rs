//! Programs that behave badly.

use std::net::TcpListener;

use jiff::SignedDuration;
use model::workload::{Port, Probe};
use node::supervisor::InstanceState;
use rustix::io::FdFlags;

use super::bench::{Bench, command, eventually, is_alive, set, settings, written};

#[tokio::test]
async fn one_that_exits_at_once_is_in_a_crash_loop_and_its_last_words_are_known() {
    let bench = Bench::new();
    bench.ensure(1, &bench.sh("for i in $(seq 60); do echo line $i; done; echo oh no >&2; exit 3"));
    let health =
        bench.until(|bench| Some(bench.health()).filter(|health| health.crash_looping)).await;
    assert!(health.restarts >= 3, "{health:?}");
    assert_eq!(health.ready, 0);
    let words = health.last_words.unwrap();
    assert!(words.starts_with("exited with 3 after 0."), "{words}");
    let lines: Vec<&str> = words.lines().skip(1).collect();
    assert_eq!(lines.len(), 50);
    // Two streams are read side by side.
    assert!(lines.contains(&"oh no") && lines.contains(&"line 60"), "{words}");
    // It is tried on.
    let restarts = health.restarts;
    bench.until(|bench| (bench.health().restarts > restarts + 1).then_some(())).await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let bench = Bench::new();
    std::fs::write(bench.work().join("text"), "").unwrap();
    let mut unset = bench.sh("");
    unset.command = command(&["echo", "$DATABASE_URL"]);
    let mut nowhere = bench.sh("exit 0");
    nowhere.folder = "/does/not/exist".to_owned();
    let mut somebody = bench.sh("exit 0");
    somebody.user = Some("nobody-knows".to_owned());
    let of = |words: &[&str]| {
        let mut workload = bench.sh("");
        workload.command = command(words);
        workload
    };
    let text = bench.work().join("text");
    for (workload, expected) in [
        (of(&["no-such-program"]), "command not found: `no-such-program` is in no folder of PATH"),
        (of(&["./no-such-program"]), "command not found: "),
        (of(&["./text"]), &*format!("{} is not executable: `chmod +x` it", text.display())),
        (unset, "the command needs the variable `DATABASE_URL`, which is not set"),
        (nowhere, "the folder /does/not/exist does not exist"),
        (somebody, "there is no user `nobody-knows` on this machine (/etc/passwd)"),
    ] {
        bench.ensure(1, &workload);
        let reason = bench.reason().await;
        assert!(reason.replace("/./", "/").starts_with(expected), "{reason}");
        bench.supervisor.stop_all().await;
    }
}

#[tokio::test]
async fn one_that_ignores_its_signal_is_killed_with_all_that_it_started() {
    let bench = Bench::new();
    let mut stubborn = bench.sh(
        "trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$ > child; exec sleep 1000\" & wait; wait",
    );
    stubborn.stop.grace = SignedDuration::from_millis(200);
    bench.ensure(1, &stubborn);
    let child = written(&bench.work().join("child")).await;
    let pid = bench.until_ready(1).await[0].pid.unwrap();
    bench.supervisor.stop_all().await;
    assert!(!is_alive(&child) && !is_alive(&pid.to_string()));
    assert_eq!(bench.supervisor.instances(), []);
}

#[tokio::test]
async fn one_that_stops_when_it_is_told_ends_by_itself() {
    let bench = Bench::new();
    bench.ensure(1, &bench.sh("trap 'echo bye > bye; exit 0' TERM; echo > up; sleep 1000 & wait"));
    written(&bench.work().join("up")).await;
    bench.supervisor.stop_all().await;
    assert!(bench.work().join("bye").exists());
}

#[tokio::test]
async fn a_daemon_that_forks_away_is_found_and_named() {
    let bench = Bench::new();
    bench.ensure(
        1,
        &bench.sh("setsid sh -c 'sleep 1000 & echo $! > child; wait' & sleep 0.3; exit 0"),
    );
    let child = written(&bench.work().join("child")).await;
    let reason = bench.reason().await;
    assert!(reason.contains("exited with 0"), "{reason}");
    assert!(reason.contains("`sleep 1000`"), "{reason}");
    assert!(reason.contains("has to stay in the foreground"), "{reason}");
    assert!(!is_alive(&child));
}

#[tokio::test]
async fn a_wrong_port_is_named() {
    let bench = Bench::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = bench.server();
    set(&mut server, "LISTEN", &free.to_string());
    server.health.ready_within = SignedDuration::from_secs(3);
    bench.ensure(1, &server);
    let reason = bench.reason().await;
    assert!(
        reason.starts_with("not ready within 3s: connection refused on 127.0.0.1:"),
        "{reason}"
    );
    assert!(reason.contains(&format!("; it listens on {free}, and has to on ")), "{reason}");
    assert!(bench.rota.seats().is_empty());
}

#[tokio::test]
async fn one_that_never_listens_is_never_ready() {
    let bench = Bench::new();
    let mut silent = bench.sh("sleep 1000");
    silent.port = Port::Auto;
    silent.health.probe = Probe::Tcp;
    silent.health.ready_within = SignedDuration::from_millis(300);
    bench.ensure(1, &silent);
    let reason = bench.reason().await;
    assert!(reason.ends_with("; it listens on no port"), "{reason}");
}

#[tokio::test]
async fn a_fixed_port_that_is_taken_is_waited_for() {
    let bench = Bench::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let mut server = bench.server();
    server.port = Port::Fixed(port);
    bench.ensure(1, &server);
    let reason = bench.reason().await;
    let expected = format!("port {port} is taken by process {} (", std::process::id());
    assert!(reason.starts_with(&expected), "{reason}");
    drop(other);
    let ready = bench.until_ready(1).await;
    assert_eq!(ready[0].address.unwrap().port(), port);
}

#[tokio::test]
async fn one_whose_port_was_taken_meanwhile_gets_another() {
    let mut settings = settings();
    settings.backoff.crash_loop = 1;
    let bench = Bench::with(settings, std::sync::Arc::new(ports::clock::SystemClock));
    let mut server = bench.server();
    let script = format!(
        "if [ ! -e go ]; then echo $PORT > port; while [ ! -e go ]; do sleep 0.02; done; exit 1; fi
         exec python3 -c '{}'",
        super::bench::SERVER
    );
    server.command = command(&["sh", "-c", &script]);
    bench.ensure(1, &server);
    let port = written(&bench.work().join("port")).await;
    let _other = TcpListener::bind(format!("127.0.0.1:{}", port.trim())).unwrap();
    std::fs::write(bench.work().join("go"), "").unwrap();
    let ready = bench.until_ready(1).await;
    assert_ne!(ready[0].address.unwrap().port().to_string(), port.trim());
    let health = bench.health();
    assert!(!health.crash_looping && health.restarts == 1, "{health:?}");
    let words = health.last_words.unwrap();
    assert!(words.contains(&format!("somebody else listens on port {}", port.trim())), "{words}");
}

/// The answer of whoever has the port is not taken for the instance's.
#[tokio::test]
async fn another_process_that_answers_on_its_port_does_not_make_it_ready() {
    let bench = Bench::new();
    let mut silent = bench.sh("echo $PORT > port; sleep 1000");
    silent.port = Port::Auto;
    silent.health.probe = Probe::Tcp;
    bench.ensure(1, &silent);
    let port = written(&bench.work().join("port")).await;
    // This process is older than the instance.
    let _other = TcpListener::bind(format!("127.0.0.1:{}", port.trim())).unwrap();
    let reason = bench.reason().await;
    let expected = format!("port {} is answered by another process: ", port.trim());
    assert!(reason.starts_with(&expected), "{reason}");
}

/// Far from those that anybody else has.
const LEAKED: i32 = 200;

#[tokio::test]
async fn nothing_of_the_nodes_files_and_variables_is_inherited() {
    let bench = Bench::new();
    // As a file that somebody's shell has left open.
    let file = std::fs::File::open("/dev/null").unwrap();
    let leaked = rustix::io::fcntl_dupfd_cloexec(&file, LEAKED).unwrap();
    rustix::io::fcntl_setfd(&leaked, FdFlags::empty()).unwrap();
    let mut nosy = bench.sh("ls /proc/$$/fd > files; env | sort > env; echo >> env; sleep 1000");
    set(&mut nosy, "COLOUR", "blue = red");
    bench.ensure(1, &nosy);
    let env = written(&bench.work().join("env")).await;
    let files = std::fs::read_to_string(bench.work().join("files")).unwrap();
    let mut files: Vec<i32> = files.lines().map(|number| number.parse().unwrap()).collect();
    files.sort_unstable();
    // A shell has one for what it has redirected.
    files.retain(|number| *number != 10);
    assert_eq!(files, [0, 1, 2]);
    drop(leaked);
    let names: Vec<&str> = env.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    let known = [
        "COLOUR",
        "HIGHROAD_INSTANCE",
        "HIGHROAD_VERSION",
        "HOME",
        "LANG",
        "LOGNAME",
        "OLDPWD",
        "PATH",
        "PWD",
        "SHLVL",
        "USER",
        "_",
    ];
    assert!(names.iter().all(|name| known.contains(name)), "{env}");
    assert!(env.contains("COLOUR=blue = red\n"), "{env}");
    // Secrets are in no command line and no file.
    let pid = bench.until_ready(1).await[0].pid.unwrap();
    let parent = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let parent =
        parent.rsplit(')').next().unwrap().split_ascii_whitespace().nth(1).unwrap().to_owned();
    let line = std::fs::read_to_string(format!("/proc/{parent}/cmdline")).unwrap();
    assert!(!line.contains("blue"), "{line}");
    let found = std::process::Command::new("grep").args(["-r", "blue"]).arg(bench.state()).output();
    assert_eq!(String::from_utf8_lossy(&found.unwrap().stdout), "");
}

#[tokio::test]
async fn an_instance_ends_with_its_keeper_and_comes_back() {
    let bench = Bench::new();
    bench.ensure(1, &bench.sh("setsid sh -c 'echo $$ > child; exec sleep 1000' & sleep 1000"));
    let child = written(&bench.work().join("child")).await;
    let first = bench.until_ready(1).await.remove(0);
    let pid = first.pid.unwrap().to_string();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let keeper =
        stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(1).unwrap().to_owned();
    std::process::Command::new("kill").args(["-9", &keeper]).status().unwrap();
    let reason = bench.reason().await;
    assert!(reason.starts_with("its keeper was killed, and it was ended with it"), "{reason}");
    eventually(|| (!is_alive(&pid) && !is_alive(&child)).then_some(())).await;
    let again = bench
        .until(|bench| {
            let mut instances = bench.supervisor.instances();
            instances.retain(|it| it.state == InstanceState::Ready && it.restarts == 1);
            instances.pop()
        })
        .await;
    assert_eq!(again.id, first.id);
    assert_ne!(again.pid, first.pid);
}

//! Processes of steps: how they are started, limited and confined, and that all of them end.

#[path = "process/bench.rs"]
mod bench;

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bench::{Bench, wrapper};
use jiff::SignedDuration;
use jobs::process::{
    Cgroup, Confinement, Exit, Limits, Program, Reach, Sandbox, Stop, Why, machine,
};

fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid.trim()).exists()
}

fn pid_in(bench: &Bench, file: &str) -> String {
    std::fs::read_to_string(bench.path().join(file)).unwrap()
}

/// A program without a shell, so that it is what it is from the beginning.
fn sleep(bench: &Bench) -> Program {
    Program { program: "sleep".into(), args: vec!["1000".into()], ..bench.sh("") }
}

#[test]
fn exit_codes_and_signals_are_told() {
    let bench = Bench::new();
    assert_eq!(bench.run("exit 0").exit(), Exit::Code(0));
    assert_eq!(bench.run("exit 41").exit(), Exit::Code(41));
    let killed = bench.run("kill -9 $$");
    assert_eq!((killed.exit(), killed.ended.stopped), (Exit::Signal(9), None));
}

#[test]
fn a_program_has_its_environment_and_folder_and_nothing_else() {
    let bench = Bench::new();
    let below = bench.path().join("below");
    std::fs::create_dir(&below).unwrap();
    let mut program =
        bench.sh("env | sort; pwd; cat; ps -o sid= -p $$ | tr -d ' '; echo \"$0 $1\"");
    program.env.push(("A".into(), "b=c\nd".into()));
    program.env.push(("F".into(), "again".into()));
    program.env.push(("LC_ALL".into(), "C".into()));
    program.folder.clone_from(&below);
    program.args.extend(["zero".into(), "*".into()]);
    bench.run_step(1, &program, None, &Stop::new().unwrap(), &mut |_| {});
    let mut lines = bench.lines(1);
    lines.retain(|line| !line.starts_with("PATH=") && !line.starts_with("PWD="));
    // 0 where its leader is in another PID namespace.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let session = stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(3).unwrap();
    let folder = below.to_string_lossy().into_owned();
    let expected = ["A=b=c", "F=again", "LC_ALL=C", "d", &*folder, session, "zero *"];
    assert_eq!(lines, expected);
}

#[test]
fn what_goes_to_both_outputs_keeps_its_order() {
    let bench = Bench::new();
    bench.run("for i in 1 2 3 4; do echo out $i; echo err $i >&2; done");
    let expected = (1..5).flat_map(|i| [format!("out {i}"), format!("err {i}")]);
    assert_eq!(bench.lines(1), expected.collect::<Vec<_>>());
}

#[test]
fn what_cannot_be_started_says_why() {
    let bench = Bench::new();
    let refused = |change: &dyn Fn(&mut Program)| {
        let mut program = bench.sh("exit 0");
        change(&mut program);
        bench.tree.start(&program).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&|it| it.program = "no-such-shell".into()),
        "there is no program 'no-such-shell' on the PATH"
    );
    assert_eq!(refused(&|it| it.env.clear()), "there is no program 'sh' on the PATH");
    assert_eq!(refused(&|it| it.program = "/no/shell".into()), "there is no program /no/shell");
    assert_eq!(
        refused(&|it| it.folder = "/no/folder".into()),
        "the working directory /no/folder cannot be used: No such file or directory (os error 2)"
    );
    let large = refused(&|it| it.env.push(("LARGE".into(), "x".repeat(1 << 20).into())));
    assert!(large.contains("pass large values in files"), "{large}");
    let folder = refused(&|it| it.program = "/tmp".into());
    assert!(folder.starts_with("/tmp cannot be started: "), "{folder}");
}

#[test]
fn a_cancelled_step_is_interrupted_first() {
    let bench = Bench::new();
    let cancel = |stop: &Stop| stop.stop(Why::Cancelled);
    let gentle = bench.run_and_stop(
        "trap 'echo bye; exit 3' INT; echo ::debug::; while :; do sleep 0.01; done",
        cancel,
    );
    assert_eq!((gentle.exit(), gentle.ended.stopped), (Exit::Code(3), Some(Why::Cancelled)));
    assert_eq!(bench.lines(1), ["bye"]);
    let stop = Stop::new().unwrap();
    cancel(&stop);
    let plain = bench.run_step(1, &sleep(&bench), None, &stop, &mut |_| {});
    assert_eq!((plain.exit(), plain.ended.stopped), (Exit::Signal(2), Some(Why::Cancelled)));
}

/// For those who ignore what they are told.
const SHORT: Duration = Duration::from_millis(20);

#[test]
fn a_step_that_ignores_interrupts_is_terminated_and_then_killed() {
    let mut bench = Bench::new();
    let cancel = |stop: &Stop| stop.stop(Why::Cancelled);
    bench.grace.interrupt = SHORT;
    let deaf = "trap '' INT; trap 'exit 4' TERM; echo ::debug::; while :; do sleep 0.01; done";
    assert_eq!(bench.run_and_stop(deaf, cancel).exit(), Exit::Code(4));
    bench.grace.terminate = SHORT;
    let stubborn = "trap '' INT TERM; echo ::debug::; while :; do sleep 1000; done";
    let killed = bench.run_and_stop(stubborn, cancel);
    assert_eq!((killed.exit(), killed.ended.survivors), (Exit::Signal(9), vec![]));
}

#[test]
fn whoever_is_in_a_hurry_kills_at_once() {
    let mut bench = Bench::new();
    bench.grace.interrupt = Duration::from_hours(1);
    let stubborn = "trap '' INT TERM; echo ::debug::; while :; do sleep 1000; done";
    let killed = bench.run_and_stop(stubborn, |stop| {
        stop.stop(Why::Cancelled);
        stop.kill(Why::TimedOut);
    });
    assert_eq!((killed.exit(), killed.ended.stopped), (Exit::Signal(9), Some(Why::Cancelled)));
}

#[test]
fn a_step_that_takes_too_long_is_ended() {
    let bench = Bench::new();
    let deadline = bench.clock.now() + SignedDuration::from_millis(50);
    let stop = Stop::new().unwrap();
    let program = sleep(&bench);
    let late = bench.run_step(1, &program, Some(deadline), &stop, &mut |_| {});
    assert_eq!((late.exit(), late.ended.stopped), (Exit::Signal(2), Some(Why::TimedOut)));
    // One that was over before it began does not run on, either.
    let late = bench.run_step(1, &program, Some(deadline), &stop, &mut |_| {});
    assert_eq!(late.ended.stopped, Some(Why::TimedOut));
}

#[test]
fn what_was_ordered_before_a_step_began_holds() {
    let bench = Bench::new();
    let stop = Stop::new().unwrap();
    stop.stop(Why::Cancelled);
    for _ in 0..2 {
        let stopped = bench.run_step(1, &bench.sh("sleep 1000"), None, &stop, &mut |_| {});
        assert_eq!(stopped.ended.stopped, Some(Why::Cancelled));
    }
}

/// A grandchild with a session and a parent of its own that listens to no signal.
const DETACHED: &str = "
    mkfifo $F/ready
    (setsid setsid sh -c 'trap \"\" INT TERM HUP; echo $$ > $F/pid; : > $F/ready
        while :; do sleep 1000; done' > /dev/null 2>&1 < /dev/null &)
    : < $F/ready
";

#[test]
fn a_grandchild_that_detaches_is_ended_with_its_step() {
    let mut bench = Bench::new();
    (bench.grace.interrupt, bench.grace.terminate) = (SHORT, SHORT);
    for how in [Stop::stop as fn(&Stop, Why), Stop::kill] {
        let script = format!("rm -f $F/ready; {DETACHED} echo ::debug::; sleep 1000");
        let outcome = bench.run_and_stop(&script, |stop| how(stop, Why::Cancelled));
        assert_eq!(outcome.ended.survivors, []);
        assert!(!is_alive(&pid_in(&bench, "pid")));
    }
    assert_eq!(bench.tree.sweep(Duration::ZERO), []);
}

#[test]
fn what_a_step_leaves_behind_lives_until_the_job_is_over() {
    let bench = Bench::new();
    assert_eq!(bench.run(DETACHED).exit(), Exit::Code(0));
    let pid = pid_in(&bench, "pid");
    assert!(is_alive(&pid));
    // Another step is none of its business.
    bench.run_and_stop("echo ::debug::; sleep 1000", |stop| stop.kill(Why::Cancelled));
    assert!(is_alive(&pid));
    let left = bench.tree.sweep(Duration::from_millis(100));
    assert!(!is_alive(&pid));
    let named: Vec<_> = left.iter().map(|it| (it.pid.to_string(), it.survived)).collect();
    assert!(named.contains(&(pid.trim().to_owned(), false)), "{left:?}");
    assert!(left[0].command_line.starts_with("sh -c trap \"\" INT TERM HUP; "), "{left:?}");
    assert_eq!(bench.tree.sweep(Duration::ZERO), []);
}

#[test]
fn steps_at_the_same_time_keep_their_orphans_apart() {
    let mut bench = Bench::new();
    (bench.grace.interrupt, bench.grace.terminate) = (SHORT, SHORT);
    let tracked = |mark: &str, script: &str| {
        let mut program = bench.sh(script);
        program.env.push(("RUNNER_TRACKING_ID".into(), mark.into()));
        program.env.push(("F".into(), bench.path().join(mark).into_os_string()));
        std::fs::create_dir(bench.path().join(mark)).unwrap();
        program
    };
    let (one, two) = (Stop::new().unwrap(), Stop::new().unwrap());
    let detach = format!("{DETACHED} echo ::debug::; sleep 1000");
    let (first, second) = (tracked("one", &detach), tracked("two", &detach));
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let other = scope
            .spawn(|| bench.run_step(2, &second, None, &two, &mut |_| ready.send(()).unwrap()));
        is_ready.recv().unwrap();
        bench.run_step(1, &first, None, &one, &mut |_| one.stop(Why::Cancelled));
        let alive = ["one/pid", "two/pid"].map(|pid| is_alive(&pid_in(&bench, pid)));
        two.stop(Why::Cancelled);
        assert_eq!(other.join().unwrap().ended.survivors, []);
        assert_eq!(alive, [false, true]);
        assert!(!is_alive(&pid_in(&bench, "two/pid")));
    });
}

#[test]
fn orphans_that_have_ended_are_buried() {
    let bench = Bench::new();
    bench.run("(setsid true &); (setsid true &)");
    // Each step that ends buries who has ended by then; until nobody is left.
    let own = format!("/proc/self/task/{}/children", std::process::id());
    while !std::fs::read_to_string(&own).unwrap().is_empty() {
        bench.run("true");
    }
    assert_eq!(bench.tree.sweep(Duration::ZERO), []);
}

#[test]
fn a_step_is_over_although_others_hold_its_output() {
    let mut bench = Bench::new();
    bench.linger.quiet = Duration::from_millis(10);
    let (go, done) = (bench.fifo("go"), bench.fifo("done"));
    let outcome =
        bench.run("(read line < $F/go; echo late; echo ::error::late; : > $F/done) & echo soon");
    assert_eq!(outcome.exit(), Exit::Code(0));
    assert_eq!(bench.lines(1), ["soon"]);
    std::fs::write(go, "go\n").unwrap();
    assert_eq!(std::fs::read(done).unwrap(), b"");
    bench.tree.sweep(Duration::ZERO);
    // Logged, but nobody obeys any more.
    assert_eq!(bench.lines(1), ["soon", "late", "::error::late"]);
    assert_eq!(outcome.commands, []);
}

/// What is printed through a process that ends a moment after the step, as `exec > >(tee log)` does.
#[test]
fn output_that_comes_a_moment_later_belongs_to_the_step() {
    let bench = Bench::new();
    bench.fifo("pipe");
    let outcome = bench.run("(cat $F/pipe; echo ::notice::end) & exec > $F/pipe; echo through");
    assert_eq!(bench.lines(1), ["through", "##[notice]end"]);
    assert_eq!(outcome.commands.len(), 1);
}

fn confined(sandbox: Option<Sandbox>, cgroup: Option<Cgroup>) -> Arc<Confinement> {
    let (wrapper, cgroup) = (wrapper(), cgroup.map(Arc::new));
    Arc::new(Confinement { wrapper, sandbox, cgroup, memory: None })
}

/// Whether the machine can do it; what it cannot is said, and the test has nothing to test.
fn can(what: &str, can: &Result<(), String>) -> bool {
    if let Err(why) = can {
        assert!(!why.is_empty());
        eprintln!("skipped: this machine has no {what}: {why}");
    }
    can.is_ok()
}

#[test]
fn a_sandboxed_step_changes_its_own_files_only() {
    if !can("sandbox", &machine(&wrapper()).sandbox) {
        return;
    }
    let mut bench = Bench::new();
    let outside = tempfile::TempDir::new().unwrap();
    let precious = outside.path().join("precious");
    std::fs::write(&precious, "precious").unwrap();
    let write = vec![bench.path().to_owned()];
    let sandbox = Sandbox { write, read: Reach::Everywhere, network: true };
    bench.confinement = Some(confined(Some(sandbox), None));
    let mut program = bench.sh(
        "cat $P && echo && echo mine > $F/mine && mv $F/mine $F/moved && echo null > /dev/null &&
         echo done
         echo x > $P; echo x >> $P; rm $P; mv $P $P.2; ln $P $F/link; chmod 777 $F; mkdir ${P}d
         truncate -s 0 $P; mknod $F/disk b 8 0; kill -0 $PPID; echo end",
    );
    program.env.push(("P".into(), precious.clone().into_os_string()));
    program.env.push(("LC_ALL".into(), "C".into()));
    let outcome = bench.run_step(1, &program, None, &Stop::new().unwrap(), &mut |_| {});
    assert_eq!(outcome.exit(), Exit::Code(0));
    let lines = bench.lines(1);
    assert_eq!(lines[..2], ["precious", "done"]);
    assert_eq!(lines.last().unwrap(), "end");
    assert!(lines.len() > 9, "{lines:#?}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    let mut here: Vec<_> = std::fs::read_dir(bench.path())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    here.sort();
    assert_eq!(here, ["log.zst", "moved"]);
}

#[test]
fn a_sandboxed_step_reads_what_it_may() {
    if !can("sandbox", &machine(&wrapper()).sandbox) {
        return;
    }
    let mut bench = Bench::new();
    let system = ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc"].map(Path::new);
    let read = system.iter().filter(|it| it.exists()).map(|it| (*it).to_owned());
    let sandbox = Sandbox {
        write: vec![bench.path().to_owned()],
        read: Reach::Only(read.collect()),
        network: true,
    };
    bench.confinement = Some(confined(Some(sandbox), None));
    let other = tempfile::TempDir::new().unwrap();
    std::fs::write(other.path().join("secret"), "secret").unwrap();
    let script =
        format!("cat {}/secret && echo got it; echo fine > own; cat own", other.path().display());
    bench.run(&script);
    let lines = bench.lines(1);
    assert!(lines[0].contains("Permission denied"), "{lines:?}");
    assert_eq!(lines[1..], ["fine"]);
}

#[test]
fn a_step_without_network_has_its_loopback_only() {
    if !can("way out of the network", &machine(&wrapper()).no_network) {
        return;
    }
    let mut bench = Bench::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let script = format!(
        "cut -d: -f1 /proc/self/net/dev | tail -n +3 | tr -d ' '
         grep -c '127.0.0.1' /proc/self/net/fib_trie > /dev/null && echo up
         bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' 2> /dev/null && echo connected
         nsenter --net=/proc/$WORKER/ns/net true 2> /dev/null && echo escaped
         exit 0"
    );
    let run = |bench: &Bench, step| {
        let mut program = bench.sh(&script);
        program.env.push(("WORKER".into(), std::process::id().to_string().into()));
        bench.run_step(step, &program, None, &Stop::new().unwrap(), &mut |_| {})
    };
    // So that it is known that there is something to be reached.
    run(&bench, 1);
    assert!(bench.lines(1).contains(&"connected".to_owned()));
    let write = vec![bench.path().to_owned()];
    let sandbox = Sandbox { write, read: Reach::Everywhere, network: false };
    bench.confinement = Some(confined(Some(sandbox), None));
    run(&bench, 2);
    assert_eq!(bench.lines(2), ["lo", "up"]);
}

#[test]
fn a_sandbox_that_cannot_be_made_stops_the_step_before_it_begins() {
    let mut bench = Bench::new();
    let write = vec!["/no/such/folder".into()];
    let sandbox = Sandbox { write, read: Reach::Everywhere, network: true };
    bench.confinement = Some(confined(Some(sandbox), None));
    let refused = bench.tree.start(&bench.sh("touch $F/begun")).unwrap_err().to_string();
    let why = "the step cannot be confined: /no/such/folder cannot be part of the sandbox: No such \
               file or directory (os error 2)";
    assert!(refused == why || refused.contains("Linux 6.2"), "{refused}");
    assert!(!bench.path().join("begun").exists());

    let mut program = bench.sh("exit 0");
    program.confinement = Some(confined(None, None));
    program.program = OsString::from("/no/shell");
    let refused = bench.tree.start(&program).unwrap_err().to_string();
    assert!(refused.contains("/no/shell cannot be started: No such file"), "{refused}");
    assert_eq!(bench.tree.sweep(Duration::ZERO), []);
}

#[test]
fn a_confined_program_is_like_any_other() {
    let mut bench = Bench::new();
    bench.confinement = Some(confined(None, None));
    let mut program = bench.sh("echo \"$0 $1\"; env | sort; cat; exit 7");
    program.args.extend(["zero".into(), "one".into()]);
    program.env = vec![("PATH".into(), std::env::var_os("PATH").unwrap())];
    let outcome = bench.run_step(1, &program, None, &Stop::new().unwrap(), &mut |_| {});
    assert_eq!(outcome.exit(), Exit::Code(7));
    let mut lines = bench.lines(1);
    lines.retain(|line| !line.starts_with("PATH=") && !line.starts_with("PWD="));
    assert_eq!(lines, ["zero one"]);
}

/// What the dynamic loader is told goes for the program, and not for the wrapper before it is
/// confined.
#[test]
fn a_step_has_no_say_in_how_it_is_confined() {
    let mut bench = Bench::new();
    bench.confinement = Some(confined(None, None));
    let mut program = bench.sh("exit 0");
    program.env.push(("LD_PRELOAD".into(), "/no/such/library.so".into()));
    bench.run_step(1, &program, None, &Stop::new().unwrap(), &mut |_| {});
    let complaints = bench.lines(1).iter().filter(|line| line.contains("/no/such/library")).count();
    assert!(complaints <= 1, "{:?}", bench.lines(1));

    program.env.push(("A".into(), "b\0c".into()));
    let refused = bench.tree.start(&program).unwrap_err().to_string();
    assert_eq!(refused, "sh cannot be started: 'A' cannot be set as a variable");
    assert_eq!(bench.tree.sweep(Duration::ZERO), []);
}

fn limited(limits: Limits) -> Option<Arc<Confinement>> {
    let (cgroup, unenforced) = Cgroup::create(&format!("test-{}", std::process::id()), &limits);
    for limit in &unenforced {
        eprintln!("skipped: this machine has no limit of {}: {}", limit.limit, limit.why);
    }
    unenforced.is_empty().then(|| confined(None, cgroup))
}

#[test]
fn a_job_that_takes_too_much_memory_is_told_so() {
    let mut bench = Bench::new();
    let Some(confinement) = limited(Limits { memory: Some(48 << 20), ..Limits::default() }) else {
        return;
    };
    bench.confinement = Some(confinement);
    let modest = bench.run("head -c 1000000 /dev/zero | tail -c 1000000 | wc -c");
    assert_eq!((modest.exit(), modest.ended.out_of_memory), (Exit::Code(0), false));
    let greedy = bench.run("head -c 300000000 /dev/zero | tail -c 300000000 > /dev/null");
    assert!(greedy.ended.out_of_memory, "{greedy:?}");
    assert_ne!(greedy.exit(), Exit::Code(0));
    let after = bench.run("exit 0");
    assert!(!after.ended.out_of_memory);
}

#[test]
fn a_job_that_forks_without_end_is_limited_and_ended() {
    let mut bench = Bench::new();
    let limits = Limits { processes: Some(60), ..Limits::default() };
    let Some(confinement) = limited(limits) else { return };
    bench.confinement = Some(confinement);
    let bomb = "echo ::debug::; bomb() { bomb | bomb & }; bomb 2> /dev/null; sleep 1000";
    let outcome = bench.run_and_stop(bomb, |stop| stop.kill(Why::Cancelled));
    let left = bench.tree.sweep(Duration::ZERO);
    assert_eq!(outcome.ended.survivors, []);
    assert!(left.iter().all(|it| !it.survived), "{left:?}");
    assert_eq!(bench.tree.sweep(Duration::ZERO), []);
}

#[test]
fn processors_are_shared_out() {
    let Some(confinement) = limited(Limits { millicpus: Some(500), ..Limits::default() }) else {
        return;
    };
    let mut bench = Bench::new();
    bench.confinement = Some(confinement);
    let outcome = bench.run("cat /proc/self/cgroup");
    assert_eq!(outcome.exit(), Exit::Code(0));
    let lines = bench.lines(1);
    assert!(lines.iter().any(|line| line.contains("/highroad-test-")), "{lines:?}");
}

#[test]
fn memory_is_limited_process_by_process_where_nothing_else_can() {
    let mut bench = Bench::new();
    let wrapper = wrapper();
    let memory = Some(64 << 20);
    let confinement = Confinement { wrapper, sandbox: None, cgroup: None, memory };
    bench.confinement = Some(Arc::new(confinement));
    let greedy = bench.run("head -c 300000000 /dev/zero | tail -c 300000000 > /dev/null");
    assert_ne!(greedy.exit(), Exit::Code(0));
    assert_eq!(bench.run("exit 0").exit(), Exit::Code(0));
}

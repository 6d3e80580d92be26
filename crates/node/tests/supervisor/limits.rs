//! Who an instance runs as, and what it may use.

use model::workload::Limits;

use super::bench::{Bench, eventually, set, written};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test]
async fn only_root_runs_programs_as_others() {
    let bench = Bench::new();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(bench.work(), everybody).unwrap();
    let mut program = bench.sh("echo $(id -u) $(id -G) $USER $(ulimit -Sn) > who; sleep 1000");
    program.user = Some(if is_root() { "nobody" } else { "root" }.to_owned());
    bench.ensure(1, &program);
    if is_root() {
        let who = written(&bench.work().join("who")).await;
        let words: Vec<&str> = who.split_ascii_whitespace().collect();
        assert_eq!((words[0], words[words.len() - 2]), ("65534", "nobody"));
        assert_eq!(words.len(), 4, "no group but its own: {who}");
        assert!(words[3].parse::<u64>().unwrap() > 1024, "{who}");
        // The parent's death is still told to it.
        bench.until_ready(1).await;
    } else {
        let reason = bench.reason().await;
        assert!(reason.starts_with("only root can run an instance as `root`"), "{reason}");
    }
}

#[tokio::test]
async fn one_that_needs_too_much_memory_is_killed_and_that_is_named() {
    let bench = Bench::new();
    let mut hungry = bench.sh("exec python3 -c \"$PROGRAM\"");
    set(
        &mut hungry,
        "PROGRAM",
        "import time\nopen('up', 'w').write('up\\n')\nx = bytearray(100 << 20)\ntime.sleep(1000)",
    );
    hungry.limits = Limits { memory: Some(48 << 20), cpu: None };
    bench.ensure(1, &hungry);
    written(&bench.work().join("up")).await;
    let unenforced = bench.supervisor.instances()[0].unenforced.clone();
    if let Some(unenforced) = unenforced {
        // A machine that does not let us says so.
        assert!(unenforced.starts_with("limits are not enforced: memory: "), "{unenforced}");
        bench.until_ready(1).await;
        return;
    }
    let reason = bench.reason().await;
    assert!(reason.starts_with("killed by the kernel: out of memory at 48 MiB"), "{reason}");
    let report = bench.supervisor.instances().remove(0);
    assert!(report.usage.oom_kills > 0, "{report:?}");
}

#[tokio::test]
async fn what_is_used_is_counted() {
    let bench = Bench::new();
    bench.ensure(1, &bench.sh("while :; do :; done"));
    bench.until_ready(1).await;
    let report = eventually(|| {
        let report = bench.supervisor.instances().remove(0);
        (report.usage.processor.as_millis() > 100).then_some(report)
    })
    .await;
    assert!(report.usage.memory > 0 && report.usage.memory_peak >= report.usage.memory);
}

//! What instances print.

use std::time::Duration;

use node::logs::{LogQuery, LogStream, Source};
use tokio::time::timeout;

use super::bench::{Bench, settings, written};

async fn next(stream: &mut LogStream) -> node::logs::LogLine {
    timeout(Duration::from_mins(1), stream.next()).await.expect("a line comes").expect("it goes on")
}

#[tokio::test]
async fn lines_are_kept_with_where_they_came_from() {
    let bench = Bench::new();
    let script = r#"
        echo '{"level":"warn","msg":"slow","took":7}'
        sleep 0.1
        printf 'caf\303\251 \377 tab\there\r\n' >&2
        sleep 0.1
        head -c 20000 /dev/zero | tr '\0' x
        echo
        printf 'no end'
        exit 0"#;
    bench.ensure(1, &bench.sh(script));
    bench.reason().await;
    // Readable also when it is gone.
    bench.supervisor.stop_all().await;
    let mut stream = bench.supervisor.logs(LogQuery::default()).await.unwrap();
    let lines = stream.ready();
    let first = lines[0].structured.as_ref().unwrap();
    assert_eq!((first.level.as_deref(), first.message.as_deref()), (Some("warn"), Some("slow")));
    assert_eq!(first.fields["took"], 7);
    assert_eq!((&*lines[0].version, lines[0].source), ("1.5.0", Source::Stdout));
    assert_eq!((&*lines[1].text, lines[1].source), ("café \\xff tab\there", Source::Stderr));
    assert_eq!((lines[2].text.len(), lines[2].split), (16384, true));
    assert_eq!((lines[3].text.len(), lines[3].split), (20000 - 16384, false));
    assert_eq!(lines[4].text, "no end");
    assert!(stream.next().await.is_none());

    let one = LogQuery { last: Some(1), ..LogQuery::default() };
    assert_eq!(bench.supervisor.logs(one).await.unwrap().ready().len(), 1);
    let later = LogQuery { since: Some(lines[1].at), ..LogQuery::default() };
    let later = bench.supervisor.logs(later).await.unwrap().ready();
    assert_eq!(later[0], lines[1]);
    let other = LogQuery { version: Some("2.0.0".to_owned()), ..LogQuery::default() };
    assert_eq!(bench.supervisor.logs(other).await.unwrap().ready(), []);
}

#[tokio::test]
async fn a_log_is_followed_also_into_instances_to_come() {
    let bench = Bench::new();
    let talker = bench.sh("echo one; while [ ! -e go ]; do sleep 0.02; done; echo two; sleep 1000");
    let query = LogQuery { follow: true, ..LogQuery::default() };
    let mut stream = bench.supervisor.logs(query).await.unwrap();
    bench.ensure(1, &talker);
    let first = next(&mut stream).await;
    assert_eq!(first.text, "one");
    std::fs::write(bench.work().join("go"), "").unwrap();
    assert_eq!(next(&mut stream).await.text, "two");
    bench.ensure(2, &talker);
    let other = next(&mut stream).await;
    assert_eq!(other.text, "one");
    assert_ne!(other.instance, first.instance);
    assert_eq!(next(&mut stream).await.text, "two");
}

#[tokio::test]
async fn one_that_prints_much_costs_little_disk_and_disturbs_nobody() {
    let mut settings = settings();
    settings.log_budget = 256 << 10;
    let bench = Bench::with(settings, std::sync::Arc::new(ports::clock::SystemClock));
    let noisy = "yes 0123456789abcdef0123456789abcdef | head -c 40000000; echo; echo done; echo > done; \
                 sleep 1000";
    bench.ensure(1, &bench.sh(noisy));
    written(&bench.work().join("done")).await;
    let lines = eventually_last(&bench, "done").await;
    assert!(lines.len() > 1000, "{}", lines.len());
    let du = std::process::Command::new("du").arg("-sk").arg(bench.state()).output().unwrap();
    let du = String::from_utf8(du.stdout).unwrap();
    let kilobytes: u64 = du.split_ascii_whitespace().next().unwrap().parse().unwrap();
    assert!(kilobytes < 400, "{du}");
}

async fn eventually_last(bench: &Bench, last: &str) -> Vec<String> {
    loop {
        let lines = bench.lines().await;
        if lines.last().is_some_and(|line| line == last) {
            return lines;
        }
        ports::clock::pause(Duration::from_millis(20)).await;
    }
}

/// Takes a file system of its own, which only root can make.
#[tokio::test]
async fn a_full_disk_costs_lines_and_nothing_else() {
    let bench = Bench::new();
    let place = bench.folder.path().join("small");
    std::fs::create_dir(&place).unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
        .arg(&place)
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user cannot mount a small file system");
        return;
    }
    let (_, supervisor) = super::bench::open(&place);
    let script = "yes 0123456789abcdef0123456789abcdef | head -c 4000000; echo > full
                  while [ ! -e go ]; do sleep 0.02; done
                  echo; echo again; sleep 1000";
    let workload = std::sync::Arc::new(bench.sh(script));
    supervisor.ensure(&super::bench::group(1), 1, workload);
    // It prints to its end although nothing can be written.
    written(&bench.work().join("full")).await;
    let mount =
        std::process::Command::new("mount").args(["-o", "remount,size=8m"]).arg(&place).status();
    assert!(mount.unwrap().success());
    std::fs::write(bench.work().join("go"), "").unwrap();
    let text = loop {
        let mut stream = supervisor.logs(LogQuery::default()).await.unwrap();
        let lines = stream.ready();
        if lines.last().is_some_and(|line| line.text == "again") {
            break lines;
        }
        ports::clock::pause(Duration::from_millis(20)).await;
    };
    assert!(
        text.iter().any(|line| line.source == Source::Keeper && line.text.contains("are lost"))
    );
    supervisor.stop_all().await;
    drop(supervisor);
    let _ = std::process::Command::new("umount").arg("-l").arg(&place).status();
}

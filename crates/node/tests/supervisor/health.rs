//! Readiness, liveness, and who is stopped first.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use model::workload::{Port, Probe};
use node::supervisor::InstanceState;
use ports::BoxFuture;
use ports::clock::{Clock, SystemClock};

use super::bench::{Bench, command, group, set, settings};

#[tokio::test]
async fn one_that_is_well_is_in_the_rota_until_it_is_stopped() {
    let bench = Bench::new();
    bench.ensure(2, &bench.server());
    let ready = bench.until_ready(2).await;
    let health = bench.health();
    assert_eq!((health.wanted, health.ready, health.restarts), (2, 2, 0));
    assert_eq!(health.last_words, None);
    let seats = bench.rota.seats();
    let mut seated: Vec<_> = seats[&group(1)].iter().map(|seat| seat.address).collect();
    seated.sort_unstable();
    let mut reported: Vec<_> = ready.iter().map(|it| it.address.unwrap()).collect();
    reported.sort_unstable();
    assert_eq!(seated, reported);
    assert_ne!(seated[0], seated[1]);
    assert!(ready.iter().all(|it| it.version == "1.5.0" && it.usage.memory > 0), "{ready:?}");
    drop(seats);
    bench.supervisor.stop_all().await;
    assert!(bench.rota.seats().is_empty());
    assert_eq!(bench.supervisor.health(&group(1).place), []);
}

#[tokio::test]
async fn one_that_is_not_well_any_more_is_started_again() {
    let bench = Bench::new();
    bench.ensure(1, &bench.server());
    let first = bench.until_ready(1).await.remove(0);
    let sick = bench.work().join("sick");
    std::fs::write(&sick, "").unwrap();
    let reason = bench.reason().await;
    assert!(
        reason.starts_with("not well any more, 2 times in a row: GET /health from "),
        "{reason}"
    );
    assert!(reason.contains("is answered with 500"), "{reason}");
    assert!(bench.rota.seats().is_empty());
    std::fs::remove_file(&sick).unwrap();
    let second = bench.until_ready(1).await.remove(0);
    assert_eq!((second.id, second.restarts), (first.id, 1));
    assert_eq!(bench.rota.seats()[&group(1)][0].address, second.address.unwrap());
}

#[tokio::test]
async fn commands_tell_health_too() {
    let bench = Bench::new();
    let mut worker = bench.sh("sleep 0.2; echo up > up; sleep 1000");
    set(&mut worker, "FILE", "up");
    worker.health.probe = Probe::Command(command(&["test", "-e", "$FILE"]));
    bench.ensure(1, &worker);
    bench.until_ready(1).await;
    assert!(bench.work().join("up").exists());
    std::fs::remove_file(bench.work().join("up")).unwrap();
    let reason = bench.reason().await;
    assert!(reason.contains("the health command `test` ended with exit status: 1"), "{reason}");
}

#[tokio::test]
async fn the_least_healthy_goes_first_and_then_the_youngest() {
    let bench = Bench::new();
    // Each is ready when its turn has come.
    let mut server = bench.sh("mkdir turn && exec python3 -c \"$SERVER\"; exec sleep 1000");
    set(&mut server, "SERVER", super::bench::SERVER);
    server.port = Port::Auto;
    server.health.probe = Probe::Tcp;
    bench.ensure(2, &server);
    let well = bench.until_ready(1).await.remove(0);
    bench.ensure(1, &server);
    bench.until(|bench| (bench.supervisor.instances().len() == 1).then_some(())).await;
    assert_eq!(bench.until_ready(1).await[0].id, well.id);

    std::fs::remove_dir(bench.work().join("turn")).unwrap();
    bench.ensure(2, &server);
    bench.until_ready(2).await;
    bench.ensure(1, &server);
    bench.until(|bench| (bench.supervisor.instances().len() == 1).then_some(())).await;
    assert_eq!(bench.until_ready(1).await[0].id, well.id);
}

#[tokio::test]
async fn the_newest_workload_counts_for_those_that_start_from_now_on() {
    let bench = Bench::new();
    bench.ensure(1, &bench.sh("sleep 1000"));
    let first = bench.until_ready(1).await.remove(0);
    let mut newer = bench.sh("sleep 1000");
    newer.version = "1.5.0+hotfix".to_owned();
    bench.ensure(2, &newer);
    let ready = bench.until_ready(2).await;
    let version = |id| &*ready.iter().find(|it| (it.id == first.id) == id).unwrap().version;
    assert_eq!((version(true), version(false)), ("1.5.0", "1.5.0+hotfix"));
}

/// A clock that somebody sets.
#[derive(Debug, Default)]
struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_hours(self.0.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'static, ()> {
        panic!("whoever waits for a time waits for the wrong one when the clock is set")
    }
}

#[tokio::test]
async fn nothing_happens_when_the_clock_is_set() {
    let clock = Arc::new(Jumping::default());
    let bench = Bench::with(settings(), Arc::clone(&clock) as Arc<dyn Clock>);
    let mut worker = bench.sh("sleep 1000");
    worker.health.probe = Probe::Command(command(&["sh", "-c", "echo >> looks"]));
    bench.ensure(1, &worker);
    let ready = bench.until_ready(1).await.remove(0);
    let looks = || std::fs::read_to_string(bench.work().join("looks")).unwrap().len();
    for hours in [24, -24, 24 * 365, 0] {
        clock.0.store(hours, Ordering::Relaxed);
        let before = looks();
        super::bench::eventually(|| (looks() > before + 1).then_some(())).await;
    }
    let now = bench.supervisor.instances().remove(0);
    assert_eq!((now.pid, now.state, now.restarts), (ready.pid, InstanceState::Ready, 0));
}

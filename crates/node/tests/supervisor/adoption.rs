//! Nodes that are killed, and those that come after them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use node::logs::LogQuery;
use node::supervisor::{InstanceReport, InstanceState, OpenError, Supervisor};
use ports::clock::SystemClock;
use ports::entropy::SystemEntropy;

use super::bench::{
    Bench, SERVER, command, eventually, example, group, is_alive, kill_all_in, open, server, set,
    settings, workload, written,
};

const COUNT: u32 = 3;

struct Node(Child);

impl Node {
    /// Returns when all of its instances are ready.
    fn start(folder: &Path) -> (Self, Vec<InstanceReport>) {
        let mut ticking = server(&folder.join("work"));
        let script = "while :; do echo tick; sleep 0.05; done & exec python3 -c \"$SERVER\"";
        ticking.command = command(&["sh", "-c", script]);
        set(&mut ticking, "SERVER", SERVER);
        let workload = folder.join("workload.json");
        std::fs::write(&workload, serde_json::to_vec(&ticking).unwrap()).unwrap();
        let mut child = Command::new(example("supervise"))
            .args([&folder.join("node"), &workload])
            .arg(COUNT.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let node = Self(child);
        for line in lines {
            let Ok(reports) = serde_json::from_str::<Vec<InstanceReport>>(&line.unwrap()) else {
                continue;
            };
            let ready = reports.iter().filter(|it| it.state == InstanceState::Ready).count();
            if ready == usize::try_from(COUNT).unwrap() {
                return (node, reports);
            }
        }
        panic!("the node has ended");
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_node_that_is_killed_leaves_its_instances_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("work")).unwrap();
    let state = folder.path().join("node");
    let (node, before) = Node::start(folder.path());
    assert!(matches!(try_open(&state), Err(OpenError::InUse(_))));
    node.kill();

    let (rota, supervisor) = open(&state);
    // At once, before anything else could have run.
    let mut seats: Vec<_> =
        rota.seats()[&group(1)].iter().map(|seat| (seat.instance, Some(seat.address))).collect();
    seats.sort_unstable();
    let mut expected: Vec<_> = before.iter().map(|it| (it.id, it.address)).collect();
    expected.sort_unstable();
    assert_eq!(seats, expected);
    let now = supervisor.instances();
    for report in &before {
        let same = now.iter().find(|it| it.id == report.id).unwrap();
        assert_eq!((same.pid, same.state, same.restarts), (report.pid, InstanceState::Ready, 0));
    }
    // Their logs go on.
    let query = LogQuery { last: Some(0), follow: true, ..LogQuery::default() };
    let mut stream = supervisor.logs(query).await.unwrap();
    assert_eq!(stream.next().await.unwrap().text, "tick");

    // They belong to it in every way.
    let pid = before[0].pid.unwrap();
    supervisor.ensure(&group(1), COUNT, Arc::new(server(&folder.path().join("work"))));
    Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    eventually(|| {
        let mut again = supervisor.instances();
        again.retain(|it| it.id == before[0].id && it.state == InstanceState::Ready);
        again.iter().any(|it| it.restarts == 1).then_some(())
    })
    .await;
    let words = supervisor.health(&group(1).place)[0].last_words.clone().unwrap();
    assert!(words.starts_with("killed by SIGKILL after "), "{words}");
    supervisor.stop_all().await;
    assert!(before.iter().all(|it| !is_alive(&it.pid.unwrap().to_string())));
}

#[tokio::test]
async fn who_leaves_leaves_everything_running() {
    let bench = Bench::new();
    bench.ensure(1, &bench.server());
    let before = bench.until_ready(1).await.remove(0);
    bench.supervisor.leave();
    let (rota, supervisor) = open(&bench.state());
    assert_eq!(rota.seats()[&group(1)][0].address, before.address.unwrap());
    assert_eq!(supervisor.instances()[0].pid, before.pid);
    supervisor.stop_all().await;
}

#[tokio::test]
async fn one_that_ended_while_nobody_was_there_is_told_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("node");
    let (_, first) = open(&state);
    let script = "echo $$ > pid; echo last words; while [ ! -e go ]; do sleep 0.02; done; exit 7";
    let program = workload(folder.path(), &["sh", "-c", script]);
    first.ensure(&group(1), 1, Arc::new(program.clone()));
    let pid = written(&folder.path().join("pid")).await;
    first.leave();
    std::fs::write(folder.path().join("go"), "").unwrap();
    let ended = std::fs::read_dir(state.join("instances")).unwrap().flatten();
    let ended = ended.map(|it| it.path().join("ended.json")).find(|it| it.exists()).unwrap();
    eventually(|| std::fs::read_to_string(&ended).ok().filter(|it| it.contains("code"))).await;
    assert!(!is_alive(&pid));

    let (_, second) = open(&state);
    let health = second.health(&group(1).place).remove(0);
    let words = health.last_words.unwrap();
    assert!(
        words.starts_with("exited with 7 after ") && words.ends_with("\nlast words"),
        "{words}"
    );
    assert_eq!(second.instances(), []);
    std::fs::remove_file(folder.path().join("go")).unwrap();
    second.ensure(&group(1), 1, Arc::new(program));
    eventually(|| second.instances().first().and_then(|it| it.pid)).await;
    second.stop_all().await;
}

/// A keeper that was killed while no node was there has left its program's children.
#[tokio::test]
async fn what_nobody_keeps_is_ended_by_the_next_node() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("node");
    let (_, first) = open(&state);
    let script = "setsid sh -c 'echo $$ > child; exec sleep 1000' & sleep 1000";
    first.ensure(&group(1), 1, Arc::new(workload(folder.path(), &["sh", "-c", script])));
    let child = written(&folder.path().join("child")).await;
    first.leave();
    let identity = std::fs::read_dir(state.join("instances")).unwrap().flatten();
    let identity = identity.map(|it| it.path().join("keeper.json")).find(|it| it.exists()).unwrap();
    let identity = std::fs::read_to_string(identity).unwrap();
    let identity: serde_json::Value = serde_json::from_str(&identity).unwrap();
    Command::new("kill").args(["-9", &identity["pid"].to_string()]).status().unwrap();
    eventually(|| (!is_alive(&identity["pid"].to_string())).then_some(())).await;

    let (_, second) = open(&state);
    assert_eq!(second.instances(), []);
    eventually(|| (!is_alive(&child)).then_some(())).await;
    second.leave();
}

#[tokio::test]
async fn a_number_that_another_process_has_now_fools_nobody() {
    let bench = Bench::new();
    bench.ensure(1, &bench.sh("sleep 1000"));
    let id = bench.until_ready(1).await[0].id;
    bench.supervisor.leave();
    let folder = bench.state().join("instances").join(id.to_string());
    let file = folder.join("keeper.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let mut identity: serde_json::Value = serde_json::from_str(&text).unwrap();
    kill_all_in(&bench.state());
    eventually(|| (!is_alive(&identity["pid"].to_string())).then_some(())).await;

    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    identity["pid"] = stranger.id().into();
    std::fs::write(&file, identity.to_string()).unwrap();
    let (_, next) = open(&bench.state());
    assert_eq!(next.instances(), []);
    next.stop_all().await;
    assert!(is_alive(&stranger.id().to_string()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

fn try_open(folder: &Path) -> Result<Supervisor, OpenError> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Supervisor::open(folder, Arc::default(), clock, entropy, settings())
}

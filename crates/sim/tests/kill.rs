//! A real server on a real store is killed with `kill -9` again and again under load. Then every
//! acknowledged word is in the journal, the chain verifies, and every rollout has ended as it
//! would have without the kills.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use jiff::Timestamp;
use model::fact::What;
use model::id::{AnyId, CommandId, ReleaseId, RolloutId};
use model::intent::{Group, Share, Weight};
use model::journal::{Entry, Verifier};
use model::name::Place;
use model::rollout::Verdict;
use ports::clock::{Clock, SystemClock};
use ports::entropy::{Entropy, SystemEntropy};
use ports::fake::Seeded;
use ports::store::{Query, Store};
use sim::file_node::FileNode;
use sim::mortal::{Line, Order};
use sim::stores;
use store::postgres::local::{Cluster, Settings};
use tokio::runtime::Runtime;

const KILLS: usize = 200;

#[test]
fn sqlite_survives_two_hundred_kills() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("highroad.db").display());
    survive(&url, folder.path());
}

#[test]
fn postgres_survives_two_hundred_kills() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Settings { durable: true, ..Settings::default() }).unwrap();
    let url = runtime().block_on(cluster.database()).unwrap();
    survive(&url, folder.path());
}

#[test]
fn what_a_dead_server_leaves_another_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(Settings { durable: true, ..Settings::default() }).unwrap();
    let runtime = runtime();
    let url = runtime.block_on(cluster.database()).unwrap();
    let mut killer = Killer::new(&url, folder.path());
    let heir = Server::start("heir", &url, &killer.node_folder);
    for _ in 0..20 {
        killer.live_and_kill();
    }
    // Nobody starts the first server again, and nobody tells the heir anything.
    let unfinished: Vec<_> = killer.pending.values().map(|line| line.rollout).collect();
    killer
        .fates
        .retain(|rollout, fate| fate.verdict != Verdict::Aborted && !unfinished.contains(rollout));
    let reader = runtime.block_on(stores::open_to_read(&url)).unwrap();
    killer.wait_for_the_end(&runtime, &*reader);
    killer.compare(&runtime.block_on(facts(&*reader, None)));
    drop(heir);
}

fn survive(url: &str, folder: &Path) {
    let runtime = runtime();
    let mut killer = Killer::new(url, folder);
    for _ in 0..KILLS {
        killer.live_and_kill();
    }
    let (entries, head) = killer.finish(&runtime);

    let words: BTreeSet<_> = entries.iter().map(|entry| entry.record.cause.as_str()).collect();
    for command in &killer.acknowledged {
        assert!(words.contains(format!("command:{command}").as_str()), "{command} was lost");
    }
    let mut verifier = Verifier::default();
    let known = entries.clone();
    assert!(entries.into_iter().all(|entry| verifier.feed(entry)));
    assert_eq!(verifier.finish(head), Ok(head));
    killer.compare(&known);
    let (rollouts, acknowledged) = (killer.fates.len(), killer.acknowledged.len());
    println!("{KILLS} kills, {} of them in the middle of something", killer.kills_at_work);
    println!("{rollouts} rollouts, {acknowledged} words acknowledged, {} facts", known.len());
    assert!(killer.kills_at_work > KILLS / 2, "the server was killed while it had nothing to do");
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Gives a server work, and kills it.
struct Killer {
    url: String,
    node: FileNode,
    node_folder: String,
    luck: Seeded,
    /// Said, and not acknowledged yet.
    pending: BTreeMap<CommandId, Line>,
    acknowledged: Vec<CommandId>,
    fates: BTreeMap<RolloutId, Fate>,
    kills_at_work: usize,
}

struct Fate {
    place: Place,
    candidate: ReleaseId,
    stable: ReleaseId,
    verdict: Verdict,
}

impl Killer {
    fn new(url: &str, folder: &Path) -> Self {
        let node_folder = folder.join("node");
        Self {
            url: url.to_owned(),
            node: FileNode::new(&node_folder).unwrap(),
            node_folder: node_folder.display().to_string(),
            luck: Seeded::new(1),
            pending: BTreeMap::new(),
            acknowledged: Vec::new(),
            fates: BTreeMap::new(),
            kills_at_work: 0,
        }
    }

    fn live_and_kill(&mut self) {
        let mut server = Server::start("first", &self.url, &self.node_folder);
        for line in self.pending.values() {
            server.say(line);
        }
        for _ in 0..3 {
            self.say_new_rollout(&mut server);
        }
        // The first answer says that it is up; then it dies at any moment.
        if let Ok(answer) = server.answers.recv_timeout(Duration::from_secs(10)) {
            self.hear(&answer, Some(&mut server));
        }
        let end = SystemClock.now() + Duration::from_micros(self.luck.below(30_000));
        while let Ok(left) = Duration::try_from(end.duration_since(SystemClock.now())) {
            match server.answers.recv_timeout(left) {
                Ok(answer) => self.hear(&answer, Some(&mut server)),
                Err(_) => break,
            }
            // However fast the machine is: it always has something to do.
            if self.pending.is_empty() {
                self.say_new_rollout(&mut server);
            }
        }
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        while let Ok(answer) = server.answers.recv_timeout(Duration::from_secs(10)) {
            self.hear(&answer, None);
        }
        self.kills_at_work += usize::from(!self.pending.is_empty() || self.has_work());
    }

    /// Whether the node shows a rollout in the middle of its way.
    fn has_work(&self) -> bool {
        self.fates.values().rev().take(6).any(|fate| {
            let shares = self.node.shares(&fate.place).unwrap();
            shares.len() != 1
                || self.count(fate, fate.candidate) + self.count(fate, fate.stable) == 4
        })
    }

    fn count(&self, fate: &Fate, release: ReleaseId) -> u32 {
        self.node.count(&Group { place: fate.place.clone(), release }).unwrap()
    }

    fn say_new_rollout(&mut self, server: &mut Server) {
        let line = self.new_rollout();
        server.say(&line);
        self.pending.insert(line.command, line);
    }

    fn new_rollout(&mut self) -> Line {
        let entropy: &dyn Entropy = &SystemEntropy;
        let now = SystemClock.now();
        let number = self.fates.len();
        let place: Place = format!("shop-{number}/production").parse().unwrap();
        let (candidate, stable) =
            (entropy.id(ReleaseId::new, now), entropy.id(ReleaseId::new, now));
        let verdict = match number % 4 {
            0 | 1 => Verdict::Promoted,
            2 => Verdict::RolledBack,
            _ => Verdict::Aborted,
        };
        if verdict == Verdict::RolledBack {
            self.node.doom(candidate).unwrap();
        }
        let rollout = entropy.id(RolloutId::new, now);
        let is_slow = verdict == Verdict::Aborted;
        let order = Order::Start { place: place.clone(), candidate, stable, is_slow };
        self.fates.insert(rollout, Fate { place, candidate, stable, verdict });
        Line { command: entropy.id(CommandId::new, now), rollout, order }
    }

    fn hear(&mut self, answer: &str, server: Option<&mut Server>) {
        let mut words = answer.split(' ');
        let kind = words.next().unwrap_or_default();
        let Some(Ok(command)) = words.next().map(str::parse) else { return };
        match kind {
            "ack" => {}
            "later" => return,
            _ => panic!("{answer}"),
        }
        let Some(line) = self.pending.remove(&command) else { return };
        self.acknowledged.push(command);
        if let Line { rollout, order: Order::Start { is_slow: true, .. }, .. } = line {
            let entropy: &dyn Entropy = &SystemEntropy;
            let command = entropy.id(CommandId::new, SystemClock.now());
            let abort = Line { command, rollout, order: Order::Abort };
            if let Some(server) = server {
                server.say(&abort);
            }
            self.pending.insert(command, abort);
        }
    }

    /// Lets the last server live until everything has ended.
    fn finish(&mut self, runtime: &Runtime) -> (Vec<Entry>, model::journal::Head) {
        let mut server = Server::start("first", &self.url, &self.node_folder);
        for line in self.pending.values() {
            server.say(line);
        }
        while !self.pending.is_empty() {
            let answer = server.answers.recv_timeout(Duration::from_secs(30)).unwrap();
            self.hear(&answer, Some(&mut server));
        }
        let reader = runtime.block_on(stores::open_to_read(&self.url)).unwrap();
        self.wait_for_the_end(runtime, &*reader);
        drop(server.input.take());
        assert!(server.child.wait().unwrap().success());
        let head = runtime.block_on(reader.head()).unwrap();
        (runtime.block_on(facts(&*reader, None)), head)
    }

    /// Waits until every rollout with a known fate has ended.
    fn wait_for_the_end(&self, runtime: &Runtime, reader: &dyn Store) {
        let deadline = SystemClock.now() + Duration::from_mins(1);
        loop {
            let ended = runtime.block_on(facts(reader, Some("rollout.ended")));
            let ended: BTreeSet<_> =
                ended.iter().map(|entry| entry.record.subject.as_str()).collect();
            let left = self.fates.keys().filter(|id| !ended.contains(id.to_string().as_str()));
            let left: Vec<_> = left.collect();
            if left.is_empty() {
                return;
            }
            assert!(SystemClock.now() < deadline, "{left:?} have not ended");
            runtime
                .block_on(SystemClock.sleep_until(SystemClock.now() + Duration::from_millis(50)));
        }
    }

    fn compare(&self, entries: &[Entry]) {
        let facts: Vec<_> = entries.iter().map(|entry| entry.record.read().unwrap()).collect();
        for (rollout, fate) in &self.fates {
            let own = facts.iter().filter(|fact| fact.subject == AnyId::from(*rollout));
            let verdicts: Vec<_> = own
                .filter_map(|fact| match &fact.what {
                    What::RolloutEnded(ended) => Some(ended.verdict),
                    _ => None,
                })
                .collect();
            assert_eq!(verdicts, [fate.verdict], "{rollout}");
            let winner =
                if fate.verdict == Verdict::Promoted { fate.candidate } else { fate.stable };
            let all = Share { release: winner, weight: Weight::ALL };
            assert_eq!(self.node.shares(&fate.place).unwrap(), [all], "{rollout}");
            let expected = if fate.verdict == Verdict::Promoted { 2 } else { 0 };
            assert_eq!(self.count(fate, fate.candidate), expected, "{rollout}");
        }
        let parked = facts.iter().find(|fact| matches!(fact.what, What::ProcessParked(_)));
        assert!(parked.is_none(), "{parked:?}");
        assert!(facts.iter().all(|fact| fact.at > Timestamp::UNIX_EPOCH));
    }
}

async fn facts(store: &dyn Store, kind: Option<&str>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let after = entries.last().map(|entry| entry.seq);
        let query =
            Query { kind: kind.map(ToOwned::to_owned), after, limit: 1_000, ..Query::default() };
        let page = store.entries(query).await.unwrap();
        if page.is_empty() {
            return entries;
        }
        entries.extend(page);
    }
}

struct Server {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<String>,
}

impl Server {
    fn start(name: &str, url: &str, node: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sim"))
            .args(["live", name, url, node])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, answers) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            // A line that the kill has cut short acknowledges nothing.
            for line in out.lines().map_while(Result::ok).filter(|line| line.split(' ').count() > 1)
            {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Self { child, input, answers }
    }

    /// A server that was just killed hears nothing, and is told again in its next life.
    fn say(&mut self, line: &Line) {
        let text = serde_json::to_string(line).unwrap();
        if let Some(input) = &mut self.input {
            drop(writeln!(input, "{text}"));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that was killed or has ended by itself is no more.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! A program that saves and restores is killed with `kill -9` again and again. What it has
//! acknowledged is there and right, and nothing else is left of it.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ports::clock::{Clock, SystemClock};
use ports::depot::{CacheFilter, Depot};
use ports::fake::Seeded;

use super::given::{Files, Yard, files, noise};

const KILLS: u64 = 60;
/// Tells a child where to work, and from which number on.
const FOLDER: &str = "HIGHROAD_DEPOT_TEST_FOLDER";
const FROM: &str = "HIGHROAD_DEPOT_TEST_FROM";

/// What is saved under a number: something of its own, something that many share, and something
/// that is replaced all the time.
fn numbered(number: u64) -> Files {
    let mut all = files([
        ("own", noise(40_000, number)),
        ("shared", noise(300_000, number / 10)),
        ("text", format!("number {number}\n").repeat(500).into_bytes()),
    ]);
    for file in 0..20 {
        let content = noise(500, number * 100 + file);
        all.insert(format!("folder/{file}").into(), content);
    }
    all
}

#[tokio::test]
async fn the_child_that_is_killed() {
    let (Ok(folder), Ok(from)) = (env::var(FOLDER), env::var(FROM)) else { return };
    let yard = Yard::new(Path::new(&folder));
    println!("\nready");
    for number in from.parse::<u64>().unwrap().. {
        yard.prepare("work", &numbered(number));
        yard.save(&format!("key-{number}"), "work").await.unwrap();
        println!("cache {number}");
        yard.save("moving", "work").await.unwrap();
        yard.upload(&format!("artifact-{number}"), "work").await.unwrap();
        println!("artifact {number}");
        yard.restore("moving", "child").await.unwrap().unwrap();
        yard.depot.tend().await.unwrap();
    }
}

#[test]
fn killed_at_any_instant_it_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let luck = Seeded::new(7);
    let (mut caches, mut artifacts) = (Vec::new(), Vec::new());
    for life in 0..KILLS {
        let mut child = start(folder.path(), life * 1_000);
        let (said, listening) = listen(&mut child);
        // The first word says that it is up; then it dies at any moment.
        said.recv_timeout(Duration::from_mins(1)).expect("it comes up");
        let end = SystemClock.now() + Duration::from_micros(luck.below(60_000));
        runtime.block_on(SystemClock.sleep_until(end));
        child.kill().unwrap();
        child.wait().unwrap();
        listening.join().unwrap();
        for line in said.try_iter() {
            match line.split_once(' ') {
                Some(("cache", number)) => caches.push(number.parse::<u64>().unwrap()),
                Some(("artifact", number)) => artifacts.push(number.parse::<u64>().unwrap()),
                _ => panic!("it said `{line}`"),
            }
        }
        let yard = Yard::new(folder.path());
        runtime.block_on(check(&yard, &caches, &artifacts, life + 1 == KILLS));
    }
    assert!(caches.len() > 20, "{}", caches.len());
}

fn start(folder: &Path, from: u64) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", "depot::kills::the_child_that_is_killed", "--nocapture"]);
    child.env(FOLDER, folder).env(FROM, from.to_string());
    child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What a child says, from its first word on.
fn listen(child: &mut Child) -> (std::sync::mpsc::Receiver<String>, std::thread::JoinHandle<()>) {
    let (tell, said) = std::sync::mpsc::channel();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let listening = std::thread::spawn(move || {
        // What it was about to say may be cut off in the middle.
        let lines = lines.map_while(Result::ok).skip_while(|line| line != "ready");
        for line in lines {
            drop(tell.send(line));
        }
    });
    (said, listening)
}

async fn check(yard: &Yard, caches: &[u64], artifacts: &[u64], all: bool) {
    let newest = if all { usize::MAX } else { 2 };
    for number in caches.iter().rev().take(newest) {
        yard.clear("back");
        let hit = yard.restore(&format!("key-{number}"), "back").await.unwrap();
        assert!(hit.is_some_and(|hit| hit.exact), "{number} was acknowledged");
        assert_eq!(yard.files("back"), numbered(*number));
    }
    for number in artifacts.iter().rev().take(newest) {
        yard.clear("back");
        yard.download(&format!("artifact-{number}"), "back").await.unwrap();
        assert_eq!(yard.files("back"), numbered(*number));
    }
    // Whatever else is there is whole too.
    let caches = yard.depot.caches(CacheFilter { limit: 3, ..CacheFilter::default() }).await;
    for cache in caches.unwrap() {
        yard.clear("back");
        assert!(yard.restore(&cache.key, "back").await.unwrap().is_some(), "{cache:?}");
        assert_eq!(yard.files("back").len(), numbered(0).len());
    }
    // A stage that was left is swept by the next who restores there.
    if yard.restore("moving", "child").await.unwrap().is_some() {
        let names = std::fs::read_dir(yard.ground.join("child")).unwrap();
        assert_eq!(names.count(), 1);
    }
    yard.depot.tend().await.unwrap();
    let known = packs_in_index(yard);
    let there = yard.packs();
    assert_eq!(there.len(), known.len(), "{there:?} {known:?}");
}

fn packs_in_index(yard: &Yard) -> Vec<String> {
    let index = rusqlite::Connection::open(yard.home.join("index.db")).unwrap();
    let mut select = index.prepare("SELECT name FROM packs").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

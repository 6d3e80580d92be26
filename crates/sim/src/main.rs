//! The command behind `cargo sim`: replays seeds and tries many of them.

use std::process::ExitCode;
use std::time::Duration;

use ports::clock::{Clock, SystemClock};
use sim::file_node::FileNode;
use sim::random::Checked;
use sim::scenario::Scenario;
use sim::speed::{self, Speed};
use sim::{mortal, pipelines, random};

const HELP: &str = "\
cargo sim play FILE            live through a scenario, and tell it as a page
cargo sim seeds COUNT [FROM]   try so many seeds; names the first that fails
cargo sim points COUNT [FROM]  crash at every point of so many seeds' stories
cargo sim speed [CANARIES]     see how fast simulated time flies
cargo sim replay SEED          tell one seed's story, without and with faults
cargo sim pipelines …          the same with runs of workflows: seeds, points, replay
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match *words.as_slice() {
        ["play", file] => match play(file) {
            Ok(page) => {
                print!("{page}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{file}: {error}");
                ExitCode::FAILURE
            }
        },
        // What the kill test starts; its lines are in `mortal`.
        ["live", name, url, node] => match live(name, url, node) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        },
        ["pipelines", ref words @ ..] => tell_or_try(words, &PIPELINES),
        ["speed", ref canaries @ ..] => {
            let canaries = canaries.first().and_then(|text| text.parse().ok()).unwrap_or(200);
            let Speed { decisions_per_second, millis_per_canary } = speed::measure(canaries);
            println!("{decisions_per_second:.0} decisions a second");
            println!("{millis_per_canary:.2} ms for a three-day canary");
            ExitCode::SUCCESS
        }
        ref words => tell_or_try(words, &ROLLOUTS),
    }
}

/// What can be done with the stories of one kind.
struct Stories {
    check: fn(u64) -> Result<Checked, String>,
    check_every_crash_point: fn(u64) -> Result<u64, String>,
    replay: fn(u64) -> String,
    /// What stands before the command.
    word: &'static str,
}

const ROLLOUTS: Stories = Stories {
    check: random::check,
    check_every_crash_point: random::check_every_crash_point,
    replay: random::replay,
    word: "",
};

const PIPELINES: Stories = Stories {
    check: pipelines::check,
    check_every_crash_point: pipelines::check_every_crash_point,
    replay: pipelines::replay,
    word: "pipelines ",
};

fn tell_or_try(words: &[&str], stories: &Stories) -> ExitCode {
    let numbers: Option<Vec<u64>> = words.iter().skip(1).map(|word| word.parse().ok()).collect();
    let decisions = |seed| (stories.check)(seed).map(|checked| checked.decisions);
    match (words.first(), numbers.as_deref()) {
        (Some(&"replay"), Some([seed])) => {
            print!("{}", (stories.replay)(*seed));
            ExitCode::SUCCESS
        }
        (Some(&"seeds"), Some([count, from @ ..])) if from.len() < 2 => {
            try_seeds(from.first().copied(), *count, decisions, "decisions", stories.word)
        }
        (Some(&"points"), Some([count, from @ ..])) if from.len() < 2 => {
            let check = stories.check_every_crash_point;
            try_seeds(from.first().copied(), *count, check, "crashes", stories.word)
        }
        _ => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}

fn live(name: &str, url: &str, node: &str) -> Result<(), Box<dyn std::error::Error>> {
    mortal::live(name, url, FileNode::new(node)?)
}

fn play(file: &str) -> Result<String, Box<dyn std::error::Error>> {
    Ok(Scenario::read(&std::fs::read_to_string(file)?)?.play())
}

fn try_seeds(
    from: Option<u64>,
    count: u64,
    check: impl Fn(u64) -> Result<u64, String>,
    of: &str,
    word: &str,
) -> ExitCode {
    let from = from.unwrap_or(0);
    let began = SystemClock.now();
    let mut total = 0;
    for seed in from..from + count {
        match check(seed) {
            Ok(more) => total += more,
            Err(error) => {
                println!("seed {seed}: {error}\nreplay it with: cargo sim {word}replay {seed}");
                return ExitCode::FAILURE;
            }
        }
    }
    let took = Duration::try_from(SystemClock.now().duration_since(began)).unwrap_or_default();
    println!("{count} seeds held, {total} {of} in {:.1} s", took.as_secs_f64());
    ExitCode::SUCCESS
}

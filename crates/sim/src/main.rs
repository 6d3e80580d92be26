//! The command behind `cargo sim`: replays seeds and tries many of them.

use std::process::ExitCode;
use std::time::Duration;

use ports::clock::{Clock, SystemClock};
use sim::file_node::FileNode;
use sim::scenario::Scenario;
use sim::speed::{self, Speed};
use sim::{mortal, random};

const HELP: &str = "\
cargo sim play FILE            live through a scenario, and tell it as a page
cargo sim seeds COUNT [FROM]   try so many seeds; names the first that fails
cargo sim points COUNT [FROM]  crash at every point of so many seeds' stories
cargo sim speed [CANARIES]     see how fast simulated time flies
cargo sim replay SEED          tell one seed's story, without and with faults
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().ok();
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
        ["replay", seed] if number(seed).is_some() => {
            print!("{}", random::replay(number(seed).unwrap_or(0)));
            ExitCode::SUCCESS
        }
        ["seeds", count, ref from @ ..] if number(count).is_some() => {
            let from = from.first().and_then(|from| number(from)).unwrap_or(0);
            try_seeds(
                from,
                number(count).unwrap_or(0),
                |seed| random::check(seed).map(|checked| checked.decisions),
                "decisions",
            )
        }
        ["points", count, ref from @ ..] if number(count).is_some() => {
            let from = from.first().and_then(|from| number(from)).unwrap_or(0);
            try_seeds(from, number(count).unwrap_or(0), random::check_every_crash_point, "crashes")
        }
        ["speed", ref canaries @ ..] => {
            let canaries = canaries.first().and_then(|text| text.parse().ok()).unwrap_or(200);
            let Speed { decisions_per_second, millis_per_canary } = speed::measure(canaries);
            println!("{decisions_per_second:.0} decisions a second");
            println!("{millis_per_canary:.2} ms for a three-day canary");
            ExitCode::SUCCESS
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
    from: u64,
    count: u64,
    check: impl Fn(u64) -> Result<u64, String>,
    of: &str,
) -> ExitCode {
    let began = SystemClock.now();
    let mut total = 0;
    for seed in from..from + count {
        match check(seed) {
            Ok(more) => total += more,
            Err(error) => {
                println!("seed {seed}: {error}\nreplay it with: cargo sim replay {seed}");
                return ExitCode::FAILURE;
            }
        }
    }
    let took = Duration::try_from(SystemClock.now().duration_since(began)).unwrap_or_default();
    println!("{count} seeds held, {total} {of} in {:.1} s", took.as_secs_f64());
    ExitCode::SUCCESS
}

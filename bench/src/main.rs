//! Figures of the running system, each beside the limit that the machine itself sets. Nothing is
//! asserted here: machines differ, and the reader compares ratios of one run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ports::clock::{Clock, SystemClock};
use sim::speed::{self, Speed};

mod commits;
mod evidence;
mod journal;
mod pipelines;
mod queue;
mod startup;
mod upheaval;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match *words.as_slice() {
        ["backend"] => upheaval::backend(),
        ["journal-probe", database, subject] => journal::probe(Path::new(database), subject),
        [binary] => all(&PathBuf::from(binary)),
        [_, "commits"] => commits::measure(),
        [_, "evidence"] => {
            evidence::measure();
            Ok(())
        }
        [binary, "journal"] => journal::measure(Path::new(binary)),
        [_, "sim"] => {
            simulate();
            Ok(())
        }
        [binary, "pipelines"] => pipelines::measure(Path::new(binary)),
        [binary, "queue"] => queue::measure(Path::new(binary)),
        [binary, "startup"] => startup::measure(Path::new(binary)),
        [binary, "upheaval"] => upheaval::measure(Path::new(binary)),
        _ => {
            eprintln!(
                "usage: bench/run [commits|evidence|journal|pipelines|queue|sim|startup|upheaval]"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn all(binary: &Path) -> Done {
    startup::measure(binary)?;
    pipelines::measure(binary)?;
    queue::measure(binary)?;
    upheaval::measure(binary)?;
    simulate();
    evidence::measure();
    commits::measure()?;
    journal::measure(binary)
}

fn simulate() {
    println!("simulated time");
    // The first round warms the processor up.
    speed::measure(20);
    let Speed { decisions_per_second, millis_per_canary } = speed::measure(300);
    println!("  {decisions_per_second:>9.0} decisions a second (wanted: 100,000)");
    println!("  {millis_per_canary:>9.2} ms for a three-day canary (wanted: under 10)\n");
}

/// Seconds that something took.
fn seconds<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = SystemClock.now();
    let result = work();
    (result, SystemClock.now().duration_since(began).as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! Jobs that wait on a server for one runner: what the server adds to each.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::Timestamp;
use serde_json::Value;

use crate::Done;

const JOBS: usize = 1_000;
const SLOTS: usize = 8;

/// Ends with the measurement.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn measure(binary: &Path) -> Done {
    println!("queue ({JOBS} jobs of one step, one runner with {SLOTS} slots)");
    let binary = fs::canonicalize(binary)?;
    let folder = tempfile::tempdir()?;
    let at = folder.path();
    let highroad = |words: &str| {
        let mut command = Command::new(&binary);
        command.args(words.split(' ')).current_dir(at).stdin(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut server = highroad("server --data server --listen 127.0.0.1:0 --no-runner");
    let mut server = Running(server.stdout(Stdio::piped()).spawn()?);
    let mut ready = String::new();
    BufReader::new(server.0.stdout.take().ok_or("no output")?).read_line(&mut ready)?;
    let url = ready.trim().strip_prefix("ready ").ok_or("the server did not begin")?;
    for (name, purpose) in [("me", "operator"), ("runner", "runner")] {
        let made = highroad(&format!("token create {name} --for {purpose} --data server"));
        fs::write(at.join(format!("{name}.token")), { made }.output()?.stdout)?;
    }
    let words =
        format!("runner --url {url} --token-file runner.token --data runner --slots {SLOTS}");
    let _runner = Running(highroad(&words).spawn()?);

    let workflows = at.join(".github/workflows");
    fs::create_dir_all(&workflows)?;
    let job =
        |number| format!("  j{number}: {{runs-on: ubuntu-latest, steps: [{{run: \"true\"}}]}}\n");
    let jobs: String = (0..JOBS).map(job).collect();
    fs::write(workflows.join("queue.yml"), format!("on: push\njobs:\n{jobs}"))?;
    let git = Command::new("git").args(["init", "-q", "-b", "main"]).current_dir(at).status()?;
    assert!(git.success(), "git init");
    fs::write(at.join(".gitignore"), "*\n!.github\n")?;
    let words = format!("run --remote --url {url} --token-file me.token --data here --json");
    let ran = highroad(&words).output()?;
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stdout).into());
    }

    // The same without a server: what is over it is what the server adds.
    let alone = highroad(&format!("run --data alone --jobs {SLOTS} --json")).output()?;
    if !alone.status.success() {
        return Err(String::from_utf8_lossy(&alone.stdout).into());
    }
    let (with, without) = (spans(&at.join("server/jobs"))?, spans(&at.join("alone/jobs"))?);
    println!("  {:>8.3} s  the whole run, {:.3} without a server", whole(&with), whole(&without));
    let (with, without) = (gaps(&with), gaps(&without));
    println!("  between a job's end and the beginning of the next in its slot:");
    for (share, what, wanted) in [(50, "half of them", 15), (99, "99 of 100", 50)] {
        let at = |gaps: &[u32]| f64::from(gaps[gaps.len() * share / 100]) / 1e3;
        let (with, without) = (at(&with), at(&without));
        let added = with - without;
        println!(
            "  {with:>8.1} ms  {what}, {without:.1} without a server: {added:.1} added (wanted: under {wanted})"
        );
    }
    println!();
    Ok(())
}

/// When each job began and ended, by the runner's own clock.
fn spans(jobs: &Path) -> Result<Vec<(Timestamp, Timestamp)>, Box<dyn std::error::Error>> {
    let mut spans = Vec::new();
    for entry in fs::read_dir(jobs)? {
        let report = fs::read(entry?.path().join("report.json"))?;
        let report: Value = serde_json::from_slice(&report)?;
        let time = |key: &str| -> Result<Timestamp, Box<dyn std::error::Error>> {
            Ok(report[key].as_str().ok_or("a report without times")?.parse()?)
        };
        spans.push((time("started_at")?, time("ended_at")?));
    }
    spans.sort_unstable();
    Ok(spans)
}

/// Seconds from the first beginning to the last end.
fn whole(spans: &[(Timestamp, Timestamp)]) -> f64 {
    let first = spans.iter().map(|(began, _)| *began).min();
    let last = spans.iter().map(|(_, ended)| *ended).max();
    first.zip(last).map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64())
}

/// How long each slot was empty before its next job began, in microseconds, the shortest first.
fn gaps(spans: &[(Timestamp, Timestamp)]) -> Vec<u32> {
    let mut free: Vec<Timestamp> = Vec::new();
    let mut gaps = Vec::new();
    for (number, (began, ended)) in spans.iter().enumerate() {
        if number >= SLOTS {
            free.sort_unstable();
            // The slot that has been free for longest.
            let since = free.remove(0);
            let micros = began.as_microsecond() - since.as_microsecond();
            gaps.push(u32::try_from(micros.max(0)).unwrap_or(u32::MAX));
        }
        free.push(*ended);
    }
    gaps.sort_unstable();
    gaps
}

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
    let mut server = highroad("server --data server --listen 127.0.0.1:0");
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

    let spans = spans(&at.join("server/jobs"))?;
    let (first, _) = *spans.first().ok_or("no job was executed")?;
    let last = spans.iter().map(|(_, ended)| *ended).max().unwrap_or(first);
    println!("  {:>8.3} s  the whole run", last.duration_since(first).as_secs_f64());
    let mut gaps = gaps(&spans);
    gaps.sort_unstable();
    let milliseconds = |place: usize| f64::from(gaps[place]) / 1e3;
    println!("  between a job's end and the beginning of the next in its slot:");
    println!("  {:>8.1} ms  half of them (wanted: under 15)", milliseconds(gaps.len() / 2));
    println!("  {:>8.1} ms  99 of 100 (wanted: under 50)", milliseconds(gaps.len() * 99 / 100));
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

/// How long each slot was empty before its next job began, in microseconds.
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
    gaps
}

//! A worker process: what it is told, and what is heard of it.

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use model::id::JobId;
use model::pipeline::{Ending, JobReport, Order};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;

use super::{Settings, halted};
use crate::event::Event;

/// The first line that a worker reads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Errand {
    pub order: Order,
    pub briefing: serde_json::Value,
}

/// The line that ends a job before its time. So does the end of the worker's input: a worker does
/// not outlive its runner.
pub const CANCEL: &str = "cancel";

/// The longest line that is taken from a worker: a report with all its annotations.
const MAX_LINE: u64 = 64 << 20;

const REPORT: &str = "report.json";

#[derive(Debug)]
pub(super) struct WorkerProcess {
    child: Child,
    input: ChildStdin,
    events: BufReader<ChildStdout>,
}

impl WorkerProcess {
    /// Makes the job's folder and starts its worker.
    pub(super) async fn start(settings: &Settings, order: &Order) -> Result<Self, String> {
        let briefing = (settings.brief)(order)?;
        let folder = settings.folder.join(order.job.to_string());
        std::fs::create_dir_all(&settings.folder)
            .and_then(|()| std::fs::create_dir(&folder))
            .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        let (program, arguments) = &settings.worker;
        let child = Command::new(program)
            .args(arguments)
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Not the group that a terminal's Ctrl-C reaches: its runner tells it when to end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| format!("no worker can be started: {error}"))?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no worker can be started: it has no pipes".to_owned());
        };
        let errand = Errand { order: order.clone(), briefing };
        let mut line = serde_json::to_vec(&errand).map_err(|error| error.to_string())?;
        line.push(b'\n');
        // One that ends before it has read this is found to be lost below.
        let _ = input.write_all(&line).await;
        Ok(Self { child, input, events: BufReader::new(output) })
    }

    /// Passes its events on until it is over.
    pub(super) async fn attend(
        mut self,
        job: JobId,
        settings: &Settings,
        mut halt: watch::Receiver<bool>,
    ) -> Result<JobReport, Ending> {
        let mut report = None;
        let mut is_halted = false;
        let mut line = Vec::new();
        loop {
            let read = tokio::select! {
                read = read_line(&mut self.events, &mut line) => read,
                () = halted(&mut halt), if !is_halted => {
                    is_halted = true;
                    // One that has just ended needs no telling.
                    let _ = self.input.write_all(format!("{CANCEL}\n").as_bytes()).await;
                    continue;
                }
            };
            if !read.map_err(|error| Ending::Lost(format!("its worker went silent: {error}")))? {
                break;
            }
            let event: Event = serde_json::from_slice(&line)
                .map_err(|error| Ending::Lost(format!("its worker speaks nonsense: {error}")))?;
            line.clear();
            (settings.listener)(job, &event);
            if let Event::Ended(ended) = event {
                report = Some(ended);
            }
        }
        let status = self.child.wait().await;
        report.ok_or_else(|| Ending::Lost(died(status)))
    }
}

/// One line without its end; whether there was one. Dropped half-way, it goes on where it was.
async fn read_line(events: &mut BufReader<ChildStdout>, line: &mut Vec<u8>) -> io::Result<bool> {
    let room = MAX_LINE.saturating_sub(line.len() as u64);
    events.take(room).read_until(b'\n', line).await?;
    match line.last() {
        Some(b'\n') => Ok(true),
        None => Ok(false),
        Some(_) => Err(io::Error::other("a line without an end")),
    }
}

fn died(status: io::Result<ExitStatus>) -> String {
    match status {
        Err(error) => format!("its worker cannot be asked how it ended: {error}"),
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("its worker was ended by signal {signal}"),
            (_, Some(code)) => format!("its worker ended with code {code} and without a report"),
            _ => "its worker ended without a report".to_owned(),
        },
    }
}

/// Keeps a report: there whole or not at all.
pub(super) fn write_report(folder: &Path, report: &JobReport) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(report)?)?;
    file.persist(folder.join(REPORT)).map(drop).map_err(|error| error.error)
}

pub(super) fn read_report(folder: &Path) -> Option<JobReport> {
    serde_json::from_slice(&std::fs::read(folder.join(REPORT)).ok()?).ok()
}

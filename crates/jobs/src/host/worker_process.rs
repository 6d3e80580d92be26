//! A worker process: what it is told, and what is heard of it.

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use model::id::JobId;
use model::pipeline::{Ending, JobReport, Order};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::{Settings, Words};
use crate::event::Event;

/// The first line that a worker reads. Before it there is nothing that a worker knows of any job.
#[derive(Debug, Serialize, Deserialize)]
pub struct Errand {
    /// The job's own, which has been made.
    pub folder: PathBuf,
    pub order: Order,
    pub briefing: serde_json::Value,
}

/// The line that ends a job before its time. So does the end of the worker's input: a worker does
/// not outlive its runner.
pub const CANCEL: &str = "cancel";

/// The line that has a job go on that waits where a step has failed.
pub const GO_ON: &str = "go on";

/// The longest line that is taken from a worker: a report with all its annotations.
const MAX_LINE: u64 = 64 << 20;

const REPORT: &str = "report.json";

/// A worker that waits for its errand.
#[derive(Debug)]
pub(super) struct Spare {
    child: Child,
    input: ChildStdin,
    events: BufReader<ChildStdout>,
}

/// A worker that has its errand.
#[derive(Debug)]
pub(super) struct WorkerProcess(Spare);

impl Spare {
    pub(super) fn start(settings: &Settings) -> Result<Self, String> {
        let (program, arguments) = &settings.worker;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Not the group that a terminal's Ctrl-C reaches: its runner tells it when to end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = child.map_err(|error| format!("no worker can be started: {error}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no worker can be started: it has no pipes".to_owned());
        };
        Ok(Self { child, input, events: BufReader::new(output) })
    }

    /// Itself, unless somebody has ended it while it waited.
    fn if_alive(mut self) -> Option<Self> {
        matches!(self.child.try_wait(), Ok(None)).then_some(self)
    }
}

impl WorkerProcess {
    /// Makes the job's folder and gives its worker the errand.
    pub(super) async fn start(
        settings: &Settings,
        order: &Order,
        spare: Option<Spare>,
    ) -> Result<Self, String> {
        let briefing = (settings.brief)(order).await?;
        let folder = settings.folder.join(order.job.to_string());
        std::fs::create_dir_all(&settings.folder)
            .and_then(|()| std::fs::create_dir(&folder))
            .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        let mut worker = match spare.and_then(Spare::if_alive) {
            Some(spare) => spare,
            None => Spare::start(settings)?,
        };
        let errand = Errand { folder, order: order.clone(), briefing };
        let mut line = serde_json::to_vec(&errand).map_err(|error| error.to_string())?;
        line.push(b'\n');
        // One that ends before it has read this is found to be lost below.
        let _ = worker.input.write_all(&line).await;
        Ok(Self(worker))
    }

    /// Passes its events on until it is over.
    pub(super) async fn attend(
        self,
        job: JobId,
        settings: &Settings,
        mut words: Words,
    ) -> Result<JobReport, Ending> {
        let Self(Spare { mut child, mut input, mut events }) = self;
        let go_on = words.go_on.clone();
        let mut report = None;
        let mut is_halted = false;
        let mut line = Vec::new();
        loop {
            let read = tokio::select! {
                read = read_line(&mut events, &mut line) => read,
                () = words.halted(), if !is_halted => {
                    is_halted = true;
                    // One that has just ended needs no telling.
                    let _ = input.write_all(format!("{CANCEL}\n").as_bytes()).await;
                    continue;
                }
                () = go_on.notified() => {
                    let _ = input.write_all(format!("{GO_ON}\n").as_bytes()).await;
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
        let status = child.wait().await;
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
pub(crate) fn write_report(folder: &Path, report: &JobReport) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(report)?)?;
    file.persist(report_in(folder)).map(drop).map_err(|error| error.error)
}

pub(crate) fn read_report(folder: &Path) -> Option<JobReport> {
    serde_json::from_slice(&std::fs::read(report_in(folder)).ok()?).ok()
}

/// Where the report is in a job's folder.
pub(crate) fn report_in(folder: &Path) -> PathBuf {
    folder.join(REPORT)
}

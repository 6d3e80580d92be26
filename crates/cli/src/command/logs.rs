//! `highroad logs`: what the jobs of a run wrote, and what they write.

mod follow;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jobs::log::{Item, Line, LogError, LogReader, Search};
use model::id::{JobId, RunId};
use model::pipeline::{Conclusion, JobReport, Progress, Run};
use serde_json::{Value as Json, json};

use super::Example;
use crate::command_line::Global;
use crate::error::Error;
use crate::exit::Exit;
use crate::local::git::WorkingTree;
use crate::local::line;
use crate::local::live::Sight;
use crate::local::past::Past;
use crate::sign::Sign;
use crate::terminal::{Paint, Terminal};

/// Show or search what the jobs of a run wrote
///
/// Without a job, the jobs of this repository's last run on this machine, of all workflows that were
/// begun together; with one, its log, step by step. A search goes through all the jobs of the run,
/// or through the one that is named.
///
/// With --follow, what is written is shown as it comes, until the job is over: that of the job that
/// is named, or of all jobs of the run that is under way.
#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    /// The job, as the run shows it: 'test (20)'; or a run
    #[arg(value_name = "JOB|RUN")]
    job: Option<String>,

    /// Another run than the last one
    #[arg(long, value_name = "RUN")]
    run: Option<RunId>,

    /// Only the lines with this text
    #[arg(short = 's', long, value_name = "TEXT")]
    search: Option<String>,

    /// Let the search take upper and lower case as the same
    #[arg(short, long, requires = "search")]
    ignore_case: bool,

    /// Only the last lines of each step
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<u64>,

    /// Show what is written while it is written
    #[arg(short, long, conflicts_with = "search")]
    follow: bool,

    /// With the time of each line
    #[arg(short, long)]
    times: bool,

    /// The repository
    #[arg(short = 'C', long = "directory", value_name = "DIR", default_value = ".")]
    #[arg(hide_default_value = true, value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad logs", does: "the jobs of the last run" },
    Example { line: "highroad logs 'test (20)' -n 50", does: "the end of each step of one job" },
    Example { line: "highroad logs -f test", does: "what a job writes, as it comes" },
    Example { line: "highroad logs --search 'connection refused' -i", does: "in all jobs" },
];

impl Logs {
    pub(super) fn run(mut self, global: &Global, terminal: &mut Terminal) -> Result<Exit, Error> {
        if let (None, Some(run)) = (self.run, self.job.as_ref().and_then(|it| it.parse().ok())) {
            (self.run, self.job) = (Some(run), None);
        }
        let data = global.data()?;
        let tree = WorkingTree::around(&self.directory)?;
        let past = Past::of(&data, &tree.root);
        if self.follow
            && let Some(sight) = self.under_way(&past)?
        {
            return follow::follow(&self, sight, &data.join("jobs"), terminal);
        }
        let runs = match self.run {
            Some(run) => vec![past.run(run)?],
            None => past.last_together()?,
        };
        if runs.is_empty() {
            return Err(nothing_yet());
        }
        let jobs = Jobs::of(&runs, &data.join("jobs"));
        match (&self.search, &self.job) {
            (Some(text), job) => self.find(text, &jobs.named(job.as_deref())?, terminal),
            (None, Some(job)) => self.show(&jobs.named(Some(job))?, terminal),
            (None, None) => jobs.list(terminal),
        }
    }

    /// The run to be followed; `None` if what is asked for is over already.
    fn under_way(&self, past: &Past) -> Result<Option<Sight>, Error> {
        let mut all = Sight::all(past.folder()).into_iter();
        let found = all.find(|it| self.run.is_none_or(|run| run == it.run));
        if found.is_none() && self.run.is_none() && self.job.is_none() {
            return Err(Error::new(Exit::NotFound, "no run is under way in this repository")
                .hint("'highroad logs' shows the last one"));
        }
        Ok(found)
    }

    fn find(&self, text: &str, jobs: &[Job], terminal: &mut Terminal) -> Result<Exit, Error> {
        let search = Search { text: text.to_owned(), ignore_case: self.ignore_case, step: None };
        let mut found = false;
        for job in jobs {
            let mut reader = job.reader()?;
            let mut outcome = Ok(());
            let searched = reader.search(&search, &mut |line| {
                found = true;
                outcome = self.print(job, &line, terminal);
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            searched.map_err(|error| unreadable(&job.folder, &error))?;
            outcome?;
        }
        Ok(if found { Exit::Success } else { Exit::Findings })
    }

    fn show(&self, jobs: &[Job], terminal: &mut Terminal) -> Result<Exit, Error> {
        for job in jobs {
            let mut reader = job.reader()?;
            for step in reader.steps() {
                if !terminal.json() {
                    let heading = terminal.paint().heading(&job.step_name(step.step));
                    terminal.print(&format!("{heading}\n"))?;
                }
                let mut outcome = Ok(());
                let mut visit = |item: Item<'_>| {
                    outcome = match item {
                        Item::Line(line) => self.print(job, &line, terminal),
                        Item::Gap(gap) => terminal
                            .print(&format!("({} lines were not kept: {})\n", gap.lines, gap.why)),
                    };
                    if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                };
                let read = match self.lines {
                    Some(lines) => reader.tail(step.step, lines, &mut visit),
                    None => reader.read(step.step, 0..u64::MAX, &mut visit),
                };
                read.map_err(|error| unreadable(&job.folder, &error))?;
                outcome?;
            }
        }
        Ok(Exit::Success)
    }

    fn print(&self, job: &Job, line: &Line<'_>, terminal: &mut Terminal) -> Result<(), Error> {
        if terminal.json() {
            return terminal.print_json(&machine(&job.name, line));
        }
        let text = String::from_utf8_lossy(line.text);
        let paint = terminal.paint();
        let Some(shown) = line::shown(&text, paint) else { return Ok(()) };
        let mut before = String::new();
        if self.search.is_some() {
            let place = format!("{}: {}:{}  ", job.name, job.step_name(line.step), line.number + 1);
            before.push_str(&paint.faint(&place));
        }
        before.push_str(&self.time(line, paint));
        terminal.print(&format!("{before}{shown}\n"))
    }

    /// What stands before a line, if times are wished for.
    fn time(&self, line: &Line<'_>, paint: Paint) -> String {
        if !self.times {
            return String::new();
        }
        paint.faint(&format!("{:.3}  ", line.at))
    }
}

fn machine(job: &str, line: &Line<'_>) -> Json {
    json!({
        "job": job,
        "step": line.step,
        "line": line.number + 1,
        "at": line.at,
        "text": String::from_utf8_lossy(line.text),
    })
}

/// The jobs of runs that were executed.
struct Jobs(Vec<Job>);

struct Job {
    /// The file that it is in.
    workflow: String,
    name: String,
    conclusion: Conclusion,
    folder: PathBuf,
    report: Option<JobReport>,
}

impl Jobs {
    fn of(runs: &[Run], folder: &Path) -> Self {
        let executed = runs.iter().flat_map(|run| {
            let executed = run.jobs.iter().filter_map(|job| match &job.progress {
                Progress::Over(result) => Some((job.name.clone(), result.conclusion, result.job?)),
                _ => None,
            });
            let workflow = &run.sheet.path;
            executed.map(move |(name, conclusion, id)| (workflow.clone(), name, conclusion, id))
        });
        let job = |(workflow, name, conclusion, id): (_, String, Conclusion, JobId)| {
            let folder = folder.join(id.to_string());
            let report = std::fs::read(folder.join("report.json")).ok();
            let report = report.and_then(|text| serde_json::from_slice(&text).ok());
            Job { workflow, name, conclusion, folder, report }
        };
        Self(executed.map(job).collect())
    }

    fn named(self, name: Option<&str>) -> Result<Vec<Job>, Error> {
        let Some(name) = name else { return Ok(self.0) };
        let names: Vec<_> = self.0.iter().map(|job| format!("'{}'", job.name)).collect();
        let jobs: Vec<_> = self.0.into_iter().filter(|job| job.name == name).collect();
        if jobs.is_empty() {
            let error = Error::new(Exit::NotFound, format!("the run executed no job '{name}'"));
            return Err(error.hint(format!("it executed {}", names.join(", "))));
        }
        Ok(jobs)
    }

    fn list(&self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let paint = terminal.paint();
        let width = self.0.iter().map(|job| job.name.chars().count()).max().unwrap_or_default();
        let is_of_several = self.0.windows(2).any(|two| two[0].workflow != two[1].workflow);
        let mut above = None;
        for job in &self.0 {
            if terminal.json() {
                let Job { workflow, name, conclusion, report, .. } = job;
                terminal.print_json(&json!({
                    "workflow": workflow, "job": name, "conclusion": conclusion, "report": report,
                }))?;
                continue;
            }
            if is_of_several && above.replace(&job.workflow) != Some(&job.workflow) {
                terminal.print(&format!("{}\n", paint.heading(&job.workflow)))?;
            }
            let sign = match job.conclusion {
                Conclusion::Success => Sign::Well,
                Conclusion::Failure => Sign::Stopped,
                Conclusion::Cancelled => Sign::Waiting,
                Conclusion::Skipped => Sign::Unknown,
            };
            let steps = job.report.iter().flat_map(|report| &report.steps).count();
            let pad = " ".repeat(width.saturating_sub(job.name.chars().count()));
            let steps = paint.faint(&format!("{steps} steps, {}", job.conclusion));
            let sign = paint.sign(sign, sign.shape());
            terminal.print(&format!("{sign} {}{pad}  {steps}\n", job.name))?;
        }
        Ok(Exit::Success)
    }
}

impl Job {
    fn reader(&self) -> Result<LogReader, Error> {
        LogReader::open(&self.folder.join("log")).map_err(|error| unreadable(&self.folder, &error))
    }

    fn step_name(&self, step: u32) -> String {
        let steps = self.report.as_ref().map(|report| report.steps.as_slice()).unwrap_or_default();
        let known = steps.get(step as usize).map(|step| step.name.clone());
        known.unwrap_or_else(|| format!("step {}", step + 1))
    }
}

fn unreadable(folder: &Path, error: &LogError) -> Error {
    Error::new(Exit::Io, format!("cannot read the log in {}", folder.display()))
        .caused_by(error.to_string())
}

fn nothing_yet() -> Error {
    Error::new(Exit::NotFound, "nothing was run in this repository yet")
        .hint("run it once: highroad run")
}

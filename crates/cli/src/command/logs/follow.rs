//! Showing what jobs write while they write it.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jobs::log::{Item, LOOK_EVERY, LogReader};
use model::id::JobId;
use ports::clock::Clock as _;

use super::{Logs, machine, unreadable};
use crate::error::Error;
use crate::exit::Exit;
use crate::local::line;
use crate::local::live::{Begun, Sight};
use crate::terminal::Terminal;
use crate::wire;

/// Until the job that is asked for is over, or else the run, or the person has seen enough.
pub(super) fn follow(
    asked: &Logs,
    sight: Sight,
    folder: &Path,
    terminal: &mut Terminal,
) -> Result<Exit, Error> {
    let mut following = Following { asked, sight, folder, jobs: Vec::new(), above: None };
    wire::block_on(async {
        let mut signals = wire::Signals::new()?;
        let clock = wire::clock();
        loop {
            let is_over = following.advance(terminal)?;
            terminal.flush()?;
            if is_over || terminal.reader_has_left() {
                break;
            }
            tokio::select! {
                () = clock.sleep_until(clock.now() + LOOK_EVERY) => {}
                () = signals.interrupted() => return Ok(Exit::Interrupted),
            }
        }
        following.conclude()
    })
}

struct Following<'a> {
    asked: &'a Logs,
    sight: Sight,
    /// Where jobs have their folders.
    folder: &'a Path,
    jobs: Vec<Job>,
    /// Whose lines stand above, by job and step.
    above: Option<(JobId, u32)>,
}

struct Job {
    id: JobId,
    name: String,
    folder: PathBuf,
    /// The names of steps that have begun.
    steps: HashMap<u32, String>,
    /// Nothing was written yet as long as there is none.
    reader: Option<LogReader>,
    /// How many lines of each step were shown.
    shown: HashMap<u32, u64>,
    is_over: bool,
}

impl Following<'_> {
    /// Shows what is new; tells whether nothing more will come.
    fn advance(&mut self, terminal: &mut Terminal) -> Result<bool, Error> {
        // Asked before it is read, so that what was written last is not missed.
        let goes_on = self.sight.goes_on();
        for begun in self.sight.news() {
            self.take(begun);
        }
        let mut jobs = std::mem::take(&mut self.jobs);
        for job in jobs.iter_mut().filter(|job| !job.is_over) {
            self.advance_job(job, terminal)?;
        }
        self.jobs = jobs;
        let is_seen = self.asked.job.is_some() && self.jobs.iter().any(|job| job.is_over);
        Ok(is_seen || !goes_on)
    }

    fn take(&mut self, begun: Begun) {
        let Begun { job, step, name } = begun;
        if let Some(step) = step {
            if let Some(job) = self.jobs.iter_mut().find(|known| known.id == job) {
                job.steps.insert(step, name);
            }
        } else if self.asked.job.as_ref().is_none_or(|asked| *asked == name) {
            self.jobs.push(Job {
                id: job,
                name,
                folder: self.folder.join(job.to_string()),
                steps: HashMap::new(),
                reader: None,
                shown: HashMap::new(),
                is_over: false,
            });
        }
    }

    fn advance_job(&mut self, job: &mut Job, terminal: &mut Terminal) -> Result<(), Error> {
        // The report comes last. A log whose writer was killed has no end of its own.
        let is_reported = job.folder.join("report.json").exists();
        if job.reader.is_none() {
            job.reader = LogReader::open(&job.folder.join("log")).ok();
        }
        if let Some(mut reader) = job.reader.take() {
            let read = self.show(job, &mut reader, terminal);
            job.is_over = reader.is_finished();
            job.reader = Some(reader);
            read?;
        }
        job.is_over |= is_reported;
        Ok(())
    }

    fn show(
        &mut self,
        job: &mut Job,
        reader: &mut LogReader,
        terminal: &mut Terminal,
    ) -> Result<(), Error> {
        reader.refresh().map_err(|error| unreadable(&job.folder, &error))?;
        for step in reader.steps() {
            let first = match (job.shown.get(&step.step), self.asked.lines) {
                (Some(shown), _) => *shown,
                (None, Some(last)) => step.lines.saturating_sub(last),
                (None, None) => 0,
            };
            if step.lines <= first {
                continue;
            }
            job.shown.insert(step.step, step.lines);
            self.head(job, step.step, terminal)?;
            let mut outcome = Ok(());
            let read = reader.read(step.step, first..step.lines, &mut |item| {
                outcome = self.print(job, &item, terminal);
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            read.map_err(|error| unreadable(&job.folder, &error))?;
            outcome?;
        }
        Ok(())
    }

    /// Says whose lines come, where it is another's than above.
    fn head(&mut self, job: &Job, step: u32, terminal: &mut Terminal) -> Result<(), Error> {
        let whose = (job.id, step);
        if terminal.json() || self.above.replace(whose) == Some(whose) {
            return Ok(());
        }
        let name = job.steps.get(&step).cloned().unwrap_or_else(|| format!("step {}", step + 1));
        let name = match self.asked.job {
            Some(_) => name,
            None => format!("{}: {name}", job.name),
        };
        let heading = terminal.paint().heading(&name);
        terminal.print(&format!("{heading}\n"))
    }

    fn print(&self, job: &Job, item: &Item<'_>, terminal: &mut Terminal) -> Result<(), Error> {
        match item {
            Item::Line(line) if terminal.json() => terminal.print_json(&machine(&job.name, line)),
            Item::Line(line) => {
                let paint = terminal.paint();
                let text = String::from_utf8_lossy(line.text);
                let Some(shown) = line::shown(&text, paint) else { return Ok(()) };
                terminal.print(&format!("{}{shown}\n", self.asked.time(line, paint)))
            }
            Item::Gap(_) if terminal.json() => Ok(()),
            Item::Gap(gap) => {
                terminal.print(&format!("({} lines were not kept: {})\n", gap.lines, gap.why))
            }
        }
    }

    fn conclude(&self) -> Result<Exit, Error> {
        if let (Some(name), true) = (&self.asked.job, self.jobs.is_empty()) {
            let what = format!("the run has ended, and executed no job '{name}'");
            return Err(Error::new(Exit::NotFound, what)
                .hint("'highroad logs' lists the jobs that it executed"));
        }
        Ok(Exit::Success)
    }
}

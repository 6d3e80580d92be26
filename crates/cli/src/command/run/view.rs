//! What a person sees of runs: one line for each job that is over, the last lines of the step that
//! failed, and below, as long as it lasts, what is under way.

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::Timestamp;
use jobs::event::Event;
use model::fact::{RunEnded, RunHeld, RunJobEnded, RunJobOrdered, RunQueued, RunStarted, What};
use model::id::{AnyId, JobId};
use model::pipeline::Conclusion;
use unicode_width::UnicodeWidthStr as _;

use super::tail::Tail;
use super::witness::Told;
use crate::error::Error;
use crate::local::line;
use crate::local::past::Past;
use crate::sign::Sign;
use crate::terminal::Terminal;

/// Names are padded up to here, so that times stand below each other.
const WIDEST_NAME: usize = 40;
/// The last lines of a failed step that are shown.
const TAIL: u64 = 60;

pub(super) struct View<'a> {
    pub(super) terminal: &'a mut Terminal,
    past: &'a mut Past,
    /// Where jobs have their folders.
    folder: PathBuf,
    /// Of the column of names.
    width: usize,
    runs: HashMap<AnyId, Run>,
    jobs: Vec<Job>,
    frame: usize,
    is_live: bool,
}

struct Run {
    workflow: String,
    name: String,
    began_at: Timestamp,
    over: usize,
    failed: usize,
}

/// A job that is under way.
struct Job {
    run: AnyId,
    id: JobId,
    name: String,
    began_at: Option<Timestamp>,
    step: Option<String>,
    /// The first step that failed, by its number.
    failed: Option<u32>,
    /// Its last lines were shown already.
    is_shown: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(
        terminal: &'a mut Terminal,
        past: &'a mut Past,
        folder: PathBuf,
        longest_name: usize,
    ) -> Self {
        let is_live = terminal.can_show_passing();
        let width = longest_name.min(WIDEST_NAME);
        let (runs, jobs) = (HashMap::new(), Vec::new());
        Self { terminal, past, folder, width, runs, jobs, frame: 0, is_live }
    }

    /// A fact of a run.
    pub(super) fn told(&mut self, told: Told, now: Timestamp) -> Result<(), Error> {
        let run = told.subject;
        match told.what {
            What::RunStarted(RunStarted { workflow, name, .. }) => {
                let new = Run { workflow, name, began_at: now, over: 0, failed: 0 };
                self.runs.insert(run, new);
                Ok(())
            }
            What::RunJobOrdered(RunJobOrdered { job, name, .. }) => {
                self.jobs.push(Job {
                    run,
                    id: job,
                    name,
                    began_at: None,
                    step: None,
                    failed: None,
                    is_shown: false,
                });
                self.refresh(now)
            }
            What::RunJobEnded(ended) => self.job_ended(run, &ended, now),
            What::RunHeld(RunHeld { name, environment, .. }) => {
                let words = format!("waits for consent to enter {environment}");
                self.line(Sign::Waiting, &name, None, &words)?;
                let how = format!("somebody else says: highroad approve {run} {environment}");
                self.terminal.print(&format!("  {}\n", self.terminal.paint().faint(&how)))
            }
            What::RunQueued(RunQueued { name, group, behind }) => {
                let of_run = self.runs.get(&run).map(|run| run.name.clone());
                let name = name.or(of_run).unwrap_or_default();
                let words =
                    format!("waits for its turn in the group {group}, which {behind} is in");
                self.line(Sign::Waiting, &name, None, &words)
            }
            What::RunEnded(RunEnded { conclusion, .. }) => self.run_ended(run, conclusion, now),
            _ => Ok(()),
        }
    }

    /// What a job says while it is under way.
    pub(super) fn heard(&mut self, job: JobId, event: Event, now: Timestamp) -> Result<(), Error> {
        let Some(known) = self.jobs.iter_mut().find(|known| known.id == job) else {
            return Ok(());
        };
        match event {
            Event::Began { .. } => known.began_at = Some(now),
            Event::StepBegan { name, .. } => known.step = Some(name),
            Event::StepEnded { step, report, .. } => {
                known.step = None;
                if report.conclusion == Conclusion::Failure {
                    known.failed.get_or_insert(step);
                }
            }
            Event::Annotated { .. }
            | Event::Summary { .. }
            | Event::Stuck { .. }
            | Event::Ended(_) => return Ok(()),
        }
        self.refresh(now)
    }

    /// Draws anew what is under way.
    pub(super) fn refresh(&mut self, now: Timestamp) -> Result<(), Error> {
        if !self.is_live {
            return Ok(());
        }
        self.frame += 1;
        let rows = self.terminal.rows().unwrap_or(24).saturating_sub(2).max(1);
        let (under_way, queued): (Vec<_>, Vec<_>) =
            self.jobs.iter().partition(|job| job.began_at.is_some());
        let mut lines: Vec<_> =
            under_way.iter().take(rows).map(|job| self.under_way(job, now)).collect();
        let unseen = under_way.len().saturating_sub(rows) + queued.len();
        if unseen > 0 {
            lines.push(self.terminal.paint().faint(&format!("  and {unseen} more that wait")));
        }
        self.terminal.show_passing(&lines)
    }

    fn under_way(&self, job: &Job, now: Timestamp) -> String {
        const FRAMES: [&str; 4] = ["❯  ", "❯❯ ", "❯❯❯", " ❯❯"];
        let paint = self.terminal.paint();
        let shape = FRAMES[(self.frame / 2) % FRAMES.len()];
        let since = job.began_at.unwrap_or(now);
        let usual = self.runs.get(&job.run);
        let usual = usual.and_then(|run| self.past.milliseconds(&run.workflow, &job.name));
        let usual = usual.map(|usual| format!(" of {}", duration(usual))).unwrap_or_default();
        let time = format!("{}{usual}", duration(milliseconds(since, now)));
        let step = job.step.as_deref().unwrap_or("");
        let columns = self.terminal.columns().unwrap_or(80);
        let name = cut(&job.name, self.width);
        let before = 2 + shape.width() + self.width + time.width() + 4;
        let step = cut(step, columns.saturating_sub(before + 1));
        let pad = " ".repeat(self.width.saturating_sub(name.width()));
        let shape = paint.sign(Sign::Moving, shape);
        format!("{shape} {name}{pad}  {}  {time}", paint.faint(&step))
    }

    fn job_ended(&mut self, run: AnyId, ended: &RunJobEnded, now: Timestamp) -> Result<(), Error> {
        let place = self.jobs.iter().position(|job| Some(job.id) == ended.job);
        let job = place.map(|place| self.jobs.remove(place));
        let took = job.as_ref().and_then(|job| job.began_at).map(|at| milliseconds(at, now));
        let failed = ended.conclusion == Conclusion::Failure;
        let mut workflow = String::new();
        if let Some(run) = self.runs.get_mut(&run) {
            run.over += usize::from(!ended.again);
            run.failed += usize::from(failed && !ended.again);
            workflow.clone_from(&run.workflow);
        }
        let mut words = ended.why.clone().unwrap_or_default();
        if ended.again {
            words.push_str("; it is begun again");
        }
        if let (Some(took), Conclusion::Success) = (took, ended.conclusion) {
            if let Some(usual) = self.past.milliseconds(&workflow, &ended.name) {
                words = format!("last time {}", duration(usual));
            }
            self.past.note_duration(&workflow, &ended.name, took);
        }
        let sign = match ended.conclusion {
            Conclusion::Success => Sign::Well,
            Conclusion::Failure => Sign::Stopped,
            Conclusion::Cancelled => Sign::Waiting,
            Conclusion::Skipped => Sign::Unknown,
        };
        if words.is_empty() && !matches!(ended.conclusion, Conclusion::Success) {
            ended.conclusion.word().clone_into(&mut words);
        }
        self.line(sign, &ended.name, took, &words)?;
        let unseen = job.filter(|job| failed && !job.is_shown);
        if let Some(Job { id, failed: Some(step), .. }) = unseen {
            self.failing_step(id, step)?;
        }
        self.refresh(now)
    }

    /// A job waits where its step has failed. What passes is taken away, so that a shell has the
    /// terminal to itself.
    pub(super) fn stuck(&mut self, job: JobId, step: u32) -> Result<(), Error> {
        let Some(known) = self.jobs.iter_mut().find(|known| known.id == job) else {
            return Ok(());
        };
        known.is_shown = true;
        let name = known.name.clone();
        let at = known.step.clone().unwrap_or_default();
        self.line(Sign::Stopped, &name, None, &format!("has failed at: {at}"))?;
        self.failing_step(job, step)?;
        self.terminal.flush()
    }

    /// The last lines of the step that failed, in full.
    fn failing_step(&mut self, job: JobId, step: u32) -> Result<(), Error> {
        let tail = Tail::of(&self.folder.join(job.to_string()), step, TAIL)?;
        let paint = self.terminal.paint();
        let mut lines = Vec::new();
        if tail.left_out > 0 {
            let words = format!("{} lines before", tail.left_out);
            lines.push(format!("  {}\n", paint.faint(&words)));
        }
        let shown = tail.lines.iter().filter_map(|line| line::shown(line, paint));
        lines.extend(shown.map(|line| format!("  {} {line}\n", paint.faint("│"))));
        self.terminal.print(&lines.concat())
    }

    fn run_ended(
        &mut self,
        run: AnyId,
        conclusion: Conclusion,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(run) = self.runs.get(&run) else { return Ok(()) };
        let paint = self.terminal.paint();
        let took = duration(milliseconds(run.began_at, now));
        let jobs = if run.over == 1 { "1 job".to_owned() } else { format!("{} jobs", run.over) };
        let words = match conclusion {
            Conclusion::Success => format!("{} succeeded: {jobs} in {took}", run.name),
            Conclusion::Failure => {
                format!("{} failed: {} of {jobs}, in {took}", run.name, run.failed)
            }
            Conclusion::Cancelled => format!("{} was cancelled after {took}", run.name),
            Conclusion::Skipped => format!("{} had nothing to do", run.name),
        };
        let words = match conclusion {
            Conclusion::Success => paint.accent(&words),
            Conclusion::Failure => paint.error(&words),
            Conclusion::Cancelled | Conclusion::Skipped => paint.caution(&words),
        };
        self.terminal.print(&format!("{words}\n"))
    }

    fn line(
        &mut self,
        sign: Sign,
        name: &str,
        took: Option<u64>,
        words: &str,
    ) -> Result<(), Error> {
        let paint = self.terminal.paint();
        let pad = " ".repeat(self.width.saturating_sub(name.width()));
        let took = took.map(duration).unwrap_or_default();
        let words = if sign == Sign::Stopped { words.to_owned() } else { paint.faint(words) };
        let line = format!("{} {name}{pad}  {took:>7}  {words}", paint.sign(sign, sign.shape()));
        self.terminal.print(&format!("{}\n", line.trim_end()))?;
        self.terminal.flush()
    }
}

fn milliseconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default()
}

/// `449 ms`, `12.3 s`, `2 min 5 s`, `1 h 2 min`.
fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    match seconds {
        0 => format!("{milliseconds} ms"),
        1..60 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if kept.width() >= width {
            kept.pop();
            kept.push('…');
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(449), "449 ms");
        assert_eq!(duration(12_345), "12.3 s");
        assert_eq!(duration(125_000), "2 min 5 s");
        assert_eq!(duration(3_725_000), "1 h 2 min");
    }

    #[test]
    fn what_is_too_wide_is_cut() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
    }
}

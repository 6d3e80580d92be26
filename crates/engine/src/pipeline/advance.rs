//! What can go on, goes on; what is made of other jobs is over when they are.

use model::pipeline::{Calling, Conclusion, Job, JobSheet, Progress, Sheet, Stage};

use super::Turn;
use super::finish::fold;
use super::limits::one_line;
use super::place::Map;

impl Turn {
    /// Takes everything that is due as far as it can go. Jobs that end or begin on the way make
    /// others due.
    pub(super) fn advance(&mut self) {
        while let Some(index) = self.due.pop_first() {
            self.consider(index);
        }
    }

    fn consider(&mut self, index: usize) {
        let job = &self.next.jobs[index];
        match &job.progress {
            Progress::Waiting if job.cell.is_some() => self.begin_cell(index),
            Progress::Waiting => self.enter(index),
            Progress::Queued { .. } if self.has_its_turn(index) => self.begin(index),
            Progress::Held(gate) if gate.missing() == 0 => self.order(index, 1),
            Progress::Spread(spread) => {
                let spread = *spread;
                self.gather_cells(index, spread);
            }
            Progress::Calling(_) => self.gather_called(index),
            Progress::Queued { .. }
            | Progress::Held(_)
            | Progress::Ordered { .. }
            | Progress::Over(_) => {}
        }
    }

    /// Once all that it needs is over: is it to run at all, and as how many?
    fn enter(&mut self, index: usize) {
        let sheet = self.next.sheet.clone();
        let map = Map::of(&sheet, &self.next);
        let job = map.sheet_of(index);
        let is_over = |job: usize| matches!(self.next.jobs[job].progress, Progress::Over(_));
        if !map.needed_by(index).all(is_over) {
            return;
        }
        match self.is_wanted(index, &job.condition) {
            Ok(true) if job.strategy.matrix.is_some() => self.spread(index, job),
            Ok(true) => self.begin(index),
            Ok(false) => {
                let conclusion = match self.next.stage {
                    Stage::Cancelling { .. } => Conclusion::Cancelled,
                    Stage::Going | Stage::Over(_) => Conclusion::Skipped,
                };
                self.end_unexecuted(index, conclusion, None);
            }
            Err(why) => self.fail(index, why),
        }
    }

    /// What the `if` of a whole job says.
    pub(super) fn is_wanted(&self, index: usize, condition: &str) -> Result<bool, String> {
        if self.next.stage == (Stage::Cancelling { force: true }) {
            return Ok(false);
        }
        let names = self.names_and_status(index);
        names.condition(condition).map_err(|why| format!("`if` cannot be evaluated: {why}"))
    }

    /// Adds the jobs of a workflow, all waiting.
    pub(super) fn unfold(&mut self, sheet: &Sheet, caller: Option<usize>) {
        let before = self.before_name(caller);
        let first = self.next.jobs.len();
        for (index, job) in sheet.jobs.iter().enumerate() {
            let job = Job {
                index,
                caller,
                name: one_line(&format!("{before}{}", label(job))),
                cell: None,
                seats: Vec::new(),
                progress: Progress::Waiting,
            };
            self.next.jobs.push(job.into());
        }
        self.due.extend(first..self.next.jobs.len());
    }

    /// A job that is over makes others due: those that need it, those that it is a part of, and
    /// the cells for which it makes room.
    pub(super) fn make_others_due(&mut self, index: usize) {
        let sheet = self.next.sheet.clone();
        let map = Map::of(&sheet, &self.next);
        let job = &self.next.jobs[index];
        if let Some(cell) = &job.cell {
            self.due.insert(cell.of);
            if let Progress::Spread(spread) = self.next.jobs[cell.of].progress
                && spread.max_parallel.is_some()
            {
                self.due.extend(spread.first..spread.first + spread.cells);
            }
        } else {
            let first = map.first_of(job.caller);
            let jobs = map.workflow_of(job.caller).jobs.iter().enumerate();
            let needing = jobs.filter(|(_, other)| other.needs.contains(&job.index));
            self.due.extend(needing.map(|(place, _)| first + place));
            self.due.extend(job.caller);
        }
    }

    /// A called workflow is what its jobs come to.
    fn gather_called(&mut self, index: usize) {
        let sheet = self.next.sheet.clone();
        let Progress::Calling(Calling { first, .. }) = self.next.jobs[index].progress else {
            return;
        };
        let called = &Map::of(&sheet, &self.next).call_of(index).sheet;
        let jobs = &self.next.jobs[first..first + called.jobs.len()];
        if let Some(conclusion) = fold(jobs, Stage::Going) {
            self.end_call(index, called, conclusion);
        }
    }
}

/// What people know a job by before its name can be evaluated.
pub(super) fn label(job: &JobSheet) -> &str {
    job.name.as_ref().filter(|name| !name.contains("${{")).unwrap_or(&job.key)
}

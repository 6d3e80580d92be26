//! Matrices: one job in the file, many in the run.

use model::pipeline::{
    Cell, Conclusion, Job, JobResult, JobSheet, Progress, Spread, Stage, Values,
};
use workflow::expression::Value;
use workflow::matrix;

use super::Turn;
use super::advance::label;
use super::finish::fold;
use super::limits::{one_line, size_of_values};

impl Turn {
    /// Makes a job into its cells.
    pub(super) fn spread(&mut self, index: usize, job: &JobSheet) {
        match self.cells(index, job) {
            Ok(Cells::Some(spread, cells)) => self.take_in(index, job, spread, cells),
            // Where `exclude` leaves nothing, the job runs once, without a matrix.
            Ok(Cells::None) => self.begin(index),
            Ok(Cells::NoneChosen) => {
                let why = "no cell of its matrix has the values that were asked for".to_owned();
                self.end_unexecuted(index, Conclusion::Skipped, Some(why));
            }
            Err(why) => self.fail(index, why),
        }
    }

    fn cells(&self, index: usize, job: &JobSheet) -> Result<Cells, String> {
        let (names, strategy) = (self.names(index), &job.strategy);
        let Some(tree) = &strategy.matrix else { return Ok(Cells::None) };
        let tree = names.json("strategy.matrix", &tree.0)?;
        let mut cells = matrix::expand(&tree).map_err(|error| error.to_string())?;
        if cells.is_empty() {
            return Ok(Cells::None);
        }
        cells.retain(|cell| is_chosen(&cell.values, &self.next.request.cells));
        if cells.is_empty() {
            return Ok(Cells::NoneChosen);
        }
        self.check_number(cells.len())?;
        let size = cells.iter().map(|cell| size_of_values(&cell.values)).sum();
        self.check_size(size).map_err(|why| format!("the values of its matrix: {why}"))?;
        let spread = Spread {
            first: self.next.jobs.len(),
            cells: cells.len(),
            fail_fast: names.truth("fail-fast", strategy.fail_fast.as_ref())?.unwrap_or(true),
            max_parallel: names.count("max-parallel", strategy.max_parallel.as_ref())?,
        };
        Ok(Cells::Some(spread, cells))
    }

    fn take_in(&mut self, index: usize, job: &JobSheet, spread: Spread, cells: Vec<matrix::Cell>) {
        let Job { index: place, caller, .. } = *self.next.jobs[index];
        let before = self.before_name(caller);
        for (number, cell) in cells.into_iter().enumerate() {
            let cell = Job {
                index: place,
                caller,
                name: one_line(&format!("{before}{}", cell.name(label(job)))),
                cell: Some(Cell { of: index, index: number, values: cell.values }),
                seats: Vec::new(),
                progress: Progress::Waiting,
            };
            self.next.jobs.push(cell.into());
        }
        self.next.jobs[index].edit().progress = Progress::Spread(spread);
        self.due.extend(spread.first..self.next.jobs.len());
    }

    /// A cell begins as soon as fewer are under way than may be.
    pub(super) fn begin_cell(&mut self, index: usize) {
        let Some(cell) = &self.next.jobs[index].cell else { return };
        let Progress::Spread(spread) = self.next.jobs[cell.of].progress else { return };
        if matches!(self.next.stage, Stage::Cancelling { .. }) && !self.is_still_wanted(index) {
            return self.end_unexecuted(index, Conclusion::Cancelled, None);
        }
        let cells = &self.next.jobs[spread.first..spread.first + spread.cells];
        let is_under_way =
            |job: &Job| !matches!(job.progress, Progress::Waiting | Progress::Over(_));
        let under_way = || cells.iter().filter(|job| is_under_way(job)).count();
        let has_room = |most| under_way() < usize::try_from(most).unwrap_or(usize::MAX);
        if spread.max_parallel.is_none_or(has_room) {
            self.begin(index);
        }
    }

    /// A matrix is what its cells come to.
    pub(super) fn gather_cells(&mut self, index: usize, spread: Spread) {
        let cells = &self.next.jobs[spread.first..spread.first + spread.cells];
        let Some(conclusion) = fold(cells, Stage::Going) else { return };
        let mut outputs: Vec<(String, String)> = Vec::new();
        for cell in cells {
            let Progress::Over(result) = &cell.progress else { continue };
            for (name, value) in result.outputs.iter().filter(|(_, value)| !value.is_empty()) {
                match outputs.iter_mut().find(|(known, _)| known == name) {
                    Some((_, last)) => last.clone_from(value),
                    None => outputs.push((name.clone(), value.clone())),
                }
            }
        }
        self.stand(index, JobResult { outputs, ..JobResult::without(conclusion, None) });
    }
}

/// What becomes of a matrix.
enum Cells {
    Some(Spread, Vec<matrix::Cell>),
    None,
    NoneChosen,
}

/// Whether a cell has the values that were asked for. Several values for one name are a choice
/// among them, and a name that the cell does not have asks nothing of it.
fn is_chosen(cell: &Values, wanted: &[(String, String)]) -> bool {
    wanted.iter().all(|(name, _)| {
        let Some(value) = cell.get(name) else { return true };
        let value = Value::from(value.clone());
        wanted.iter().any(|(known, wanted)| known == name && *wanted == *value.to_text())
    })
}

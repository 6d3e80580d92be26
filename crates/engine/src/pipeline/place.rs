//! Where a job stands: its sheet, its callers, the jobs that it needs.

use model::persisted::Part;
use model::pipeline::{Call, Calling, Job, JobPath, JobSheet, Progress, Run, Sheet, Work};

/// A look at a run that does not hold it: the sheet is shared.
#[derive(Clone, Copy)]
pub(super) struct Map<'s, 'r> {
    sheet: &'s Sheet,
    jobs: &'r [Part<Job>],
}

impl<'s, 'r> Map<'s, 'r> {
    /// The sheet comes from the caller: it stays as it is while the run changes.
    pub(super) fn of(sheet: &'s Sheet, run: &'r Run) -> Self {
        Self { sheet, jobs: &run.jobs }
    }

    /// What the file says of a job.
    pub(super) fn sheet_of(self, index: usize) -> &'s JobSheet {
        let job = &self.jobs[index];
        &self.workflow_of(job.caller).jobs[job.index]
    }

    /// The workflow that a caller calls, or the run's own.
    pub(super) fn workflow_of(self, caller: Option<usize>) -> &'s Sheet {
        match caller {
            None => self.sheet,
            Some(caller) => &self.call_of(caller).sheet,
        }
    }

    /// How a job calls its workflow; only a caller's index may be asked for.
    pub(super) fn call_of(self, caller: usize) -> &'s Call {
        match &self.sheet_of(caller).work {
            Work::Call(call) => call,
            Work::Steps(_) => unreachable!("jobs with steps call nothing"),
        }
    }

    pub(super) fn caller_of(self, index: usize) -> Option<usize> {
        self.jobs[index].caller
    }

    /// Where the jobs of a caller's workflow begin in the run's list.
    pub(super) fn first_of(self, caller: Option<usize>) -> usize {
        match caller.map(|caller| &self.jobs[caller].progress) {
            Some(Progress::Calling(Calling { first, .. })) => *first,
            _ => 0,
        }
    }

    /// The jobs that a job needs, in the order of the file.
    pub(super) fn needed_by(self, index: usize) -> impl Iterator<Item = usize> + use<'s, 'r> {
        let first = self.first_of(self.jobs[index].caller);
        self.sheet_of(index).needs.iter().map(move |need| first + need)
    }

    /// Its key, below the keys of the jobs that called its workflow.
    pub(super) fn key_of(self, index: usize) -> String {
        let key = &self.sheet_of(index).key;
        match self.jobs[index].caller {
            Some(caller) => format!("{}/{key}", self.key_of(caller)),
            None => key.clone(),
        }
    }

    /// The same with the numbers of cells, so that no other job has it.
    pub(super) fn path_of(self, index: usize) -> JobPath {
        let Job { caller, cell, .. } = &*self.jobs[index];
        let above = caller.map(|caller| self.path_of(caller));
        let cell = cell.as_ref().map(|cell| cell.index);
        JobPath::new(above.as_ref(), &self.sheet_of(index).key, cell)
    }
}

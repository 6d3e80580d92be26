//! How one job begins: it goes to a runner, waits for consent or for its turn, or calls a workflow.

use model::fact::RunHeld;
use model::pipeline::{Gate, Job, JobSheet, Progress, Protection, Steps, Work};

use super::Turn;
use super::contexts::Names;
use super::limits::one_line;
use super::place::Map;

impl Turn {
    /// Begins a job or cell that is wanted and has room, as far as its groups and its environment
    /// let it.
    pub(super) fn begin(&mut self, index: usize) {
        if let Err(why) = self.try_to_begin(index) {
            self.fail(index, why);
        }
    }

    fn try_to_begin(&mut self, index: usize) -> Result<(), String> {
        let sheet = self.next.sheet.clone();
        let map = Map::of(&sheet, &self.next);
        let job = map.sheet_of(index);
        if let Work::Steps(_) = &job.work
            && let Some(kept) = self.next.request.kept.get(&map.path_of(index))
        {
            let kept = kept.clone();
            self.give_name(index, job, &self.names(index))?;
            self.stand(index, kept);
            return Ok(());
        }
        let names = self.names(index);
        self.give_name(index, job, &names)?;
        match &job.work {
            Work::Call(call) => self.call(index, job, call, &names),
            Work::Steps(steps) => {
                if self.enters_groups(index, job.concurrency.iter().map(|it| (it, &names)))? {
                    self.enter_environment(index, steps, &names)?;
                }
                Ok(())
            }
        }
    }

    /// Names the job as the file says, below what its callers are called.
    fn give_name(&mut self, index: usize, job: &JobSheet, names: &Names) -> Result<(), String> {
        // Without an expression it has had its name from the beginning.
        let Some(template) = job.name.as_ref().filter(|name| name.contains("${{")) else {
            return Ok(());
        };
        let before = self.before_name(self.next.jobs[index].caller);
        let name = one_line(&format!("{before}{}", names.text("name", template)?));
        if self.next.jobs[index].name != name {
            self.next.jobs[index].edit().name = name;
        }
        Ok(())
    }

    /// What stands before the names of the jobs of a called workflow.
    pub(super) fn before_name(&self, caller: Option<usize>) -> String {
        caller.map(|caller| format!("{} / ", self.next.jobs[caller].name)).unwrap_or_default()
    }

    /// Into a protected environment a job goes only with people's consent.
    fn enter_environment(
        &mut self,
        index: usize,
        steps: &Steps,
        names: &Names,
    ) -> Result<(), String> {
        let environment = match &steps.environment {
            Some(environment) => names.text("environment", &environment.name)?,
            None => String::new(),
        };
        let is_it = |known: &&Protection| known.environment.eq_ignore_ascii_case(&environment);
        let protection = self.next.request.protected.iter().find(is_it);
        let Some(protection) = protection.filter(|known| known.approvals > 0) else {
            self.order(index, 1);
            return Ok(());
        };
        let Protection { environment, approvals } = protection.clone();
        let Job { name, .. } = &*self.next.jobs[index];
        let (name, environment_name) = (name.clone(), environment.clone());
        self.facts.push(RunHeld { name, environment: environment_name, approvals }.into());
        let gate = Gate { environment, since: self.now, approvals, approved_by: Vec::new() };
        self.next.jobs[index].edit().progress = Progress::Held(gate);
        Ok(())
    }
}

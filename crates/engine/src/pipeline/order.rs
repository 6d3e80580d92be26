//! Orders: a job on its way to a runner.

use model::fact::RunJobOrdered;
use model::intent::Intent;
use model::pipeline::{
    Defaults, Order, PassedSecrets, Progress, Secrets, Sheet, Steps, Tree, Work,
};

use super::Turn;
use super::contexts::Names;
use super::place::Map;

/// A job that names no time-out gets this one, as on GitHub.
const DEFAULT_TIMEOUT_MINUTES: f64 = 360.0;
const MAX_TIMEOUT_MINUTES: f64 = 60.0 * 24.0 * 35.0;

impl Turn {
    /// Sends a job with steps to the runners.
    pub(super) fn order(&mut self, index: usize, attempt: u32) {
        let sheet = self.next.sheet.clone();
        let job = Map::of(&sheet, &self.next).sheet_of(index);
        let Work::Steps(steps) = &job.work else {
            unreachable!("jobs that call a workflow are not ordered");
        };
        match self.ordered_as(index, attempt, steps) {
            Ok(order) => {
                let (job, name) = (order.job, order.name.clone());
                self.facts.push(RunJobOrdered { job, name, attempt }.into());
                self.next.jobs[index].edit().progress =
                    Progress::Ordered { job, attempt, at: self.now, stopping: false };
                self.intents.push(Intent::Work(Box::new(order)));
            }
            Err(why) => self.fail(index, why),
        }
    }

    fn ordered_as(&self, index: usize, attempt: u32, steps: &Steps) -> Result<Order, String> {
        let sheet = self.next.sheet.clone();
        let map = Map::of(&sheet, &self.next);
        let file = map.workflow_of(self.next.jobs[index].caller);
        let names = self.names(index);
        // When its runner was lost, so was what it resumed.
        let resume = self.next.request.resume.as_ref().filter(|_| attempt == 1);
        let resume = resume.filter(|(path, _)| *path == map.path_of(index));
        Ok(Order {
            job: self.next.job_id(index, attempt, self.now),
            run: self.next.id,
            service: self.next.service.clone(),
            name: self.next.jobs[index].name.clone(),
            key: map.key_of(index),
            path: file.path.clone(),
            labels: labels(&names, steps)?,
            env: vec![file.env.clone(), steps.env.clone()],
            defaults: defaults(file, steps),
            timeout_seconds: timeout(&names, steps)?,
            cancel_timeout_minutes: steps.cancel_timeout_minutes.clone(),
            cache_mode: steps.cache_mode,
            permissions: permissions(map, index),
            environment: steps.environment.clone(),
            container: steps.container.clone(),
            services: steps.services.clone(),
            outputs: steps.outputs.clone(),
            steps: steps.steps.clone(),
            secrets: self.secrets(map, self.next.jobs[index].caller),
            resume: resume.map(|(_, resume)| *resume),
            contexts: names.to_values(),
        })
    }

    /// The secrets that the jobs of a workflow see.
    fn secrets(&self, map: Map<'_, '_>, caller: Option<usize>) -> Secrets {
        let Some(caller) = caller else {
            return if self.next.request.untrusted { Secrets::None } else { Secrets::All };
        };
        let of = self.secrets(map, self.next.jobs[caller].caller);
        match &map.call_of(caller).secrets {
            PassedSecrets::Inherit => of,
            PassedSecrets::Named(names) => Secrets::Named {
                names: names.clone(),
                contexts: self.names(caller).to_values(),
                of: Box::new(of),
            },
        }
    }
}

/// What the job says, or its file, or else whoever calls that.
fn permissions(map: Map<'_, '_>, index: usize) -> Option<Tree> {
    let own = map.sheet_of(index).permissions.clone();
    let file = || map.workflow_of(map.caller_of(index)).permissions.clone();
    own.or_else(file).or_else(|| permissions(map, map.caller_of(index)?))
}

fn labels(names: &Names, steps: &Steps) -> Result<Vec<String>, String> {
    let mut labels = names.texts("runs-on", &steps.runs_on.labels)?;
    if let Some(group) = &steps.runs_on.group {
        labels.push(format!("group:{}", names.text("runs-on", group)?));
    }
    labels.retain(|label| !label.trim().is_empty());
    if labels.is_empty() {
        return Err("`runs-on` comes to no label".to_owned());
    }
    Ok(labels)
}

fn timeout(names: &Names, steps: &Steps) -> Result<u64, String> {
    let minutes = names.number("timeout-minutes", steps.timeout_minutes.as_ref())?;
    let minutes = minutes.unwrap_or(DEFAULT_TIMEOUT_MINUTES);
    if !(minutes > 0.0 && minutes <= MAX_TIMEOUT_MINUTES) {
        return Err(format!(
            "`timeout-minutes` must be more than 0 and at most {MAX_TIMEOUT_MINUTES}, found {minutes}"
        ));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was looked at"
    )]
    let seconds = (minutes * 60.0).ceil() as u64;
    Ok(seconds)
}

/// What the job says, and where it says nothing, what its file says.
fn defaults(file: &Sheet, steps: &Steps) -> Defaults {
    let (own, all) = (&steps.defaults, &file.defaults);
    Defaults {
        shell: own.shell.clone().or_else(|| all.shell.clone()),
        working_directory: own.working_directory.clone().or_else(|| all.working_directory.clone()),
    }
}

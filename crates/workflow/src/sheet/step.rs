//! Steps.

use model::pipeline::{StepSheet, StepWork, Tree};

use super::job::condition;
use super::{boolean, line, number, raw, tree};
use crate::syntax::model::{Step, StepWork as Written, WaitFor, Workflow};

pub(super) fn of_steps(steps: &[Step], workflow: &Workflow) -> Vec<StepSheet> {
    steps.iter().filter_map(|step| of_step(step, workflow)).collect()
}

fn of_step(step: &Step, workflow: &Workflow) -> Option<StepSheet> {
    Some(StepSheet {
        line: line(&workflow.source, step.span),
        id: step.id.written().map(str::to_owned),
        name: step.name.as_ref().map(raw),
        condition: condition(step.condition.as_ref()),
        env: step.env.as_ref().map_or(Tree::Null, tree),
        continue_on_error: boolean(step.continue_on_error.as_ref()),
        timeout_minutes: number(step.timeout_minutes.as_ref()),
        background: step.background.as_ref().is_some_and(|background| background.value),
        work: work(&step.work, workflow)?,
    })
}

fn work(work: &Written, workflow: &Workflow) -> Option<StepWork> {
    Some(match work {
        Written::Run { script, shell, working_directory } => StepWork::Run {
            script: raw(script),
            shell: shell.as_ref().map(raw),
            working_directory: working_directory.as_ref().map(raw),
        },
        Written::Uses { action, with } => StepWork::Uses {
            action: of_home(&action.value, workflow),
            with: with.as_ref().map_or(Tree::Null, tree),
        },
        Written::Wait(WaitFor::All) => StepWork::WaitAll,
        Written::Wait(WaitFor::These(steps)) => {
            StepWork::Wait(steps.iter().map(|step| step.value.clone()).collect())
        }
        Written::Cancel(step) => StepWork::Cancel(step.value.clone()),
        Written::Parallel(steps) => StepWork::Parallel(of_steps(steps, workflow)),
        Written::Missing => return None,
    })
}

/// An action by which a worker finds it: what a file of another repository names in its own is there,
/// and not in the one at hand.
fn of_home(action: &str, workflow: &Workflow) -> String {
    match (action.strip_prefix("$/"), &workflow.home) {
        (Some(path), Some(home)) => {
            let path = path.trim_matches('/');
            let separator = if path.is_empty() { "" } else { "/" };
            format!("{}{separator}{path}@{}", home.name, home.reference)
        }
        _ => action.to_owned(),
    }
}

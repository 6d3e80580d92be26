//! Steps.

use model::pipeline::{StepSheet, StepWork, Tree};
use model::source::Source;

use super::job::condition;
use super::{boolean, line, number, raw, tree};
use crate::syntax::model::{Step, StepWork as Written, WaitFor};

pub(super) fn of_steps(steps: &[Step], source: &Source) -> Vec<StepSheet> {
    steps.iter().filter_map(|step| of_step(step, source)).collect()
}

fn of_step(step: &Step, source: &Source) -> Option<StepSheet> {
    Some(StepSheet {
        line: line(source, step.span),
        id: step.id.written().map(str::to_owned),
        name: step.name.as_ref().map(raw),
        condition: condition(step.condition.as_ref()),
        env: step.env.as_ref().map_or(Tree::Null, tree),
        continue_on_error: boolean(step.continue_on_error.as_ref()),
        timeout_minutes: number(step.timeout_minutes.as_ref()),
        background: step.background.as_ref().is_some_and(|background| background.value),
        work: work(&step.work, source)?,
    })
}

fn work(work: &Written, source: &Source) -> Option<StepWork> {
    Some(match work {
        Written::Run { script, shell, working_directory } => StepWork::Run {
            script: raw(script),
            shell: shell.as_ref().map(raw),
            working_directory: working_directory.as_ref().map(raw),
        },
        Written::Uses { action, with } => StepWork::Uses {
            action: action.value.clone(),
            with: with.as_ref().map_or(Tree::Null, tree),
        },
        Written::Wait(WaitFor::All) => StepWork::WaitAll,
        Written::Wait(WaitFor::These(steps)) => {
            StepWork::Wait(steps.iter().map(|step| step.value.clone()).collect())
        }
        Written::Cancel(step) => StepWork::Cancel(step.value.clone()),
        Written::Parallel(steps) => StepWork::Parallel(of_steps(steps, source)),
        Written::Missing => return None,
    })
}

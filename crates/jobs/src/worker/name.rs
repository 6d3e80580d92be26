//! What steps are called, by people and by expressions.

use std::collections::HashMap;

use model::pipeline::{StepSheet, StepWork};

/// The name of a step before anything is known.
pub(super) fn plain_name(sheet: &StepSheet) -> String {
    let (prefix, written) = written_name(sheet);
    shortened(prefix, &written)
}

pub(super) fn written_name(sheet: &StepSheet) -> (&'static str, String) {
    if let Some(name) = &sheet.name {
        return ("", name.clone());
    }
    match &sheet.work {
        StepWork::Run { script, .. } => ("Run ", script.clone()),
        StepWork::Uses { action, .. } => {
            ("Run ", action.trim_start_matches("docker://").to_owned())
        }
        StepWork::Wait(steps) => ("Wait for ", steps.join(", ")),
        StepWork::WaitAll => ("", "Wait for all".to_owned()),
        StepWork::Cancel(step) => ("Cancel ", step.clone()),
        StepWork::Parallel(steps) => ("", format!("Run {} steps at once", steps.len())),
    }
}

/// The longest name of a step, in characters.
const LONGEST: usize = 1_000;

pub(super) fn shortened(prefix: &str, text: &str) -> String {
    let first = text.trim_start().lines().next().unwrap_or_default();
    let first: String = first.chars().take(LONGEST).collect();
    format!("{prefix}{first}")
}

/// What `github.action` is for each step of a list: its id, or a name made of what it does and
/// counted.
pub(super) fn action_names(steps: &[StepSheet]) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let name = |step: &StepSheet| {
        if let Some(id) = &step.id {
            return id.clone();
        }
        let name = generated_name(step);
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}_{count}") }
    };
    steps.iter().map(name).collect()
}

fn generated_name(sheet: &StepSheet) -> String {
    match &sheet.work {
        StepWork::Uses { action, .. } if action.starts_with(['.', '$']) => "__self".to_owned(),
        StepWork::Uses { action, .. } => {
            let place = action.split('@').next().unwrap_or_default();
            let place: String = place
                .chars()
                .map(|one| if one.is_ascii_alphanumeric() { one } else { '_' })
                .collect();
            format!("__{place}")
        }
        _ => "__run".to_owned(),
    }
}

//! `highroad run --list`: the workflows as graphs, and why some of them do not run.

use model::pipeline::{JobSheet, Sheet, Work};
use serde_json::json;

use super::selection::{Candidate, Selection};
use crate::error::Error;
use crate::help::{self, Row};
use crate::sign::Sign;
use crate::terminal::{Paint, Terminal};

pub(super) fn draw(selection: &Selection, terminal: &mut Terminal) -> Result<(), Error> {
    if terminal.json() {
        let workflows: Vec<_> = selection.candidates.iter().map(report).collect();
        return terminal.print_json(&json!({ "workflows": workflows }));
    }
    let (paint, width) = (terminal.paint(), terminal.width());
    for candidate in &selection.candidates {
        terminal.print(&page(candidate, paint, width))?;
    }
    Ok(())
}

fn page(candidate: &Candidate, paint: Paint, width: usize) -> String {
    let Candidate { path, name, on, why_not, sheet, .. } = candidate;
    let sign = if why_not.is_some() { Sign::Unknown } else { Sign::Moving };
    let title = if name == path {
        paint.heading(name)
    } else {
        format!("{}  {}", paint.heading(name), paint.faint(path))
    };
    let mut lines = vec![format!("{} {title}", paint.sign(sign, sign.shape()))];
    lines.push(format!("  on {}", on.join(", ")));
    if let Some(why_not) = why_not {
        lines.push(format!("  {}", paint.caution(&format!("does not run: {why_not}"))));
    }
    if let Some(sheet) = sheet {
        lines.push(format!("  {}", graph(sheet)));
        let rows: Vec<_> = sheet.jobs.iter().map(|job| row(sheet, job)).collect();
        lines.extend(help::rows(&rows, width, paint));
    }
    lines.join("\n") + "\n\n"
}

/// `lint, test ─▶ build ─▶ deploy`: what stands together may run at the same time.
fn graph(sheet: &Sheet) -> String {
    let mut levels: Vec<usize> = vec![0; sheet.jobs.len()];
    // Needs form no cycle, so each round settles at least one more job.
    for _ in 0..sheet.jobs.len() {
        let deeper = |job: &JobSheet| job.needs.iter().map(|need| levels[*need] + 1).max();
        let next: Vec<_> = sheet.jobs.iter().map(|job| deeper(job).unwrap_or_default()).collect();
        if next == levels {
            break;
        }
        levels = next;
    }
    let last = levels.iter().copied().max().unwrap_or_default();
    let stand = |level| {
        let jobs = sheet.jobs.iter().zip(&levels).filter(move |(_, at)| **at == level);
        jobs.map(|(job, _)| shown(job)).collect::<Vec<_>>().join(", ")
    };
    (0..=last).map(stand).collect::<Vec<_>>().join(" ─▶ ")
}

fn shown(job: &JobSheet) -> String {
    let many = if job.strategy.matrix.is_some() { " ×" } else { "" };
    format!("{}{many}", job.key)
}

fn row(sheet: &Sheet, job: &JobSheet) -> Row {
    let mut words = vec![match &job.work {
        Work::Call(call) => format!("calls {}", call.sheet.path),
        Work::Steps(steps) => format!("on {}", labels(&steps.runs_on.labels)),
    }];
    if !job.needs.is_empty() {
        let needs: Vec<_> = job.needs.iter().map(|need| sheet.jobs[*need].key.as_str()).collect();
        words.push(format!("needs {}", needs.join(", ")));
    }
    if !job.condition.is_empty() {
        words.push(format!("if {}", job.condition));
    }
    if let Work::Steps(steps) = &job.work
        && let Some(environment) = &steps.environment
    {
        words.push(format!("enters {}", environment.name));
    }
    Row::new(shown(job), words.join("; "))
}

fn labels(labels: &serde_json::Value) -> String {
    match labels {
        serde_json::Value::String(label) => label.clone(),
        serde_json::Value::Array(labels) => {
            labels.iter().filter_map(|label| label.as_str()).collect::<Vec<_>>().join(" + ")
        }
        other => other.to_string(),
    }
}

fn report(candidate: &Candidate) -> serde_json::Value {
    let Candidate { path, name, on, why_not, sheet, .. } = candidate;
    let jobs = sheet.iter().flat_map(|sheet| {
        sheet.jobs.iter().map(|job| {
            let needs: Vec<_> =
                job.needs.iter().map(|need| sheet.jobs[*need].key.as_str()).collect();
            json!({ "key": job.key, "name": job.name, "needs": needs, "line": job.line })
        })
    });
    json!({
        "path": path,
        "name": name,
        "on": on,
        "runs": why_not.is_none(),
        "why_not": why_not,
        "jobs": jobs.collect::<Vec<_>>(),
    })
}

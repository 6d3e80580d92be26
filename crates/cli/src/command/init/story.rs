//! What `highroad init` tells the person who ran it: what it saw, what it wrote, what comes next.

use std::path::Path;

use crate::help::{self, Row};
use crate::manifest_file;
use crate::repository::{Listens, Service, Survey};
use crate::terminal::{Paint, wrap};

pub(super) fn text(survey: &Survey, dir: &Path, width: usize, paint: Paint) -> String {
    let file = manifest_file::join(dir, manifest_file::NAME);
    let mut parts = Vec::new();
    if survey.seen.is_empty() {
        let saw = "Saw nothing that is known here, so the file shows an example to change.";
        parts.push(wrap(saw, Some(width), 0));
    } else {
        let rows: Vec<_> = survey.seen.iter().map(|it| Row::new(&it.file, &it.what)).collect();
        parts.push(help::table("Saw", &rows, width, paint));
    }
    parts.push(help::table(&format!("Wrote {file}"), &written(survey), width, paint));
    if !survey.notes.is_empty() {
        let notes = survey.notes.iter().map(|note| format!("  {}", wrap(note, Some(width), 2)));
        let notes: Vec<_> = notes.collect();
        parts.push(format!("{}\n{}", paint.heading("Left aside"), notes.join("\n")));
    }
    parts.push(help::table("Next", &next(dir, &file), width, paint));
    parts.join("\n\n") + "\n"
}

fn written(survey: &Survey) -> Vec<Row> {
    let services =
        survey.services.iter().map(|it| Row::new(format!("service {}", it.name), reasons(it)));
    let owner = Row::new(format!("owner {}", survey.owner.name), &survey.owner.because);
    services.chain([owner]).collect()
}

fn reasons(service: &Service) -> String {
    match &service.listens {
        Listens::Nowhere => service.because.clone(),
        Listens::Told { because } => format!("{}; port from PORT ({because})", service.because),
        Listens::At { port, because } => format!("{}; port {port} ({because})", service.because),
    }
}

fn next(dir: &Path, file: &str) -> Vec<Row> {
    let check = if dir == Path::new(".") {
        "highroad check".to_owned()
    } else {
        format!("highroad check {}", dir.display())
    };
    let rows = [
        (format!("$EDITOR {file}"), "read it: every block says why it is there"),
        (check, "see after a change that it is still right"),
        (format!("git add {file}"), "keep it with the code that it describes"),
    ];
    rows.map(|(line, why)| Row::new(line, why)).to_vec()
}

//! `highroad check`: what is wrong in a repository's `highroad.yaml`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use model::manifest::{self, Manifest, Reading, Service};
use model::source::Severity;
use serde_json::json;

use super::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::help::{self, Row};
use crate::manifest_file::ManifestFile;
use crate::terminal::Terminal;

/// Check a repository's highroad.yaml
///
/// Reads highroad.yaml in the folder, or in the folders above it up to the repository's own, and
/// shows every finding with its place and how to mend it. Nothing is changed.
///
/// Ends with 1 if there are errors; warnings alone end with 0, with --strict with 1.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// The repository, or a folder in it
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    #[arg(value_hint = clap::ValueHint::DirPath)]
    dir: PathBuf,

    /// Let warnings fail the check as errors do
    #[arg(long)]
    strict: bool,
}

pub(super) const EXAMPLES: &[Example] = &[
    Example { line: "highroad check", does: "check the repository that you are in" },
    Example { line: "highroad check --strict shop", does: "in a workflow: let warnings fail too" },
    Example { line: "highroad check --json", does: "the findings for a program" },
];

impl Check {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Error> {
        let file = ManifestFile::find(&self.dir)?;
        let reading = manifest::read(&file.shown, &file.bytes()?);
        let tally = Tally::of(&reading);
        if terminal.json() {
            terminal.print_json(&report(&file, &reading, &tally))?;
        } else {
            terminal.print(&text(&file, &reading, &tally, terminal))?;
        }
        let failed = tally.errors > 0 || (self.strict && tally.warnings > 0);
        Ok(if failed { Exit::Findings } else { Exit::Success })
    }
}

struct Tally {
    errors: usize,
    warnings: usize,
}

impl Tally {
    fn of(reading: &Reading) -> Self {
        let count = |severity| reading.findings.iter().filter(|it| it.severity == severity).count();
        Self { errors: count(Severity::Error), warnings: count(Severity::Warning) }
    }

    /// `3 errors, 1 warning`; empty if there is neither.
    fn words(&self) -> String {
        let some = |count, noun| match count {
            0 => None,
            1 => Some(format!("1 {noun}")),
            _ => Some(format!("{count} {noun}s")),
        };
        let words = [some(self.errors, "error"), some(self.warnings, "warning")];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn report(file: &ManifestFile, reading: &Reading, tally: &Tally) -> serde_json::Value {
    let findings: Vec<_> = reading.findings.iter().map(|it| it.report(&reading.source)).collect();
    json!({
        "files": [file.shown],
        "findings": findings,
        "errors": tally.errors,
        "warnings": tally.warnings,
    })
}

fn text(file: &ManifestFile, reading: &Reading, tally: &Tally, terminal: &Terminal) -> String {
    let paint = terminal.paint();
    let mut text = String::new();
    for finding in &reading.findings {
        text.push_str(&finding.render(&reading.source, paint.into()));
        text.push('\n');
    }
    let words = format!("{} in {}", tally.words(), file.shown);
    let end = match tally {
        Tally { errors: 1.., .. } => paint.error(&words),
        Tally { warnings: 1.., .. } => paint.caution(&words),
        _ => paint.accent(&format!("{} is well", file.shown)),
    };
    text.push_str(&end);
    text.push('\n');
    if let Some(manifest) = &reading.manifest {
        for row in help::rows(&roads(manifest), terminal.width(), paint) {
            text.push_str(&row);
            text.push('\n');
        }
    }
    text
}

/// Every road that is taken, and the services that take it.
fn roads(manifest: &Manifest) -> Vec<Row> {
    let mut roads: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, service) in manifest.services.iter() {
        let road = road(service);
        match roads.iter_mut().find(|(known, _)| *known == road) {
            Some((_, names)) => names.push(name.as_str()),
            None => roads.push((road, vec![name.as_str()])),
        }
    }
    roads.into_iter().map(|(road, names)| Row::new(names.join(", "), road)).collect()
}

/// `staging ─▶ europe, america`: what stands together is entered at the same time.
fn road(service: &Service) -> String {
    let environments = service.shared.environments.keys();
    let mut ahead: Vec<_> = environments.map(|name| (name, service.before(name))).collect();
    let mut behind = BTreeSet::new();
    let mut junctions = Vec::new();
    // Each round takes what waits for nothing that is still ahead. The reader of the file has
    // seen to it that there is no cycle; were there one, what is in it would be left out.
    loop {
        let (next, rest): (Vec<_>, Vec<_>) =
            ahead.into_iter().partition(|(_, before)| before.iter().all(|it| behind.contains(it)));
        if next.is_empty() {
            return junctions.join(" ─▶ ");
        }
        let names: Vec<_> = next.iter().map(|(name, _)| name.as_str()).collect();
        junctions.push(names.join(", "));
        behind.extend(next.into_iter().map(|(name, _)| name));
        ahead = rest;
    }
}

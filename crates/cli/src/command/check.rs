//! `highroad check`: what is wrong in a repository's `highroad.yaml`.

use std::path::PathBuf;

use model::manifest::{self, Manifest, Reading};
use model::source::Severity;
use serde_json::json;

use super::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::manifest_file::ManifestFile;
use crate::terminal::{Paint, Terminal};

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
            terminal.print(&text(&file, &reading, &tally, terminal.paint()))?;
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

fn text(file: &ManifestFile, reading: &Reading, tally: &Tally, paint: Paint) -> String {
    let mut text = String::new();
    for finding in &reading.findings {
        text.push_str(&finding.render(&reading.source, paint.into()));
        text.push('\n');
    }
    let words = tally.words();
    if tally.errors > 0 {
        text.push_str(&paint.error(&format!("{words} in {}", file.shown)));
    } else if tally.warnings > 0 {
        text.push_str(&paint.caution(&format!("{words} in {}", file.shown)));
    } else {
        text.push_str(&paint.accent(&format!("{} is well", file.shown)));
    }
    text.push('\n');
    if let Some(manifest) = reading.manifest.as_ref().filter(|_| tally.errors == 0) {
        text.push_str(&summary(manifest, paint));
    }
    text
}

fn summary(manifest: &Manifest, paint: Paint) -> String {
    let services: Vec<_> = manifest.services.keys().map(|x| x.to_string()).collect();
    let road = manifest.environments.keys().map(|x| x.to_string()).collect::<Vec<_>>().join(" ─▶ ");
    format!(
        "  {}  {}\n  {}  {road}\n",
        paint.faint("services    "),
        services.join(", "),
        paint.faint("environments")
    )
}

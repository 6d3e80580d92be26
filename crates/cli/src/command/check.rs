//! `highroad check`: what is wrong in a repository's `highroad.yaml` and workflows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::manifest::{self, Manifest, Service};
use model::source::{Finding, Severity, Source, Span};
use serde_json::json;
use workflow::{lint, syntax};

use super::Example;
use crate::error::Error;
use crate::exit::Exit;
use crate::help::{self, Row};
use crate::manifest_file::{self, ManifestFile};
use crate::terminal::Terminal;
use crate::workflow_files::WorkflowFiles;

/// Check a repository's highroad.yaml and workflows
///
/// Reads highroad.yaml in the folder, or in the folders above it up to the repository's own, and
/// the workflows in .github/workflows, and shows every finding with its place and how to mend it.
/// Nothing is changed.
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
        let checked = Checked::of(&self.dir)?;
        let tally = Tally::of(&checked);
        if terminal.json() {
            terminal.print_json(&report(&checked, &tally))?;
        } else {
            terminal.print(&text(&checked, &tally, terminal))?;
        }
        let failed = tally.errors > 0 || (self.strict && tally.warnings > 0);
        Ok(if failed { Exit::Findings } else { Exit::Success })
    }
}

/// What was looked at, and what was found.
#[derive(Default)]
struct Checked {
    files: Vec<String>,
    findings: Vec<(Arc<Source>, Finding)>,
    manifest: Option<Manifest>,
}

impl Checked {
    fn of(dir: &Path) -> Result<Self, Error> {
        let mut checked = Self::default();
        let root = manifest_file::repository(dir)?;
        let workflows = WorkflowFiles::of(&root);
        let paths = workflows.all()?;
        match ManifestFile::find(dir) {
            Ok(file) => checked.read_manifest(&file)?,
            // Workflows are worth checking without it.
            Err(error) if error.exit() == Exit::NotFound && !paths.is_empty() => {}
            Err(error) => return Err(error),
        }
        for path in paths {
            checked.read_workflow(&workflows, path);
        }
        Ok(checked)
    }

    fn read_manifest(&mut self, file: &ManifestFile) -> Result<(), Error> {
        let reading = manifest::read(&file.shown, &file.bytes()?);
        self.files.push(file.shown.clone());
        let source = Arc::new(reading.source);
        self.findings.extend(reading.findings.into_iter().map(|it| (source.clone(), it)));
        self.manifest = reading.manifest;
        Ok(())
    }

    fn read_workflow(&mut self, files: &WorkflowFiles, path: String) {
        let bytes = match files.bytes(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.findings.push((Arc::new(Source::new(&path, "")), unreadable(&error)));
                self.files.push(path);
                return;
            }
        };
        let reading = syntax::read(&path, &bytes, Some(files), &syntax::Options::default());
        let found = self.lint(files, &reading);
        // What a finding must not show is not shown by another one in the same file either.
        let mut source = Source::clone(&reading.sources[0]);
        for finding in found.iter().filter(|finding| finding.masked) {
            source.hide(finding.span);
        }
        let source = Arc::new(source);
        for (of, finding) in reading.findings() {
            let is_own = Arc::ptr_eq(of, &reading.sources[0]);
            let of = if is_own { &source } else { of };
            self.findings.push((of.clone(), finding));
        }
        self.findings.extend(found.into_iter().map(|finding| (source.clone(), finding)));
        self.files.push(path);
    }

    fn lint(&self, files: &WorkflowFiles, reading: &syntax::Reading) -> Vec<Finding> {
        let Some(workflow) = &reading.workflow else { return Vec::new() };
        let environments = self.manifest.as_ref().map(|manifest| {
            manifest.environments().iter().map(ToString::to_string).collect::<Vec<_>>()
        });
        let options =
            lint::Options { environments: environments.as_deref(), ..lint::Options::default() };
        lint::lint(workflow, &options, Some(files))
    }
}

/// A file that cannot be read is no reason not to look at the others.
fn unreadable(error: &Error) -> Finding {
    Finding::error("unreadable", error.told(), Span::default())
        .hint("make it a file that can be read, or remove it")
}

struct Tally {
    errors: usize,
    warnings: usize,
}

impl Tally {
    fn of(checked: &Checked) -> Self {
        let count = |severity| {
            checked.findings.iter().filter(|(_, finding)| finding.severity == severity).count()
        };
        Self { errors: count(Severity::Error), warnings: count(Severity::Warning) }
    }

    /// `3 errors, 1 warning`; empty if there is neither.
    fn words(&self) -> String {
        let words = [some(self.errors, "error"), some(self.warnings, "warning")];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn some(count: usize, noun: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    }
}

fn report(checked: &Checked, tally: &Tally) -> serde_json::Value {
    let findings: Vec<_> =
        checked.findings.iter().map(|(source, finding)| finding.report(source)).collect();
    json!({
        "files": checked.files,
        "findings": findings,
        "errors": tally.errors,
        "warnings": tally.warnings,
    })
}

fn text(checked: &Checked, tally: &Tally, terminal: &Terminal) -> String {
    let paint = terminal.paint();
    let mut text = String::new();
    for (source, finding) in &checked.findings {
        text.push_str(&finding.render(source, paint.into()));
        text.push('\n');
    }
    let places = places(checked);
    let end = match tally {
        Tally { errors: 1.., .. } => paint.error(&format!("{} in {places}", tally.words())),
        Tally { warnings: 1.., .. } => paint.caution(&format!("{} in {places}", tally.words())),
        _ if checked.files.len() == 1 => paint.accent(&format!("{places} is well")),
        _ => paint.accent(&format!("{places} are well")),
    };
    text.push_str(&end);
    text.push('\n');
    if let Some(manifest) = &checked.manifest {
        for row in help::rows(&roads(manifest), terminal.width(), paint) {
            text.push_str(&row);
            text.push('\n');
        }
    }
    text
}

/// `highroad.yaml and 3 workflows`.
fn places(checked: &Checked) -> String {
    match checked.files.as_slice() {
        [only] => only.clone(),
        [manifest, workflows @ ..] if manifest.ends_with(manifest_file::NAME) => {
            let workflows = some(workflows.len(), "workflow").unwrap_or_default();
            format!("{manifest} and {workflows}")
        }
        workflows => some(workflows.len(), "workflow").unwrap_or_default(),
    }
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

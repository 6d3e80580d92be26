//! What is said of workflows: nothing of those that are well, and of each mistake what it is, where,
//! and how to mend it.

use std::fs;
use std::path::{Path, PathBuf};

use model::source::{Finding, Paint, Source};
use workflow::lint::{Options, lint};
use workflow::syntax::{self, Files, Place};

/// The files under `tests/lint/repository`.
struct Repository;

impl Files for Repository {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        if place.repository.is_some() {
            return Err("there is no network here".to_owned());
        }
        fs::read(folder().join("repository").join(&place.path)).map_err(|error| error.to_string())
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint")
}

fn workflows(kind: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder().join(kind)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let file = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    files.into_iter().map(file).collect()
}

fn findings(name: &str, text: &str) -> (Source, Vec<Finding>) {
    let environments = ["staging".to_owned(), "production".to_owned()];
    let options = Options { environments: Some(&environments), labels: None };
    let path = format!(".github/workflows/{name}.yml");
    let reading =
        syntax::read(&path, text.as_bytes(), Some(&Repository), &syntax::Options::default());
    let workflow = reading.workflow.clone().unwrap();
    let mut source = (*workflow.source).clone();
    let told = reading.findings().into_iter().filter(|(source, _)| source.name() == path);
    let mut findings: Vec<Finding> = told.map(|(_, finding)| finding).collect();
    findings.extend(lint(&workflow, &options, Some(&Repository)));
    for finding in findings.iter().filter(|finding| finding.masked) {
        source.hide(finding.span);
    }
    (source, findings)
}

fn rendered(source: &Source, findings: &[Finding]) -> String {
    let shown: Vec<String> =
        findings.iter().map(|finding| finding.render(source, Paint::Plain)).collect();
    shown.join("\n")
}

#[test]
fn what_is_wrong_is_told() {
    for (name, text) in workflows("wrong") {
        let (source, findings) = findings(&name, &text);
        assert!(!findings.is_empty(), "nothing is said of {name}");
        insta::assert_snapshot!(name, rendered(&source, &findings));
    }
}

#[test]
fn what_is_well_is_let_pass() {
    for (name, text) in workflows("clean") {
        let (source, findings) = findings(&name, &text);
        assert!(findings.is_empty(), "{}", rendered(&source, &findings));
    }
}

#[test]
fn no_secret_is_shown() {
    let (_, text) =
        workflows("wrong").into_iter().find(|(name, _)| name == "secrets-in-file").unwrap();
    let (source, findings) = findings("secrets-in-file", &text);
    let shown = rendered(&source, &findings);
    for finding in findings.iter().filter(|finding| finding.masked) {
        for word in source.slice(finding.span).split_whitespace().filter(|word| word.len() > 8) {
            assert!(!shown.contains(word), "{word} in\n{shown}");
        }
    }
}

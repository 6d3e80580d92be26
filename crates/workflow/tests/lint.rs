//! What is said of workflows: nothing of those that are well, and of each mistake what it is, where,
//! and how to mend it.

use std::fs;
use std::path::{Path, PathBuf};

use model::source::{Finding, Paint, Source};
use workflow::lint::{Options, lint};
use workflow::syntax::{self, Files, Place};

/// The repository at hand, and one elsewhere.
struct Repositories;

impl Files for Repositories {
    fn read(&self, place: &Place) -> Result<Vec<u8>, String> {
        let repository = match &place.repository {
            None => "repository",
            Some(other) if other.name == "acme/workflows" => "elsewhere",
            Some(_) => return Err("there is no network here".to_owned()),
        };
        fs::read(folder().join(repository).join(&place.path)).map_err(|error| error.to_string())
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
        syntax::read(&path, text.as_bytes(), Some(&Repositories), &syntax::Options::default());
    let workflow = reading.workflow.clone().unwrap();
    let mut source = (*workflow.source).clone();
    let told = reading.findings().into_iter().filter(|(source, _)| source.name() == path);
    let mut findings: Vec<Finding> = told.map(|(_, finding)| finding).collect();
    findings.extend(lint(&workflow, &options, Some(&Repositories)));
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
    let told = workflows("clean").into_iter().map(|(name, text)| {
        let (source, findings) = findings(&name, &text);
        rendered(&source, &findings)
    });
    let told: String = told.collect();
    assert!(told.is_empty(), "{told}");
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

#[test]
fn labels_of_ones_own_runners_are_known() {
    let text = "on: push\njobs:\n  a:\n    runs-on: [self-hosted, gpu]\n    steps: [{run: x}]\n  \
                b:\n    runs-on: fast\n    steps: [{run: x}]\n  c:\n    runs-on: fats\n    \
                steps: [{run: x}]\n";
    let told = |labels: Option<&[String]>| {
        let reading = syntax::read("w.yml", text.as_bytes(), None, &syntax::Options::default());
        let options = Options { environments: None, labels };
        let findings = lint(&reading.workflow.unwrap(), &options, None);
        findings.iter().map(|finding| finding.message.clone()).collect::<Vec<_>>()
    };
    assert!(told(None).is_empty());
    assert_eq!(
        told(Some(&["fast".to_owned()])),
        [
            "no runner is known that has the label `gpu`",
            "no runner is known that has the label `fats`",
        ]
    );
    assert_eq!(
        told(Some(&["fast".to_owned(), "GPU".to_owned()])),
        ["no runner is known that has the label `fats`"]
    );
}

#[test]
fn a_file_full_of_mistakes_has_an_end() {
    let steps: Vec<String> =
        (0..5_000).map(|step| format!("      - run: echo ${{{{ steps.s{step}.id }}}}")).collect();
    let steps = steps.join("\n");
    let text = format!("on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n{steps}");
    let reading = syntax::read("w.yml", text.as_bytes(), None, &syntax::Options::default());
    let findings = lint(&reading.workflow.unwrap(), &Options::default(), None);
    assert_eq!(findings.len(), 1_000);
}

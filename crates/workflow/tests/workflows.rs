//! GitHub's own cases: a workflow with the files that it calls, and what GitHub makes of it.
//!
//! `HIGHROAD_CONFORMANCE` names the folder with the data, otherwise it is looked for beside the
//! workspace. Cases beyond those that are known here may be in it too.

#[path = "workflows/case.rs"]
mod case;
#[path = "workflows/message.rs"]
mod message;
#[path = "workflows/template.rs"]
mod template;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use case::Case;

/// Cases that are not passed, each with the reason.
const NOT_PASSED: &[(&str, &str)] = &[];

/// How many cases there were when the table was made.
const KNOWN: usize = 130;

/// The share of cases that must be passed where others are among them.
const PERCENT: usize = 95;

#[test]
fn cases_of_github() {
    let mut passed = 0;
    let mut report = String::new();
    let cases = files();
    for path in &cases {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let case = Case::read(&name, &fs::read_to_string(path).unwrap());
        let reason = NOT_PASSED.iter().find(|(case, _)| *case == name).map(|(_, reason)| reason);
        match (case.check(), reason) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some(_)) => writeln!(report, "{name} passes now: take it off").unwrap(),
            (Err(_), Some(reason)) => println!("not passed: {name}: {reason}"),
            (Err(difference), None) => writeln!(report, "{name}\n{difference}").unwrap(),
        }
    }
    println!("{passed} of {} passed", cases.len());
    let strange = cases.len() > KNOWN;
    let enough = if strange {
        passed * 100 >= cases.len() * PERCENT
    } else {
        report.is_empty() && passed + NOT_PASSED.len() >= KNOWN
    };
    println!("{report}");
    assert!(enough, "{passed} of {} passed\n{report}", cases.len());
}

fn files() -> Vec<PathBuf> {
    let folder = folder();
    let entries = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}; set HIGHROAD_CONFORMANCE", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    files
}

fn folder() -> PathBuf {
    let root = env::var_os("HIGHROAD_CONFORMANCE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance"),
        PathBuf::from,
    );
    root.join("github-actions/workflows")
}

/// Whatever is done to a file, reading it ends in a workflow or in problems.
#[test]
fn damaged_files_are_read_to_their_end() {
    let mut random = Random(0x5eed);
    for path in files() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        for _ in 0..20 {
            let mut case = Case::read(&name, &text);
            damage(&mut case.workflow, &mut random);
            let reading = case.reading();
            for (source, finding) in reading.findings() {
                assert!(finding.span.start <= source.text().len(), "{name}");
                finding.render(source, model::source::Paint::Plain);
            }
            assert!(reading.has_errors() || reading.workflow.is_some(), "{name}");
        }
    }
}

/// What means something in YAML, and what may not be in it.
const STRANGE: &[u8] = b"\0\t\n {}[]&*!|>'\"%@`#:-?,$\xff";

/// Cuts, doubles and swaps some lines and bytes.
fn damage(text: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        if text.is_empty() {
            return;
        }
        let at = random.below(text.len());
        let end = (at + random.below(40)).min(text.len());
        match random.below(6) {
            0 => text.truncate(at),
            1 => drop(text.drain(at..end)),
            2 => {
                let piece = text[at..end].to_vec();
                let to = random.below(text.len());
                text.splice(to..to, piece);
            }
            3 => text[at] = STRANGE[random.below(STRANGE.len())],
            4 => text.splice(at..at, *b"${{ '").for_each(drop),
            _ => {
                let other = random.below(text.len());
                text.swap(at, other);
            }
        }
    }
}

/// Numbers that look drawn and are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

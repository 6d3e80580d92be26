//! The reader of workflow files.
//!
//! [`read`] holds a file against the rules of the language, makes a typed [`Workflow`] of it, and
//! does the same with the files that it calls. It finds everything that is wrong at once, in the
//! order in which GitHub would tell it.
//!
//! [`Workflow`]: model::Workflow

mod build;
mod call;
mod grammar;
mod limits;
pub mod model;
mod node;
mod problem;
mod problems;
mod read;

use std::sync::Arc;

use ::model::source::{Finding, Source};

pub use call::{Files, Place, Repository};
pub use limits::{Limits, Options, TokenPolicy};
pub use node::{At, Entry, Given, Node, Text, Value};
pub use problem::{Exceeded, IdWrong, Problem, ProblemKind, Stage, Step, TargetWrong};

/// What reading a workflow came to.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Each file that was read: first the workflow, then the called ones as they are met.
    pub sources: Vec<Arc<Source>>,
    /// As far as it could be read; with errors, parts of it are missing.
    pub workflow: Option<Arc<model::Workflow>>,
    /// In the order in which GitHub would meet them.
    pub problems: Vec<Problem>,
}

/// Reads a workflow file, and what it calls if there is somebody to ask for files.
pub fn read(path: &str, bytes: &[u8], files: Option<&dyn Files>, options: &Options) -> Reading {
    let mut loader = call::Loader::new(files, options);
    let place = Place { repository: None, path: path.to_owned() };
    loader.load(place, bytes);
    let found = loader.problems.take();
    let problems = call::Walk::problems(&loader, options, found);
    Reading {
        sources: loader.loaded.iter().map(|loaded| loaded.source.clone()).collect(),
        workflow: loader.loaded[0].workflow.clone(),
        problems,
    }
}

impl Reading {
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }

    /// Everything that is wrong, file by file and in the order of each file, in our own words.
    pub fn findings(&self) -> Vec<(&Arc<Source>, Finding)> {
        let mut findings: Vec<(usize, Finding)> = Vec::new();
        for problem in &self.problems {
            if findings.len() >= MOST_FINDINGS {
                break;
            }
            for mut finding in problem.findings(&self.sources[problem.file]) {
                if let Some((file, place)) =
                    problem.caller.filter(|(file, _)| *file != problem.file)
                {
                    let line = self.sources[file].position(place.start).line;
                    let caller = format!("called by {}:{line}", self.sources[file].name());
                    finding.note.get_or_insert(caller);
                }
                let known = |(file, other): &(usize, Finding)| {
                    *file == problem.file
                        && (other.span, other.code) == (finding.span, finding.code)
                };
                if !findings.iter().any(known) {
                    findings.push((problem.file, finding));
                }
            }
        }
        findings.sort_by_key(|(file, finding)| (*file, finding.span.start, finding.span.end));
        findings.into_iter().map(|(file, finding)| (&self.sources[file], finding)).collect()
    }
}

/// Beyond this many a reader mends what there is and asks again.
const MOST_FINDINGS: usize = 500;

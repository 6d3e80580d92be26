//! What each step has left, kept in a file, so that a later attempt can begin behind it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use model::pipeline::StepReport;
use serde::{Deserialize, Serialize};

use super::job::Job;
use super::said::{put_first, set};
use super::state::Left;
use crate::context::Pairs;

/// The file, one line a step.
#[derive(Debug)]
pub(super) struct Kept {
    file: File,
}

/// One step's line.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Line {
    step: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reports: Vec<(u32, StepReport)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    env: Pairs,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    path: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<(String, Left)>,
    /// What held a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<String>,
}

/// What all steps before one have left.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    pub(super) env: Pairs,
    pub(super) path: Vec<String>,
    pub(super) steps: Vec<(String, Left)>,
    pub(super) reports: BTreeMap<u32, StepReport>,
    pub(super) withheld: Vec<String>,
}

/// What has changed since the last line.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) env: Pairs,
    pub(super) path: Vec<String>,
    pub(super) steps: Vec<(String, Left)>,
    pub(super) reports: Vec<(u32, StepReport)>,
}

const FILE: &str = "steps.ndjson";
/// The longest line that is read back.
const MAX_LINE: usize = 64 << 20;

impl Kept {
    pub(super) fn create(folder: &Path) -> Result<Self, String> {
        let path = folder.join(FILE);
        let file = fs::create_dir_all(folder).and_then(|()| {
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)
        });
        let file = file.map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(Self { file })
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.file.write_all(&bytes)
    }
}

impl Job<'_> {
    /// Keeps what a step of the order has left. Secrets are not kept.
    pub(super) fn keep_step(&self, number: u32) {
        let News { mut env, path, mut steps, reports } = std::mem::take(&mut self.state().news);
        let mut withheld = Vec::new();
        env.retain(|(name, value)| {
            let is_secret = self.masks.contains(value);
            if is_secret {
                withheld.push(format!("the variable {name}"));
            }
            !is_secret
        });
        for (id, left) in &mut steps {
            left.outputs.retain(|(name, value)| {
                let is_secret = self.masks.contains(value);
                if is_secret {
                    withheld.push(format!("the output {name} of the step {id}"));
                }
                !is_secret
            });
        }
        let line = Line { step: number, reports, env, path, steps, withheld };
        if let Err(error) = self.kept().write(&line) {
            self.say(number, &format!("##[warning]what the step has left cannot be kept: {error}"));
        }
    }
}

/// Reads what the steps before `first` have left; all of them must be there.
pub(super) fn read(folder: &Path, first: usize) -> Result<Earlier, String> {
    let path = folder.join(FILE);
    let wrong = |why: &dyn std::fmt::Display| {
        format!("what the earlier attempt has left cannot be read from {}: {why}", path.display())
    };
    let mut reader = BufReader::new(File::open(&path).map_err(|error| wrong(&error))?);
    let mut earlier = Earlier::default();
    let mut next = 0;
    let mut text = Vec::new();
    while next < first {
        text.clear();
        let read = io::Read::take(&mut reader, MAX_LINE as u64).read_until(b'\n', &mut text);
        if read.map_err(|error| wrong(&error))? == 0 {
            let message =
                format!("the earlier attempt came to step {next} only: run the job from there");
            return Err(message);
        }
        let line: Line = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
        earlier.take_in(line);
        next += 1;
    }
    Ok(earlier)
}

impl Earlier {
    fn take_in(&mut self, line: Line) {
        for (name, value) in line.env {
            set(&mut self.env, &name, value);
        }
        for folder in &line.path {
            put_first(&mut self.path, folder);
        }
        for (id, left) in line.steps {
            self.steps.retain(|(known, _)| !known.eq_ignore_ascii_case(&id));
            self.steps.push((id, left));
        }
        self.reports.extend(line.reports);
        self.withheld.extend(line.withheld);
    }
}

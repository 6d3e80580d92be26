//! Draws a workflow from a seed, what becomes of its jobs, and what people say to its run.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use engine::pipeline::Word;
use jiff::SignedDuration;
use model::pipeline::{Ending, Protection, Request, Sheet};
use ports::fake::{JobNature, Seeded};
use serde_json::json;
use workflow::sheet::sheet;
use workflow::syntax::{self, Files, Options, Place};

/// A run of a workflow, and its fate.
#[derive(Debug, Clone)]
pub(super) struct Story {
    file: String,
    called: String,
    pub(super) sheet: Sheet,
    /// By the names of the jobs.
    pub(super) natures: BTreeMap<String, JobNature>,
    /// Whether whoever is asked says yes.
    approves: bool,
    /// When somebody ends it, each time so long after the last, and whether by force.
    pub(super) cancels: Vec<(SignedDuration, bool)>,
    pub(super) servers: usize,
    /// Nothing in it goes by what comes first.
    pub(super) is_tame: bool,
}

impl Story {
    pub(super) fn drawn(seed: u64) -> Self {
        let luck = Seeded::new(seed ^ 0x0b5);
        let is_tame = !luck.one_in(3);
        let mut pen = Pen { luck, is_tame, natures: BTreeMap::new(), losses: 10 };
        let parts = pen.jobs("k", 3, &|_| Vec::new(), false);
        let called = format!("on: workflow_call\njobs:\n{}", pen.text);
        let cells = |cells: &[String]| cells.to_vec();
        drop(cells);
        todo_placeholder(parts, called, seed)
    }
}

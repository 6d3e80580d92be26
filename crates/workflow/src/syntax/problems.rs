//! Problems as they are gathered.

use model::source::{Severity, Span};

use super::problem::{Problem, ProblemKind, Stage, Step};

/// Beyond this many of one severity a reader mends what there is and asks again.
const MOST: usize = 2000;

/// What is wrong so far, and in which file the reading is.
#[derive(Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    errors: usize,
    file: usize,
}

impl Problems {
    pub(super) fn enter(&mut self, file: usize) {
        self.file = file;
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        stage: Stage,
        span: Span,
        path: String,
        kind: ProblemKind,
    ) {
        let is_error = severity == Severity::Error;
        let alike = if is_error { self.errors } else { self.list.len() - self.errors };
        if alike >= MOST {
            return;
        }
        self.errors += usize::from(is_error);
        // By which call the file was met is put in once that is known.
        let step = Step { call: 0, stage };
        let file = self.file;
        self.list.push(Problem { kind, severity, file, span, path, step, caller: None });
    }

    /// Adds what makes the file unusable.
    pub(super) fn refuse(&mut self, span: Span, kind: ProblemKind) {
        self.add(Severity::Error, Stage::Shape, span, String::new(), kind);
    }

    pub(super) fn take(&mut self) -> Vec<Problem> {
        self.errors = 0;
        std::mem::take(&mut self.list)
    }
}

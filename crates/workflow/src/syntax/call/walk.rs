//! Goes from call to call, and holds the called against their callers.

use std::collections::BTreeSet;

use model::source::{Severity, Span};

use super::super::limits::Options;
use super::super::model::{Call, Job, Permissions, Work, Workflow};
use super::super::problem::{Problem, ProblemKind, Stage, Step};
use super::{Loaded, Loader, of_own_repository};

/// Beyond this many problems nobody looks on.
const MOST_PROBLEMS: usize = 1000;

/// Goes from call to call, in the order of the jobs.
pub(in super::super) struct Walk<'a> {
    loader: &'a Loader<'a>,
    pub(super) options: &'a Options,
    problems: Vec<Problem>,
    /// For each file the call by which it was met first, and where that stands.
    first: Vec<Option<First>>,
    calls: usize,
    jobs: usize,
    bytes: usize,
    /// Calls that lead nowhere and have been told.
    told: BTreeSet<(usize, usize)>,
}

#[derive(Debug, Clone, Copy)]
struct First {
    call: usize,
    caller: Option<(usize, Span)>,
}

/// One call: the job, the file that it is in, and the permissions that are laid down for it.
pub(super) struct Here<'a> {
    pub(super) caller: usize,
    pub(super) job: &'a Job,
    pub(super) call: &'a Call,
    pub(super) granted: Option<&'a Permissions>,
    depth: usize,
}

/// Nothing more is to be looked at.
struct Stop;

impl<'a> Walk<'a> {
    /// All problems, those of reading the files included.
    pub(in super::super) fn problems(
        loader: &'a Loader<'a>,
        options: &'a Options,
        read: Vec<Problem>,
    ) -> Vec<Problem> {
        let mut walk = Walk {
            loader,
            options,
            problems: Vec::new(),
            first: vec![None; loader.loaded.len()],
            calls: 0,
            jobs: 0,
            bytes: loader.bytes,
            told: BTreeSet::new(),
        };
        walk.first[0] = Some(First { call: 0, caller: None });
        if let Some(workflow) = &loader.loaded[0].workflow {
            walk.count(workflow, 0, None, 0);
            let granted = workflow.permissions.as_ref().map(|granted| &granted.value);
            // Whatever stopped the walk has been told.
            let _ = walk.follow(workflow, 0, granted, 1);
        }
        // A file that only calls too deep lead to is never met.
        let mut problems = read;
        problems.retain_mut(|problem| {
            let first = walk.first[problem.file];
            if let Some(First { call, caller }) = first {
                problem.step.call = call;
                problem.caller = caller;
            }
            first.is_some()
        });
        problems.append(&mut walk.problems);
        problems.sort_by_key(|problem| problem.step);
        problems
    }

    fn follow(
        &mut self,
        workflow: &'a Workflow,
        file: usize,
        granted: Option<&'a Permissions>,
        depth: usize,
    ) -> Result<(), Stop> {
        for (index, job) in workflow.jobs.iter().enumerate() {
            let Work::Call(call) = &job.work else { continue };
            let granted = job.permissions.as_ref().map(|own| &own.value).or(granted);
            let here = Here { caller: file, job, call, granted, depth };
            if let Some(called) = self.loader.loaded[file].calls.get(&index) {
                self.visit(&here, *called)?;
            } else if let Some(failure) = self.loader.failures.get(&(file, index)) {
                self.calls += 1;
                if self.told.insert((file, index)) {
                    self.tell(file, failure.span, &here, Stage::Shape, failure.kind.clone());
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self, here: &Here<'a>, called: usize) -> Result<(), Stop> {
        self.calls += 1;
        let uses = here.uses();
        if here.depth > self.options.limits.calls {
            let kind = ProblemKind::CallTooDeep { limit: self.options.limits.calls };
            self.tell(here.caller, uses, here, Stage::Shape, kind);
            return Ok(());
        }
        let from = Some((here.caller, uses));
        let loaded: &'a Loaded = &self.loader.loaded[called];
        if self.first[called].is_none() {
            self.first[called] = Some(First { call: self.calls, caller: from });
        } else {
            self.bytes += loaded.bytes;
            let limit = self.options.limits.result;
            if self.bytes > limit {
                let kind = ProblemKind::TooLarge { limit };
                self.tell(called, Span::default(), here, Stage::Shape, kind);
                return Err(Stop);
            }
        }
        let Some(workflow) = &loaded.workflow else { return Ok(()) };
        self.count(workflow, called, from, self.calls);
        self.interface(here, workflow, called);
        let root = workflow.permissions.as_ref().map(|root| &root.value);
        if let Some(wanted) = root {
            self.permissions(here, None, wanted);
        }
        for job in &workflow.jobs {
            if let Some(wanted) = &job.permissions {
                self.permissions(here, Some(job), &wanted.value);
            }
        }
        if self.problems.len() > MOST_PROBLEMS {
            return Err(Stop);
        }
        self.follow(workflow, called, root.or(here.granted), here.depth + 1)
    }

    /// Counts the jobs of a file; the first one too many is told.
    fn count(
        &mut self,
        workflow: &Workflow,
        file: usize,
        caller: Option<(usize, Span)>,
        call: usize,
    ) {
        let limit = self.options.limits.jobs;
        let before = self.jobs;
        self.jobs += workflow.jobs.len();
        if before <= limit
            && let Some(job) = workflow.jobs.get(limit - before)
        {
            self.problems.push(Problem {
                kind: ProblemKind::TooManyJobs { limit },
                severity: Severity::Error,
                file,
                span: job.id.span,
                path: format!("jobs.{}", job.id.value),
                step: Step { call, stage: Stage::Meaning },
                caller,
            });
        }
    }

    pub(super) fn tell(
        &mut self,
        file: usize,
        span: Span,
        here: &Here<'_>,
        stage: Stage,
        kind: ProblemKind,
    ) {
        if self.problems.len() > MOST_PROBLEMS {
            return;
        }
        let severity = match kind {
            ProblemKind::CallElsewhere { .. } => Severity::Advice,
            _ => Severity::Error,
        };
        self.problems.push(Problem {
            kind,
            severity,
            file,
            span,
            path: format!("jobs.{}", here.job.id.value),
            step: Step { call: self.calls, stage },
            caller: Some((here.caller, here.uses())),
        });
    }
}

impl Here<'_> {
    pub(super) fn uses(&self) -> Span {
        self.call.uses.as_ref().map_or(self.job.id.span, |uses| uses.span)
    }

    pub(super) fn uses_own_repository(&self) -> bool {
        self.call.uses.as_ref().is_some_and(|uses| of_own_repository(&uses.value).is_some())
    }
}

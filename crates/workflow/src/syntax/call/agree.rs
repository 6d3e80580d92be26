//! What a caller and the called have to agree on: inputs, secrets and permissions, call by call.

use std::collections::BTreeSet;

use model::source::{Severity, Span};

use super::super::limits::{Options, TokenPolicy};
use super::super::model::{
    Access, Call, Input, InputKind, Job, Permissions, Scope, Secrets, Work, Workflow, WorkflowCall,
};
use super::super::node::{Node, Value};
use super::super::problem::{Exceeded, Problem, ProblemKind, Stage, Step};
use super::{Loaded, Loader};

/// Beyond this many problems nobody looks on.
const MOST_PROBLEMS: usize = 1000;

/// Goes from call to call, in the order of the jobs.
pub(in super::super) struct Walk<'a> {
    loader: &'a Loader<'a>,
    options: &'a Options,
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
struct Here<'a> {
    caller: usize,
    job: &'a Job,
    call: &'a Call,
    granted: Option<&'a Permissions>,
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
        match self.first[called] {
            None => self.first[called] = Some(First { call: self.calls, caller: from }),
            Some(_) => {
                self.bytes += loaded.bytes;
                let limit = self.options.limits.result;
                if self.bytes > limit {
                    let kind = ProblemKind::TooLarge { limit };
                    self.tell(called, Span::default(), here, Stage::Shape, kind);
                    return Err(Stop);
                }
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

    fn interface(&mut self, here: &Here<'_>, workflow: &Workflow, called: usize) {
        let Some(interface) = workflow.call() else {
            if let Some(on) = workflow.tree.get("on") {
                self.tell(called, on.span, here, Stage::Meaning, ProblemKind::NotCallable);
            }
            return;
        };
        self.inputs(here, interface, called);
        self.secrets(here, interface);
    }

    fn inputs(&mut self, here: &Here<'_>, interface: &WorkflowCall, called: usize) {
        let given = here.call.with.as_ref().and_then(Node::as_mapping).unwrap_or_default();
        for input in &interface.inputs {
            if let Some(default) = &input.default {
                self.input(called, default, input, here);
            }
            let name = &input.name.value;
            let value = given.iter().find(|entry| {
                entry.key.literal().is_some_and(|key| key.eq_ignore_ascii_case(name))
            });
            match value {
                Some(entry) => self.input(here.caller, &entry.value, input, here),
                None if input.is_required() => {
                    let kind = ProblemKind::MissingInput { name: name.clone() };
                    self.tell(here.caller, here.uses(), here, Stage::Meaning, kind);
                }
                None => {}
            }
        }
        for entry in given {
            let Some(name) = entry.key.literal() else { continue };
            let is_known = |input: &Input| input.name.value.eq_ignore_ascii_case(name);
            if !interface.inputs.iter().any(is_known) {
                let known = interface.inputs.iter().map(|input| input.name.value.clone()).collect();
                let kind = ProblemKind::UnknownInput {
                    name: name.to_owned(),
                    key: entry.key.span(),
                    known,
                };
                self.tell(here.caller, entry.value.span, here, Stage::Meaning, kind);
            }
        }
    }

    /// Whether a value is of an input's kind.
    fn input(&mut self, file: usize, value: &Node, input: &Input, here: &Here<'_>) {
        let (fits, shown) = match (&value.value, input.kind()) {
            (Value::Text(text), kind) => match text.literal() {
                None => return,
                Some(text) => (kind == InputKind::String, text.to_owned()),
            },
            (Value::Bool(value), kind) => (kind != InputKind::Number, value.to_string()),
            (Value::Number(value), kind) => {
                let shown = crate::expression::Value::Number(*value).to_text().into_owned();
                (kind != InputKind::Boolean, shown)
            }
            (Value::Null, kind) => (kind == InputKind::String, String::new()),
            (Value::List(_) | Value::Mapping(_), _) => return,
        };
        if !fits {
            let kind = ProblemKind::Input { kind: input.kind(), shown };
            self.tell(file, value.span, here, Stage::Meaning, kind);
        }
    }

    fn secrets(&mut self, here: &Here<'_>, interface: &WorkflowCall) {
        let given = match &here.call.secrets {
            // Whether all that are wanted are there shows when it runs.
            Secrets::Inherit(_) => return,
            Secrets::None => &[],
            Secrets::Named(given) => given.as_mapping().unwrap_or_default(),
        };
        for secret in interface.secrets.iter().filter(|secret| secret.is_required()) {
            let name = &secret.name.value;
            let is_given = given
                .iter()
                .any(|entry| entry.key.literal().is_some_and(|key| key.eq_ignore_ascii_case(name)));
            if !is_given {
                let kind = ProblemKind::MissingSecret { name: name.clone() };
                self.tell(here.caller, here.uses(), here, Stage::Meaning, kind);
            }
        }
        for entry in given {
            let Some(name) = entry.key.literal() else { continue };
            let known = || interface.secrets.iter().map(|secret| &secret.name.value);
            if !known().any(|known| known.eq_ignore_ascii_case(name)) {
                let kind = ProblemKind::UnknownSecret {
                    name: name.to_owned(),
                    key: entry.key.span(),
                    known: known().cloned().collect(),
                };
                self.tell(here.caller, entry.value.span, here, Stage::Meaning, kind);
            }
        }
    }

    /// Whether the called wants no more than the caller may give away.
    fn permissions(&mut self, here: &Here<'_>, job: Option<&Job>, wanted: &Permissions) {
        let own = here.uses_own_repository();
        let allowed = |scope| match (here.granted, self.options.policy) {
            (Some(granted), _) => granted.access(scope),
            (None, None) => Access::Write,
            (None, Some(policy)) => by_default(policy, scope, own),
        };
        let exceeded: Vec<Exceeded> = Scope::ALL
            .iter()
            .map(|scope| Exceeded {
                scope: *scope,
                wanted: wanted.access(*scope),
                allowed: allowed(*scope),
            })
            .filter(|exceeded| exceeded.wanted > exceeded.allowed)
            .collect();
        if exceeded.is_empty() {
            return;
        }
        let job = job.map(|job| {
            let name = job.name.as_ref().map(|name| name.literal().unwrap_or(name.raw()));
            name.filter(|name| !name.is_empty()).unwrap_or(&job.id.value).to_owned()
        });
        let workflow = here.call.uses.as_ref().map(|uses| uses.value.clone()).unwrap_or_default();
        let kind = ProblemKind::Permissions { workflow, job, exceeded };
        self.tell(here.caller, here.job.id.span, here, Stage::Meaning, kind);
    }

    fn tell(&mut self, file: usize, span: Span, here: &Here<'_>, stage: Stage, kind: ProblemKind) {
        self.problems.push(Problem {
            kind,
            severity: Severity::Error,
            file,
            span,
            path: format!("jobs.{}", here.job.id.value),
            step: Step { call: self.calls, stage },
            caller: Some((here.caller, here.uses())),
        });
    }
}

impl Here<'_> {
    fn uses(&self) -> Span {
        self.call.uses.as_ref().map_or(self.job.id.span, |uses| uses.span)
    }

    fn uses_own_repository(&self) -> bool {
        self.call.uses.as_ref().is_some_and(|uses| uses.value.starts_with("./"))
    }
}

fn by_default(policy: TokenPolicy, scope: Scope, own_repository: bool) -> Access {
    match (policy, scope) {
        (TokenPolicy::Restricted, Scope::Contents | Scope::Packages) => Access::Read,
        (TokenPolicy::Restricted, _) => Access::None,
        // What says who somebody is, is not given to strangers unasked.
        (TokenPolicy::Permissive, Scope::IdToken) if !own_repository => Access::None,
        (TokenPolicy::Permissive, _) => Access::Write,
    }
}

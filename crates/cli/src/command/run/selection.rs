//! Which workflows run, with what, and why the others do not.

use std::path::Path;
use std::sync::Arc;

use engine::pipeline::{self, Again, NotAgain};
use model::id::RunId;
use model::name::ServiceName;
use model::pipeline::{JobSheet, Request, Run as Process, Sheet, StepSheet, Tree, Values, Work};
use model::source::{Finding, Severity, Source, nearest};
use ports::clock::{Clock as _, SystemClock};
use ports::entropy::{Entropy, SystemEntropy};
use serde_json::json;
use workflow::expression::Value;
use workflow::github::{self, Which};
use workflow::syntax::model::Workflow;
use workflow::syntax::{ProblemKind, Reading};
use workflow::{lint, sheet, syntax, trigger};

use super::Run;
use super::occasion::{self, Asked};
use crate::error::Error;
use crate::exit::Exit;
use crate::local::git::WorkingTree;
use crate::local::past::Past;
use crate::terminal::Terminal;
use crate::workflow_files::{Elsewhere, WorkflowFiles};

/// The event that takes inputs.
const BY_HAND: &str = "workflow_dispatch";

#[derive(Debug, Default)]
pub(super) struct Selection {
    /// What is to be executed.
    pub(super) runs: Vec<Process>,
    /// Every file that was looked at.
    pub(super) candidates: Vec<Candidate>,
}

/// A workflow, and whether it runs.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) path: String,
    pub(super) name: String,
    /// The events that it listens to.
    pub(super) on: Vec<String>,
    pub(super) why_not: Option<String>,
    /// With the sources that they are in.
    findings: Vec<(Arc<Source>, Finding)>,
    pub(super) sheet: Option<Sheet>,
}

impl Selection {
    pub(super) fn of(
        tree: &WorkingTree,
        asked: &Run,
        data: &Path,
        service: &ServiceName,
    ) -> Result<Self, Error> {
        let files = WorkflowFiles::of(&tree.root);
        let mirrored = asked.actions().map(|url| {
            let elsewhere = Elsewhere::mirrored(url, data.join("actions"));
            WorkflowFiles::of(&tree.root).with(elsewhere)
        });
        let paths = match &asked.workflows {
            Some(name) => files.named(name)?,
            None => files.all()?,
        };
        if !asked.inputs.is_empty() && asked.event != BY_HAND {
            return Err(Error::new(Exit::Usage, format!("{} takes no inputs", asked.event))
                .hint(format!("highroad run {BY_HAND} --input KEY=VALUE")));
        }
        if paths.is_empty() {
            return Err(Error::new(Exit::NotFound, "there are no workflows in .github/workflows")
                .hint("name a file or a folder with -W, or go to the repository with -C"));
        }
        let event =
            Asked { event: &asked.event, payload: asked.payload.as_deref(), inputs: &asked.inputs };
        let made = occasion::of(tree, &event)?;
        let mut selection = Self::default();
        for path in paths {
            let bytes = files.bytes(&path)?;
            let read =
                |files| syntax::read(&path, &bytes, Some(files), &syntax::Options::default());
            let mut reading = read(&files);
            // What does not run is no reason to fetch anything.
            let lacks = calls_elsewhere(&reading) && starts(&reading, &made);
            if let (true, Some(mirrored)) = (lacks, &mirrored) {
                reading = read(mirrored);
            }
            let findings = reading.findings().into_iter();
            let mut findings: Vec<_> =
                findings.map(|(source, finding)| (source.clone(), finding)).collect();
            let lacks = lacks && mirrored.is_none();
            if lacks && !asked.list {
                for (_, finding) in &mut findings {
                    insist(finding);
                }
            }
            if let Some(workflow) = &reading.workflow {
                let found = lint::lint_matrices(workflow).into_iter();
                findings.extend(found.map(|finding| (reading.sources[0].clone(), finding)));
            }
            let mut candidate = Candidate {
                name: path.clone(),
                path,
                on: Vec::new(),
                why_not: None,
                findings,
                sheet: None,
            };
            let sheet = sheet::sheet(&reading);
            if let Some(workflow) = &reading.workflow {
                candidate.look_at(workflow, &made);
                if lacks {
                    candidate.why_not = Some(LACKS.to_owned());
                }
            }
            if let Some(sheet) = sheet {
                let inputs = inputs(&sheet, asked)?;
                candidate.take(sheet, asked);
                if candidate.why_not.is_none() {
                    selection.begin(&candidate, service, asked, &made, inputs);
                }
            }
            selection.candidates.push(candidate);
        }
        selection.check_names(asked)?;
        selection.check_cells(asked)?;
        Ok(selection)
    }

    /// What an earlier run left to do.
    pub(super) fn again(past: &Past, what: &str, from: Option<&str>) -> Result<Self, Error> {
        let mut selection = Self::default();
        let mut seen = Vec::new();
        for run in past.last_runs() {
            let run = run?;
            if seen.contains(&run.sheet.path) {
                continue;
            }
            seen.push(run.sheet.path.clone());
            let Some(again) = again(&run, what, from)? else { continue };
            selection.runs.push(again);
        }
        if seen.is_empty() {
            return Err(Error::new(Exit::NotFound, "nothing was run in this repository yet")
                .hint("run it once: highroad run"));
        }
        if selection.runs.is_empty() {
            return Err(match what {
                "failed" => Error::new(Exit::NotFound, "nothing failed in the last run"),
                job => Error::new(Exit::NotFound, format!("the last run had no job '{job}'")),
            });
        }
        Ok(selection)
    }

    pub(super) fn has_errors(&self) -> bool {
        self.candidates.iter().any(Candidate::has_errors)
    }

    /// Shows what is wrong with the files.
    pub(super) fn complain(&self, terminal: &mut Terminal) -> Result<(), Error> {
        let findings = self.candidates.iter().flat_map(|candidate| &candidate.findings);
        let errors = findings.filter(|(_, finding)| finding.severity == Severity::Error);
        if terminal.json() {
            let errors: Vec<_> = errors.map(|(source, finding)| finding.report(source)).collect();
            return terminal.print_json(&json!({ "findings": errors }));
        }
        let paint = terminal.paint();
        for (source, finding) in errors {
            terminal.print(&format!("{}\n", finding.render(source, paint.into())))?;
        }
        Ok(())
    }

    pub(super) fn nothing_to_run(&self, event: &str) -> Error {
        let mut error = Error::new(Exit::NotFound, format!("no workflow runs by {event}"));
        for candidate in &self.candidates {
            if let Some(why_not) = &candidate.why_not {
                error = error.caused_by(format!("{}: {why_not}", candidate.path));
            }
        }
        error.hint("highroad run --list shows what each workflow listens to")
    }

    /// The length of the longest name that a job may have, as far as that is known before.
    pub(super) fn longest_name(&self) -> usize {
        let sheets = self.runs.iter().map(|run| &run.sheet);
        sheets.map(|sheet| longest(sheet)).max().unwrap_or_default()
    }

    fn begin(
        &mut self,
        candidate: &Candidate,
        service: &ServiceName,
        asked: &Run,
        made: &occasion::Made,
        inputs: Values,
    ) {
        let Some(sheet) = &candidate.sheet else { return };
        let now = SystemClock.now();
        let entropy: &dyn Entropy = &SystemEntropy;
        let id = entropy.id(RunId::new, now);
        let which = Which {
            run: &id.to_string(),
            number: 1,
            attempt: 1,
            path: &candidate.path,
            name: &candidate.name,
        };
        let vars = asked.vars.iter().map(|(name, value)| (name.clone(), json!(value)));
        let request = Request {
            github: github::context(&made.occasion, &which),
            inputs,
            vars: vars.collect(),
            cells: asked.matrix.clone(),
            untrusted: made.is_fork,
            ..Request::default()
        };
        self.runs.push(Process::new(id, service.clone(), request, sheet.clone(), now));
    }

    /// A job that is asked for and nowhere is more likely misspelt than left out.
    fn check_names(&self, asked: &Run) -> Result<(), Error> {
        let Some(job) = &asked.job else { return Ok(()) };
        let sheets = self.candidates.iter().filter_map(|candidate| candidate.sheet.as_ref());
        if sheets.clone().any(|sheet| sheet.jobs.iter().any(|known| known.key == *job)) {
            return Ok(());
        }
        let error = Error::new(Exit::NotFound, format!("no workflow has a job '{job}'"));
        let keys: Vec<_> =
            sheets.flat_map(|sheet| sheet.jobs.iter().map(|known| known.key.as_str())).collect();
        Err(match nearest(job, keys.iter().copied()) {
            Some(near) => error.hint(format!("there is '{near}'")),
            None => error.hint(format!("there are: {}", keys.join(", "))),
        })
    }

    /// The same goes for cells of matrices, as far as these are written out.
    fn check_cells(&self, asked: &Run) -> Result<(), Error> {
        if self.runs.is_empty() {
            return Ok(());
        }
        let mut known = Vec::new();
        for job in self.runs.iter().flat_map(|run| jobs(&run.sheet)) {
            let Some(matrix) = &job.strategy.matrix else { continue };
            // What expressions make of it shows when it runs.
            let Some(values) = matrix.values() else { return Ok(()) };
            let text = |value: &Tree| Value::from(value.clone()).to_text().into_owned();
            known.extend(values.into_iter().map(|(key, value)| (key, text(value))));
        }
        for (key, value) in &asked.matrix {
            let values: Vec<&str> =
                known.iter().filter(|(it, _)| it == key).map(|(_, value)| value.as_str()).collect();
            if values.is_empty() {
                let keys = known.iter().map(|(key, _)| *key).collect();
                let message = format!("no matrix has the key '{key}'");
                return Err(not_there(message, key, keys, "no job that runs has a matrix"));
            }
            if !values.contains(&value.as_str()) {
                let message = format!("no matrix has the value '{value}' for '{key}'");
                return Err(not_there(message, value, values, "it has none"));
            }
        }
        Ok(())
    }
}

fn not_there(message: String, name: &str, mut known: Vec<&str>, none: &str) -> Error {
    let error = Error::new(Exit::NotFound, message);
    known.sort_unstable();
    known.dedup();
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("there is '{near}'")),
        None if known.is_empty() => error.hint(none),
        None => error.hint(format!("there are: {}", known.join(", "))),
    }
}

/// The jobs of a workflow and of all that it calls.
fn jobs(sheet: &Sheet) -> Vec<&JobSheet> {
    let mut all = Vec::new();
    for job in &sheet.jobs {
        all.push(job);
        if let Work::Call(call) = &job.work {
            all.extend(jobs(&call.sheet));
        }
    }
    all
}

impl Candidate {
    fn has_errors(&self) -> bool {
        self.findings.iter().any(|(_, finding)| finding.severity == Severity::Error)
    }

    /// Whether the event starts it.
    fn look_at(&mut self, workflow: &Workflow, made: &occasion::Made) {
        if let Some(name) = &workflow.name {
            name.raw().clone_into(&mut self.name);
        }
        self.on = workflow.on.iter().map(|event| event.name.value.clone()).collect();
        self.why_not = trigger::starts(workflow, &made.happening).err().map(|why| why.to_string());
    }

    /// Takes what is shown and executed.
    fn take(&mut self, mut sheet: Sheet, asked: &Run) {
        if let Some(job) = &asked.job {
            if sheet.jobs.iter().any(|known| known.key == *job) {
                sheet.keep_only(job);
            } else {
                self.why_not.get_or_insert_with(|| format!("it has no job `{job}`"));
            }
        }
        self.sheet = Some(sheet);
    }
}

const LACKS: &str = "it calls a workflow of another repository, and nothing says where that comes \
                     from: --actions URL does";

fn calls_elsewhere(reading: &Reading) -> bool {
    reading.problems.iter().any(|problem| matches!(problem.kind, ProblemKind::CallElsewhere { .. }))
}

fn starts(reading: &Reading, made: &occasion::Made) -> bool {
    let workflow = reading.workflow.as_ref();
    workflow.is_some_and(|workflow| trigger::starts(workflow, &made.happening).is_ok())
}

/// What may be passed over by who only looks is missing where it is to run.
fn insist(finding: &mut Finding) {
    if finding.code == "call-elsewhere" {
        finding.severity = Severity::Error;
        finding.hint = Some(
            "say where repositories come from, with `--actions URL` or in HIGHROAD_ACTIONS: a git \
             URL with {owner} and {repo} in it"
                .to_owned(),
        );
    }
}

/// The `inputs` context of a workflow that is started by hand.
fn inputs(sheet: &Sheet, asked: &Run) -> Result<Values, Error> {
    if asked.event != BY_HAND {
        return Ok(Values::new());
    }
    let given = asked.inputs.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    trigger::dispatched(&sheet.interface.inputs, &given).map_err(|errors| {
        let error = Error::new(Exit::Usage, "the inputs do not fit the workflow");
        errors.iter().fold(error, |error, wrong| error.caused_by(wrong.to_string()))
    })
}

/// A run that does again what an earlier one left to do; `None` where that is nothing.
fn again(run: &Process, what: &str, from: Option<&str>) -> Result<Option<Process>, Error> {
    let what = match (what, from) {
        ("all", None) => Again::All,
        ("failed", None) => Again::Failed,
        (job, None) => Again::Job(job),
        (job, Some(from)) => match step(run, job, from)? {
            Some(step) => Again::Step { job, step },
            None => return Ok(None),
        },
    };
    let mut request = match pipeline::again(run, what) {
        Ok(request) => request,
        Err(NotAgain::NothingFailed | NotAgain::NoSuchJob(_)) => return Ok(None),
        Err(why) => return Err(Error::new(Exit::NotFound, why.to_string())),
    };
    let attempt = request.github.get("run_attempt").and_then(|it| it.as_str()?.parse::<u64>().ok());
    let attempt = json!((attempt.unwrap_or(1) + 1).to_string());
    request.github.insert("run_attempt".to_owned(), attempt);
    let now = SystemClock.now();
    let entropy: &dyn Entropy = &SystemEntropy;
    let id = entropy.id(RunId::new, now);
    Ok(Some(Process::new(id, run.service.clone(), request, run.sheet.clone(), now)))
}

/// The step of a job, by its name, its id or its number, from which the job goes on.
fn step(run: &Process, name: &str, from: &str) -> Result<Option<usize>, Error> {
    let Some(job) = run.jobs.iter().find(|job| job.name == name) else { return Ok(None) };
    let steps = match run.sheet.jobs.get(job.index).map(|job| &job.work) {
        Some(Work::Steps(steps)) if job.caller.is_none() => &steps.steps,
        _ => {
            return Err(Error::new(
                Exit::Refused,
                "a job of a called workflow can be taken up from its beginning only",
            ));
        }
    };
    let is_it = |step: &StepSheet| step.id.as_deref() == Some(from) || step.shown_name() == from;
    let number = from.parse::<usize>().ok().filter(|number| (1..=steps.len()).contains(number));
    let place = steps.iter().position(is_it).or(number.map(|number| number - 1));
    if place.is_none() {
        let names: Vec<_> = steps.iter().map(|step| format!("'{}'", step.shown_name())).collect();
        return Err(Error::new(Exit::NotFound, format!("{name} has no step '{from}'"))
            .hint(format!("its steps are: {}", names.join(", "))));
    }
    Ok(place)
}

fn longest(sheet: &Sheet) -> usize {
    let length = |job: &JobSheet| match &job.work {
        Work::Call(call) => job.key.len() + 3 + longest(&call.sheet),
        Work::Steps(_) => {
            let name = job.name.as_ref().filter(|name| !name.contains("${{"));
            let cell = if job.strategy.matrix.is_some() { 12 } else { 0 };
            name.unwrap_or(&job.key).chars().count() + cell
        }
    };
    sheet.jobs.iter().map(length).max().unwrap_or_default()
}

//! Reads a file and every file that it calls, each once.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::source::{Source, Span};
use model::yaml;

use super::super::build;
use super::super::limits::Options;
use super::super::model::{Work, Workflow};
use super::super::problem::ProblemKind;
use super::super::problems::Problems;
use super::super::read::{self, TEXT_BYTES, utf16_length};
use super::{Files, Place};

pub(in super::super) struct Loader<'a> {
    files: Option<&'a dyn Files>,
    options: &'a Options,
    pub(in super::super) problems: Problems,
    /// In the order in which they were met.
    pub(in super::super) loaded: Vec<Loaded>,
    numbers: BTreeMap<Place, usize>,
    /// What GitHub reckons for all values.
    pub(in super::super) bytes: usize,
    /// The files that call one another down to the present one.
    way: Vec<Place>,
    /// Calls that lead nowhere: file and job, and why.
    pub(in super::super) failures: BTreeMap<(usize, usize), Failure>,
}

pub(in super::super) struct Loaded {
    pub(in super::super) source: Arc<Source>,
    pub(in super::super) place: Place,
    /// Nothing if it cannot be used.
    pub(in super::super) workflow: Option<Arc<Workflow>>,
    /// What its values take.
    pub(in super::super) bytes: usize,
    /// For each job that calls a file, the number of that.
    pub(in super::super) calls: BTreeMap<usize, usize>,
}

#[derive(Debug, Clone)]
pub(in super::super) struct Failure {
    pub(in super::super) span: Span,
    pub(in super::super) kind: ProblemKind,
}

impl<'a> Loader<'a> {
    pub(in super::super) fn new(files: Option<&'a dyn Files>, options: &'a Options) -> Self {
        Self {
            files,
            options,
            problems: Problems::default(),
            loaded: Vec::new(),
            numbers: BTreeMap::new(),
            bytes: 0,
            way: Vec::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Reads a file and what it calls; its number.
    pub(in super::super) fn load(&mut self, place: Place, bytes: &[u8]) -> usize {
        let number = self.loaded.len();
        let name = place.to_string();
        self.bytes += TEXT_BYTES + 2 * utf16_length(&name);
        self.problems.enter(number);
        self.numbers.insert(place.clone(), number);
        let (source, root) = self.parse(&name, bytes);
        self.loaded.push(Loaded {
            source: source.clone(),
            place: place.clone(),
            workflow: None,
            bytes: 0,
            calls: BTreeMap::new(),
        });
        let before = self.bytes;
        let limits = &self.options.limits;
        let tree = root.and_then(|root| {
            read::read(&root, &source, limits, &mut self.bytes, &mut self.problems)
        });
        self.loaded[number].bytes = self.bytes - before;
        let Some(tree) = tree else { return number };
        let mut workflow = build::build(source, tree, &mut self.problems);
        if let Some(files) = self.files {
            workflow.home = place.repository.clone().map(|mut home| {
                home.reference = files.commit(&home).unwrap_or(home.reference);
                home
            });
            self.way.push(place);
            self.follow(number, &mut workflow);
            self.way.pop();
        }
        self.loaded[number].workflow = Some(Arc::new(workflow));
        number
    }

    fn parse(&mut self, name: &str, bytes: &[u8]) -> (Arc<Source>, Option<yaml::Node>) {
        let limit = self.options.limits.file;
        let units = str::from_utf8(bytes).map_or(bytes.len(), utf16_length);
        if units > limit {
            self.problems.refuse(Span::default(), ProblemKind::FileTooLarge { limit });
            return (Arc::new(Source::new(name, "")), None);
        }
        let options = yaml::Options {
            limits: self.options.limits.yaml(),
            merge_keys: false,
            repeated_keys: true,
            forgiving: true,
        };
        let document = yaml::read(name, bytes, &options);
        for finding in document.findings {
            self.problems.refuse(finding.span, ProblemKind::Yaml(Box::new(finding)));
        }
        (Arc::new(document.source), document.root)
    }

    /// Gives each job that calls a file the workflow in it.
    fn follow(&mut self, number: usize, workflow: &mut Workflow) {
        for (index, job) in workflow.jobs.iter_mut().enumerate() {
            let Work::Call(call) = &mut job.work else { continue };
            let Some(uses) = &call.uses else { continue };
            match self.called(number, &uses.value) {
                Ok(called) => {
                    call.workflow.clone_from(&self.loaded[called].workflow);
                    self.loaded[number].calls.insert(index, called);
                }
                Err(kind) => {
                    self.failures.insert((number, index), Failure { span: uses.span, kind });
                }
            }
        }
    }

    fn called(&mut self, caller: usize, uses: &str) -> Result<usize, ProblemKind> {
        let place = Place::called(uses, &self.loaded[caller].place)
            .ok_or_else(|| ProblemKind::CallSyntax { uses: uses.to_owned() })?;
        if let Some(start) = self.way.iter().position(|before| *before == place) {
            let chain = self.way[start..].iter().chain([&place]).map(Place::to_string).collect();
            return Err(ProblemKind::CallCycle { chain });
        }
        if let Some(number) = self.numbers.get(&place) {
            return Ok(*number);
        }
        let limit = self.options.limits.files;
        if self.loaded.len() >= limit {
            return Err(ProblemKind::TooManyFiles { limit });
        }
        let not_found = |why| ProblemKind::CallNotFound { uses: uses.to_owned(), why };
        let files = self.files.ok_or_else(|| not_found(String::new()))?;
        if let Some(why) = place.repository.as_ref().and_then(|it| files.passes_over(it)) {
            return Err(ProblemKind::CallElsewhere { uses: uses.to_owned(), why });
        }
        let bytes = files.read(&place).map_err(not_found)?;
        Ok(self.load(place, &bytes))
    }
}

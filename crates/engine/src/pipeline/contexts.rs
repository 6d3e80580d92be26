//! What the expressions of a workflow see before a job begins.

use std::cell::OnceCell;
use std::rc::Rc;

use model::persisted::Part;
use model::pipeline::{Calling, Job, Progress, Request, Tree, Values};
use serde_json::json;
use workflow::expression::{self, Contexts, Special, Value};
use workflow::{matrix, tree};

use super::Turn;
use super::limits::one_line;
use super::place::Map;
use super::status::Before;

/// What is the same for all jobs, made once for a decision, and only if somebody asks for it.
pub(super) struct Common {
    request: Part<Request>,
    github: OnceCell<Value>,
    vars: OnceCell<Value>,
}

impl Common {
    pub(super) fn new(request: Part<Request>) -> Self {
        Self { request, github: OnceCell::new(), vars: OnceCell::new() }
    }
}

/// The contexts at one place of a workflow.
pub(super) struct Names {
    common: Rc<Common>,
    own: Vec<Context>,
    /// Nothing where only an `if` may ask.
    before: Option<Before>,
}

/// A context that differs from place to place. Asked for again it is the same value, as `==` wants.
struct Context {
    name: &'static str,
    values: Tree,
    value: OnceCell<Value>,
}

impl Turn {
    /// What a job's own keys see.
    pub(super) fn names(&self, index: usize) -> Names {
        let sheet = self.next.sheet.clone();
        let map = Map::of(&sheet, &self.next);
        let Job { caller, cell, .. } = &*self.next.jobs[index];
        let needs = map.needed_by(index).map(|job| (map.sheet_of(job).key.clone(), self.told(job)));
        let mut own = vec![
            context("inputs", self.inputs(*caller)),
            context("needs", needs.collect()),
            context("strategy", self.strategy(index)),
        ];
        if let Some(cell) = cell {
            own.push(context("matrix", cell.values.clone()));
        }
        self.names_of(own)
    }

    /// What a job's `if` sees.
    pub(super) fn names_and_status(&self, index: usize) -> Names {
        Names { before: Some(self.before(index)), ..self.names(index) }
    }

    /// What the outputs of a called workflow see.
    pub(super) fn names_within(&self, caller: usize) -> Names {
        let sheet = self.next.sheet.clone();
        let map = Map::of(&sheet, &self.next);
        let first = map.first_of(Some(caller));
        let keys = map.call_of(caller).sheet.jobs.iter().map(|job| job.key.clone());
        let jobs = keys.enumerate().map(|(place, key)| (key, self.told(first + place)));
        let own =
            vec![context("inputs", self.inputs(Some(caller))), context("jobs", jobs.collect())];
        self.names_of(own)
    }

    /// What a called workflow sees as a whole, before it begins.
    pub(super) fn names_of_called(&self, inputs: Values) -> Names {
        self.names_of(vec![context("inputs", inputs)])
    }

    /// What the run sees as a whole, before it begins.
    pub(super) fn names_of_run(&self) -> Names {
        self.names_of(vec![context("inputs", self.inputs(None))])
    }

    /// What the run is called.
    pub(super) fn run_name(&self) -> String {
        let (sheet, names) = (&self.next.sheet, self.names_of_run());
        let run_name = sheet.run_name.as_ref().and_then(|name| names.text("run-name", name).ok());
        let run_name = run_name.filter(|name| !name.trim().is_empty());
        one_line(run_name.as_ref().or(sheet.name.as_ref()).unwrap_or(&sheet.path))
    }

    /// Whether a job's failure is one that does not matter.
    pub(super) fn is_tolerated(&self, index: usize) -> Result<bool, String> {
        let sheet = self.next.sheet.clone();
        let job = Map::of(&sheet, &self.next).sheet_of(index);
        let Some(tree) = &job.continue_on_error else { return Ok(false) };
        Ok(self.names(index).truth("continue-on-error", Some(tree))?.unwrap_or(false))
    }

    fn names_of(&self, own: Vec<Context>) -> Names {
        Names { common: self.common.clone(), own, before: None }
    }

    fn inputs(&self, caller: Option<usize>) -> Values {
        match caller.map(|caller| &self.next.jobs[caller].progress) {
            Some(Progress::Calling(Calling { inputs, .. })) => inputs.clone(),
            _ => self.next.request.inputs.clone(),
        }
    }

    /// What other jobs see of one that is over.
    fn told(&self, index: usize) -> Tree {
        let Progress::Over(result) = &self.next.jobs[index].progress else { return json!({}) };
        let outputs = result.outputs.iter().map(|(name, value)| (name.clone(), json!(value)));
        let outputs: Values = outputs.collect();
        json!({ "result": result.counted().word(), "outputs": outputs })
    }

    fn strategy(&self, index: usize) -> Values {
        let spread = |of: usize| match self.next.jobs[of].progress {
            Progress::Spread(spread) => Some(spread),
            _ => None,
        };
        let cell = self.next.jobs[index].cell.as_ref();
        let strategy = match cell.and_then(|cell| Some((cell.index, spread(cell.of)?))) {
            Some((index, spread)) => {
                matrix::strategy(index, spread.cells, spread.fail_fast, spread.max_parallel)
            }
            None => matrix::strategy(0, 1, true, None),
        };
        match strategy {
            Tree::Object(values) => values,
            _ => Values::new(),
        }
    }
}

fn context(name: &'static str, values: Values) -> Context {
    Context { name, values: Tree::Object(values), value: OnceCell::new() }
}

impl Names {
    /// All contexts, as whoever executes the job gets them.
    pub(super) fn to_values(&self) -> Values {
        let request = &self.common.request;
        let all = [("github", &request.github), ("vars", &request.vars)];
        let all = all.map(|(name, values)| (name.to_owned(), Tree::Object(values.clone())));
        let own = self.own.iter().map(|own| (own.name.to_owned(), own.values.clone()));
        all.into_iter().chain(own).collect()
    }

    pub(super) fn condition(&self, text: &str) -> Result<bool, String> {
        if let Some(before) = self.before.filter(|_| text.trim().is_empty()) {
            return Ok(before.success);
        }
        let condition = expression::condition(text).map_err(|error| error.to_string())?;
        condition.holds(self).map_err(|error| error.to_string())
    }

    pub(super) fn json(&self, key: &str, tree: &Tree) -> Result<Tree, String> {
        tree::evaluate(tree, self).map_err(|error| format!("`{key}`: {error}"))
    }

    pub(super) fn text(&self, key: &str, template: &str) -> Result<String, String> {
        tree::text(key, template, self).map_err(|error| error.to_string())
    }

    /// A tree that is to come to one text, which numbers and truth values are as well.
    pub(super) fn one_text(&self, key: &str, tree: &Tree) -> Result<String, String> {
        match tree {
            Tree::String(template) => self.text(key, template),
            Tree::Array(_) | Tree::Object(_) => Err(format!("`{key}` must be a text")),
            plain => Ok(Value::from(plain.clone()).to_text().into_owned()),
        }
    }

    /// A key's truth value; `None` where nothing is written.
    pub(super) fn truth(&self, key: &str, tree: Option<&Tree>) -> Result<Option<bool>, String> {
        let Some(tree) = tree else { return Ok(None) };
        tree::boolean(key, tree, self).map(Some).map_err(|error| error.to_string())
    }

    pub(super) fn number(&self, key: &str, tree: Option<&Tree>) -> Result<Option<f64>, String> {
        let Some(tree) = tree else { return Ok(None) };
        tree::number(key, tree, self).map(Some).map_err(|error| error.to_string())
    }

    pub(super) fn count(&self, key: &str, tree: Option<&Tree>) -> Result<Option<u32>, String> {
        let Some(number) = self.number(key, tree)? else { return Ok(None) };
        if !(1.0..=f64::from(u32::MAX)).contains(&number) || number.fract() != 0.0 {
            return Err(format!("`{key}` must be a whole number from 1 on, found {number}"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was looked at"
        )]
        let count = number as u32;
        Ok(Some(count))
    }

    pub(super) fn texts(&self, key: &str, tree: &Tree) -> Result<Vec<String>, String> {
        tree::texts(key, tree, self).map_err(|error| error.to_string())
    }
}

impl Contexts for Names {
    fn context(&self, name: &str) -> Option<Value> {
        let value = |values: &Values| Value::from(Tree::Object(values.clone()));
        let Common { request, github, vars } = &*self.common;
        match name {
            "github" => Some(github.get_or_init(|| value(&request.github)).clone()),
            "vars" => Some(vars.get_or_init(|| value(&request.vars)).clone()),
            _ => {
                let own = self.own.iter().find(|own| own.name == name)?;
                Some(own.value.get_or_init(|| own.values.clone().into()).clone())
            }
        }
    }

    fn call(&self, function: Special, _: &[Value]) -> Result<Value, String> {
        let before = self.before.ok_or("only an `if` may ask how it went")?;
        let truth = before.tell(function);
        truth.map(Value::Boolean).ok_or_else(|| "only the steps of a job have files".to_owned())
    }
}

//! What expressions in a job can see: contexts, and the functions that ask the job.

mod evaluate;
mod hash_files;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::Arc;

use model::pipeline::Conclusion;
use workflow::expression::{Contexts, Object, Special, Value};

use crate::glob::Base;
use crate::worker::CancelSignal;

pub(crate) use evaluate::{Trouble, condition, flag, mapping, minutes, text};
pub(crate) use hash_files::hash_files;

/// Names with their values.
pub(crate) type Pairs = Vec<(String, String)>;

/// The contexts that stay as they are while a job is executed.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    pub(crate) github: Vec<(Arc<str>, Value)>,
    pub(crate) inputs: Value,
    pub(crate) vars: Value,
    pub(crate) needs: Value,
    pub(crate) matrix: Value,
    pub(crate) strategy: Value,
    pub(crate) secrets: Value,
    pub(crate) runner: Value,
    /// What the `job` context tells of containers.
    pub(crate) container: Value,
    pub(crate) services: Value,
    /// Where `hashFiles` looks.
    pub(crate) workspace: PathBuf,
    pub(crate) home: PathBuf,
    /// Ends what would take long.
    pub(crate) cancel: CancelSignal,
}

/// What the expressions of one step see, at one moment.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) fixed: &'a Fixed,
    /// What the `github` context holds for this step in particular.
    pub(crate) own: Vec<(&'static str, Value)>,
    pub(crate) inputs: Value,
    pub(crate) env: Pairs,
    /// What of it the step itself says, or the action that it belongs to.
    pub(crate) overrides: Pairs,
    pub(crate) steps: Value,
    /// How the job has gone so far, or the action whose step this is.
    pub(crate) status: Conclusion,
    pub(crate) job_status: Conclusion,
    pub(crate) made: Made,
}

/// Objects that are made once they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Made {
    github: OnceCell<Value>,
    env: OnceCell<Value>,
    job: OnceCell<Value>,
}

impl View<'_> {
    /// A value of the `github` context.
    pub(crate) fn github(&self, name: &str) -> Option<&Value> {
        let own = self.own.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let fixed = || self.fixed.github.iter().find(|(key, _)| **key == *name);
        own.or_else(|| fixed().map(|(_, value)| value))
    }

    /// Says something of this step in the `github` context.
    pub(crate) fn set_own(&mut self, name: &'static str, value: Value) {
        self.own.retain(|(known, _)| *known != name);
        self.own.push((name, value));
        self.made.github = OnceCell::new();
    }

    /// The same moment, had the job been cancelled.
    pub(crate) fn if_cancelled(&self) -> impl Contexts {
        Cancelled(self)
    }

    fn github_object(&self) -> Value {
        let fixed = self.fixed.github.iter().map(|(key, value)| (key.clone(), value.clone()));
        let own = self.own.iter().map(|(key, value)| (Arc::from(*key), value.clone()));
        fixed.chain(own).collect::<Object>().into()
    }

    fn job_object(&self) -> Value {
        let entries = [
            ("status", self.job_status.word().into()),
            ("container", self.fixed.container.clone()),
            ("services", self.fixed.services.clone()),
        ];
        entries.into_iter().collect::<Object>().into()
    }
}

impl Contexts for View<'_> {
    fn context(&self, name: &str) -> Option<Value> {
        let fixed = self.fixed;
        Some(match name {
            "github" => self.made.github.get_or_init(|| self.github_object()).clone(),
            "env" => self.made.env.get_or_init(|| env_object(&self.env)).clone(),
            "job" => self.made.job.get_or_init(|| self.job_object()).clone(),
            "steps" => self.steps.clone(),
            "inputs" => self.inputs.clone(),
            "vars" => fixed.vars.clone(),
            "needs" => fixed.needs.clone(),
            "matrix" => fixed.matrix.clone(),
            "strategy" => fixed.strategy.clone(),
            "secrets" => fixed.secrets.clone(),
            "runner" => fixed.runner.clone(),
            _ => return None,
        })
    }

    fn call(&self, function: Special, arguments: &[Value]) -> Result<Value, String> {
        Ok(match function {
            Special::Always => true.into(),
            Special::Success => (self.status == Conclusion::Success).into(),
            Special::Failure => (self.status == Conclusion::Failure).into(),
            Special::Cancelled => (self.job_status == Conclusion::Cancelled).into(),
            Special::HashFiles => {
                let patterns = arguments.iter().map(|argument| argument.to_text().into_owned());
                let patterns: Vec<String> = patterns.collect();
                let Fixed { workspace, home, cancel, .. } = self.fixed;
                let hash = hash_files(&patterns, Base { folder: workspace, home }, cancel);
                hash.map_err(|error| error.to_string())?.into()
            }
        })
    }
}

struct Cancelled<'a, 'v>(&'a View<'v>);

impl Contexts for Cancelled<'_, '_> {
    fn context(&self, name: &str) -> Option<Value> {
        self.0.context(name)
    }

    fn call(&self, function: Special, arguments: &[Value]) -> Result<Value, String> {
        match function {
            Special::Always | Special::Cancelled => Ok(true.into()),
            Special::Success | Special::Failure => Ok(false.into()),
            Special::HashFiles => self.0.call(function, arguments),
        }
    }
}

/// Variables as an object; on this system `PATH` and `Path` are two.
fn env_object(env: &Pairs) -> Value {
    let pairs = env.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    Object::case_sensitive(pairs).into()
}

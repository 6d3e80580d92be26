//! The environment of a program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use workflow::expression::{Contexts as _, Value};

use super::job::Job;
use crate::context::View;
use crate::shell::SearchPath;

/// Variables by their names.
pub(crate) type Variables = BTreeMap<String, String>;

/// What of the `github` context is a variable too.
const OF_GITHUB: &[&str] = &[
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "actor",
    "actor_id",
    "api_url",
    "base_ref",
    "env",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "output",
    "path",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "state",
    "step_summary",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
];

impl Job<'_> {
    /// All variables of a program: the machine's, over them the workflow's, over them what only
    /// the worker may say.
    pub(crate) fn variables(&self, view: &View<'_>) -> Variables {
        self.variables_over(&self.base.env, view)
    }

    /// The same for a program that the worker itself starts for a step.
    pub(crate) fn own_variables(&self, view: &View<'_>) -> Variables {
        self.variables_over(&self.base.own_env, view)
    }

    pub(super) fn variables_over(&self, base: &[(String, String)], view: &View<'_>) -> Variables {
        let mut variables = Variables::new();
        for (name, value) in base {
            variables.insert(name.clone(), value.clone());
        }
        for (name, value) in &view.env {
            variables.insert(name.clone(), value.clone());
        }
        variables.entry("CI".to_owned()).or_insert_with(|| "true".to_owned());
        variables.insert("GITHUB_ACTIONS".to_owned(), "true".to_owned());
        for name in OF_GITHUB {
            if let Some(value) = view.github(name)
                && !matches!(value, Value::Null | Value::Array(_) | Value::Object(_))
            {
                variables.insert(
                    format!("GITHUB_{}", name.to_ascii_uppercase()),
                    value.to_text().into_owned(),
                );
            }
        }
        if let Some(Value::Object(runner)) = view.context("runner") {
            for (name, value) in runner.iter() {
                variables.insert(
                    format!("RUNNER_{}", name.to_ascii_uppercase()),
                    value.to_text().into_owned(),
                );
            }
        }
        let path = variables.entry("PATH".to_owned()).or_default();
        for folder in &self.state().path {
            *path = if path.is_empty() { folder.clone() } else { format!("{folder}:{path}") };
        }
        variables
    }

    /// Where the programs are found that the worker itself starts for a step.
    pub(crate) fn search_path(&self) -> SearchPath {
        // What the machine has besides is of no use in a container.
        let machine = if self.own_container().is_some() { "" } else { &self.bench.host.path };
        SearchPath::new(&self.state().path, machine)
    }

    /// A program that the machine itself has.
    pub(crate) fn machine_program(&self, name: &str) -> Option<PathBuf> {
        SearchPath::new(&[], &self.bench.host.path).find(name)
    }
}

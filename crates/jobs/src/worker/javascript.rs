//! JavaScript actions, executed by the machine's own Node.js.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::attend::Task;
use super::files::Files;
use super::job::Job;
use super::post::{Post, Stage};
use super::step::{Running, Went};
use super::uses::Found;
use crate::action::JavaScript;
use crate::context::Pairs;

impl Job<'_> {
    pub(super) fn run_javascript(
        &self,
        action: &JavaScript,
        found: &Arc<Found>,
        inputs: &Pairs,
        step: &mut Running<'_, '_>,
    ) -> Went {
        if let Some((script, condition)) = &action.post {
            let stage = Stage::JavaScript { found: found.clone(), script: script.clone() };
            self.add_post(Post::new(stage, condition, step));
        }
        self.run_node((action, &action.main), &found.folder, inputs, step)
    }

    /// Executes one of an action's scripts.
    pub(super) fn run_node(
        &self,
        (action, script): (&JavaScript, &str),
        folder: &Path,
        inputs: &Pairs,
        step: &mut Running<'_, '_>,
    ) -> Went {
        let site = step.site;
        let files = match Files::open(self, step.view) {
            Ok(files) => files,
            Err(why) => return self.went_wrong(site, &why),
        };
        let node = match self.own_container() {
            Some(own) => own.node(site),
            None => self.node(action),
        };
        let node = match node {
            Ok(node) => node,
            Err(why) => return self.went_wrong(site, &why),
        };
        let script = folder.join(script);
        if !script.is_file() {
            let why = format!("the action lacks its script {}", script.display());
            return self.went_wrong(site, &why);
        }
        let mut environment = self.variables(step.view);
        for (name, value) in inputs {
            environment.insert(input_variable(name), value.clone());
        }
        for (name, value) in self.state().kept.get(&site.key).into_iter().flatten() {
            environment.insert(format!("STATE_{name}"), value.clone());
        }
        let task = Task {
            program: node,
            arguments: vec![script.into_os_string()],
            environment,
            folder: self.bench.folders.workspace.clone(),
        };
        let went = self.execute(task, site, step.said);
        files.take_in(self, site, step.said);
        self.keep_state(site, step.said);
        went
    }

    fn node(&self, action: &JavaScript) -> Result<PathBuf, String> {
        self.machine_program("node").ok_or_else(|| {
            format!(
                "the action is written in JavaScript, and there is no `node` on this machine's PATH: \
                 install Node.js {} or newer",
                action.node
            )
        })
    }
}

/// The variable in which an action finds an input.
pub(super) fn input_variable(name: &str) -> String {
    format!("INPUT_{}", name.replace(' ', "_").to_uppercase())
}

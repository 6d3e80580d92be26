//! JavaScript actions, executed by the machine's own Node.js.

use std::path::PathBuf;
use std::sync::Arc;

use model::pipeline::StepSheet;

use super::attend::Task;
use super::files::Files;
use super::frame::Frame;
use super::job::Job;
use super::post::{Post, Stage};
use super::said::Said;
use super::step::{Site, Went};
use super::uses::Found;
use crate::action::JavaScript;
use crate::context::{Pairs, View};

impl Job<'_> {
    pub(super) fn run_javascript(
        &self,
        script: &JavaScript,
        found: &Arc<Found>,
        inputs: &Pairs,
        sheet: &StepSheet,
        view: &mut View<'_>,
        frame: &Frame,
        site: &Site,
        said: &mut Said,
    ) -> Went {
        if let Some((post, condition)) = &script.post {
            let stage = Stage::JavaScript { found: found.clone(), script: post.clone() };
            self.add_post(Post::new(stage, condition, sheet, frame, site));
        }
        self.run_node(script, &script.main, found, inputs, view, site, said)
    }

    /// Executes one of an action's scripts.
    pub(super) fn run_node(
        &self,
        action: &JavaScript,
        script: &str,
        found: &Found,
        inputs: &Pairs,
        view: &mut View<'_>,
        site: &Site,
        said: &mut Said,
    ) -> Went {
        let files = match Files::open(self, view) {
            Ok(files) => files,
            Err(why) => return self.went_wrong(site, &why),
        };
        let node = match self.node(action) {
            Ok(node) => node,
            Err(why) => return self.went_wrong(site, &why),
        };
        let script = found.folder.join(script);
        if !script.is_file() {
            return self.went_wrong(site, &format!("the action lacks its script {}", script.display()));
        }
        let mut environment = self.variables(view);
        for (name, value) in inputs {
            let name = format!("INPUT_{}", name.replace(' ', "_").to_uppercase());
            environment.insert(name, value.clone());
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
        let went = self.execute(task, site, said);
        files.take_in(self, site, said);
        self.state().keep(&site.key, &said.state);
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

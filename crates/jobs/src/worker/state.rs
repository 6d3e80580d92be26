//! How far a job has come: what its steps have left for those after them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::SignedDuration;
use model::pipeline::{Annotation, Conclusion, StepReport};
use serde::{Deserialize, Serialize};
use workflow::expression::{Object, Value};

use super::kept::News;
use super::post::Post;
use super::said::{Said, put_first, set, set_any_case};
use crate::context::Pairs;

#[derive(Debug)]
pub(super) struct State {
    /// The variables of the workflow and the job, and what steps have set.
    pub(super) env: Pairs,
    /// What steps have put in front of the `PATH`, the newest last.
    pub(super) path: Vec<String>,
    /// Without regard to cancellation.
    pub(super) status: Conclusion,
    scopes: HashMap<Arc<str>, Scope>,
    /// What is to be done at the end, the last of them first.
    pub(super) posts: Vec<Post>,
    /// What actions keep for their own later stages, by step.
    pub(super) kept: HashMap<String, Pairs>,
    pub(super) reports: BTreeMap<u32, StepReport>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) annotations_left_out: usize,
    /// What was not kept yet for a later attempt.
    pub(super) news: News,
    /// Whether it has waited at a failure, and for how long.
    pub(super) has_stayed: bool,
    pub(super) stayed: SignedDuration,
}

impl Default for State {
    fn default() -> Self {
        Self {
            env: Pairs::new(),
            path: Vec::new(),
            status: Conclusion::Success,
            scopes: HashMap::new(),
            posts: Vec::new(),
            kept: HashMap::new(),
            reports: BTreeMap::new(),
            annotations: Vec::new(),
            annotations_left_out: 0,
            news: News::default(),
            has_stayed: false,
            stayed: SignedDuration::ZERO,
        }
    }
}

/// The `steps` context of one list of steps.
#[derive(Debug, Default)]
struct Scope {
    steps: Vec<(String, Left)>,
    /// Made when it is asked for, until something changes.
    value: Option<Value>,
}

/// What a step that has an id leaves to expressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Left {
    pub(super) outputs: Pairs,
    pub(super) outcome: Conclusion,
    pub(super) conclusion: Conclusion,
}

impl State {
    /// Takes over what a step has changed for those after it.
    pub(super) fn take_in(&mut self, said: &Said) {
        for (name, value) in &said.env {
            set(&mut self.env, name, value.clone());
        }
        for folder in &said.path {
            put_first(&mut self.path, folder);
        }
        self.news.env.extend_from_slice(&said.env);
        self.news.path.extend_from_slice(&said.path);
    }

    pub(super) fn leave(&mut self, scope: &Arc<str>, id: &str, left: Left) {
        if scope.is_empty() {
            self.news.steps.push((id.to_owned(), left.clone()));
        }
        let scope = self.scopes.entry(scope.clone()).or_default();
        scope.value = None;
        match scope.steps.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(id)) {
            Some((_, known)) => *known = left,
            None => scope.steps.push((id.to_owned(), left)),
        }
    }

    /// The `steps` context of a list.
    pub(super) fn steps(&mut self, scope: &Arc<str>) -> Value {
        let Some(scope) = self.scopes.get_mut(scope) else { return Object::default().into() };
        scope.value.get_or_insert_with(|| steps_object(&scope.steps)).clone()
    }

    pub(super) fn keep(&mut self, step: &str, pairs: &Pairs) {
        if pairs.is_empty() {
            return;
        }
        let kept = self.kept.entry(step.to_owned()).or_default();
        for (name, value) in pairs {
            set_any_case(kept, name, value.clone());
        }
    }
}

fn steps_object(steps: &[(String, Left)]) -> Value {
    let steps = steps.iter().map(|(id, left)| {
        let outputs = left.outputs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let step = [
            ("outputs", Value::from(outputs.collect::<Object>())),
            ("outcome", left.outcome.word().into()),
            ("conclusion", left.conclusion.word().into()),
        ];
        (id.as_str(), Value::from(step.into_iter().collect::<Object>()))
    });
    steps.collect::<Object>().into()
}

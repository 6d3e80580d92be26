//! Composite actions: steps that stand for one.

use std::path::Path;

use model::pipeline::{Conclusion, StepSheet, Template};
use workflow::expression::Object;

use super::frame::Frame;
use super::job::Job;
use super::name::action_names;
use super::step::{Running, Site, Went};
use crate::context::{Pairs, View, text};

#[derive(Debug, Clone, Copy)]
pub(super) struct Composite<'a> {
    pub(super) steps: &'a [StepSheet],
    pub(super) outputs: &'a [(String, Template)],
    pub(super) folder: &'a Path,
}

impl Job<'_> {
    pub(super) fn run_composite(
        &self,
        composite: Composite<'_>,
        inputs: &Pairs,
        around: &mut Running<'_, '_>,
    ) -> Went {
        let site = around.site;
        let inner = inner_frame(composite.folder, inputs, around.view, around.frame, site);
        let mut status = Conclusion::Success;
        let mut went = Went::Well;
        for (at, (step, action)) in
            composite.steps.iter().zip(action_names(composite.steps)).enumerate()
        {
            let mut inner = inner.clone();
            inner.own.push(("action_status", status.word().into()));
            let ready = self.ready(step, &inner, inner_site(site, at, action), Some(status));
            let cannot_go_on = ready.wanted.is_err();
            let finished = self.go(step, &inner, ready, |step| self.work(step));
            self.settle(&inner, step.id.as_deref(), &finished);
            let of_step = match finished.conclusion {
                Conclusion::Failure => Went::Wrong(finished.why.unwrap_or_default()),
                Conclusion::Cancelled => Went::Cancelled,
                Conclusion::Success | Conclusion::Skipped => continue,
            };
            went = went.and(of_step);
            status = match went {
                Went::Wrong(_) => Conclusion::Failure,
                _ => Conclusion::Cancelled,
            };
            if cannot_go_on {
                break;
            }
        }
        let view = self.view(&inner, Some(status));
        for (name, template) in composite.outputs {
            match text(&format!("outputs.{name}"), template, &view) {
                Ok(value) => around.said.output(name, value),
                Err(trouble) => went = went.and(self.went_wrong(site, &trouble)),
            }
        }
        went
    }
}

/// Where the steps of an action stand.
pub(super) fn inner_frame(
    folder: &Path,
    inputs: &Pairs,
    view: &View<'_>,
    frame: &Frame,
    site: &Site,
) -> Frame {
    let mut own = vec![("action_path", folder.to_string_lossy().into_owned().into())];
    for name in ["action_repository", "action_ref"] {
        own.extend(view.github(name).map(|value| (name, value.clone())));
    }
    let inputs = inputs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Frame {
        depth: frame.depth + 1,
        scope: site.key.as_str().into(),
        inputs: inputs.collect::<Object>().into(),
        env: view.overrides.clone(),
        own,
    }
}

pub(super) fn inner_site(site: &Site, at: usize, action: String) -> Site {
    Site { key: format!("{}/{at}", site.key), action, survives: false, ..site.clone() }
}

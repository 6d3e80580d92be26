//! What a job tells while it is executed: events for its runner, lines for its log.

use std::sync::PoisonError;

use jiff::Timestamp;
use model::pipeline::{Annotation, Conclusion, Level, StepReport};

use super::job::Job;
use super::said::Said;
use crate::event::Event;

impl Job<'_> {
    pub(crate) fn tell(&self, event: Event) {
        (self.tell.lock().unwrap_or_else(PoisonError::into_inner))(event);
    }

    pub(super) fn step_begins(&self, number: u32, name: &str) -> Timestamp {
        let at = self.bench.clock.now();
        self.tell(Event::StepBegan { step: number, name: name.to_owned(), at });
        at
    }

    pub(super) fn step_ends(
        &self,
        number: u32,
        began: Timestamp,
        name: &str,
        (outcome, conclusion): (Conclusion, Conclusion),
        why: Option<String>,
    ) {
        let at = self.bench.clock.now();
        self.log.end_step(number);
        let milliseconds = u64::try_from(at.duration_since(began).as_millis()).unwrap_or(0);
        let why = why.map(|why| self.masks.mask(&why).into_owned());
        let report = StepReport { name: name.to_owned(), outcome, conclusion, milliseconds, why };
        let mut state = self.state();
        state.reports.insert(number, report.clone());
        state.news.reports.push((number, report.clone()));
        drop(state);
        self.tell(Event::StepEnded { step: number, at, report });
    }

    /// Writes lines of the worker's own into a step's log.
    pub(crate) fn say(&self, number: u32, text: &str) {
        let masked = self.masks.mask(text);
        let mut lines = Vec::with_capacity(masked.len() + 1);
        lines.extend_from_slice(masked.as_bytes());
        if lines.last() != Some(&b'\n') {
            lines.push(b'\n');
        }
        self.log.lines(number, self.bench.clock.now(), &lines);
    }

    pub(crate) fn error(&self, number: u32, text: &str) {
        self.say(number, &format!("##[error]{text}"));
    }

    pub(crate) fn debug(&self, number: u32, text: &str) {
        if self.debug {
            self.say(number, &format!("##[debug]{text}"));
        }
    }

    /// Passes a remark on, unless the step or the job has made too many.
    pub(crate) fn annotate(&self, number: u32, mut annotation: Annotation, said: &mut Said) {
        let count = &mut said.annotations[annotation.level as usize];
        *count += 1;
        let is_within = *count <= self.bench.limits.annotations_per_step;
        annotation.message = self.masks.mask(&annotation.message).into_owned();
        annotation.title = annotation.title.map(|title| self.masks.mask(&title).into_owned());
        let mut state = self.state();
        if !is_within || state.annotations.len() >= self.bench.limits.annotations {
            state.annotations_left_out += 1;
            return;
        }
        state.annotations.push(annotation.clone());
        drop(state);
        self.tell(Event::Annotated { step: number, annotation });
    }
}

/// A remark on the job at large.
pub(crate) fn remark(level: Level, message: impl Into<String>) -> Annotation {
    Annotation {
        level,
        message: message.into(),
        title: None,
        file: None,
        line: None,
        end_line: None,
        column: None,
        end_column: None,
    }
}

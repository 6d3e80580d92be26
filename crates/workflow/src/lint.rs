//! What is most likely wrong with a workflow that can be read: expressions that come to nothing,
//! conditions that never hold, scripts that strangers can write into, actions that are no more.
//!
//! What keys and values there may be at all is the reader's to say ([`crate::syntax`]); what it
//! tells is not told again here.

mod action;
mod command;
mod condition;
mod expression;
mod job;
mod matrix;
mod misfit;
mod place;
mod runner;
mod scope;
mod secret;
mod shape;
mod trigger;
mod untrusted;
mod walk;

use model::source::{Finding, Source, Span};

use self::action::Actions;
use self::walk::{Role, Spot, walk};
use crate::syntax::model::Workflow;
use crate::syntax::{Files, Text};

/// Beyond this many one mends what there is and asks again.
const MOST_FINDINGS: usize = 1_000;

/// What else is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The environments there are. Without them, any name is let pass.
    pub environments: Option<&'a [String]>,
    /// The labels of runners that one has oneself. Without them, any label that is not close to a
    /// known one is let pass.
    pub labels: Option<&'a [String]>,
}

/// Everything that is found, in the order of the file. With `files`, actions in the repository are
/// looked at too.
pub fn lint(workflow: &Workflow, options: &Options<'_>, files: Option<&dyn Files>) -> Vec<Finding> {
    let actions = Actions::new(files);
    let mut report = Report { source: &workflow.source, findings: Vec::new() };
    walk(workflow, &actions, &mut |spot| examine(spot, &mut report));
    action::check(workflow, &actions, &mut report);
    job::check(workflow, options, &mut report);
    matrix::check(workflow, &mut report);
    runner::check(workflow, options, &mut report);
    trigger::check(workflow, &mut report);
    secret::check(workflow, &mut report);
    report.into_findings()
}

/// Only what is wrong with matrices: a workflow with errors there cannot run, however well it reads.
pub fn lint_matrices(workflow: &Workflow) -> Vec<Finding> {
    let mut report = Report { source: &workflow.source, findings: Vec::new() };
    matrix::check(workflow, &mut report);
    report.into_findings()
}

fn examine(spot: &Spot<'_>, report: &mut Report<'_>) {
    if let Role::Condition(condition) = spot.role {
        return condition::check(condition, spot.scope, report);
    }
    let script = matches!(spot.role, Role::Script);
    let alone = spot.text.template().is_some_and(|template| template.as_expression().is_some());
    for (expression, start) in spot.text.expressions() {
        let (text, root) = (expression.text(), expression.root());
        let examined = expression::examine(text, root, spot.scope);
        let role = if alone { spot.role } else { Role::Text };
        let misfit = misfit::finding(&examined.shape, text, role, alone);
        let untrusted = if script { untrusted::finding(text, root) } else { None };
        for finding in examined.findings.into_iter().chain(misfit).chain(untrusted) {
            report.tell_within(spot.text, start, finding);
        }
    }
    if script {
        command::check(spot.text, report);
    }
}

/// The findings so far.
struct Report<'a> {
    source: &'a Source,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn tell(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// A finding whose spans count from `start` in a text.
    fn tell_within(&mut self, text: &Text, start: usize, mut finding: Finding) {
        let shift = |span: Span| Span::new(start + span.start, start + span.end);
        finding.span = place::of(text, self.source, shift(finding.span));
        for (span, _) in &mut finding.further {
            *span = place::of(text, self.source, shift(*span));
        }
        self.tell(finding);
    }

    /// What an alias stands for is examined in each of its places, and told once.
    fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
        self.findings.dedup_by(|second, first| {
            (second.span, second.code, &second.message) == (first.span, first.code, &first.message)
        });
        self.findings.truncate(MOST_FINDINGS);
        self.findings
    }
}

//! Conditions that always come to the same.

use model::source::{Finding, Severity, quoted};

use super::expression::{examine, is_constant};
use super::scope::Scope;
use super::shape::Shape;
use super::{Report, place};
use crate::expression::{Node, Part, Template};
use crate::syntax::Text;
use crate::syntax::model::Condition;

pub(super) fn check(condition: &Condition, scope: Scope<'_>, report: &mut Report<'_>) {
    let Some(read) = &condition.read else { return };
    let text = &condition.text;
    let (whole, root) = (read.expression().text(), read.expression().root());
    let examined = examine(whole, root, scope);
    let told = !examined.findings.is_empty();
    for finding in examined.findings {
        tell(finding, condition, report);
    }
    if read.is_mixed() {
        return report.tell(mixed(text));
    }
    let own = own(root, read.is_guarded());
    let shapes: Vec<Shape> = own.iter().map(|part| examine(whole, part, scope).shape).collect();
    // Another matrix, or another event, may come.
    let changes = |shape: &&Shape| matches!(shape, Shape::OneOf(_, reason) if reason.may_change());
    let finding = if let Some(never) = shapes.iter().find(|shape| shape.truth() == Some(false)) {
        let written = own.iter().any(is_constant);
        match examined.harmless.into_iter().next() {
            Some(reason) if !told => {
                let reason = reason.label("so this never runs");
                return tell(Finding { severity: Severity::Advice, ..reason }, condition, report);
            }
            _ if changes(&never) => {
                Finding { severity: Severity::Advice, ..constant(text, false, written) }
            }
            _ => constant(text, false, written),
        }
    } else if !shapes.is_empty()
        && shapes.iter().all(|shape| shape.truth() == Some(true))
        && !shapes.iter().any(|shape| changes(&shape))
    {
        constant(text, true, own.iter().all(is_constant))
    } else {
        return;
    };
    if !told {
        report.tell(finding);
    }
}

/// A finding whose spans count bytes of what is evaluated.
fn tell(mut finding: Finding, condition: &Condition, report: &mut Report<'_>) {
    let text = &condition.text;
    let written = |part| condition.read.as_ref().and_then(|read| read.written(part));
    let source = report.source;
    let place =
        |part| written(part).map_or(text.span(), |written| place::of(text, source, written));
    finding.span = place(finding.span);
    for (span, _) in &mut finding.further {
        *span = place(*span);
    }
    report.tell(finding);
}

/// What was written, without the `success()` before it.
fn own(root: &Node, guarded: bool) -> &[Node] {
    match root {
        Node::And { operands, .. } if guarded => &operands[1..],
        _ if guarded => &[],
        other => std::slice::from_ref(other),
    }
}

fn constant(text: &Text, truth: bool, written: bool) -> Finding {
    let shown = quoted(text.raw().trim());
    let (code, message, label) = match (written, truth) {
        (true, true) => ("constant-condition", format!("{shown} is always true"), "always true"),
        (true, false) => {
            ("constant-condition", format!("{shown} is never true"), "this never runs")
        }
        (false, true) => ("always-true", format!("{shown} holds whatever happens"), "always true"),
        (false, false) => ("never-true", format!("{shown} never holds"), "this never runs"),
    };
    if written {
        let hint = if truth { "remove the condition" } else { "remove what it switches off" };
        return Finding::advice(code, message, text.span()).label(label).hint(hint);
    }
    Finding::warning(code, message, text.span()).label(label)
}

/// Text around `${{ }}` makes a text of the whole, and only the empty one is false.
fn mixed(text: &Text) -> Finding {
    // A block ends in a line break, which counts as well.
    let broken =
        Template::parse(text.raw().trim()).is_ok_and(|rest| rest.as_expression().is_some());
    let message = if broken {
        "the line break after `${{ }}` makes the condition a text, which is always true"
    } else {
        "the text around `${{ }}` makes the condition a text, which is always true"
    };
    Finding::warning("always-true", message, text.span())
        .label("always true")
        .hint(format!("write `{}`", unwrapped(text.raw())))
}

/// The condition with all of it in one expression.
fn unwrapped(raw: &str) -> String {
    let Ok(template) = Template::parse(raw) else { return raw.trim().to_owned() };
    let parts = template.parts().iter().map(|part| match part {
        Part::Text(span) => &raw[span.start..span.end],
        Part::Expression { expression, .. } => expression.text(),
    });
    format!("${{{{ {} }}}}", parts.collect::<String>().trim())
}

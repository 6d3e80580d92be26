//! Calls of other workflows.

use model::source::{Finding, Span, quoted};

use super::super::Exceeded;
use super::error;

/// More permissions than these are counted.
const MOST_SCOPES: usize = 4;

/// More of a file's name is not shown.
const LONGEST_NAME: usize = 100;

/// What names no workflow.
pub(super) fn syntax(uses: &str, at: Span) -> Finding {
    let hint = if uses.starts_with("$/") && uses.contains('@') {
        "leave out `@…`: what begins with `$/` is at the commit of the file that calls it"
    } else {
        "write `./.github/workflows/file.yml`, or \
         `owner/repository/.github/workflows/file.yml@ref`"
    };
    error("call", format!("{} is no workflow", quoted(uses)), at)
        .label("expected a file in `.github/workflows`")
        .hint(hint)
}

/// A key that the called workflow does not know.
pub(super) fn unknown(code: &'static str, name: &str, key: Span) -> Finding {
    let what = if code == "unknown-secret" { "secret" } else { "input" };
    let message = format!("the called workflow has no {what} {}", quoted(name));
    error(code, message, key).label("not known there")
}

pub(super) fn permissions(
    workflow: &str,
    job: Option<&str>,
    exceeded: &[Exceeded],
    at: Span,
) -> Finding {
    let workflow = short(workflow);
    let who = match job {
        Some(job) => format!("the job {} of `{workflow}`", quoted(job)),
        None => format!("`{workflow}`"),
    };
    let shown: Vec<String> = exceeded
        .iter()
        .take(MOST_SCOPES)
        .map(|Exceeded { scope, wanted, allowed }| format!("{scope}: {wanted}, not {allowed}"))
        .collect();
    let more = match exceeded.len().saturating_sub(MOST_SCOPES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    error("permissions", format!("{who} wants more than this job may give"), at)
        .label(format!("{}{more}", shown.join(", ")))
        .hint("grant it under `permissions:` of this job")
}

pub(super) fn short(name: &str) -> String {
    name.chars().take(LONGEST_NAME).collect()
}

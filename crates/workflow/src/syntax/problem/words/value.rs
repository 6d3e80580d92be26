//! Keys and values that may not stand where they stand.

use model::shape::listed;
use model::source::{Finding, Severity, Span, quoted};

use super::super::Problem;
use super::{error, near};

/// More words than these are not listed.
const MOST_WORDS: usize = 24;

/// More words than these are listed apart from the message.
const MOST_IN_MESSAGE: usize = 8;

pub(super) fn wrong(here: &str, expected: &str, at: Span) -> Finding {
    error("wrong-value", format!("{here} must be {expected}"), at)
}

/// A wrong word or text.
pub(super) fn word(
    finding: Finding,
    found: &str,
    expected: &str,
    words: &'static [&'static str],
) -> Finding {
    let finding = if words.len() > MOST_IN_MESSAGE {
        finding.note(format!("known here: {}", listed(words, "and")))
    } else {
        finding
    };
    let finding = near(finding, found, words.iter().copied());
    match quotes_hint(found, expected) {
        Some(hint) if finding.hint.is_none() => finding.hint(hint),
        _ => finding,
    }
}

fn quotes_hint(found: &str, expected: &str) -> Option<&'static str> {
    let wants = |what| expected.contains(what);
    match found {
        "true" | "false" if wants("`true`") => Some("remove the quotes"),
        "yes" | "on" | "Yes" | "On" | "YES" | "ON" if wants("`true`") => Some("write `true`"),
        "no" | "off" | "No" | "Off" | "NO" | "OFF" if wants("`true`") => Some("write `false`"),
        _ if wants("a number") && found.parse::<f64>().is_ok() => Some("remove the quotes"),
        _ => None,
    }
}

pub(super) fn unknown_key(
    problem: &Problem,
    key: &str,
    of: &str,
    known: &[&'static str],
) -> Finding {
    let shown = if key.is_empty() { "an empty key".to_owned() } else { quoted(key) };
    let message = match problem.path.as_str() {
        "" => format!("unknown key {shown}"),
        path => format!("unknown key {shown} in `{path}`"),
    };
    let label = if problem.severity == Severity::Warning {
        "has no effect".to_owned()
    } else {
        format!("no key of {of}")
    };
    let finding = error("unknown-key", message, problem.span).label(label);
    let finding = if known.is_empty() || known.len() > MOST_WORDS {
        finding
    } else {
        finding.note(format!("known here: {}", listed(known, "and")))
    };
    near(finding, key, known.iter().copied())
}

pub(super) fn missing_key_hint(key: &str) -> String {
    let hint = match key {
        "runs-on" => "add a label such as `runs-on: ubuntu-latest`, or `uses` to call a workflow",
        "on" => "say what starts the workflow: `on: push`",
        "jobs" => "add `jobs:` with at least one job",
        "type" => "add `type: string`, `boolean` or `number`",
        "value" => "add `value: ${{ jobs.<job>.outputs.<output> }}`",
        "group" => "add a name for those that exclude one another: `group: ${{ github.ref }}`",
        key => return format!("add `{key}:`"),
    };
    hint.to_owned()
}

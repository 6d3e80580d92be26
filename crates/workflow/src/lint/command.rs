//! Workflow commands that are no more, or soon will be.

use model::source::{Finding, Span};

use super::{Report, place};
use crate::syntax::Text;

/// Each with what takes its place, and whether runners refuse it already.
const OLD: &[(&str, &str, bool)] = &[
    ("set-output", "echo \"name=value\" >> \"$GITHUB_OUTPUT\"", false),
    ("save-state", "echo \"name=value\" >> \"$GITHUB_STATE\"", false),
    ("set-env", "echo \"NAME=value\" >> \"$GITHUB_ENV\"", true),
    ("add-path", "echo \"/a/folder\" >> \"$GITHUB_PATH\"", true),
];

pub(super) fn check(script: &Text, report: &mut Report<'_>) {
    for (name, instead, refused) in OLD {
        let command = format!("::{name}");
        for (at, _) in script.raw().match_indices(&command) {
            let behind = &script.raw()[at + command.len()..];
            // `::set-env name=…::` and `::add-path::…`
            if !behind.starts_with([' ', ':']) {
                continue;
            }
            let span = place::of(script, report.source, Span::new(at, at + command.len()));
            let hint = format!("write `{instead}`");
            let finding = if *refused {
                let message = format!("the command `{command}` is refused since 2020");
                Finding::error("removed-command", message, span).label("this fails when it runs")
            } else {
                let message = format!("the command `{command}` is deprecated");
                Finding::warning("deprecated-command", message, span).label("writes to the log")
            };
            report.tell(finding.hint(hint));
        }
    }
}

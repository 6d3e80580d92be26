//! What the log says of a step before it begins, in the groups that GitHub's log has.

use std::fmt::Write as _;

use crate::context::Pairs;

const CYAN: &str = "\u{1b}[36;1m";
const PLAIN: &str = "\u{1b}[0m";

pub(super) fn script(script: &str, shell: &str, env: &Pairs) -> String {
    let first = script.trim_start().lines().next().unwrap_or_default();
    let mut text = format!("##[group]Run {first}\n");
    for line in script.trim_end_matches('\n').lines() {
        push(&mut text, format_args!("{CYAN}{line}{PLAIN}\n"));
    }
    push(&mut text, format_args!("shell: {shell}\n"));
    list(&mut text, "env:", env);
    text.push_str("##[endgroup]\n");
    text
}

pub(crate) fn action(name: &str, inputs: &Pairs, env: &Pairs) -> String {
    let mut text = format!("##[group]Run {name}\n");
    let given: Pairs = inputs.iter().filter(|(_, value)| !value.is_empty()).cloned().collect();
    list(&mut text, "with:", &given);
    list(&mut text, "env:", env);
    text.push_str("##[endgroup]\n");
    text
}

fn list(text: &mut String, title: &str, pairs: &Pairs) {
    if pairs.is_empty() {
        return;
    }
    push(text, format_args!("{title}\n"));
    for (name, value) in pairs {
        push(text, format_args!("  {name}: {value}\n"));
    }
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing into a text cannot fail.
    let _ = text.write_fmt(part);
}

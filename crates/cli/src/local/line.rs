//! Lines of logs, as people read them.

use crate::terminal::Paint;

/// A line of a log as a terminal is to show it; `None` for what only structures the log.
pub(crate) fn shown(line: &str, paint: Paint) -> Option<String> {
    let line = if paint.is_colored() { line.to_owned() } else { without_colours(line) };
    let Some((kind, words)) = line.strip_prefix("##[").and_then(|rest| rest.split_once(']')) else {
        return Some(line);
    };
    match kind {
        "endgroup" => None,
        "group" | "section" => Some(paint.heading(words)),
        "error" => Some(paint.error(words)),
        "warning" => Some(paint.caution(words)),
        "notice" | "debug" | "command" => Some(paint.faint(words)),
        _ => Some(line),
    }
}

/// Without the sequences that tell a terminal how to paint.
fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        // Parameters end with a letter.
        rest = after.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_log_are_shown_as_what_they_mean() {
        let shown = |line| shown(line, Paint::PLAIN);
        assert_eq!(shown("##[group]Run npm test").as_deref(), Some("Run npm test"));
        assert_eq!(shown("##[endgroup]"), None);
        assert_eq!(shown("##[error]broken").as_deref(), Some("broken"));
        assert_eq!(shown("##[odd]x").as_deref(), Some("##[odd]x"));
        assert_eq!(shown("\u{1b}[36;1mnpm\u{1b}[0m test").as_deref(), Some("npm test"));
        assert_eq!(shown("cut \u{1b}[").as_deref(), Some("cut "));
    }
}

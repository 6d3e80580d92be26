//! Filters that match nothing, schedules that are never due, and too many inputs.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use model::source::{Finding, Span, quoted};

use super::Report;
use crate::cron::{Cron, SHORTEST_MINUTES};
use crate::glob::Pattern;
use crate::syntax::At;
use crate::syntax::model::{Filter, Filters, Input, Kind, Schedule, Workflow};

/// The most inputs that a form has.
const MOST_INPUTS: usize = 25;

pub(super) fn check(workflow: &Workflow, report: &mut Report<'_>) {
    for event in &workflow.on {
        match &event.kind {
            Kind::Filtered(filters) => check_filters(filters, report),
            Kind::Schedule(schedules) => {
                if schedules.is_empty() {
                    let message = "`schedule` says no time";
                    report.tell(
                        Finding::error("empty-schedule", message, event.name.span)
                            .label("never due")
                            .hint("write a list: `- cron: '30 5 * * 1-5'`"),
                    );
                }
                for schedule in schedules {
                    check_schedule(schedule, report);
                }
            }
            Kind::Dispatch(dispatch) => {
                for input in &dispatch.inputs {
                    check_options(input, report);
                }
                if let Some(input) = dispatch.inputs.get(MOST_INPUTS) {
                    let message = format!(
                        "there are {} inputs, and {MOST_INPUTS} are the most",
                        dispatch.inputs.len()
                    );
                    let finding = Finding::error("too-many-inputs", message, input.name.span);
                    report.tell(finding.label("one too many"));
                }
            }
            Kind::Call(call) => call.inputs.iter().for_each(|input| check_default(input, report)),
        }
    }
}

fn check_options(input: &Input, report: &mut Report<'_>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for option in input.options.iter().flat_map(|options| &options.value) {
        if let Some(first) = seen.insert(&option.value, option.span) {
            let message = format!("the option {} is there twice", quoted(&option.value));
            let finding = Finding::advice("repeated-option", message, option.span);
            report.tell(finding.label("again").also(first, "first here"));
        }
    }
}

/// What must be given has no use for a default, unless a form shows it.
fn check_default(input: &Input, report: &mut Report<'_>) {
    let (Some(default), true) = (&input.default, input.is_required()) else { return };
    let message = format!(
        "the input {} must be given, so its default never counts",
        quoted(&input.name.value)
    );
    report.tell(
        Finding::advice("unused-default", message, default.span)
            .label("never used")
            .hint("remove it, or `required`"),
    );
}

/// What the patterns are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    Refs,
    Paths,
    Others,
}

fn check_filters(filters: &Filters, report: &mut Report<'_>) {
    let Filters { branches, branches_ignore, tags, tags_ignore, paths, paths_ignore, .. } = filters;
    if let Some(types) = &filters.types {
        check_list("types", types, report);
    }
    for filter in [&filters.names, &filters.versions].into_iter().flatten() {
        for pattern in &filter.patterns {
            check_pattern(pattern, Names::Others, report);
        }
    }
    for (wanted, ignored, key, names) in [
        (branches, branches_ignore, "branches", Names::Refs),
        (tags, tags_ignore, "tags", Names::Refs),
        (paths, paths_ignore, "paths", Names::Paths),
    ] {
        if let (Some(wanted), Some(ignored)) = (wanted, ignored) {
            report.tell(both(key, wanted.span, ignored.span));
        }
        if let Some(filter) = wanted {
            check_list(key, filter, report);
        }
        for pattern in [wanted, ignored].into_iter().flatten().flat_map(|filter| &filter.patterns) {
            check_pattern(pattern, names, report);
        }
    }
}

fn both(key: &str, wanted: Span, ignored: Span) -> Finding {
    let message = format!("`{key}` and `{key}-ignore` exclude one another");
    Finding::error("both-filters", message, ignored)
        .label("and this")
        .also(wanted, "this")
        .hint(format!("leave out with `!` in `{key}`: `['**', '!…']`"))
}

/// A list that only takes out.
fn check_list(key: &str, filter: &Filter, report: &mut Report<'_>) {
    if filter.patterns.is_empty() {
        let message = format!("`{key}` is empty, and so lets nothing in");
        report.tell(
            Finding::warning("empty-filter", message, filter.span)
                .label("nothing passes it")
                .hint("remove it, or list what is to pass"),
        );
    }
    let negative = |pattern: &At<String>| pattern.value.starts_with('!');
    if let Some(first) = filter.patterns.first().filter(|_| filter.patterns.iter().all(negative)) {
        let message = format!("`{key}` only leaves out, and so lets nothing in");
        report.tell(
            Finding::error("only-negative", message, first.span)
                .label("there is nothing to leave it out of")
                .hint(format!("begin with `'**'`, or use `{key}-ignore` without the `!`")),
        );
    }
}

fn check_pattern(pattern: &At<String>, names: Names, report: &mut Report<'_>) {
    let text = pattern.value.as_str();
    if let Err(error) = Pattern::parse(text) {
        let message = format!("the pattern {} cannot be read: {error}", quoted(text));
        let span = within(pattern, error.span, report);
        report.tell(
            Finding::error("broken-pattern", message, span).label("here").hint(error.flaw.hint()),
        );
        return;
    }
    let Some((why, hint)) = unmatchable(text, names) else { return };
    let message = format!("{} matches nothing: {why}", quoted(text));
    let finding = Finding::warning("pattern-matches-nothing", message, pattern.span);
    report.tell(finding.label("never matches").hint(hint));
}

/// Why a pattern can match no name that there is, and what was meant.
fn unmatchable(text: &str, names: Names) -> Option<(String, String)> {
    let bare = text.strip_prefix('!').unwrap_or(text);
    if bare.starts_with(['?', '+']) {
        let sign = &bare[..1];
        let why = format!("`{sign}` in front has nothing to repeat");
        return Some((why, format!("write `\\{sign}` for the sign itself, or `*{}`", &bare[1..])));
    }
    match names {
        Names::Others => {}
        Names::Paths => {
            let inside = bare.trim_start_matches(['.', '/']);
            if bare == "." || bare == ".." {
                let why = "only files are looked at".to_owned();
                return Some((why, "write `**` for all of them".to_owned()));
            }
            if bare.starts_with('/') || bare.starts_with("./") || bare.starts_with("../") {
                let why = "paths begin at the top of the repository, without `/` or `./`";
                return Some((why.to_owned(), format!("write `{inside}`")));
            }
            if bare.ends_with('/') {
                let why = "it ends in `/`, and only files are looked at";
                return Some((why.to_owned(), format!("write `{bare}**`")));
            }
            if bare.trim() != bare {
                return Some((
                    "it begins or ends with a space".to_owned(),
                    format!("write `{}`", bare.trim()),
                ));
            }
        }
        Names::Refs => {
            let short =
                bare.strip_prefix("refs/heads/").or_else(|| bare.strip_prefix("refs/tags/"));
            if let Some(short) = short {
                let why = "branches and tags are named without `refs/…/`";
                return Some((why.to_owned(), format!("write `{short}`")));
            }
            if let Some(sign) = bare.chars().find(|c| matches!(c, ' ' | '~' | '^' | ':')) {
                let why = format!("no branch or tag has `{sign}` in its name");
                return Some((
                    why,
                    "patterns are no regular expressions: `*`, `**`, `?`, `+`, `[]`".to_owned(),
                ));
            }
            if bare.starts_with('/') || bare.ends_with('/') {
                let why = "no branch or tag begins or ends with `/`".to_owned();
                return Some((why, format!("write `{}`", bare.trim_matches('/'))));
            }
        }
    }
    None
}

/// A part of a text, if the file has it as it is.
fn within(text: &At<String>, part: Span, report: &Report<'_>) -> Span {
    let shown = report.source.slice(text.span);
    match shown.find(&text.value) {
        Some(at) => {
            let start = text.span.start + at;
            Span::new(start + part.start, start + part.end)
        }
        None => text.span,
    }
}

fn check_schedule(schedule: &Schedule, report: &mut Report<'_>) {
    if let Some(zone) = &schedule.timezone
        && TimeZone::get(&zone.value).is_err()
    {
        let message = format!("there is no time zone {}", quoted(&zone.value));
        report.tell(
            Finding::error("unknown-timezone", message, zone.span)
                .label("unknown")
                .hint("use a name of the IANA database, such as `Europe/Berlin`"),
        );
    }
    // What cannot be read has been told.
    let Some((cron, text)) =
        schedule.cron.as_ref().and_then(|text| Some((Cron::parse(&text.value).ok()?, text)))
    else {
        return;
    };
    if cron.next_after(jiff::civil::DateTime::constant(2024, 1, 1, 0, 0, 0, 0)).is_none() {
        let message = format!("{} is never due: no month has that day", quoted(&text.value));
        report.tell(Finding::warning("never-due", message, text.span).label("never"));
    } else if cron.shortest_gap().is_some_and(|gap| gap < SHORTEST_MINUTES) {
        let message = format!(
            "{} is due more often than GitHub starts it, every {SHORTEST_MINUTES} minutes at best",
            quoted(&text.value)
        );
        report.tell(Finding::advice("too-often", message, text.span).label("some are left out"));
    }
}

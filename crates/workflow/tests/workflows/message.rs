//! Problems as GitHub tells them: the same message at the same place, and only those of the first
//! step in which something is wrong.

use model::source::{Finding, Source, Span};
use workflow::syntax::model::Scope;
use workflow::syntax::{Exceeded, IdWrong, Problem, ProblemKind as P, Reading, TargetWrong};

use super::case::{Form, Parser};

/// More than these are not told.
const MOST: usize = 10;

/// Longer messages are cut, in UTF-16 units.
const LONGEST: usize = 500;

pub(crate) fn messages(reading: &Reading, form: Form) -> Vec<String> {
    let told: Vec<&Problem> =
        reading.problems.iter().filter(|problem| is_told(problem, form)).collect();
    let first = told.iter().map(|problem| problem.step).min();
    let told = told.into_iter().filter(|problem| Some(problem.step) == first);
    let mut told: Vec<&Problem> = told.collect();
    if let Some(only) = told.iter().find(|problem| matches!(problem.kind, P::NoFirstJob { .. })) {
        told = vec![only];
    }
    told.iter().take(MOST).map(|problem| placed(reading, problem)).collect()
}

/// What has no effect on the server is an error in editors. The server's parser leaves events to
/// others, but for calls.
fn is_told(problem: &Problem, form: Form) -> bool {
    if matches!(problem.kind, P::Rewritten { .. } | P::Default { .. }) {
        return false;
    }
    if form.parser != Parser::Server {
        return true;
    }
    let others = match problem.kind {
        P::UnknownKey { .. }
        | P::UnexpectedValue { .. }
        | P::UnexpectedList { .. }
        | P::UnexpectedMapping { .. }
        | P::Cron { .. } => {
            problem.path.starts_with("on") && !problem.path.starts_with("on.workflow_call")
        }
        P::MissingKey { key, .. } => key == "on" || problem.path.starts_with("on.schedule"),
        _ => false,
    };
    problem.is_error() && !others
}

fn placed(reading: &Reading, problem: &Problem) -> String {
    let source = &reading.sources[problem.file];
    let (message, has_place) = message(problem, source);
    let span = match &problem.kind {
        P::UnexpectedValue { shown, .. } if shown == "nothing" => {
            Span::at(nothing(source, problem.span))
        }
        _ => problem.span,
    };
    let place = if has_place { format!(" {}", place(source, span)) } else { String::new() };
    let message = match problem.kind {
        P::CallTooDeep { .. } | P::CallCycle { .. } | P::TooManyFiles { .. } => message,
        _ => format!("{}{place}: {message}", source.name()),
    };
    let message = cut(message);
    match problem.caller {
        Some((caller, span)) if !message.starts_with(reading.sources[caller].name()) => {
            if matches!(problem.kind, P::CallTooDeep { .. } | P::CallCycle { .. }) {
                return message;
            }
            let caller = &reading.sources[caller];
            let place = self::place(caller, span);
            format!("In {} {place}: Error from called workflow {message}", caller.name())
        }
        _ => message,
    }
}

fn place(source: &Source, span: Span) -> String {
    let at = source.position(start(source, span.start));
    format!("(Line: {}, Col: {})", at.line, at.column)
}

/// Where GitHub sees the beginning of a value: at its anchor or tag, if it has one.
pub(crate) fn start(source: &Source, mut at: usize) -> usize {
    let text = source.text();
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    loop {
        let before = text[line..at].trim_end();
        let word = before.rfind(' ').map_or(0, |end| end + 1);
        if !before[word..].starts_with(['!', '&']) || before.len() == at - line {
            return at;
        }
        at = line + word;
    }
}

/// Where GitHub sees a value that is not there: behind the colon of its key.
pub(crate) fn nothing(source: &Source, span: Span) -> usize {
    let slice = source.slice(span);
    let is_written = matches!(slice, "" | "~" | "null" | "Null" | "NULL")
        || slice.starts_with(['"', '\'', '$', '|', '>']);
    let colon = source.text()[span.end..].find(':').filter(|_| !is_written);
    colon.map_or(span.start, |colon| span.end + colon + 1)
}

fn cut(message: String) -> String {
    let units: Vec<u16> = message.encode_utf16().collect();
    if units.len() <= LONGEST {
        return message;
    }
    String::from_utf16_lossy(&units[..LONGEST]) + "[...]"
}

/// The message, and whether it is told with its place.
fn message(problem: &Problem, source: &Source) -> (String, bool) {
    let message = match &problem.kind {
        P::Yaml(finding) => return (yaml(finding, source), false),
        P::FileTooLarge { limit } => {
            let message = format!("The maximum file size of {limit} characters has been exceeded");
            return (message, false);
        }
        P::TooDeep { .. } => return ("Maximum object depth exceeded".to_owned(), false),
        P::TooLarge { .. } => return ("Maximum object size exceeded".to_owned(), false),
        P::NumberTooLong { .. } => return (unfit(problem.span, source), false),
        P::TagOnQuotes { .. } => return (quotes(problem.span, source), false),
        P::UnexpectedList { .. } => "A sequence was not expected".to_owned(),
        P::UnexpectedMapping { .. } => "A mapping was not expected".to_owned(),
        P::UnexpectedValue { found, .. } => unexpected(found),
        P::UnknownKey { key, .. } => unexpected(key),
        P::Input { shown, .. } => unexpected(shown),
        P::RepeatedKey { key, .. } => format!("'{key}' is already defined"),
        P::MissingKey { key, .. } => format!("Required property is missing: {key}"),
        P::Ambiguous { keys, .. } => ambiguous(keys),
        P::ExpressionNotAllowed => {
            "A template expression is not allowed in this context".to_owned()
        }
        P::InsertWithin => "The directive 'insert' is not allowed in this context. Directives are \
            not supported for expressions that are embedded within a string. Directives are only \
            supported when the entire value is an expression."
            .to_owned(),
        P::Template { errors, .. } => errors[0].to_string(),
        P::Id { id, wrong } => match wrong {
            IdWrong::Malformed => format!(
                "The identifier '{id}' is invalid. IDs may only contain alphanumeric characters, \
                 '_', and '-'. IDs must start with a letter or '_' and and must be less than 100 \
                 characters."
            ),
            IdWrong::Reserved => reserved(id),
            IdWrong::Taken { .. } => format!(
                "The identifier '{id}' may not be used more than once within the same scope."
            ),
        },
        P::Target { id, wrong, .. } => match wrong {
            TargetWrong::Reserved => reserved(id),
            TargetWrong::Itself => format!("Step '{id}' cannot reference itself"),
            TargetWrong::Unknown => format!("Step references unknown step ID '{id}'"),
        },
        P::WaitAllFalse => "The value of 'wait-all' must be true or omitted".to_owned(),
        P::InParallel { key, .. } => match *key {
            "background" => "'background' is not allowed inside a parallel block. Steps in a \
                parallel block are automatically run as background steps."
                .to_owned(),
            "parallel" => "Nested 'parallel' blocks are not allowed.".to_owned(),
            key => format!("'{key}' is not allowed inside a parallel block."),
        },
        P::TooManyJobs { limit } => {
            format!("Workflows may not contain more than {limit} jobs across all referenced files")
        }
        P::GroupTooLong { limit } => {
            format!("Concurrency group name must be less than {limit} characters")
        }
        P::RunnerGroup { group, empty } => {
            let advice = " Please use 'organization/' or 'enterprise/' prefix to target a single \
                runner group.";
            let advice = if *empty { "" } else { advice };
            format!("Invalid runs-on group name '{group}'.{advice}")
        }
        P::Action { action } => {
            format!("Expected format {{org}}/{{repo}}[/path]@ref. Actual '{action}'")
        }
        P::NoImage => "Container image cannot be empty".to_owned(),
        P::SnapshotVersion { version } => {
            format!("Expected format '{{major-version}}.*' Actual '{version}'")
        }
        P::EmptyAxis { axis } => format!("Matrix vector '{axis}' does not contain any values"),
        P::NoAxis => "Matrix must define at least one vector".to_owned(),
        P::EmptyInclude => "Matrix include mapping does not contain any values".to_owned(),
        P::EmptyExclude => "Matrix exclude filter must not be empty".to_owned(),
        P::UnknownExclude { key, .. } => {
            format!("Matrix exclude key '{key}' does not match any key within the matrix")
        }
        P::Cron { .. } => "Invalid cron expression. Expected format: '* * * * *' (minute hour day \
            month weekday)"
            .to_owned(),
        P::NoOptions => "Missing 'options' for choice input".to_owned(),
        P::OptionsWithoutChoice => {
            "Input type is not 'choice', but 'options' is defined".to_owned()
        }
        P::NoFirstJob { .. } => {
            "The workflow must contain at least one job with no dependencies.".to_owned()
        }
        P::UnknownNeed { job, need, .. } => {
            format!("Job '{job}' depends on unknown job '{need}'.")
        }
        P::NeedsCycle { job, need, .. } => format!(
            "Job '{job}' depends on job '{need}' which creates a cycle in the dependency graph."
        ),
        P::CallTooDeep { limit } => {
            format!("Nested reusable workflow depth exceeded {limit}.")
        }
        P::TooManyFiles { limit } => {
            format!("The maximum file count of {limit} has been exceeded")
        }
        P::NotCallable => "workflow_call key is not defined in the referenced workflow.".to_owned(),
        P::MissingInput { name } => {
            format!("Input {name} is required, but not provided while calling.")
        }
        P::UnknownInput { name, .. } => {
            format!("Invalid input, {name} is not defined in the referenced workflow.")
        }
        P::MissingSecret { name } => {
            format!("Secret {name} is required, but not provided while calling.")
        }
        P::UnknownSecret { name, .. } => {
            format!("Invalid secret, {name} is not defined in the referenced workflow.")
        }
        P::Permissions { workflow, job, exceeded } => {
            permissions(workflow, job.as_deref(), exceeded)
        }
        P::CallNotFound { .. } | P::CallElsewhere { .. } => {
            "Unable to find reusable workflow".to_owned()
        }
        // What GitHub says of these is in no case.
        P::CallSyntax { .. } | P::CallCycle { .. } | P::Default { .. } | P::Rewritten { .. } => {
            format!("{:?}", problem.kind)
        }
    };
    (message, true)
}

fn unexpected(value: &str) -> String {
    format!("Unexpected value '{value}'")
}

fn reserved(id: &str) -> String {
    format!("The identifier '{id}' is invalid. IDs starting with '__' are reserved.")
}

fn ambiguous(keys: &[&str]) -> String {
    // Steps in the background were not known when the cases were written.
    let mut keys: Vec<&str> = keys
        .iter()
        .copied()
        .filter(|key| !["wait", "wait-all", "cancel", "parallel", "background"].contains(key))
        .collect();
    keys.sort_unstable();
    let keys = keys.join(", ");
    format!(
        "There's not enough info to determine what you meant. Add one of these properties: {keys}"
    )
}

fn permissions(workflow: &str, job: Option<&str>, exceeded: &[Exceeded]) -> String {
    let old = |scope: Scope| !NEW_SCOPES.contains(&scope) || exceeded.len() == 1;
    let listed = |access: &dyn Fn(&Exceeded) -> String| -> String {
        let exceeded = exceeded.iter().filter(|exceeded| old(exceeded.scope));
        exceeded.map(access).collect::<Vec<_>>().join(", ")
    };
    let wanted = listed(&|exceeded| format!("{}: {}", exceeded.scope, exceeded.wanted));
    let allowed = listed(&|exceeded| format!("{}: {}", exceeded.scope, exceeded.allowed));
    let who = match job {
        Some(job) => format!("The nested job '{job}'"),
        None => format!("The workflow '{workflow}'"),
    };
    format!(
        "Error calling workflow '{workflow}'. {who} is requesting '{wanted}', but is only allowed \
         '{allowed}'."
    )
}

/// Those that came after the cases.
pub(crate) const NEW_SCOPES: &[Scope] = &[
    Scope::ArtifactMetadata,
    Scope::Attestations,
    Scope::CodeQuality,
    Scope::CopilotRequests,
    Scope::Drives,
    Scope::Models,
    Scope::VulnerabilityAlerts,
];

fn yaml(finding: &Finding, source: &Source) -> String {
    let slice = source.slice(finding.span);
    match finding.code {
        "too-many-anchors" => {
            let name = slice.trim_start_matches('&');
            format!("Anchors are not currently supported. Remove the anchor '{name}'")
        }
        "unfit-tag" => unfit(finding.span, source),
        "unknown-tag" => {
            let Tagged { tag, value, .. } = tagged(finding.span, source);
            if value.starts_with(['"', '\'', '|', '>']) {
                return quotes(finding.span, source);
            }
            format!("Unexpected tag '{tag}'")
        }
        "too-deep" => "Maximum object depth exceeded".to_owned(),
        "too-many-values" => "Maximum YAML nodes exceeded".to_owned(),
        "unknown-alias" => format!("Unknown anchor '{}'", slice.trim_start_matches('*')),
        _ => finding.message.clone(),
    }
}

fn unfit(span: Span, source: &Source) -> String {
    let Tagged { at, tag, value } = tagged(span, source);
    let at = source.position(at);
    let tag = if tag.starts_with("tag:") { &tag } else { "tag:yaml.org,2002:int" };
    format!(
        "The value '{value}' on line {} and column {} is invalid for the type '{tag}'",
        at.line, at.column
    )
}

fn quotes(span: Span, source: &Source) -> String {
    let Tagged { at, tag, value } = tagged(span, source);
    let style = match value.chars().next() {
        Some('"') => "DoubleQuoted",
        Some('\'') => "SingleQuoted",
        Some('|') => "Literal",
        _ => "Folded",
    };
    let at = source.position(at);
    format!(
        "The scalar style '{style}' on line {} and column {} is not valid with the tag '{tag}'",
        at.line, at.column
    )
}

/// A value with its tag, and where they begin.
struct Tagged {
    at: usize,
    tag: String,
    value: String,
}

fn tagged(span: Span, source: &Source) -> Tagged {
    let text = source.text();
    let line = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let at = if text[span.start..].starts_with('!') {
        span.start
    } else {
        text[line..span.start].rfind(" !").map_or(span.start, |at| line + at + 1)
    };
    let rest = text[at..].lines().next().unwrap_or_default();
    let (tag, value) = match rest.split_once(' ') {
        Some(tagged) if rest.starts_with('!') => tagged,
        _ if rest.starts_with('!') => (rest, ""),
        _ => ("", source.slice(span)),
    };
    let tag = match (tag.strip_prefix("!<"), tag.strip_prefix("!!")) {
        (Some(tag), _) => tag.trim_end_matches('>').to_owned(),
        (None, Some(name)) => format!("tag:yaml.org,2002:{name}"),
        (None, None) => tag.to_owned(),
    };
    Tagged { at, tag, value: value.trim().to_owned() }
}

//! Problems in our own words: what is wrong, what was expected, and the mend.

use model::shape::listed;
use model::source::{Finding, Severity, Source, Span, nearest, quoted};

use super::super::model::InputKind;
use super::super::node;
use super::{Exceeded, IdWrong, Problem, ProblemKind, TargetWrong};
use crate::expression::{Function, Names, SyntaxErrorKind, TemplateError, TemplateErrorKind};

pub(super) fn findings(problem: &Problem, source: &Source) -> Vec<Finding> {
    match &problem.kind {
        ProblemKind::Template { names, .. } if names.contexts.is_empty() => {
            vec![expression_not_allowed(problem)]
        }
        ProblemKind::Template { raw, errors, names } => {
            errors.iter().map(|error| template(problem, raw, error, names, source)).collect()
        }
        ProblemKind::Cron { raw, error } => {
            let span = node::place(raw, problem.span, source, error.span);
            let finding = Finding::error("cron", error.message.clone(), span);
            vec![maybe(finding.label("no schedule"), error.hint.clone())]
        }
        // The ring itself is told where it closes, and is the reason that no job is first.
        ProblemKind::NeedsCycle { ring, .. } if ring.is_empty() => Vec::new(),
        ProblemKind::NoFirstJob { empty: false } => Vec::new(),
        _ => {
            let mut finding = told(problem);
            finding.severity = problem.severity.min(finding.severity);
            vec![finding]
        }
    }
}

fn told(problem: &Problem) -> Finding {
    use ProblemKind as P;
    let error = |code, message: String| Finding::error(code, message, problem.span);
    match &problem.kind {
        P::Yaml(finding) => (**finding).clone(),
        P::FileTooLarge { .. } | P::TooDeep { .. } | P::TooLarge { .. } | P::TagOnQuotes { .. } => {
            limit(problem)
        }
        P::UnexpectedList { expected } => {
            error("wrong-value", format!("{} must be {expected}", here(problem)))
                .label("found a list")
        }
        P::UnexpectedMapping { expected } => {
            error("wrong-value", format!("{} must be {expected}", here(problem)))
                .label("found a mapping")
        }
        P::UnexpectedValue { .. } => wrong_value(problem),
        P::UnknownKey { key, of, known } => unknown_key(problem, key, of, known),
        P::RepeatedKey { key, first } => {
            error("duplicate-key", format!("the key {} is defined twice", quoted(key)))
                .label("defined again here")
                .also(*first, "first defined here")
                .hint("remove one of the two; the case of letters does not tell keys apart")
        }
        P::MissingKey { key, of, owner } => {
            let span = owner.unwrap_or(Span::at(problem.span.start));
            let message = match problem.path.as_str() {
                "" => format!("the file has no `{key}`"),
                path => format!("`{path}` has no `{key}`"),
            };
            Finding::error("missing-key", message, span)
                .label(format!("{of} needs `{key}`"))
                .hint(missing_hint(key))
        }
        P::Ambiguous { required, .. } => {
            error("ambiguous", format!("nothing says what {} is to do", here(problem)))
                .label("it could be one of several things")
                .hint(format!("add {}", listed(required, "or")))
        }
        P::ExpressionNotAllowed => expression_not_allowed(problem),
        P::InsertWithin => {
            error("expression", "`insert` must stand alone in `${{ }}`, as a key".to_owned())
                .label("text around `${{ insert }}`")
        }
        P::Id { id, wrong } => wrong_id(problem, id, *wrong),
        P::Target { id, wrong, known } => target(problem, id, *wrong, known),
        P::Action { .. }
        | P::NoImage
        | P::SnapshotVersion { .. }
        | P::GroupTooLong { .. }
        | P::RunnerGroup { .. }
        | P::WaitAllFalse
        | P::InParallel { .. }
        | P::TooManyJobs { .. } => job(problem),
        P::EmptyAxis { .. }
        | P::NoAxis
        | P::EmptyInclude
        | P::EmptyExclude
        | P::UnknownExclude { .. } => matrix(problem),
        P::NoOptions | P::OptionsWithoutChoice | P::Default { .. } => event(problem),
        P::NoFirstJob { .. } => {
            error("no-jobs", "the workflow has no jobs".to_owned()).label("no job here")
        }
        P::UnknownNeed { job, need, near } => {
            let finding = error("unknown-job", format!("there is no job `{need}`"))
                .label(format!("`{job}` waits for it"));
            maybe(finding, near.as_ref().map(|near| format!("did you mean `{near}`?")))
        }
        P::NeedsCycle { ring, .. } => {
            let way: Vec<&str> = ring.iter().map(String::as_str).collect();
            error("needs-cycle", "jobs wait for one another in a ring".to_owned())
                .label(way.join(" → "))
                .hint("remove one of these needs")
        }
        P::CallSyntax { .. }
        | P::CallNotFound { .. }
        | P::CallTooDeep { .. }
        | P::CallCycle { .. }
        | P::TooManyFiles { .. }
        | P::NotCallable => call(problem),
        P::MissingInput { .. }
        | P::UnknownInput { .. }
        | P::Input { .. }
        | P::MissingSecret { .. }
        | P::UnknownSecret { .. }
        | P::Permissions { .. } => agreement(problem),
        P::Template { .. } | P::Cron { .. } => error("expression", String::new()),
    }
}

fn here(problem: &Problem) -> String {
    if problem.path.is_empty() { "the file".to_owned() } else { format!("`{}`", problem.path) }
}

fn maybe(finding: Finding, hint: Option<String>) -> Finding {
    Finding { hint, ..finding }
}

fn expression_not_allowed(problem: &Problem) -> Finding {
    let message = format!("{} may hold no expression", here(problem));
    Finding::error("expression-not-allowed", message, problem.span)
        .label("nothing is computed here")
        .hint("write the value out")
}

fn wrong_value(problem: &Problem) -> Finding {
    let ProblemKind::UnexpectedValue { found, shown, expected, words } = &problem.kind else {
        return Finding::error("wrong-value", String::new(), problem.span);
    };
    let message = format!("{} must be {expected}", here(problem));
    let label = if problem.severity == Severity::Warning {
        format!("found {shown}, which never comes true")
    } else {
        format!("found {shown}")
    };
    let finding = Finding::error("wrong-value", message, problem.span).label(label);
    let finding = if words.len() > MOST_WORDS {
        finding.note(format!("known here: {}", listed(words, "and")))
    } else {
        finding
    };
    let hint = nearest(found, words.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    maybe(finding, hint.or_else(|| quotes_hint(found, expected)))
}

/// More words than these are listed in a note.
const MOST_WORDS: usize = 8;

fn quotes_hint(found: &str, expected: &str) -> Option<String> {
    let wants = |what| expected.contains(what);
    let hint = match found {
        "true" | "false" if wants("`true`") => "remove the quotes",
        "yes" | "on" | "Yes" | "On" | "YES" | "ON" if wants("`true`") => "write `true`",
        "no" | "off" | "No" | "Off" | "NO" | "OFF" if wants("`true`") => "write `false`",
        _ if wants("a number") && found.parse::<f64>().is_ok() => "remove the quotes",
        _ => return None,
    };
    Some(hint.to_owned())
}

fn template(
    problem: &Problem,
    raw: &str,
    error: &TemplateError,
    names: &Names<'_>,
    source: &Source,
) -> Finding {
    let span = node::place(raw, problem.span, source, error.span);
    let (code, message) = match &error.kind {
        TemplateErrorKind::Empty => ("expression", "`${{ }}` holds no expression".to_owned()),
        TemplateErrorKind::NotClosed => ("expression", "`${{` is never closed".to_owned()),
        TemplateErrorKind::Syntax(syntax) => {
            let symbol = quoted(syntax.symbol());
            match syntax.kind {
                SyntaxErrorKind::UnknownContext => {
                    ("unknown-context", format!("there is no context {symbol} here"))
                }
                SyntaxErrorKind::UnknownFunction => {
                    ("unknown-function", format!("there is no function {symbol} here"))
                }
                SyntaxErrorKind::TooFewArguments => {
                    ("expression", format!("{symbol} is given too few arguments"))
                }
                SyntaxErrorKind::TooManyArguments => {
                    ("expression", format!("{symbol} is given too many arguments"))
                }
                SyntaxErrorKind::EvenArguments => {
                    ("expression", format!("{symbol} takes an odd number of arguments"))
                }
                SyntaxErrorKind::NotAToken | SyntaxErrorKind::UnexpectedSymbol => {
                    ("expression", format!("{symbol} is not expected here"))
                }
                SyntaxErrorKind::UnexpectedEnd => {
                    ("expression", "the expression breaks off".to_owned())
                }
                SyntaxErrorKind::TooDeep | SyntaxErrorKind::TooLong => {
                    ("expression", syntax.summary())
                }
            }
        }
    };
    let label = match problem.path.as_str() {
        "" => String::new(),
        path => format!("in `{path}`"),
    };
    let finding = Finding::error(code, message, span).label(label);
    let finding = match code {
        "unknown-context" => {
            finding.note(format!("contexts here: {}", listed(names.contexts, "and")))
        }
        _ => finding,
    };
    let hint = error.hint().map(str::to_owned);
    maybe(finding, hint.or_else(|| name_hint(error, names)))
}

/// The right name for one that is unknown, or where it belongs.
fn name_hint(error: &TemplateError, names: &Names<'_>) -> Option<String> {
    let TemplateErrorKind::Syntax(error) = &error.kind else { return None };
    let symbol = error.symbol();
    let near = match error.kind {
        SyntaxErrorKind::UnknownContext => nearest(symbol, names.contexts.iter().copied()),
        SyntaxErrorKind::UnknownFunction => {
            let known = Function::ALL.map(Function::name);
            if let Some(known) = known.iter().find(|known| known.eq_ignore_ascii_case(symbol)) {
                let place = if *known == "hashFiles" { "in steps" } else { "in an `if:`" };
                return Some(format!("`{known}` is there only {place}"));
            }
            nearest(symbol, known)
        }
        _ => None,
    };
    near.map(|near| format!("did you mean `{near}`?"))
}

fn limit(problem: &Problem) -> Finding {
    use ProblemKind as P;
    let (code, message, label) = match problem.kind {
        P::FileTooLarge { limit } => {
            ("file-too-large", format!("the file has more than {limit} characters"), "")
        }
        P::TooDeep { limit } => (
            "too-deep",
            format!("more than {limit} lists and mappings within one another"),
            "this one is too deep",
        ),
        P::TooLarge { limit } => (
            "too-large",
            format!("the workflow takes more than {limit} bytes with all that it calls"),
            "the limit is reached here",
        ),
        P::TagOnQuotes { tag } => (
            "tag-on-quotes",
            format!("a text in quotes cannot be tagged as `!!{tag}`"),
            "quotes make it a text",
        ),
        _ => ("limit", String::new(), ""),
    };
    Finding::error(code, message, Span::new(problem.span.start, problem.span.end)).label(label)
}

fn unknown_key(problem: &Problem, key: &str, of: &str, known: &[&'static str]) -> Finding {
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
    let finding = Finding::error("unknown-key", message, problem.span).label(label);
    let finding = if known.is_empty() || known.len() > MOST_NAMES {
        finding
    } else {
        finding.note(format!("known here: {}", listed(known, "and")))
    };
    let near = nearest(key, known.iter().copied());
    maybe(finding, near.map(|near| format!("did you mean `{near}`?")))
}

/// More names than these are not listed.
const MOST_NAMES: usize = 24;

fn missing_hint(key: &str) -> String {
    match key {
        "runs-on" => "add a label such as `runs-on: ubuntu-latest`, or `uses` to call a workflow",
        "on" => "say what starts the workflow: `on: push`",
        "jobs" => "add `jobs:` with at least one job",
        "type" => "add `type: string`, `boolean` or `number`",
        "value" => "add `value: ${{ jobs.<job>.outputs.<output> }}`",
        "group" => "add a name for those that exclude one another: `group: ${{ github.ref }}`",
        key => return format!("add `{key}:`"),
    }
    .to_owned()
}

fn wrong_id(problem: &Problem, id: &str, wrong: IdWrong) -> Finding {
    let shown = if id.is_empty() { "an empty id".to_owned() } else { quoted(id) };
    match wrong {
        IdWrong::Malformed => {
            Finding::error("id", format!("{shown} cannot be an id"), problem.span)
                .label("letters, digits, `_` and `-`, fewer than 100")
                .hint("begin with a letter or `_`; words for people belong into `name`")
        }
        IdWrong::Reserved => Finding::error("id", format!("{shown} cannot be an id"), problem.span)
            .label("begins with `__`")
            .hint("ids that begin with `__` are for steps that have none"),
        IdWrong::Taken { first } => {
            Finding::error("duplicate-id", format!("the id {shown} is taken"), problem.span)
                .label("used again here")
                .also(first, "first used here")
                .hint("give each step an id of its own; the case of letters does not count")
        }
    }
}

fn target(problem: &Problem, id: &str, wrong: TargetWrong, known: &[String]) -> Finding {
    let shown = quoted(id);
    let (message, label) = match wrong {
        TargetWrong::Reserved => {
            (format!("{shown} cannot be an id"), "begins with `__`, and nobody wrote it")
        }
        TargetWrong::Itself => ("a step cannot wait for itself".to_owned(), "this very step"),
        TargetWrong::Unknown => (format!("no step before has the id {shown}"), "not known here"),
    };
    let finding = Finding::error("unknown-step", message, problem.span).label(label);
    let known = known.iter().filter(|_| wrong == TargetWrong::Unknown);
    let near = nearest(id, known.map(String::as_str));
    maybe(finding, near.map(|near| format!("did you mean `{near}`?")))
}

fn job(problem: &Problem) -> Finding {
    use ProblemKind as P;
    let error = |code, message: String| Finding::error(code, message, problem.span);
    match &problem.kind {
        P::Action { action } => error("action", format!("{} is no action", quoted(action)))
            .label("expected `owner/repository@ref`")
            .hint(if action.contains('@') || !action.contains('/') {
                "a folder of the repository begins with `./`, an image with `docker://`"
            } else {
                "say which version: `owner/repository@v1`, or better a commit"
            }),
        P::NoImage => error("no-image", format!("{} has no image", here(problem)))
            .label("which image?")
            .hint("add `image:`"),
        P::SnapshotVersion { version } => {
            error("snapshot-version", format!("{} is no version of an image", quoted(version)))
                .label("expected a major version such as `1.*`")
        }
        P::GroupTooLong { limit } => {
            error("group-too-long", format!("the group's name has more than {limit} characters"))
                .label("too long")
        }
        P::RunnerGroup { group, empty } => {
            error("runner-group", format!("{} is no group of runners", quoted(group)))
                .label(if *empty { "the name is missing" } else { "an unknown prefix" })
                .hint("write its name, or `organization/name` or `enterprise/name`")
        }
        P::WaitAllFalse => error("wait-all", "`wait-all` cannot be false".to_owned())
            .label("must be `true`, or left empty")
            .hint("remove the step if nothing is to be waited for"),
        P::InParallel { key, inner } => {
            let message = format!("`{key}` is not allowed in a parallel block");
            let hint = if *key == "background" {
                "its steps run at the same time anyway"
            } else {
                "only steps with `run` or `uses` may stand in it"
            };
            Finding::error("parallel", message, Span::new(inner.start, inner.end))
                .label("in this step")
                .hint(hint)
        }
        P::TooManyJobs { limit } => {
            error("too-many-jobs", format!("more than {limit} jobs in all files"))
                .label("this one is too many")
        }
        _ => error("job", String::new()),
    }
}

fn matrix(problem: &Problem) -> Finding {
    use ProblemKind as P;
    let error = |code, message: String| Finding::error(code, message, problem.span);
    match &problem.kind {
        P::EmptyAxis { axis } => error("empty-matrix", format!("{} has no values", quoted(axis)))
            .label("so no job would run")
            .hint("add a value, or remove the key"),
        P::NoAxis => error("empty-matrix", "the matrix has no values".to_owned())
            .label("so no job would run")
            .hint("add a list of values, or `include`"),
        P::EmptyInclude => {
            error("empty-matrix", "an `include` without values".to_owned()).label("empty")
        }
        P::EmptyExclude => {
            error("empty-matrix", "an `exclude` without values".to_owned()).label("empty")
        }
        P::UnknownExclude { key, axes } => {
            let finding = error("unknown-axis", format!("the matrix has no {}", quoted(key)))
                .label("excludes nothing");
            let near = nearest(key, axes.iter().map(String::as_str));
            maybe(finding, near.map(|near| format!("did you mean `{near}`?")))
        }
        _ => error("matrix", String::new()),
    }
}

fn event(problem: &Problem) -> Finding {
    use ProblemKind as P;
    let error = |code, message: String| Finding::error(code, message, problem.span);
    match &problem.kind {
        P::NoOptions => error("no-options", format!("{} has no options", here(problem)))
            .label("a choice needs something to choose from")
            .hint("add `options:` with a list of texts"),
        P::OptionsWithoutChoice => {
            error("options", format!("{} is no choice, so its options mean nothing", here(problem)))
                .label("`type` is not `choice`")
                .hint("write `type: choice`, or remove `options`")
        }
        P::Default { kind } => {
            error("wrong-default", format!("the default is not {}", what(*kind)))
                .label("does not fit the type of the input")
        }
        _ => error("event", String::new()),
    }
}

fn what(kind: InputKind) -> &'static str {
    match kind {
        InputKind::String => "a text",
        InputKind::Boolean => "`true` or `false`",
        InputKind::Number => "a number",
        InputKind::Choice => "one of the options",
        InputKind::Environment => "the name of an environment",
    }
}

fn call(problem: &Problem) -> Finding {
    use ProblemKind as P;
    let error = |code, message: String| Finding::error(code, message, problem.span);
    match &problem.kind {
        P::CallSyntax { uses } => error("call", format!("{} is no workflow", quoted(uses)))
            .label("expected a file in `.github/workflows`")
            .hint(
                "write `./.github/workflows/file.yml`, or \
                 `owner/repository/.github/workflows/file.yml@ref`",
            ),
        P::CallNotFound { uses, why } => {
            let finding = error("call-not-found", format!("{} cannot be read", quoted(uses)));
            if why.is_empty() { finding } else { finding.label(why.clone()) }
        }
        P::CallTooDeep { limit } => {
            error("call-too-deep", format!("more than {limit} calls within one another"))
                .label("this call is too deep")
        }
        P::CallCycle { chain } => {
            error("call-cycle", "workflows call one another in a ring".to_owned())
                .label(chain.join(" → "))
                .hint("a workflow cannot call itself, not even by way of others")
        }
        P::TooManyFiles { limit } => {
            error("too-many-files", format!("more than {limit} workflow files"))
                .label("this one is too many")
        }
        P::NotCallable => error("not-callable", "the workflow cannot be called".to_owned())
            .label("`workflow_call` is not among its events")
            .hint("add `workflow_call:`"),
        _ => error("call", String::new()),
    }
}

fn agreement(problem: &Problem) -> Finding {
    use ProblemKind as P;
    let error = |code, message: String| Finding::error(code, message, problem.span);
    match &problem.kind {
        P::MissingInput { name } => {
            error("missing-input", format!("the input `{name}` is missing"))
                .label("the called workflow needs it")
                .hint(format!("add `{name}:` under `with:`"))
        }
        P::MissingSecret { name } => {
            error("missing-secret", format!("the secret `{name}` is missing"))
                .label("the called workflow needs it")
                .hint(format!("add `{name}:` under `secrets:`, or write `secrets: inherit`"))
        }
        P::UnknownInput { name, key, known } => {
            unknown("unknown-input", "input", name, *key, known)
        }
        P::UnknownSecret { name, key, known } => {
            unknown("unknown-secret", "secret", name, *key, known)
        }
        P::Input { kind, .. } => error("wrong-input", format!("the value is not {}", what(*kind)))
            .label("does not fit the type of the input"),
        P::Permissions { workflow, job, exceeded } => {
            let who = match job {
                Some(job) => format!("the job {} of `{}`", quoted(job), short(workflow)),
                None => format!("`{}`", short(workflow)),
            };
            error("permissions", format!("{who} wants more than this job may give"))
                .label(exceeded_words(exceeded))
                .hint("grant it under `permissions:` of this job")
        }
        _ => error("call", String::new()),
    }
}

/// A key that the called workflow does not know.
fn unknown(code: &'static str, what: &str, name: &str, key: Span, known: &[String]) -> Finding {
    let message = format!("the called workflow has no {what} {}", quoted(name));
    let finding = Finding::error(code, message, key).label("not known there");
    let near = nearest(name, known.iter().map(String::as_str));
    maybe(finding, near.map(|near| format!("did you mean `{near}`?")))
}

/// A name that is mostly short enough.
fn short(name: &str) -> String {
    const MOST: usize = 100;
    name.chars().take(MOST).collect()
}

fn exceeded_words(exceeded: &[Exceeded]) -> String {
    let shown: Vec<String> = exceeded
        .iter()
        .take(MOST_SCOPES)
        .map(|Exceeded { scope, wanted, allowed }| format!("{scope}: {wanted}, not {allowed}"))
        .collect();
    let more = exceeded.len().saturating_sub(MOST_SCOPES);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}

/// More permissions than these are counted.
const MOST_SCOPES: usize = 4;

//! Problems in our own words: what is wrong, what was expected, and the mend.

mod call;
mod job;
mod text;
mod value;

use model::shape::listed;
use model::source::{Finding, Severity, Source, Span, nearest, quoted};

use super::{Problem, ProblemKind};

pub(super) fn findings(problem: &Problem, source: &Source) -> Vec<Finding> {
    match &problem.kind {
        ProblemKind::Template { raw, errors, names } => {
            text::findings(problem, raw, errors, names, source)
        }
        // The ring itself is told where it closes, and is the reason that no job is first.
        ProblemKind::NeedsCycle { ring, .. } if ring.is_empty() => Vec::new(),
        ProblemKind::NoFirstJob { empty: false } => Vec::new(),
        _ => {
            let mut finding = told(problem, source);
            finding.severity = problem.severity.min(finding.severity);
            vec![finding]
        }
    }
}

fn told(problem: &Problem, source: &Source) -> Finding {
    use ProblemKind as P;
    let at = problem.span;
    let here = here(problem);
    match &problem.kind {
        P::Yaml(finding) if finding.code == "empty-file" => (**finding).clone().hint(BEGINNING),
        P::Yaml(finding) => (**finding).clone(),
        P::FileTooLarge { limit } => {
            error("file-too-large", format!("the file has more than {limit} characters"), at)
                .hint("move some of its jobs to a workflow that this one calls")
        }
        P::TooDeep { limit } => error(
            "too-deep",
            format!("more than {limit} lists and mappings within one another"),
            at,
        )
        .label("this one is too deep")
        .hint("no key of a workflow needs that many"),
        P::TooLarge { limit } => {
            let message = format!("the workflow takes more than {limit} bytes with what it calls");
            error("too-large", message, at).label("the limit is reached here")
        }
        P::NumberTooLong { written } => {
            error("number-too-long", format!("{} is too long for a number", quoted(written)), at)
                .label("more than 32 bits")
                .hint("write it in quotes if it is meant as text")
        }
        P::TagOnQuotes { tag } => {
            error("tag-on-quotes", format!("a text in quotes cannot be tagged as `!!{tag}`"), at)
                .label("quotes make it a text")
                .hint("remove the quotes or the tag")
        }
        P::UnexpectedList { expected } => {
            let finding = value::wrong(&here, expected, at).label("found a list");
            if problem.path.is_empty() { finding.hint(BEGINNING) } else { finding }
        }
        P::UnexpectedMapping { expected } => {
            value::wrong(&here, expected, at).label("found a mapping")
        }
        P::UnexpectedValue { found, shown, expected, words } => {
            let ignored = problem.severity == Severity::Warning;
            let label = if ignored { ", which never comes true" } else { "" };
            let finding = value::wrong(&here, expected, at).label(format!("found {shown}{label}"));
            if problem.path.is_empty() {
                finding.hint(BEGINNING)
            } else {
                value::word(finding, found, expected, words)
            }
        }
        P::Rewritten { written, becomes } => {
            error("rewritten-number", format!("`{written}` is the number {becomes}"), at)
                .label(format!("becomes `{becomes}` where it is taken for text"))
                .hint(format!("write it in quotes if it is meant as text: '{written}'"))
        }
        P::UnknownKey { key, of, known } => value::unknown_key(problem, key, of, known),
        P::RepeatedKey { key, first } => {
            error("duplicate-key", format!("the key {} is defined twice", quoted(key)), at)
                .label("defined again here")
                .also(*first, "first defined here")
                .hint("remove one of the two; the case of letters does not tell keys apart")
        }
        P::MissingKey { key, of, owner } => {
            let at = owner.unwrap_or(Span::at(at.start));
            error("missing-key", format!("{here} has no `{key}`"), at)
                .label(format!("{of} needs `{key}`"))
                .hint(value::missing_key_hint(key))
        }
        P::Ambiguous { required, .. } => {
            error("ambiguous", format!("nothing says what {here} is to do"), at)
                .label("it could be one of several things")
                .hint(format!("add {}", listed(required, "or")))
        }
        P::ExpressionNotAllowed | P::Template { .. } => text::not_allowed(problem),
        P::InsertWithin => {
            error("expression", "`insert` stands alone in `${{ }}`, as a key".to_owned(), at)
                .label("text around `${{ insert }}`")
        }

        P::Id { id, wrong } => job::id(id, *wrong, at),
        P::TooManyJobs { limit } => {
            error("too-many-jobs", format!("more than {limit} jobs in all files"), at)
                .label("this one is too many")
                .hint("make a matrix of jobs that are alike, or several workflows")
        }
        P::GroupTooLong { limit } => {
            let message = format!("the group's name has more than {limit} characters");
            error("group-too-long", message, at).label("too long")
        }
        P::RunnerGroup { group, empty } => {
            error("runner-group", format!("{} is no group of runners", quoted(group)), at)
                .label(if *empty { "the name is missing" } else { "an unknown prefix" })
                .hint("write its name, or `organization/name` or `enterprise/name`")
        }
        P::Action { action } => job::action(action, at),
        P::NoImage => error("no-image", format!("{here} has no image"), at)
            .label("which image?")
            .hint("add `image:`"),
        P::SnapshotVersion { version } => {
            error("snapshot-version", format!("{} is no version of an image", quoted(version)), at)
                .label("expected a major version such as `1.*`")
        }
        P::EmptyAxis { axis } => {
            error("empty-matrix", format!("{} has no values", quoted(axis)), at)
                .label("so no job would run")
                .hint("add a value, or remove the key")
        }
        P::NoAxis => error("empty-matrix", "the matrix has no values".to_owned(), at)
            .label("so no job would run")
            .hint("add a list of values, or `include`"),
        P::EmptyInclude => {
            error("empty-matrix", "an `include` without values".to_owned(), at).label("empty")
        }
        P::EmptyExclude => {
            error("empty-matrix", "an `exclude` without values".to_owned(), at).label("empty")
        }
        P::UnknownExclude { key, near } => {
            let finding = error("unknown-axis", format!("the matrix has no {}", quoted(key)), at)
                .label("excludes nothing");
            meant(finding, near.as_deref())
        }
        P::Cron { raw, error } => job::cron(raw, error, at, source),
        P::NoOptions => error("no-options", format!("{here} has no options"), at)
            .label("a choice needs something to choose from")
            .hint("add `options:` with a list of texts"),
        P::OptionsWithoutChoice => {
            error("options", format!("{here} is no choice, so its options mean nothing"), at)
                .label("`type` is not `choice`")
                .hint("write `type: choice`, or remove `options`")
        }
        P::Default { kind } => {
            error("wrong-default", format!("the default is not {}", job::kind(*kind)), at)
                .label("does not fit the type of the input")
        }
        P::WaitAllFalse => error("wait-all", "`wait-all` cannot be false".to_owned(), at)
            .label("must be `true`, or left empty")
            .hint("remove the step if nothing is to be waited for"),
        P::Target { id, wrong, near } => job::target(id, *wrong, near.as_deref(), at),
        P::InParallel { key, inner } => job::in_parallel(key, *inner),

        P::NoFirstJob { .. } => {
            error("no-jobs", "the workflow has no jobs".to_owned(), at).label("no job here")
        }
        P::UnknownNeed { job, need, near } => {
            let finding = error("unknown-job", format!("there is no job {}", quoted(need)), at)
                .label(format!("{} waits for it", quoted(job)));
            meant(finding, near.as_deref())
        }
        P::NeedsCycle { ring, .. } => {
            error("needs-cycle", "jobs wait for one another in a ring".to_owned(), at)
                .label(ring.join(" → "))
                .hint("remove one of these needs")
        }

        P::CallSyntax { uses } => call::syntax(uses, at),
        P::CallNotFound { uses, why } => {
            error("call-not-found", format!("`{}` cannot be read", call::short(uses)), at)
                .label(why.clone())
        }
        P::CallElsewhere { uses, why } => {
            let message = format!("`{}` is not looked at", call::short(uses));
            Finding::advice("call-elsewhere", message, at).label(why.clone())
        }
        P::CallTooDeep { limit } => {
            error("call-too-deep", format!("more than {limit} calls within one another"), at)
                .label("this call is too deep")
        }
        P::CallCycle { chain } => {
            error("call-cycle", "workflows call one another in a ring".to_owned(), at)
                .label(chain.join(" → "))
                .hint("a workflow cannot call itself, not even by way of others")
        }
        P::TooManyFiles { limit } => {
            error("too-many-files", format!("more than {limit} workflow files"), at)
                .label("this one is too many")
        }
        P::NotCallable => error("not-callable", "the workflow cannot be called".to_owned(), at)
            .label("`workflow_call` is not among its events")
            .hint("add `workflow_call:`"),
        P::MissingInput { name } => {
            error("missing-input", format!("the input {} is missing", quoted(name)), at)
                .label("the called workflow needs it")
                .hint(format!("add {} under `with:`", quoted(name)))
        }
        P::MissingSecret { name } => {
            error("missing-secret", format!("the secret {} is missing", quoted(name)), at)
                .label("the called workflow needs it")
                .hint(format!("add {} under `secrets:`, or write `secrets: inherit`", quoted(name)))
        }
        P::UnknownInput { name, key, near } => {
            meant(call::unknown("unknown-input", name, *key), near.as_deref())
        }
        P::UnknownSecret { name, key, near } => {
            meant(call::unknown("unknown-secret", name, *key), near.as_deref())
        }
        P::Input { kind, .. } => {
            error("wrong-input", format!("the value is not {}", job::kind(*kind)), at)
                .label("does not fit the type of the input")
        }
        P::Permissions { workflow, job, exceeded } => {
            call::permissions(workflow, job.as_deref(), exceeded, at)
        }
    }
}

/// The mend for what is no workflow at all.
const BEGINNING: &str = "a workflow has `on:`, and `jobs:` with a job in it";

fn error(code: &'static str, message: String, at: Span) -> Finding {
    Finding::error(code, message, at)
}

/// The place as a message calls it.
fn here(problem: &Problem) -> String {
    if problem.path.is_empty() { "the file".to_owned() } else { format!("`{}`", problem.path) }
}

/// With the right name, if one is near enough.
fn near<'a>(finding: Finding, word: &str, known: impl IntoIterator<Item = &'a str>) -> Finding {
    meant(finding, nearest(word, known))
}

fn meant(finding: Finding, right: Option<&str>) -> Finding {
    match right {
        Some(right) => finding.hint(format!("did you mean `{right}`?")),
        None => finding,
    }
}

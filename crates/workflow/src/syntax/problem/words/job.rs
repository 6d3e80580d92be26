//! Jobs, steps, and what starts them.

use model::source::{Finding, Source, Span, quoted};

use super::super::super::model::InputKind;
use super::super::super::node;
use super::super::{IdWrong, TargetWrong};
use super::{error, meant};
use crate::cron::CronError;

pub(super) fn id(id: &str, wrong: IdWrong, at: Span) -> Finding {
    let shown = if id.is_empty() { "an empty id".to_owned() } else { quoted(id) };
    match wrong {
        IdWrong::Malformed => error("id", format!("{shown} cannot be an id"), at)
            .label("letters, digits, `_` and `-`, fewer than 100")
            .hint("begin with a letter or `_`; words for people belong into `name`"),
        IdWrong::Reserved => error("id", format!("{shown} cannot be an id"), at)
            .label("begins with `__`")
            .hint("ids that begin with `__` are for steps that have none"),
        IdWrong::Taken { first } => error("duplicate-id", format!("the id {shown} is taken"), at)
            .label("used again here")
            .also(first, "first used here")
            .hint("give each step an id of its own; the case of letters does not count"),
    }
}

pub(super) fn target(id: &str, wrong: TargetWrong, near: Option<&str>, at: Span) -> Finding {
    let shown = quoted(id);
    let unknown = |message: String| error("unknown-step", message, at);
    match wrong {
        TargetWrong::Reserved => unknown(format!("{shown} cannot be waited for"))
            .label("begins with `__`, so nobody wrote it")
            .hint("give that step an `id`"),
        TargetWrong::Itself => {
            unknown("a step cannot wait for itself".to_owned()).label("this very step")
        }
        TargetWrong::Unknown => {
            let finding =
                unknown(format!("no step before has the id {shown}")).label("not known here");
            meant(finding, near)
        }
    }
}

pub(super) fn action(action: &str, at: Span) -> Finding {
    let hint = if action.starts_with("$/") {
        "leave out `@…`: what begins with `$/` is at the commit of the file that names it"
    } else if action.contains('/') && !action.contains('@') {
        "say which version: `owner/repository@v1`, or better a commit"
    } else {
        "a folder of the repository begins with `./`, an image with `docker://`"
    };
    error("action", format!("{} is no action", quoted(action)), at)
        .label("expected `owner/repository@ref`")
        .hint(hint)
}

pub(super) fn in_parallel(key: &str, at: Span) -> Finding {
    let hint = if key == "background" {
        "its steps run at the same time anyway"
    } else {
        "only steps with `run` or `uses` may stand in it"
    };
    error("parallel", format!("`{key}` is not allowed in a parallel block"), at)
        .label("in this step")
        .hint(hint)
}

pub(super) fn cron(raw: &str, wrong: &CronError, at: Span, source: &Source) -> Finding {
    let finding = error("cron", wrong.message.clone(), node::place(raw, at, source, wrong.span))
        .label("wanted are minute, hour, day, month and day of the week");
    match &wrong.hint {
        Some(hint) => finding.hint(hint.clone()),
        None => finding,
    }
}

/// What an input of a kind must be.
pub(super) fn kind(kind: InputKind) -> &'static str {
    match kind {
        InputKind::String => "a text",
        InputKind::Boolean => "`true` or `false`",
        InputKind::Number => "a number",
        InputKind::Choice => "one of the options",
        InputKind::Environment => "the name of an environment",
    }
}

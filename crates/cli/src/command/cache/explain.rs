//! Why a look-up missed, in sentences.

use jiff::Timestamp;
use ports::depot::{Difference, Explanation, Gone, Outcome, Reason, Why};
use serde_json::json;

use crate::amount;
use crate::terminal::Paint;

pub(super) fn text(explained: &Explanation, now: Timestamp, paint: Paint) -> String {
    let lookup = &explained.lookup;
    let ago = amount::ago(lookup.at, now);
    let paths = lookup.paths.join(", ");
    let (repository, own) = (&lookup.scope.repository, &lookup.scope.own);
    let of = format!("looked for {ago} by {repository} {own}, for {paths}");
    let found = match &lookup.outcome {
        Outcome::Exact { git_ref } => format!("found, of {git_ref}"),
        Outcome::Partial { key, git_ref } => {
            format!("not found; {key} of {git_ref} took its place")
        }
        Outcome::Miss => "not found".to_owned(),
    };
    let mut lines = vec![paint.heading(&lookup.key), format!("  {}", paint.faint(&of))];
    lines.push(format!("  {found}"));
    let reasons = explained.reasons.iter().map(|reason| sentence(reason, lookup.at));
    lines.extend(reasons.map(|reason| format!("  {reason}")));
    lines.join("\n") + "\n"
}

fn sentence(reason: &Reason, at: Timestamp) -> String {
    match reason {
        Reason::Gone(Gone { cache, at: gone, why }) => {
            let when = amount::ago(*gone, at);
            let why = match why {
                Why::Evicted { by } => format!("to make room for {by}"),
                Why::Unused => "because nobody had used it for long".to_owned(),
                Why::Replaced => "when something else was saved under its key".to_owned(),
                Why::Removed => "because somebody removed it".to_owned(),
                Why::Damaged { what } => format!("because it was damaged: {what}"),
            };
            format!("it was there, of {}, and had gone {when} {why}", cache.git_ref)
        }
        Reason::OtherPaths { cache, only_asked, only_saved } => {
            let parts = [("asked for", only_asked), ("saved", only_saved)];
            let parts = parts.into_iter().filter(|(_, paths)| !paths.is_empty());
            let parts: Vec<_> =
                parts.map(|(what, paths)| format!("only {what}: {}", paths.join(", "))).collect();
            let parts =
                if parts.is_empty() { "in another order".to_owned() } else { parts.join("; ") };
            format!("it is there, of {}, for other paths ({parts})", cache.git_ref)
        }
        Reason::OtherRef(cache) => {
            format!("it is there, of {}, which this ref may not read", cache.git_ref)
        }
        Reason::Later(cache) => format!("it was saved later, of {}", cache.git_ref),
        Reason::Nearest { cache, difference } => {
            format!("nearest is {}: {}", cache.key, parting(difference))
        }
        Reason::NothingReadable { others: 0 } => "nothing was cached yet".to_owned(),
        Reason::NothingReadable { others } => {
            format!("this ref could read none of the {others} caches there were")
        }
    }
}

fn parting(difference: &Difference) -> String {
    let Difference { alike, asked, saved, is_hash } = difference;
    if *is_hash {
        return format!("what is hashed after `{alike}` has changed");
    }
    format!("after `{alike}` it has `{saved}`, and `{asked}` was asked for")
}

pub(super) fn report(explained: &Explanation) -> serde_json::Value {
    let lookup = &explained.lookup;
    let reasons: Vec<_> =
        explained.reasons.iter().map(|reason| sentence(reason, lookup.at)).collect();
    json!({
        "key": lookup.key,
        "restore_keys": lookup.restore_keys,
        "repository": lookup.scope.repository,
        "ref": lookup.scope.own,
        "paths": lookup.paths,
        "at": lookup.at,
        "found": !matches!(lookup.outcome, Outcome::Miss),
        "reasons": reasons,
    })
}

//! What strangers write, put into scripts as it is: whoever opens an issue could run commands.

use model::source::{Finding, Span};

use super::expression::path;
use crate::expression::{Function, Node};

/// What people outside of the project choose, below `github`. `*` is any item.
const UNTRUSTED: &[&str] = &[
    "event.comment.body",
    "event.commits.*.author.email",
    "event.commits.*.author.name",
    "event.commits.*.message",
    "event.discussion.body",
    "event.discussion.title",
    "event.discussion_comment.body",
    "event.head_commit.author.email",
    "event.head_commit.author.name",
    "event.head_commit.message",
    "event.issue.body",
    "event.issue.title",
    "event.issue_comment.body",
    "event.pages.*.page_name",
    "event.pull_request.body",
    "event.pull_request.head.label",
    "event.pull_request.head.ref",
    "event.pull_request.head.repo.default_branch",
    "event.pull_request.title",
    "event.review.body",
    "event.review_comment.body",
    "event.workflow_run.display_title",
    "event.workflow_run.head_branch",
    "event.workflow_run.head_commit.author.email",
    "event.workflow_run.head_commit.author.name",
    "event.workflow_run.head_commit.message",
    "event.workflow_run.pull_requests.*.head.ref",
    "head_ref",
];

/// The first part of an expression in a script that strangers choose.
pub(super) fn finding(text: &str, root: &Node) -> Option<Finding> {
    let span = find(root, false)?;
    let path = &text[span.start..span.end];
    let whole = if text.len() <= LONGEST { text } else { path };
    let message = format!("`{path}` is chosen by strangers, and becomes part of the script");
    let hint = format!(
        "set `{}: ${{{{ {whole} }}}}` under `env`, and use the variable in the script",
        variable(path)
    );
    Some(
        Finding::warning("untrusted-in-script", message, span)
            .label("whoever writes it can run commands")
            .hint(hint),
    )
}

/// Longer expressions are not repeated whole.
const LONGEST: usize = 80;

/// Where a value comes from strangers and keeps what they wrote. Of an object nothing is written
/// into a script, unless it is written as JSON.
fn find(node: &Node, as_json: bool) -> Option<Span> {
    match node {
        Node::Index { target, index, span } => match path(node) {
            Some(path) => is_untrusted(&path, as_json).then_some(*span),
            None => find(target, as_json).or_else(|| find(index, as_json)),
        },
        Node::Context { span, .. } => is_untrusted(&path(node)?, as_json).then_some(*span),
        // The first operands of `&&` come out only where they are empty or false.
        Node::And { operands, .. } => find(operands.last()?, as_json),
        Node::Or { operands, .. } => operands.iter().find_map(|part| find(part, as_json)),
        Node::Call { function: Function::ToJson, arguments, .. } => {
            arguments.iter().find_map(|part| find(part, true))
        }
        Node::Call { function: Function::Case, arguments, .. } => {
            let values = arguments.iter().skip(1).step_by(2).chain(arguments.last());
            values.into_iter().find_map(|part| find(part, as_json))
        }
        Node::Call {
            function: Function::Format | Function::Join | Function::FromJson,
            arguments,
            ..
        } => arguments.iter().find_map(|part| find(part, as_json)),
        Node::Literal { .. }
        | Node::Star { .. }
        | Node::Not { .. }
        | Node::Compare { .. }
        | Node::Call { .. } => None,
    }
}

/// Whether a path names what strangers choose, or, in JSON, an object that it is in.
fn is_untrusted(path: &[String], as_json: bool) -> bool {
    let [context, path @ ..] = path else { return false };
    let names = |untrusted: &&str| -> bool {
        let untrusted: Vec<&str> = untrusted.split('.').collect();
        let same =
            |(part, wanted): (&String, &&str)| part == wanted || part == "*" || *wanted == "*";
        let whole = path.len() == untrusted.len() || (as_json && path.len() < untrusted.len());
        whole && path.iter().zip(&untrusted).all(same)
    };
    context == "github" && UNTRUSTED.iter().any(names)
}

/// What to call a variable: `ISSUE_TITLE` for `github.event.issue.title`.
fn variable(path: &str) -> String {
    let word = |part: &&str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts: Vec<&str> = path.split(['.', '[', ']']).filter(word).collect();
    match parts.as_slice() {
        [.., before, last] if parts.len() > 3 => format!("{before}_{last}").to_uppercase(),
        [.., last] if parts.len() > 1 => last.to_uppercase(),
        _ => "VALUE".to_owned(),
    }
}

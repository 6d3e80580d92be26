//! Actions of others that are named by a tag or a branch, which may be moved.

use std::collections::BTreeMap;

use model::source::{Finding, Span, quoted};

use super::super::Report;
use crate::syntax::At;

/// GitHub's own actions are trusted as GitHub is.
const TRUSTED: &[&str] = &["actions", "github"];

/// The length of a full commit, in SHA-1 and in SHA-256.
const COMMIT: [usize; 2] = [40, 64];

/// How many more places are shown for an action.
const FURTHER: usize = 3;

/// What is not pinned, each action once.
#[derive(Default)]
pub(super) struct Pins {
    loose: BTreeMap<String, Vec<Span>>,
}

impl Pins {
    pub(super) fn see(&mut self, name: &str, version: &str, action: &At<String>) {
        let owner = name.split('/').next().unwrap_or(name);
        let trusted = TRUSTED.iter().any(|trusted| trusted.eq_ignore_ascii_case(owner));
        if trusted || is_commit(version) {
            return;
        }
        self.loose.entry(action.value.clone()).or_default().push(action.span);
    }

    pub(super) fn tell(self, report: &mut Report<'_>) {
        for (action, places) in self.loose {
            let message = format!("{} can be changed by its owner at any time", quoted(&action));
            let name = action.split('@').next().unwrap_or(&action);
            let finding = Finding::advice("unpinned-action", message, places[0])
                .label("a tag or a branch, not a commit")
                .hint(format!("write `{name}@<the full commit>`, with the version in a comment"));
            let further = places[1..].iter().take(FURTHER);
            report.tell(further.fold(finding, |finding, place| finding.also(*place, "here too")));
        }
    }
}

fn is_commit(version: &str) -> bool {
    COMMIT.contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_hexdigit())
}

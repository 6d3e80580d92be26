//! `on`: every event with its filters and inputs.

use super::names::{CALL_OUTPUT, EARLY};
use super::{Key, Mapping, Rule, TEXT, Texts, mapping};

pub(super) const ON: Rule = Rule::one_of(&EVENT_NAMES).or_list(&EVENT_NAME).or_mapping(&EVENTS);
static EVENT_NAME: Rule = Rule::one_of(&EVENT_NAMES);

const EVENT_NAMES: [&str; EVENTS.keys.len()] = {
    let mut names = [""; EVENTS.keys.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = EVENTS.keys[index].name;
        index += 1;
    }
    names
};

/// An event that may be narrowed to types, or by patterns, or not at all.
macro_rules! event {
    ($what:literal $(: $($kind:literal)+)? $(; $($filter:literal)+)?) => {{
        $(static TYPE: Rule = Rule { text: Texts::Known(&[$($kind),+]), ..Rule::NOTHING };)?
        mapping!(FILTERS: $what, lenient {
            $("types": event!(@types TYPE $($kind)+),)?
            $($($filter: Rule::WORD_OR_WORDS,)+)?
        });
        Rule::mapping(&FILTERS).or_null()
    }};
    (@types $rule:ident $($kind:literal)+) => {
        Rule { text: Texts::Known(&[$($kind),+]), ..Rule::list(&$rule) }
    };
}

mapping!(EVENTS: "`on`", {
    "branch_protection_rule": event!("`on.branch_protection_rule`": "created" "edited" "deleted"),
    "check_run": event!("`on.check_run`": "completed" "created" "rerequested" "requested_action"),
    "check_suite": event!("`on.check_suite`": "completed"),
    "create": event!("`on.create`"),
    "delete": event!("`on.delete`"),
    "deployment": event!("`on.deployment`"),
    "deployment_status": event!("`on.deployment_status`"),
    "discussion": event!("`on.discussion`": "created" "edited" "deleted" "transferred" "pinned"
        "unpinned" "labeled" "unlabeled" "locked" "unlocked" "category_changed" "answered"
        "unanswered"),
    "discussion_comment": event!("`on.discussion_comment`": "created" "edited" "deleted"),
    "fork": event!("`on.fork`"),
    "gollum": event!("`on.gollum`"),
    "image_version": event!("`on.image_version`": "created" "ready" "deleted"; "names" "versions"),
    "issue_comment": event!("`on.issue_comment`": "created" "edited" "deleted"),
    "issues": event!("`on.issues`": "opened" "edited" "deleted" "transferred" "pinned" "unpinned"
        "closed" "reopened" "assigned" "unassigned" "labeled" "unlabeled" "locked" "unlocked"
        "milestoned" "demilestoned" "field_added" "field_removed" "typed" "untyped"),
    "label": event!("`on.label`": "created" "edited" "deleted"),
    "merge_group": event!("`on.merge_group`": "checks_requested" "destroyed"; "branches" "branches-ignore"),
    "milestone": event!("`on.milestone`": "created" "closed" "opened" "edited" "deleted"),
    "page_build": event!("`on.page_build`"),
    "project": event!("`on.project`": "created" "closed" "reopened" "edited" "deleted"),
    "project_card": event!("`on.project_card`": "created" "moved" "converted" "edited" "deleted"),
    "project_column": event!("`on.project_column`": "created" "updated" "moved" "deleted"),
    "public": event!("`on.public`"),
    "pull_request": event!("`on.pull_request`": "assigned" "unassigned" "labeled" "unlabeled"
        "opened" "edited" "closed" "reopened" "synchronize" "converted_to_draft" "locked" "unlocked"
        "enqueued" "dequeued" "milestoned" "demilestoned" "ready_for_review" "review_requested"
        "review_request_removed" "auto_merge_enabled" "auto_merge_disabled" "stacked";
        "branches" "branches-ignore" "paths" "paths-ignore"),
    "pull_request_comment": event!("`on.pull_request_comment`": "created" "edited" "deleted"),
    "pull_request_review": event!("`on.pull_request_review`": "submitted" "edited" "dismissed"),
    "pull_request_review_comment":
        event!("`on.pull_request_review_comment`": "created" "edited" "deleted"),
    "pull_request_target": event!("`on.pull_request_target`": "assigned" "unassigned" "labeled"
        "unlabeled" "opened" "edited" "closed" "reopened" "synchronize" "converted_to_draft"
        "locked" "unlocked" "enqueued" "dequeued" "milestoned" "demilestoned" "ready_for_review"
        "review_requested" "review_request_removed" "auto_merge_enabled" "auto_merge_disabled"
        "stacked"; "branches" "branches-ignore" "paths" "paths-ignore"),
    "push": event!("`on.push`"; "branches" "branches-ignore" "tags" "tags-ignore" "paths"
        "paths-ignore"),
    "registry_package": event!("`on.registry_package`": "published" "updated"),
    "release": event!("`on.release`": "published" "unpublished" "created" "edited" "deleted"
        "prereleased" "released"),
    // Its types are of one's own making.
    "repository_dispatch": event!("`on.repository_dispatch`"; "types"),
    "schedule": Rule::list(&SCHEDULE_ITEM),
    "status": event!("`on.status`"),
    "watch": event!("`on.watch`": "started"),
    "workflow_call": Rule::mapping(&CALL).or_null(),
    "workflow_dispatch": Rule::mapping(&DISPATCH).or_null(),
    "workflow_run": event!("`on.workflow_run`": "requested" "completed" "in_progress"; "workflows"
        "branches" "branches-ignore"),
});

static SCHEDULE_ITEM: Rule = Rule::mapping(&SCHEDULE);
mapping!(SCHEDULE: "a schedule", { "cron" required: Rule::WORD, "timezone": Rule::WORD });

mapping!(DISPATCH: "`on.workflow_dispatch`", lenient {
    "inputs": Rule::mapping(&DISPATCH_INPUTS).or_null(),
});
mapping!(DISPATCH_INPUTS: "a mapping of inputs", {}, others Rule::mapping(&DISPATCH_INPUT).or_null());
mapping!(DISPATCH_INPUT: "an input", lenient {
    "description": Rule::TEXT,
    "type": Rule::one_of(&["string", "boolean", "number", "environment", "choice"]),
    "required": Rule::BOOL,
    "default": Rule::SCALAR,
    "options": Rule::list(&TEXT),
});

mapping!(CALL: "`on.workflow_call`", {
    "inputs": Rule::mapping(&CALL_INPUTS),
    "secrets": Rule::mapping(&CALL_SECRETS),
    "outputs": Rule::mapping(&CALL_OUTPUTS),
});
mapping!(CALL_INPUTS: "a mapping of inputs", {}, others Rule::mapping(&CALL_INPUT));
mapping!(CALL_INPUT: "an input", {
    "description": Rule::TEXT,
    "type" required: Rule::one_of(&["string", "boolean", "number"]),
    "required": Rule::BOOL,
    "default": Rule::SCALAR.naming(&EARLY),
});
mapping!(CALL_SECRETS: "a mapping of secrets", {}, others Rule::mapping(&CALL_SECRET).or_null());
mapping!(CALL_SECRET: "a secret", { "description": Rule::TEXT, "required": Rule::BOOL });
mapping!(CALL_OUTPUTS: "a mapping of outputs", {}, others Rule::mapping(&CALL_OUTPUT_KEYS));
mapping!(CALL_OUTPUT_KEYS: "an output", {
    "description": Rule::TEXT,
    "value" required: Rule::TEXT.naming(&CALL_OUTPUT),
});

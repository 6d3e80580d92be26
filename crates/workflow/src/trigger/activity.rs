//! Which types of an event there are, and which of them count where a workflow names none.

/// The types of an event that workflows can ask for; `None` where senders make them up, or where
/// the event has none.
pub fn known_types(event: &str) -> Option<&'static [&'static str]> {
    TYPES.iter().find(|(name, _)| *name == event).map(|(_, types)| *types)
}

/// Whether there is an event of that name.
pub fn is_event(name: &str) -> bool {
    known_types(name).is_some() || WITHOUT_TYPES.contains(&name)
}

/// The types that start a workflow which names none.
pub fn default_types(event: &str) -> Option<&'static [&'static str]> {
    match event {
        "pull_request" | "pull_request_target" => Some(&["opened", "synchronize", "reopened"]),
        _ => known_types(event),
    }
}

const WITHOUT_TYPES: &[&str] = &[
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "fork",
    "gollum",
    "page_build",
    "public",
    "push",
    "repository_dispatch",
    "schedule",
    "status",
    "workflow_call",
    "workflow_dispatch",
];

const CREATED: &[&str] = &["created", "edited", "deleted"];

const PULL_REQUEST: &[&str] = &[
    "assigned",
    "unassigned",
    "labeled",
    "unlabeled",
    "opened",
    "edited",
    "closed",
    "reopened",
    "synchronize",
    "converted_to_draft",
    "locked",
    "unlocked",
    "enqueued",
    "dequeued",
    "milestoned",
    "demilestoned",
    "ready_for_review",
    "review_requested",
    "review_request_removed",
    "auto_merge_enabled",
    "auto_merge_disabled",
    "stacked",
];

const TYPES: &[(&str, &[&str])] = &[
    ("branch_protection_rule", CREATED),
    ("check_run", &["created", "rerequested", "completed", "requested_action"]),
    ("check_suite", &["completed"]),
    (
        "discussion",
        &[
            "created",
            "edited",
            "deleted",
            "transferred",
            "pinned",
            "unpinned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "category_changed",
            "answered",
            "unanswered",
        ],
    ),
    ("discussion_comment", CREATED),
    ("image_version", &["created", "ready", "deleted"]),
    ("issue_comment", CREATED),
    (
        "issues",
        &[
            "opened",
            "edited",
            "deleted",
            "transferred",
            "pinned",
            "unpinned",
            "closed",
            "reopened",
            "assigned",
            "unassigned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "milestoned",
            "demilestoned",
            "field_added",
            "field_removed",
            "typed",
            "untyped",
        ],
    ),
    ("label", CREATED),
    ("merge_group", &["checks_requested"]),
    ("milestone", &["created", "closed", "opened", "edited", "deleted"]),
    ("project", &["created", "closed", "reopened", "edited", "deleted"]),
    ("project_card", &["created", "moved", "converted", "edited", "deleted"]),
    ("project_column", &["created", "updated", "moved", "deleted"]),
    ("pull_request", PULL_REQUEST),
    ("pull_request_review", &["submitted", "edited", "dismissed"]),
    ("pull_request_review_comment", CREATED),
    ("pull_request_target", PULL_REQUEST),
    ("registry_package", &["published", "updated"]),
    (
        "release",
        &["published", "unpublished", "created", "edited", "deleted", "prereleased", "released"],
    ),
    ("watch", &["started"]),
    ("workflow_run", &["completed", "requested", "in_progress"]),
];

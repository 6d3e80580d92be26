//! `steps`: scripts, actions, and what orders steps in the background.

use super::names::{STEP as NAMES, STEP_IF};
use super::{Key, Mapping, Mappings, Rule, VARIABLES, WORD, mapping};

pub(super) static STEP: Rule = Rule {
    mapping: Mappings::OneOf(&[&RUN, &USES, &WAIT, &WAIT_ALL, &CANCEL, &PARALLEL]),
    ..Rule::NOTHING
};

const TEXT: Rule = Rule::TEXT.naming(&NAMES);
const IF: Rule = Rule::TEXT.naming(&STEP_IF);
const NUMBER: Rule = Rule::NUMBER.naming(&NAMES);
const BOOL: Rule = Rule::BOOL.naming(&NAMES);
const ENV: Rule = Rule::mapping(&VARIABLES).naming(&NAMES);

mapping!(RUN: "a step that runs a script", {
    "name": TEXT,
    "id": Rule::WORD,
    "if": IF,
    "timeout-minutes": NUMBER,
    "run" required: TEXT,
    "continue-on-error": BOOL,
    "env": ENV,
    "working-directory": TEXT,
    "shell": Rule::WORD,
    "background": Rule::BOOL,
});

mapping!(USES: "a step that runs an action", {
    "name": TEXT,
    "id": Rule::WORD,
    "if": IF,
    "continue-on-error": BOOL,
    "timeout-minutes": NUMBER,
    "uses" required: Rule::WORD,
    "with": ENV,
    "env": ENV,
    "background": Rule::BOOL,
});

mapping!(WAIT: "a step that waits", {
    "name": TEXT,
    "id": Rule::WORD,
    "continue-on-error": BOOL,
    "wait" required: Rule::WORD.or_list(&WORD),
});

mapping!(WAIT_ALL: "a step that waits for all", {
    "name": TEXT,
    "id": Rule::WORD,
    "continue-on-error": BOOL,
    "wait-all" required: Rule::BOOL.or_null(),
});

mapping!(CANCEL: "a step that cancels another", {
    "name": TEXT,
    "id": Rule::WORD,
    "continue-on-error": BOOL,
    "cancel" required: Rule::WORD,
});

mapping!(PARALLEL: "a parallel block", { "parallel" required: Rule::list(&STEP) });

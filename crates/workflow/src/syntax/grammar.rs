//! What a workflow file may hold: for each place the values that may stand there, and the names
//! that its expressions may use.
//!
//! A rule says what is allowed, and a mapping lists its keys. All of it is constant data; the
//! reader walks it beside the file.

mod event;
mod job;
mod names;
mod step;

use crate::expression::Names;
use names::{EARLY, EARLY_WITH_SECRETS};

pub(super) use names::{JOB_IF, NONE, STEP_IF};

/// What may stand at a place. Several kinds of value may be allowed at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// What expressions may name here and below; without it, what they may name above.
    pub(super) names: Option<&'static Names<'static>>,
    pub(super) null: bool,
    pub(super) boolean: bool,
    pub(super) number: bool,
    pub(super) text: Texts,
    pub(super) list: Option<&'static Rule>,
    pub(super) mapping: Mappings,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Texts {
    None,
    Any,
    NotEmpty,
    OneOf(&'static [&'static str]),
    /// Others are let pass, but never come true.
    Known(&'static [&'static str]),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Mappings {
    None,
    One(&'static Mapping),
    /// Its keys show which one it is.
    OneOf(&'static [&'static Mapping]),
}

/// A mapping by its keys.
#[derive(Debug)]
pub(super) struct Mapping {
    /// What holds the keys, as a message calls it.
    pub(super) what: &'static str,
    pub(super) keys: &'static [Key],
    /// The value of any other key.
    pub(super) others: Option<&'static Rule>,
    /// Unknown keys are let pass, but mean nothing.
    pub(super) lenient: bool,
}

#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    pub(super) required: bool,
}

impl Rule {
    const NOTHING: Self = Self {
        names: None,
        null: false,
        boolean: false,
        number: false,
        text: Texts::None,
        list: None,
        mapping: Mappings::None,
    };
    const TEXT: Self = Self { text: Texts::Any, ..Self::NOTHING };
    const WORD: Self = Self { text: Texts::NotEmpty, ..Self::NOTHING };
    const WORDS: Self = Self::list(&WORD);
    const WORD_OR_WORDS: Self = Self { list: Some(&WORD), ..Self::WORD };
    const BOOL: Self = Self { boolean: true, ..Self::NOTHING };
    const NUMBER: Self = Self { number: true, ..Self::NOTHING };
    const SCALAR: Self = Self { boolean: true, number: true, ..Self::TEXT };

    const fn one_of(words: &'static [&'static str]) -> Self {
        Self { text: Texts::OneOf(words), ..Self::NOTHING }
    }

    const fn list(item: &'static Rule) -> Self {
        Self { list: Some(item), ..Self::NOTHING }
    }

    const fn mapping(mapping: &'static Mapping) -> Self {
        Self { mapping: Mappings::One(mapping), ..Self::NOTHING }
    }

    const fn or_null(self) -> Self {
        Self { null: true, ..self }
    }

    const fn or_list(self, item: &'static Rule) -> Self {
        Self { list: Some(item), ..self }
    }

    const fn or_mapping(self, mapping: &'static Mapping) -> Self {
        Self { mapping: Mappings::One(mapping), ..self }
    }

    const fn naming(self, names: &'static Names<'static>) -> Self {
        Self { names: Some(names), ..self }
    }

    /// The mappings that may be meant.
    pub(super) fn mappings(&self) -> &[&'static Mapping] {
        match &self.mapping {
            Mappings::None => &[],
            Mappings::One(only) => std::slice::from_ref(only),
            Mappings::OneOf(several) => several,
        }
    }
}

/// Defines a mapping: what messages call it, its keys with their rules, and the rule of any other
/// key. `lenient` stands where unknown keys have no effect, `required` before a key that must be
/// there.
macro_rules! mapping {
    ($vis:vis $name:ident: $what:expr, { $($keys:tt)* }) => {
        mapping!(@ $vis $name, $what, None, false, { $($keys)* });
    };
    ($vis:vis $name:ident: $what:expr, lenient { $($keys:tt)* }) => {
        mapping!(@ $vis $name, $what, None, true, { $($keys)* });
    };
    ($vis:vis $name:ident: $what:expr, { $($keys:tt)* }, others $others:expr) => {
        mapping!(@ $vis $name, $what, Some(&OTHERS), false, { $($keys)* }, {
            static OTHERS: Rule = $others;
        });
    };
    (@ $vis:vis $name:ident, $what:expr, $others:expr, $lenient:expr,
        { $($key:literal $($required:ident)?: $rule:expr),* $(,)? }
        $(, { $($items:item)* })?
    ) => {
        $vis static $name: Mapping = {
            $($($items)*)?
            static KEYS: &[Key] = &[$(Key {
                name: $key,
                rule: $rule,
                required: mapping!(@required $($required)?),
            }),*];
            Mapping { what: $what, keys: KEYS, others: $others, lenient: $lenient }
        };
    };
    (@required required) => { true };
    (@required) => { false };
}

use mapping;

pub(super) static ANY: Rule =
    Rule { null: true, list: Some(&ANY), mapping: Mappings::One(&ANYTHING), ..Rule::SCALAR };
static ANYTHING: Mapping =
    Mapping { what: "a mapping", keys: &[], others: Some(&ANY), lenient: false };
static TEXT: Rule = Rule::TEXT;
/// A text that is not empty. Keys that people choose are such texts too.
pub(super) static WORD: Rule = Rule::WORD;

/// The whole file.
pub(super) static WORKFLOW: Rule = Rule::mapping(&KEYS);

mapping!(KEYS: "a workflow", {
    "on" required: event::ON,
    "name": Rule::TEXT,
    "description": Rule::TEXT,
    "run-name": Rule::TEXT.naming(&EARLY),
    "defaults": Rule::mapping(&DEFAULTS),
    "env": Rule::mapping(&VARIABLES).naming(&EARLY_WITH_SECRETS),
    "permissions": PERMISSIONS,
    "cache-mode": CACHE_MODE,
    "concurrency": Rule::TEXT.or_mapping(&CONCURRENCY).naming(&EARLY),
    "jobs" required: Rule::mapping(&job::JOBS),
});

mapping!(VARIABLES: "a mapping of variables", {}, others Rule::TEXT);

mapping!(DEFAULTS: "`defaults`", { "run": Rule::mapping(&RUN_DEFAULTS) });
mapping!(RUN_DEFAULTS: "`defaults.run`", {
    "shell": Rule::WORD,
    "working-directory": Rule::WORD,
});

mapping!(CONCURRENCY: "`concurrency`", {
    "group" required: Rule::WORD,
    "cancel-in-progress": Rule::BOOL,
    "queue": Rule::one_of(&["single", "max"]),
});

const CACHE_MODE: Rule = Rule::one_of(&["read", "write", "write-only", "none"]);

const PERMISSIONS: Rule = Rule::one_of(&["read-all", "write-all"]).or_mapping(&SCOPES);
const ACCESS: Rule = Rule::one_of(&["read", "write", "none"]);
const READ: Rule = Rule::one_of(&["read", "none"]);
const WRITE: Rule = Rule::one_of(&["write", "none"]);

mapping!(SCOPES: "`permissions`", {
    "actions": ACCESS,
    "artifact-metadata": ACCESS,
    "attestations": ACCESS,
    "checks": ACCESS,
    "code-quality": ACCESS,
    "contents": ACCESS,
    "copilot-requests": WRITE,
    "deployments": ACCESS,
    "discussions": ACCESS,
    "drives": ACCESS,
    "id-token": WRITE,
    "issues": ACCESS,
    "models": READ,
    "packages": ACCESS,
    "pages": ACCESS,
    "pull-requests": ACCESS,
    "repository-projects": ACCESS,
    "security-events": ACCESS,
    "statuses": ACCESS,
    "vulnerability-alerts": READ,
});

//! `jobs`: what a runner executes, and calls of other workflows.

use super::names::{
    CREDENTIALS as CREDENTIAL_NAMES, JOB as NAMES, JOB_DEFAULTS, JOB_IF, JOB_WITH_SECRETS, RUNNER,
    RUNNER_WITHOUT_SECRETS, STEP_IF, STRATEGY as STRATEGY_NAMES,
};
use super::{
    ANY, CACHE_MODE, CONCURRENCY, Key, Mapping, Mappings, PERMISSIONS, RUN_DEFAULTS, Rule,
    VARIABLES, WORD, mapping, step,
};

mapping!(pub(super) JOBS: "the mapping of jobs", {}, others Rule {
    mapping: Mappings::OneOf(&[&STEPS, &CALL]),
    ..Rule::NOTHING
});

const NAME: Rule = Rule::TEXT.naming(&NAMES);
const IF: Rule = Rule::TEXT.naming(&JOB_IF);
const JOB_CONCURRENCY: Rule = Rule::WORD.or_mapping(&CONCURRENCY).naming(&NAMES);
const STRATEGY: Rule = Rule::mapping(&STRATEGY_KEYS).naming(&STRATEGY_NAMES);

mapping!(STEPS: "a job", {
    "needs": Rule::WORD_OR_WORDS,
    "if": IF,
    "strategy": STRATEGY,
    "name": NAME,
    "runs-on" required: Rule::WORD.or_list(&WORD).or_mapping(&RUNS_ON).naming(&NAMES),
    "timeout-minutes": Rule::NUMBER.naming(&NAMES),
    "cancel-timeout-minutes": Rule::NUMBER.naming(&NAMES),
    "continue-on-error": Rule::BOOL.naming(&NAMES),
    "container": Rule::TEXT.or_mapping(&CONTAINER).naming(&NAMES),
    "services": Rule::mapping(&SERVICES).naming(&NAMES),
    "env": Rule::mapping(&VARIABLES).naming(&JOB_WITH_SECRETS),
    "environment": Rule::TEXT.or_mapping(&ENVIRONMENT).naming(&NAMES),
    "permissions": PERMISSIONS,
    "cache-mode": CACHE_MODE,
    "concurrency": JOB_CONCURRENCY,
    "outputs": Rule::mapping(&OUTPUTS),
    "defaults": Rule::mapping(&DEFAULTS),
    "steps": Rule::list(&step::STEP),
    "snapshot": Rule::WORD.or_mapping(&SNAPSHOT).naming(&NAMES),
});

mapping!(CALL: "a job that calls a workflow", {
    "name": NAME,
    "uses" required: Rule::WORD,
    "with": Rule::mapping(&WITH),
    "secrets": Rule::one_of(&["inherit"]).or_mapping(&SECRETS),
    "needs": Rule::WORD_OR_WORDS,
    "if": IF,
    "permissions": PERMISSIONS,
    "cache-mode": CACHE_MODE,
    "concurrency": JOB_CONCURRENCY,
    "strategy": STRATEGY,
});
mapping!(WITH: "a mapping of inputs", {}, others Rule::SCALAR.naming(&NAMES));
mapping!(SECRETS: "a mapping of secrets", {}, others Rule::SCALAR.naming(&JOB_WITH_SECRETS));

mapping!(STRATEGY_KEYS: "`strategy`", {
    "fail-fast": Rule::BOOL,
    "max-parallel": Rule::NUMBER,
    "matrix": Rule::mapping(&MATRIX),
});
mapping!(MATRIX: "`matrix`", {
    "include": Rule::list(&CELL),
    "exclude": Rule::list(&CELL),
}, others Rule::list(&ANY));
static CELL: Rule = Rule::mapping(&CELL_KEYS);
mapping!(CELL_KEYS: "a mapping of the matrix's keys", {}, others ANY);

mapping!(RUNS_ON: "`runs-on`", { "group": Rule::WORD, "labels": Rule::WORD_OR_WORDS });

mapping!(ENVIRONMENT: "`environment`", {
    "name" required: Rule::TEXT.naming(&NAMES),
    "url": Rule::TEXT.naming(&RUNNER_WITHOUT_SECRETS),
    "deployment": Rule::BOOL,
});

mapping!(SNAPSHOT: "`snapshot`", {
    "image-name" required: Rule::WORD,
    "if": Rule::TEXT.naming(&STEP_IF),
    "version": Rule::WORD,
});

mapping!(DEFAULTS: "`defaults`", {
    "run": Rule::mapping(&RUN_DEFAULTS).naming(&JOB_DEFAULTS),
});

mapping!(OUTPUTS: "a mapping of outputs", {}, others Rule::TEXT.naming(&RUNNER));

mapping!(SERVICES: "a mapping of services", {},
    others Rule::WORD.or_mapping(&SERVICE).naming(&NAMES));

const ENV: Rule = Rule::mapping(&CONTAINER_VARIABLES);
const CREDENTIALS: Rule = Rule::mapping(&CREDENTIAL_KEYS).naming(&CREDENTIAL_NAMES);

mapping!(CONTAINER: "a container", {
    "image": Rule::WORD,
    "options": Rule::TEXT,
    "env": ENV,
    "ports": Rule::WORDS,
    "volumes": Rule::WORDS,
    "credentials": CREDENTIALS,
});
mapping!(SERVICE: "a service", {
    "image": Rule::WORD,
    "options": Rule::TEXT,
    "env": ENV,
    "ports": Rule::WORDS,
    "volumes": Rule::WORDS,
    "credentials": CREDENTIALS,
    "entrypoint": Rule::TEXT,
    "command": Rule::TEXT,
});
mapping!(CONTAINER_VARIABLES: "a mapping of variables", {}, others Rule::TEXT.naming(&RUNNER));
mapping!(CREDENTIAL_KEYS: "`credentials`", { "username": Rule::WORD, "password": Rule::WORD });

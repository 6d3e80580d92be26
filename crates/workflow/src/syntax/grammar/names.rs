//! Which contexts and special functions there are, place by place.

use crate::expression::{Names, Signature};

/// Lists contexts, and the functions that are there besides those that are everywhere.
macro_rules! names {
    ($name:ident: $($context:literal)* $(; $($function:ident)*)?) => {
        pub(in super::super) static $name: Names<'static> = Names {
            contexts: &[$($context),*],
            functions: &[$($(Signature::$function),*)?],
        };
    };
}

names!(NONE:);
names!(EARLY: "github" "inputs" "vars");
names!(EARLY_WITH_SECRETS: "github" "inputs" "vars" "secrets");
names!(CALL_OUTPUT: "github" "inputs" "vars" "jobs");
names!(STRATEGY: "github" "inputs" "vars" "needs");
names!(JOB_IF: "github" "inputs" "vars" "needs";
    ALWAYS CANCELLED SUCCESS_OF_JOBS FAILURE_OF_JOBS);
names!(JOB: "github" "inputs" "vars" "needs" "strategy" "matrix");
names!(JOB_WITH_SECRETS: "github" "inputs" "vars" "needs" "strategy" "matrix" "secrets");
names!(JOB_DEFAULTS: "github" "inputs" "vars" "needs" "strategy" "matrix" "env");
names!(CREDENTIALS: "github" "inputs" "vars" "needs" "strategy" "matrix" "secrets" "env");
names!(RUNNER: "github" "inputs" "vars" "needs" "strategy" "matrix" "secrets" "steps" "job"
    "runner" "env");
names!(RUNNER_WITHOUT_SECRETS: "github" "inputs" "vars" "needs" "strategy" "matrix" "steps" "job"
    "runner" "env");
names!(STEP: "github" "inputs" "vars" "needs" "strategy" "matrix" "secrets" "steps" "job"
    "runner" "env"; HASH_FILES);
names!(STEP_IF: "github" "inputs" "vars" "needs" "strategy" "matrix" "steps" "job" "runner" "env";
    ALWAYS CANCELLED SUCCESS FAILURE HASH_FILES);

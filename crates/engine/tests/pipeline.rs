//! Runs of workflows, decision by decision: what GitHub's documentation says of jobs, held against
//! workflow files.

mod pipeline {
    mod again;
    mod calls;
    mod cancel;
    mod conditions;
    mod environments;
    mod groups;
    mod limits;
    mod matrices;
    mod needs;
    mod orders;
    mod retries;
    mod road;
    mod scale;
}

//! Pipelines: what a workflow asks for, how far a run of it has come, what a job is told to do and
//! what it reports.
//!
//! Texts that may hold `${{ }}` are kept as they are written; whoever knows the contexts evaluates
//! them. So a run stays readable to later versions, and secrets are not in it.

mod group;
mod order;
mod report;
mod run;
mod sheet;

pub use group::{Claim, Group};
pub use order::{Order, Resume, Secrets};
pub use report::{Annotation, Conclusion, Ending, JobReport, Level, StepReport};
pub use run::{
    Calling, Cell, Gate, Job, JobPath, JobResult, Progress, Protection, Request, Run, Seat, Spread,
    Stage, Values,
};
pub use sheet::{
    CacheMode, Call, Concurrency, Defaults, Env, Environment, Input, InputKind, Interface,
    JobSheet, Matrix, PassedSecrets, RunsOn, Sheet, StepSheet, StepWork, Steps, Strategy, Template,
    Tree, Work,
};

//! A fake of each port, for tests and for the simulated world: real in behaviour, kept in memory.

mod jobs;
mod node;
mod seeded;

pub use jobs::{Execution, FakeJobs, JobNature};
pub use node::{FakeNode, Nature};
pub use seeded::Seeded;

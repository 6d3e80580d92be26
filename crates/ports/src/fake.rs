//! A fake of each port, for tests and for the simulated world: real in behaviour, kept in memory.

mod node;
mod seeded;
mod store;

pub use node::{FakeNode, Nature};
pub use seeded::Seeded;
pub use store::MemoryStore;

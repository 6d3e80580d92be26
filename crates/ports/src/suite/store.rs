//! What every [`Store`](crate::store::Store) must do. `MemoryStore` is the reference.

mod claims;
mod commits;
mod given;
mod intents;
mod journal;
mod slots;

pub use claims::*;
pub use commits::*;
pub use given::change;
pub use intents::*;
pub use journal::*;
pub use slots::*;
